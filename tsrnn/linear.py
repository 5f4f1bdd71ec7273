"""The linear model of a window in closed form: where a network with a skip path starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from scipy.linalg import eigh, solve

from tsrnn.blas import blas_on_one_thread
from tsrnn.kernels import WindowSet
from tsrnn.network import Network
from tsrnn.windows import spread_out

# How much the weights may be held back, relative to the mean square of what is read.
PENALTIES = 10.0 ** np.arange(-4, 3.5, 0.5)
# More windows than this say hardly more about a straight line.
MOST_WINDOWS = 2**18
# Numbers of windows that are written out at a time.
_CHUNK = 1 << 20
_LEAST_FREEDOM = 0.1  # errors are not taken to be more than ten times those of the windows


class Path(NamedTuple):
    """A linear path, in float64; rows step by step, target by target."""

    weight: np.ndarray
    """(horizon * targets, lookback), as the parameter ``skip.weight``."""
    bias: np.ndarray
    """(horizon * targets,), as ``skip.bias``."""
    freedom: np.ndarray
    """(targets,): the share that the windows have left; errors elsewhere are so much larger."""


def ridge(
    network: Network,
    series: np.ndarray,
    starts: np.ndarray,
    season: int = 1,
    weights: np.ndarray | None = None,
    added: np.ndarray | None = None,
) -> Path:
    """Ridge regression of each step of each target on its own last values.

    Weights are held back from those of the seasonal naive forecast, not from 0 (Hoerl & Kennard,
    1970), so what few windows tell becomes a correction of that forecast. So is the bias, their
    drift: it is the weight of one more value, as large in every window as the others are on
    average. How much is chosen by generalised cross-validation (Golub, Heath & Wahba, 1979), alike
    for all steps of a target. Windows are normalised as the network's are, and never written out
    all at once: a few at a time are added to the normal equations.

    Parameters
    ----------
    network : Network
        Whose horizon and normalisation count.
    series : ndarray, shape (rows, columns)
    starts : ndarray of int64
        Of the windows. Of more than ``MOST_WINDOWS`` an even part is taken; with weights of more
        than that by the horizon, as there are equations for each of its steps.
    season : int, default=1
        Steps in a season; of one longer than the lookback, the last value takes its place.
    weights : ndarray, shape (rows,), default=None
        How much the forecast of each row counts. Every step then has equations of its own.
    added : ndarray, shape (rows, targets), default=None
        What something else adds to the normalised forecast of each row.

    Returns
    -------
    Path
    """
    horizon, targets = network.architecture.horizon, network.architecture.columns.targets
    lookback, steps, most = network.lookback, np.arange(horizon), MOST_WINDOWS
    if weights is not None:
        most = max(most // horizon, 4 * lookback)
    if len(starts) > most:
        starts = starts[spread_out(len(starts), most)]
    windows = network.windows(series, starts, weights)
    naive = naive_places(lookback, horizon, season)
    weight, bias = np.zeros((horizon, targets, lookback)), np.empty((horizon, targets))
    freedom = np.empty(targets)
    weight[steps, :, naive] = 1
    with blas_on_one_thread():
        for target in range(targets):
            other = None if added is None else added[:, target]
            alike = _equations(windows, target, steps, naive, other)
            penalty, freedom[target] = chosen(alike)
            groups = [(steps, alike)]
            if weights is not None:
                each = np.split(steps, horizon)
                groups = [(step, _equations(windows, target, step, naive, other)) for step in each]
            for some, equations in groups:
                correction, bias[some, target] = equations.solution(penalty)
                weight[some, target] += correction
    return Path(weight.reshape(-1, lookback), bias.ravel(), freedom)


def naive_places(lookback: int, horizon: int, season: int) -> np.ndarray:
    """Where in a window the seasonal naive forecast of each step stands.

    Examples
    --------
    >>> naive_places(lookback=5, horizon=4, season=3), naive_places(2, 4, season=3)
    (array([2, 3, 4, 2]), array([1, 1, 1, 1]))
    """
    season = season if season <= lookback else 1
    return lookback - season + np.arange(horizon) % season


class Equations(NamedTuple):
    """Sums over windows of products of x, what is read, and r, the naive forecast's errors.

    The last x is the same in all windows: its weight makes the bias.
    """

    windows: float
    """How many, each weighted as the steps to come are on average."""
    constant: float
    """The last x: the root of the mean square of the others, or 1 if they are all 0."""
    xx: np.ndarray
    xr: np.ndarray
    """Shapes (lookback + 1, lookback + 1) and (lookback + 1, steps)."""
    rr: float
    """Of all steps."""

    @classmethod
    def of(cls, products: np.ndarray, squares: float) -> Self:
        """From sums of products of [x 1] with [x 1 r], and of squares of r."""
        last = len(products) - 1
        count = products[last, last]
        mean_square = np.trace(products[:, :last]) / last / (count or 1.0)  # no windows: 0 / 1
        constant = np.sqrt(mean_square) or 1.0
        products[last] *= constant
        products[:, last] *= constant
        xx, xr = np.split(products, [last + 1], axis=1)
        return cls(count, float(constant), xx, xr, squares)

    @property
    def size(self) -> float:
        """Sum of squares of one x, what penalties are relative to."""
        return float(self.xx[-1, -1]) or 1.0  # without windows

    def solution(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Weights (steps, lookback) and biases (steps,) that correct the naive forecast."""
        held = self.xx.copy()
        held[np.diag_indices_from(held)] += penalty * self.size
        weights = solve(held, self.xr, assume_a="pos")
        return weights[:-1].T, self.constant * weights[-1]


