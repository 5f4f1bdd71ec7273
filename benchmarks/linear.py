"""What a network must beat to earn its cost: the closed-form linear model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
HELD_OUT = 0.2
AT_ONCE = 4096  # windows that are written out


@dataclass(frozen=True)
class LinearModel:
    """Ridge least squares from a lookback to a horizon, each window's last value subtracted."""

    lookback: int
    weights: Any  # (lookback, horizon)
    offset: Any  # (horizon,)
    penalty: float

    def forecast(self, values: Any, origins: Any) -> Any:
        """Forecasts whose first target stands at each origin, shape (origins, horizon)."""
        inputs = values[np.asarray(origins)[:, None] + np.arange(-self.lookback, 0)]
        last = inputs[:, -1:]
        return (inputs - last) @ self.weights + self.offset + last


def fit(series: Any, lookback: int, horizon: int) -> LinearModel:
    """The linear model of one series, or of a list of them together.

    Its penalty is the best one on the last fifth of the training windows of each.
    """
    series = series if isinstance(series, list) else [series]
    long = [values for values in series if len(values) >= lookback + horizon]
    every = [np.arange(lookback, len(values) - horizon + 1) for values in long]
    kept = [origins[: max(1, round(len(origins) * (1 - HELD_OUT)))] for origins in every]
    held_out = [origins[len(some) :] for origins, some in zip(every, kept, strict=True)]
    sums = _sums(long, kept, lookback, horizon)

    def error(penalty: float) -> float:
        model, squares, count = _solve(sums, lookback, penalty), 0.0, 0
        for values, origins in zip(long, held_out, strict=True):
            ahead = model.forecast(values, origins) - targets(values, origins, horizon)
            squares, count = squares + float(np.sum(ahead**2)), count + ahead.size
        return squares / count

    return _solve(_sums(long, every, lookback, horizon), lookback, min(PENALTIES, key=error))


def targets(values: Any, origins: Any, horizon: int) -> Any:
    """The true values from each origin on, shape (origins, horizon)."""
    return values[np.asarray(origins)[:, None] + np.arange(horizon)]


def _sums(series: list[Any], origins: list[Any], lookback: int, horizon: int) -> tuple[Any, Any]:
    """Those of [x 1]^T [x 1] and [x 1]^T y over all windows, some of them at a time."""
    gram, moment = np.zeros((lookback + 1, lookback + 1)), np.zeros((lookback + 1, horizon))
    for values, places in zip(series, origins, strict=True):
        for first in range(0, len(places), AT_ONCE):
            some = places[first : first + AT_ONCE]
            inputs = values[some[:, None] + np.arange(-lookback, 0)].astype(float)
            last = inputs[:, -1:]
            x = np.column_stack([inputs - last, np.ones(len(some))])
            gram += x.T @ x
            moment += x.T @ (targets(values, some, horizon) - last)
    return gram, moment


def _solve(sums: tuple[Any, Any], lookback: int, penalty: float) -> LinearModel:
    """``penalty`` is relative to the mean variance of the inputs; the offset is not penalised."""
    (gram, moment), count = sums, sums[0][-1, -1]
    x_mean, y_mean = gram[-1, :-1] / count, moment[-1] / count
    centred = gram[:-1, :-1] - count * np.outer(x_mean, x_mean)
    centred[np.diag_indices(lookback)] += penalty * np.trace(centred) / lookback
    weights = np.linalg.solve(centred, moment[:-1] - count * np.outer(x_mean, y_mean))
    return LinearModel(lookback, weights, y_mean - x_mean @ weights, penalty)
