"""Tables that are meant otherwise than they would be read."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from tsrnn.frames.panels import Roles
from tsrnn.frames.text import DATES
from tsrnn.frames.values import holds_dates


def check_named(frame: pd.DataFrame, roles: Roles, parameters: list[str], name: str) -> None:
    """A name that somebody chose must be there, or a typo would change what is forecast."""
    for parameter in parameters:
        value = getattr(roles, parameter)
        wanted, columns = value if isinstance(value, list) else [value], list(frame.columns)
        if parameter in roles.changed and not all(column in columns for column in wanted):
            raise ValueError(
                f"{parameter}={value!r} is not among the columns of {name}: {columns}."
            )


def check_upright(frame: pd.DataFrame, name: str) -> None:
    """Refuse a table with a column for each date, unless its rows have dates as well."""
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex | pd.MultiIndex):
        return
    labels: list[Any] = list(frame.columns)
    dates = [
        label
        for label in labels
        if isinstance(label, date | pd.Period)
        or (isinstance(label, str) and DATES.fullmatch(label))
    ]
    if len(dates) > 1 and 2 * len(dates) >= len(labels):
        others = [label for label in labels if label not in dates]
        turned = f"{name}.set_index({others}).T" if others else f"{name}.T"
        raise ValueError(
            f"{name} has dates as its columns, such as {dates[0]!r}, and a row is to be a step of "
            f"time, with a column for each series: {turned}."
        )


def check_all_targets(frame: pd.DataFrame, roles: Roles, name: str) -> None:
    """Refuse covariates where all columns are to be forecast."""
    given = (*roles.past_covariates, *roles.static_covariates)
    named = [label for label in frame.columns if label in given]
    if named:
        raise ValueError(
            f"{named} are to be covariates, and all columns of {name} are forecast. Name the "
            "targets among them, such as target_col=['y']; then the others are covariates."
        )


def check_wide(frame: pd.DataFrame, roles: Roles, keys: list, name: str) -> None:
    """Two of names, dates and the usual labels: a long frame whose columns have other labels."""
    labels = list(frame.columns)
    dates = [holds_dates(column) for _, column in frame.items()]
    text = [pd.api.types.is_string_dtype(dtype) for dtype in frame.dtypes]
    names = any(one and not other for one, other in zip(text, dates, strict=True))
    usual = any(label in labels for label in [roles.id_col, roles.time_col])
    if names + any(dates) + usual >= 2:
        absent = [label for label in [*keys, *roles.targets] if label not in labels]
        raise ValueError(
            f"{name} looks like a long frame, but has no column {absent}; it has {labels}. Say "
            "what they are by id_col, time_col and target_col."
        )
