"""What ``fit`` would refuse in a series from a file, said in terms of the file and its columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsrnn.cli.words import counted
from tsrnn.frames.rows import Rows
from tsrnn.frames.time_index import read_times

__all__ = ["with_all_steps"]

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
        ``series``, longer by the steps that were missing.

    Raises
    ------
    ValueError
        If a value is infinite, or dates are out of order, repeated or uneven; if a value or a
        date is missing that nothing fills.
    """
    _check_values(series, missing)
    if isinstance(series.index, pd.DatetimeIndex):
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


def _all_steps(dates: pd.DatetimeIndex, freq: str | None, missing: str) -> pd.Index:
    """The dates, and those that are missing between them."""
    rows = Rows(
        f"column {dates.name!r}",
        dates,
        np.array([0, len(dates)]),
        word="data row",
        first_row=1,
        cures=_cures(freq),
    )
    timeline, numbers = read_times(rows, freq, gaps=missing != "raise")
    if numbers is None:
        return dates
    steps = np.arange(numbers[-1] + 1)
    return timeline.stamps(steps, np.zeros_like(steps))


def _cures(freq: str | None) -> dict[str, str]:
    """What to do about dates, at a shell."""
    if freq is None:
        step, other = "--freq names the step.", "name another step with --freq"
    else:
        step = f"--freq {freq} does not fit; without it, the step is read off the dates."
        other = f"give another step than --freq {freq}"
    return {
        "repeated": "A series has one row a date: of several in one file, take the rows of one.",
        "unsorted": "Sort the rows by date.",
        "gaps": f"Have them filled by {_FILL}, or {other}.",
        "step": step,
    }


def _written(date: object) -> str:
    return str(date).removesuffix(" 00:00:00")
