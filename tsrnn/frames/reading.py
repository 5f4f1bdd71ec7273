"""Reading what users hand in to learn or to forecast from, in any of its forms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tsrnn.frames import missing
from tsrnn.frames.leaks import check_no_leak
from tsrnn.frames.mistakes import check_all_targets, check_named, check_upright, check_wide
from tsrnn.frames.panels import Panel, Roles, check_columns, check_width
from tsrnn.frames.rows import Rows, keyed_rows, plain_rows
from tsrnn.frames.text import check_text
from tsrnn.frames.time_index import read_times
from tsrnn.frames.values import (
    as_pandas,
    check_same_column,
    check_same_index,
    check_unique,
    read_covariates,
    read_numbers,
    type_name,
    warn_undated,
)

_STEP_TOLERANCE = 1.2  # months differ in length, and are still months
_TELLING = 4  # stamps tell a frequency
_KEYS = ["id_col", "time_col"]  # parameters that name what tells rows apart


def read_training(X: Any, y: Any, roles: Roles, sample_weight: Any = None, calls: int = 2) -> Panel:
    """Check what a forecaster is to learn from.

    Parameters
    ----------
    X : Series, DataFrame, array, list or None
        What to forecast: a column (or array) for each target; a long frame with the columns
        `id_col`, `time_col` and `target_col`; or rows with a MultiIndex of keys and time. Columns
        that are left over in the last two are covariates. With `y` given, all are.
    y : Series, DataFrame, array, list or None
        What to forecast, if not `X` itself: a row for each of `X`; a long frame beside another.
    roles : Roles
        What the columns are.
    sample_weight : array of shape (n_rows,), default=None
        Weight of each row, in the order of the input.
    calls : int, default=2
        Between this one and the line of the user's that warnings are to point at.

    Returns
    -------
    Panel

    Raises
    ------
    TypeError
        Values that are not real numbers, or an unusable index.
    ValueError
        Shapes, columns or time stamps that do not fit; values that are missing or infinite.

    Warns
    -----
    UserWarning
        If `y` has dates, and covariates that are an array have none; of numbers as text.

    Examples
    --------
    >>> months = pd.date_range("2024-01-01", periods=3, freq="MS")
    >>> X = pd.DataFrame({"unique_id": list("aaabb"), "ds": [*months, *months[:2]], "y": 1.0})
    >>> panel = read_training(X, None, Roles())
    >>> panel.n_series, panel.lengths, panel.ids.to_list()
    (2, array([3, 2]), ['a', 'b'])
    """
    panel = _read(X, y, roles, ("X", "y"), sample_weight=sample_weight)
    columns = [] if panel.covariates is None else list(panel.covariates.columns)
    past = _found(roles.past_covariates, columns, "past_covariates")
    static = _found(roles.static_covariates, columns, "static_covariates")
    both = [name for name in past if name in static]
    if both:
        raise ValueError(f"{both} are in past_covariates and in static_covariates; choose one.")
    panel = replace(panel, past=past, static=static)
    _check_static(panel)
    check_no_leak(panel, beside=X is not None and y is not None)
    check_text(panel, stacklevel=3 + calls)
    beside = X is not None and columns
    if panel.is_dated and beside and not isinstance(as_pandas(X), pd.DataFrame):
        warn_undated(
            "y has dates and X has none: X is matched with y row by row", stacklevel=2 + calls
        )
    return panel


def read_history(history: Any, X_history: Any, fitted: Panel, roles: Roles) -> Panel:
    """Check what to forecast from, in place of the training data `fitted`.

    Parameters
    ----------
    history : Series, DataFrame, array or list
        As for `read_training`, with the same targets and covariates; columns are found by name.
    X_history : DataFrame, array, list or None
        Covariates of the same rows, if they are not columns of `history`.
    fitted : Panel
        What the forecaster was fitted on, or the end of it.
    roles : Roles
        As they were then.
    """
    rule = None if fitted.timeline is None else fitted.timeline.rule
    panel = _read(X_history, history, roles, ("X_history", "history"), hint=rule)
    if panel.n_targets != fitted.n_targets:
        raise ValueError(
            f"history has {panel.n_targets} columns; the forecaster was fitted on "
            f"{fitted.n_targets}."
        )
    check_step(panel, fitted, "history", "hand in its values alone, history.to_numpy()")
    if panel.kind == fitted.kind == "frame" and panel.n_targets > 1:
        panel = _ordered_like(panel, fitted)
    covariates = _like_fitted(panel.covariates, fitted.covariates)
    panel = replace(panel, covariates=covariates, past=fitted.past, static=fitted.static)
    _check_static(panel)
    return panel


def _read(
    X: Any,
    y: Any,
    roles: Roles,
    names: tuple[str, str],
    *,
    hint: Any = None,
    sample_weight: Any = None,
) -> Panel:
    """The panel, its covariates without roles; `names` are those of `X` and `y` in messages."""
    X, y = as_pandas(X), as_pandas(y)
    if X is not None and y is not None:
        parts = _two_tables(X, y, roles, names)
    else:
        data, name = (X, names[0]) if y is None else (y, names[1])
        parts = _one_table(data, name, roles)
    rows = _rows_of(parts, roles, hint)
    timeline, numbers = None, None
    if rows.index is not None:
        gaps = roles.missing != "raise"
        timeline, numbers = read_times(rows, roles.freq, hint=hint, gaps=gaps)
    panel = Panel(
        targets=parts.values,
        offsets=rows.offsets,
        kind=parts.kind,
        columns=parts.columns,
        timeline=timeline,
        ids=rows.ids,
        long_names=_long_names(parts, rows, roles),
        covariates=parts.covariates,
        weights=_read_weights(sample_weight, parts),
    )
    if rows.order is not None:
        panel = panel.reordered(rows.order, rows.offsets)
    panel, late = _without_holes(panel, parts, rows, numbers, roles.missing)
    panel = replace(panel, timeline=timeline and timeline.moved(panel.lengths - 1))
    if late.any():
        panel = panel.tail(panel.lengths - late)
    panel.targets.flags.writeable = False
    return panel


def _without_holes(
    panel: Panel, parts: _Parts, rows: Rows, numbers: np.ndarray | None, how: str
) -> tuple[Panel, np.ndarray]:
    """The panel with values at all steps: those that are missing are refused or filled.

    And how late each series begins: so many rows at its front have no target.
    """
    rows, x_rows = replace(rows, name=parts.y_name), replace(rows, name=parts.x_name)
    values, covariates, present = panel.targets, panel.covariates, how == "raise"
    missing.check_targets(values, panel.columns, rows, present=present)
    if covariates is not None:
        missing.check_covariates(covariates, x_rows, present=present)
    none_late = np.zeros(panel.n_series, np.int64)
    if present:
        return panel, none_late
    holes = np.isnan(values).any() or (covariates is not None and covariates.isna().any(axis=None))
    if numbers is None and not holes:
        return panel, none_late
    origin, offsets = np.arange(panel.n_rows), panel.offsets
    if numbers is not None:
        origin, offsets = missing.places_of(numbers, offsets)
    values, gaps, late = missing.fill_targets(values, panel.columns, origin, offsets, how, rows)
    if covariates is not None:
        covariates = missing.fill_covariates(covariates, origin, offsets, how, x_rows)
    weights = panel.weights
    if weights is not None:
        weights = np.where(origin >= 0, weights[origin], 0)  # nothing was there to be learned
    panel = replace(
        panel,
        targets=values,
        offsets=offsets,
        covariates=covariates,
        gaps=gaps if how == "mask" else None,
        weights=weights,
    )
    return panel, late


def _read_weights(sample_weight: Any, parts: _Parts) -> np.ndarray | None:
    if sample_weight is None:
        return None
    length = len(parts.values)
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight must hold numbers: {error}.") from error
    if weights.shape != (length,):
        raise ValueError(
            f"sample_weight must have a number for each of the {length} rows; its shape is "
            f"{weights.shape}."
        )
    if isinstance(sample_weight, pd.Series) and isinstance(parts.rows, pd.Series | pd.DataFrame):
        check_same_index(sample_weight, parts.rows, "sample_weight", parts.name)
    usable = np.isfinite(weights) & (weights >= 0)
    if not usable.all():
        row = int(np.argmin(usable))
        raise ValueError(f"sample_weight is {weights[row]} in row {row}; 0 is the least.")
    if not weights.any():
        raise ValueError("sample_weight is zero in every row; there would be nothing to learn.")
    return weights


# The forms of input


@dataclass(frozen=True)
class _Parts:
    """What was handed in, taken apart."""

    values: np.ndarray
    columns: pd.Index | None
    kind: Any
    covariates: pd.DataFrame | None
    rows: Any  # tells rows apart: a frame, a series; an array or list does not
    name: str  # of that, in messages
    x_name: str  # of the covariates
    y_name: str  # of the targets
    long: bool = False  # whether the rows are a long frame


def _one_table(data: Any, name: str, roles: Roles) -> _Parts:
    """Targets, and perhaps covariates, in one container."""
    long, split = False, False
    if isinstance(data, pd.DataFrame):
        check_unique(data, name)
        levels = isinstance(data.index, pd.MultiIndex)
        check_named(data, roles, ["target_col"] if levels else [*_KEYS, "target_col"], name)
        labels = list(data.columns)  # a MultiIndex would also find parts of them
        split = all(target in labels for target in roles.targets)
        long = _is_long(data, roles)
        split = split and (long or levels or "target_col" in roles.changed)
        if not split:
            check_upright(data, name)
            check_all_targets(data, roles, name)
            check_wide(data, roles, [] if levels else [roles.time_col], name)
    if not split:
        return _Parts(*read_numbers(data, name), None, data, name, name, name)
    targets = pd.DataFrame({target: data[target] for target in roles.targets}, copy=False)
    values, columns, kind = read_numbers(targets, name)
    rest = data.drop(columns=[*_key_columns(data, roles, long), *roles.targets])
    covariates = read_covariates(rest, name) if rest.shape[1] else None
    shape = "long" if long else kind
    return _Parts(values, columns, shape, covariates, data, name, name, name, long)


def _two_tables(X: Any, y: Any, roles: Roles, names: tuple[str, str]) -> _Parts:
    """Targets in one container, covariates (or none, but rows) in another."""
    x_name, y_name = names
    both_long = isinstance(y, pd.DataFrame) and _is_long(y, roles)
    if both_long:
        y = _targets_beside(X, y, roles, names)
    elif isinstance(y, pd.DataFrame):
        check_upright(y, y_name)
        check_wide(y, roles, [roles.time_col], y_name)
    values, columns, kind = read_numbers(y, y_name)
    long = False
    if isinstance(X, pd.DataFrame):
        check_unique(X, x_name)
        levels = isinstance(X.index, pd.MultiIndex)
        check_named(X, roles, [] if levels else _KEYS, x_name)
        long = not levels and roles.time_col in list(X.columns)
    if long and any(target in list(X.columns) for target in roles.targets):
        raise ValueError(
            f"{x_name} has the target column {roles.target_col!r}, though {y_name} is given as "
            "well; drop one of them."
        )
    rest = X.drop(columns=_key_columns(X, roles, long)) if long else X
    covariates = read_covariates(rest, x_name)
    if len(covariates) != len(values):
        raise ValueError(
            f"{x_name} has {len(covariates)} rows, {y_name} has {len(values)}; both need the same "
            "rows."
        )
    dated = isinstance(X, pd.DataFrame)
    if dated and columns is not None:
        check_same_index(X, y, x_name, y_name)
    found = covariates if covariates.shape[1] else None
    rows, name = (X, x_name) if dated else (y, y_name)
    shape = "long" if both_long else kind
    return _Parts(values, columns, shape, found, rows, name, x_name, y_name, long)


def _is_long(frame: pd.DataFrame, roles: Roles) -> bool:
    """Whether the time and the targets are columns."""
    labels, levels = list(frame.columns), isinstance(frame.index, pd.MultiIndex)
    return not levels and all(label in labels for label in [roles.time_col, *roles.targets])


def _targets_beside(X: Any, y: pd.DataFrame, roles: Roles, names: tuple[str, str]) -> pd.DataFrame:
    """The targets of a long frame, whose rows must be those of the long frame of covariates."""
    x_name, y_name = names
    keys = _key_columns(y, roles, True)
    labels = list(X.columns) if isinstance(X, pd.DataFrame) else []
    if not all(key in labels for key in keys):
        has = labels or f"none: it is of type {type_name(X)}"
        raise ValueError(f"{x_name} needs the columns {keys}, as {y_name} has them; it has {has}.")
    if len(X) == len(y):
        for key in keys:
            check_same_column(X[key], y[key], *names)
        y = y.set_axis(X.index)
    return y[roles.targets]


def _key_columns(frame: pd.DataFrame, roles: Roles, long: bool) -> list:
    keys = [roles.id_col, roles.time_col] if long else []
    return [column for column in keys if column in list(frame.columns)]


def _rows_of(parts: _Parts, roles: Roles, hint: Any) -> Rows:
    data, name, length = parts.rows, parts.name, len(parts.values)
    if not isinstance(data, pd.Series | pd.DataFrame):
        if roles.freq is not None and parts.x_name == parts.y_name and hint is None:
            raise ValueError(
                f"freq={roles.freq!r} was given, but {name} has no dates it could apply to."
            )
        return plain_rows(None, length, name)
    if parts.long:
        id_col = roles.id_col if roles.id_col in data.columns else None
        return keyed_rows(data, id_col, roles.time_col, name)
    if isinstance(data.index, pd.MultiIndex):
        return keyed_rows(data, None, None, name)
    return plain_rows(data.index, length, name)


def _long_names(parts: _Parts, rows: Rows, roles: Roles) -> tuple | None:
    if not parts.long:
        return None
    n_targets = parts.values.shape[1]
    names = roles.targets if parts.columns is None else list(parts.columns)
    if names == [None]:
        names = roles.targets
    if len(names) != n_targets:
        names = [f"{names[0]}_{number}" for number in range(n_targets)]
    keys = [roles.time_col] if rows.ids is None else [roles.id_col, roles.time_col]
    for name in names:
        if name in keys:
            raise ValueError(
                f"{parts.y_name} is called {name!r}, as a column of {parts.x_name} that tells rows "
                "apart, beside which forecasts would stand; rename it."
            )
    return (*keys, *names)


# Covariates and histories


def _like_fitted(frame: Any, fitted: Any) -> pd.DataFrame | None:
    """The covariates of a history, in the order of the training data."""
    if fitted is None and frame is None:
        return None
    if fitted is None:
        raise ValueError(
            f"history has the covariates {list(frame.columns)}; the forecaster was fitted without."
        )
    if frame is None:
        raise ValueError(
            f"The forecaster was fitted with the covariates {list(fitted.columns)}; history needs "
            "them as well, as columns of a long frame, or apart: predict(..., X_history=...)."
        )
    if isinstance(fitted.columns, pd.RangeIndex):
        check_width(frame.shape[1], fitted.shape[1], "X_history")
        return frame.set_axis(fitted.columns, axis=1)
    check_columns(frame.columns, fitted.columns, (), "history with X_history")
    return frame[list(fitted.columns)]


def _found(names: Any, columns: list, parameter: str) -> tuple:
    """Columns with a role, in the order of the frame."""
    absent = [name for name in names if name not in columns]
    if absent:
        raise ValueError(f"{parameter} names {absent}; the covariates are {columns}.")
    return tuple(column for column in columns if column in names)


def _check_static(panel: Panel) -> None:
    for name in panel.static:
        assert panel.covariates is not None
        column = panel.covariates[name]
        codes = pd.factorize(column)[0]
        first = np.repeat(panel.offsets[:-1], panel.lengths)
        if (codes != codes[first]).any():
            row = int(np.argmax(codes != codes[first]))
            before, now = column.iloc[[first[row], row]].tolist()
            raise ValueError(
                f"static_covariates: {name!r} changes within "
                f"{panel.label(panel.series_of(row))}, from {before!r} to {now!r}; it must be "
                "constant."
            )


def check_step(panel: Panel, fitted: Panel, name: str, otherwise: str) -> None:
    """Refuse rows of another frequency than those that were fitted.

    `name` is what the message calls them, `otherwise` the way out beside resampling.
    """
    now, before = panel.timeline, fitted.timeline
    if now is None or before is None or panel.lengths.max() < _TELLING:
        return
    step, known = now.usual_step, before.usual_step
    if not step or not known:
        if not step and not known and now.rule != before.rule:
            raise ValueError(
                f"{name} is numbered in steps of {now.rule}; the forecaster was fitted on steps of "
                f"{before.rule}. Bring it to the same steps first, or {otherwise}."
            )
        return
    business = [isinstance(line.rule, pd.offsets.BusinessDay) for line in (now, before)]
    like = 1 / _STEP_TOLERANCE < step / known < _STEP_TOLERANCE
    if not like or business[0] != business[1]:
        days = " 00:00:00"  # which says nothing of whole ones
        raise ValueError(
            f"{name} has a row every {str(step).removesuffix(days)} ({now.step_name}); the "
            "forecaster was fitted on a row every "
            f"{str(known).removesuffix(days)} ({before.step_name}). Bring it to the same frequency "
            f"first, {name}.resample(...), or {otherwise}."
        )


def _ordered_like(panel: Panel, fitted: Panel) -> Panel:
    assert panel.columns is not None
    assert fitted.columns is not None
    if set(panel.columns) != set(fitted.columns):
        raise ValueError(
            f"history has the columns {list(panel.columns)}; the forecaster was fitted on "
            f"{list(fitted.columns)}."
        )
    places = panel.columns.get_indexer(fitted.columns)
    targets = np.ascontiguousarray(panel.targets[:, places])
    return replace(panel, targets=targets, columns=fitted.columns)
