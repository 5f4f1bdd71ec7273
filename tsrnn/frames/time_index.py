"""Reading a time index: which step it takes, and where it goes wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from tsrnn.frames.rows import Rows
from tsrnn.frames.timeline import (
    Rule,
    Timeline,
    check_stamps,
    check_type,
    is_calendar,
    make_timeline,
    meant_starts,
    ticks_of,
    wall_clock,
)

_CHUNK = 1 << 17  # rows compared at once: no second array as long as the index
_HEAD = 500  # stamps that tell the frequency, before all are compared with it
_ASKED = 5  # series that are asked for theirs
_MOST_STEPS = 100  # steps for each row, gaps filled; more is a wrong frequency
_STRETCHES = 30  # short runs of stamps that vote on the frequency of an index with gaps
_FRIDAY = 4
_SHORTEST_MONTH = 28  # days
_SHOWN = 3  # rows that a message lists
_DAY = pd.Timedelta(days=1)


def read_times(
    rows: Rows, freq: Any = None, *, hint: Rule | None = None, gaps: bool = False
) -> tuple[Timeline, np.ndarray | None]:
    """Check the time stamps of all series and find their common step.

    Parameters
    ----------
    rows : Rows
        With an index of dates, periods or integers; not empty.
    freq : str, offset or None
        Frequency of dates; None: that of the index, or found from the stamps.
    hint : int, offset or None
        A step to try first.
    gaps : bool
        Whether steps may be left out.

    Returns
    -------
    timeline : Timeline
        Anchored at the first stamp of each series.
    numbers : ndarray of int64, shape (n_rows,), or None
        How many steps after the first of its series each row is; None if there are no gaps.

    Raises
    ------
    TypeError
        Any other type of index.
    ValueError
        Stamps that are missing, repeated, unsorted or uneven; a `freq` they do not follow.

    Examples
    --------
    >>> stamps = pd.DatetimeIndex(["2024-01-31", "2024-02-29", "2024-03-31", "2024-05-31"])
    >>> timeline, numbers = read_times(Rows("y", stamps, np.array([0, 4])), gaps=True)
    >>> timeline.step_name, numbers
    ('ME', array([0, 1, 2, 4]))
    """
    index = rows.index
    check_type(index, rows.name, f"{rows.name}.index", f"range(len({rows.name}))")
    _check_order(rows)
    if isinstance(index, pd.DatetimeIndex):
        rules: Iterator[Rule] = _date_rules(rows, freq, hint)
    else:
        if freq is not None:
            raise ValueError(
                f"freq={freq!r} was given, but the index of {rows.name} has dtype {index.dtype}; "
                "leave freq out, it is for dates only."
            )
        rules = _count_steps(rows, hint)
    timeline, even = _first_even(rows, rules)
    if even:
        return timeline, None
    return timeline, _numbers_with_gaps(timeline, rows, gaps)


def _first_even(rows: Rows, rules: Iterable[Rule]) -> tuple[Timeline, bool]:
    """The first step that all rows follow; failing that, the last."""
    for rule in rules:
        timeline = _timeline(rows, rule)
        if _is_even(timeline, rows):
            return timeline, True
    return timeline, False


def _timeline(rows: Rows, rule: Rule) -> Timeline:
    """Anchored at the first stamp of each series."""
    firsts = rows.offsets[:-1]
    anchors = rows.index[firsts] if len(firsts) > 1 else rows.index[:1]
    if isinstance(rule, int) or not is_calendar(rule):
        return make_timeline(anchors, rule)
    seconds = rows.index[np.minimum(firsts + 1, rows.offsets[1:] - 1)]
    return make_timeline(meant_starts(anchors, seconds), rule, anchors.tz)


def _numbers(timeline: Timeline, rows: Rows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """How many rows and how many steps after the first of its series each row is, part by part."""
    for start in range(0, len(rows.index), _CHUNK):
        stop = min(start + _CHUNK, len(rows.index))
        series = rows.series_between(start, stop)
        places = np.arange(start, stop) - rows.offsets[series]
        yield places, timeline.numbers(rows.index[start:stop], series)


def _is_even(timeline: Timeline, rows: Rows) -> bool:
    if isinstance(rows.index, pd.RangeIndex):
        return True
    return all(np.array_equal(places, found) for places, found in _numbers(timeline, rows))


def _numbers_with_gaps(timeline: Timeline, rows: Rows, allowed: bool) -> np.ndarray:
    parts = zip(*_numbers(timeline, rows), strict=True)
    places, numbers = (np.concatenate(part) for part in parts)
    wrong = numbers < 0 if allowed else numbers != places
    if wrong.any():
        bad = rows.series_of(int(np.argmax(wrong)))
        part = slice(rows.offsets[bad], rows.offsets[bad + 1])
        raise _uneven(timeline.select([bad]), numbers[part], rows, bad)
    steps = int((numbers[rows.offsets[1:] - 1] + 1).sum())
    if steps > _MOST_STEPS * len(numbers):
        cure = rows.cures.get("step", "Pass the right frequency with freq=...")
        raise ValueError(
            f"{rows.name} has {len(numbers)} rows, but there are {steps} steps of "
            f"{timeline.step_name} between the first and the last of each series, more than "
            f"{_MOST_STEPS} times as many. {cure}"
        )
    return numbers


def _count_steps(rows: Rows, hint: Rule | None) -> Iterator[int]:
    """Steps that integers or periods may take."""
    index = rows.index
    if isinstance(index, pd.RangeIndex):
        yield abs(index.step)
        return
    if isinstance(hint, int):
        yield hint
    longest = rows.part(int(np.argmax(rows.lengths)))
    if len(longest) > 1:
        yield _commonest_step(longest)
    elif not isinstance(hint, int):
        period: Any = getattr(index, "freq", None)
        yield 1 if period is None else period.n


def _commonest_step(index: pd.Index) -> int:
    steps, counts = np.unique(np.diff(ticks_of(index[:_HEAD])), return_counts=True)
    return int(steps[np.argmax(counts)])


# Frequencies of dates


def _date_rules(rows: Rows, freq: Any, hint: Rule | None) -> Iterator[pd.offsets.BaseOffset]:
    """Frequencies of the longest series; last the one to measure gaps by.

    pandas' own guess is not asked: it reads the clock wrongly over changes to summer time.
    """
    if freq is not None:
        yield _given_frequency(rows.index, freq)
        return
    if isinstance(hint, pd.offsets.BaseOffset) and rows.index.freq is None:
        yield hint
    found: dict[tuple, pd.offsets.BaseOffset] = {}
    longest = rows.part(int(np.argmax(rows.lengths)))
    if len(longest) == 1 and longest.freq is None:
        one = "one time stamp" if rows.ids is None else "one time stamp in each series"
        cure = rows.cures.get("step", "pass one, such as freq='D'.")
        raise ValueError(f"{rows.name} has {one}, which tells no frequency: {cure}")
    for number in np.argsort(-rows.lengths, kind="stable")[:_ASKED]:
        for step in _steps_of(rows.part(number)[:_HEAD]):
            kind = type(step), step  # pandas 2 takes a day for the same as 24 hours
            if kind not in found:
                found[kind] = step
                yield step
        if not found:
            found[()] = _elected(longest, hint)
    yield next(iter(found.values()))


def _given_frequency(index: pd.DatetimeIndex, freq: Any) -> pd.offsets.BaseOffset:
    try:
        offset = to_offset(freq)
    except (TypeError, ValueError) as error:
        advice = re.search(r"(Please use|Did you mean) [^.?\"]+[.?]", str(error))
        raise ValueError(
            f"freq={freq!r} is no frequency that pandas knows, such as 'h', 'D', 'W-SUN' or 'MS'."
            f"{f' {advice[0]}' if advice else ''}"
        ) from error
    if offset.n < 1:
        raise ValueError(f"freq={freq!r} must lead forward in time.")
    if isinstance(offset, pd.offsets.Tick) and pd.Timedelta(offset) < pd.Timedelta(1, index.unit):
        raise ValueError(
            f"freq={freq!r} is finer than the time stamps, which are kept in {index.unit}."
        )
    return offset


def _steps_of(index: pd.DatetimeIndex) -> Iterator[pd.offsets.BaseOffset]:
    """All frequencies that stamps may have, what people mean most often first."""
    if index.freq is not None:
        yield index.freq
    if len(index) > 1:
        yield from (step for step in _steps_between(index) if _fits(index, step))


def _elected(index: pd.DatetimeIndex, hint: Any) -> pd.offsets.BaseOffset:
    """What most short stretches of an index with gaps say; the hint if they say nothing.

    They have six stamps, so that each has a weekend in it; or three, where neither any of six nor
    a hint tells a step.
    """
    for size in (min(6, max(3, len(index) // 2)), 3):
        stretches = (index[i : i + size] for i in range(min(_STRETCHES, len(index) - size + 1)))
        votes = Counter(step for stretch in stretches for step in islice(_steps_of(stretch), 1))
        for step, _ in votes.most_common():
            if _fits(index[:1], step):
                return step
        if isinstance(hint, pd.offsets.BaseOffset):
            return hint
    span = pd.Timedelta(_commonest_step(index), index.unit)
    return to_offset(span) if span % _DAY else pd.offsets.Day(span.days)


def _fits(index: pd.DatetimeIndex, step: pd.offsets.BaseOffset) -> bool:
    rows = Rows("", index, np.array([0, len(index)]))
    return _is_even(_timeline(rows, step), rows)


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
    day = max(first.day, second.day)
    if all(stamp.day == min(day, stamp.days_in_month) for stamp in (first, second)):
        # From February on pandas counts with the day that it found there, unless one is named.
        named: dict[str, Any] = {"day": day} if day > _SHORTEST_MONTH else {}
        yield pd.DateOffset(months=count, **named)


def _business_months(count: int, first: pd.Timestamp) -> Iterator[pd.offsets.BaseOffset]:
    yield pd.offsets.BusinessMonthBegin(count)
    yield pd.offsets.BusinessMonthEnd(count)
    week = (first.day - 1) // 7
    weekday: Any = first.weekday()  # the hints want a literal
    if week < 4:
        yield pd.offsets.WeekOfMonth(count, week=week, weekday=weekday)
    yield pd.offsets.LastWeekOfMonth(count, weekday=weekday)


# Errors


def _check_order(rows: Rows) -> None:
    index, name = rows.index, rows.name
    check_stamps(index, name)
    if rows.ids is None and index.is_monotonic_increasing and index.is_unique:
        return
    ticks = ticks_of(index)
    back = ticks[1:] <= ticks[:-1]
    back[rows.offsets[1:-1] - 1] = False  # from one series to the next
    if not back.any():
        return
    number = rows.series_of(int(np.argmax(back)))
    first, index, name = int(rows.offsets[number]), rows.part(number), rows.label(number)
    repeated = index.duplicated()
    if repeated.any():
        stamp = index[int(np.argmax(repeated))]
        same = [
            rows.input_row(first + row) for row in np.flatnonzero(index == stamp)[:_SHOWN].tolist()
        ]
        code = f"Keep one row for each, for example {rows.once}.{_clocks_changed(index[repeated])}"
        raise ValueError(
            f"There are duplicate time stamps in {name}, the first is {stamp} in {rows.word}s "
            f"{sorted(same)} ({int(repeated.sum())} repeated in all). "
            f"{rows.cures.get('repeated', code)}"
        )
    row = int(np.argmax(back)) + 1
    place, before = (rows.input_row(first + number) for number in (row, row - 1))
    raise ValueError(
        f"The time stamps of {name} must increase: {rows.word} {place} ({index[row]}) is before "
        f"{rows.word} {before} ({index[row - 1]}). "
        f"{rows.cures.get('unsorted', f'Sort first: {name}.sort_index().')}"
    )


def _uneven(timeline: Timeline, numbers: np.ndarray, rows: Rows, series: int) -> ValueError:
    """The error for stamps that are missing, or that lie where none should."""
    name, step, index = rows.label(series), timeline.step_name, rows.part(series)
    off, jumps = numbers < 0, np.flatnonzero(np.diff(numbers) != 1)
    if not off.any() and 2 * jumps.size < numbers.size:
        return _gaps(timeline, numbers, rows, series)
    row = int(np.argmax(off)) if off.any() else int(jumps[0]) + 1
    place = rows.input_row(int(rows.offsets[series]) + row)
    if row == 0:
        cure = f" {rows.cures['step']}" if "step" in rows.cures else ""
        return ValueError(
            f"The time stamps of {name} do not follow frequency {step}: {rows.word} {place} "
            f"({index[0]}) is not on it.{cure}"
        )
    before = rows.input_row(int(rows.offsets[series]) + row - 1)
    span = ticks_of(index)[row] - ticks_of(index)[row - 1]
    code = ""
    if isinstance(index, pd.DatetimeIndex):
        span = pd.Timedelta(span, index.unit)
        code = f", for example with {name}.resample(...).mean()" * (rows.ids is None)
        code += ", or pass the right frequency, freq=..."
    of_all = " of all series" if rows.ids is not None else ""
    cure = rows.cures.get("step", f"Bring them to a constant step first{code}.")
    return ValueError(
        f"The time stamps of {name} are irregular: the step from {rows.word} {before} "
        f"({index[row - 1]}) to {rows.word} {place} ({index[row]}) is {span}, but the frequency"
        f"{of_all} is {step}. {cure}"
    )


def _inserting(timeline: Timeline, index: pd.Index, table: str) -> str:
    """How to insert rows; of periods `asfreq` keeps the gaps, and of counts it makes dates."""
    if isinstance(index, pd.DatetimeIndex):
        return " with .asfreq(...) or .reindex(...)"
    step: Any = timeline.rule
    if not isinstance(index, pd.PeriodIndex):
        return f" with {table}.reindex(range({index[0]}, {index[-1] + step}, {step}))"
    period: Any = index.freq
    every = step // period.n
    whole = f"pd.period_range({table}.index[0], {table}.index[-1])"
    return f" with {table}.reindex({whole}{f'[::{every}]' if every > 1 else ''})"


def _gaps(timeline: Timeline, numbers: np.ndarray, rows: Rows, series: int) -> ValueError:
    """The error for stamps that are missing."""
    index, jumps = rows.part(series), np.flatnonzero(np.diff(numbers) != 1)
    inserting = _inserting(timeline, index, rows.table) if rows.table else ""
    named = "; if they have another frequency, name it by freq"
    named *= isinstance(index, pd.DatetimeIndex)
    code = (
        f"Insert them{inserting} and fill in their values, or have both done by "
        f'missing="ffill", "interpolate" or "mask"{named}.'
        f"{_clocks_changed(timeline.stamps(numbers[jumps] + 1, np.zeros_like(jumps)))}"
    )
    shown = [
        np.arange(numbers[i] + 1, min(numbers[i + 1], numbers[i] + 1 + _SHOWN))
        for i in jumps[:_SHOWN]
    ]
    missing = np.concatenate(shown)[:_SHOWN]
    listed = ", ".join(str(stamp) for stamp in timeline.stamps(missing, np.zeros_like(missing)))
    count = int(numbers[-1]) + 1 - len(numbers)
    more = ", ..." if count > len(missing) else ""
    return ValueError(
        f"There are gaps in {rows.label(series)}: at frequency {timeline.step_name} there should "
        f"also be {listed}{more} ({count} missing in all). {rows.cures.get('gaps', code)}"
    )


def _clocks_changed(stamps: pd.Index) -> str:
    """Advice where stamps are missing or repeated only in nights of Sundays, in a time of no zone.

    Summer time begins and ends then, nearly everywhere.
    """
    if not isinstance(stamps, pd.DatetimeIndex) or stamps.tz is not None:
        return ""
    nights = (stamps.day_of_week == 6) & (stamps.hour < 4) & (stamps != stamps.normalize())
    if not (nights & stamps.month.isin([3, 4, 9, 10, 11])).all():
        return ""
    return (
        " If these are local times and clocks were changed there, say of which zone: "
        ".tz_localize('Europe/Berlin', ambiguous='infer'), for example."
    )
