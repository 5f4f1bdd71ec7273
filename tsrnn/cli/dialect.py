"""How a CSV file is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Dialect"]


@dataclass(frozen=True)
class Dialect:
    """How a file is written; None where it is to be found out, or as is usual.

    Attributes
    ----------
    sep : str or None
        What separates fields; None for the one of comma, semicolon, tab and bar in the header.
    decimal : {",", "."} or None
        What decimals stand behind; None for a point, or a comma where points set thousands apart.
    thousands : str or None
        What sets thousands apart; None if nothing does.
    unit : str or None
        What stands before or behind numbers and is left out, such as a currency.
    na : sequence of str or None
        Words for a missing value, beside those that pandas knows.
    encoding : str or None
        As Python names encodings; None for UTF-8.
    skip : int or None
        How many lines stand above the header.
    date_format : str or None
        How dates are written, as for ``pandas.to_datetime``; None to see for oneself.
    tz : str or None
        The time zone that dates with UTC offsets are converted to; None to leave them as they are.

    Raises
    ------
    ValueError
        If one mark stands before decimals and sets thousands apart.
    """

    sep: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    unit: str | None = None
    na: Sequence[str] | None = None
    encoding: str | None = None
    skip: int | None = None
    date_format: str | None = None
    tz: str | None = None

    def __post_init__(self) -> None:
        if self.thousands == self.point:
            raise ValueError(
                f"--thousands {self.thousands}: the same mark stands before decimals; --decimal "
                "names another for them"
            )

    @property
    def point(self) -> str:
        """What decimals stand behind."""
        return self.decimal or ("," if self.thousands == "." else ".")
