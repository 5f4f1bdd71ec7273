"""What a network must beat to earn its cost: the closed-form linear model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
HELD_OUT = 0.2


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


def fit(values: Any, lookback: int, horizon: int) -> LinearModel:
    """The linear model; its penalty is the best one on the last fifth of the training windows."""
    origins = np.arange(lookback, len(values) - horizon + 1)
    kept = origins[: round(len(origins) * (1 - HELD_OUT))]
    held_out = origins[len(kept) :]

    def error(penalty: float) -> float:
        forecast = _ridge(values, kept, lookback, horizon, penalty).forecast(values, held_out)
        return float(np.mean((forecast - targets(values, held_out, horizon)) ** 2))

    return _ridge(values, origins, lookback, horizon, min(PENALTIES, key=error))


def targets(values: Any, origins: Any, horizon: int) -> Any:
    """The true values from each origin on, shape (origins, horizon)."""
    return values[np.asarray(origins)[:, None] + np.arange(horizon)]


def _ridge(values: Any, origins: Any, lookback: int, horizon: int, penalty: float) -> LinearModel:
    """``penalty`` is relative to the mean variance of the inputs; the offset is not penalised."""
    inputs = values[origins[:, None] + np.arange(-lookback, 0)]
    last = inputs[:, -1:]
    x, y = inputs - last, targets(values, origins, horizon) - last
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    x, y = x - x_mean, y - y_mean
    gram = x.T @ x
    gram[np.diag_indices(lookback)] += penalty * np.trace(gram) / lookback
    weights = np.linalg.solve(gram, x.T @ y)
    return LinearModel(lookback, weights, y_mean - x_mean @ weights, penalty)
