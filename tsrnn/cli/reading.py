"""From a CSV file to the one series that the command line forecasts.

What the user did not name is looked for; what is found that way is returned as notes, for the
user to see.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from tsrnn.cli.dates import DECIMAL_COMMA, first_row, looks_like_dates, read_dates
from tsrnn.cli.table import THOUSANDS, Dialect, read_table

__all__ = ["read_series"]

_SHOWN = 8  # columns that a message lists
_EXPLAINED = 3


def read_series(
    path: Path, target: str | None, times: str | None, dialect: Dialect
) -> tuple[pd.Series, list[str]]:
    """Read one column of a CSV file, with its dates.

    Parameters
    ----------
    path : Path
        The file: a header, then one row a step; ``-`` for the standard input.
    target : str or None
        The column to read; None for the only one that holds numbers.
    times : str or None
        The column with the dates; None for the only one that begins with a date. Where there is
        none either, rows are counted.
    dialect : Dialect
        How the file is written.

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
    table = read_table(path, dialect, [] if times is None else [times])
    notes: list[str] = []
    if times is not None:
        _check_column(table, times, "--time")
    else:
        times = _guess_times(table, target, dialect.date_format)
        notes.append(f"dates from column {times!r}" if times else "no dates found: rows counted")
    if target is not None:
        _check_column(table, target, "--target")
    else:
        target = _guess_target(table, times, dialect)
        notes.append(f"target is column {target!r}")
    values = _numbers(table[target], dialect)
    index: pd.Index
    if times is None:
        index = pd.RangeIndex(len(values), name="step")
    else:
        index = pd.DatetimeIndex(read_dates(table[times], dialect), name=times)
    return pd.Series(values, index, name=target), notes


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


def _guess_target(table: pd.DataFrame, times: str | None, dialect: Dialect) -> str:
    numeric = [
        str(name)
        for name, column in table.select_dtypes("number").items()
        if name != times and column.notna().any()
    ]
    if not numeric:
        others = [name for name in table if name != times]
        reasons = [_not_a_number(table[name], dialect) for name in others[:_EXPLAINED]]
        reason = "; ".join(reasons) or f"{times!r} is the only one"
        raise ValueError(f"no column holds numbers to forecast: {reason}")
    if len(numeric) > 1:
        raise ValueError(f"several columns hold numbers: {_names(numeric)}; name one with --target")
    return numeric[0]


def _names(columns: Iterable[object]) -> str:
    names = [repr(name) for name in columns]
    more = f", ... ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _numbers(column: pd.Series, dialect: Dialect) -> np.ndarray:
    numbers = _numbers_where_any(column, dialect)
    if (numbers.isna() & column.notna()).any():
        raise ValueError(_not_a_number(column, dialect))
    return numbers.to_numpy()


def _numbers_where_any(column: pd.Series, dialect: Dialect) -> pd.Series:
    """NaN for what is none."""
    if pd.api.types.is_bool_dtype(column):
        return pd.Series(np.nan, column.index)
    if not pd.api.types.is_numeric_dtype(column):
        column = column.astype(str)
        if dialect.decimal == ",":  # then a point is none
            column = column.str.translate(str.maketrans(",.", ".,"))
    return pd.to_numeric(column, errors="coerce").astype(float)


def _not_a_number(column: pd.Series, dialect: Dialect) -> str:
    others = _numbers_where_any(column, dialect).isna() & column.notna()
    if not others.any():
        return f"column {column.name!r} is empty"
    cure = _cure(str(column[others].iloc[0]), dialect.decimal or ".")
    return f"column {column.name!r}, {first_row(column, others)} is not a number{cure}"


def _cure(text: str, decimal: str) -> str:
    """What to do about a number with a decimal comma, thousands set apart, a currency or a unit."""
    if decimal == "." and re.fullmatch(DECIMAL_COMMA, text):
        return f"; --decimal , reads it as {text.replace(',', '.')}"
    if decimal == "," and re.fullmatch(THOUSANDS, text):
        return f"; write it as {text.replace('.', '')}, or with a comma if these are decimals"
    found = re.fullmatch(r"(\s*[-\u2212]\s*)?([^-\u2212(\d]*)(\d[\d.,]*)[^-\u2212)\d]*", text)
    if found is None:  # more minus signs or brackets, which may be one
        return ""
    number = ("-" if found[1] else "") + found[3]
    last = "," if number.rfind(",") > number.rfind(".") >= 0 else "."
    bare = number.translate({ord(mark): None for mark in ".," if mark != last})
    return f"; write it as {bare.replace(last, decimal)}" if bare.count(last) < 2 else ""
