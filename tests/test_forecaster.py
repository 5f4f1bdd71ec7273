"""What goes into fit and predict, and what comes out."""

import ast
import inspect
import re

import numpy as np
import pandas as pd
import pytest
from small import daily, daily_frame, rows_at, says, small, wave

from tsrnn import RNNForecaster

# What may be forecast


@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        np.array,
        lambda values: values[:, None],
        lambda values: values[:, None].tolist(),
        lambda values: np.repeat(values, 3)[::3],
        lambda values: np.flip(np.flip(values).copy()),
        lambda values: values.astype(">f8"),
        pd.Series,
        pd.DataFrame,
        lambda values: pd.Series(values, dtype="Float64"),
        lambda values: pd.Series(values, pd.RangeIndex(7, 127, 2)),
        lambda values: pd.Series(values, pd.period_range("2020-01", periods=60, freq="M")),
        lambda values: pd.Series(values, pd.date_range("2020", periods=60, tz="Asia/Tokyo")),
    ],
)
def test_the_container_does_not_matter(convert):
    expected = small(horizon=3).fit(wave()).predict()
    forecast = small(horizon=3).fit(convert(wave())).predict()
    np.testing.assert_array_equal(np.ravel(forecast), expected)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u4", "i8", "f4", "f8", "g"])
def test_the_dtype_does_not_matter(dtype):
    values = wave().round()
    expected = small().fit(values).predict()
    forecast = small().fit(values.astype(dtype)).predict()
    assert forecast.dtype == np.float64
    np.testing.assert_array_equal(forecast, expected)


@pytest.mark.parametrize(("columns", "shape"), [(0, (3,)), (1, (3, 1)), (4, (3, 4))])
def test_arrays_come_back_as_arrays(columns, shape):
    forecast = small(horizon=3).fit(wave(columns=columns)).predict()
    assert type(forecast) is np.ndarray
    assert forecast.shape == shape
    assert np.isfinite(forecast).all()


def test_memory_order_of_arrays_does_not_matter():
    values = wave(columns=3)
    expected = small().fit(values).predict()
    for other in (np.asfortranarray(values), np.hstack([values, values])[:, :3]):
        np.testing.assert_array_equal(small().fit(other).predict(), expected)


@pytest.mark.parametrize("name", ["sales", None, 7, ("shop", 1), pd.Timestamp("2024")])
def test_series_come_back_as_series(name):
    forecast = small(horizon=3).fit(daily(name=name)).predict()
    assert type(forecast) is pd.Series
    assert forecast.name == name
    future = pd.date_range("2024-03-01", periods=3, name="day")
    pd.testing.assert_index_equal(forecast.index, future)
    assert forecast.index.freq == "D"


@pytest.mark.parametrize("columns", ["a", "ab", "abcde"])
def test_frames_come_back_as_frames(columns):
    y = daily_frame(columns=columns)
    forecast = small(horizon=3).fit(y).predict()
    assert type(forecast) is pd.DataFrame
    pd.testing.assert_index_equal(forecast.columns, y.columns)
    pd.testing.assert_index_equal(
        forecast.index, pd.date_range("2024-03-01", periods=3, name="day")
    )
    assert np.isfinite(forecast).all(axis=None)


def test_targets_keep_their_own_level_and_scale():
    y = pd.DataFrame({"small": 1e-3 * wave(), "large": 1e6 + 1e4 * wave()})
    forecast = small(horizon=5, max_epochs=20).fit(y).predict()
    spread = y.max() - y.min()
    assert (forecast > y.min() - spread).all(axis=None)
    assert (forecast < y.max() + spread).all(axis=None)


@pytest.mark.parametrize("value", [1e-6, -7, 1e6])
def test_a_constant_target_beside_another_hardly_moves(value):
    y = pd.DataFrame({"constant": float(value), "wave": wave()})
    forecast = small(horizon=5, max_epochs=20).fit(y).predict()
    np.testing.assert_allclose(forecast["constant"], value, rtol=0.02)


# Time goes on


@pytest.mark.parametrize("known", [True, False], ids=["freq", "no-freq"])
@pytest.mark.parametrize(
    ("freq", "tz"),
    [
        ("YS", None),
        ("QE", None),
        ("MS", None),
        ("ME", "Europe/Berlin"),
        ("W-WED", None),
        ("B", None),
        ("D", "Europe/Berlin"),
        ("2D", "America/New_York"),
        ("h", "Europe/Berlin"),
        ("h", "Australia/Lord_Howe"),
        ("15min", "America/New_York"),
        ("s", None),
        ("250ms", "UTC"),
    ],
)
def test_the_index_goes_on(freq, tz, known):
    stamps = pd.date_range("2024-03-29", periods=64, freq=freq, tz=tz, name="when")
    past, future = stamps[:60], stamps[60:]
    if not known:
        past = pd.DatetimeIndex(list(past), name="when")
    forecast = small(horizon=4).fit(pd.Series(wave(), past)).predict()
    pd.testing.assert_index_equal(forecast.index, future, exact=known)
    assert forecast.index.freq == future.freq


