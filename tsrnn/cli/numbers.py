"""Numbers in a column of a CSV file: the one place that knows how they are written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from tsrnn.cli.dialect import Dialect
from tsrnn.cli.words import first_row

__all__ = ["are_numbers", "column_numbers", "not_a_number"]

_MINUS = "\u2212"  # as typesetters write it
_BLANKS = " \u00a0\u2009\u202f"  # some of which break no line
_POINTS = r"[-+]?[1-9]\d{0,2}(\.\d{3})+"  # thousands set apart, or one number with three decimals
# How a number may be written that the options so far do not read
_OTHER_MARKS: list[dict[str, Any]] = [
    {},
    {"thousands": ","},
    {"thousands": "."},
    {"thousands": " "},
    {"thousands": "'"},
    {"decimal": ","},
    {"decimal": "."},
    {"thousands": ".", "decimal": ","},
    {"thousands": " ", "decimal": ","},
]


def column_numbers(column: pd.Series, dialect: Dialect) -> np.ndarray:
    """``column``, which is text, as numbers; NaN for missing values.

    Raises
    ------
    ValueError
        If a value is no number, or it takes ``--thousands`` or ``--decimal`` to say which one.
    """
    numbers = _numbers_or_nan(column, dialect)
    if (numbers.isna() & column.notna()).any():
        raise ValueError(not_a_number(column, dialect))
    if dialect.sep == ";" and dialect.decimal is None and dialect.thousands is None:
        _check_points(column, _as_python_writes(column, dialect))
    return numbers.to_numpy()


def are_numbers(column: pd.Series, dialect: Dialect) -> pd.Series:
    """Which values of ``column`` are numbers; missing ones are none."""
    return _numbers_or_nan(column, dialect).notna()


def not_a_number(column: pd.Series, dialect: Dialect) -> str:
    """Which value of ``column`` is no number, and what to do about it."""
    there, numbers = column.notna(), are_numbers(column, dialect)
    if not there.any():
        return f"column {column.name!r} is empty"
    others = there & ~numbers
    text = str(column[others].iloc[0])
    cure = _cure(text, dialect)
    if text == column.name:
        cure = "; this line may be the header once more"
    elif not cure and numbers[: others.idxmax()].any() and not re.search(r"\d", text):
        cure = f"; --na {_quoted(text)} takes it for a missing value"
    return f"column {column.name!r}, {first_row(column, others)} is not a number{cure}"


def _numbers_or_nan(column: pd.Series, dialect: Dialect) -> pd.Series:
    """The numbers, and NaN for what is none."""
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    again = column.notna() if dialect.point == "," else column.notna() & numbers.isna()
    if again.any():
        numbers[again] = pd.to_numeric(_as_python_writes(column[again], dialect), errors="coerce")
    return numbers


def _as_python_writes(column: pd.Series, dialect: Dialect) -> pd.Series:
    """Numbers without unit and thousands' marks, with a point before decimals."""
    texts = column.str.strip().str.replace(_MINUS, "-", regex=False)
    if dialect.unit is not None:
        unit = re.escape(dialect.unit)
        texts = texts.str.replace(rf"^([-+]?)\s*{unit}\s*|\s*{unit}$", r"\1", regex=True)
    if dialect.thousands is not None:
        # Only where groups are whole: 1.5 is not 15 where points set thousands apart.
        mark = f"[{_BLANKS}]" if dialect.thousands in _BLANKS else re.escape(dialect.thousands)
        whole, decimals = rf"\d{{1,3}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}", rf"[{dialect.point}]\d*"
        grouped = texts.str.fullmatch(f"[-+]?{whole}(?:{decimals})?").astype(bool)
        texts = texts.mask(grouped, texts[grouped].str.replace(mark, "", regex=True))
    if dialect.point == ",":  # then a point is none
        texts = texts.str.translate(str.maketrans(",.", ".,"))
    return texts


def _check_points(column: pd.Series, texts: pd.Series) -> None:
    """Refuse points that may set thousands apart, as where semicolons separate, not commas."""
    pointed = texts.str.contains(".", regex=False, na=False).astype(bool)
    if pointed.any() and texts[pointed].str.fullmatch(_POINTS).all():
        bare = str(texts[pointed].iloc[0]).replace(".", "")
        raise ValueError(
            f"column {column.name!r}, {first_row(column, pointed)} is {bare} where points set "
            "thousands apart, and a number with decimals where they do not; --thousands . says "
            "that they do, --decimal . that they do not"
        )


def _cure(text: str, dialect: Dialect) -> str:
    """Options that read ``text`` as a number, or how to write it."""
    found: dict[str, str] = {}  # the first options for each number
    for options, number in _readings(text, dialect):
        found.setdefault(f"{number:.15g}", options)
    if found:
        return "; " + ", ".join(
            f"{options} {'as' if place else 'reads it as'} {number}"
            for place, (number, options) in enumerate(found.items())
        )
    joined = re.sub(rf"^([-{_MINUS}])\s+", "-", text)
    if joined != text and are_numbers(pd.Series([joined]), dialect).all():
        return f"; write it as {joined}"
    return ""


def _readings(text: str, dialect: Dialect) -> Iterator[tuple[str, float]]:
    """Options that make a number of ``text``, and the number; the fewest options first."""
    # A currency or a unit is what stands before or behind the digits. Minus signs and brackets
    # are none: who knows whether US-$10 is negative.
    around = re.fullmatch(r"-?([^-(\d]*)\d(?:.*\d)?[.,]?([^-)\d]*)", text.replace(_MINUS, "-"))
    parts = {part.strip() for part in around.groups()} if around else set()
    units = [part for part in parts if part and part.isprintable()]
    without_or_with = [{}, {"unit": units[0]}] if len(units) == 1 else [{}]
    there = re.sub(f"[{_BLANKS}]", " ", text)
    marks = [marks for marks in _OTHER_MARKS if all(mark in there for mark in marks.values())]
    for options in (unit | others for unit, others in product(without_or_with, marks)):
        try:
            other = replace(dialect, **options)
        except ValueError:  # one mark for two purposes
            continue
        number = _numbers_or_nan(pd.Series([text]), other).iloc[0]
        if not np.isnan(number):
            yield " ".join(f"--{name} {_quoted(value)}" for name, value in options.items()), number


def _quoted(text: str) -> str:
    """As a shell takes it."""
    return f'"{text}"' if text == "'" else shlex.quote(text)
