"""From a CSV file, however it is written, to a table."""

from __future__ import annotations

import io
import lzma
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

__all__ = ["THOUSANDS", "Dialect", "read_table"]

THOUSANDS = r"[-+]?[1-9]\d{0,2}(\.\d{3})+"  # set apart by points; or one number with three decimals
_Source: TypeAlias = Callable[[], Path | io.BytesIO]

_DATE = (
    r"\s*(\d{4}-(0[1-9]|1[0-2])|\d{4}([-/.])\d{1,2}\3\d{1,2}|\d{1,2}([-/.])\d{1,2}\4\d{4})"
    r"([ T].*)?"
)
_DAMAGED = (EOFError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, zlib.error)
_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}


@dataclass(frozen=True)
class Dialect:
    """How a file is written; None where it is to be found out, or as is usual.

    Attributes
    ----------
    sep : str or None
        What separates fields; None for the one of comma, semicolon and tab in the header.
    decimal : {",", "."} or None
        What decimals stand behind; None for a point.
    encoding : str or None
        As Python names encodings; None for UTF-8.
    date_format : str or None
        How dates are written, as for ``pandas.to_datetime``; None to see for oneself.
    tz : str or None
        The time zone that dates with UTC offsets are converted to; None to leave them as they are.
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    date_format: str | None = None
    tz: str | None = None


def read_table(path: Path, dialect: Dialect, text_columns: list[str]) -> pd.DataFrame:
    """All of a CSV file; these columns as text, whatever is in them.

    Parameters
    ----------
    path : Path
        The file, ``-`` for the standard input. It may be compressed (``.gz``, ``.zip``, ...).
    dialect : Dialect
        How it is written.
    text_columns : list of str
        Columns that may look like numbers and are none.

    Raises
    ------
    ValueError
        If the file is empty or not CSV.
    OSError
        If it cannot be read.
    """
    source = _source(path)
    try:
        sep = dialect.sep or _separator(path, source, dialect)
        n_columns = _check_header(path, source, sep, dialect)
        table = pd.read_csv(
            source(),
            sep=sep,
            decimal=dialect.decimal or ".",
            encoding=dialect.encoding,
            dtype=dict.fromkeys(text_columns, str),
        )
        if sep == ";" and dialect.decimal is None:
            _check_points(path, _text(source, sep, dialect)[1:], table)
        if n_columns == 1:
            _check_no_blank_lines(path, source, sep, dialect, len(table))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not written in {dialect.encoding or 'UTF-8'}: {error}; --encoding names "
            "another, such as latin-1 or utf-16"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path} is empty; it should hold a header and one row a step") from error
    except pd.errors.ParserError as error:
        raise ValueError(f"{path} does not read as CSV: {error}") from error
    except (*_DAMAGED, OSError) as error:
        if getattr(error, "filename", None) is not None:  # cannot be read at all
            raise
        raise ValueError(f"{path} cannot be decompressed: {error}") from error
    if table.empty:
        raise ValueError(f"{path} has a header but no rows")
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for an index
        raise ValueError(
            f"{path}: its rows have more fields than its header, which has {len(table.columns)}; "
            f"{_SEPARATORS.get(sep, repr(sep))} separates them, or what --sep names"
        )
    return table


def _check_header(path: Path, source: _Source, sep: str, dialect: Dialect) -> int:
    """Refuse a first line that is none, or whose names pandas would make differ; its fields."""
    first = _text(source, sep, dialect, nrows=1).iloc[0]
    names = Counter(name for name in first if name)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        raise ValueError(f"{path}: its header names {repeated[0]!r} {names[repeated[0]]} times")
    dates = first.str.fullmatch(_DATE)
    if dates.any() and (dates | pd.to_numeric(first, errors="coerce").notna()).all():
        raise ValueError(
            f"{path}: its first line holds the date {first[dates].iloc[0]!r}, where it should name "
            "the columns, such as day,sales; below it there is one row a step"
        )
    return len(first)


def _check_points(path: Path, text: pd.DataFrame, table: pd.DataFrame) -> None:
    """Refuse points that may set thousands apart, as where semicolons separate, not commas."""
    for place, (name, column) in enumerate(table.items()):
        written = text[place]
        pointed = written[written.str.contains(".", regex=False)]
        numbers = pd.api.types.is_numeric_dtype(column) and len(pointed)
        if numbers and pointed.str.fullmatch(THOUSANDS).all():
            first = pointed.iloc[0]
            raise ValueError(
                f"{path}: column {name!r}, data row {pointed.index[0]}: {first!r} is "
                f"{first.replace('.', '')} where points set thousands apart, and a number with "
                "decimals where they do not; --decimal . says that they do not, else take the "
                "points out"
            )


def _check_no_blank_lines(
    path: Path, source: _Source, sep: str, dialect: Dialect, rows: int
) -> None:
    """Refuse blank lines between those of a column: pandas skips them, but they may be values."""
    lines = _text(source, sep, dialect, skip_blank_lines=False, names=[0])[0].str.strip()
    there = np.flatnonzero(lines != "")
    between = lines[there[0] + 1 : there[-1] + 1]
    if len(between) > rows:
        row = int(np.argmax(between == "")) + 1
        raise ValueError(
            f"{path}: data row {row} is a blank line ({len(between) - rows} of {len(between)}), "
            "which may be a missing value or none; write NA for one, or take the line out"
        )


def _text(source: _Source, sep: str, dialect: Dialect, **how: Any) -> pd.DataFrame:
    """Lines as they stand, the first one too."""
    as_it_is: dict[str, Any] = {"header": None, "dtype": str, "keep_default_na": False}
    return pd.read_csv(source(), sep=sep, encoding=dialect.encoding, **as_it_is, **how)


def _source(path: Path) -> _Source:
    """What gives the file from its beginning each time: a pipe can be read only once."""
    if path.is_file():
        return lambda: path
    contents = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    return lambda: io.BytesIO(contents)


def _separator(path: Path, source: _Source, dialect: Dialect) -> str:
    """The one that makes most columns of the header; a comma where there is only one column."""
    counts = {
        sep: len(pd.read_csv(source(), sep=sep, encoding=dialect.encoding, nrows=0).columns)
        for sep in _SEPARATORS
    }
    best = [sep for sep, count in counts.items() if count == max(counts.values())]
    if len(best) > 1 and max(counts.values()) > 1:
        marks = " or ".join(_SEPARATORS[sep] for sep in best)
        raise ValueError(f"{path}: {marks} may separate the fields of its header; --sep says which")
    return best[0]
