"""From a CSV file, however it is written, to a table of text."""

from __future__ import annotations

import io
import lzma
import re
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsrnn.cli.dates import is_date
from tsrnn.cli.dialect import Dialect
from tsrnn.cli.numbers import are_numbers
from tsrnn.cli.words import counted, names

__all__ = ["COMPRESSIONS", "UNNAMED", "read_table", "sep_hint"]

COMPRESSIONS = {  # as pandas names them, by the endings it goes by
    ".bz2": "bz2",
    ".gz": "gzip",
    ".tar": "tar",
    ".xz": "xz",
    ".zip": "zip",
    ".zst": "zstd",
}
UNNAMED = "Unnamed: "  # pandas' name, with its place, for a column without one

_DAMAGED = (EOFError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, zlib.error)
_SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_NO_TEXT = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a Parquet file",
}


@dataclass(frozen=True)
class _File:
    """A file that can be read more than once.

    Attributes
    ----------
    name : str
        What messages call it.
    source : callable
        Gives it from its beginning each time.
    dialect : Dialect
        How it is written.
    """

    name: str
    source: Callable[[], Path | io.BytesIO]
    dialect: Dialect

    def fields(self, **how: Any) -> pd.DataFrame:
        """Its fields as text, those of the header too."""
        return pd.read_csv(
            self.source(),
            sep=self.dialect.sep,
            encoding=self.dialect.encoding,
            skiprows=self.dialect.skip or 0,
            header=None,
            dtype=str,
            skipinitialspace=True,
            **how,
        )


def read_table(
    path: Path, dialect: Dialect, named: Collection[str]
) -> tuple[pd.DataFrame, Dialect]:
    """All of a CSV file, as text.

    Parameters
    ----------
    path : Path
        The file, ``-`` for the standard input. It may be compressed (``.gz``, ``.zip``, ...).
    dialect : Dialect
        How it is written.
    named : collection of str
        Columns that the user has named: a line that holds one of them is a header.

    Returns
    -------
    table : DataFrame
        A column of text for each in the header; NaN for missing values.
    dialect : Dialect
        The same, with the separator that was found.

    Raises
    ------
    ValueError
        If the file is empty or not CSV.
    OSError
        If it cannot be read.
    """
    file = _opened(path, dialect)
    with _explained(file):
        file = replace(file, dialect=replace(dialect, sep=dialect.sep or _separator(file)))
        header = _header(file, named)
        rows = _rows(file, header)
        if len(header) == 1:
            _check_no_blank_lines(file, len(rows))
    if rows.empty:
        raise ValueError(f"{file.name} has a header but no rows")
    return rows.reset_index(drop=True).set_axis(header, axis=1), file.dialect


def sep_hint(table: pd.DataFrame) -> str:
    """What to say where a table has one column only because another character separates."""
    if len(table.columns) > 1:
        return ""
    return _other_separator([str(table.columns[0]), str(table.iloc[0, 0])], {" ": "a blank"})


def _other_separator(lines: list[str], more: dict[str, str]) -> str:
    """Advice about what is in all lines, equally often."""
    for sep, name in {**_SEPARATORS, **more}.items():
        counts = {line.count(sep) for line in lines}
        if len(counts) == 1 and 0 not in counts:
            option = {"\t": "tab", ",": ","}.get(sep, f"'{sep}'")
            return f"; if {name} separates the fields, say so with --sep {option}"
    return ""


@contextmanager
def _explained(file: _File) -> Iterator[None]:
    """What goes wrong in reading, said in terms of the file."""
    try:
        yield
    except UnicodeError as error:
        raise ValueError(
            f"{file.name} is not written in {file.dialect.encoding or 'UTF-8'}: {error}; "
            "--encoding names another, such as cp1252 (Windows) or utf-16"
        ) from error
    except pd.errors.EmptyDataError as error:
        below = f" below line {file.dialect.skip}" if file.dialect.skip else ""
        raise ValueError(
            f"{file.name} is empty{below}; it should hold a header and one row a step"
        ) from error
    except pd.errors.ParserError as error:
        opened = re.search(r"EOF inside string starting at row (\d+)", str(error))
        problem = (
            f"the quotation mark that opens in line {int(opened[1]) + 1} is never closed"
            if opened
            else str(error)
        )
        raise ValueError(f"{file.name} does not read as CSV: {problem}") from error
    except (*_DAMAGED, OSError) as error:
        if getattr(error, "filename", None) is not None:  # cannot be read at all
            raise
        raise ValueError(f"{file.name} cannot be decompressed: {error}") from error


