"""Networks that read segments: the kernels against differences and two oracles; forecasts."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_series_equal
from small import says, small, wave
from test_covariate_gradients import (
    assert_like_pytorch,
    assert_like_reference,
    each_columns,
    inputs_with_pytorch,
    run_with_pytorch,
)
from test_gradients import assert_slope, each_cell, each_dtype, each_shape

import tsrnn
from tsrnn import RNNForecaster
from tsrnn.baselines import seasonal_naive
from tsrnn.datasets import load_air_passengers
from tsrnn.kernels import Columns
from tsrnn.kernels.cells import CELLS
from tsrnn.losses import SquaredError
from tsrnn.metrics import mae
from tsrnn.persistence import ModelFileError, read_model, write_model

kernels = pytest.mark.kernels
SIZES = {"segment": 3, "steps": 9, "horizon": 6, "weighted": True}


@kernels
@each_cell
@each_shape
@each_columns
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_kernels_agree_with_the_reference(problem, cell, layers, directions, columns, dropout):
    engine, batch = problem(cell, layers, directions, columns=columns, **SIZES)
    assert_like_reference(engine, batch, 1e-10, dropout)


@kernels
@each_cell
@each_shape
@each_columns
def test_gradient_is_the_slope_of_the_loss(problem, cell, layers, directions, columns):
    engine, batch = problem(cell, layers, directions, columns=columns, **SIZES)
    assert_slope(engine, batch, SquaredError())


@kernels
@each_cell
@each_columns
@each_dtype
@pytest.mark.parametrize("count", [1, 15, 70])
def test_every_size_of_batch(problem, cell, columns, dtype, tolerance, count):
    engine, batch = problem(cell, 2, 2, dtype, columns=columns, count=count, **SIZES)
    assert_like_reference(engine, batch, tolerance, dropout=0.3)


@kernels
@pytest.mark.parametrize("hidden", [1, 8, 17])
@pytest.mark.parametrize(
    ("segment", "steps", "horizon"), [(1, 1, 1), (1, 4, 20), (5, 5, 5), (12, 24, 12), (2, 22, 18)]
)
@pytest.mark.parametrize("targets", [1, 3])
def test_every_width_and_horizon(problem, hidden, segment, steps, horizon, targets):
    columns = Columns(targets, 1, 4, (3,), (6,))
    sizes = {"hidden": hidden, "segment": segment, "steps": steps, "horizon": horizon}
    engine, batch = problem("gru", columns=columns, **sizes)
    assert_like_reference(engine, batch, 1e-10)


@kernels
@each_cell
@each_shape
@each_columns
@each_dtype
def test_kernels_agree_with_pytorch(problem, cell, layers, directions, columns, dtype, tolerance):
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    engine, batch = problem(cell, layers, directions, dtype, columns=columns, **SIZES)
    assert_like_pytorch(torch, _forecast_with_pytorch, engine, batch, tolerance)


def _forecast_with_pytorch(torch, architecture, parameters, batch):
    """The decoder runs one step from the same states for each position, as in SegRNN's code."""
    x, known = (
        rows.unflatten(1, (-1, architecture.segment)).flatten(2)  # (N, segments, all their rows)
        for rows in inputs_with_pytorch(torch, architecture, parameters, batch)
    )
    linear, weights = torch.nn.functional.linear, parameters
    x = torch.relu(linear(x, weights["segment.weight"], weights["segment.bias"]))
    _, states = run_with_pytorch(torch, architecture, parameters, "", x)
    shape = architecture.num_layers, architecture.directions
    states = tuple(state.unflatten(0, shape).sum(dim=1) for state in states)
    forecasts = []
    for p, position in enumerate(parameters["position.weight"]):
        own = position.expand(batch.count, -1)
        if architecture.future_inputs:
            own = own + linear(known[:, p], parameters["known.weight"])
        h, _ = run_with_pytorch(torch, architecture, parameters, "decoder.", own[:, None], states)
        forecasts.append(linear(h[:, 0], parameters["head.weight"], parameters["head.bias"]))
    sizes = architecture.horizon, architecture.columns.targets
    return torch.cat(forecasts, dim=1).unflatten(1, sizes)


