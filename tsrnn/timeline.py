"""Stamps that follow each other by one step: what comes next, and which step a stamp is.

Time is counted in *ticks*: the whole numbers an index holds (integers, ordinals of periods,
seconds to nanoseconds). In most indexes they grow by a constant step. Calendar frequencies (days
by the wall clock, month ends, business days) have no constant number of ticks; for those
pandas' calendar is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import pandas as pd

_CHUNK = 1 << 17  # steps compared at once: no second array as long as the index
_SHOWN = 3  # missing stamps that are worth listing
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


@dataclass(frozen=True)
class Flaws:
    """Where an index leaves its step: stamps that are missing, or one that lies between."""

    missing: pd.Index
    """The first missing stamps."""
    count: int
    """How many are missing."""
    row: int | None
    """The first row that no step leads to; None if stamps are only missing."""


class Timeline(ABC):
    """An index with the one step its stamps are apart."""

    index: pd.Index

    @property
    @abstractmethod
    def step_name(self) -> str:
        """The step in words: pandas' name of a frequency, or a number."""

    @abstractmethod
    def is_even(self) -> bool:
        """Whether every stamp is one step after the one before."""

    @abstractmethod
    def flaws(self) -> Flaws:
        """Where the index is not even."""

    @abstractmethod
    def tail(self, rows: int) -> Timeline:
        """Its last rows."""

    @abstractmethod
    def after(self, steps: int) -> pd.Index:
        """The `steps` stamps after the last one, in the same type, time zone, unit and name.

        A stamp that the change to summer time skips moves on to the first moment that exists.
        """

    @abstractmethod
    def _steps_to(self, rows: Any) -> np.ndarray:
        """The step after the end of each stamp; -1 for a stamp that is none."""

    def locate(self, rows: pd.Index, name: str) -> np.ndarray:
        """The step after the end (0: the first) of each stamp in `rows`.

        Raises
        ------
        TypeError
            `rows` is an index of another type.
        ValueError
            A stamp that is missing, not after the end, off the frequency or in another zone.
        """
        end = (
            f"The training data end at {self.index[-1]}, the first step after them is "
            f"{self.after(1)[0]}"
        )
        _check_same_kind(self.index, rows, name, end)
        steps = self._steps_to(rows)
        if (steps < 0).any():
            self._explain_row(rows, int(np.argmax(steps < 0)), name, end)
        return steps

    def _explain_row(self, rows: pd.Index, row: int, name: str, end: str) -> NoReturn:
        where = f"row {row} of {name} ({rows[row]})"
        if rows[row] > self.index[-1]:
            raise ValueError(f"{where} is not on the frequency {self.step_name}. {end}")
        advice = ""
        if isinstance(rows, pd.RangeIndex) and rows.start == 0:
            advice = (
                ". A fresh index from 0 cannot be told from the training rows; if these rows come "
                f"after them, say so with {name}.index += {self.after(1)[0]}"
            )
        raise ValueError(f"{where} is not after the training data. {end}{advice}")


def count_timeline(index: pd.Index, step: int) -> Timeline:
    """The timeline of integers or periods, `step` apart."""
    return _Ticks(index, step)


