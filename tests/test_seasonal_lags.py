"""``seasonal_lags``: what was so many steps before each step is read as known of it."""

import numpy as np
import pandas as pd
import pytest
from small import daily, daily_frame, rows_at, says, small, wave
from test_covariate_gradients import (
    _forecast_with_pytorch,
    assert_like_pytorch,
    assert_like_reference,
    each_strategy,
)
from test_gradients import assert_slope, each_cell, each_dtype

import tsrnn
from tsrnn.kernels import Columns
from tsrnn.losses import SquaredError

COLUMNS = {"targets": Columns(2), "all": Columns(2, 1, 2, (3,), (4,))}
each_columns = pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
LAGS = 6, 13


@pytest.mark.kernels
@each_cell
@each_columns
@each_strategy
def test_gradient_is_the_slope_of_the_loss(problem, cell, columns, decoder):
    engine, batch = problem(cell, 2, columns=columns, decoder=decoder, lags=LAGS)
    assert_slope(engine, batch, SquaredError())


@pytest.mark.kernels
@each_cell
@each_columns
@each_strategy
@each_dtype
def test_kernels_agree_with_pytorch(problem, cell, columns, decoder, dtype, tolerance):
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    options = {"columns": columns, "decoder": decoder, "lags": LAGS, "weighted": True}
    engine, batch = problem(cell, 2, 2, dtype, **options)
    assert_like_pytorch(torch, _forecast_with_pytorch, engine, batch, tolerance)


@pytest.mark.kernels
@each_columns
@each_strategy
@pytest.mark.parametrize("more", [{}, {"skip": 5}, {"segment": 3}])
@pytest.mark.parametrize("count", [1, 70])
def test_kernels_agree_with_the_reference(problem, columns, decoder, more, count):
    options = {"decoder": decoder, "lags": LAGS, "count": count, **more}
    engine, batch = problem("gru", columns=columns, weighted=True, **options)
    assert_like_reference(engine, batch, 1e-10, dropout=0.3)


@pytest.mark.parametrize("strategy", ["direct", "recursive", "seq2seq"])
def test_a_long_lag_is_found_where_the_lookback_does_not_reach(strategy):
    """A season of noise that changes slowly: nothing but the lag can tell what comes."""
    seasons = np.random.default_rng(0).normal(size=(30, 30))
    seasons[1:] *= 0.2
    noise = seasons.cumsum(axis=0).ravel()
    settings = {"strategy": strategy, "lookback": 4, "horizon": 20, "hidden_size": 16}
    settings |= {"learning_rate": 0.01, "max_epochs": 10, "windows_per_epoch": 1024}
    settings |= {"normalize": None, "cell": "gru"}
    past, truth = noise[:-20], noise[-20:]
    errors = [
        np.abs(small(seasonal_lags=lags, **settings).fit(past).predict() - truth).mean()
        for lags in (None, [30])
    ]
    assert errors[1] < 0.4 < 0.8 < errors[0]


@pytest.mark.parametrize("lags", [[9], [5, 20]])
def test_rows_in_front_of_the_window_are_all_that_is_read(lags):
    series = daily(80)
    forecaster = small(horizon=5, seasonal_lags=lags).fit(series)
    needed = forecaster.lookback_ + max(lags) - 1
    wanted = forecaster.predict()
    assert forecaster.predict(history=series[-needed:]).equals(wanted)
    changed = series.copy()
    changed.iloc[: -needed - 1] = 0
    assert forecaster.predict(history=changed).equals(wanted)
    changed.iloc[-needed] += 1
    assert not forecaster.predict(history=changed).equals(wanted)
    with pytest.raises(ValueError, match=says(f"{needed - 1} rows", f"the last {needed}")):
        forecaster.predict(history=series[1 - needed :])


def test_longer_forecasts_are_fed_with_forecasts():
    series = daily(80)
    forecaster = small(horizon=5, seasonal_lags=[7]).fit(series)
    first, index = forecaster.predict(), daily(92).index[80:]
    several = forecaster.predict(rows_at(index))
    assert several[:5].equals(first)
    longer = forecaster.predict(history=pd.concat([series, first]))
    np.testing.assert_allclose(several[5:10], longer, rtol=1e-5)


@pytest.mark.parametrize("more", [{"supervision": "sequence"}, {"segment_length": 3}])
def test_it_goes_with_other_switches(more):
    frame = daily_frame(90)
    settings = {"horizon": 3, "seasonal_lags": [7, 14], "linear_skip": True, **more}
    assert small(**settings).fit(frame).predict().notna().all(axis=None)


def test_it_is_saved(tmp_path):
    forecaster = small(horizon=3, seasonal_lags=[7]).fit(daily())
    forecaster.save(tmp_path / "model")
    assert tsrnn.load(tmp_path / "model").predict().equals(forecaster.predict())


@pytest.mark.parametrize(
    ("lags", "words"),
    [
        ([7], ("7", "12 steps at once", "Use 14")),
        ([0], ("0", "Use 12")),
        ([24, 24], ("twice", "24")),
    ],
)
def test_lags_that_make_no_sense(lags, words):
    with pytest.raises(ValueError, match=says("seasonal_lags", *words)):
        small(horizon=12, seasonal_lags=lags).fit(wave())


@pytest.mark.parametrize("lag", [7.0, "week", True, None])
def test_lags_that_are_no_whole_numbers(lag):
    with pytest.raises(TypeError, match=says("whole numbers", repr(lag))):
        small(horizon=2, seasonal_lags=[lag]).fit(wave())


def test_too_few_rows():
    words = "20 rows", "seasonal lag 12 - 1 + lookback 6 + horizon 4 need 21"
    with pytest.raises(ValueError, match=says(*words)):
        small(horizon=4, seasonal_lags=[12]).fit(wave(20))
