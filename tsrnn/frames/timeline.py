"""Stamps that follow each other by one step: what comes next, and which step a stamp is.

Time is counted in *ticks*: the whole numbers an index holds (integers, ordinals of periods,
seconds to nanoseconds). In most indexes they grow by a constant step. Calendar frequencies (days
by the wall clock, month ends, business days) have no constant number of ticks; for those
pandas' calendar is asked. One or many series share the step; each counts from a stamp of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeAlias

import numpy as np
import pandas as pd

from tsrnn.frames.values import written_form
from tsrnn.persistence.times import zone_name

Rule: TypeAlias = int | pd.offsets.BaseOffset
"""The step: so many ticks of integers or periods, or an offset of dates."""

_USUAL = 12  # steps whose median is the usual one
_TOO_FAR = pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


@dataclass(frozen=True, eq=False)
class Timeline(ABC):
    """The step that is common to all series, and a stamp of each to count from.

    `make_timeline` makes one of its three attributes.

    Attributes
    ----------
    anchors : Index
        A stamp of each series, in the type of the index and with its name.
    rule : int or offset
        The step.
    tz : tzinfo or None
        The time zone.

    Examples
    --------
    >>> stamps = pd.DatetimeIndex(["2024-01-31", "2023-12-31"])
    >>> timeline = make_timeline(stamps, pd.offsets.MonthEnd())
    >>> timeline.stamps(np.array([1, 1, 2]), np.array([0, 1, 1])).strftime("%m-%d").to_list()
    ['02-29', '01-31', '02-29']
    """

    anchors: Any

    @property
    @abstractmethod
    def rule(self) -> Rule:
        """The step."""

    @property
    @abstractmethod
    def tz(self) -> Any:
        """The time zone; None without one."""

    @property
    @abstractmethod
    def step_name(self) -> str:
        """The step in words: pandas' name of a frequency, or a number."""

    @property
    @abstractmethod
    def usual_step(self) -> pd.Timedelta | None:
        """Median length of a step; None without dates."""

    @abstractmethod
    def numbers(self, stamps: Any, series: np.ndarray) -> np.ndarray:
        """How many steps after the anchor of its series each stamp is; -1 where none leads to it.

        Units of stamps may differ from those of the anchors, type and time zone must not.
        """

    @abstractmethod
    def stamps(self, numbers: np.ndarray, series: np.ndarray) -> pd.Index:
        """The stamps so many steps after the anchors, in the type of the index.

        A stamp that the change to summer time skips moves on to the first moment that exists.
        """

    @abstractmethod
    def moved(self, numbers: np.ndarray) -> Timeline:
        """Each anchor so many steps later."""

    def steps_since(self, other: Timeline) -> np.ndarray:
        """How many steps after that of the other timeline each anchor is; below 0 before it.

        Raises
        ------
        TypeError, ValueError
            If they are of another type or in another zone, or no whole number of steps leads from
            the one to the other.
        """
        series = np.arange(len(self.anchors))
        now, then = (each.stamps(np.zeros_like(series), series) for each in (self, other))
        if len(now):
            end = f"The training data end at {then[0]}."
            _check_same_kind(other, now, "history", "the training data have", end)
        later, earlier = other.numbers(now, series), self.numbers(then, series)
        off = np.flatnonzero((later < 0) & (earlier < 0))
        if len(off):
            raise ValueError(
                f"A history ends at {now[off[0]]}, and the series was fitted up to {then[off[0]]}: "
                f"no whole number of steps ({self.step_name}) leads from one to the other, so it "
                "cannot be told which step of the season comes next."
            )
        return np.where(later < 0, -earlier, later)

    def select(self, series: Any) -> Timeline:
        """The timeline of these series."""
        return replace(self, anchors=self.anchors[series])

    def future(self, steps: np.ndarray, series: np.ndarray) -> pd.Index:
        """The stamps so many steps (0: the first) after the anchors.

        One series that goes on without a gap gets the frequency of its index as well.
        """
        stamps = self.stamps(steps + 1, series)
        if len(self.anchors) > 1 or len(steps) == 0 or (np.diff(steps) != 1).any():
            return stamps
        return self._with_freq(stamps)

    def _too_far(self, steps: int) -> ValueError:
        """The error for steps that lead out of what the type of the index can hold."""
        return ValueError(
            f"{steps} steps of {self.step_name} after {self.anchors.max()} do not fit into an "
            f"index of dtype {self.anchors.dtype}; convert the index to a wider one first."
        )

    @abstractmethod
    def _with_freq(self, stamps: Any) -> pd.Index:
        """Stamps that follow each other, as pandas' own ranges would be."""

    def locate(
        self, stamps: pd.Index, series: np.ndarray, name: str, label: Callable[[int], str]
    ) -> np.ndarray:
        """The step after the anchor (0: the first) of each stamp; `label` names a series.

        Raises
        ------
        TypeError
            `stamps` is an index of another type.
        ValueError
            A stamp that is missing, not after the end, off the frequency or in another zone.
        """
        first = int(series[0]) if len(series) else 0
        _check_same_kind(self, stamps, name, "the history has", self._end(first, label(first)))
        steps = self.numbers(stamps, series) - 1
        if (steps < 0).any():
            row = int(np.argmax(steps < 0))
            self._explain_row(stamps, row, int(series[row]), name, label(int(series[row])))
        return steps

    def _end(self, number: int, label: str) -> str:
        last, first = self.stamps(np.arange(2), np.full(2, number))
        of = f" of {label}" if len(self.anchors) > 1 else ""
        return f"The history{of} ends at {last}; the first step after it is {first}."

    def _explain_row(
        self, stamps: pd.Index, row: int, number: int, name: str, label: str
    ) -> NoReturn:
        where = f"The time stamp in row {row} of {name} ({stamps[row]})"
        end = self._end(number, label)
        last, first = self.stamps(np.arange(2), np.full(2, number))
        if stamps[row] > last:
            raise ValueError(f"{where} is not on the frequency {self.step_name}. {end}")
        advice = (
            " For cross-validation there is TimeSeriesSplit: it tests on rows after the others."
        )
        if isinstance(stamps, pd.RangeIndex) and stamps.start == 0:
            advice = (
                " A fresh index from 0 cannot be told from that of the history; if these rows come "
                f"after it, say so with {name}.index += {first}."
            )
        raise ValueError(f"{where} is not after the history. {end}{advice}")


