"""time_index.py and timeline.py: frequencies found, carried on, and missed."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small import says

from tsrnn.frames.future import read_future
from tsrnn.frames.panels import Roles
from tsrnn.frames.reading import read_training
from tsrnn.frames.rows import Rows
from tsrnn.frames.time_index import read_times

ZONES = ["Europe/Berlin", "America/New_York", "UTC"]
FREQUENCIES = [
    *["s", "15min", "h", "7h", "D", "2D", "10D", "W-SUN", "W-WED", "2W-MON", "B"],
    *["MS", "ME", "2MS", "QS-JAN", "QE-DEC", "QS-FEB", "YS-JAN", "YE-JUN", "2YS-JAN"],
    *["BMS", "BME", "WOM-3FRI"],
]
CHANGES = ["2024-03-25", "2024-03-05", "2024-10-21", "2024-10-28"]  # weeks with clock changes


def read(index, freq=None):
    return read_training(None, ones(index), Roles(freq=freq))


def after(panel, steps):
    return panel.timeline.future(np.arange(steps), np.zeros(steps, int))


def steps(panel, X):
    return read_future(X, panel, Roles()).steps


def ones(index):
    return pd.Series(np.ones(len(index)), index)


def without_freq(index):
    """The same stamps, as a file would give them."""
    return pd.DatetimeIndex(index, freq=None)


def assert_same_index(left, right):
    pd.testing.assert_index_equal(left, right)
    if isinstance(right, pd.DatetimeIndex | pd.PeriodIndex):
        assert left.freq == right.freq
        assert left.dtype == right.dtype


# Frequencies found


@pytest.mark.parametrize("tz", [None, *ZONES])
@pytest.mark.parametrize("freq", FREQUENCIES)
@pytest.mark.parametrize("known", [True, False])
def test_future_goes_on(freq, tz, known):
    whole = pd.date_range("2023-11-01", periods=60, freq=freq, tz=tz, name="time")
    past = whole[:40] if known else without_freq(whole[:40])
    target = read(past)
    assert_same_index(after(target, 20), whole[40:])
    assert steps(target, pd.DataFrame(index=whole[40:])).tolist() == list(range(20))
    assert steps(target, pd.DataFrame(index=whole[[59, 43]])).tolist() == [19, 3]


@pytest.mark.parametrize("start", CHANGES)
@pytest.mark.parametrize("cut", range(3, 170, 12))
@pytest.mark.parametrize("tz", ZONES)
def test_hours_over_clock_changes(tz, start, cut):
    whole = pd.date_range(start, periods=14 * 24, freq="h", tz=tz)
    target = read(without_freq(whole[:cut]))
    assert_same_index(after(target, len(whole) - cut), whole[cut:])
    rows = steps(target, pd.DataFrame(index=whole[cut:]))
    np.testing.assert_array_equal(rows, np.arange(len(whole) - cut))


@pytest.mark.parametrize("start", CHANGES)
@pytest.mark.parametrize("cut", range(2, 12))
@pytest.mark.parametrize("tz", ZONES)
def test_days_over_clock_changes(tz, start, cut):
    whole = pd.date_range(start, periods=20, freq="D", tz=tz)
    target = read(without_freq(whole[:cut]))
    assert_same_index(after(target, 20 - cut), whole[cut:])
    assert steps(target, pd.DataFrame(index=whole[cut:])).tolist() == list(range(20 - cut))


def test_days_of_a_clock_that_does_not_change():
    whole = pd.date_range("2024-03-20", periods=20, freq="D", tz="UTC").tz_convert("Europe/Berlin")
    target = read(whole[:15])
    assert (after(target, 5) == whole[15:]).all()
    assert steps(target, pd.DataFrame(index=whole[15:])).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 11, 12, 25])
def test_midnight_that_summer_time_skips(cut):
    # On 2017-10-15 the day began at 1:00 in Brazil.
    naive = pd.date_range("2017-10-05", periods=30, freq="D")
    whole = naive.tz_localize("America/Sao_Paulo", nonexistent="shift_forward")
    target = read(whole[:cut], freq="D" if cut == 1 else None)
    future = after(target, 30 - cut)
    assert (future == whole[cut:]).all()
    assert (future.freq == "D") == (cut > 10)
    assert steps(target, pd.DataFrame(index=whole[cut:])).tolist() == list(range(30 - cut))
    assert (after(read(whole[10:]), 1) == naive[-1:].tz_localize(whole.tz) + naive.freq).all()


@pytest.mark.parametrize("cut", [3, 10, 15])
def test_time_of_day_that_comes_twice(cut):
    naive = pd.date_range("2024-10-20 02:30", periods=20, freq="D")
    whole = naive.tz_localize("Europe/Berlin", ambiguous=np.ones(20, bool))
    target = read(whole[:cut])
    assert (after(target, 20 - cut) == whole[cut:]).all()


@pytest.mark.parametrize(
    ("stamps", "freq"),
    [
        (["2000-01-01", "2000-02-01"], "MS"),
        (["2000-01-31", "2000-02-29"], "ME"),
        (["2000-02-29", "2000-03-31"], "ME"),
        (["2000-01-01", "2000-04-01"], "QS-JAN"),
        (["2000-03-31", "2000-06-30"], "QE-DEC"),
        (["2000-01-01", "2001-01-01"], "YS-JAN"),
        (["2000-12-31", "2001-12-31"], "YE-DEC"),
        (["2000-01-01", "2010-01-01"], "10YS-JAN"),
        (["2000-01-01", "2000-03-01"], "2MS"),
        (["2024-01-05", "2024-01-08"], "B"),
        (["2024-01-04", "2024-01-07"], "3D"),
        (["2024-01-05", "2024-01-12"], "W-FRI"),
        (["2024-01-05", "2024-01-19"], "2W-FRI"),
        (["2024-01-05", "2024-01-06"], "D"),
        (["2024-01-01 06:00", "2024-02-01 06:00"], "MS"),
        (["2024-01-01 00:00", "2024-01-02 06:00"], "30h"),
        (["2024-01-01 00:00", "2024-01-01 00:15"], "15min"),
    ],
)
def test_two_stamps(stamps, freq):
    future = after(read(pd.DatetimeIndex(stamps)), 3)
    expected = pd.date_range(stamps[0], periods=5, freq=freq, unit=future.unit)[2:]
    assert_same_index(future, expected)


@pytest.mark.parametrize("count", [2, 3, 12])
@pytest.mark.parametrize(
    ("first", "step"),
    [
        ("2024-01-15", {"months": 1}),
        ("2022-11-30", {"months": 1, "day": 30}),  # a shorter month does not move those after it
        ("2023-02-28", {"months": 1, "day": 29}),
        ("2022-11-29", {"months": 3, "day": 29}),
    ],
)
def test_the_same_day_of_each_month(first, step, count):
    whole = pd.date_range(first, periods=15, freq=pd.DateOffset(**step))
    target = read(without_freq(whole[:count]))
    assert_same_index(after(target, 15 - count), whole[count:])


def test_business_hours_and_holidays():
    hours = pd.date_range("2024-01-01 09:00", periods=60, freq="bh")
    assert_same_index(after(read(without_freq(hours[:50]), freq="bh"), 10), hours[50:])
    holiday = pd.offsets.CustomBusinessDay(holidays=["2024-01-15"])
    days = pd.date_range("2024-01-02", periods=20, freq=holiday)
    assert_same_index(after(read(days[:5]), 15), days[5:])
    target = read(without_freq(days[:5]), freq=holiday)
    assert_same_index(after(target, 15), days[5:])
    assert steps(target, pd.DataFrame(index=days[[5, 19]])).tolist() == [0, 14]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("freq", ["h", "D", "MS"])
def test_unit_is_kept(unit, freq):
    whole = pd.date_range("2024-01-01", periods=9, freq=freq, unit=unit, tz="Europe/Berlin")
    assert_same_index(after(read(whole[:5]), 4), whole[5:])


def test_one_stamp():
    with pytest.raises(ValueError, match=says("one time stamp", "freq=")):
        read(pd.DatetimeIndex(["2024-01-01"]))
    expected = pd.date_range("2024-02-01", periods=2, freq="MS")
    assert_same_index(after(read(pd.date_range("2024-01-01", periods=1, freq="MS")), 2), expected)
    future = after(read(pd.DatetimeIndex(["2024-01-01"]), freq="MS"), 2)
    assert (future == expected).all()
    assert future.freq == "MS"


@given(
    st.sampled_from(FREQUENCIES),
    st.sampled_from([None, *ZONES]),
    st.integers(0, 20_000),
    st.integers(15, 40),  # months enough to tell the first from the first business day
    st.integers(1, 30),
)
@settings(deadline=None)
def test_any_frequency_anywhere(freq, tz, day, count, steps):
    start = pd.Timestamp("1970-01-01") + pd.Timedelta(days=day)
    whole = pd.date_range(start, periods=count + steps, freq=freq, tz=tz)
    future = after(read(without_freq(whole[:count])), steps)
    assert (future == whole[count:]).all()


# Periods and integers


@pytest.mark.parametrize("freq", ["M", "2M", "Q-DEC", "D", "h", "Y-MAR", "W-SUN"])
def test_periods_go_on(freq):
    whole = pd.period_range("2020-01-01", periods=20, freq=freq, name="time")
    target = read(whole[:12])
    assert_same_index(after(target, 8), whole[12:])
    assert steps(target, pd.DataFrame(index=whole[[15, 12]])).tolist() == [3, 0]
    assert_same_index(after(read(whole[:1]), 3), whole[1:4])


def test_every_third_period():
    whole = pd.period_range("2020-01", periods=30, freq="M")[::3]
    assert_same_index(after(read(whole[:6]), 4), whole[6:])


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "Int64", "UInt16"])
@pytest.mark.parametrize("step", [1, 3])
def test_integers_go_on(dtype, step):
    whole = pd.Index(range(5, 5 + 20 * step, step), dtype=dtype, name="i")
    target = read(whole[:15])
    assert_same_index(after(target, 5), whole[15:])
    assert steps(target, pd.DataFrame(index=whole[[19, 15]])).tolist() == [4, 0]
    if step == 1:
        assert_same_index(after(read(whole[:1]), 3), whole[1:4])


@pytest.mark.parametrize("whole", [pd.RangeIndex(30), pd.RangeIndex(-60, 0, 2, name="i")])
def test_ranges_go_on(whole):
    future = after(read(whole[:20]), 10)
    assert isinstance(future, pd.RangeIndex)
    assert_same_index(future, whole[20:])


def test_future_that_does_not_fit():
    with pytest.raises(ValueError, match=says("after 127", "int8", "wider")):
        after(read(pd.Index([126, 127], dtype="int8")), 1)
    end = pd.date_range("2262-04-11 20:00", periods=3, freq="h", unit="ns")
    with pytest.raises(ValueError, match=says("10 steps of h", "ns", "wider")):
        after(read(end), 10)
    with pytest.raises(ValueError, match=says("10 steps of D", "ns", "wider")):
        after(read(end.floor("D")[:1], freq="D"), 10)
    for freq, count in (("YE-DEC", 300), ("B", 100_000)):
        stamps = pd.date_range("2000", periods=9, freq=freq, tz="Europe/Berlin", unit="ns")
        with pytest.raises(ValueError, match=says(f"{count} steps of {freq}", "ns", "wider")):
            after(read(stamps), count)


# Dates as whole numbers


DATES = pd.date_range("2023-12-20", periods=60)


def as_numbers(dates, form):
    return pd.Index(dates.strftime(form).astype("int64"))


@pytest.mark.parametrize(
    ("index", "form"),
    [
        (as_numbers(DATES, "%Y%m%d"), "%Y%m%d"),
        (as_numbers(DATES[:2], "%Y%m%d"), "%Y%m%d"),
        (as_numbers(DATES[12:43], "%Y%m%d").astype("Int64"), "%Y%m%d"),  # January alone
        (as_numbers(pd.date_range("2022-05-01", periods=24, freq="MS"), "%Y%m"), "%Y%m"),
        (as_numbers(pd.date_range("2000", periods=5, freq="YS"), "%Y%m"), "%Y%m"),
    ],
)
def test_dates_as_whole_numbers_are_refused(index, form):
    with pytest.raises(ValueError, match=says("dates as whole numbers", str(index[0]))) as caught:
        read(index)
    code = re.search(r"y\.index = (.*)\.$", str(caught.value))[1]
    parsed = eval(code, {"pd": pd, "y": ones(index)})
    assert_same_index(as_numbers(parsed, form), index.astype("int64"))


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(20240101, 20240161),
        pd.RangeIndex(20240090, 20240110),
        pd.Index(range(20240131, 20240133)),
        pd.Index([20240101]),
        pd.Index(range(202201, 202213)),  # one year: counts may look like this
        pd.Index(range(202200, 202230)),
        pd.Index(range(200000, 210000, 100)),
        pd.Index(range(1990, 2020)),
    ],
)
def test_counts_are_no_dates(index):
    assert after(read(index), 1)[0] == index[-1] + (index[1] - index[0] if len(index) > 1 else 1)


# What is refused


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (["2024-01-01", "2024-01-02"], ["parse dates", "pd.to_datetime", "parse_dates=True"]),
        (np.array([0.0, 1.0]), ["float64", "y.index = range(len(y))"]),
        (np.array([True, False]), ["bool", "y.index = range(len(y))"]),
        (pd.to_timedelta([1, 2], unit="h"), ["timedelta64", "y.index = range(len(y))"]),
        (pd.CategoricalIndex(["a", "b"]), ["category"]),
        (
            [pd.Timestamp("2024-03-31 00:00+01:00"), pd.Timestamp("2024-04-01 00:00+02:00")],
            ["time zones are mixed", "utc=True"],
        ),
    ],
)
def test_other_indexes(index, words):
    if isinstance(index, list | np.ndarray):
        index = pd.Index(index, dtype=object if "utc=True" in words else None)
    with pytest.raises(TypeError, match=says("y ", *words)):
        read(index)


HOURS = pd.date_range("2024-01-01", periods=100, freq="h")
MONTHS = pd.date_range("2020-01-01", periods=36, freq="MS")
BUSINESS = pd.date_range("2024-01-01", periods=50, freq="B")


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (HOURS.delete(7), ["gaps", "frequency h", "2024-01-01 07:00:00 ", "1 missing in all"]),
        (HOURS.delete([3, 4, 5, 6]), ["01 03:00:00, 2024", "05:00:00, ...", "4 missing in all"]),
        (HOURS.delete([3, 60]), ["01 03:00:00, 2024-01-03 12:00:00 ", "2 missing in all"]),
        (HOURS.tz_localize("Europe/Berlin").delete(7), ["gaps", "2024-01-01 07:00:00+01:00"]),
        (MONTHS.delete(3), ["gaps", "frequency MS", "2020-04-01 00:00:00 (1 missing in all)"]),
        (MONTHS.tz_localize("Europe/Berlin").delete(3), ["gaps", "2020-04-01 00:00:00+02:00"]),
        (MONTHS[[0, 1, 2, 4]], ["gaps", "frequency MS", "2020-04-01"]),
        (BUSINESS.delete(10), ["gaps", "frequency B", "2024-01-15"]),
        (BUSINESS.delete([1, 20]), ["gaps", "frequency B", "2024-01-02", "2 missing in all"]),
        (pd.period_range("2020", periods=9, freq="M").delete(3), ["gaps", "2020-04"]),
        (pd.Index([0, 1, 3, 4]), ["gaps", "frequency 1", "also be 2 (1 missing in all)"]),
        (pd.DatetimeIndex(["2024-01-01", "2024-01-04", "2024-01-05"]), ["gaps", "frequency D"]),
        (pd.Index([0, 10, 40]), ["gaps", "frequency 10", "20, 30 (2 missing in all)"]),
        (
            pd.date_range("1900", periods=200, freq="s").append(HOURS),
            ["gaps", "1900-01-01 00:03:20"],
        ),
    ],
)
def test_gaps(index, words):
    with pytest.raises(ValueError, match=says(*words)):
        read(index)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (
            HOURS.insert(7, HOURS[6] + pd.Timedelta("10min")),
            ["irregular", "row 6 (2024-01-01 06:00:00)", "row 7", "0 days 00:10:00", "is h"],
        ),
        (MONTHS.insert(3, pd.Timestamp("2020-03-08")), ["row 3 (2020-03-08", "7 days", "is MS"]),
        (pd.DatetimeIndex(["2024-01-01", "2024-01-03", "2024-01-06"]), ["row 2", "3 days", "2D"]),
        (pd.Index([0, 2, 4, 5, 7]), ["row 2 (4)", "row 3 (5) is 1", "frequency is 2"]),
    ],
)
def test_irregular(index, words):
    code = [".resample("] if isinstance(index, pd.DatetimeIndex) else []  # only dates have it
    with pytest.raises(ValueError, match=says("irregular", *code, *words)):
        read(index)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (HOURS.insert(5, HOURS[5]), ["duplicate", "2024-01-01 05:00:00", "rows [5, 6]", "1 rep"]),
        (HOURS.append(HOURS), ["duplicate", "rows [0, 100]", "100 rep", "groupby(level=0)"]),
        (pd.Index([1, 1]), ["duplicate", "is 1 in rows [0, 1]"]),
        (HOURS[::-1], ["increase", "row 1 (2024-01-05 02:00:00)", "sort_index()"]),
        (HOURS[[0, 1, 3, 2]], ["row 3 (2024-01-01 02:00:00) is before row 2", "sort_index()"]),
        (pd.RangeIndex(5, 0, -1), ["increase", "row 1 (4)"]),
        (pd.DatetimeIndex(["2024", None]), ["row 1", "NaT"]),
        (pd.PeriodIndex(["2024", None], freq="Y"), ["row 1", "NaT"]),
    ],
)
def test_disorder(index, words):
    with pytest.raises(ValueError, match=says(*words)):
        read(index)


@pytest.mark.parametrize(
    ("freq", "words"),
    [
        ("?", ["freq='?'", "pandas"]),
        (3.5, ["freq=3.5"]),
        ("-1h", ["forward"]),
        ("ns", ["finer", "us"]),
        ("MS", ["irregular", "MS"]),
        ("ME", ["row 0", "not on it", "ME"]),
        ("30min", ["irregular", "01:00:00", "30min"]),
    ],
)
def test_wrong_freq(freq, words):
    with pytest.raises(ValueError, match=says(*words)):
        read(HOURS.as_unit("us"), freq=freq)


def test_freq_beats_the_guess():
    stamps = pd.DatetimeIndex(["2024-01-05", "2024-01-08"])
    assert after(read(stamps, freq="3D"), 1)[0] == pd.Timestamp("2024-01-11")
    assert after(read(stamps, freq=pd.offsets.BDay()), 1)[0] == pd.Timestamp("2024-01-09")


@given(st.sets(st.integers(0, 60), min_size=2, max_size=40), st.sampled_from(["h", "D", "B", "MS"]))
@settings(deadline=None)
def test_some_of_the_stamps(rows, freq):
    index = without_freq(pd.date_range("2024-01-01", periods=61, freq=freq)[sorted(rows)])
    refusal, target = "", None
    try:
        target = read(index)
    except ValueError as error:
        refusal = str(error)
    if target is None:
        assert re.search("gaps|irregular", refusal)
    else:
        whole = index.append(after(target, 3))
        assert_same_index(after(read(whole), 2), after(target, 5)[3:])


@given(st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=30, unique=True))
@settings(deadline=None)
def test_random_integers(ticks):
    index = pd.Index(sorted(ticks))
    assume(len(np.unique(np.diff(index))) > 1)
    with pytest.raises(ValueError, match=r"gaps|irregular"):
        read(index)


@pytest.mark.parametrize("rows", [10, 300_000])
@pytest.mark.parametrize("place", ["middle", "end"])
def test_flaws_are_seen_anywhere(rows, place):
    index = pd.date_range("2000-01-01", periods=rows, freq="s")
    cut = rows // 2 if place == "middle" else rows - 2
    with pytest.raises(ValueError, match=says("gaps", str(index[cut]))):
        read(index.delete(cut))


def test_only_dates_are_told_of_freq():
    """Of periods and counts it is refused."""
    whole = np.array([0, 59])
    for index, told in (
        (pd.date_range("2024", periods=60), True),
        (pd.period_range("2024", periods=60, freq="D"), False),
        (pd.Index(np.arange(60)), False),
    ):
        with pytest.raises(ValueError, match="1 missing in all") as caught:
            read_times(Rows("y", index.delete(30), whole))
        assert ("by freq" in str(caught.value)) == told


@pytest.mark.parametrize(
    "whole",
    [
        pd.RangeIndex(-5, 55),
        pd.Index(range(0, 180, 3), dtype="Int64"),
        pd.period_range("2024", periods=60, freq="D"),
        pd.period_range("2020", periods=60, freq="2M"),
        pd.period_range("2020", periods=180, freq="M")[::3],
    ],
)
def test_gaps_of_periods_and_counts_are_filled_as_advised(whole):
    y = ones(whole.delete([7, 30]))
    with pytest.raises(ValueError, match="2 missing in all") as caught:
        read(y.index)
    advised = eval(re.search(r"with (y\.reindex\(.*\)) and", str(caught.value))[1])
    assert advised.index.to_list() == whole.to_list()
    assert advised.dropna().index.to_list() == y.index.to_list()
    X = y.rename("y").rename_axis("ds").reset_index()
    with pytest.raises(ValueError, match="2 missing in all") as caught:
        read_training(X, None, Roles())
    advised = eval(re.search(r"with (X\..*\.reindex\(.*\)) and", str(caught.value))[1])
    assert advised.index.to_list() == whole.to_list()


@pytest.mark.skipif(int(pd.__version__.split(".")[0]) < 3, reason="pandas 2 still takes them")
@pytest.mark.parametrize(("freq", "advice"), [("M", "Please use 'ME'"), ("H", "Did you mean h?")])
def test_a_name_that_pandas_has_given_up(freq, advice):
    with pytest.raises(ValueError, match=says(f"freq='{freq}'", advice)):
        read_times(Rows("y", pd.date_range("2018", periods=3), np.array([0, 3])), freq)
