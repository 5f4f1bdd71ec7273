"""frames.py: what is accepted, what is refused and in which words, and the way back."""

import datetime as dt
import pickle

import dateutil.tz
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small import says

from tsrnn.frames.future import read_future
from tsrnn.frames.panels import Roles
from tsrnn.frames.reading import read_history, read_training

MONTHS = pd.date_range("2020-01-01", periods=4, freq="MS", name="month")
DAYS = pd.date_range("2024-01-01", periods=10, freq="D")


def read(data, freq=None):
    return read_training(None, data, Roles(freq=freq))


def after(panel, steps):
    return panel.timeline.future(np.arange(steps), np.zeros(steps, int))


def steps(panel, X):
    return read_future(X, panel, Roles()).steps


def wrapped(panel, values):
    """Forecasts of the first steps after the end."""
    return panel.wrap(values, np.zeros(len(values), int), np.arange(len(values)))


# What is accepted


@pytest.mark.parametrize(
    ("data", "kind", "shape"),
    [
        (pd.Series([1.0, 2, 3]), "series", (3, 1)),
        (pd.DataFrame({"a": [1.0, 2]}), "frame", (2, 1)),
        (pd.DataFrame({"a": [1.0, 2], "b": [3, 4]}), "frame", (2, 2)),
        (np.arange(5), "vector", (5, 1)),
        (np.ones((5, 2)), "matrix", (5, 2)),
        (np.ones((5, 1)), "matrix", (5, 1)),
        ([1, 2.5, 3], "vector", (3, 1)),
        ((1, 2, 3), "vector", (3, 1)),
        ([[1, 2], [3, 4], [5, 6]], "matrix", (3, 2)),
        ([(1, 2), (3, 4)], "matrix", (2, 2)),
        ([np.float32(1), np.float32(2)], "vector", (2, 1)),
    ],
)
def test_kind_and_shape(data, kind, shape):
    target = read(data)
    assert target.kind == kind
    assert target.targets.shape == shape == (target.n_rows, target.n_targets)
    assert target.targets.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["f2", "f8", "g", ">f8", "i1", "i8", "u2", "u8", ">i4"])
def test_other_dtypes_become_native_float64(dtype):
    target = read(np.arange(3).astype(dtype))
    assert target.targets.dtype == np.float64
    assert target.targets.dtype.isnative
    assert target.targets[:, 0].tolist() == [0, 1, 2]


def test_float32_stays():
    assert read(np.ones(3, "f4")).targets.dtype == np.float32
    assert read(np.ones(3, ">f4")).targets.dtype == np.float32
    assert read(pd.Series([1, 2], dtype="Float32")).targets.dtype == np.float32
    frame = pd.DataFrame(np.ones((3, 2), "f4"))
    assert read(frame).targets.dtype == np.float32
    assert read(frame.assign(c=1)).targets.dtype == np.float64


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "Float64"])
def test_nullable_dtypes(dtype):
    assert read(pd.Series([1, 2], dtype=dtype)).targets.tolist() == [[1], [2]]
    frame = pd.DataFrame({"a": pd.array([1, 2], dtype=dtype), "b": [0.5, 1.5]})
    assert read(frame).targets.tolist() == [[1, 0.5], [2, 1.5]]
    with pytest.raises(ValueError, match=says("NaN", "row 1", "1 of 2")):
        read(pd.Series([1, pd.NA], dtype=dtype))


@pytest.mark.parametrize("dtype", ["int64[pyarrow]", "double[pyarrow]", "float[pyarrow]"])
def test_arrow_dtypes(dtype):
    pytest.importorskip("pyarrow")
    target = read(pd.Series([1, 2], dtype=dtype))
    assert target.targets.tolist() == [[1], [2]]
    assert target.targets.dtype == ("f4" if dtype.startswith("float") else "f8")
    with pytest.raises(ValueError, match=says("NaN", "row 0")):
        read(pd.Series([None, 2], dtype=dtype))


def in_each_form(y):
    return [y, y.reset_index(), pd.concat({"a": y}, names=["unique_id"])]


