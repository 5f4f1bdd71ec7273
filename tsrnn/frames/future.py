"""Rows to forecast: which series and which step after its end each of them stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tsrnn.frames import missing
from tsrnn.frames.panels import Future, Panel, Roles, check_columns, check_width
from tsrnn.frames.rows import Rows, series_and_stamps, series_label
from tsrnn.frames.values import (
    as_dates,
    as_pandas,
    check_unique,
    is_number,
    numbered_columns,
    read_covariates,
    type_name,
    warn_undated,
)


def read_future(X: Any, past: Panel, roles: Roles) -> Future:
    """Check the rows to forecast.

    Parameters
    ----------
    X : Series, DataFrame, array or list
        A row for each step of each series, located by key and time stamp; they may begin after a
        gap. Where `X` or `past` has no time stamps, they follow the only series directly.
        Targets, past and static covariates may be among the columns. The first two are not read;
        static ones must be those of the series.
    past : Panel
        What they follow.
    roles : Roles
        As for `past`.

    Raises
    ------
    TypeError
        `X` is no Series, DataFrame, array or list, or its stamps are of another type.
    ValueError
        A series that is not in `past`; a stamp that is not after its end, not on the frequency,
        in another time zone; a step that is there twice, unless there is a single series without
        covariates; columns that do not fit; missing covariates; other static covariates than those
        of the series.

    Warns
    -----
    UserWarning
        If `past` has dates, and covariates that are an array have none.

    Examples
    --------
    >>> from tsrnn.frames.reading import read_training
    >>> past = read_training(pd.Series([1.0, 2.0]), None, Roles())
    >>> read_future(pd.DataFrame(index=[2, 3, 5]), past, Roles()).steps
    array([0, 1, 3])
    """
    X = as_pandas(X)
    if not isinstance(X, pd.Series | pd.DataFrame | np.ndarray | list | tuple):
        raise TypeError(f"X must be a Series, DataFrame, array or list, not {type_name(X)}.")
    if isinstance(X, pd.DataFrame):
        check_unique(X, "X")
    index = X.index if isinstance(X, pd.Series | pd.DataFrame) else None
    if index is not None and len(X) and past.timeline is not None:
        series, stamps = _whose(X, past, roles)
        steps = past.timeline.locate(stamps, series, "X", past.label)
    elif past.n_series > 1 and len(X):
        raise ValueError(_no_keys(past, roles))
    else:
        series, stamps = np.zeros(len(X), dtype=np.int64), None
        steps = np.arange(len(X))
    rows = Rows("X", stamps, np.array([0, len(X)]))
    covariates = _covariates(X, past, roles, series, steps, rows)
    if past.is_dated and covariates is not None and index is None and len(X):
        _warn_counted(past, len(X))
    if covariates is not None or past.ids is not None:
        _check_once(series, steps, stamps, past)
    return Future(series, steps, covariates, index)


def _whose(X: Any, past: Panel, roles: Roles) -> tuple[np.ndarray, pd.Index]:
    """The number of each row's series, and its time stamp."""
    levels = isinstance(X.index, pd.MultiIndex)
    columns = list(X.columns) if isinstance(X, pd.DataFrame) else []
    long = not levels and (past.long_names is not None or roles.time_col in columns)
    if not levels and not long:
        if past.ids is not None:
            raise ValueError(_no_keys(past, roles))
        return np.zeros(len(X), dtype=np.int64), as_dates(X.index)
    keys = [roles.id_col, roles.time_col] if past.ids is not None else [roles.time_col]
    if long and not all(key in columns for key in keys):
        raise ValueError(f"X needs the columns {keys}; it has {columns}.")
    id_col = roles.id_col if roles.id_col in columns else None
    codes, ids, stamps = series_and_stamps(X, id_col, roles.time_col, "X")
    return _numbers_of(ids, codes, past), stamps


def _numbers_of(ids: pd.Index | None, codes: np.ndarray, past: Panel) -> np.ndarray:
    """The numbers of the series with these keys; the only one may go without or by any."""
    if past.ids is None:
        if ids is not None and len(ids) > 1:
            raise ValueError(
                f"X has rows of {len(ids)} series, but there is one to forecast from; keep those "
                "that follow it."
            )
        return np.zeros(len(codes), dtype=np.int64)
    if ids is None or ids.nlevels != past.ids.nlevels:
        found = [] if ids is None else list(ids.names)
        raise ValueError(
            f"X has keys of {len(found)} levels {found}; the history has {past.ids.nlevels}: "
            f"{list(past.ids.names)}."
        )
    numbers = past.numbers_of(ids, "X")
    if (numbers < 0).any():
        first = int(np.argmax(numbers < 0))
        raise ValueError(
            f"X has {series_label(ids, first)} in row {int(np.argmax(codes == first))}, which is "
            f"not among the {past.n_series} series to forecast from, such as {past.label(0)}; pass "
            "its past as history=..."
        )
    return numbers[codes]


