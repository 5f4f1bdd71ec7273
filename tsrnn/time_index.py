"""Reading a time index: which step it takes, and where it goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from tsrnn.timeline import (
    Timeline,
    check_stamps,
    count_timeline,
    date_timeline,
    is_integer,
    ticks_of,
    wall_clock,
)

_HEAD = 500  # stamps whose commonest step counts
_STRETCHES = 30  # short runs of stamps that vote on the frequency of an index with gaps
_FRIDAY = 4
_SHOWN = 3  # rows that a message lists
_DAY = pd.Timedelta(days=1)


def read_index(index: pd.Index, freq: Any, name: str) -> Timeline:
    """Check a time index and find its step.

    Parameters
    ----------
    index : DatetimeIndex, PeriodIndex or Index of integers
        Not empty.
    freq : str, offset or None
        Frequency of a DatetimeIndex; None: its own, or found from its stamps.
    name : str
        What error messages call the data.

    Raises
    ------
    TypeError
        Any other type of index.
    ValueError
        Stamps that are missing, repeated, unsorted or uneven; a `freq` they do not follow.

    Examples
    --------
    >>> read_index(pd.DatetimeIndex(["2024-01-31", "2024-02-29"]), None, "y").step_name
    'ME'
    """
    if not isinstance(index, pd.DatetimeIndex | pd.PeriodIndex) and not is_integer(index):
        _explain_type(index, name)
    _check_order(index, name)
    if isinstance(index, pd.DatetimeIndex):
        return _read_dates(index, freq, name)
    if freq is not None:
        raise ValueError(
            f"freq={freq!r} was given, but the index of {name} has dtype {index.dtype}; leave "
            "freq out, it is for dates only"
        )
    timeline = count_timeline(index, _count_step(index))
    if not isinstance(index, pd.RangeIndex) and not timeline.is_even():
        raise _uneven(timeline, name)
    return timeline


def _read_dates(index: pd.DatetimeIndex, freq: Any, name: str) -> Timeline:
    if len(index) == 1 and index.freq is None and freq is None:
        raise ValueError(f"{name} has one time stamp, which tells no frequency: pass freq=")
    guesses = _guesses(index) if freq is None else iter([_given_frequency(index, freq)])
    timelines = (date_timeline(index, guess) for guess in guesses)
    for timeline in timelines:
        if timeline.is_even():
            return timeline
    raise _uneven(timeline, name)


def _count_step(index: pd.Index) -> int:
    if isinstance(index, pd.RangeIndex):
        return abs(index.step)
    if len(index) > 1:
        return _commonest_step(index)
    return index.freq.n if isinstance(index, pd.PeriodIndex) and index.freq else 1


def _commonest_step(index: pd.Index) -> int:
    steps, counts = np.unique(np.diff(ticks_of(index[:_HEAD])), return_counts=True)
    return int(steps[np.argmax(counts)])


# Frequencies of dates


def _given_frequency(index: pd.DatetimeIndex, freq: Any) -> pd.offsets.BaseOffset:
    try:
        offset = to_offset(freq)
    except (TypeError, ValueError) as error:
        raise ValueError(f"freq={freq!r} is no frequency that pandas knows: {error}") from error
    if offset.n < 1:
        raise ValueError(f"freq={freq!r} must lead forward in time")
    if isinstance(offset, pd.offsets.Tick) and pd.Timedelta(offset) < pd.Timedelta(1, index.unit):
        raise ValueError(
            f"freq={freq!r} is finer than the time stamps, which are kept in {index.unit}"
        )
    return offset


def _guesses(index: pd.DatetimeIndex) -> Iterator[pd.offsets.BaseOffset]:
    """Frequencies the index may have, the likeliest first, the one to measure gaps by last.

    pandas' own guess is not asked: it reads the clock wrongly over changes to summer time.
    """
    if index.freq is not None:
        yield index.freq
    yield from _steps_between(index)
    # With gaps: what most short stretches say. Six stamps, so that each has a weekend in it.
    size = min(6, max(3, len(index) // 2))
    stretches = (index[i : i + size] for i in range(min(_STRETCHES, len(index) - size + 1)))
    votes = Counter(found for found in map(_first_fit, stretches) if found is not None)
    elected = [step for step, _ in votes.most_common() if date_timeline(index[:1], step).is_even()]
    if elected:
        yield elected[0]
    else:
        span = pd.Timedelta(_commonest_step(index), index.unit)
        yield to_offset(span) if span % _DAY else pd.offsets.Day(span.days)


def _first_fit(index: pd.DatetimeIndex) -> pd.offsets.BaseOffset | None:
    return next((s for s in _steps_between(index) if date_timeline(index, s).is_even()), None)


def _steps_between(index: pd.DatetimeIndex) -> Iterator[pd.offsets.BaseOffset]:
    """All that could lead from the first stamp to the second, what people mean most often first."""
    first, second = wall_clock(index[:2])
    months = 12 * (second.year - first.year) + second.month - first.month
    days, rest = divmod(second - first, _DAY)
    if days > 0 and not rest:
        if months:
            yield from _months(months, first, second)
        if days == 3 and first.weekday() == _FRIDAY:
            yield pd.offsets.BusinessDay()
        if days % 7 == 0:
            yield pd.offsets.Week(days // 7, weekday=first.weekday())
        yield pd.offsets.Day(days)
        yield pd.offsets.BusinessDay()
        if months:
            yield from _business_months(months, first)
    span = pd.Timedelta(np.diff(ticks_of(index[:2]))[0], index.unit)
    # 24 hours are no day here: this is for clocks that take no part in summer time.
    yield to_offset(span) if span % _DAY else pd.offsets.Hour(24 * span.days)


def _months(
    count: int, first: pd.Timestamp, second: pd.Timestamp
) -> Iterator[pd.offsets.BaseOffset]:
    month = first.month
    if first.day == second.day == 1:
        if count % 12 == 0:
            yield pd.offsets.YearBegin(count // 12, month=month)
        elif count % 3 == 0:
            yield pd.offsets.QuarterBegin(count // 3, startingMonth=(month - 1) % 3 + 1)
        else:
            yield pd.offsets.MonthBegin(count)
    if first.is_month_end and second.is_month_end:
        if count % 12 == 0:
            yield pd.offsets.YearEnd(count // 12, month=month)
        elif count % 3 == 0:
            yield pd.offsets.QuarterEnd(count // 3, startingMonth=(month - 1) % 3 + 10)
        else:
            yield pd.offsets.MonthEnd(count)
    if first.day == second.day:
        yield pd.DateOffset(months=count)


def _business_months(count: int, first: pd.Timestamp) -> Iterator[pd.offsets.BaseOffset]:
    yield pd.offsets.BusinessMonthBegin(count)
    yield pd.offsets.BusinessMonthEnd(count)
    week = (first.day - 1) // 7
    weekday: Any = first.weekday()  # the hints want a literal
    if week < 4:
        yield pd.offsets.WeekOfMonth(count, week=week, weekday=weekday)
    yield pd.offsets.LastWeekOfMonth(count, weekday=weekday)


# Errors


def _explain_type(index: pd.Index, name: str) -> NoReturn:
    if isinstance(index, pd.MultiIndex):
        raise TypeError(f"{name} has a MultiIndex; pass one series at a time: {name}.xs(key)")
    first = index[0]
    if isinstance(first, float | bool | np.bool_ | pd.Timedelta):
        advice = f"count the steps with whole numbers: {name}.reset_index(drop=True)"
    elif getattr(first, "tzinfo", None) is not None:
        advice = f"time zones are mixed: {name}.index = pd.to_datetime({name}.index, utc=True)"
    else:
        advice = (
            f"parse dates: {name}.index = pd.to_datetime({name}.index), or "
            "pd.read_csv(..., index_col=0, parse_dates=True)"
        )
    raise TypeError(
        f"{name} must have an index of dates, periods or integers, not of dtype {index.dtype} "
        f"(it begins with {first!r}); {advice}"
    )


def _check_order(index: pd.Index, name: str) -> None:
    check_stamps(index, name)
    if index.is_monotonic_increasing and index.is_unique:
        return
    repeated = index.duplicated()
    if repeated.any():
        stamp = index[int(np.argmax(repeated))]
        rows = np.flatnonzero(index == stamp)[:_SHOWN].tolist()
        raise ValueError(
            f"{name} has duplicate time stamps, the first is {stamp} in rows {rows} "
            f"({int(repeated.sum())} repetitions in all). Keep one row for each, for example "
            f"{name}.groupby(level=0).mean()"
        )
    row = int(np.argmax(index[1:] < index[:-1])) + 1
    raise ValueError(
        f"time stamps of {name} must increase: row {row} ({index[row]}) is before row {row - 1} "
        f"({index[row - 1]}). Sort first: {name}.sort_index()"
    )


def _uneven(timeline: Timeline, name: str) -> ValueError:
    """The error for stamps that are missing, or that lie where none should."""
    index, step, flaws = timeline.index, timeline.step_name, timeline.flaws()
    row = flaws.row
    if row is None:
        listed = ", ".join(str(stamp) for stamp in flaws.missing)
        more = ", ..." if flaws.count > len(flaws.missing) else ""
        return ValueError(
            f"{name} has gaps: at frequency {step} there should also be {listed}{more} "
            f"({flaws.count} missing in all). Insert them with .asfreq(...) or .reindex(...) and "
            "fill in their values"
        )
    if row == 0:
        return ValueError(
            f"time stamps of {name} do not follow frequency {step}: row 0 ({index[0]}) is not on it"
        )
    length = ticks_of(index)[row] - ticks_of(index)[row - 1]
    span = pd.Timedelta(length, index.unit) if isinstance(index, pd.DatetimeIndex) else length
    return ValueError(
        f"time stamps of {name} are irregular: the step from row {row - 1} ({index[row - 1]}) to "
        f"row {row} ({index[row]}) is {span}, but the frequency is {step}. Bring them to a "
        f"constant step first, for example with {name}.resample(...).mean()"
    )
