"""What a forecaster chooses unasked: the linear path and what windows are freed from."""

import numpy as np
import pandas as pd
import pytest
from small import daily, daily_frame, small, wave

from tsrnn import RNNForecaster
from tsrnn.baselines import seasonal_naive
from tsrnn.datasets import load_air_passengers
from tsrnn.metrics import mae

AUTO = {"linear_skip": "auto", "normalize": "auto"}


def panel(*names):
    parts = [daily(40).rename("y").rename_axis("ds").reset_index() for _ in names]
    return pd.concat(parts, keys=names, names=["unique_id", "row"]).reset_index("unique_id")


def frees_from(data, **options):
    """What the windows of a fitted forecaster are freed from."""
    return small(**AUTO | options).fit(data)._model.network.normalize


def has_path(data, **options):
    return "skip.weight" in small(**AUTO | options).fit(data).params_


def test_one_series_is_freed_from_its_last_value_and_several_are_standardised():
    assert frees_from(daily()) == frees_from(daily_frame()) == "last"
    assert frees_from(panel("a")) == "last"
    assert frees_from(panel("a", "b")) == "standard"
    assert frees_from(daily_frame(), channels="independent") == "standard"
    assert frees_from(panel("a", "b"), pooling="local") == "last"
    assert frees_from(panel("a", "b"), normalize="mean") == "mean"
    assert frees_from(daily(), normalize=None) is None


@pytest.mark.parametrize("loss", ["mse", "mae", "smape", "mase", "quantile", "student_t"])
def test_there_is_a_path_with_every_loss_but_those_of_counts(loss):
    assert has_path(daily(), loss=loss)


@pytest.mark.parametrize("loss", ["poisson", "negative_binomial"])
def test_counts_have_none(loss):
    assert not has_path(np.arange(60), loss=loss)


def test_forecasts_that_are_fed_back_step_by_step_have_one_if_it_is_asked_for():
    assert not has_path(daily(), strategy="recursive")
    assert has_path(daily(), strategy="recursive", linear_skip=True)


def test_very_long_lookbacks_have_one_if_it_is_asked_for():
    y, options = wave(1100), {"segment_length": 5, "horizon": 5}
    assert has_path(y, lookback=1020, **options)
    assert not has_path(y, lookback=1025, **options)
    assert has_path(y, lookback=1025, linear_skip=True, **options)


def test_partial_fit_goes_on_with_what_was_chosen():
    forecaster = small(**AUTO).fit(panel("a", "b"))
    assert forecaster.partial_fit(panel("a"))._model.network.normalize == "standard"
    forecaster.set_params(normalize="standard", linear_skip=True).partial_fit(panel("a"))
    with pytest.raises(ValueError, match="normalize='standard', and normalize is now 'last'"):
        forecaster.set_params(normalize="last").partial_fit(panel("a"))


@pytest.mark.parametrize(("rows", "most"), [(30, 1.15), (48, 1.05), (72, 1.05)])
def test_few_rows_of_a_season_are_forecast_about_as_the_season_before(rows, most):
    """Where there is nothing to learn but the season, a network may not invent more."""
    random = np.random.default_rng(0)
    season = np.tile(random.normal(size=12) * 10, 12)[: rows + 12]
    index = pd.date_range("2015-01", periods=rows + 12, freq="MS")
    ours, naive = [], []
    for _ in range(8):
        y = pd.Series(100 + season + random.normal(size=rows + 12), index)
        past, truth = y[:rows], y[rows:]
        forecast = RNNForecaster(horizon=12, random_state=0).fit(past).predict()
        ours.append(mae(truth, forecast))
        naive.append(mae(truth, seasonal_naive(past, 12, 12)))
    assert np.mean(ours) < most * np.mean(naive)


def test_the_airline_passengers_of_five_years_are_forecast_better_than_the_season_before():
    """The year 1960 aside, which benchmarks/airline.py is about."""
    y, ours, naive = load_air_passengers(), [], []
    for year in range(1955, 1960):
        past, truth = y[: str(year - 1)], y[str(year)]
        ours.append(mae(truth, RNNForecaster(horizon=12, random_state=0).fit(past).predict()))
        naive.append(mae(truth, seasonal_naive(past, 12, 12)))
    assert np.mean(ours) < 0.55 * np.mean(naive)
