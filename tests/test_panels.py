"""reading.py, panels.py, future.py: many series in every form they come in, and back."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long_frames import LEVELS, LONG, ROLES, assert_same, forecasts, indexes, long_frame
from small import says

from tsrnn.frames.future import read_future
from tsrnn.frames.panels import Roles
from tsrnn.frames.reading import read_training

ZONES = [None, "Europe/Berlin", "America/New_York"]
FREQUENCIES = ["h", "15min", "D", "B", "W-WED", "2W-MON", "MS", "ME", "2MS", "QS-FEB", "YE-JUN"]


# The forms of input


FORMS = {
    "long": (LONG, None),
    "levels": (LEVELS, None),
    "long and a series": (LONG.drop(columns="y"), LONG["y"]),
    "long and an array": (LONG.drop(columns="y"), LONG["y"].to_numpy()),
    "levels and a series": (LEVELS[["price"]], LEVELS["y"]),
    "levels and a frame": (LEVELS[["price"]], LEVELS[["y"]]),
    "levels and a list": (LEVELS[["price"]], LEVELS["y"].to_list()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shuffled", [False, True])
def test_every_form_says_the_same(form, shuffled):
    X, y = FORMS[form]
    expected = read_training(LONG, None, ROLES)
    if shuffled:
        order = np.random.default_rng(0).permutation(len(LONG))
        order = np.append(0, order[order != 0])  # series are numbered by their first rows
        X = X.iloc[order]
        y = y if y is None else y.iloc[order] if hasattr(y, "iloc") else np.asarray(y)[order]
        keys = LONG["unique_id"].iloc[order].drop_duplicates()
        expected = expected.select(expected.ids.get_indexer(keys))
    panel = read_training(X, y, ROLES)
    assert_same(panel, expected)
    assert panel.n_targets == 1
    assert panel.known == ("price",)


def test_targets_cannot_be_written_to():
    for frame in (LONG, LONG[::-1]):
        assert not read_training(frame, None, ROLES).targets.flags.writeable


def test_flat_arrays_hold_each_series_in_the_order_of_time():
    panel = read_training(LONG.sample(frac=1, random_state=1), None, ROLES)
    for number, key in enumerate(panel.ids):
        rows = slice(*panel.offsets[number : number + 2])
        own = LONG[LONG["unique_id"] == key].sort_values("ds")
        assert panel.targets[rows, 0].tolist() == own["y"].to_list()
        assert panel.covariates["price"][rows].to_list() == own["price"].to_list()
        assert panel.timeline.anchors[number] == own["ds"].iloc[-1]


def test_a_multi_index_series_is_one_target():
    panel = read_training(LEVELS["y"], None, ROLES)
    assert_same(panel, read_training(LONG.drop(columns="price"), None, ROLES))
    assert panel.names == ("y",)


def test_a_multi_index_frame_without_the_target_column_is_all_targets():
    panel = read_training(LEVELS.rename(columns={"y": "z"}), None, ROLES)
    assert panel.names == ("z", "price")
    assert panel.covariates is None


def test_several_key_levels():
    frame = LEVELS.reset_index().assign(shop=lambda f: f.unique_id.map({"s0": 7, "s1": 7, "s2": 3}))
    frame = frame.set_index(["shop", "unique_id", "ds"])[["y"]].sort_index()
    panel = read_training(frame, None, ROLES)
    assert panel.ids.to_list() == [(3, "s2"), (7, "s0"), (7, "s1")]
    assert panel.label(1) == "series (7, 's0')"
    forecast = forecasts(panel, 2)
    assert forecast.index.names == ["shop", "unique_id", "ds"]
    assert forecast.loc[(7, "s1")].index[0] == pd.Timestamp("2024-06-01")


def test_a_long_frame_of_one_series():
    frame = LONG[LONG["unique_id"] == "s2"].drop(columns="unique_id")[::-1]
    panel = read_training(frame, None, ROLES)
    assert panel.ids is None
    assert list(forecasts(panel, 2).columns) == ["ds", "y"]


def test_chosen_names_and_several_targets():
    frame = LONG.rename(columns={"unique_id": "shop", "ds": "month"}).assign(z=1.0)
    roles = Roles(id_col="shop", time_col="month", target_col=["y", "z"])
    panel = read_training(frame, None, roles)
    assert panel.names == ("y", "z")
    assert list(forecasts(panel, 1).columns) == ["shop", "month", "y", "z"]


@pytest.mark.parametrize(
    ("roles", "data"),
    [
        (Roles(id_col="shop"), LONG),
        (Roles(time_col="month"), LONG),
        (Roles(target_col="sales"), LONG),
        (Roles(target_col=["y", "sales"]), LEVELS),
        (Roles(time_col="month"), LONG.drop(columns=["unique_id", "ds"])),
    ],
)
def test_a_typo_is_no_other_form(roles, data):
    with pytest.raises(ValueError, match=says("is not among the columns of X", "price")):
        read_training(data, None, roles)


def test_a_chosen_target_splits_a_plain_frame():
    frame = LONG.set_index("ds")[["y", "price"]][-8:]
    assert read_training(frame, None, ROLES).names == ("y", "price")
    panel = read_training(frame, None, Roles(target_col="price"))
    assert (panel.names, panel.known) == (("price",), ("y",))


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (LONG.drop(columns="y"), LONG["y"][:-1], ["X has 16 rows, y has 15"]),
        (LONG.drop(columns="y"), LONG["y"].set_axis(range(1, 17)), ["different indexes"]),
        (LONG, LONG["y"], ["target column 'y'"]),
        (LONG["y"], LONG["y"], ["Expected 2D array, got 1D", "covariate", "to_frame()"]),
        (LONG.assign(unique_id=None), None, ["Column 'unique_id' of X is missing in row 0"]),
        (LONG.assign(ds=LONG["ds"].where(LONG.index != 4)), None, ["row 4", "NaT"]),
        (
            pd.concat([LONG, LONG[8:9]]),
            None,
            ["duplicate time stamps in series 's2' of X", "rows [8, 16]", "drop_d"],
        ),
        (LONG.drop(index=10), None, ["gaps in series 's2' of X", "2024-06-01", 'missing="ffill"']),
        (LONG.assign(y=LONG["y"].where(LONG.index != 6)), None, ["row 6 (", "series 's1'", "NaN"]),
        (LONG.assign(price=np.inf), None, ["inf", "row 0", "column 'price'"]),
        (LONG.drop_duplicates("unique_id"), None, ["one time stamp in each series", "freq="]),
    ],
)
def test_refused(X, y, words):
    with pytest.raises(ValueError, match=says(*words)):
        read_training(X, y, ROLES)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (LONG["ds"], ["'bad' of X holds dates", "CalendarFeatures"]),
        (LONG["ds"] - LONG["ds"][0], ["'bad'", "timedelta64"]),
        ([1, "a"] * 8, ["'bad'", "mixed", "all strings or all numbers"]),
        ([{}] * 16, ["'bad'", "row 0 holds {}"]),
    ],
)
def test_refused_covariates(column, words):
    with pytest.raises(TypeError, match=says(*words)):
        read_training(LONG.assign(bad=column), None, ROLES)


def test_rows_given_twice_say_where_they_stood():
    frame = pd.concat([LONG, LONG[8:9]], ignore_index=True).iloc[::-1]
    with pytest.raises(ValueError, match=says("rows [0, 8]")):
        read_training(frame, None, ROLES)


# Roles of covariates


def test_roles_part_the_covariates():
    frame = LONG.assign(size=LONG["unique_id"], week="a", flag=True)
    roles = Roles(past_covariates=["price"], static_covariates=["size"])
    panel = read_training(frame, None, roles)
    assert (panel.past, panel.static, panel.known) == (("price",), ("size",), ("week", "flag"))
    assert panel.covariates["size"].to_list() == LONG["unique_id"].to_list()


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        (Roles(past_covariates=["prize"]), ["past_covariates", "['prize']", "['price']"]),
        (Roles(static_covariates=["y"]), ["static_covariates", "['y']"]),
        (Roles(static_covariates=["price"]), ["'price' changes within series 's0'", "0.5", "1.5"]),
        (Roles(["price"], ["price"]), ["past_covariates and in static_covariates"]),
    ],
)
def test_roles_that_do_not_fit(roles, words):
    with pytest.raises(ValueError, match=says(*words)):
        read_training(LONG, None, roles)


def test_numbered_covariates_of_arrays():
    X = np.arange(12.0).reshape(6, 2)
    panel = read_training(X, np.arange(6.0), Roles(past_covariates=[1]))
    assert (panel.past, panel.known) == ((1,), (0,))
    assert read_training(X[:, :0], np.arange(6.0), ROLES).covariates is None
    future = read_future(X[:3], panel, ROLES)
    assert future.covariates[0].to_list() == [0, 2, 4]
    with pytest.raises(ValueError, match="X has 3 features, but RNNForecaster is expecting 2 feat"):
        read_future(np.ones((3, 3)), panel, ROLES)


def test_weights_follow_their_rows():
    order = np.random.default_rng(0).permutation(len(LONG))
    panel = read_training(LONG.iloc[order], None, ROLES, sample_weight=LONG["y"].to_numpy()[order])
    np.testing.assert_array_equal(panel.weights, panel.targets[:, 0])
    for weight in ([1.0], -np.ones(16), np.full(16, np.nan), np.full(16, np.inf)):
        with pytest.raises(ValueError, match="sample_weight"):
            read_training(LONG, None, ROLES, sample_weight=weight)


# Time


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("freq", FREQUENCIES)
@pytest.mark.parametrize("levels", [False, True])
def test_each_series_goes_on_from_its_own_end(freq, tz, levels):
    stamps = indexes(freq, tz, lengths=(30, 2, 40, 1, 25))
    frame = long_frame(stamps)
    panel = read_training(frame.set_index(["unique_id", "ds"]) if levels else frame, None, ROLES)
    forecast = forecasts(panel, 3).reset_index()
    for key, index in stamps.items():
        found = pd.DatetimeIndex(forecast["ds"][forecast["unique_id"] == key], freq=None)
        whole = pd.date_range(stamps["s0"][0], periods=100, freq=freq, tz=tz)
        first = whole.get_loc(index[-1]) + 1
        assert (found == whole[first : first + 3]).all()
        assert found.dtype == whole.dtype


@given(
    st.sampled_from(["h", "D"]),
    st.sampled_from(ZONES[1:]),
    st.sampled_from(["2024-03-01", "2024-10-20", "2024-11-01"]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(2, 300)), min_size=1, max_size=5),
    st.integers(0, 23),
)
@settings(deadline=None, max_examples=60)
def test_clock_changes(freq, tz, start, spans, hour):
    start = pd.Timestamp(start) + pd.Timedelta(hours=hour)
    if freq == "h":
        whole = pd.date_range(start.tz_localize(tz), periods=1000, freq=freq)
    else:  # pandas makes no days at an hour that is skipped
        days = pd.date_range(start, periods=1000, freq=freq)
        whole = days.tz_localize(tz, ambiguous=np.ones(1000, bool), nonexistent="shift_forward")
    stamps = {f"s{k}": whole[first : first + n] for k, (first, n) in enumerate(spans)}
    panel = read_training(long_frame(stamps), None, ROLES)
    forecast = forecasts(panel, 60)
    for key, (first, n) in zip(stamps, spans, strict=True):
        found = pd.DatetimeIndex(forecast["ds"][forecast["unique_id"] == key])
        assert (found == whole[first + n : first + n + 60]).all()
        assert found.dtype == whole.dtype


@pytest.mark.parametrize(
    "freq", [pd.DateOffset(months=1), "2MS", "7h", "D", "3D", "2B", pd.offsets.BusinessHour()]
)
def test_series_may_be_out_of_phase(freq):
    starts = pd.to_datetime(["2024-01-15 09:00", "2024-02-22 10:00", "2024-03-05 09:30"])
    if freq == "2MS":
        starts = pd.to_datetime(["2024-01-01 00:00", "2024-02-01 00:00", "2024-03-01 06:00"])
    stamps = {str(k): pd.date_range(s, periods=9, freq=freq) for k, s in enumerate(starts)}
    panel = read_training(long_frame(stamps), None, Roles(freq=freq))
    forecast = forecasts(panel, 4)
    for key, start in zip(stamps, starts, strict=True):
        found = pd.DatetimeIndex(forecast["ds"][forecast["unique_id"] == key])
        assert (found == pd.date_range(start, periods=13, freq=freq)[9:]).all()
    rows = forecast.sample(frac=1, random_state=0).assign(price=1.0)
    steps = read_future(rows, panel, ROLES).steps
    assert steps.tolist() == (rows.index % 4).to_list()


@pytest.mark.parametrize(
    "whole",
    [
        pd.period_range("2020-01", periods=40, freq="M"),
        pd.period_range("2020", periods=40, freq="2Q"),
        pd.RangeIndex(3, 83, 2),
        pd.Index(range(40), dtype="int32"),
    ],
)
def test_periods_and_integers(whole):
    stamps = {"a": whole[:9], "b": whole[4:6], "c": whole[20:30]}
    frame = long_frame(stamps)
    for data in (frame, frame.set_index(["unique_id", "ds"])):
        forecast = forecasts(read_training(data, None, ROLES), 5).reset_index()
        assert forecast["ds"].dtype == frame["ds"].dtype
        expected = [*whole[9:14], *whole[6:11], *whole[30:35]]
        assert forecast["ds"].to_list() == expected


@pytest.mark.parametrize("step", [1, 2])
def test_rows_numbered_through_all_series(step):
    """Such a level is a RangeIndex, and so are the ends of series of one length."""
    frame = pd.DataFrame({"key": np.repeat(["a", "b", "c"], 10), "y": np.arange(30.0)})
    frame.index = pd.RangeIndex(0, 30 * step, step)
    panel = read_training(frame.set_index("key", append=True).swaplevel()["y"], None, ROLES)
    assert forecasts(panel, 1).index.to_list() == [
        ("a", 10 * step),
        ("b", 20 * step),
        ("c", 30 * step),
    ]
    some = panel.select(np.array([0, 2]))
    assert forecasts(some, 1).index.to_list() == [("a", 10 * step), ("c", 30 * step)]


def test_dates_as_whole_numbers_say_how_to_parse_them():
    numbers = LONG.assign(ds=LONG["ds"].dt.strftime("%Y%m%d").astype(int))
    levels = numbers.set_index(["unique_id", "ds"])
    for X, put in ((numbers, "X['ds'] = pd."), (levels, "X.index = X.index.set_levels(pd.")):
        with pytest.raises(ValueError, match=says(put, "format=")) as caught:
            read_training(X, None, ROLES)
        exec(str(caught.value).partition("parse them: ")[2].removesuffix("."), {"pd": pd, "X": X})
        assert_same(read_training(X, None, ROLES), read_training(LONG, None, ROLES))


def test_holidays():
    day = pd.offsets.CustomBusinessDay(holidays=["2024-01-15", "2024-02-19"])
    stamps = indexes(day, lengths=(30, 4, 12))
    panel = read_training(long_frame(stamps), None, Roles(freq=day))
    forecast = forecasts(panel, 20)
    found = pd.DatetimeIndex(forecast["ds"][forecast["unique_id"] == "s1"])
    assert (found == pd.date_range(stamps["s1"][-1], periods=21, freq=day)[1:]).all()


def test_a_short_longest_series_leaves_the_choice_to_others():
    friday, monday = pd.Timestamp("2024-01-05"), pd.Timestamp("2024-01-08")
    stamps = {"a": [friday, monday], "b": [monday, monday + pd.Timedelta(days=1)]}
    assert read_training(long_frame(stamps), None, ROLES).timeline.step_name == "B"
    stamps["b"] = [monday, monday + pd.Timedelta(days=3)]
    assert read_training(long_frame(stamps), None, ROLES).timeline.step_name == "3D"


def test_the_first_series_off_the_frequency_is_named():
    stamps = indexes("D", lengths=(30, 20, 10))
    stamps["s1"] = stamps["s1"].insert(5, stamps["s1"][4] + pd.Timedelta("6h"))
    with pytest.raises(
        ValueError, match=says("series 's1' of X are irregular", "row 34", "row 35")
    ):
        read_training(long_frame(stamps), None, ROLES)


# The way back


def test_forecasts_of_a_long_frame():
    forecast = forecasts(read_training(LONG, None, ROLES), 2)
    months = ["2024-07", "2024-08", "2024-06", "2024-07", "2024-12", "2025-01"]
    expected = pd.DataFrame(
        {"unique_id": ["s0", "s0", "s1", "s1", "s2", "s2"], "ds": months, "y": np.arange(6.0)}
    )
    expected["ds"] = pd.to_datetime(expected["ds"]).astype(LONG["ds"].dtype)
    expected["unique_id"] = expected["unique_id"].astype(LONG["unique_id"].dtype)
    pd.testing.assert_frame_equal(forecast, expected)


def test_forecasts_of_levels():
    series = forecasts(read_training(LEVELS["y"], None, ROLES), 2)
    frame = forecasts(read_training(LEVELS[["y"]], None, ROLES), 2)
    expected = forecasts(read_training(LONG, None, ROLES), 2).set_index(["unique_id", "ds"])
    pd.testing.assert_frame_equal(frame, expected)
    pd.testing.assert_series_equal(series, expected["y"])


@pytest.mark.parametrize("y", [LONG["y"], LONG["y"].rename("z"), LONG["y"].to_numpy()])
def test_forecasts_beside_a_long_frame(y):
    panel = read_training(LONG[["unique_id", "ds"]], y, ROLES)
    rows = forecasts(panel, 2)
    assert list(rows.columns) == ["unique_id", "ds", getattr(y, "name", "y")]
    future = read_future(rows.set_index(np.arange(6) + 100), panel, ROLES)
    forecast = panel.wrap(np.arange(6.0)[:, None], future.series, future.steps, future.index)
    if isinstance(y, pd.Series):
        expected = pd.Series(np.arange(6.0), np.arange(6) + 100, name=y.name)
        pd.testing.assert_series_equal(forecast, expected)
    else:
        assert forecast.tolist() == [0, 1, 2, 3, 4, 5]


def test_what_came_true_is_found_in_the_rows():
    panel = read_training(LONG, None, ROLES)
    rows = forecasts(panel, 2).assign(price=1.0)
    truth, forecast = panel.truth(rows, None, forecasts(panel, 2))
    assert list(truth.columns) == list(forecast.columns) == ["y"]
    with pytest.raises(ValueError, match=says("no column ['y']", "pass y")):
        panel.truth(rows.drop(columns="y"), None, rows)


def test_what_came_true_beside_the_rows_of_a_panel():
    panel = read_training(LONG, None, ROLES)
    rows = forecasts(panel, 2)
    X = rows.drop(columns="y")
    for y in (rows["y"], rows, rows["y"].to_numpy()):
        truth, forecast = panel.truth(X, y, rows)
        np.testing.assert_array_equal(np.ravel(truth), forecast["y"])
    with pytest.raises(ValueError, match=says("y and predict(X) have different indexes")):
        panel.truth(X, rows["y"][::-1], rows)
    other = rows[::-1].reset_index(drop=True)
    with pytest.raises(ValueError, match=says("row 0 has 's0' in column 'unique_id' of X, 's2'")):
        panel.truth(X, other, rows)
    with pytest.raises(ValueError, match=says("y has no column ['y']")):
        panel.truth(X, X, rows)


@pytest.mark.parametrize("index", [pd.RangeIndex(4), LEVELS.index[:4]])
def test_labels_of_column_levels_are_no_names_of_roles(index):
    columns = pd.MultiIndex.from_tuples([("y", 1), ("y", 2), ("ds", 1)])
    panel = read_training(pd.DataFrame(np.ones((4, 3)), index, columns), None, ROLES)
    assert panel.names == tuple(columns)
    assert forecasts(panel, 1).columns.equals(columns)


@pytest.mark.parametrize("dtype", ["int64", "Int64", "category", object])
def test_keys_of_any_type_come_back(dtype):
    frame = LONG.assign(unique_id=LONG["unique_id"].str[1:].astype(int).astype(dtype))
    panel = read_training(frame, None, ROLES)
    assert panel.label(1) == "series 1"
    rows = forecasts(panel, 2).assign(price=1.0)
    assert rows["unique_id"].dtype == frame["unique_id"].dtype
    assert read_future(rows, panel, ROLES).series.tolist() == [0, 0, 1, 1, 2, 2]


# Some of the rows


def test_tail_pad_and_select():
    panel = read_training(LONG.assign(kind="x"), None, ROLES, sample_weight=LONG["y"])
    tail = panel.tail(4)
    assert tail.lengths.tolist() == [4, 3, 4]
    np.testing.assert_array_equal(tail.targets[:4], panel.targets[1:5])
    assert tail.covariates.index.equals(pd.RangeIndex(11))
    assert not np.shares_memory(tail.targets, panel.targets)
    padded = panel.pad(6)
    assert padded.lengths.tolist() == [6, 6, 8]
    np.testing.assert_array_equal(
        padded.targets[:, 0], panel.targets[[0, *range(5), *[5] * 3, *range(5, 16)], 0]
    )
    assert padded.weights.tolist() == padded.targets[:, 0].tolist()
    chosen = panel.select(np.array([2, 0]))
    assert chosen.ids.to_list() == ["s2", "s0"]
    np.testing.assert_array_equal(chosen.targets, panel.targets[[*range(8, 16), *range(5)]])
    for other, number in ((tail, 2), (padded, 2), (chosen, 0), (panel.drop_shorter(8), 0)):
        rows = forecasts(other, 1).set_index("unique_id")
        assert rows.loc[other.ids[number], "ds"] == pd.Timestamp("2024-12-01")


@pytest.mark.parametrize("X", [LONG, LEVELS])
def test_panels_travel_to_other_processes(X):
    panel = read_training(X, None, ROLES).tail(3)
    copy = pickle.loads(pickle.dumps(panel))
    assert_same(copy, panel)
    pd.testing.assert_frame_equal(forecasts(copy, 3), forecasts(panel, 3))


def test_a_long_float32_array_is_not_copied():
    array = np.zeros((1000, 2), "f4")
    panel = read_training(array, None, ROLES)
    assert np.shares_memory(panel.targets, array)
    assert array.flags.writeable


def test_frames_of_polars():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow, through which polars makes frames of pandas'")
    assert_same(
        read_training(polars.from_pandas(LONG), None, ROLES), read_training(LONG, None, ROLES)
    )
