"""The linear model of a window in closed form: where a network with a skip path starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import solve

from tsrnn.blas import blas_on_one_thread
from tsrnn.kernels import WindowSet
from tsrnn.network import Network
from tsrnn.windows import spread_out

# Relative to the mean square of what is read.
PENALTY = 1e-4
# More windows than this say hardly more about a straight line.
MOST_WINDOWS = 2**18
# Numbers of windows that are written out at a time.
_CHUNK = 1 << 20


def ridge(
    network: Network, series: np.ndarray, starts: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression (Hoerl & Kennard, 1970) of each step of each target on its own last values.

    Windows are normalised as the network's are, and never written out all at once: a few at a time
    are added to the normal equations.

    Parameters
    ----------
    network : Network
        Whose horizon and normalisation count.
    series : ndarray, shape (rows, columns)
    starts : ndarray of int64
        Of the windows. Of more than ``MOST_WINDOWS`` an even part is taken; with weights of more
        than that by the horizon, as there are equations for each of its steps.
    weights : ndarray, shape (rows,), default=None
        How much the forecast of each row counts. Every step then has equations of its own.

    Returns
    -------
    weight : ndarray of float64, shape (horizon * targets, lookback)
    bias : ndarray of float64, shape (horizon * targets,)
        Step by step, as the parameters ``skip.weight`` and ``skip.bias``.
    """
    horizon, targets = network.architecture.horizon, network.architecture.columns.targets
    most, groups = MOST_WINDOWS, [list(range(horizon))]
    if weights is not None:
        most = max(most // horizon, 4 * network.lookback)
        groups = [[step] for step in range(horizon)]
    if len(starts) > most:
        starts = starts[spread_out(len(starts), most)]
    windows = network.windows(series, starts, weights)
    weight = np.empty((horizon, targets, network.lookback))
    bias = np.empty((horizon, targets))
    with blas_on_one_thread():
        for target in range(targets):
            for steps in groups:
                equations = _normal_equations(windows, target, steps)
                weight[steps, target], bias[steps, target] = _solution(*equations)
    return weight.reshape(-1, network.lookback), bias.ravel()


def _normal_equations(
    windows: WindowSet, target: int, steps: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over windows of [x 1]^T [x 1] and of [x 1]^T y, weighted by the first of the steps."""
    lookback = windows.steps
    gram, moment = np.zeros((lookback + 1, lookback + 1)), np.zeros((lookback + 1, len(steps)))
    ahead = lookback + np.asarray(steps)
    rows = np.concatenate([np.arange(lookback), ahead])
    at_once = max(1, _CHUNK // len(rows))
    for first in range(0, len(windows), at_once):
        part = slice(first, first + at_once)
        starts = windows.starts[part]
        values = windows.series[starts[:, None] + rows, target].astype(np.float64)
        values -= windows.location[part, target, None]
        values *= windows.inverse_scale[part, target, None]
        x = np.column_stack([values[:, :lookback], np.ones(len(values))])
        weighted = x if windows.weights is None else x * windows.weights[starts + ahead[0], None]
        gram += weighted.T @ x
        moment += weighted.T @ values[:, lookback:]
    return gram, moment


def _solution(gram: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (steps, lookback) and biases (steps,); the latter are not penalised."""
    squares, total, products = gram[:-1, :-1], gram[-1, :-1], moment[:-1]
    count = gram[-1, -1] or 1.0  # none: all sums are 0
    size = np.trace(squares) / len(squares)
    centred = squares - np.outer(total, total) / count
    centred[np.diag_indices_from(centred)] += PENALTY * size or 1.0  # all x are 0
    products = products - np.outer(total, moment[-1]) / count
    weights = solve(centred, products, assume_a="pos")
    return weights.T, (moment[-1] - total @ weights) / count