@pytest.mark.parametrize("change", ["2024-03-31", "2024-10-27"])
@pytest.mark.parametrize("cut", [20, 24, 25, 26, 27, 40])
def test_hours_over_a_clock_change(change, cut):
    """In the history, at its very end, or within the horizon."""
    start = pd.Timestamp(change, tz="Europe/Berlin") - pd.Timedelta(hours=23)
    hours = pd.date_range(start, periods=cut + 6, freq="h", tz="Europe/Berlin")
    forecast = small(horizon=6).fit(pd.Series(wave(cut), hours[:cut])).predict()
    pd.testing.assert_index_equal(forecast.index, hours[cut:])
    rolled = small().fit(pd.Series(wave(cut), hours[:cut])).predict(rows_at(hours[cut:]))
    pd.testing.assert_index_equal(rolled.index, hours[cut:])


@pytest.mark.parametrize("change", ["2024-03-31", "2024-10-27"])
def test_days_over_a_clock_change(change):
    end = pd.Timestamp(change) + pd.Timedelta(days=2)
    days = pd.date_range(end=end, periods=20, tz="Europe/Berlin")
    forecast = small(horizon=4).fit(pd.Series(wave(16), days[:16])).predict()
    pd.testing.assert_index_equal(forecast.index, days[16:])
    assert set(forecast.index.hour) == {0}


@pytest.mark.parametrize("freq", ["Y", "Q-NOV", "M", "W-SUN", "D", "h", "min"])
def test_periods_go_on(freq):
    with_future = pd.period_range("2024-01-02", periods=64, freq=freq, name="when")
    forecast = small(horizon=4).fit(pd.Series(wave(), with_future[:60])).predict()
    pd.testing.assert_index_equal(forecast.index, with_future[60:])


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(64),
        pd.RangeIndex(-10, 54, name="t"),
        pd.RangeIndex(100, 228, 2),
        pd.Index(np.arange(2000, 2064)),
        pd.Index(np.arange(0, 640, 10), dtype="int32", name="t"),
    ],
)
def test_counts_go_on(index):
    forecast = small(horizon=4).fit(pd.DataFrame({"y": wave()}, index[:60])).predict()
    pd.testing.assert_index_equal(forecast.index, index[60:])


def test_a_frequency_may_be_given():
    y = daily()
    hours = y.set_axis(pd.date_range("2024-01-01 09:00", periods=60, freq="bh"))
    unknown = hours.set_axis(pd.DatetimeIndex(list(hours.index)))
    forecast = small(horizon=9, freq="bh").fit(unknown).predict()
    assert list(forecast.index) == list(pd.date_range(hours.index[-1], periods=10, freq="bh")[1:])


# predict(X)


def test_without_rows_the_horizon_is_forecast():
    assert [len(small(horizon=h).fit(daily()).predict()) for h in (1, 2, 9)] == [1, 2, 9]


@pytest.mark.parametrize(
    "rows",
    [
        rows_at,
        lambda index: pd.Series("not a number", index),
        lambda index: pd.DataFrame({"a": np.nan, "b": "text"}, index),
        lambda index: rows_at(index.as_unit("s")),
    ],
)
def test_only_the_stamps_of_rows_count(rows):
    forecaster = small(horizon=5).fit(daily())
    expected = forecaster.predict()
    forecast = forecaster.predict(rows(expected.index))
    pd.testing.assert_series_equal(forecast, expected, check_index_type=False, check_index=False)
    assert list(forecast.index) == list(expected.index)


@pytest.mark.parametrize(
    "rows", [[0] * 8, (0,) * 8, np.zeros(8), np.zeros((8, 0)), np.ones((8, 3))]
)
def test_rows_without_an_index_follow_the_history(rows):
    y = daily()
    forecaster = small(horizon=5).fit(y)
    future = pd.date_range("2024-03-01", periods=8, name="day")
    expected = forecaster.predict(rows_at(future))
    pd.testing.assert_series_equal(forecaster.predict(rows), expected, check_freq=False)
    np.testing.assert_array_equal(small(horizon=5).fit(y.to_list()).predict(rows), expected)


