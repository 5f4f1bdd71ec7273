"""Covariates as the numbers and the codes of categories that a network reads."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from tsrnn.kernels import Columns
from tsrnn.scaling import SeriesScaler

_SHOWN = 5  # categories that a message lists


class CovariateEncoder:
    """Which covariates there are, how numbers are scaled, which categories are known.

    Numbers are brought to mean 0 and standard deviation 1 over all rows; categories (everything
    else: strings, booleans, pandas' category) are numbered and never scaled.

    Parameters
    ----------
    frame : DataFrame or None
        The covariates of the training rows, of all series, without missing values.
    past : sequence of labels
        Columns that are known only up to now, or never change.
    handle_unknown : {"error", "ignore"}
        What to do with a category that was not there in training: refuse it, or read it as none.

    Attributes
    ----------
    past_numbers, known_numbers, past_categories, known_categories : list of labels
        Columns by kind, each in the order in which the network reads them.
    categories : dict of label to Index
        What each column of categories holds, in the order of its codes.
    mean, deviation : ndarray
        Of the numbers: past ones, then known ones.

    Examples
    --------
    >>> frame = pd.DataFrame({"price": [1.0, 3.0], "day": ["Mon", "Tue"]})
    >>> encoder = CovariateEncoder(frame, past=["price"], handle_unknown="error")
    >>> encoder.columns(targets=1)
    Columns(targets=1, past=1, known=0, past_categories=(), known_categories=(2,))
    >>> encoder.known(frame, "float32").ravel()
    array([0., 1.], dtype=float32)
    """

    def __init__(self, frame: pd.DataFrame | None, past: Sequence[Hashable], handle_unknown: str):
        frame = pd.DataFrame() if frame is None else frame
        self.handle_unknown = handle_unknown
        numbers = [label for label in frame if _is_number(frame[label])]
        categories = [label for label in frame if label not in numbers]
        self.past_numbers, self.known_numbers = _parted(numbers, past)
        self.past_categories, self.known_categories = _parted(categories, past)
        self.categories = {label: _categories(frame[label]) for label in categories}
        values = _values(frame, self.past_numbers + self.known_numbers)
        if values.size:
            scaler = SeriesScaler(values, np.array([0, len(values)]))
            self.mean, self.deviation = scaler.mean[0], scaler.deviation[0]
        else:
            self.mean, self.deviation = np.zeros(0), np.ones(0)

    def columns(self, targets: int) -> Columns:
        """What the rows that ``rows`` makes hold."""
        past, known = (
            tuple(len(self.categories[label]) for label in labels)
            for labels in (self.past_categories, self.known_categories)
        )
        return Columns(targets, len(self.past_numbers), len(self.known_numbers), past, known)

    def rows(self, targets: np.ndarray, frame: pd.DataFrame | None) -> np.ndarray:
        """Targets and covariates side by side; see ``Columns``.

        What is known of a row stands in the row before it. The last row, and the last of each
        series, would need what is known of a step beyond the data, and no window asks for it.

        Parameters
        ----------
        targets : ndarray, shape (rows, targets)
            Scaled; their dtype is that of the result.
        frame : DataFrame or None
            The covariates of the same rows.
        """
        columns = self.columns(targets.shape[1])
        if frame is None or columns.width == columns.targets:
            return targets
        rows = np.zeros((len(targets), columns.width), targets.dtype)
        rows[:, : columns.targets] = targets
        first = columns.targets
        rows[:, first : first + columns.past] = self._scaled(frame, self.past_numbers, 0)
        for place, label in enumerate(self.past_categories, columns.numbers):
            rows[:, place] = self._codes(frame, label)
        rows[:-1, columns.known_places] = self.known(frame, targets.dtype)[1:]
        return rows

    def known(self, frame: pd.DataFrame, dtype: np.dtype | str) -> np.ndarray:
        """What is known in advance of some rows: numbers, then codes, of shape (rows, columns)."""
        numbers = self._scaled(frame, self.known_numbers, len(self.past_numbers))
        codes = [self._codes(frame, label) for label in self.known_categories]
        return np.column_stack([numbers, *codes]).astype(dtype)

    def _scaled(self, frame: pd.DataFrame, labels: list[Hashable], first: int) -> np.ndarray:
        for label in labels:
            if not _is_number(frame[label]):
                raise TypeError(
                    f"column {label!r} of the covariates has dtype {frame[label].dtype}; it held "
                    "numbers in training"
                )
        part = slice(first, first + len(labels))
        return (_values(frame, labels) - self.mean[part]) / self.deviation[part]

    def _codes(self, frame: pd.DataFrame, label: Hashable) -> np.ndarray:
        known, column = self.categories[label], frame[label]
        numbers, found = pd.factorize(column)
        codes = known.get_indexer(pd.Index(found).astype(object))[numbers]
        if self.handle_unknown == "error" and (codes < 0).any():
            row = int(np.argmax(codes < 0))
            listed = ", ".join(map(repr, known[:_SHOWN])) + ", ..." * (len(known) > _SHOWN)
            raise ValueError(
                f"row {row} of the covariates has the category {column.iloc[row]!r} in column "
                f"{label!r}, which was not there in training (there were {len(known)}: {listed}). "
                "handle_unknown='ignore' reads it as no category"
            )
        return codes


def _is_number(column: pd.Series) -> bool:
    is_bool = pd.api.types.is_bool_dtype(column.dtype)
    return pd.api.types.is_numeric_dtype(column.dtype) and not is_bool


def _parted(labels: list[Hashable], past: Sequence[Hashable]) -> tuple[list, list]:
    """Those in ``past``, and the others."""
    return [x for x in labels if x in past], [x for x in labels if x not in past]


def _values(frame: pd.DataFrame, labels: list[Hashable]) -> np.ndarray:
    values = np.empty((len(frame), len(labels)))
    for place, label in enumerate(labels):
        values[:, place] = frame[label].to_numpy(dtype=np.float64)
    return values


def _categories(column: pd.Series) -> pd.Index:
    """Those that occur, sorted where they can be."""
    _, found = pd.factorize(column, sort=isinstance(column.dtype, pd.CategoricalDtype))
    found = pd.Index(found).astype(object)
    try:
        return found.sort_values()
    except TypeError:  # strings beside numbers, say: in the order of their appearance
        return found
