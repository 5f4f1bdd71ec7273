"""What ``fit`` would refuse in a series from a file, said in terms of the file and its columns."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tsrnn.cli.words import counted
from tsrnn.frames.rows import Rows
from tsrnn.frames.time_index import read_times

__all__ = ["with_all_steps"]

_SHOWN = 3  # dates that a message lists
_FILL = "--missing ffill or interpolate"


def with_all_steps(series: pd.Series, freq: str | None, missing: str) -> pd.Series:
    """The series with a row for each step, NaN where there was none, once it is checked.

    Parameters
    ----------
    series : Series
        As ``read_series`` returns it: its name and that of its index are columns of the file.
    freq : str or None
        The step of the dates, if it was given.
    missing : str
        What the forecaster will do about missing values; "raise" refuses them here.

    Returns
    -------
    Series
        ``series`` itself where no step is missing.

    Raises
    ------
    ValueError
        If a value is infinite, or dates are out of order, repeated or uneven; if a value or a
        date is missing that nothing fills.
    """
    _check_values(series, missing)
    if isinstance(series.index, pd.DatetimeIndex):
        _check_order(series.index)
        return series.reindex(_all_steps(series.index, freq, missing))
    if freq is not None:
        raise ValueError(f"--freq {freq} is the step of dates, and the rows have none")
    return series


def _check_values(series: pd.Series, missing: str) -> None:
    values = series.to_numpy()
    if np.isnan(values).all():
        raise ValueError(f"column {series.name!r} is empty")
    cure = f"write a number, or have it filled by {_FILL}"
    _refuse(np.isinf(values), "infinite", "write a number", series)
    if missing == "raise":
        _refuse(np.isnan(values), "no value", cure, series)


def _refuse(wrong: np.ndarray, what: str, cure: str, series: pd.Series) -> None:
    if wrong.any():
        row, count = int(wrong.argmax()), int(wrong.sum())
        dated = isinstance(series.index, pd.DatetimeIndex)
        when = f" ({_written(series.index[row])})" if dated else ""
        raise ValueError(
            f"column {series.name!r}, data row {row + 1}{when}: {what} ({count} of "
            f"{counted(len(series), 'row')}); {cure}"
        )


def _check_order(dates: pd.DatetimeIndex) -> None:
    repeated = dates.duplicated()
    if repeated.any():
        row = int(repeated.argmax())
        first = int((dates == dates[row]).argmax())
        raise ValueError(
            f"column {dates.name!r}: {_written(dates[row])} stands in data rows {first + 1} and "
            f"{row + 1} ({int(repeated.sum())} repeated in all); a series has one row a date, "
            "so of several series in one file take the rows of one"
        )
    if not dates.is_monotonic_increasing:
        row = int((dates[1:] < dates[:-1]).argmax())
        raise ValueError(
            f"column {dates.name!r}, data row {row + 2}: {_written(dates[row + 1])} comes after "
            f"{_written(dates[row])}; sort the rows by date"
        )


def _all_steps(dates: pd.DatetimeIndex, freq: str | None, missing: str) -> pd.Index:
    """The dates, and those that are missing between them."""
    place = f"column {dates.name!r}"
    if len(dates) == 1 and freq is None:
        raise ValueError(f"{place}: one date tells no step; --freq names it")
    rows = Rows(place, dates, np.array([0, len(dates)]), word="data row", first_row=1)
    try:
        timeline, numbers = read_times(rows, freq, gaps=True)
    except ValueError as error:
        problem = re.split(" Bring them| Pass the right", str(error))[0]  # what a program would do
        raise ValueError(f"{problem} --freq names the step") from error
    if numbers is None:
        return dates
    steps = np.arange(numbers[-1] + 1)
    stamps = timeline.stamps(steps, np.zeros_like(steps))
    if missing == "raise":
        absent = stamps.difference(dates)
        more = ", ..." if len(absent) > _SHOWN else ""
        raise ValueError(
            f"{place} has gaps: at step {timeline.step_name} there should also be "
            f"{', '.join(map(_written, absent[:_SHOWN]))}{more} ({len(absent)} missing in all); "
            f"have them filled by {_FILL}, or name another step with --freq"
        )
    return stamps


def _written(date: object) -> str:
    return str(date).removesuffix(" 00:00:00")
