"""The windows that an engine works on: places in a series, never copies of it."""

from typing import NamedTuple

import numpy as np


class Batch(NamedTuple):
    """``count`` windows from ``first`` on."""

    windows: "WindowSet"
    first: int
    count: int


class WindowSet:
    """Windows of one series, each with its own normalisation.

    Parameters
    ----------
    series : ndarray, shape (points, channels)
        C-contiguous, of the engine's dtype.
    starts : ndarray of int, shape (windows,)
        First point of each window. Its targets, where they are needed, follow its last point.
    location, scale : ndarray, shape (windows, channels)
        A window's values, and its targets, enter the network as ``(series - location) / scale``.
    steps : int
        Length of a window.

    Attributes
    ----------
    addresses : tuple of int
        Of series, starts, location and inverse scale.
    """

    def __init__(self, series, starts, location, scale, steps: int):
        self.series = series
        self.starts = np.ascontiguousarray(starts, np.int64)
        self.location = np.ascontiguousarray(location, series.dtype)
        self.inverse_scale = np.ascontiguousarray(1 / scale, series.dtype)
        self.steps = steps
        # Asked for once: NumPy takes a while to tell an address.
        arrays = (series, self.starts, self.location, self.inverse_scale)
        self.addresses: tuple[int, ...] = tuple(array.ctypes.data for array in arrays)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def channels(self) -> int:
        return self.series.shape[1]

    def batch(self, first: int = 0, count: int | None = None) -> Batch:
        return Batch(self, first, len(self) - first if count is None else count)
