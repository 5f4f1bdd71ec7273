"""The register-tiled matrix product against NumPy: shapes, strides, panels, sums.

Small whole numbers make every sum exact, so that the two must agree to the last bit.
"""

import itertools

import numba
import numpy as np
import pytest

from tsrnn.kernels.cpu.native import kernel
from tsrnn.kernels.cpu.products import DEPTH, TILE_ROWS, TILE_VECTORS, UNROLL, multiply
from tsrnn.kernels.cpu.vectors import machine
from tsrnn.kernels.tape import context as c

pytestmark = pytest.mark.kernels

ROWS = [TILE_ROWS, 2 * TILE_ROWS, 5 * TILE_ROWS]
PANELS = range(1, 3 * TILE_VECTORS + 3)
DEPTHS = [UNROLL, 3 * UNROLL, DEPTH - UNROLL, DEPTH, DEPTH + UNROLL, 2 * DEPTH + 3 * UNROLL]

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def to_panels(matrix, lanes, gap):
    """(panels, rows * lanes + gap) from (rows, columns), NaN in the gap and in unused columns."""
    spare = -matrix.shape[1] % lanes
    matrix = np.pad(matrix, ((0, 0), (0, spare)), constant_values=np.nan)
    split = matrix.reshape(len(matrix), -1, lanes).swapaxes(0, 1)
    return np.pad(split.reshape(len(split), -1), ((0, 0), (0, gap)), constant_values=np.nan)


def from_panels(panels, lanes, gap):
    """The matrix again; nothing was written to the gaps."""
    used = panels.shape[1] - gap
    assert np.isnan(panels[:, used:]).all()
    return (
        panels[:, :used].reshape(len(panels), -1, lanes).swapaxes(0, 1).reshape(used // lanes, -1)
    )


def product(A, B, C, *, transposed=False, add=False, gap=0):
    """C = A B, or C += A B, by the kernel; NaN lies between the panels."""
    lanes = machine().lanes(A.dtype)
    a = to_panels(A.T if transposed else A, lanes, gap)
    b, result = to_panels(B, lanes, gap), to_panels(C, lanes, gap)
    context = np.zeros(c.SIZE, np.int64)
    context[[c.WORKSPACE, c.WEIGHTS, c.GRADIENT]] = [x.ctypes.data for x in (a, b, result)]
    arguments = np.array(
        [
            *(len(A), len(b), A.shape[1]),
            *(c.WORKSPACE, 0, a.shape[1]),
            *(c.WEIGHTS, 0, b.shape[1]),
            *(c.GRADIENT, 0, result.shape[1]),
            add,
        ],
        np.int64,
    )
    real = getattr(numba.types, A.dtype.name)
    kernel(multiply, transposed, real).call(context.ctypes.data, arguments.ctypes.data)
    return from_panels(result, lanes, gap)


def whole_numbers(random, shape, dtype):
    return random.integers(-8, 9, shape).astype(dtype)


@each_dtype
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("add", [False, True])
def test_every_shape_is_exact(dtype, transposed, add):
    random = np.random.default_rng(0)
    lanes = machine().lanes(dtype)
    for rows, panels, depth in itertools.product(ROWS, PANELS, DEPTHS):
        A = whole_numbers(random, (rows, depth), dtype)
        B = whole_numbers(random, (depth, panels * lanes), dtype)
        C = whole_numbers(random, (rows, panels * lanes), dtype)
        found = product(A, B, C, transposed=transposed, add=add)
        assert np.array_equal(found, A @ B + C * add), (rows, panels, depth)


@each_dtype
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("gap", [1, 5, 64])
def test_nothing_outside_the_matrices_is_touched(dtype, transposed, gap):
    random = np.random.default_rng(1)
    lanes = machine().lanes(dtype)
    for panels in PANELS:
        A = whole_numbers(random, (2 * TILE_ROWS, DEPTH + UNROLL), dtype)
        B = whole_numbers(random, (DEPTH + UNROLL, panels * lanes), dtype)
        C = np.zeros((2 * TILE_ROWS, panels * lanes), dtype)
        found = product(A, B, C, transposed=transposed, add=True, gap=gap)
        assert np.array_equal(found, A @ B), panels


@each_dtype
def test_real_numbers_are_rounded_as_they_should_be(dtype):
    random = np.random.default_rng(2)
    lanes = machine().lanes(dtype)
    for panels, depth in itertools.product(PANELS, DEPTHS):
        A = random.normal(size=(TILE_ROWS, depth)).astype(dtype)
        B = random.normal(size=(depth, panels * lanes)).astype(dtype)
        C = np.zeros((TILE_ROWS, panels * lanes), dtype)
        wide = A.astype(np.longdouble), B.astype(np.longdouble)
        bound = depth * np.finfo(dtype).eps * (np.abs(wide[0]) @ np.abs(wide[1]))
        assert (np.abs(product(A, B, C) - wide[0] @ wide[1]) <= bound).all(), (panels, depth)


@each_dtype
def test_what_was_there_counts_only_when_added_to(dtype):
    lanes = machine().lanes(dtype)
    A, B = np.ones((TILE_ROWS, DEPTH + UNROLL), dtype), np.ones((DEPTH + UNROLL, 2 * lanes), dtype)
    C = np.full((TILE_ROWS, 2 * lanes), np.nan, dtype)
    assert (product(A, B, C) == DEPTH + UNROLL).all()
    assert np.isnan(product(A, B, C, add=True)).all()


@each_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_row(dtype, bad):
    lanes = machine().lanes(dtype)
    depth = 2 * UNROLL
    A, B = np.ones((2 * TILE_ROWS, depth), dtype), np.ones((depth, 3 * lanes), dtype)
    A[TILE_ROWS + 1, 2] = bad
    found = product(A, B, np.zeros((2 * TILE_ROWS, 3 * lanes), dtype))
    finite = np.isfinite(found).all(axis=1)
    assert np.flatnonzero(~finite).tolist() == [TILE_ROWS + 1]
    assert not np.isfinite(found[TILE_ROWS + 1]).any()
