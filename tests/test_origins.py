"""Many forecasts in one run along a window: as if there were a window for each of them."""

import numpy as np
import pytest
from conftest import named
from test_covariate_gradients import COLUMNS, each_columns
from test_gradients import assert_slope, each_cell, each_dtype

from tsrnn.kernels import Columns, WindowSet
from tsrnn.kernels.reference import Reference
from tsrnn.losses import Huber, NegativeBinomial, Quantiles, SquaredError

pytestmark = pytest.mark.kernels
STEPS, ORIGINS = 8, 4


def with_origins(batch, origins=ORIGINS):
    """The same windows, with a forecast after each of the last steps."""
    windows = batch.windows
    where = windows.starts, windows.location, windows.scale
    return WindowSet(windows.series, *where, windows.steps, windows.weights, origins).batch()


def up_to(batch, origin, origins=ORIGINS):
    """The windows cut after one of these steps, their level and scale as they were."""
    windows = batch.windows
    where = windows.starts, windows.location, windows.scale
    steps = windows.steps - origins + 1 + origin
    return WindowSet(windows.series, *where, steps, windows.weights).batch()


@each_cell
@each_columns
@pytest.mark.parametrize("skip", [0, STEPS - ORIGINS + 1])
@pytest.mark.parametrize("count", [7, 70])
def test_the_mean_over_windows_that_end_at_each_origin(problem, cell, columns, skip, count):
    options = {"columns": columns, "skip": skip, "weighted": True, "count": count}
    engine, batch = problem(cell, layers=2, horizon=3, steps=STEPS, **options)
    assert_mean(engine, batch, SquaredError(), 1e-10)


def assert_mean(engine, batch, loss, tolerance):
    """Of the loss and its gradient, over windows that end at each origin."""
    parameters = named(engine.architecture, engine.parameters[0])
    reference = Reference(engine.architecture, parameters)
    found = engine.loss_and_gradient({0: with_origins(batch)}, loss)[0]
    losses, gradients = zip(
        *(reference.loss_and_gradient(up_to(batch, origin), loss) for origin in range(ORIGINS)),
        strict=True,
    )
    assert found == pytest.approx(np.mean(losses), rel=tolerance)
    slopes = named(engine.architecture, engine.gradient[0])
    wanted = {
        name: np.mean([gradient.get(name, 0 * values) for gradient in gradients], axis=0)
        for name, values in slopes.items()
    }
    largest = max(np.abs(values).max(initial=0) for values in wanted.values())
    for name, values in wanted.items():
        assert np.abs(slopes[name] - values).max(initial=0) <= tolerance * largest, name


@each_dtype
@pytest.mark.parametrize("loss", [Huber(), Quantiles(), NegativeBinomial()], ids=str)
@pytest.mark.parametrize("skip", [0, STEPS - ORIGINS + 1])
def test_of_every_kind_of_loss_in_both_precisions(problem, dtype, tolerance, loss, skip):
    options = {"columns": COLUMNS["all"], "skip": skip, "weighted": True}
    options |= {"numbers": loss.numbers, "counts": loss.units == "counts"}
    engine, batch = problem("lstm", 2, 1, dtype, horizon=10, steps=STEPS, **options)
    assert_mean(engine, batch, loss, tolerance)


@pytest.mark.parametrize("targets", [1, 2])
def test_a_skip_may_read_more_rows_than_the_run(problem, targets):
    columns = {"columns": Columns(targets), "skip": STEPS + 5}
    engine, batch = problem("gru", 1, 1, horizon=3, steps=STEPS, **columns)
    windows = batch.windows
    windows.starts[:] = STEPS + windows.starts % 40  # there are such rows
    assert_mean(engine, batch, SquaredError(), 1e-10)


@each_cell
def test_gradient_is_the_slope_of_the_loss(problem, cell):
    engine, batch = problem(cell, 2, 1, horizon=3, steps=STEPS)
    assert_slope(engine, with_origins(batch), SquaredError())


def test_one_origin_is_a_window(problem):
    engine, batch = problem("gru", 2, 1, horizon=3, steps=STEPS)
    wanted = engine.loss_and_gradient({0: batch}, SquaredError())[0], engine.gradient.copy()
    found = engine.loss_and_gradient({0: with_origins(batch, 1)}, SquaredError())[0]
    assert found == wanted[0]
    np.testing.assert_array_equal(engine.gradient, wanted[1])