def read_windows(
    windows: WindowSet, target: int, steps: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """One target of all windows, normalised, some at a time.

    Yields their starts, (windows, 1); what is read, (windows, lookback); some steps of what comes,
    (windows, steps); and how much each window counts, the mean over these steps.
    """
    rows = np.concatenate([np.arange(windows.steps), windows.steps + steps])
    at_once = max(1, _CHUNK // len(rows))
    for first in range(0, len(windows), at_once):
        part = slice(first, first + at_once)
        starts = windows.starts[part, None]
        values = windows.series[starts + rows, target].astype(np.float64)
        values -= windows.location[part, target, None]
        values *= windows.inverse_scale[part, target, None]
        x, y = np.split(values, [windows.steps], axis=1)
        counts = np.ones(len(x))
        if windows.weights is not None:
            counts = windows.weights[starts + windows.steps + steps].mean(axis=1)
        yield starts, x, y, counts


def _equations(
    windows: WindowSet,
    target: int,
    steps: np.ndarray,
    naive: np.ndarray,
    added: np.ndarray | None,
) -> Equations:
    lookback, squares = windows.steps, 0.0
    products = np.zeros((lookback + 1, lookback + 1 + len(steps)))
    for starts, x, y, counts in read_windows(windows, target, steps):
        error = y - x[:, naive[steps]]
        if added is not None:
            error -= added[starts + lookback + steps]
        both = np.column_stack([x, np.ones(len(x)), error])
        weighted = both * counts[:, None]
        products += weighted[:, : lookback + 1].T @ both
        squares += np.vdot(weighted[:, lookback + 1 :], both[:, lookback + 1 :])
    return Equations.of(products, squares)


def chosen(equations: Equations) -> tuple[float, float]:
    """What generalised cross-validation chooses of ``PENALTIES``, and the freedom it leaves.

    Windows overlap, and so do their forecasts: two count as one.
    """
    windows = equations.windows / 2
    values, vectors = eigh(equations.xx)
    values = np.maximum(values, 0)[:, None]  # but for rounding they are
    held = values + PENALTIES * equations.size
    along = np.square(vectors.T @ equations.xr).sum(axis=1, keepdims=True)
    left = equations.rr - (along * (2 * held - values) / held**2).sum(axis=0)
    free = (values / held).sum(axis=0)
    usable = free < windows
    if not usable.any():
        return float(PENALTIES[-1]), _LEAST_FREEDOM
    share = 1 - free[usable] / windows
    best = np.argmin(left[usable] / share**2)
    return float(PENALTIES[usable][best]), max(float(share[best]), _LEAST_FREEDOM)
