"""From a CSV file to the one series that the command line forecasts.

What the user did not name is looked for; what is found that way is returned as notes, for the
user to see.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from tsrnn.cli.dates import first_row, looks_like_dates, read_dates

__all__ = ["read_series"]

_SHOWN = 3  # columns that a message explains


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
        The column with the dates; None for the only one that begins with a date. Where there is
        none either, rows are counted.
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
    values = _numbers(table[target])
    index: pd.Index
    if times is None:
        index = pd.RangeIndex(len(values), name="step")
    else:
        index = pd.DatetimeIndex(read_dates(table[times], date_format), name=times)
    return pd.Series(values, index, name=target), notes


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not written in UTF-8: {error}") from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path} is empty; it should hold a header and one row a step") from error
    except ValueError as error:
        raise ValueError(f"{path} does not read as CSV: {error}") from error
    if table.empty:
        raise ValueError(f"{path} has a header but no rows")
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for an index
        raise ValueError(f"{path}: its rows have more fields than its header; commas separate them")
    header = str(table.columns[0])
    separator = next((mark for mark in ";\t" if mark in header), None)
    if len(table.columns) == 1 and separator:
        raise ValueError(
            f"{path} has one column, {header!r}: fields are separated by commas, not {separator!r}"
        )
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
        if name != target and looks_like_dates(column, date_format)
    ]
    if len(dated) > 1:
        raise ValueError(
            f"several columns begin with a date: {_names(dated)}; name one with --time"
        )
    if date_format is not None and not dated:
        raise ValueError(
            f"no column has dates as in --date-format {date_format}; name one with --time"
        )
    return dated[0] if dated else None


def _guess_target(table: pd.DataFrame, times: str | None) -> str:
    numeric = [
        str(name)
        for name, column in table.select_dtypes("number").items()
        if name != times and column.notna().any()
    ]
    if not numeric:
        others = [_not_a_number(table[name]) for name in table if name != times]
        reasons = "; ".join(others[:_SHOWN]) or f"{times!r} is the only one"
        raise ValueError(f"no column holds numbers to forecast: {reasons}")
    if len(numeric) > 1:
        raise ValueError(f"several columns hold numbers: {_names(numeric)}; name one with --target")
    return numeric[0]


def _names(columns: Iterable[object]) -> str:
    return ", ".join(repr(name) for name in columns)


def _numbers(column: pd.Series) -> np.ndarray:
    if _others(column).any():
        raise ValueError(_not_a_number(column))
    return pd.to_numeric(column).to_numpy()


def _others(column: pd.Series) -> pd.Series:
    """Which rows hold neither a number nor nothing."""
    if pd.api.types.is_bool_dtype(column):
        return column.notna()
    return pd.to_numeric(column, errors="coerce").isna() & column.notna()


def _not_a_number(column: pd.Series) -> str:
    others = _others(column)
    if not others.any():
        return f"column {column.name!r} is empty"
    return f"column {column.name!r}, {first_row(column, others)} is not a number"
