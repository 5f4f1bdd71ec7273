"""``RNNForecaster.suggest``: parameters that suit the data, and why."""

import numpy as np
import pandas as pd
import pytest
from small import daily, says, wave
from test_panel_forecasts import long_frame

from tsrnn import RNNForecaster
from tsrnn.datasets import load_air_passengers, load_taylor_demand
from tsrnn.losses import LOSSES
from tsrnn.metrics import mape


def suggest(data, horizon=1, **parameters):
    return RNNForecaster.suggest(data, horizon=horizon, random_state=0, **parameters)


def hours(days, pattern):
    """An hourly series of whole days."""
    values = np.resize(pattern, 24 * days) + np.random.default_rng(0).normal(0, 0.1, 24 * days)
    return pd.Series(values, pd.date_range("2024-01-01", periods=24 * days, freq="h"))


def test_every_choice_has_a_reason_and_is_a_parameter():
    forecaster = suggest(load_air_passengers(), 12)
    defaults = RNNForecaster()
    changed = {
        name
        for name, value in forecaster.get_params().items()
        if value != getattr(defaults, name) and name != "random_state"
    }
    assert changed <= set(forecaster.why)
    assert all(isinstance(why, str) and why for why in forecaster.why.values())
    assert not hasattr(forecaster, "params_")


@pytest.mark.parametrize("horizon", [1, 5, 7, 12, 24])
@pytest.mark.parametrize("more", [2, 6, 20, 400])
def test_what_is_suggested_can_be_fitted(more, horizon):
    series = daily(horizon + more)
    quick = {"max_epochs": 1, "windows_per_epoch": 32, "n_members": 1}
    forecast = suggest(series, horizon, **quick).fit(series).predict()
    assert len(forecast) == horizon
    assert forecast.notna().all()