def _no_keys(past: Panel, roles: Roles) -> str:
    form = "a MultiIndex of key and time, as the history has"
    if past.long_names is not None:
        form = f"the columns {roles.id_col!r} and {roles.time_col!r}"
    return f"X must say which of the {past.n_series} series each row belongs to, by {form}."


def _check_once(series: np.ndarray, steps: np.ndarray, stamps: Any, past: Panel) -> None:
    if stamps is None:
        return
    order = np.lexsort((steps, series))
    same = (np.diff(series[order]) == 0) & (np.diff(steps[order]) == 0)
    if same.any():
        first, again = order[int(np.argmax(same)) :][:2].tolist()
        of = "" if past.ids is None else f" of {past.label(int(series[first]))}"
        raise ValueError(
            f"X has duplicate time stamps: {stamps[first]}{of} stands in rows {first} and {again}; "
            "keep one of them."
        )


def _warn_counted(past: Panel, count: int) -> None:
    assert past.timeline is not None
    first = past.timeline.stamps(np.ones(1, np.int64), np.zeros(1, np.int64))[0]
    what = "its only row is" if count == 1 else f"its {count} rows are"
    warn_undated(
        f"The history has dates and X has none: {what} taken for what follows, from {first} on",
        stacklevel=5,
    )


def _covariates(
    X: Any, past: Panel, roles: Roles, series: np.ndarray, steps: np.ndarray, rows: Rows
) -> pd.DataFrame | None:
    """The known covariates of each row, filled where they may be, from the history's last on."""
    if past.covariates is None:
        return None
    table = _table(X, past, roles)
    _check_static(table, past, series)
    if not past.known:
        return None
    frame = read_covariates(table[list(past.known)], "X")
    fill = roles.missing != "raise"
    missing.check_covariates(frame, rows, present=not fill)
    if not fill or not frame.isna().any(axis=None):
        return frame
    found = np.unique(series)
    last = past.covariates.iloc[past.offsets[found + 1] - 1]
    joined = [_joined(last[label], frame[label]) for label in frame.columns]
    series, steps = np.append(found, series), np.append(np.full(len(found), -1), steps)
    order = np.lexsort((steps, series))
    offsets = np.append(np.flatnonzero(np.diff(series[order], prepend=-1)), len(order))
    filled = missing.fill_covariates(
        pd.concat(joined, axis=1).set_axis(frame.columns, axis=1).take(order),
        np.arange(len(order)),
        offsets,
        roles.missing,
        Rows("X", None, offsets),
    )
    return filled.take(np.argsort(order)[len(found) :]).reset_index(drop=True)


def _joined(before: pd.Series, column: pd.Series) -> pd.Series:
    """One after the other, as numbers if both are; of what is missing nobody can tell."""
    if is_number(before) and (is_number(column) or column.isna().all()):
        parts = [part.to_numpy(np.float64, na_value=np.nan) for part in (before, column)]
        return pd.Series(np.concatenate(parts))
    return pd.concat([before.astype(object), column.astype(object)], ignore_index=True)


def _table(X: Any, past: Panel, roles: Roles) -> pd.DataFrame:
    """The covariates of `X`, under the names that they had in training."""
    assert past.covariates is not None
    columns: Any = past.covariates.columns
    numbered = columns.equals(pd.RangeIndex(len(columns)))
    if numbered and not isinstance(X, pd.DataFrame):
        X = numbered_columns(X, "X")
    if isinstance(columns, pd.RangeIndex):  # those of an array
        check_width(X.shape[1], len(columns), "X")
        return X.set_axis(columns, axis=1)
    if isinstance(X, pd.DataFrame):
        keys = roles.id_col, roles.time_col
        optional = {*keys, *roles.targets, *(past.names or ()), *past.past, *past.static}
        check_columns(X.columns, past.known, optional, "X")
        return X
    if past.known:
        raise ValueError(
            f"X must be a DataFrame with the covariates {list(past.known)}, which are known in "
            f"advance, not {type_name(X)}."
        )
    return pd.DataFrame()


def _check_static(table: pd.DataFrame, past: Panel, series: np.ndarray) -> None:
    """Refuse rows that contradict what never changes within their series."""
    assert past.covariates is not None
    for label in past.static:
        if label not in table.columns or not len(table):
            continue
        there = np.flatnonzero(table[label].notna())
        given = table[label].to_numpy(object)
        known = past.covariates[label].iloc[past.offsets[1:] - 1].to_numpy(object)[series]
        differ = given[there] != known[there]
        if differ.any():
            row = int(there[np.argmax(differ)])
            raise ValueError(
                f"Row {row} of X has {given[row]!r} in column {label!r}, a static covariate, which "
                f"is {known[row]!r} in the history of {past.label(int(series[row]))}. Leave the "
                "column out, or pass that history as history=..."
            )
