"""Networks that read segments: the kernels against differences and two oracles."""

import numpy as np
import pytest
from test_covariate_gradients import assert_like_reference, each_columns
from test_gradients import assert_slope, each_cell, each_dtype, each_shape

from tsrnn.losses import SquaredError

pytestmark = pytest.mark.kernels

SIZES = {"segment": 3, "steps": 9, "horizon": 6, "weighted": True}


@each_cell
@each_shape
@each_columns
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_kernels_agree_with_the_reference(problem, cell, layers, directions, columns, dropout):
    engine, batch = problem(cell, layers, directions, columns=columns, **SIZES)
    assert_like_reference(engine, batch, 1e-10, dropout)


@each_cell
@each_shape
@each_columns
def test_gradient_is_the_slope_of_the_loss(problem, cell, layers, directions, columns):
    engine, batch = problem(cell, layers, directions, columns=columns, **SIZES)
    assert_slope(engine, batch, SquaredError())