def _opened(path: Path, dialect: Dialect) -> _File:
    """The file, once it is known to be text; a pipe can be read only once."""
    name = "the standard input" if str(path) == "-" else str(path)
    if path.is_file():
        with path.open("rb") as stream:
            start = b"" if path.suffix.lower() in COMPRESSIONS else stream.read(4)
        file = _File(name, lambda: path, dialect)
    else:
        contents = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        start = contents[:4]
        file = _File(name, lambda: io.BytesIO(contents), dialect)
    kind = _NO_TEXT.get(start)
    if kind:
        raise ValueError(f"{name} is {kind}, not CSV; save it as CSV")
    if start.startswith(b"\x1f\x8b"):
        raise ValueError(f"{name} is compressed by gzip; unpack it, or let its name end in .gz")
    if b"\0" in start and dialect.encoding is None:
        raise ValueError(
            f"{name} is not written in UTF-8: it has bytes that are 0; --encoding names another, "
            "such as utf-16 or utf-16-le"
        )
    return file


def _separator(file: _File) -> str:
    """The one that makes most columns of the header; a comma where there is only one column."""
    counts = {}
    for sep in _SEPARATORS:
        dialect = replace(file.dialect, sep=sep)
        counts[sep] = len(replace(file, dialect=dialect).fields(nrows=1).columns)
    best = [sep for sep, count in counts.items() if count == max(counts.values())]
    if len(best) > 1 and max(counts.values()) > 1:
        marks = " or ".join(_SEPARATORS[sep] for sep in best)
        raise ValueError(
            f"{file.name}: {marks} may separate the fields of its header; --sep says which"
        )
    return best[0]


def _header(file: _File, named: Collection[str]) -> list[str]:
    """The names of the columns; refused where the first line is no header."""
    first = file.fields(nrows=1, keep_default_na=False).iloc[0].str.strip()
    if re.fullmatch("sep=.?", first.iloc[0]):
        raise ValueError(
            f"{file.name}: its first line, {first.iloc[0]!r}, is for Excel alone; "
            f"--skip {1 + (file.dialect.skip or 0)} leaves it out"
        )
    repeated = [name for name, count in Counter(first[first != ""]).items() if count > 1]
    if repeated:
        times = int((first == repeated[0]).sum())
        raise ValueError(f"{file.name}: its header names {repeated[0]!r} {times} times")
    others = first[~are_numbers(first, file.dialect)]
    if not set(named) & set(first) and all(
        is_date(text, file.dialect.date_format) for text in others
    ):
        raise ValueError(
            f"{file.name}: its first line holds {names(first)}, where it should name the columns, "
            "such as day,sales, above one row a step; if these are names, give one to --target"
        )
    return [name or f"{UNNAMED}{place}" for place, name in enumerate(first)]


def _rows(file: _File, header: list[str]) -> pd.DataFrame:
    """All fields below the header; refused where a line has more of them than the header."""
    na = file.dialect.na
    try:
        return file.fields(na_values=na)[1:]
    except pd.errors.ParserError as error:
        found = re.search(r"Expected \d+ fields in line (\d+), saw (\d+)", str(error))
        if found is None:
            raise
        line, fields = int(found[1]), int(found[2])
    if fields == len(header) + 1:
        with suppress(pd.errors.ParserError):
            rows = file.fields(names=range(fields), na_values=na)[1:]
            if rows[len(header)].isna().all():  # a separator at the end of each row
                return rows.drop(columns=len(header))
    if len(header) > 1:
        cure = "; put a field in quotes if the separator is part of it, or name another with --sep"
    else:
        cure = _other_separator(header, {}) or (
            "; a header further down takes --skip, to leave out the lines above it, and another "
            "separator --sep"
        )
    raise ValueError(
        f"{file.name}, line {line} has {counted(fields, 'field')}, and the header "
        f"{len(header)}: {names(header)}{cure}"
    )


def _check_no_blank_lines(file: _File, rows: int) -> None:
    """Refuse blank lines between those of a column: pandas skips them, but they may be values."""
    # Two names, for one column: a separator at the end of each row makes an empty second field.
    lines = file.fields(skip_blank_lines=False, keep_default_na=False, names=[0, 1])[0].str.strip()
    there = np.flatnonzero(lines != "")
    between = lines[there[0] + 1 : there[-1] + 1]
    if len(between) > rows:
        row = int(np.argmax(between == "")) + 1
        raise ValueError(
            f"{file.name}: data row {row} is a blank line ({len(between) - rows} of "
            f"{len(between)}), which may be a missing value or none; write NA for one, or take the "
            "line out"
        )
