"""Covariates of text that may be meant as something else than categories."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pandas as pd

from tsrnn.frames.panels import Panel

_YEAR, _MONTH = r"(18|19|20|21)\d\d", r"(0?[1-9]|1[0-2])"
DATES = re.compile(
    rf"\s*({_YEAR}[-/]{_MONTH}|{_YEAR}(?P<a>[-/.])\d\d?(?P=a)\d\d?|"
    rf"\d\d?(?P<b>[-/.])\d\d?(?P=b){_YEAR}|\d\d(?P<c>[-/.])\d\d(?P=c)\d\d)([T ]\d\d?:\d\d.*)?\s*"
)


def check_text(panel: Panel, stacklevel: int) -> None:
    """Refuse dates as text, warn of numbers as text: as categories they have no order.

    A column of pandas' dtype category is meant, and so is what never changes within a series, if
    it is no date.

    Raises
    ------
    TypeError
        With the column and the ways out.

    Warns
    -----
    UserWarning
        Likewise.
    """
    if panel.covariates is None:
        return
    for label, column in panel.covariates.items():
        if not pd.api.types.is_string_dtype(column.dtype):
            continue
        found = pd.Series(pd.unique(column.dropna()), dtype=object)
        as_they_are = f"if categories are meant, say so: X[{label!r}].astype('category')."
        read = f"such as {found.iloc[0]!r}, which would be {len(found)} categories without order"
        if all(DATES.fullmatch(text) for text in found):
            raise TypeError(
                f"Column {label!r} of X holds dates as text, {read}. If they say when each row "
                f"was, make them the index: X.index = pd.to_datetime(X.pop({label!r})), of which "
                f"CalendarFeatures makes covariates; {as_they_are}"
            )
        if label not in panel.static and _are_numbers(found):
            warnings.warn(
                f"Column {label!r} of X holds numbers as text, {read}. Make numbers of them: "
                f"X[{label!r}] = pd.to_numeric(X[{label!r}]); {as_they_are}",
                stacklevel=stacklevel,
            )


def _are_numbers(found: Any) -> bool:
    """Whether all texts are numbers; those with a 0 in front are codes."""
    codes = found.str.match(r"\s*0\d").any()
    return not codes and bool(pd.to_numeric(found, errors="coerce").notna().all())
