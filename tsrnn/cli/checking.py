"""What ``fit`` would refuse in a series from a file, said in terms of the file and its columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsrnn.frames.rows import Rows
from tsrnn.frames.time_index import read_times

__all__ = ["check_series"]

_SHOWN = 3  # dates that a message lists


def check_series(series: pd.Series, freq: str | None) -> None:
    """Refuse values and dates that no forecast could be made from.

    Parameters
    ----------
    series : Series
        As ``read_series`` returns it: its name and that of its index are columns of the file.
    freq : str or None
        The step of the dates, if it was given.

    Raises
    ------
    ValueError
        If a value is missing or infinite, or dates are out of order, repeated or uneven.
    """
    _check_values(series)
    if isinstance(series.index, pd.DatetimeIndex):
        _check_order(series.index)
        _check_steps(series.index, freq)
    elif freq is not None:
        raise ValueError(f"--freq {freq} is the step of dates, and the rows have none")


def _check_values(series: pd.Series) -> None:
    values = series.to_numpy()
    for wrong, what in ((np.isnan(values), "no value"), (np.isinf(values), "infinite")):
        if wrong.any():
            row, count = int(wrong.argmax()), int(wrong.sum())
            dated = isinstance(series.index, pd.DatetimeIndex)
            when = f" ({_written(series.index[row])})" if dated else ""
            raise ValueError(
                f"column {series.name!r}, data row {row + 1}{when}: {what} ({count} of "
                f"{len(values)} rows); write a number"
            )


def _check_order(dates: pd.DatetimeIndex) -> None:
    repeated = dates.duplicated()
    if repeated.any():
        row = int(repeated.argmax())
        first = int((dates == dates[row]).argmax())
        raise ValueError(
            f"column {dates.name!r}: {_written(dates[row])} stands in data rows {first + 1} and "
            f"{row + 1} ({int(repeated.sum())} repeated in all); a series has one row a date"
        )
    if not dates.is_monotonic_increasing:
        row = int((dates[1:] < dates[:-1]).argmax())
        raise ValueError(
            f"column {dates.name!r}, data row {row + 2}: {_written(dates[row + 1])} comes after "
            f"{_written(dates[row])}; sort the rows by date"
        )


def _check_steps(dates: pd.DatetimeIndex, freq: str | None) -> None:
    place = f"column {dates.name!r}"
    if len(dates) == 1 and freq is None:
        raise ValueError(f"{place}: one date tells no step; --freq names it")
    rows = Rows(place, dates, np.array([0, len(dates)]))
    try:
        timeline, numbers = read_times(rows, freq, gaps=True)
    except ValueError as error:
        problem, _, _ = str(error).partition(" Bring them")  # what a program would do about it
        raise ValueError(f"{problem} --freq names the step") from error
    if numbers is None:
        return
    absent = np.setdiff1d(np.arange(numbers[-1]), numbers)
    shown = timeline.stamps(absent[:_SHOWN], np.zeros_like(absent[:_SHOWN]))
    more = ", ..." if len(absent) > _SHOWN else ""
    raise ValueError(
        f"{place} has gaps: at step {timeline.step_name} there should also be "
        f"{', '.join(map(_written, shown))}{more} ({len(absent)} missing in all); write a row for "
        "each, or name another step with --freq"
    )


def _written(date: object) -> str:
    return str(date).removesuffix(" 00:00:00")