def test_rows_with_an_index_after_an_array():
    forecaster = small(horizon=2).fit(wave())
    rows = rows_at(pd.date_range("1999", periods=5))
    np.testing.assert_array_equal(forecaster.predict(rows), forecaster.predict(np.zeros((5, 0))))


def test_rows_after_a_gap_in_any_order_and_repeated():
    y = daily()
    forecaster = small(horizon=3).fit(y)
    all_steps = forecaster.predict(rows_at(pd.date_range("2024-03-01", periods=20)))
    later = all_steps.index[[19, 4, 5, 4, 11]]
    forecast = forecaster.predict(rows_at(later))
    pd.testing.assert_index_equal(forecast.index, later)
    np.testing.assert_array_equal(forecast, all_steps[later])


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("normalize", [None, "last", "mean", "standard", "robust"])
@pytest.mark.parametrize("fitted_on", [daily(), daily_frame()], ids=["series", "frame"])
def test_further_than_the_horizon_in_blocks(strategy, normalize, fitted_on):
    """Each block is what a history that ends with the blocks before would give."""
    forecaster = small(horizon=4, strategy=strategy, normalize=normalize, dtype="float64")
    future = pd.date_range("2024-03-01", periods=10, name="day")
    forecast = forecaster.fit(fitted_on).predict(rows_at(future))
    by_hand = fitted_on
    while len(by_hand) < len(fitted_on) + 10:
        by_hand = pd.concat([by_hand, forecaster.predict(history=by_hand)])
    expected = by_hand.iloc[60:70]
    np.testing.assert_allclose(forecast, expected, rtol=1e-9)
    pd.testing.assert_index_equal(forecast.index, expected.index)


@pytest.mark.parametrize("rows", [[], np.empty((0, 2)), pd.DataFrame(), daily()[:0]])
@pytest.mark.parametrize("fitted_on", [daily(), daily_frame(), wave(), wave(columns=2)])
def test_no_rows_no_forecast(rows, fitted_on):
    forecaster = small(horizon=3).fit(fitted_on)
    forecast, some = forecaster.predict(rows), forecaster.predict()
    assert type(forecast) is type(some)
    assert forecast.shape == (0, *some.shape[1:])


# predict(history=)


@pytest.mark.parametrize(
    "fitted_on", [daily(), daily_frame(), wave(), wave(columns=2), list(wave())]
)
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_the_training_data_are_the_default_history(fitted_on, strategy):
    forecaster = small(horizon=4, strategy=strategy).fit(fitted_on)
    forecast = forecaster.predict(history=fitted_on)
    assert type(forecast) is type(forecaster.predict())
    if hasattr(forecast, "index"):
        pd.testing.assert_index_equal(forecast.index, forecaster.predict().index)
    np.testing.assert_array_equal(forecast, forecaster.predict())


def test_only_the_last_lookback_rows_count():
    y = daily()
    forecaster = small(horizon=4).fit(y)
    expected = forecaster.predict()
    pd.testing.assert_series_equal(forecaster.predict(history=y[-6:]), expected)
    changed = y.where(y.index >= y.index[-6], 1e9)
    pd.testing.assert_series_equal(forecaster.predict(history=changed), expected)


def test_a_forecast_follows_its_history():
    forecaster = small(horizon=4).fit(daily())
    days = pd.date_range("1990-05-05 13:00", periods=24, freq="D", name="day")
    other = pd.Series(wave(20), days[:20], name="another")
    pd.testing.assert_index_equal(forecaster.predict(history=other).index, days[20:])
    assert forecaster.predict(history=other).name == "another"
    later = forecaster.predict(rows_at(days[22:]), history=other)
    pd.testing.assert_series_equal(later, forecaster.predict(history=other)[2:], check_freq=False)
    assert type(forecaster.predict(history=other.to_list())) is np.ndarray
    np.testing.assert_array_equal(forecaster.predict(history=list(other))[2:], later)
    assert forecaster.predict().name == "sales"


def test_a_history_changes_nothing():
    forecaster = small(horizon=4).fit(daily())
    expected = forecaster.predict()
    forecaster.predict(history=wave()[::-1])
    forecaster.predict(rows_at(pd.date_range("2024-03-01", periods=30)))
    pd.testing.assert_series_equal(forecaster.predict(), expected)


def test_columns_of_a_history_are_found_by_name():
    y = daily_frame()
    forecaster = small(horizon=2).fit(y)
    pd.testing.assert_frame_equal(forecaster.predict(history=y[["b", "a"]]), forecaster.predict())
    with pytest.raises(ValueError, match=r"columns \['a', 'c'\].*fitted on \['a', 'b'\]"):
        forecaster.predict(history=y.rename(columns={"b": "c"}))