@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_dates_of_arrow(tz):
    pytest.importorskip("pyarrow")
    days = DAYS.tz_localize(tz).rename("ds")
    y = pd.Series(np.arange(10.0), days, name="y")
    kept = days.astype(f"timestamp[us{f', tz={tz}' if tz else ''}][pyarrow]")
    for plain, arrow in zip(in_each_form(y), in_each_form(y.set_axis(kept)), strict=True):
        expected, target = read(plain[:8]), read(arrow[:8])
        pd.testing.assert_index_equal(after(target, 2), after(expected, 2))
        assert steps(target, arrow[8:]).tolist() == steps(expected, arrow[8:]).tolist() == [0, 1]


def test_values_are_a_read_only_view_where_nothing_is_converted():
    array = np.arange(6.0).reshape(3, 2)
    assert np.shares_memory(read(array).targets, array)
    series = pd.Series([1.0, 2.0])
    assert np.shares_memory(read(series).targets, series.to_numpy())
    assert np.shares_memory(read(series.to_frame()).targets, series.to_numpy())
    for data in (array, series, series.to_frame(), [1, 2]):
        assert not read(data).targets.flags.writeable
    assert array.flags.writeable


@pytest.mark.parametrize("array", [np.asfortranarray(np.ones((4, 3))), np.ones((8, 3))[::2]])
def test_other_memory_orders(array):
    assert read(array).targets.flags.c_contiguous
    assert read(pd.DataFrame(array)).targets.flags.c_contiguous
    assert read(pd.DataFrame(array)[1]).targets.flags.c_contiguous


# The way back


def test_series_comes_back():
    y = pd.Series([1.0, 2, 3, 4], MONTHS, name="sales")
    target = read(y)
    assert target.names == ("sales",)
    forecast = wrapped(target, np.array([[5.0], [6.0]]))
    months = pd.date_range("2020-05-01", periods=2, freq="MS", name="month")
    pd.testing.assert_series_equal(forecast, pd.Series([5.0, 6.0], months, name="sales"))


@pytest.mark.parametrize(
    "columns",
    [
        ["a", "b"],
        [0, 1],
        pd.Index(["a", "b"], name="shop"),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["shop", "till"]),
        pd.date_range("2020", periods=2),
    ],
)
def test_frame_comes_back(columns):
    frame = pd.DataFrame(np.ones((4, 2)), MONTHS, columns=columns)
    target = read(frame)
    assert target.names == tuple(frame.columns)
    forecast = wrapped(target, np.ones((4, 2)))
    pd.testing.assert_frame_equal(forecast, frame.set_axis(after(target, 4)))


def test_one_column_frame_stays_a_frame():
    target = read(pd.DataFrame({"a": [1.0, 2.0]}))
    assert isinstance(wrapped(target, np.ones((1, 1))), pd.DataFrame)


@pytest.mark.parametrize(("data", "ndim"), [([1, 2], 1), (np.ones(3), 1), (np.ones((3, 1)), 2)])
def test_arrays_come_back(data, ndim):
    target = read(data)
    assert target.names is None
    assert target.timeline is None
    forecast = wrapped(target, np.zeros((2, 1), "f4"))
    assert type(forecast) is np.ndarray
    assert forecast.ndim == ndim
    assert forecast.dtype == np.float32


@pytest.mark.parametrize("name", [None, "y", 3, ("a", 1)])
def test_series_name_comes_back(name):
    target = read(pd.Series([1.0, 2.0], name=name))
    assert target.names == (name,)
    assert wrapped(target, np.ones((1, 1))).name == name


@pytest.mark.parametrize("freq", ["h", "MS", pd.DateOffset(months=1)])
def test_targets_travel_to_other_processes(freq):
    target = read(pd.Series(1.0, pd.date_range("2024", periods=5, freq=freq, tz="UTC")))
    copy = pickle.loads(pickle.dumps(target))
    assert (after(copy, 3) == after(target, 3)).all()
    np.testing.assert_array_equal(copy.targets, target.targets)


