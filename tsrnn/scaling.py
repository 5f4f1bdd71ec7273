"""Normalisation and its exact inverse: of the whole series, then of each window.

The whole series is brought to mean 0 and standard deviation 1, so that learning rates mean the same
in any unit. On top of it, ``normalize`` brings each window to a common level, or level and scale,
which lets the network forecast beyond what it has seen (Kim et al., RevIN, 2022).
"""

import numpy as np

# Windows smaller than this, in standard deviations of the series, are not blown up any further.
SMALLEST_SCALE = 1e-2
# Differences of larger values could be infinite.
LARGEST_VALUE = 1e307
# Rows of a temporary copy, made to find the level and scale of some windows at a time.
_CHUNK = 1 << 20

NORMALIZATIONS = (None, "last", "mean", "standard", "robust")


class SeriesScaler:
    """Mean and standard deviation of each column of a series.

    A constant column becomes 0, and moves by its own size.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)

    Raises
    ------
    ValueError
        If a value is larger than ``LARGEST_VALUE``.

    Examples
    --------
    >>> scaler = SeriesScaler(np.array([[1.0], [3.0]]))
    >>> scaler.inverse(scaler.transform(np.array([[7.0]]), "float64"))
    array([[7.]])
    """

    def __init__(self, values: np.ndarray):
        # Between -1 and 1 first: then no square is too large or too small, whatever the unit.
        low = values.min(axis=0).astype(np.float64)
        high = values.max(axis=0).astype(np.float64)
        largest = np.maximum(np.abs(low), np.abs(high)).max()
        if largest > LARGEST_VALUE:
            raise ValueError(
                f"The values are too large to compute with: the largest is {largest:g}, "
                f"{LARGEST_VALUE:g} is the most. Divide them by a constant first."
            )
        middle, half = (low + high) / 2, (high - low) / 2
        constant = low == high
        unit = np.where(constant, 1.0, half)
        shape = (values - middle) / unit
        self.mean = np.where(constant, low, middle + unit * shape.mean(axis=0))
        size = np.where(low == 0, 1.0, np.abs(low))
        self.deviation = np.where(constant, size, unit * shape.std(axis=0))

    def transform(self, values: np.ndarray, dtype: str) -> np.ndarray:
        """Values in standard deviations from the mean, in the given precision."""
        with np.errstate(over="ignore"):  # becomes infinite, and the forecast is refused
            return np.ascontiguousarray((values - self.mean) / self.deviation, dtype)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """The values that ``transform`` made, as they were."""
        return values * self.deviation + self.mean


def location_and_scale(
    series: np.ndarray, starts: np.ndarray, lookback: int, how: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """Level and scale of each window.

    Parameters
    ----------
    series : ndarray, shape (points, channels)
    starts : ndarray of int, shape (windows,)
    lookback : int
        Length of a window.
    how : {None, "last", "mean", "standard", "robust"}
        Nothing; the last value; the mean; mean and standard deviation; median and interquartile
        range (divided by 1.349, which makes it a standard deviation for normal values).

    Returns
    -------
    location, scale : ndarray, shape (windows, channels)
        Of the dtype of the series. Scales are at least ``SMALLEST_SCALE``.
    """
    shape = (len(starts), series.shape[1])
    location, scale = np.zeros(shape, series.dtype), np.ones(shape, series.dtype)
    if how == "last":
        location = series[starts + lookback - 1]
    elif how is not None:
        at_once = max(1, _CHUNK // (lookback * series.shape[1]))
        for first in range(0, len(starts), at_once):
            part = slice(first, first + at_once)
            windows = series[starts[part, None] + np.arange(lookback)]
            with np.errstate(over="ignore", invalid="ignore"):  # likewise
                location[part], scale[part] = _level_and_scale(windows, how)
    return location, np.maximum(scale, series.dtype.type(SMALLEST_SCALE))


def _level_and_scale(windows: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    if how == "robust":
        low, middle, high = np.quantile(windows, (0.25, 0.5, 0.75), axis=1)
        return middle, (high - low) / 1.349
    mean = windows.mean(axis=1)
    return mean, windows.std(axis=1) if how == "standard" else np.ones_like(mean)
