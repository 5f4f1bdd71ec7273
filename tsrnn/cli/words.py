"""How messages say how many there are, and where."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

__all__ = ["counted", "first_row", "names"]

_SHOWN = 8  # columns that a message lists


def counted(count: int, noun: str) -> str:
    """A number and what it counts: "1 row", "2 rows"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_row(column: pd.Series, wrong: pd.Series) -> str:
    """Where ``wrong`` holds first, and what stands there."""
    row = int(wrong.to_numpy().argmax())
    value = column.iloc[row]
    return f"data row {row + 1}: {'' if pd.isna(value) else value!r}"


def names(columns: Iterable[object]) -> str:
    """A list of columns, abridged if it is long."""
    written = [repr(name) for name in columns]
    more = f", ... ({len(written)} in all)" if len(written) > _SHOWN else ""
    return ", ".join(written[:_SHOWN]) + more
