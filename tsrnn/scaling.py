"""Normalisation and its exact inverse: of the whole series, then of each window.

The whole series is brought to mean 0 and standard deviation 1, so that learning rates mean the same
in any unit. On top of it, ``normalize`` brings each window to a common level, or level and scale,
which lets the network forecast beyond what it has seen (Kim et al., RevIN, 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# Windows smaller than this, in standard deviations of the series, are not blown up any further.
SMALLEST_SCALE = 1e-2
# Differences of larger values could be infinite.
LARGEST_VALUE = 1e307
# Rows of a temporary copy, made to find the level and scale of some windows at a time.
_CHUNK = 1 << 20

NORMALIZATIONS = (None, "last", "mean", "standard", "robust")


@dataclass(frozen=True, eq=False)
class SeriesScaler:
    """Mean and standard deviation of each column of each series.

    A constant column becomes 0, and moves by its own size. A loss may want another unit. What
    repeats itself with a season may be taken off too: then both are those of the rest.

    Attributes
    ----------
    mean, deviation : ndarray, shape (series, columns)
    pattern : ndarray, shape (series, season, columns), or None
        What is taken off each step of a season, in units of the values. The first step is the one
        after the last row.

    Examples
    --------
    >>> values, offsets = np.array([[1.0], [3.0], [50.0], [70.0]]), np.array([0, 2, 4])
    >>> scaler = SeriesScaler.fitted(values, offsets)
    >>> scaler.transform(values, offsets, "float64").ravel()
    array([-1.,  1., -1.,  1.])
    >>> scaler.inverse(np.array([[[5.0]], [[5.0]]])).ravel()
    array([ 7., 110.])
    """

    mean: np.ndarray
    deviation: np.ndarray
    pattern: np.ndarray | None = None

    @classmethod
    def deseasonalizing(
        cls,
        values: np.ndarray,
        offsets: np.ndarray,
        own: np.ndarray,
        season: int,
        units: str,
        naive: int,
    ) -> SeriesScaler:
        """The one that also takes off what repeats itself every ``season`` steps.

        Parameters are those of ``seasonal_pattern`` and ``fitted``; ``naive`` is the season of the
        latter.
        """
        whole = cls.fitted(values, offsets)
        shape = whole.transform(values, offsets, "float64")
        pattern = seasonal_pattern(shape, offsets, own, season) * whole.deviation[:, None]
        rest = values - _at_phase(pattern, offsets)
        return replace(cls.fitted(rest, offsets, units, naive), pattern=pattern)

    @classmethod
    def fitted(
        cls, values: np.ndarray, offsets: np.ndarray, units: str = "standard", season: int = 1
    ) -> SeriesScaler:
        """That of some series.

        Parameters
        ----------
        values : ndarray, shape (rows, columns)
            All series, one after another; none is beyond ``LARGEST_VALUE``.
        offsets : ndarray of int64, shape (series + 1,)
            Where each series begins, and where the last one ends.
        units : {"standard", "naive", "size", "counts"}, default="standard"
            What stands in for mean and deviation: nothing; for the deviation the mean absolute
            error of the seasonal naive forecast, if there is one; 0 and the root of the mean
            square, so that 0 stays 0; 0 and 1, so that counts stay counts.
        season : int, default=1
            Steps in a season.
        """
        # Between -1 and 1 first: then no square is too large or too small, whatever the unit.
        starts, lengths = offsets[:-1], np.diff(offsets)[:, None]
        low = np.minimum.reduceat(values, starts, axis=0).astype(np.float64)
        high = np.maximum.reduceat(values, starts, axis=0).astype(np.float64)
        middle, half = (low + high) / 2, (high - low) / 2
        constant = low == high
        unit = np.where(constant, 1.0, half)
        shape = (values - _by_row(middle, offsets)) / _by_row(unit, offsets)
        mean = np.add.reduceat(shape, starts, axis=0) / lengths
        shape -= _by_row(mean, offsets)
        np.square(shape, out=shape)
        deviation = np.sqrt(np.add.reduceat(shape, starts, axis=0) / lengths)
        size = np.where(low == 0, 1.0, np.abs(low))
        deviation = np.where(constant, size, unit * deviation)
        mean = np.where(constant, low, middle + unit * mean)
        if units == "naive":
            error = deviation * _naive_error(values, offsets, season, deviation)
            deviation = np.where(error > 0, error, deviation)
        elif units != "standard":
            size = np.hypot(mean, deviation)
            deviation = size if units == "size" else np.ones_like(size)
            mean = np.zeros_like(size)
        return cls(mean, deviation)

    def take(self, series: np.ndarray) -> SeriesScaler:
        """That of some of the series."""
        pattern = None if self.pattern is None else self.pattern[series]
        return SeriesScaler(self.mean[series], self.deviation[series], pattern)

    def put(self, series: np.ndarray, other: SeriesScaler) -> None:
        """Take over those of another one for some of the series, in place."""
        self.mean[series], self.deviation[series] = other.mean, other.deviation
        if self.pattern is not None:
            self.pattern[series] = other.pattern

    def later(self, steps: np.ndarray) -> SeriesScaler:
        """That of the same series when each ends so many steps later, or earlier if below 0."""
        if self.pattern is None:
            return self
        season = self.pattern.shape[1]
        phases = (np.arange(season) + steps[:, None]) % season
        return replace(self, pattern=np.take_along_axis(self.pattern, phases[..., None], axis=1))

    def ahead(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Location and scale of the next steps, both of shape (series, steps or 1, columns)."""
        location, scale = self.mean[:, None], self.deviation[:, None]
        if self.pattern is not None:
            location = location + self.pattern[:, np.arange(steps) % self.pattern.shape[1]]
        return location, scale

    def transform(self, values: np.ndarray, offsets: np.ndarray, dtype: str) -> np.ndarray:
        """Values in standard deviations from the mean, in the given precision."""
        with np.errstate(over="ignore"):  # becomes infinite, and the forecast is refused
            scaled = values - _by_row(self.mean, offsets)
            if self.pattern is not None:
                scaled -= _at_phase(self.pattern, offsets)
            scaled /= _by_row(self.deviation, offsets)
            return np.ascontiguousarray(scaled, dtype)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Values of the next steps, (series, steps, columns), as if before ``transform``."""
        location, scale = self.ahead(values.shape[-2])
        return values * scale + location


def seasonal_pattern(
    values: np.ndarray, offsets: np.ndarray, own: np.ndarray, season: int
) -> np.ndarray:
    """Mean deviation of each step of a season from the moving average over a season around it.

    The classical, additive decomposition of each series (Hyndman & Athanasopoulos, 2021,
    "Forecasting: Principles and Practice", section 3.4), whose indices sum to 0. Series shorter
    than two seasons, and columns where every step is alike, have a pattern of 0.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
    offsets : ndarray of int64, shape (series + 1,)
    own : ndarray of int64, shape (series,)
        Rows of each series, up to its end; those in front of them only fill it up.
    season : int
        Steps in a season, at least 2.

    Returns
    -------
    ndarray, shape (series, season, columns)
        The first step is the one after the last row.

    Examples
    --------
    >>> values = np.array([[1.0], [3.0], [2.0]] * 4)
    >>> seasonal_pattern(values, np.array([0, 12]), np.array([12]), 3).ravel().round(3)
    array([-1.,  1.,  0.])
    """
    lengths, half = np.diff(offsets), season // 2
    sums = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])
    row = np.arange(len(values))
    first, end = np.repeat(offsets[1:] - own, lengths), np.repeat(offsets[1:], lengths)
    inside = np.flatnonzero((row - half >= first) & (row + half < end))
    low, high = inside - half, inside + half
    if season % 2:
        average = (sums[high + 1] - sums[low]) / season
    else:  # half of either end
        average = (sums[high] - sums[low] + sums[high + 1] - sums[low + 1]) / (2 * season)
    place = np.repeat(np.arange(len(lengths)), lengths)[inside]
    phase = place * season + (inside - end[inside]) % season
    counts = np.bincount(phase, minlength=len(lengths) * season)
    pattern = np.empty((len(lengths), season, values.shape[1]))
    for column in range(values.shape[1]):
        rest = values[inside, column] - average[:, column]
        total = np.bincount(phase, rest, minlength=len(counts))
        pattern[:, :, column] = (total / np.maximum(counts, 1)).reshape(-1, season)
    pattern -= pattern.mean(axis=1, keepdims=True)
    pattern[own < 2 * season] = 0
    return pattern


def _at_phase(pattern: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The step of its season that each row of each series is, (rows, columns)."""
    lengths = np.diff(offsets)
    series = np.repeat(np.arange(len(lengths)), lengths)
    before_end = np.arange(offsets[-1]) - np.repeat(offsets[1:], lengths)
    return pattern[series, before_end % pattern.shape[1]]


