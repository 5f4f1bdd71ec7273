"""Dates in a column of a CSV file: whether it holds any, and reading them without guesses."""

from __future__ import annotations

import re
import warnings

import pandas as pd

__all__ = ["first_row", "looks_like_dates", "read_dates"]

_DAY_AND_MONTH = r"(\d{1,2})[-./](\d{1,2})[-./]"
_FIRST_YEAR = 1000  # pandas reads "may" and "10,5" as days of the year 1


def first_row(column: pd.Series, wrong: pd.Series) -> str:
    """Where ``wrong`` holds first, and what stands there."""
    row = int(wrong.to_numpy().argmax())
    (value,) = column.iloc[[row]].tolist()  # as Python writes it
    return f"data row {row + 1}: {'' if pd.isna(value) else value!r}"


def looks_like_dates(column: pd.Series, date_format: str | None) -> bool:
    """Whether a column of text begins with a date; a number may be a year, or a price."""
    texts = column.dropna().head(1)
    if texts.empty or pd.api.types.is_numeric_dtype(column):
        return False
    date = _dates_where_any(texts, date_format).iloc[0]
    return not pd.isna(date) and date.year >= _FIRST_YEAR


def read_dates(column: pd.Series, date_format: str | None) -> pd.Series:
    """``column`` as dates, all written in one way and, if in any, in one time zone.

    Raises
    ------
    ValueError
        If a value is no date, or it takes ``date_format`` to say which one.
    """
    place = f"column {column.name!r}"
    if pd.api.types.is_numeric_dtype(column):
        column = column.map(str)
        other = ~column.str.fullmatch(r"\d{4}|\d{8}")  # neither 1949 nor 19491201
        if date_format is None and other.any():
            raise ValueError(
                f"{place}, {first_row(column, other)} is a number, not a date; "
                "rows are counted where the file has no dates"
            )
    if date_format is None:
        _check_day_and_month(column, place)
    try:
        in_utc = _to_datetime(column, date_format, utc=True)
    except (ValueError, Warning) as error:
        raise ValueError(f"{place}{_date_problem(column, date_format)}") from error
    if in_utc.isna().any():
        raise ValueError(f"{place}, {first_row(column, in_utc.isna())} is not a date")
    try:
        return _to_datetime(column, date_format, utc=False)
    except (ValueError, Warning) as error:
        raise ValueError(
            f"{place} holds dates of several UTC offsets; write all of them in one"
        ) from error


def _check_day_and_month(column: pd.Series, place: str) -> None:
    """Refuse 01.02.2024 where no other row tells which of the two is the month."""
    if not re.match(_DAY_AND_MONTH, str(column.iloc[0])):
        return
    leading = column.astype(str).str.extract(f"^{_DAY_AND_MONTH}")
    if leading.isna().any(axis=None):
        return
    leading = leading.astype(int)
    differ = leading[0] != leading[1]
    if differ.any() and (leading <= 12).all(axis=None):
        raise ValueError(
            f"{place}, {first_row(column, differ)} begins with the day or with the month; "
            "--date-format says which, such as %d.%m.%Y"
        )


def _to_datetime(column: pd.Series, date_format: str | None, *, utc: bool) -> pd.Series:
    """``pandas.to_datetime`` without the guesses that it only warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # no format: each date read on its own
        warnings.simplefilter("error", FutureWarning)  # several UTC offsets: a column of objects
        return pd.to_datetime(column, format=date_format, utc=utc)


def _dates_where_any(column: pd.Series, date_format: str | None) -> pd.Series:
    """The dates in UTC as pandas guesses them, and NaT for what is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return pd.to_datetime(column, format=date_format, utc=True, errors="coerce")


def _date_problem(column: pd.Series, date_format: str | None) -> str:
    none = _dates_where_any(column, date_format).isna()
    if none.any():
        first = first_row(column, none)
        return f", {first} does not read as a date; --date-format says how they are written"
    return f": dates such as {column.iloc[0]!r} need --date-format to say how they are written"