@pytest.mark.parametrize(
    "settled",
    [
        {"strategy": "seq2seq"},
        {"strategy": "recursive"},
        {"supervision": "sequence"},
        {"supervision": "sequence", "burn_in": 40},
        {"lookback": 13},
        {"lookback": 14},
        {"segment_length": 7, "lookback": 21},
        {"segment_length": 2},
        {"segment_length": 7},
        {"segment_length": None, "bidirectional": True},
        {"seasonal_lags": [28]},
        {"deseasonalize": 7},
        {"pooling": "local"},
        *({"loss": loss} for loss in LOSSES if loss != "mae"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["days", "half-hours", "months"])
def test_what_is_suggested_goes_with_what_is_settled(kind, settled):
    series = {
        "days": daily(300),
        "half-hours": load_taylor_demand()[:1400],
        "months": load_air_passengers()[:100],
    }[kind]
    quick = {"max_epochs": 1, "windows_per_epoch": 8, "n_members": 1, "hidden_size": 3}
    forecaster = suggest(series, 14, **quick, **settled)
    forbids = LOSSES[forecaster.loss]().units in ("size", "counts")
    assert not (forbids and forecaster.deseasonalize)
    assert len(forecaster.fit(series).predict()) == 14


@pytest.mark.slow
def test_a_forecaster_has_no_suggestions_that_would_not_heed_its_parameters():
    with pytest.raises(AttributeError, match=r"heeds no parameters .* RNNForecaster.suggest"):
        RNNForecaster(cell="rnn").suggest(load_air_passengers())
    assert not hasattr(RNNForecaster(), "suggest")


def test_it_forecasts_better_than_the_year_before():
    passengers = load_air_passengers()
    train, truth = passengers[:-12], passengers[-12:]
    forecast = suggest(train, 12).fit(train).predict()
    assert mape(truth, forecast) < mape(truth, train[-12:].to_numpy())


def test_a_week_is_read_where_there_are_three_and_taken_off_where_it_tells_more():
    day, week = np.sin(np.arange(24)), np.random.default_rng(1).normal(0, 3, 168)
    short, daily_alone, weekly = hours(15, day), hours(60, day), hours(60, week)
    assert suggest(short, 24).lookback == 48
    assert suggest(daily_alone, 24).lookback == 168
    assert suggest(weekly, 24).lookback == 48
    assert suggest(daily_alone, 24).deseasonalize is None
    assert suggest(weekly, 24).deseasonalize == 168
    assert suggest(load_taylor_demand(), 48).deseasonalize == 336


def test_a_season_is_found_where_the_index_tells_none():
    season = np.random.default_rng(0).normal(0, 2, 17)
    noisy = np.resize(season, 400) + np.random.default_rng(1).normal(0, 0.5, 400)
    found = suggest(noisy, 17)
    assert found.lookback == 34
    assert "found in the values" in found.why["lookback"]
    noise = np.random.default_rng(0).normal(size=400)
    assert suggest(noise, 17).why["lookback"].startswith("twice the horizon")


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("season", [2, 5, 12, 24, 168])
def test_a_smooth_season_is_found_as_it_is(season, noise):
    """Not at a lag near it, where changes are nearly as much alike, nor at the first ones."""
    time = np.arange(3000)
    wave = np.cos(2 * np.pi * time / season) + np.random.default_rng(0).normal(0, noise, 3000)
    if noise and season == 168:
        wave = pd.Series(wave).rolling(24).mean().dropna().to_numpy()  # changes are else all noise
    lookback = suggest(wave, 1).lookback
    assert lookback in (4 * season, 2 * season)


def test_slow_changes_are_no_season():
    level = np.random.default_rng(0).normal(size=3000).cumsum().cumsum()
    assert "no season is known" in suggest(level, 1).why["lookback"]


def test_a_walk_is_measured_from_its_last_value_and_noise_from_its_mean():
    noise = np.random.default_rng(0).normal(size=4000)
    assert suggest(noise.cumsum(), 5).normalize == "last"
    assert suggest(noise, 5).normalize == "mean"


def test_most_series_of_a_panel_tell_what_all_are_like():
    frame = long_frame(dict.fromkeys("abcde", 400))
    values = np.random.default_rng(0).normal(size=(5, 400))
    values[0] = values[0].cumsum()  # a walk, and noise
    assert suggest(frame.assign(y=values.ravel()), 5, segment_length=None).normalize == "standard"


def test_segments_divide_the_horizon():
    series = hours(120, np.sin(np.arange(24)))
    lengths = {h: suggest(series, h).segment_length for h in (1, 3, 6, 17, 24, 29, 48, 96)}
    assert lengths == {1: None, 3: None, 6: 6, 17: 17, 24: 24, 29: None, 48: 24, 96: 24}


def test_few_windows_are_not_read_in_segments():
    forecaster = suggest(load_air_passengers(), 12)
    assert (forecaster.segment_length, forecaster.dropout) == (None, 0)
    assert forecaster.linear_skip


def test_a_linear_path_is_not_fed_with_its_own_forecasts():
    forecaster = suggest(load_air_passengers(), 12, strategy="recursive")
    assert "linear_skip" not in forecaster.why
    assert "skip.weight" not in forecaster.set_params(max_epochs=1).fit(wave(60)).params_


def test_a_season_is_read_of_few_rows_too():
    assert suggest(load_air_passengers()[:30], 12).lookback == 12
    assert RNNForecaster(horizon=12).fit(load_air_passengers()[:30]).lookback_ == 12


def test_several_columns_are_series_of_one_network():
    assert suggest(wave(200), 4).channels == "joint"
    assert suggest(np.stack([wave(200)] * 3, axis=1), 4).channels == "independent"


def test_more_data_make_a_larger_network_and_need_no_ensemble():
    few, many = suggest(wave(200), 4), suggest(wave(60_000), 4)
    assert few.hidden_size < many.hidden_size
    assert few.n_members > 1 == many.n_members


def test_what_is_settled_stays():
    given = {"lookback": 5, "loss": "mse", "verbose": 1}
    forecaster = suggest(wave(200), 4, segment_length=None, **given)
    assert {name: getattr(forecaster, name) for name in given} == given
    assert not set(given) & set(forecaster.why)
    assert forecaster.segment_length is None


def test_short_series_are_padded():
    frame = long_frame({"a": 60, "b": 11, "c": 75})
    assert suggest(long_frame({"a": 60, "c": 75}), 2).short_series == "raise"
    forecaster = suggest(frame, 2)
    assert forecaster.short_series == "pad"
    assert "11 rows" in forecaster.why["short_series"]
    assert suggest(frame, 2, lookback=9).short_series == "raise"
    assert suggest(frame, 2, lookback=9, seasonal_lags=[2]).short_series == "pad"


def test_series_that_a_recursive_forecast_can_read_are_not_padded():
    frame = long_frame({"a": 60, "b": 16, "c": 75})
    assert suggest(frame, 6, segment_length=None).short_series == "pad"
    assert suggest(frame, 6, strategy="recursive").short_series == "raise"


def test_of_what_is_seldom_sold_totals_are_right():
    random = np.random.default_rng(0)
    sold = np.where(random.random(400) < 0.3, random.poisson(20, 400), 0).astype(float)
    y = pd.Series(sold, daily(400).index)
    forecaster = suggest(y, 28, n_members=1)
    assert forecaster.loss == "mse"
    assert "0" in forecaster.why["loss"]
    assert 0.7 < forecaster.fit(y).predict().mean() / sold.mean() < 1.4
    assert suggest(y.where(y > 0, 1.0), 28).loss == "mae"


@pytest.mark.parametrize("series", [daily(40), daily(40).to_numpy()], ids=["dates", "array"])
def test_what_nothing_could_be_fitted_to_is_refused(series):
    with pytest.raises(ValueError, match=says("40 rows", "lookback 24 + horizon 24 need 48")):
        suggest(series, 24, segment_length=24)
    words = says("early_stopping leaves nothing to train on", "validation_fraction 0.5")
    with pytest.raises(ValueError, match=words):
        suggest(series, 20, early_stopping=True, validation_fraction=0.5)
    with_segments = suggest(series, 4, burn_in=25, segment_length=4)
    assert with_segments.lookback == suggest(series, 4, segment_length=4).lookback
    with pytest.raises(ValueError, match=says("burn_in=30 is longer than lookback 6")):
        suggest(series, 3, supervision="sequence", burn_in=30, lookback=6)
    with pytest.raises(ValueError, match=says("horizon=5 is no multiple of segment_length=2")):
        suggest(series, 5, segment_length=2)
    fitting = suggest(series, 12, segment_length=12, n_members=1, max_epochs=1).fit(series)
    assert fitting.lookback_ == 12


def test_panels_and_covariates():
    frame = long_frame(shop="open", price=2.0)
    quick = {"max_epochs": 1, "windows_per_epoch": 32, "n_members": 1}
    forecaster = suggest(frame, 2, static_covariates=["shop"], past_covariates=["price"], **quick)
    assert len(forecaster.fit(frame).predict()) == 2 * frame["unique_id"].nunique()


def test_bad_data_and_parameters_are_refused():
    with pytest.raises(ValueError, match=says("X is empty")):
        suggest([])
    with pytest.raises(ValueError, match=says("horizon", "0")):
        suggest(wave(), 0)
    with pytest.raises(TypeError, match=says("lokback")):
        suggest(wave(), lokback=3)
