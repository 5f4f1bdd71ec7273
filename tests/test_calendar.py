"""Calendar features against Python's own dates, one row at a time."""

import calendar
import datetime as dt
import math
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from small import daily, rows_at, says

from tsrnn.calendar import CalendarFeatures

ENCODINGS = ["cyclic", "onehot", "category"]
DAY = dt.timedelta(days=1)


def weeks(year):
    return dt.date(year, 12, 28).isocalendar().week


# Value, first value, and values in this round, of a stamp.
CYCLES = {
    "time_of_day": lambda t: (
        dt.timedelta(0, t.second, t.microsecond, 0, t.minute, t.hour) / DAY,
        0,
        1,
    ),
    "minute": lambda t: (t.minute, 0, 60),
    "hour": lambda t: (t.hour, 0, 24),
    "weekday": lambda t: (t.weekday(), 0, 7),
    "day": lambda t: (t.day, 1, calendar.monthrange(t.year, t.month)[1]),
    "dayofyear": lambda t: (t.timetuple().tm_yday, 1, 365 + calendar.isleap(t.year)),
    "week": lambda t: (t.isocalendar().week, 1, weeks(t.isocalendar().year)),
    "month": lambda t: (t.month, 1, 12),
    "quarter": lambda t: ((t.month + 2) // 3, 1, 4),
}
FLAGS = {
    "is_weekend": lambda t: t.weekday() in (5, 6),
    "is_month_start": lambda t: t.day == 1,
    "is_month_end": lambda t: (t + DAY).day == 1,
    "is_quarter_start": lambda t: t.day == 1 and t.month in (1, 4, 7, 10),
    "is_quarter_end": lambda t: (t + DAY).day == 1 and t.month in (3, 6, 9, 12),
    "is_year_start": lambda t: (t.day, t.month) == (1, 1),
    "is_year_end": lambda t: (t.day, t.month) == (31, 12),
}
ALL_VALUES = {
    "minute": range(60),
    "hour": range(24),
    "weekday": range(7),
    "day": range(1, 32),
    "dayofyear": range(1, 367),
    "week": range(1, 54),
    "month": range(1, 13),
    "quarter": range(1, 5),
}
NEW_YEARS = pd.DatetimeIndex([f"{year}-01-01" for year in [1899, 1900, 1901, *range(1960, 2030)]])
STAMPS = {
    "to summer time": pd.date_range("2024-03-30", periods=72, freq="h", tz="Europe/Berlin"),
    "to winter time": pd.date_range("2024-11-02", periods=150, freq="30min", tz="America/New_York"),
    "east of a date": pd.date_range("2023-12-30", periods=96, freq="45min", tz="Asia/Tokyo"),
    "new years": NEW_YEARS.repeat(11) + pd.to_timedelta(np.tile(range(-5, 6), 73), "D"),
    "month ends": pd.date_range("1896-01-31", "1904-12-31", freq="ME"),
    "four centuries": pd.DatetimeIndex(np.arange("1800-12", "2200", 12, "M8[M]").astype("M8[s]")),
    "seconds": pd.DatetimeIndex(np.arange(-(10**9), 10**9, 7_654_321).astype("M8[s]")),
    "microseconds": pd.DatetimeIndex(np.arange(-3, 300) * 12_345_678_901, dtype="M8[us]"),
    "business month ends": pd.date_range("2023-01-01", periods=36, freq="BME"),
}
each_index = pytest.mark.parametrize("index", STAMPS.values(), ids=STAMPS)
each_encoding = pytest.mark.parametrize("encoding", ENCODINGS)


def made(index, features=None, encoding="cyclic"):
    return CalendarFeatures(features, encoding=encoding).fit_transform(rows_at(index))


def as_python(index):
    return index.to_pydatetime()


def listed(encoding):
    """All features that an encoding can be had of."""
    return [*(CYCLES if encoding == "cyclic" else ALL_VALUES), *FLAGS]


# Values


@each_index
def test_cyclic_features_lie_on_the_circle(index):
    frame = made(index, list(CYCLES))
    for name, cycle in CYCLES.items():
        angles = [
            2 * math.pi * (value - first) / count
            for value, first, count in map(cycle, as_python(index))
        ]
        np.testing.assert_allclose(frame[f"{name}_sin"], np.sin(angles), atol=1e-6, err_msg=name)
        np.testing.assert_allclose(frame[f"{name}_cos"], np.cos(angles), atol=1e-6, err_msg=name)


@each_index
def test_categories_are_the_values(index):
    frame = made(index, list(ALL_VALUES), "category")
    for name in ALL_VALUES:
        assert frame[name].tolist() == [CYCLES[name](t)[0] for t in as_python(index)], name


@each_index
def test_onehot_has_a_1_in_the_column_of_the_value(index):
    for name, values in ALL_VALUES.items():
        columns = [f"{name}={value}" for value in values]
        values_of_rows = [CYCLES[name](t)[0] for t in as_python(index)]
        expected = np.equal.outer(values_of_rows, list(values)).astype(np.float32)
        expected = pd.DataFrame(expected, index=index, columns=columns)
        pd.testing.assert_frame_equal(made(index, [name], "onehot"), expected)


@each_index
@each_encoding
def test_flags_are_0_and_1(index, encoding):
    frame = made(index, list(FLAGS), encoding)
    assert list(frame) == list(FLAGS)
    for name, flag in FLAGS.items():
        assert frame[name].tolist() == [flag(t) for t in as_python(index)], name


@each_encoding
def test_columns_do_not_depend_on_the_values_seen(encoding):
    features = listed(encoding)
    winter = made(pd.date_range("2024-01-01", periods=3), features, encoding)
    leap_summer = made(pd.date_range("2028-07-31 23:59", periods=1), features, encoding)
    pd.testing.assert_series_equal(winter.dtypes, leap_summer.dtypes)


def test_categories_are_all_values_of_the_calendar():
    frame = made(pd.date_range("2024-01-01", periods=3), list(ALL_VALUES), "category")
    for name, values in ALL_VALUES.items():
        assert frame[name].cat.categories.tolist() == list(values)
        assert not frame[name].cat.ordered


@each_encoding
def test_every_row_counts_for_itself(encoding):
    index = STAMPS["to winter time"]
    calendar_features = CalendarFeatures(listed(encoding), encoding=encoding)
    whole = calendar_features.fit_transform(rows_at(index))
    assert set(whole.dtypes.astype(str)) <= {"float32", "category"}
    for rows in (np.array([140, 3, 3]), np.array([], dtype=int)):
        part = calendar_features.transform(rows_at(index[rows]))
        pd.testing.assert_frame_equal(part, whole.iloc[rows], check_freq=False)


# Where the time stamps are


@each_encoding
def test_all_kinds_of_time_stamps_say_the_same(encoding):
    periods = pd.period_range("2024-02-27", periods=9, freq="D")
    dates = periods.to_timestamp()
    calendar_features = CalendarFeatures(["weekday", "day"], encoding=encoding)
    expected = calendar_features.fit_transform(rows_at(dates))
    for index in (
        periods,
        dates.as_unit("s"),
        dates.tz_localize("America/Los_Angeles"),
        pd.MultiIndex.from_product([["a"], [1], dates], names=["shop", None, "day"]),
        pd.MultiIndex.from_product([["a"], periods]),
    ):
        found = calendar_features.fit_transform(rows_at(index))
        pd.testing.assert_index_equal(found.index, index)
        pd.testing.assert_frame_equal(found.set_axis(dates), expected)
    for stamps in (dates, periods, dates.tz_localize("Asia/Tokyo")):
        long = pd.DataFrame({"unique_id": "a", "ds": stamps}, index=range(5, 14))
        found = calendar_features.fit_transform(long)
        pd.testing.assert_frame_equal(found[["unique_id", "ds"]], long)
        pd.testing.assert_frame_equal(found.drop(columns=list(long)).set_axis(dates), expected)


def test_dates_of_arrow():
    pytest.importorskip("pyarrow")
    days = pd.date_range("2024-02-27", periods=9, tz="Europe/Berlin", name="ds")
    kept = days.astype("timestamp[us, tz=Europe/Berlin][pyarrow]")
    for plain, arrow in ((rows_at(days), rows_at(kept)), (days.to_frame(), kept.to_frame())):
        found, expected = (CalendarFeatures(["day"]).fit_transform(X) for X in (arrow, plain))
        np.testing.assert_array_equal(found.iloc[:, -2:], expected.iloc[:, -2:])


def test_a_period_counts_from_its_start():
    index = pd.period_range("2024-01", periods=3, freq="Q-DEC")
    assert made(index, ["month"], "category")["month"].tolist() == [1, 4, 7]


def test_the_time_column_goes_before_the_index():
    X = pd.DataFrame({"when": pd.to_datetime(["2024-05-01"])}, pd.to_datetime(["2024-02-01"]))
    options = {"features": ["month"], "encoding": "category"}
    assert CalendarFeatures(**options).fit_transform(X)["month"].tolist() == [2]
    found = CalendarFeatures(**options, time_col="when").fit_transform(X)
    assert found["month"].tolist() == [5]


# Features chosen

YEARLY = pd.date_range("2000", periods=9, freq="YS")


@pytest.mark.parametrize(
    ("freq", "cyclic", "values"),
    [
        ("s", ["time_of_day", "weekday", "month"], ["hour", "minute", "weekday", "month"]),
        ("30min", ["time_of_day", "weekday", "month"], ["hour", "minute", "weekday", "month"]),
        ("h", ["hour", "weekday", "month"], ["hour", "weekday", "month"]),
        ("12h", ["hour", "weekday", "month"], ["hour", "weekday", "month"]),
        ("D", ["weekday", "dayofyear"], ["weekday", "month"]),
        ("B", ["weekday", "dayofyear"], ["weekday", "month"]),
        ("W-SUN", ["week"], ["week"]),
        ("2W-MON", ["week"], ["week"]),
        ("MS", ["month"], ["month"]),
        ("BME", ["month"], ["month"]),
        ("2ME", ["month"], ["month"]),
        ("QS-FEB", ["quarter"], ["quarter"]),
        ("QE", ["quarter"], ["quarter"]),
        ("6ME", ["quarter"], ["quarter"]),
        ("YS", [], []),
        ("YE-JUN", [], []),
    ],
)
def test_default_features_follow_the_frequency(freq, cyclic, values):
    X = rows_at(pd.date_range("2023-01-01", periods=40, freq=freq, tz="Europe/Berlin"))
    assert CalendarFeatures().fit(X).features_ == cyclic
    for encoding in ("onehot", "category"):
        assert CalendarFeatures(encoding=encoding).fit(X).features_ == values


def test_default_features_of_a_panel_in_any_order():
    months = pd.date_range("2020-01-31", periods=30, freq="ME")
    rows = np.random.default_rng(0).permutation(150)
    long = pd.DataFrame({"unique_id": np.repeat(list("abcde"), 30), "ds": np.tile(months, 5)})
    assert CalendarFeatures().fit(long.iloc[rows]).features_ == ["month"]
    panel = long.set_index(["unique_id", "ds"])
    assert CalendarFeatures().fit(panel.iloc[rows]).features_ == ["month"]


def test_default_features_of_series_that_begin_on_other_days():
    weeks = [pd.date_range(f"2024-01-0{day}", periods=30, freq="7D") for day in range(1, 8)]
    index = pd.concat([pd.Series(1.0, stamps) for stamps in weeks], keys=range(7)).index
    assert CalendarFeatures().fit(rows_at(index)).features_ == ["week"]
    assert CalendarFeatures().fit(rows_at(index[::-1])).features_ == ["week"]


def test_gaps_do_not_change_the_frequency():
    hours = pd.date_range("2024-01-01", periods=240, freq="h")
    open_hours = hours[(hours.hour >= 9) & (hours.hour < 17)]
    assert CalendarFeatures().fit(rows_at(open_hours)).features_ == ["hour", "weekday", "month"]


def test_fit_keeps_no_list_of_ours():
    CalendarFeatures().fit(rows_at(daily().index)).features_.append("month")
    assert CalendarFeatures().fit(rows_at(daily().index)).features_ == ["weekday", "dayofyear"]


def test_no_features_change_nothing():
    X = pd.DataFrame({"price": range(9)}, YEARLY)
    pd.testing.assert_frame_equal(CalendarFeatures().fit_transform(X), X)
    assert made(YEARLY).shape == (9, 0)


# Other columns


def mixed():
    return pd.DataFrame(
        {
            "price": [1, 2, 2],
            "shop": pd.Categorical(["a", "b", "a"]),
            "open": [True, False, True],
            "hot": [np.nan, 1.0, 2.0],
            "text": ["x", None, "z"],
        },
        index=pd.date_range("2024-02-28", periods=3, tz="Europe/Berlin", name="day"),
    )


@each_encoding
def test_other_columns_stand_in_front_unchanged(encoding):
    X, before = mixed(), mixed()
    found = CalendarFeatures(encoding=encoding).fit_transform(X)
    pd.testing.assert_frame_equal(found.iloc[:, :5], before)
    found.iloc[0, 0] = 7
    pd.testing.assert_frame_equal(X, before)
    assert found.index.freq == before.index.freq


def test_a_series_is_a_frame_of_one_column():
    y = daily(9)
    expected = CalendarFeatures().fit_transform(y.to_frame())
    pd.testing.assert_frame_equal(CalendarFeatures().fit_transform(y), expected)
    stamps = pd.Series(y.index, name="ds")
    assert list(CalendarFeatures(["month"]).fit_transform(stamps)) == [
        "ds",
        "month_sin",
        "month_cos",
    ]


def test_the_future_may_lack_columns():
    calendar_features = CalendarFeatures().fit(mixed())
    future = mixed()[["hot", "price"]].set_axis(pd.date_range("2031-12-30", periods=3))
    found = calendar_features.transform(future)
    assert list(found) == ["hot", "price", *made(future.index, ["weekday", "dayofyear"])]
    pd.testing.assert_frame_equal(found[["hot", "price"]], future)


# Among scikit-learn's


@each_encoding
def test_names_of_columns(encoding):
    calendar_features = CalendarFeatures(listed(encoding), encoding=encoding)
    found = calendar_features.fit_transform(mixed())
    assert calendar_features.get_feature_names_out().tolist() == list(found)
    assert calendar_features.get_feature_names_out(list(mixed())).tolist() == list(found)
    assert calendar_features.feature_names_in_.tolist() == list(mixed())
    assert calendar_features.n_features_in_ == 5


def test_names_of_columns_without_names():
    calendar_features = CalendarFeatures(["month"]).fit(mixed().set_axis(range(5), axis=1))
    expected = ["x0", "x1", "x2", "x3", "x4", "month_sin", "month_cos"]
    assert calendar_features.get_feature_names_out().tolist() == expected
    assert not hasattr(calendar_features, "feature_names_in_")
    assert calendar_features.fit(rows_at(YEARLY)).n_features_in_ == 0
    assert calendar_features.get_feature_names_out().tolist() == ["month_sin", "month_cos"]


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_frames_come_out_of_pipelines(output):
    y = daily()
    whole = make_pipeline(FunctionTransformer(), CalendarFeatures(["month"])).set_output(
        transform=output
    )
    found = whole.fit_transform(rows_at(y.index), y)
    pd.testing.assert_frame_equal(found, made(y.index, ["month"]))
    assert whole[-1].get_feature_names_out().tolist() == ["month_sin", "month_cos"]
    future = pd.DataFrame({"later": 1.0}, y.index[:2])
    assert list(whole.transform(future)) == ["later", "month_sin", "month_cos"]


def test_a_global_output_does_not_rename_the_columns_of_the_future():
    calendar_features = CalendarFeatures(["month"]).fit(mixed())
    future = mixed()[["hot", "price", "shop", "text", "open"]]
    expected = calendar_features.transform(future)
    with config_context(transform_output="pandas"):
        pd.testing.assert_frame_equal(calendar_features.transform(future), expected)


def test_columns_of_a_column_transformer():
    columns = ColumnTransformer(
        [("calendar", CalendarFeatures(["month"]), ["price"]), ("rest", "passthrough", ["hot"])],
        verbose_feature_names_out=False,
    )
    found = columns.set_output(transform="pandas").fit_transform(mixed())
    assert list(found) == ["price", "month_sin", "month_cos", "hot"]
    pd.testing.assert_index_equal(found.index, mixed().index)
    plain = columns.set_output(transform="default").fit_transform(mixed())
    np.testing.assert_array_equal(plain, found)


def test_clones_and_pickles():
    calendar_features = CalendarFeatures(encoding="category", time_col="when").fit(mixed())
    expected = calendar_features.transform(mixed())
    copied = pickle.loads(pickle.dumps(calendar_features))
    pd.testing.assert_frame_equal(copied.transform(mixed()), expected)
    cloned = clone(calendar_features)
    assert cloned.get_params() == {"features": None, "encoding": "category", "time_col": "when"}
    with pytest.raises(NotFittedError):
        cloned.transform(mixed())


class Dated(CalendarFeatures, auto_wrap_output_keys=None):
    """Takes the arrays that scikit-learn's checks hand in: the first column is days since 1970."""

    def fit(self, X, y=None):
        return super().fit(self.dated(X))

    def transform(self, X):
        return super().transform(self.dated(X))

    @staticmethod
    def dated(X):
        if not isinstance(X, np.ndarray | list):
            return X
        days = np.asarray(X, dtype=float)[:, 0]
        return pd.DataFrame(np.asarray(X), pd.to_datetime(days, unit="D"))


@parametrize_with_checks(
    [Dated(["time_of_day", "weekday", "is_month_end"]), Dated(["day"], encoding="onehot")],
    expected_failed_checks=lambda _: {
        "check_transformer_general": "columns of transform may differ from those of fit"
    },
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# Errors


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (np.zeros((3, 1)), TypeError, ["DataFrame", "numpy.ndarray", "time stamps"]),
        (pd.Series([1.0, 2.0]), TypeError, ["int64", "row 0: 0", "'ds'", "DatetimeIndex"]),
        (
            pd.DataFrame({"a": [1]}, ["2024-01-01"]),
            TypeError,
            ["2024-01-01", "['a']", "to_datetime"],
        ),
        (
            rows_at(pd.MultiIndex.from_product([["a"], [0, 1]])),
            TypeError,
            ["last level of its index", "int64"],
        ),
        (
            pd.DataFrame({"ds": ["2024-01-01"]}),
            TypeError,
            ["Column 'ds'", "2024", "pd.to_datetime"],
        ),
        (
            pd.DataFrame({"ds": [dt.datetime(2024, 1, 1)]}, dtype=object),
            TypeError,
            ["Column 'ds'", "object", "pd.to_datetime"],
        ),
        (
            pd.DataFrame({"ds": pd.to_datetime(["2024-01-01", None])}),
            ValueError,
            ["row 1", "NaT"],
        ),
        (rows_at(pd.PeriodIndex(["2024", None], freq="Y")), ValueError, ["row 1", "NaT"]),
        (
            pd.DataFrame([YEARLY[:2]], columns=["ds", "ds"]),
            ValueError,
            ["2 columns named 'ds'"],
        ),
        (
            rows_at(YEARLY[[0, 0]]),
            ValueError,
            ["2 rows", "fewer than two different time stamps", "features="],
        ),
    ],
)
def test_rows_without_time_stamps_are_refused(X, error, words):
    with pytest.raises(error, match=says(*words)):
        CalendarFeatures().fit(X)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"features": ["month", "hours"]},
            ["['hours']", "time_of_day, minute, hour", "is_weekend"],
        ),
        ({"features": ["month", "day", "month"]}, ["['month']", "more than once"]),
        ({"features": "month"}, ["'features'", "'month'"]),
        (
            {"features": ["time_of_day"], "encoding": "onehot"},
            ["time_of_day", "'onehot'", "['hour', 'minute']"],
        ),
        ({"encoding": "ordinal"}, ["'encoding'", "'ordinal'"]),
        ({"time_col": None}, ["'time_col'"]),
    ],
)
def test_wrong_parameters_are_refused(options, words):
    with pytest.raises(ValueError, match=says(*words)):
        CalendarFeatures(**options).fit(rows_at(YEARLY))


def test_features_may_be_an_array():
    names = ["month", "is_month_end"]
    pd.testing.assert_frame_equal(made(YEARLY, np.array(names)), made(YEARLY, names))


def test_a_name_that_is_taken_is_refused():
    calendar_features = CalendarFeatures(["month"]).fit(mixed())
    with pytest.raises(ValueError, match=says("['month_sin']", "rename")):
        calendar_features.transform(mixed().rename(columns={"price": "month_sin"}))


def test_polars_is_refused():
    with pytest.raises(ValueError, match=says("pandas frames", "'polars'")):
        CalendarFeatures().set_output(transform="polars")
