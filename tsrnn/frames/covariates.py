"""Covariates as the numbers and the codes of categories that a network reads."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from tsrnn.frames.values import is_number
from tsrnn.kernels import Columns
from tsrnn.scaling import SeriesScaler

_SHOWN = 5  # categories that a message lists
_WHERE = "row {} of the covariates".format
_NOW, _AHEAD = "of past_covariates and static_covariates", "known in advance"
_IN_WORDS = {
    "past_numbers": f"numbers {_NOW}",
    "known_numbers": f"numbers {_AHEAD}",
    "past_categories": f"categories {_NOW}",
    "known_categories": f"categories {_AHEAD}",
}
_AFRESH = "fit(...) begins afresh, unless warm_start=True."


@dataclass(frozen=True, eq=False)
class CovariateEncoder:
    """Which covariates there are, how numbers are scaled, which categories are known.

    Numbers are brought to mean 0 and standard deviation 1 over all rows; categories (everything
    else: strings, booleans, pandas' category) are numbered and never scaled.

    Attributes
    ----------
    past_numbers, known_numbers, past_categories, known_categories : list of labels
        Columns by kind, each in the order in which the network reads them.
    categories : dict of label to Index
        What each column of categories holds, in the order of its codes.
    mean, deviation : ndarray
        Of the numbers: past ones, then known ones.
    handle_unknown : {"error", "ignore"}
        What to do with a category that was not there in training: refuse it, or read it as none.

    Examples
    --------
    >>> frame = pd.DataFrame({"price": [1.0, 3.0], "day": ["Mon", "Tue"]})
    >>> encoder = CovariateEncoder.fitted(frame, past=["price"], handle_unknown="error")
    >>> encoder.columns(targets=1)
    Columns(targets=1, past=1, known=0, past_categories=(), known_categories=(2,))
    >>> encoder.known(frame, "float32").ravel()
    array([0., 1.], dtype=float32)
    """

    KINDS: ClassVar = ("past_numbers", "known_numbers", "past_categories", "known_categories")

    past_numbers: list[Hashable]
    known_numbers: list[Hashable]
    past_categories: list[Hashable]
    known_categories: list[Hashable]
    categories: dict[Hashable, pd.Index]
    mean: np.ndarray
    deviation: np.ndarray
    handle_unknown: str

    @classmethod
    def fitted(
        cls, frame: pd.DataFrame | None, past: Sequence[Hashable], handle_unknown: str
    ) -> CovariateEncoder:
        """That of some covariates.

        Parameters
        ----------
        frame : DataFrame or None
            The covariates of the training rows, of all series, without missing values.
        past : sequence of labels
            Columns that are known only up to now, or never change.
        handle_unknown : {"error", "ignore"}
            As the attribute.
        """
        frame = pd.DataFrame() if frame is None else frame
        numbers = [label for label in frame if is_number(frame[label])]
        others = [label for label in frame if label not in numbers]
        past_numbers, known_numbers = _parted(numbers, past)
        values = _values(frame, past_numbers + known_numbers)
        mean, deviation = np.zeros(0), np.ones(0)
        if values.size:
            scaler = SeriesScaler.fitted(values, np.array([0, len(values)]))
            mean, deviation = scaler.mean[0], scaler.deviation[0]
        categories = {label: _categories(frame[label]) for label in others}
        return cls(
            past_numbers,
            known_numbers,
            *_parted(others, past),
            categories,
            mean,
            deviation,
            handle_unknown,
        )

    def columns(self, targets: int) -> Columns:
        """What the rows that ``rows`` makes hold."""
        past, known = (
            tuple(len(self.categories[label]) for label in labels)
            for labels in (self.past_categories, self.known_categories)
        )
        return Columns(targets, len(self.past_numbers), len(self.known_numbers), past, known)

    def check_same(self, other: CovariateEncoder) -> None:
        """Refuse covariates that a network which learned from others would take for those."""
        for kind in self.KINDS:
            labels, before = getattr(self, kind), getattr(other, kind)
            if labels != before:
                raise ValueError(
                    f"The network learned so far reads as {_IN_WORDS[kind]} {before}, in this "
                    f"order; now they are {labels}. {_AFRESH}"
                )
        for label, values in self.categories.items():
            if not values.equals(other.categories[label]):
                raise ValueError(
                    f"The network learned so far knows the categories "
                    f"{_listed(other.categories[label])} of column {label!r}; now they are "
                    f"{_listed(values)}. {_AFRESH}"
                )

    def rows(
        self,
        targets: np.ndarray,
        frame: pd.DataFrame | None,
        where: Callable[[int], str] = _WHERE,
    ) -> np.ndarray:
        """Targets and covariates side by side; see ``Columns``.

        What is known of a row stands in the row before it. The last row, and the last of each
        series, would need what is known of a step beyond the data, and no window asks for it.

        Parameters
        ----------
        targets : ndarray, shape (rows, targets)
            Scaled; their dtype is that of the result.
        frame : DataFrame or None
            The covariates of the same rows.
        where : callable
            How messages say where a row stands.
        """
        columns = self.columns(targets.shape[1])
        if frame is None or columns.width == columns.targets:
            return targets
        rows = np.zeros((len(targets), columns.width), targets.dtype)
        rows[:, : columns.targets] = targets
        first = columns.targets
        past = self._scaled(frame, self.past_numbers, 0, targets.dtype, where)
        rows[:, first : first + columns.past] = past
        for place, label in enumerate(self.past_categories, columns.numbers):
            rows[:, place] = self._codes(frame, label, where)
        rows[:-1, columns.known_places] = self.known(frame, targets.dtype, where)[1:]
        return rows

    def known(
        self, frame: pd.DataFrame, dtype: np.dtype | str, where: Callable[[int], str] = _WHERE
    ) -> np.ndarray:
        """What is known in advance of some rows: numbers, then codes, of shape (rows, columns)."""
        past = len(self.past_numbers)
        numbers = self._scaled(frame, self.known_numbers, past, dtype, where)
        codes = [self._codes(frame, label, where) for label in self.known_categories]
        return np.column_stack([numbers, *codes]).astype(dtype)

    def _scaled(
        self,
        frame: pd.DataFrame,
        labels: list[Hashable],
        first: int,
        dtype: np.dtype | str,
        where: Callable[[int], str],
    ) -> np.ndarray:
        for label in labels:
            if not is_number(frame[label]):
                raise TypeError(
                    f"Column {label!r} of the covariates has dtype {frame[label].dtype}; in "
                    "training it held numbers."
                )
        part = slice(first, first + len(labels))
        values = _values(frame, labels)
        scaled = (values - self.mean[part]) / self.deviation[part]
        large = np.abs(scaled) > np.finfo(dtype).max
        if large.any():
            row, place = np.argwhere(large)[0]
            raise ValueError(
                f"Column {labels[place]!r} has {values[row, place]:g} in {where(int(row))}, which "
                f"is too large for the network's {np.dtype(dtype)}: it learned from values of "
                f"about {self.mean[part][place]:.3g}."
            )
        return scaled

    def _codes(
        self, frame: pd.DataFrame, label: Hashable, where: Callable[[int], str]
    ) -> np.ndarray:
        known, column = self.categories[label], frame[label]
        numbers, found = pd.factorize(column)
        found = pd.Index(found).astype(object)
        codes = known.get_indexer(found)[numbers]
        if self.handle_unknown == "error" and (codes < 0).any():
            row = int(np.argmax(codes < 0))
            raise ValueError(
                f"Column {label!r} has the category {found[numbers[row]]!r} in {where(row)}; in "
                f"training it had {len(known)}: {_listed(known)}. handle_unknown='ignore' reads "
                "others as none of them."
            )
        return codes


def _listed(categories: pd.Index) -> str:
    return ", ".join(map(repr, categories[:_SHOWN])) + ", ..." * (len(categories) > _SHOWN)


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
