"""Dates in a column of a CSV file: whether it holds any, and reading them without guesses."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pandas as pd

from tsrnn.cli.dialect import Dialect
from tsrnn.cli.words import first_row

__all__ = ["is_date", "looks_like_dates", "read_dates"]

_NUMBER = r"[-+]?(\d+|\d{1,3}([.,]\d{3})+)([.,]\d+)?"
_TIME = r"\d{1,2}:\d{2}.*"  # of the day, which pandas takes for one of today
_DAY_AND_MONTH = r"(\d{1,2})[-./](\d{1,2})[-./]"
_FORMAT = "--date-format says how they are written, such as %d.%m.%Y or %b %Y"
_QUARTER = r"\d{4}-?Q[1-4]"
_FIRST_YEAR = 1000  # pandas reads "may 5" and "10,5" as days of the year 1


def looks_like_dates(column: pd.Series, date_format: str | None) -> bool:
    """Whether a column of text begins with a date; a number or a time of the day is none."""
    return any(is_date(str(text), date_format) for text in column.dropna().head(1))


def is_date(text: str, date_format: str | None) -> bool:
    """Whether a text is a date; a number or a time of the day is none."""
    text = text.strip()
    if date_format is None:
        if re.fullmatch(_QUARTER, text):
            return True
        if re.fullmatch(rf"{_NUMBER}|{_TIME}|\D*", text):
            return False
    date = _dates_where_any(pd.Series([text]), format=date_format).iloc[0]
    return not pd.isna(date) and date.year >= _FIRST_YEAR


def read_dates(column: pd.Series, dialect: Dialect) -> pd.Series:
    """``column`` as dates, all written in one way and, if in any, in one time zone.

    Raises
    ------
    ValueError
        If a value is no date, or it takes ``--date-format`` or ``--tz`` to say which one.
    """
    place, column = f"column {column.name!r}", column.str.strip()
    day_first = False
    if dialect.date_format is None:
        _check_no_number(column, place)
        if column.str.fullmatch(_QUARTER, na=False).all():
            return pd.Series(pd.PeriodIndex(column, freq="Q").to_timestamp())
        day_first = _day_first(column, place)
    how = {"format": dialect.date_format, "dayfirst": day_first}
    try:
        in_utc = _to_datetime(column, utc=True, **how)
    except (ValueError, Warning) as error:
        raise ValueError(f"{place}{_date_problem(column, how)}") from error
    if in_utc.isna().any():
        raise ValueError(f"{place}, {first_row(column, in_utc.isna())} is not a date")
    try:
        dates = _to_datetime(column, utc=False, **how)
    except (ValueError, Warning) as error:
        if dialect.tz is not None:
            return in_utc.dt.tz_convert(dialect.tz)
        raise ValueError(
            f"{place} holds dates of several UTC offsets; --tz names the time zone to convert "
            "them to, such as Europe/Berlin or UTC"
        ) from error
    if dialect.tz is None:
        return dates
    if dates.dt.tz is None:
        raise ValueError(
            f"{place}: --tz {dialect.tz} converts dates with UTC offsets, and "
            f"{column.iloc[0]!r} has none"
        )
    return dates.dt.tz_convert(dialect.tz)


def _check_no_number(column: pd.Series, place: str) -> None:
    """Refuse numbers that are neither a year nor a day such as 19491201."""
    others = column.str.fullmatch(r"[-+]?\d+(\.\d*)?", na=False) & ~column.str.fullmatch(
        r"\d{4}|\d{8}", na=False
    )
    if others.any():
        raise ValueError(
            f"{place}, {first_row(column, others)} is a number, not a date; --date-format "
            "says how dates of digits alone are written, such as %Y%m; rows are counted where the "
            "file has no dates"
        )


def _day_first(column: pd.Series, place: str) -> bool:
    """Whether dates such as 01.02.2024 begin with the day; refused where no row tells."""
    # All are to be written as the first is: of other forms, not every row has to be looked at.
    if not column.dropna().head(1).str.match(_DAY_AND_MONTH).any():
        return False
    parts = column.str.extract(f"^{_DAY_AND_MONTH}").astype(float)  # NaN: written in another way
    if (parts > 12).any(axis=None):
        return bool((parts[0] > 12).any())
    differ = parts[0].notna() & (parts[0] != parts[1])
    if differ.any():
        raise ValueError(
            f"{place}, {first_row(column, differ)} begins with the day or with the month; "
            "--date-format says which, such as %d.%m.%Y"
        )
    return False


def _to_datetime(column: pd.Series, **how: Any) -> pd.Series:
    """``pandas.to_datetime`` without the guesses that it only warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # no format: each date read on its own
        warnings.simplefilter("error", FutureWarning)  # several UTC offsets: a column of objects
        return pd.to_datetime(column, **how)


def _dates_where_any(column: pd.Series, **how: Any) -> pd.Series:
    """The dates in UTC as pandas guesses them, and NaT for what is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return pd.to_datetime(column, utc=True, errors="coerce", **how)


def _date_problem(column: pd.Series, how: dict[str, Any]) -> str:
    none = _dates_where_any(column, **how).isna()
    if none.any():
        first = first_row(column, none)
        return f", {first} does not read as a date; {_FORMAT}"
    return f": dates such as {column.iloc[0]!r} are not clear; {_FORMAT}"