@given(
    hnp.arrays(
        st.sampled_from(["f4", "f8", "i2"]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
        elements={"min_value": -1000, "max_value": 1000},
    ),
    st.sampled_from(["array", "list", "frame"]),
)
@settings(deadline=None)
def test_values_survive(array, container):
    data = {"array": array, "list": array.tolist(), "frame": pd.DataFrame(array)}[container]
    target = read(data)
    np.testing.assert_array_equal(target.targets, array)
    back = wrapped(target, target.targets)
    np.testing.assert_array_equal(np.asarray(back), array)


# What is refused


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (None, TypeError, ["X must be", "not None"]),
        (3.0, TypeError, ["list of numbers", "not float"]),
        ("1,2,3", TypeError, ["not str"]),
        ({"a": [1, 2]}, TypeError, ["not dict"]),
        (iter([1, 2]), TypeError, ["not list_iterator"]),
        (MONTHS, TypeError, ["not DatetimeIndex"]),
        ([], ValueError, ["empty"]),
        (np.empty(0), ValueError, ["empty"]),
        (np.empty((0, 2)), ValueError, ["empty"]),
        (pd.Series(dtype=float), ValueError, ["empty"]),
        (pd.DataFrame({"a": []}, dtype=float), ValueError, ["empty"]),
        (pd.DataFrame(index=MONTHS), ValueError, ["no columns", "0 feature(s) (shape=(4, 0))"]),
        (np.empty((3, 0)), ValueError, ["no columns"]),
        (np.array(3.0), ValueError, ["1 dimension", "2", "not 0"]),
        (np.ones((2, 2, 2)), ValueError, ["not 3", "(2, 2, 2)"]),
        ([[1, 2], [3]], ValueError, ["rows of y", "equally long"]),
        ([pd.Series([1.0])], TypeError, ["pd.concat", "axis=1"]),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), TypeError, ["masked", ".filled("]),
        (scipy.sparse.csr_array(np.eye(3)), TypeError, ["sparse", ".toarray()"]),
        (pd.Series(pd.arrays.SparseArray([0.0, 1.0])), TypeError, ["sparse", ".sparse.to_dense()"]),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), ValueError, ["unique", "['a']"]),
    ],
)
def test_refused_containers(data, error, words):
    with pytest.raises(error, match=says(*words)):
        read(data)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1", "n/a"], ["pd.to_numeric", "row 1 holds 'n/a'"]),
        ([1, "two"], ["object", "pd.to_numeric", "row 1 holds 'two'"]),
        ([1.0, None, {}], ["object", "row 1 holds None"]),
        (pd.Categorical([1, 2]), ["category", "pd.to_numeric"]),
        (pd.to_datetime(["2020", "2021"]), ["datetime64"]),
        (pd.to_timedelta([1, 2]), ["timedelta64"]),
        ([True, False], ["bool", ".astype(float)"]),
        (pd.array([True, False], dtype="boolean"), ["boolean"]),
        (pd.arrays.IntervalArray.from_breaks([0, 1, 2]), ["interval"]),
    ],
)
def test_refused_dtypes(values, words):
    series = pd.Series(values)
    with pytest.raises(TypeError, match=says("y has dtype", *words)):
        read(series)
    with pytest.raises(TypeError, match=says("Column 'bad' of y", "dtype", *words)):
        read(pd.DataFrame({"good": 1.0, "bad": series}))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (["a", "b"], ["dtype", ".astype(float)", "row 0 holds"]),
        ([[1, 2], [3, None]], ["dtype object", "row 1 holds None"]),
        ([1, 2**70], ["dtype object", ".astype(float)"]),
        (np.array([True, False]), ["dtype bool"]),
        (np.array(["2020"], "M8[D]"), ["dtype datetime64"]),
        (np.array([(1, 2)], dtype="i4,i4"), ["f0", "real numbers"]),
    ],
)
def test_refused_array_dtypes(data, words):
    with pytest.raises(TypeError, match=says("y has dtype", *words)):
        read(data)


