"""The windows that an engine works on: places in a series, never copies of it."""

from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np


class Batch(NamedTuple):
    """``count`` windows from ``first`` on."""

    windows: "WindowSet"
    first: int
    count: int


class Turn(NamedTuple):
    """What one network learns from in an epoch, batch by batch."""

    windows: "WindowSet"
    optimizer: Any
    """As it stands at each step."""
    seeds: np.ndarray
    """Of dropout, for each step."""

    @property
    def settings(self) -> np.ndarray:
        """The optimizer's numbers, in the order of its fields: shape (steps, numbers)."""
        names = [field.name for field in fields(self.optimizer)]
        settings = np.empty((len(self.seeds), len(names)))
        for i, name in enumerate(names):
            settings[:, i] = getattr(self.optimizer, name)
        return settings


class WindowSet:
    """Windows of some rows, each with its own normalisation.

    Parameters
    ----------
    series : ndarray, shape (rows, columns)
        C-contiguous, of the engine's dtype; see ``Columns`` for what a row holds. A GPU may keep a
        copy of what is learned from: that must not change.
    starts : ndarray of int, shape (windows,)
        First row of each window. Its targets, where they are needed, follow its last row.
    location, scale : ndarray, shape (windows, targets)
        A window's targets enter the network as ``(series - location) / scale``.
    steps : int
        Length of a window.
    weights : ndarray, shape (rows,), default=None
        How much the forecast of each row counts; of the dtype of the series.
    origins : int, default=1
        Rows at the end of a window after each of which the network forecasts.

    Attributes
    ----------
    addresses : tuple of int
        Of series, starts, location, inverse scale and weights.
    """

    def __init__(self, series, starts, location, scale, steps: int, weights=None, origins=1):
        self.series = series
        self.starts = np.ascontiguousarray(starts, np.int64)
        self.location = np.ascontiguousarray(location, series.dtype)
        self.scale = scale
        self.inverse_scale = np.ascontiguousarray(1 / scale, series.dtype)
        self.steps, self.origins = steps, origins
        self.weights = weights
        # Asked for once: NumPy takes a while to tell an address.
        arrays = (series, self.starts, self.location, self.inverse_scale)
        weights_address = 0 if weights is None else weights.ctypes.data
        self.addresses: tuple[int, ...] = (
            *(array.ctypes.data for array in arrays),
            weights_address,
        )

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def targets(self) -> int:
        return self.location.shape[1]

    def batch(self, first: int = 0, count: int | None = None) -> Batch:
        return Batch(self, first, len(self) - first if count is None else count)
