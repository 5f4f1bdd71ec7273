"""From a CSV file to the one series that the command line forecasts.

What the user did not name is looked for; what is found that way is returned as notes, for the
user to see.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import pandas as pd

from tsrnn.cli.dates import looks_like_dates, read_dates
from tsrnn.cli.dialect import Dialect
from tsrnn.cli.numbers import are_numbers, column_numbers, not_a_number
from tsrnn.cli.table import UNNAMED, read_table, sep_hint
from tsrnn.cli.words import names

__all__ = ["read_series"]

# Names of columns that may hold dates written as numbers
_TIMES = ("date", "datetime", "day", "ds", "month", "time", "timestamp", "week", "year")
_EXPLAINED = 3
# A number as people write it: perhaps with marks between digits, and a sign around them
_WITH_A_SIGN = r"[-+]?[^\w\s]?\s?\d[\d.,' ]*\s?[^\w\s]?"


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
    if target is not None and target == times:
        raise ValueError(f"--target and --time both name {target!r}; the dates are in another")
    named = [name for name in (target, times) if name is not None]
    table, dialect = read_table(path, dialect, named)
    notes: list[str] = []
    if times is not None:
        _check_column(table, times, "--time")
    else:
        times = _guess_times(table, target, dialect.date_format)
        notes.append(f"dates from column {times!r}" if times else _no_dates(table, target))
    if target is not None:
        _check_column(table, target, "--target")
    else:
        target = _guess_target(table, times, dialect)
        notes.append(f"target is column {target!r}")
    if times is not None:
        table = _without_empty_end(table)
    values = column_numbers(table[target], dialect)
    index: pd.Index
    if times is None:
        index = pd.RangeIndex(len(values), name="step")
    else:
        index = pd.DatetimeIndex(read_dates(table[times], dialect), name=times)
    return pd.Series(values, index, name=target), notes


def _without_empty_end(table: pd.DataFrame) -> pd.DataFrame:
    """Without last rows of separators alone, which spreadsheets write."""
    there = table.notna().any(axis=1).to_numpy().nonzero()[0]
    return table[: there[-1] + 1] if len(there) else table


def _no_dates(table: pd.DataFrame, target: str | None) -> str:
    """That rows are counted; numbers are dates only where that is said, as of 20240501 or 2024."""
    called = [str(name) for name in table if str(name).lower() in _TIMES and name != target]
    hint = f"; if column {called[0]!r} holds dates, --time {called[0]} says so" if called else ""
    return f"no dates found: rows counted{hint}"


def _check_column(table: pd.DataFrame, name: str, option: str) -> None:
    if name in table:
        return
    close = difflib.get_close_matches(name, [str(column) for column in table], n=1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"{option}: no column {name!r} among {names(table)}{guess}{sep_hint(table)}")


def _guess_times(table: pd.DataFrame, target: str | None, date_format: str | None) -> str | None:
    dated = [
        str(name)
        for name, column in table.items()
        if name != target and looks_like_dates(column, date_format)
    ]
    if len(dated) > 1:
        raise ValueError(f"several columns begin with a date: {names(dated)}; name one with --time")
    if date_format is not None and not dated:
        raise ValueError(
            f"no column has dates as in --date-format {date_format}; name one with --time"
        )
    return dated[0] if dated else None


def _guess_target(table: pd.DataFrame, times: str | None, dialect: Dialect) -> str:
    others = [str(name) for name in table if name != times]
    numeric = [name for name in others if _holds_numbers(table[name], dialect)]
    if not numeric:
        reasons = [not_a_number(table[name], dialect) for name in others[:_EXPLAINED]]
        reason = "; ".join(reasons) or f"{times!r} is the only one"
        raise ValueError(f"no column holds numbers to forecast: {reason}{sep_hint(table)}")
    numeric = [name for name in numeric if not name.startswith(UNNAMED)] or numeric
    if len(numeric) > 1:
        raise ValueError(f"several columns hold numbers: {names(numeric)}; name one with --target")
    for name in others:
        if (
            not name.startswith(UNNAMED)
            and name not in numeric
            and _may_hold_numbers(table[name], dialect)
        ):
            raise ValueError(
                f"column {numeric[0]!r} holds numbers, and {name!r} may: "
                f"{not_a_number(table[name], dialect)}; or name one with --target"
            )
    return numeric[0]


def _holds_numbers(column: pd.Series, dialect: Dialect) -> bool:
    there = column.dropna()
    # The first value spares reading the whole of a column of words.
    return bool(are_numbers(there[:1], dialect).any() and are_numbers(there, dialect).all())


def _may_hold_numbers(column: pd.Series, dialect: Dialect) -> bool:
    """Whether some values are numbers, or one with a currency or the like begins the column."""
    there = column.dropna()
    with_a_sign = there[:1].str.strip().str.fullmatch(_WITH_A_SIGN).any()
    return bool(with_a_sign or are_numbers(there, dialect).any())