@pytest.mark.parametrize("data", [np.ones(3) + 1j, pd.Series([1j, 2])])
def test_complex_is_refused(data):
    with pytest.raises(ValueError, match=says("Complex data not supported", "complex128")):
        read(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.array([1, np.nan, np.nan]), ["NaN", "2 of 3", "first in row 1"]),
        (np.array([[1, 2], [1, np.inf]]), ["inf", "1 of 4", "row 1, column 1"]),
        ([1.0, -np.inf], ["inf", "row 1"]),
        (
            pd.Series([1, np.inf, np.nan, 2], MONTHS),
            ["NaN", "1 of 4", "row 2 (2020-03-01 00:00:00)", "y.interpolate()"],
        ),
        (pd.DataFrame({"a": [1.0, 2], "b": [np.nan, 2]}), ["row 0 (0), column 'b'"]),
    ],
)
def test_missing_and_infinite_values(data, words):
    with pytest.raises(ValueError, match=says(*words)):
        read(data)


def test_the_given_name_is_used():
    with pytest.raises(ValueError, match="history is empty"):
        read_history([], None, read([1.0, 2.0]), Roles())


@pytest.mark.parametrize("data", [[1, 2, 3], pd.Series([1, 2, 3])])
def test_freq_without_dates(data):
    with pytest.raises(ValueError, match=says("freq='D'", "dates")):
        read(data, freq="D")


# Rows after the end


def test_rows_of_arrays_follow():
    series, array = read(pd.Series([1.0, 2.0], MONTHS[:2])), read([1, 2, 3])
    for rows in (np.ones((5, 2)), np.ones(5), [1] * 5, (1,) * 5):
        assert steps(series, rows).tolist() == [0, 1, 2, 3, 4]
        assert steps(array, rows).tolist() == [0, 1, 2, 3, 4]
    assert steps(array, pd.Series([1.0, 2.0], MONTHS[:2])).tolist() == [0, 1]


@pytest.mark.parametrize("rows", [None, 3, "abc", {"a": 1}, iter([])])
def test_other_rows_are_refused(rows):
    with pytest.raises(TypeError, match=says("X must be", "not")):
        steps(read([1, 2]), rows)


@pytest.mark.parametrize("rows", [pd.DataFrame(), pd.Series(dtype=float), [], np.empty((0, 3))])
def test_no_rows(rows):
    assert steps(read(pd.Series([1.0, 2.0], MONTHS[:2])), rows).shape == (0,)


def test_rows_are_located_by_their_stamps():
    target = read(pd.Series(np.arange(4.0), MONTHS))
    stamps = pd.to_datetime(["2020-08-01", "2020-05-01", "2021-05-01"])
    assert steps(target, pd.DataFrame(index=stamps)).tolist() == [3, 0, 12]
    assert steps(target, pd.Series(0.0, stamps)).tolist() == [3, 0, 12]


def test_units_of_stamps_may_differ():
    target = read(pd.Series(np.arange(10.0), DAYS.as_unit("s")))
    hourly = read(pd.Series([1.0, 2.0], pd.DatetimeIndex(["2024", "2024-01-01 01:00"])))
    for unit in ("s", "ms", "us", "ns"):
        rows = pd.DataFrame(index=pd.to_datetime(["2024-01-11", "2024-01-13"]).as_unit(unit))
        assert steps(target, rows).tolist() == [0, 2]
        assert steps(hourly, rows).tolist() == [238, 286]


def test_stamps_between_ticks_are_refused():
    stamps = pd.date_range("2024", periods=3, freq="h", unit="s")
    rows = pd.DataFrame(index=pd.to_datetime(["2024-01-01 03:00:00.5"]))
    with pytest.raises(ValueError, match="frequency h"):
        steps(read(pd.Series(1.0, stamps)), rows)


