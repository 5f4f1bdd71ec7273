"""``deseasonalize``: the pattern of a season, taken off each series and put back on forecasts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import daily, daily_frame, rows_at, says, small, wave

import tsrnn
from tsrnn.fitting import to_forecast
from tsrnn.scaling import SeriesScaler, seasonal_pattern


def naive_pattern(values, season):
    """The classical decomposition, row by row."""
    half, rest = season // 2, {}
    for row in range(half, len(values) - half):
        window = values[row - half : row + half + 1]
        weights = np.ones(len(window))
        if season % 2 == 0:
            weights[[0, -1]] = 0.5
        step = (row - len(values)) % season
        rest.setdefault(step, []).append(values[row] - np.average(window, weights=weights))
    pattern = np.array([np.mean(rest[step]) for step in range(season)])
    return pattern - pattern.mean()


@given(
    season=st.integers(2, 9),
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    padding=st.integers(0, 30),
)
def test_the_pattern_is_that_of_the_naive_twin(season, lengths, padding):
    """Which knows nothing of the rows that some series are filled up with."""
    random = np.random.default_rng(0)
    series = [random.normal(size=(length, 2)) for length in lengths]
    padded = [np.pad(each, ((padding, 0), (0, 0)), mode="edge") for each in series]
    offsets = np.append(0, np.cumsum([len(each) for each in padded]))
    found = seasonal_pattern(np.concatenate(padded), offsets, np.array(lengths), season)
    for values, pattern in zip(series, found, strict=True):
        wanted = np.zeros((season, 2))
        if len(values) >= 2 * season:
            wanted = np.stack([naive_pattern(column, season) for column in values.T], axis=1)
        np.testing.assert_allclose(pattern, wanted, atol=1e-12)


@pytest.mark.parametrize("units", ["standard", "naive"])
def test_what_is_left_is_standardised_and_comes_back(units):
    random = np.random.default_rng(1)
    lengths = np.array([40, 5, 33])
    offsets, values = np.append(0, lengths.cumsum()), random.normal(5, 3, (78, 2))
    values[:40] += np.resize([[9.0], [-9], [0], [0]], (40, 1))
    scaler = SeriesScaler.deseasonalizing(values, offsets, lengths, 4, units, naive=4)
    scaled = scaler.transform(values, offsets, "float64")
    if units == "standard":
        np.testing.assert_allclose(scaled[:40].mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(scaled[:40].std(axis=0), 1)
    before = scaler.later(np.full(3, -5))  # as if each ended five rows earlier
    ahead = before.inverse(np.stack([scaled[end - 5 : end] for end in offsets[1:]]))
    np.testing.assert_allclose(ahead, np.stack([values[end - 5 : end] for end in offsets[1:]]))


def test_a_season_and_nothing_else_is_forecast_exactly():
    season = np.array([3.0, -1, 4, -1, 5, -9, 2])
    series = pd.Series(np.resize(season, 70), daily(70).index)
    forecaster = small(deseasonalize=7, horizon=9).fit(series)
    np.testing.assert_allclose(forecaster.predict(), np.resize(season, 9), atol=1e-6)
    longer = forecaster.predict(rows_at(daily(100).index[70:]))
    np.testing.assert_allclose(longer, np.resize(season, 30), atol=1e-6)


def indexes():
    yield "dates", pd.date_range("2024-03-01", periods=90, freq="D")
    yield "zone", pd.date_range("2024-03-01", periods=90, freq="h", tz="Europe/Berlin")
    yield "days in a zone", pd.date_range("2024-03-01", periods=90, freq="D", tz="Europe/Berlin")
    yield "months", pd.date_range("2016-01-31", periods=90, freq="ME")
    yield "periods", pd.period_range("2016-01", periods=90, freq="M")
    yield "numbers", pd.RangeIndex(100, 190)


each_index = pytest.mark.parametrize(
    "index", [index for _, index in indexes()], ids=[name for name, _ in indexes()]
)


@each_index
@pytest.mark.parametrize("end", [50, 69, 70, 71, 83])
def test_a_history_is_at_its_own_step_of_the_season(index, end):
    season = np.array([3.0, -1, 4, -1, 5, -9, 2])
    series = pd.Series(np.resize(season, 90), index)
    forecaster = small(deseasonalize=7, horizon=3).fit(series[:70])
    wanted = np.resize(np.roll(season, -end), 3)
    np.testing.assert_allclose(forecaster.predict(history=series[:end]), wanted, atol=1e-6)


def test_series_of_a_panel_have_seasons_of_their_own():
    rows = [np.resize(season, 42) for season in ([1.0, 2, 3], [30.0, 10, 20])]
    days = daily(42).index
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": days[end:], "y": values[end:]})
        for name, values, end in zip("ab", rows, (0, 7), strict=True)
    )
    forecaster = small(deseasonalize=3, horizon=3).fit(frame)
    np.testing.assert_allclose(forecaster.predict()["y"], [1, 2, 3, 30, 10, 20], atol=1e-3)
    new = frame.replace({"unique_id": {"a": "c"}})
    new = new[new["ds"] < days[-1]]
    wanted = [3, 1, 2, 20, 30, 10]
    np.testing.assert_allclose(forecaster.predict(history=new)["y"], wanted, atol=1e-3)


def ragged():
    """Two series with noisy seasons of their own, which end at different steps of them."""
    frames = []
    for name, rows, season in (("a", 40, [3.0, -1, 4, -1, 5, -9, 2]), ("b", 43, [20.0, 0, -20])):
        y = wave(rows) + np.resize(season, rows)
        frames.append(pd.DataFrame({"unique_id": name, "ds": daily(rows).index, "y": y}))
    return pd.concat(frames, ignore_index=True)


def test_some_series_are_at_their_own_steps():
    frame = ragged()
    forecaster = small(deseasonalize=7, horizon=3).fit(frame)
    whole = forecaster.predict()
    found = forecaster.predict(history=frame[frame["unique_id"] == "b"])
    wanted = whole[whole["unique_id"] == "b"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, wanted)


def test_a_new_series_does_not_change_the_season_of_a_known_one():
    """It is that of training, although the history has seasons enough for another."""
    frame = ragged()
    forecaster = small(deseasonalize=7, horizon=3).fit(frame)
    known = frame[(frame["unique_id"] == "a") & (frame["ds"] >= "2024-01-20")]
    new = known.assign(unique_id="c", y=wave(len(known)) * 5)
    alone, beside = (
        forecaster.predict(history=history) for history in (known, pd.concat([known, new]))
    )
    pd.testing.assert_frame_equal(beside[:3], alone)


@pytest.mark.parametrize(
    "more",
    [
        {"loss": "quantile"},
        {"loss": "mase"},
        {"loss": "gaussian", "strategy": "recursive"},
        {"pooling": "local", "n_members": 2},
        {"channels": "independent", "linear_skip": True},
    ],
)
def test_it_goes_with_other_switches_and_is_saved(more, tmp_path):
    forecaster = small(deseasonalize=7, horizon=3, **more).fit(daily_frame())
    forecaster.save(tmp_path / "model")
    assert tsrnn.load(tmp_path / "model").predict().equals(forecaster.predict())


def test_quantiles_and_draws_have_the_season():
    season = np.array([3.0, -1, 4, -1, 5, -9, 2]) * 100
    series = wave(70) + np.resize(season, 70)
    forecaster = small(deseasonalize=7, horizon=7, loss="gaussian").fit(series)
    mean = forecaster.predict()
    assert np.corrcoef(mean, season)[0, 1] > 0.99
    assert np.abs(forecaster.sample(500, random_state=0).mean(axis=1) - mean).max() < 20


def test_a_history_of_another_kind_is_held_against_the_training_data():
    forecaster = small(deseasonalize=7).fit(daily())
    with pytest.raises(TypeError, match="as the training data have, not of periods"):
        forecaster.predict(history=daily().to_period("D"))
    with pytest.raises(ValueError, match="time zone UTC, the training data have None"):
        forecaster.predict(history=daily().tz_localize("UTC"))


def test_a_series_that_was_padded_to_two_seasons_has_none():
    frame = ragged()
    last = frame[(frame["unique_id"] == "a") | (frame["ds"] >= "2024-02-03")]  # ten rows of "b"
    forecaster = small(deseasonalize=7, lookback=14, horizon=3, short_series="pad").fit(last)
    patterns = forecaster._model.scaler.pattern
    assert patterns[0].any()
    assert not patterns[1].any()
    new = last[last["unique_id"] == "b"].replace({"unique_id": {"b": "c"}})
    _, past, _ = to_forecast(forecaster, None, new, None)
    assert not forecaster._model.scaler_of(past).pattern.any()
    with pytest.raises(ValueError, match=says("14 rows, and the longest series has 10")):
        small(deseasonalize=7, lookback=14, short_series="pad").fit(new)


def test_learning_goes_on_with_less_than_two_seasons():
    forecaster = small(deseasonalize=7, horizon=3).fit(daily(60))
    pattern = forecaster._model.scaler.pattern
    forecaster.partial_fit(daily(72)[60:])
    np.testing.assert_array_equal(np.roll(forecaster._model.scaler.pattern, 12, axis=1), pattern)


def test_learning_goes_on_at_the_right_step():
    season = np.array([3.0, -1, 4, -1, 5, -9, 2])
    series = pd.Series(np.resize(season, 90), daily(90).index)
    forecaster = small(deseasonalize=7, horizon=3).partial_fit(series[:50]).partial_fit(series[50:])
    np.testing.assert_allclose(forecaster.predict(), np.resize(np.roll(season, -90), 3), atol=1e-6)


def test_arrays_do_not_say_which_step_comes_next():
    forecaster = small(deseasonalize=7).fit(wave())
    assert np.isfinite(forecaster.predict()).all()
    with pytest.raises(ValueError, match=says("deseasonalize=7", "arrays and lists")):
        forecaster.predict(history=wave())


def test_a_history_between_the_steps():
    series = pd.Series(wave(), pd.date_range("2024", periods=60, freq="h"))
    forecaster = small(deseasonalize=7).fit(series)
    with pytest.raises(ValueError, match=says("no whole number of steps", "2024-01-03 11:30")):
        forecaster.predict(history=series.shift(freq="30min"))


def test_a_history_with_another_kind_of_index():
    forecaster = small(deseasonalize=7).fit(daily())
    with pytest.raises(TypeError, match=says("index of dates", "integers")):
        forecaster.predict(history=pd.Series(wave()))


def test_a_season_of_one_step_is_none():
    with pytest.raises(ValueError, match=says("'deseasonalize'", "[2, inf)")):
        small(deseasonalize=1).fit(daily())


@pytest.mark.parametrize("loss", ["smape", "poisson"])
def test_it_does_not_go_with_losses_of_sizes(loss):
    with pytest.raises(ValueError, match=says("deseasonalize=7", loss, "0 to stay 0")):
        small(deseasonalize=7, loss=loss).fit(daily())