def date_timeline(index: pd.DatetimeIndex, freq: pd.offsets.BaseOffset) -> Timeline:
    """The timeline of dates, an offset apart."""
    # pandas 2 counts Day as a fixed span, though its ranges follow the wall clock, as ours do.
    if isinstance(freq, pd.offsets.Tick) and not isinstance(freq, pd.offsets.Day):
        return _Ticks(index, freq.nanos // _NANOSECONDS[index.unit], freq)
    return _Calendar(index, freq)


def is_integer(index: pd.Index) -> bool:
    """Whether an index holds whole numbers."""
    return pd.api.types.is_integer_dtype(index.dtype)


def ticks_of(index: pd.Index) -> np.ndarray:
    """The whole numbers behind the stamps, as int64."""
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        return index.asi8
    return index.to_numpy(dtype=np.int64)


def wall_clock(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The stamps as clocks on the wall show them, without a time zone."""
    return index if index.tz is None else index.tz_localize(None)


# Constant ticks


@dataclass(frozen=True, eq=False)
class _Ticks(Timeline):
    index: pd.Index
    step: int
    freq: pd.offsets.BaseOffset | None = None

    @property
    def step_name(self) -> str:
        return str(self.step) if self.freq is None else self.freq.freqstr

    def is_even(self) -> bool:
        ticks = ticks_of(self.index)
        starts = range(0, len(ticks) - 1, _CHUNK)
        return all((np.diff(ticks[i : i + _CHUNK + 1]) == self.step).all() for i in starts)

    def flaws(self) -> Flaws:
        ticks = ticks_of(self.index)
        steps = np.diff(ticks)
        odd = np.flatnonzero(steps != self.step)
        if (steps % self.step).any() or 2 * odd.size > steps.size:
            return Flaws(self.index[:0], 0, int(odd[0]) + 1)
        shown = (_SHOWN + 1) * self.step
        first = [
            np.arange(ticks[i] + self.step, min(ticks[i] + shown, ticks[i + 1]), self.step)
            for i in odd[:_SHOWN]
        ]
        missing = _from_ticks(self.index, np.concatenate(first)[:_SHOWN])
        return Flaws(missing, int((steps // self.step - 1).sum()), None)

    def tail(self, rows: int) -> Timeline:
        return replace(self, index=self.index[-rows:])

    def after(self, steps: int) -> pd.Index:
        index, step = self.index, self.step
        last = int(ticks_of(index[-1:])[0])
        if last + step * steps > _largest_tick(index):
            raise ValueError(
                f"{steps} steps of {self.step_name} after {index[-1]} do not fit into an index "
                f"of dtype {index.dtype}; convert the index to a wider one first"
            )
        if isinstance(index, pd.RangeIndex):
            return pd.RangeIndex(last + step, last + step * (steps + 1), step, name=index.name)
        future = _from_ticks(index, last + step * np.arange(1, steps + 1))
        return future if self.freq is None else pd.DatetimeIndex(future, freq=self.freq)

    def _steps_to(self, rows: Any) -> np.ndarray:
        exact = np.True_
        if isinstance(self.index, pd.DatetimeIndex) and rows.unit != self.index.unit:
            coarse = rows.as_unit(self.index.unit)
            exact, rows = coarse == rows, coarse
        steps, rest = np.divmod(ticks_of(rows) - ticks_of(self.index[-1:]), self.step)
        return np.where(exact & (rest == 0) & (steps > 0), steps - 1, -1)


def _largest_tick(index: pd.Index) -> int:
    largest = int(np.iinfo(np.int64).max)
    if not is_integer(index):
        return largest
    return min(largest, int(np.iinfo(getattr(index.dtype, "numpy_dtype", index.dtype)).max))


def _from_ticks(index: pd.Index, ticks: np.ndarray) -> pd.Index:
    """An index of the same type, time zone, unit and name that holds these ticks."""
    if isinstance(index, pd.DatetimeIndex):
        stamps = pd.DatetimeIndex(ticks.astype(f"M8[{index.unit}]"), name=index.name)
        return stamps if index.tz is None else stamps.tz_localize("UTC").tz_convert(index.tz)
    if isinstance(index, pd.PeriodIndex):
        # a cast, since the hints do not know this constructor yet
        periods: Any = pd.PeriodIndex
        return periods.from_ordinals(ticks, freq=index.freq, name=index.name)
    return pd.Index(ticks, dtype=index.dtype, name=index.name)


# Calendars


@dataclass(frozen=True, eq=False)
class _Calendar(Timeline):
    index: pd.DatetimeIndex
    freq: pd.offsets.BaseOffset

    @property
    def step_name(self) -> str:
        return self.freq.freqstr

    def is_even(self) -> bool:
        return wall_clock(self._between_the_ends()).equals(wall_clock(self.index))

    def flaws(self) -> Flaws:
        expected = self._between_the_ends()
        there, due = wall_clock(self.index), wall_clock(expected)
        missing = expected[~due.isin(there)]
        strange = np.flatnonzero(~there.isin(due))
        row = int(strange[0]) if strange.size else None
        return Flaws(missing[:_SHOWN], len(missing), row)

    def tail(self, rows: int) -> Timeline:
        return replace(self, index=self.index[-rows:])

    def after(self, steps: int) -> pd.Index:
        wall = self._range(self._wall_time(-1, -2), periods=steps + 1)[1:]
        future = _localized(wall, self.index.tz).rename(self.index.name)
        return pd.DatetimeIndex(future, freq=self.freq) if _exists_once(wall, future.tz) else future

    def _steps_to(self, rows: Any) -> np.ndarray:
        wall = self._range(self._wall_time(-1, -2), end=wall_clock(rows).max())[1:]
        return _localized(wall, self.index.tz).get_indexer(rows)

    def _between_the_ends(self) -> pd.DatetimeIndex:
        wall = self._range(self._wall_time(0, 1), end=wall_clock(self.index[-1:])[0])
        return _localized(wall, self.index.tz)

    def _range(self, start: pd.Timestamp, **until: Any) -> pd.DatetimeIndex:
        return pd.date_range(start, freq=self.freq, unit=self.index.unit, **until)

    def _wall_time(self, row: int, neighbour: int) -> pd.Timestamp:
        """Wall-clock time of a stamp, before a change to summer time moved it."""
        if len(self.index) == 1:
            return wall_clock(self.index)[0]
        stamp, other = wall_clock(self.index[[row, neighbour]])
        meant = stamp.normalize() + (other - other.normalize())
        moved = wall_clock(_localized(pd.DatetimeIndex([meant]), self.index.tz))[0]
        return meant if moved == stamp else stamp


def _localized(wall: pd.DatetimeIndex, tz: Any) -> pd.DatetimeIndex:
    if tz is None:
        return wall
    first = np.ones(len(wall), dtype=bool)  # a time that comes twice means the first of the two
    return wall.tz_localize(tz, ambiguous=first, nonexistent="shift_forward")


def _exists_once(wall: pd.DatetimeIndex, tz: Any) -> bool:
    return tz is None or not wall.tz_localize(tz, ambiguous="NaT", nonexistent="NaT").hasnans


# Rows of another index


def check_stamps(index: pd.Index, name: str) -> None:
    """Refuse an index with a missing stamp."""
    if index.hasnans:
        row = int(np.argmax(index.isna()))
        raise ValueError(f"{name} has no time stamp in row {row} (NaT); drop or date that row")


def _kind(index: pd.Index) -> str:
    if isinstance(index, pd.DatetimeIndex):
        return "dates"
    if isinstance(index, pd.PeriodIndex):
        return "periods"
    return "integers" if is_integer(index) else f"dtype {index.dtype}"


def _check_same_kind(index: pd.Index, rows: pd.Index, name: str, end: str) -> None:
    if _kind(index) != _kind(rows):
        raise TypeError(
            f"{name} must have an index of {_kind(index)}, as the training data have, not of "
            f"{_kind(rows)}. {end}"
        )
    check_stamps(rows, name)
    ours, theirs = getattr(index, "tz", None), getattr(rows, "tz", None)
    if str(ours) != str(theirs):
        raise ValueError(
            f"{name} has time zone {theirs}, the training data {ours}; use tz_convert or "
            f"tz_localize. {end}"
        )
    if isinstance(index, pd.PeriodIndex) and index.dtype != rows.dtype:
        raise ValueError(f"{name} has dtype {rows.dtype}, the training data {index.dtype}. {end}")