@pytest.mark.parametrize(
    ("stamps", "error", "words"),
    [
        (DAYS[5:], ValueError, ["row 0 of X (2024-01-06", "not after the history"]),
        (["2024-01-11 00:00", "2024-01-12 06:00"], ValueError, ["row 1", "frequency D"]),
        (pd.to_datetime(["2024-01-11"]).tz_localize("UTC"), ValueError, ["UTC", "None"]),
        (["2024-01-11", None], ValueError, ["row 1", "NaT"]),
        (pd.period_range("2024-01-11", periods=1), TypeError, ["dates", "periods"]),
        ([0], TypeError, ["dates", "integers"]),
        (pd.Index(["11 January"]), TypeError, ["dates", "dtype"]),
    ],
)
def test_rows_off_the_dates(stamps, error, words):
    stamps = pd.to_datetime(stamps) if isinstance(stamps[0], str) and len(stamps) > 1 else stamps
    target = read(pd.Series(np.ones(10), DAYS))
    with pytest.raises(error, match=says(*words)) as caught:
        steps(target, pd.DataFrame(index=stamps))
    if "NaT" not in words:
        assert "ends at 2024-01-10 00:00:00" in str(caught.value)
        assert "first step after it is 2024-01-11 00:00:00" in str(caught.value)


def test_other_time_zone_is_refused():
    target = read(pd.Series(np.ones(10), DAYS.tz_localize("Europe/Berlin")))
    with pytest.raises(ValueError, match=says("UTC", "Europe/Berlin", "2024-01-11 00:00:00+01:00")):
        steps(target, pd.DataFrame(index=after(target, 2).tz_convert("UTC")))


@pytest.mark.parametrize(
    ("zone", "same"),
    [
        ("dateutil/Europe/Berlin", "Europe/Berlin"),
        (dateutil.tz.tzutc(), "UTC"),
        (dateutil.tz.tzoffset(None, 3600), dt.timezone(dt.timedelta(hours=1))),
    ],
)
def test_zones_of_other_libraries_are_known_by_name(zone, same):
    try:
        berlin = DAYS.tz_localize("dateutil/Europe/Berlin")
    except AttributeError:
        pytest.skip("this pandas cannot use the zones of this dateutil")
    there, here = DAYS.tz_localize(zone), DAYS.tz_localize(same)
    for past, rows in ((there, here), (here, there)):
        target = read(pd.Series(1.0, past[:8]))
        assert steps(target, pd.DataFrame(index=rows[8:])).tolist() == [0, 1]
    with pytest.raises(ValueError, match=says("X has time zone Asia/Tokyo", "has Europe/Berlin;")):
        steps(
            read(pd.Series(1.0, berlin)),
            pd.DataFrame(index=DAYS.tz_localize("Asia/Tokyo")),
        )


def test_other_periods_are_refused():
    target = read(pd.Series([1.0, 2.0], pd.period_range("2024-01", periods=2, freq="M")))
    with pytest.raises(ValueError, match=says("period[Q-DEC]", "period[M]")):
        steps(target, pd.DataFrame(index=pd.period_range("2024Q2", periods=2, freq="Q")))


def test_fresh_range_index_is_explained():
    target = read(pd.Series(np.ones(10)))
    with pytest.raises(ValueError, match=says("ends at 9", "X.index += 10")):
        steps(target, pd.DataFrame({"a": [1, 2]}))
    with pytest.raises(ValueError, match=says("not after")) as caught:
        steps(target, pd.DataFrame(index=pd.RangeIndex(5, 7)))
    assert "fresh" not in str(caught.value)
    assert steps(target, pd.DataFrame({"a": [1, 2]}, index=[10, 12])).tolist() == [0, 2]
    with pytest.raises(ValueError, match=says("row 1 of X (9)", "not after")):
        steps(target, pd.DataFrame(index=[10, 9]))


@given(st.integers(2, 50), st.integers(1, 7), st.integers(-1000, 1000), st.data())
@settings(deadline=None)
def test_integer_steps(n, step, start, data):
    index = pd.RangeIndex(start, start + n * step, step)
    target = read(pd.Series(np.ones(n), data.draw(st.sampled_from([index, index + 0]))))
    ahead = data.draw(st.lists(st.integers(0, 1000), max_size=20, unique=True))
    rows = pd.DataFrame(index=pd.Index([index[-1] + step * (k + 1) for k in ahead], dtype="int64"))
    assert steps(target, rows).tolist() == ahead
