"""From a CSV file to the one series that the command line forecasts.

What the user did not name is looked for; what is found that way is returned as notes, for the
user to see.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["read_series"]


def read_series(
    path: Path, target: str | None, times: str | None, date_format: str | None
) -> tuple[pd.Series, list[str]]:
    """Read one column of a CSV file, with its dates.

    Parameters
    ----------
    path : Path
        The file: a header, then one row a step. It may be compressed (``.gz``, ``.zip``, ...).
    target : str or None
        The column to read; None for the only one that holds numbers.
    times : str or None
        The column with the dates; None for the only one that reads as dates. Where there is none
        either, rows are counted.
    date_format : str or None
        How dates are written, as for ``pandas.to_datetime``; None to see for oneself.

    Returns
    -------
    series : Series
        Indexed by dates, or by the number of the row. In the order of the file, unchecked.
    notes : list of str
        What was chosen in the user's stead.

    Raises
    ------
    ValueError
        If the file is empty or not CSV, a column is not there or cannot be told, or a value is
        not a number or not a date.
    OSError
        If the file cannot be read.
    """
    table = _read_csv(path)
    notes: list[str] = []
    if times is not None:
        _check_column(table, times, "--time")
    else:
        times = _guess_times(table, target, date_format)
        notes.append(f"dates from column {times!r}" if times else "no dates found: rows counted")
    if target is not None:
        _check_column(table, target, "--target")
    else:
        target = _guess_target(table, times)
        notes.append(f"target is column {target!r}")
    values = _numbers(table[target], target)
    index: pd.Index
    if times is None:
        index = pd.RangeIndex(len(values), name="step")
    else:
        index = pd.DatetimeIndex(_dates(table[times], times, date_format), name=times)
    return pd.Series(values, index, name=target), notes


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path} is empty; it should hold a header and one row a step") from error
    except ValueError as error:
        raise ValueError(f"{path} does not read as CSV: {error}") from error
    if table.empty:
        raise ValueError(f"{path} has a header but no rows")
    return table


def _check_column(table: pd.DataFrame, name: str, option: str) -> None:
    if name in table:
        return
    close = difflib.get_close_matches(name, [str(column) for column in table], n=1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"{option}: no column {name!r} among {_names(table)}{guess}")


def _guess_times(table: pd.DataFrame, target: str | None, date_format: str | None) -> str | None:
    dated = [
        str(name)
        for name, column in table.items()
        if name != target and _reads_as_dates(column, date_format)
    ]
    if len(dated) > 1:
        raise ValueError(f"several columns read as dates: {_names(dated)}; name one with --time")
    return dated[0] if dated else None


def _guess_target(table: pd.DataFrame, times: str | None) -> str:
    numeric = [
        str(name)
        for name, column in table.select_dtypes("number").items()
        if name != times and column.notna().any()
    ]
    if not numeric:
        raise ValueError(f"no column holds numbers to forecast; the columns are {_names(table)}")
    if len(numeric) > 1:
        raise ValueError(f"several columns hold numbers: {_names(numeric)}; name one with --target")
    return numeric[0]


def _names(columns: Iterable[object]) -> str:
    return ", ".join(repr(name) for name in columns)


def _first(column: pd.Series, wrong: pd.Series) -> str:
    """Where ``wrong`` holds first, and what stands there."""
    row = int(wrong.to_numpy().argmax())
    return f"data row {row + 1}: {column.iloc[row]!r}"


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        raise ValueError(f"column {name!r}, {_first(column, wrong)} is not a number")
    return numbers.to_numpy()


def _reads_as_dates(column: pd.Series, date_format: str | None) -> bool:
    if pd.api.types.is_numeric_dtype(column):  # a year, a price, a number of passengers?
        return False
    try:
        _dates(column, "", date_format)
    except ValueError:
        return False
    return True


def _dates(column: pd.Series, name: str, date_format: str | None) -> pd.Series:
    """``column`` as dates, all written in one way and, if in any, in one time zone."""
    if pd.api.types.is_numeric_dtype(column):
        column = column.map(str)
        other = ~column.str.fullmatch(r"\d{4}|\d{8}")  # neither 1949 nor 19491201
        if date_format is None and other.any():
            raise ValueError(
                f"column {name!r}, {_first(column, other)} is a number, not a date; "
                "rows are counted where the file has no dates"
            )
    try:
        in_utc = _to_datetime(column, date_format, utc=True)
    except (ValueError, Warning) as error:
        raise ValueError(f"column {name!r}{_date_problem(column, date_format)}") from error
    if in_utc.isna().any():
        raise ValueError(f"column {name!r}, {_first(column, in_utc.isna())} is not a date")
    try:
        return _to_datetime(column, date_format, utc=False)
    except (ValueError, Warning) as error:
        raise ValueError(
            f"column {name!r} holds dates of several UTC offsets; write all of them in one"
        ) from error


def _to_datetime(column: pd.Series, date_format: str | None, *, utc: bool) -> pd.Series:
    """``pandas.to_datetime`` without the guesses that it only warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # no format: each date read on its own
        warnings.simplefilter("error", FutureWarning)  # several UTC offsets: a column of objects
        return pd.to_datetime(column, format=date_format, utc=utc)


def _date_problem(column: pd.Series, date_format: str | None) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        dates = pd.to_datetime(column, format=date_format, utc=True, errors="coerce")
    if dates.isna().any():
        first = _first(column, dates.isna())
        return f", {first} does not read as a date; --date-format says how they are written"
    return f": dates such as {column.iloc[0]!r} need --date-format to say how they are written"
