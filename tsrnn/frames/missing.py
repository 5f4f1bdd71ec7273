"""Missing and infinite values: where they are, and what fills the missing; never across series."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from tsrnn.frames.rows import Rows
from tsrnn.frames.values import is_number
from tsrnn.scaling import LARGEST_VALUE


def check_targets(values: np.ndarray, columns: Any, rows: Rows, *, present: bool) -> None:
    """Refuse infinite and immense targets, and missing ones where all must be `present`."""
    names = columns
    if values.shape[1] == 1:
        names = None  # a single target goes without saying
    elif columns is None:
        names = range(values.shape[1])
    if present:
        alone = columns is not None and rows.ids is None
        code = f", for example with {rows.name}.interpolate()" * alone
        _check_present(np.isnan(values), names, rows, code)
    _check_size(values, names, rows)


def check_covariates(frame: pd.DataFrame, rows: Rows, *, present: bool) -> None:
    """Refuse infinite and immense covariates, and missing ones where all must be `present`."""
    for label, column in frame.items():
        if present:
            _check_present(column.isna().to_numpy()[:, None], [label], rows)
        if is_number(column):
            _check_size(_numbers(column)[:, None], [label], rows)


def _check_present(missing: np.ndarray, names: Any, rows: Rows, code: str = "") -> None:
    if missing.any():
        fill = f'Fill or drop them first{code}, or have them filled by missing="ffill".'
        raise _bad(missing, "missing values (NaN)", names, rows, fill)


def _check_size(values: np.ndarray, names: Any, rows: Rows) -> None:
    # NaN counts for neither; no second array of this length is made.
    low = float(np.fmin.reduce(values, axis=None, initial=0))
    high = float(np.fmax.reduce(values, axis=None, initial=0))
    if max(-low, high) <= LARGEST_VALUE:
        return
    infinite = np.isinf(values)
    if infinite.any():
        raise _bad(infinite, "infinite values (inf)", names, rows, "Fill or drop them first.")
    what = f"values too large to compute with (beyond {LARGEST_VALUE:g})"
    large = np.abs(values) > LARGEST_VALUE
    raise _bad(large, what, names, rows, "Divide them by a constant first.")


def _bad(bad: np.ndarray, what: str, names: Any, rows: Rows, advice: str) -> ValueError:
    row, column = divmod(int(np.argmax(bad)), bad.shape[1])
    where = rows.where(row) + ("" if names is None else f", column {names[column]!r}")
    count = f"{int(bad.sum())} of {bad.size}"
    return ValueError(f"{rows.name} has {what}: {count}, the first in {where}. {advice}")


# Filling


def places_of(numbers: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make room for absent rows.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n_rows,)
        Which step of its series each row is, in increasing order, the first 0.
    offsets : ndarray of int64, shape (n_series + 1,)

    Returns
    -------
    origin : ndarray of int64
        The row that stands at each step of each series; -1 where it is absent.
    offsets : ndarray of int64, shape (n_series + 1,)
        Where each series begins among all steps.

    Examples
    --------
    >>> places_of(np.array([0, 2, 0]), np.array([0, 2, 3]))
    (array([ 0, -1,  1,  2]), array([0, 3, 4]))
    """
    steps = np.append(0, (numbers[offsets[1:] - 1] + 1).cumsum())
    origin = np.full(steps[-1], -1)
    origin[numbers + np.repeat(steps[:-1], np.diff(offsets))] = np.arange(len(numbers))
    return origin, steps