def make_timeline(anchors: Any, rule: Rule, tz: Any = None) -> Timeline:
    """The timeline with these stamps and this step.

    Parameters
    ----------
    anchors : Index
        A stamp of each series. Where the step is a calendar's and there is a time zone: by the
        clock on the wall, without the zone, and as it was meant where summer time skips it.
    rule : int or offset
        The step, in ticks or as a frequency of dates.
    tz : tzinfo, default=None
        The time zone of calendars; other anchors have theirs.
    """
    if isinstance(rule, int):
        return _Ticks(anchors, rule)
    if is_calendar(rule):
        return _Calendar(wall_clock(anchors), rule, tz)
    return _Ticks(anchors, rule.nanos // _NANOSECONDS[anchors.unit], rule)


def is_calendar(rule: pd.offsets.BaseOffset) -> bool:
    """Whether a frequency has steps of no constant length."""
    # pandas 2 counts Day as a fixed span, though its ranges follow the wall clock, as ours do.
    return not isinstance(rule, pd.offsets.Tick) or isinstance(rule, pd.offsets.Day)


def is_integer(index: pd.Index) -> bool:
    """Whether an index holds whole numbers."""
    return pd.api.types.is_integer_dtype(index.dtype)


def ticks_of(index: Any) -> np.ndarray:
    """The whole numbers behind the stamps, as int64."""
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        return index.asi8
    return index.to_numpy(dtype=np.int64)


def wall_clock(index: Any) -> pd.DatetimeIndex:
    """The stamps as clocks on the wall show them, without a time zone."""
    return index if index.tz is None else index.tz_localize(None)


# Constant ticks


@dataclass(frozen=True, eq=False)
class _Ticks(Timeline):
    step: int
    freq: Any = None

    @property
    def rule(self) -> Rule:
        return self.step if self.freq is None else self.freq

    @property
    def tz(self) -> Any:
        return getattr(self.anchors, "tz", None)

    @property
    def step_name(self) -> str:
        if self.freq is not None:
            return self.freq.freqstr
        if isinstance(self.anchors, pd.PeriodIndex):
            period: Any = self.anchors.freq
            return f"{self.step if self.step > 1 else ''}{period.base.freqstr}"
        return str(self.step)

    @property
    def usual_step(self) -> pd.Timedelta | None:
        if self.freq is not None:
            return pd.Timedelta(self.freq)
        if not isinstance(self.anchors, pd.PeriodIndex):
            return None
        ticks = ticks_of(self.anchors[:1]) + self.step * np.arange(-_USUAL, 1)
        return _median_step(_from_ticks(self.anchors, ticks).to_timestamp())

    def numbers(self, stamps: Any, series: np.ndarray) -> np.ndarray:
        exact = np.True_
        if isinstance(self.anchors, pd.DatetimeIndex) and stamps.unit != self.anchors.unit:
            coarse = stamps.as_unit(self.anchors.unit)
            exact, stamps = coarse == stamps, coarse
        numbers, rest = np.divmod(ticks_of(stamps) - ticks_of(self.anchors)[series], self.step)
        return np.where(exact & (rest == 0) & (numbers >= 0), numbers, -1)

    def stamps(self, numbers: np.ndarray, series: np.ndarray) -> pd.Index:
        ticks = ticks_of(self.anchors)[series]
        most = int(numbers.max(initial=0))
        if int(ticks.max(initial=0)) + self.step * most > _largest_tick(self.anchors):
            raise self._too_far(most)
        return _from_ticks(self.anchors, ticks + self.step * numbers)

    def moved(self, numbers: np.ndarray) -> Timeline:
        anchors = self.stamps(numbers, np.arange(len(self.anchors)))
        if len(self.anchors) == 1 and isinstance(self.anchors, pd.RangeIndex):
            anchors = self._with_freq(anchors)
        return replace(self, anchors=anchors)

    def _with_freq(self, stamps: Any) -> pd.Index:
        if isinstance(self.anchors, pd.RangeIndex):
            start, step = int(stamps[0]), self.step
            return pd.RangeIndex(start, start + step * len(stamps), step, name=stamps.name)
        return stamps if self.freq is None else pd.DatetimeIndex(stamps, freq=self.freq)


def _largest_tick(index: pd.Index) -> int:
    largest = int(np.iinfo(np.int64).max)
    if not is_integer(index):
        return largest
    return min(largest, int(np.iinfo(getattr(index.dtype, "numpy_dtype", index.dtype)).max))


def _from_ticks(index: pd.Index, ticks: np.ndarray) -> Any:
    """An index of the same type, time zone, unit and name that holds these ticks."""
    if isinstance(index, pd.DatetimeIndex):
        stamps = pd.DatetimeIndex(ticks.astype(f"M8[{index.unit}]"), name=index.name)
        return stamps if index.tz is None else stamps.tz_localize("UTC").tz_convert(index.tz)
    if isinstance(index, pd.PeriodIndex):
        # a cast, since the hints do not know this constructor yet
        periods: Any = pd.PeriodIndex
        return periods.from_ordinals(ticks, freq=index.freq, name=index.name)
    return pd.Index(ticks, dtype=index.dtype, name=index.name)


def _median_step(stamps: pd.DatetimeIndex) -> pd.Timedelta:
    return pd.Timedelta(np.median(np.diff(stamps.asi8)), stamps.unit)


# Calendars


@dataclass(frozen=True, eq=False)
class _Calendar(Timeline):
    freq: pd.offsets.BaseOffset
    zone: Any = None

    @property
    def rule(self) -> Rule:
        return self.freq

    @property
    def tz(self) -> Any:
        return self.zone

    @property
    def step_name(self) -> str:
        return self.freq.freqstr

    @property
    def usual_step(self) -> pd.Timedelta | None:
        stamps = pd.date_range(
            end=self.anchors[0], periods=_USUAL, freq=self.freq, unit=self.anchors.unit
        )
        return _median_step(stamps)

    def numbers(self, stamps: Any, series: np.ndarray) -> np.ndarray:
        found = np.full(len(stamps), -1, dtype=np.int64)
        if len(stamps) == 0:
            return found
        for wall, places in self._lanes(wall_clock(stamps).max()):
            start = places[series]
            rows = slice(None) if (start >= 0).all() else np.flatnonzero(start >= 0)
            steps = _localized(wall, self.tz).get_indexer(stamps[rows]) - start[rows]
            found[rows] = np.maximum(steps, -1)
        return found

    def stamps(self, numbers: np.ndarray, series: np.ndarray) -> pd.Index:
        return _localized(self._wall(numbers, series), self.tz)

    def moved(self, numbers: np.ndarray) -> Timeline:
        return replace(self, anchors=self._wall(numbers, np.arange(len(self.anchors))))

    def _wall(self, numbers: np.ndarray, series: np.ndarray) -> pd.DatetimeIndex:
        found = np.empty(len(series), dtype=f"M8[{self.anchors.unit}]")
        for wall, places in self._lanes(self.anchors.max(), int(numbers.max(initial=0))):
            start = places[series]
            rows = start >= 0
            found[rows] = wall.to_numpy()[(start + numbers)[rows]]
        return pd.DatetimeIndex(found, name=self.anchors.name)

    def _with_freq(self, stamps: Any) -> pd.Index:
        once = self.tz is None or _exists_once(self._meant(stamps), self.tz)
        return pd.DatetimeIndex(stamps, freq=self.freq) if once else stamps

    def _meant(self, stamps: pd.DatetimeIndex) -> pd.DatetimeIndex:
        zeros = np.zeros(len(stamps), dtype=np.int64)
        return self._wall(self.numbers(stamps, zeros), zeros)

    def _lanes(
        self, until: pd.Timestamp, more: int = 0
    ) -> Iterator[tuple[pd.DatetimeIndex, np.ndarray]]:
        """Calendars through the anchors, and the place of each anchor; -1 if on another one.

        One is enough, unless series begin at different times of day, days of the month, or the
        like. It goes on until a stamp, and some steps more.
        """
        end = max(until.as_unit(self.anchors.unit), self.anchors.max())
        left = np.ones(len(self.anchors), dtype=bool)
        while left.any():
            start = self.anchors[left].min()
            wall = self._range(start, end=end)
            if more:
                try:
                    wall = self._range(start, periods=len(wall) + more)
                except _TOO_FAR as error:
                    raise self._too_far(more) from error
            places = np.where(left, wall.get_indexer(self.anchors), -1)
            yield wall, places
            left &= (places < 0) & (self.anchors != start)

    def _range(self, start: pd.Timestamp, **until: Any) -> pd.DatetimeIndex:
        return pd.date_range(start, freq=self.freq, unit=self.anchors.unit, **until)


def meant_starts(starts: pd.DatetimeIndex, others: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Wall-clock times of stamps, before a change to summer time moved them.

    Another stamp of the same series tells the time of day.
    """
    wall, other = wall_clock(starts), wall_clock(others)
    if starts.tz is None:
        return wall
    meant = wall.normalize() + (other - other.normalize())
    moved = wall_clock(_localized(meant, starts.tz))
    return meant.where(moved == wall, wall)


def _localized(wall: pd.DatetimeIndex, tz: Any) -> pd.DatetimeIndex:
    if tz is None:
        return wall
    first = np.ones(len(wall), dtype=bool)  # a time that comes twice means the first of the two
    return wall.tz_localize(tz, ambiguous=first, nonexistent="shift_forward")


def _exists_once(wall: pd.DatetimeIndex, tz: Any) -> bool:
    return not wall.tz_localize(tz, ambiguous="NaT", nonexistent="NaT").hasnans


# What an index must be


def tells_time(index: pd.Index) -> bool:
    """Whether an index is of dates, periods or integers."""
    return isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) or is_integer(index)


def check_type(
    index: pd.Index, name: str, get: str, count: str, put: tuple[str, str] | None = None
) -> None:
    """Refuse what does not tell time, and dates that are numbers.

    The message advises code: `get` reads the stamps, `count` numbers the steps, and the two parts
    of `put` go around what takes their place.
    """
    before, after = put or (f"{get} = ", "")
    form = written_form(index) if is_integer(index) and not index.hasnans else None
    if form is not None:
        parsed = f'pd.to_datetime({get}.astype(str), format="{form}")'
        raise ValueError(
            f"{name} has dates as whole numbers, such as {index[0]}, which count on past the end "
            f"of a month or year; parse them: {before}{parsed}{after}."
        )
    if tells_time(index):
        return
    first = index[:1].tolist()[0]
    if isinstance(first, float | bool | pd.Timedelta):
        advice = f"count the steps with whole numbers: {before}{count}{after}"
    elif getattr(first, "tzinfo", None) is not None:
        advice = f"time zones are mixed: {before}pd.to_datetime({get}, utc=True){after}"
    else:
        file = ", or pd.read_csv(..., index_col=0, parse_dates=True)" * (get == f"{name}.index")
        advice = f"parse dates: {before}pd.to_datetime({get}){after}{file}"
    raise TypeError(
        f"{name} must have an index of dates, periods or integers, not of dtype {index.dtype} "
        f"(it begins with {first!r}); {advice}."
    )


def check_stamps(index: pd.Index, name: str) -> None:
    """Refuse an index with a missing stamp."""
    if index.hasnans:
        row = int(np.argmax(index.isna()))
        raise ValueError(f"{name} has no time stamp in row {row} (NaT); drop or date that row.")


def _kind(index: pd.Index) -> str:
    if isinstance(index, pd.DatetimeIndex):
        return "dates"
    if isinstance(index, pd.PeriodIndex):
        return "periods"
    return "integers" if is_integer(index) else f"dtype {index.dtype}"


def _check_same_kind(timeline: Timeline, rows: Any, name: str, other: str, end: str) -> None:
    """Refuse rows whose index is of another type than those that the `other` has."""
    anchors = timeline.anchors
    if _kind(anchors) != _kind(rows):
        raise TypeError(
            f"{name} must have an index of {_kind(anchors)}, as {other}, not of "
            f"{_kind(rows)}. {end}"
        )
    check_stamps(rows, name)
    ours, theirs = zone_name(timeline.tz), zone_name(getattr(rows, "tz", None))
    if ours != theirs:
        how = "tz_localize" if ours is None or theirs is None else "tz_convert"
        raise ValueError(
            f"{name} has time zone {theirs}, {other} {ours}; bring it there with "
            f"{how}({ours!r}). {end}"
        )
    if isinstance(anchors, pd.PeriodIndex) and anchors.dtype != rows.dtype:
        raise ValueError(
            f"{name} has dtype {rows.dtype}, {other} {anchors.dtype}; bring it there with "
            f"asfreq({anchors.freqstr!r}). {end}"
        )