def _naive_error(
    values: np.ndarray, offsets: np.ndarray, season: int, unit: np.ndarray
) -> np.ndarray:
    """Mean absolute change of each series from one season to the next; 0 if it has only one."""
    lengths = np.diff(offsets)
    change = np.abs((values - np.roll(values, season, axis=0)) / _by_row(unit, offsets))
    change[np.arange(len(values)) - np.repeat(offsets[:-1], lengths) < season] = 0
    return np.add.reduceat(change, offsets[:-1], axis=0) / np.maximum(lengths - season, 1)[:, None]


def _by_row(numbers: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """A series' numbers for each of its rows; one series' numbers go with all rows anyway."""
    return numbers if len(numbers) == 1 else np.repeat(numbers, np.diff(offsets), axis=0)


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
    how : {None, "last", "mean", "standard", "robust", "size"}
        Nothing; the last value; the mean; mean and standard deviation; median and interquartile
        range (divided by 1.349, which makes it a standard deviation for normal values); nothing and
        1 plus the mean absolute value, as in DeepAR (Salinas et al., 2020).

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
            with np.errstate(over="ignore", invalid="ignore"):  # as in ``transform``
                location[part], scale[part] = _level_and_scale(windows, how)
    return location, np.maximum(scale, series.dtype.type(SMALLEST_SCALE))


def _level_and_scale(windows: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    if how == "robust":
        low, middle, high = np.quantile(windows, (0.25, 0.5, 0.75), axis=1)
        return middle, (high - low) / 1.349
    if how == "size":
        size = 1 + np.abs(windows).mean(axis=1)
        return np.zeros_like(size), size
    mean = windows.mean(axis=1)
    return mean, windows.std(axis=1) if how == "standard" else np.ones_like(mean)
