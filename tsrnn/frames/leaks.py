"""Covariates that are the target itself, which nobody knows in advance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tsrnn.frames.panels import Panel
from tsrnn.frames.values import float_dtype, is_number

_ROWS = 20  # that agree are no coincidence
_CHANGES = 10  # from row to row, too: not of a flag that is up once, as some sales are
_LOOKED_AT = 2000  # changes, for what repeats


def check_no_leak(panel: Panel, beside: bool) -> None:
    """Refuse a target among the covariates that are said to be known in advance.

    One of the same name has the same values in all rows; so has one of another name, if there are
    enough rows to tell. Lags of what repeats exactly, or goes straight on, are such as well, but
    are known.

    Parameters
    ----------
    panel : Panel
        To learn from, with its roles.
    beside : bool
        Whether the targets came as `y` beside `X`.

    Raises
    ------
    ValueError
        With the column and the ways out.
    """
    if panel.covariates is None:
        return
    for label in panel.known:
        column = panel.covariates[label]
        if not is_number(column):
            continue
        for place in _equal(column, panel.targets):
            named = panel.names is not None and panel.names[place] == label
            if named or _tells(panel.targets[:, place]):
                raise ValueError(_message(panel, panel.covariates, label, place, named, beside))


def _equal(column: pd.Series, targets: np.ndarray) -> list[int]:
    """The targets that hold what a covariate does; to single precision if either is kept in it."""
    dtypes = float_dtype(column, ""), targets.dtype
    dtype = min(dtypes, key=lambda dtype: dtype.itemsize)
    numbers = column.to_numpy(dtype=dtype)
    first = np.flatnonzero(targets[0].astype(dtype) == numbers[0])  # few, of which all is compared
    return [
        int(place) for place in first if np.array_equal(targets[:, place].astype(dtype), numbers)
    ]


def _tells(values: np.ndarray) -> bool:
    """Whether values are so many, and change so, that others agree with them for one reason."""
    changes = np.diff(values[-_LOOKED_AT:].astype(np.float64))
    if len(values) < _ROWS or np.count_nonzero(changes) < _CHANGES:
        return False
    steps = np.round(changes / np.abs(changes).max(), 6)
    lags = range(1, len(steps) // 2 + 1)
    return not any(np.array_equal(steps[lag:], steps[:-lag]) for lag in lags)


def _message(
    panel: Panel, covariates: pd.DataFrame, label: Any, place: int, named: bool, beside: bool
) -> str:
    """What is wrong with a covariate that is the target in some place."""
    target = place if panel.names is None else panel.names[place]
    itself = f"the target {target!r}"
    if beside:
        itself = "y" if panel.n_targets == 1 else f"column {target!r} of y"
    same = "" if named else f" (the same in all {panel.n_rows} rows)"
    out = f"X.drop(columns={label!r})"
    columns: Any = covariates.columns
    if isinstance(columns, pd.RangeIndex):  # those of an array
        out = f"np.delete(X, {label}, axis=1)"
    elif beside:
        out += "; a frame without columns still tells the dates"
    return (
        f"Column {label!r} of X is {itself} itself{same}, which is not known in advance. Leave it "
        f"out: {out}. Or past_covariates=[{label!r}] says that it is known up to now."
    )