@kernels
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_forecast_does_not_depend_on_the_windows_beside_it(problem, cell, dtype):
    columns = Columns(2, 1, 2, (3,), (4,))
    engine, batch = problem(cell, 2, 2, dtype, columns=columns, count=300, **SIZES)
    together = engine.predict({0: batch})[0]
    for first, count in ((0, 1), (3, 8), (17, 100), (5, 295)):
        alone = engine.predict({0: batch.windows.batch(first, count)})[0]
        assert alone.tobytes() == together[first : first + count].tobytes()


def test_it_learns_the_seasons_of_a_real_series():
    """Air passengers but for the last year."""
    y = load_air_passengers()[:-12]
    past, truth = y[:-12], y[-12:]
    forecaster = RNNForecaster(
        lookback=36,
        horizon=12,
        segment_length=12,
        max_epochs=50,
        linear_skip=False,
        normalize="standard",
        random_state=0,
    ).fit(past)
    assert forecaster.loss_curve_[-1] < 0.1 * forecaster.loss_curve_[0]
    assert mae(truth, forecaster.predict()) < 0.7 * mae(truth, seasonal_naive(past, 12, 12))


@pytest.mark.parametrize(
    ("segment", "horizon", "lookback"), [(1, 5, 24), (6, 12, 24), (5, 10, 20), (7, 28, 28)]
)
def test_default_lookback_is_a_multiple(segment, horizon, lookback):
    y = pd.Series(np.sin(np.arange(100.0)), pd.period_range("2000-01", periods=100, freq="M"))
    parameters = {"lookback": None, "horizon": horizon, "segment_length": segment}
    assert small(**parameters).fit(y).lookback_ == lookback


def test_a_segment_is_forecast_from_all_that_is_known_of_it():
    X = pd.DataFrame({"price": np.random.default_rng(3).normal(5, 2, 69)})
    past, ahead = X[:60], X[60:]
    forecaster = small(segment_length=3, horizon=6).fit(past, pd.Series(wave()))
    whole = forecaster.predict(ahead)
    for rows in (3, 6):
        assert_series_equal(forecaster.predict(ahead[:rows]), whole[:rows], check_exact=True)
    for rows, more in ((1, 2), (5, 1), (8, 1)):
        words = f"X has {rows} rows", "segment_length=3", f"{more} more, or {3 - more} less"
        with pytest.raises(ValueError, match=says(*words)):
            forecaster.predict(ahead[:rows])


def test_dropout_counts_with_one_layer():
    y = np.sin(np.arange(60.0))
    options = {"lookback": 6, "horizon": 3, "segment_length": 3, "random_state": 0}
    without, some = (small(dropout=share, **options).fit(y) for share in (0.0, 0.5))
    assert (without.params_["head.weight"] != some.params_["head.weight"]).any()


@pytest.mark.parametrize("covariates", [False, True])
def test_a_loaded_forecaster_is_the_one_that_was_saved(tmp_path, covariates):
    days = pd.date_range("2024-01-01", periods=66)
    X = pd.DataFrame({"price": np.arange(66.0) % 5, "shop": "open"}, days)
    y = pd.Series(np.sin(np.arange(60.0)), days[:60])
    known, ahead = (X[:60], X[60:]) if covariates else (X[[]][:60], X[[]][60:])
    forecaster = small(lookback=12, horizon=6, segment_length=3).fit(known, y)
    forecaster.save(tmp_path / "model.tsrnn")
    loaded = tsrnn.load(tmp_path / "model.tsrnn")
    assert loaded.get_params() == forecaster.get_params()
    pd.testing.assert_series_equal(loaded.predict(ahead), forecaster.predict(ahead))


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("architecture", "segment", 2),
        ("architecture", "segment", -3),
        ("architecture", "decoder", False),
        ("network", 0, 11),  # the lookback; the file holds as many rows
    ],
)
def test_a_file_whose_segments_do_not_fit_is_refused(tmp_path, part, key, value):
    path = tmp_path / "model"
    small(lookback=12, horizon=6, segment_length=3).fit(np.sin(np.arange(60.0))).save(path)
    arrays, facts = read_model(path)
    facts[part][key] = value
    write_model(path, arrays, facts)
    with pytest.raises(ModelFileError, match="model holds no forecaster"):
        tsrnn.load(path)


@kernels
@each_columns
@each_dtype
def test_a_skip_path_goes_with_segments(problem, columns, dtype, tolerance):
    engine, batch = problem("gru", 2, 2, dtype, columns=columns, skip=9, **SIZES)
    assert_like_reference(engine, batch, tolerance, 0.3)