def fill_targets(
    values: np.ndarray,
    columns: Any,
    origin: np.ndarray,
    offsets: np.ndarray,
    how: str,
    rows: Rows,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets at all steps, and which of them were filled; and how late each series begins.

    So many steps at its front have no target at all.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_targets)
        NaN where they are missing.
    columns : Index or None
        Their names.
    origin, offsets : ndarrays
        As `places_of` gives them.
    how : {"ffill", "interpolate", "mask"}
        With the last value before (both "ffill" and "mask"), or on the straight line between the
        values before and after. Before the first value there is: with that, which matters only
        where another target has begun.
    rows : Rows
        What messages say about the series.
    """
    filled = values[origin]
    filled[origin < 0] = np.nan
    gaps = np.isnan(filled)
    late = _before_any(~gaps.all(axis=1), offsets)
    for number in np.flatnonzero(gaps.any(axis=0)):
        there, label = ~gaps[:, number], number if columns is None else columns[number]
        holes, before, after = _holes(there, offsets, rows, label)
        column = filled[:, number]
        column[holes] = _between(column, holes, before, after, how)
        within = (after - before)[(before >= 0) & (after >= 0)].max(initial=1) - 1
        front = _before_any(there, offsets) - late
        back = _before_any(there[::-1], len(there) - offsets[::-1])[::-1]
        _warn_of_ends(front, back, within, rows, None if gaps.shape[1] == 1 else label)
    return filled, gaps, late


def _before_any(there: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Steps of each series before the first at which something is."""
    steps = np.where(there, np.arange(len(there)), len(there))
    return np.minimum(np.minimum.reduceat(steps, offsets[:-1]), offsets[1:]) - offsets[:-1]


def _warn_of_ends(
    front: np.ndarray, back: np.ndarray, within: int, rows: Rows, column: Any
) -> None:
    """Say so if more is missing at an end of a series than anywhere within it.

    What is missing at the front began later than another column; at the end it may be to come.
    """
    of, cure = "", "leave their rows out"
    if column is not None:
        of, cure = f"column {column!r} of ", "forecast that column by itself, without these rows"
    meant = {
        "first": " with the one that follows. If each column is a series of its own, a long frame "
        "has each begin where it does: DataFrame.melt, then dropna.",
        "last": f", and forecasts begin after them. If they are what is to be forecast, {cure}.",
    }
    for which, missing in (("first", front), ("last", back)):
        most = int(np.argmax(missing))
        if missing[most] > max(1, within):
            warnings.warn(
                f"The {which} {missing[most]} values of {of}{rows.label(most)} are missing and "
                f"were filled{meant[which]}",
                stacklevel=8,  # where fit was called
            )


def fill_covariates(
    frame: pd.DataFrame, origin: np.ndarray, offsets: np.ndarray, how: str, rows: Rows
) -> pd.DataFrame:
    """Covariates at all steps, filled like targets; the line is for numbers only."""
    filled = {}
    for label, column in frame.items():
        there = (origin >= 0) & column.notna().to_numpy()[origin]
        holes, before, after = _holes(there, offsets, rows, label)
        if how == "interpolate" and is_number(column) and len(holes):
            values = _numbers(column)[origin]
            values[holes] = _between(values, holes, before, after, how)
            filled[label] = pd.Series(values)
            continue
        source = origin.copy()
        source[holes] = origin[np.where(before >= 0, before, after)]
        filled[label] = column.take(source).reset_index(drop=True)
    return pd.DataFrame(filled, index=pd.RangeIndex(len(origin))).set_axis(frame.columns, axis=1)


def _holes(
    there: np.ndarray, offsets: np.ndarray, rows: Rows, column: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steps where nothing is, and the nearest before and after each that have something.

    -1 if there is none in the same series.
    """
    steps = np.arange(len(there))
    holes = np.flatnonzero(~there)
    series = np.searchsorted(offsets, holes, "right") - 1
    before = np.maximum.accumulate(np.where(there, steps, -1))[holes]
    after = np.minimum.accumulate(np.where(there, steps, len(there))[::-1])[::-1][holes]
    before[before < offsets[series]] = -1
    after[after >= offsets[series + 1]] = -1
    empty = (before < 0) & (after < 0)
    if empty.any():
        name = rows.label(int(series[np.argmax(empty)]))
        raise ValueError(f"Column {column!r} of {name} has no value to fill the others with.")
    return holes, before, after


def _between(
    values: np.ndarray, holes: np.ndarray, before: np.ndarray, after: np.ndarray, how: str
) -> np.ndarray:
    """What fills the holes of one column."""
    filled = values[np.where(before >= 0, before, after)]
    if how != "interpolate":
        return filled
    inside = (before >= 0) & (after >= 0)
    left, right = before[inside], after[inside]
    share = (holes[inside] - left) / (right - left)
    filled[inside] = values[left] + share * (values[right] - values[left])
    return filled


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