def test_the_only_column_of_a_history_may_have_any_name():
    forecaster = small(horizon=2).fit(daily_frame(columns="a"))
    forecast = forecaster.predict(history=daily_frame(columns="a").rename(columns={"a": "b"}))
    assert forecast.columns.to_list() == ["b"]


@pytest.mark.parametrize(
    ("fitted_on", "asked_with"),
    [("D", "h"), ("D", "MS"), ("h", "30min"), ("MS", "QS"), ("B", "W"), ("B", "D"), ("D", "B")],
)
def test_a_history_at_another_frequency_is_refused(fitted_on, asked_with):
    y = pd.Series(wave(), pd.date_range("2000-01-03", periods=60, freq=fitted_on))
    other = pd.Series(wave(), pd.date_range("2000-01-03", periods=60, freq=asked_with))
    forecaster = small(horizon=2).fit(y)
    with pytest.raises(ValueError, match="history has a row every"):
        forecaster.predict(history=other)
    assert forecaster.predict(history=other.to_numpy()).shape == (2,)


def test_a_history_numbered_in_other_steps_is_refused():
    y = pd.Series(wave())
    forecaster = small(horizon=2).fit(y)
    with pytest.raises(ValueError, match=says("history is numbered in steps of 2", "steps of 1.")):
        forecaster.predict(history=y[::2])
    with pytest.raises(ValueError, match=says("X is numbered in steps of 2", "begin afresh")):
        forecaster.partial_fit(y[::2])


@pytest.mark.parametrize(
    ("fitted_on", "asked_with"), [("MS", "ME"), ("W-SUN", "W-WED"), ("B", "C")]
)
def test_a_history_at_much_the_same_frequency_is_fine(fitted_on, asked_with):
    y = pd.Series(wave(), pd.date_range("2000-01-03", periods=60, freq=fitted_on))
    other = pd.Series(wave(9), pd.date_range("2010-02-03", periods=9, freq=asked_with))
    assert len(small(horizon=2).fit(y).predict(history=other)) == 2


# fit(X, y)


def test_a_frame_without_columns_beside_the_target():
    y = daily()
    expected = small(horizon=3).fit(y)
    forecaster = small(horizon=3).fit(rows_at(y.index), y)
    assert forecaster.n_features_in_ == 0
    pd.testing.assert_series_equal(forecaster.predict(), expected.predict())
    np.testing.assert_array_equal(
        small(horizon=3).fit(np.zeros((60, 0)), y.to_numpy()).predict(), expected.predict()
    )


def test_the_index_of_a_frame_without_columns_holds_the_time_stamps_of_an_array():
    """Which is what a TransformedTargetRegressor passes on."""
    y = daily()
    forecaster = small(horizon=3).fit(rows_at(y.index), y.to_numpy())
    after_a_gap = pd.date_range("2024-03-01", periods=10)[7:]
    forecast = forecaster.predict(rows_at(after_a_gap))
    expected = small(horizon=3).fit(y).predict(rows_at(after_a_gap))
    np.testing.assert_array_equal(forecast, expected)
    months = rows_at(pd.date_range("2010", periods=100, freq="MS"))
    forecaster = small(lookback=None).fit(months, wave(100))
    assert forecaster.lookback_ == 24


def test_features_are_noted():
    forecaster = small().fit(daily_frame(columns="abc"))
    assert forecaster.n_features_in_ == 3
    assert forecaster.feature_names_in_.tolist() == ["a", "b", "c"]
    assert forecaster.fit(daily()).n_features_in_ == 1
    assert not hasattr(forecaster, "feature_names_in_")
    assert forecaster.fit(pd.DataFrame(wave(columns=2))).n_features_in_ == 2
    assert not hasattr(forecaster, "feature_names_in_")


def test_the_default_lookback_has_an_end():
    """The linear path beside the network has one, and so has patience."""
    minutes = daily(5000).set_axis(pd.date_range("2024-01-01", periods=5000, freq="min"))
    assert small(lookback=None, horizon=30).fit(minutes).lookback_ == 60
    assert small(lookback=None, horizon=700).fit(minutes).lookback_ == 1024


# What is documented


def test_the_documented_defaults_are_those_of_the_signature():
    told = {}
    text = inspect.getdoc(RNNForecaster)
    for listed, default in re.findall(r"^(\w[\w, ]*) : .*default=(.+)$", text, re.MULTILINE):
        names, value = listed.split(", "), ast.literal_eval(default)
        told |= zip(names, value if len(names) > 1 else [value], strict=True)
    parameters = inspect.signature(RNNForecaster).parameters.values()
    assert told == {parameter.name: parameter.default for parameter in parameters}
