"""Many series as flat arrays, and forecasts of them as what was handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from tsrnn.baselines import season_length
from tsrnn.frames.rows import Stretches, series_label
from tsrnn.frames.timeline import Timeline, is_integer
from tsrnn.frames.values import Kind, as_pandas, check_same_column, check_same_index

_EXACT = 2**53  # below it floats hold every whole number


@dataclass(frozen=True)
class Roles:
    """What the columns are, and how to read them: parameters of the estimator of the same names."""

    past_covariates: Any = ()
    static_covariates: Any = ()
    id_col: Any = "unique_id"
    time_col: Any = "ds"
    target_col: Any = "y"
    freq: Any = None
    missing: str = "raise"

    @property
    def targets(self) -> list:
        """Names of the target columns."""
        return self.target_col if isinstance(self.target_col, list) else [self.target_col]

    @property
    def changed(self) -> list[str]:
        """Parameters that are not at their defaults."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]


@dataclass(frozen=True, eq=False)
class Panel(Stretches):
    """One or many series, checked and flat: one after another, each in the order of time.

    Attributes
    ----------
    targets : ndarray of shape (n_rows, n_targets)
        float32 or float64; finite, C-contiguous and read-only: a view of the caller's memory where
        nothing had to be converted, sorted or filled.
    offsets : ndarray of int64, shape (n_series + 1,)
        Where each series begins, and the number of rows.
    kind : {"series", "frame", "vector", "matrix", "long"}
        What the targets came as; a vector is a 1-D array, a matrix a 2-D one, and in a long frame
        they stood beside key and time.
    columns : Index or None
        Names of the targets: columns of a frame, or the one name of a series; None for arrays.
    timeline : Timeline or None
        The last stamp of each series and the step; None for arrays and lists.
    ids : Index or None
        The key of each series, in the order of their first rows; a MultiIndex if it has several
        levels, None for a single series without one.
    long_names : tuple or None
        Names of the columns of a long frame: of the key if there is one, the time, the targets;
        None if the rows came in any other form.
    covariates : DataFrame or None
        Covariates of each row, with a RangeIndex.
    past, static : tuple
        Which of their columns are known for the past only, and which are constant in a series.
    gaps : ndarray of bool, shape (n_rows, n_targets), or None
        Which targets were missing; None unless masks were asked for and something was missing.
    weights : ndarray of shape (n_rows,), or None
        Weights of the rows, if there are any; 0 for those that were absent.
    padding : ndarray of int64, shape (n_series,), or None
        Rows in front of each series that only repeat its first one, if any do.

    Examples
    --------
    >>> from tsrnn.frames.reading import read_training
    >>> y = pd.Series([1.0, 2.0, 3.0], pd.date_range("2024-01-31", periods=3, freq="ME"))
    >>> panel = read_training(y, None, Roles())
    >>> panel.wrap(np.array([[4.0]]), np.array([0]), np.array([0]))
    2024-04-30    4.0
    Freq: ME, dtype: float64
    """

    targets: np.ndarray
    offsets: np.ndarray
    kind: Kind | Literal["long"]
    columns: pd.Index | None = None
    timeline: Timeline | None = None
    ids: pd.Index | None = None
    long_names: tuple | None = None
    covariates: pd.DataFrame | None = None
    past: tuple = ()
    static: tuple = ()
    gaps: np.ndarray | None = None
    weights: np.ndarray | None = None
    padding: np.ndarray | None = None

    @property
    def n_rows(self) -> int:
        """Number of time steps of all series."""
        return int(self.targets.shape[0])

    @property
    def n_targets(self) -> int:
        """Number of values in a row."""
        return int(self.targets.shape[1])

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.offsets) - 1

    @property
    def own_lengths(self) -> np.ndarray:
        """Number of rows of each series, without those that only repeat its first one."""
        return self.lengths if self.padding is None else self.lengths - self.padding

    @property
    def names(self) -> tuple | None:
        """Names of the targets; None for arrays."""
        return None if self.columns is None else tuple(self.columns)

    @property
    def known(self) -> tuple:
        """The covariates that change and are known in advance."""
        columns = () if self.covariates is None else self.covariates.columns
        return tuple(name for name in columns if name not in self.past + self.static)

    @property
    def season(self) -> int:
        """Steps after which a series of this frequency usually repeats; 1 if unknown."""
        return season_length(None if self.timeline is None else self.timeline.step_name)

    @property
    def is_dated(self) -> bool:
        """Whether the rows have dates or periods, and not only numbers."""
        anchors = None if self.timeline is None else self.timeline.anchors
        return isinstance(anchors, pd.DatetimeIndex | pd.PeriodIndex)

    def label(self, number: int) -> str:
        """How messages name a series."""
        return series_label(self.ids, number)

    def numbers_of(self, ids: Any, name: str) -> np.ndarray:
        """The numbers of the series with these keys, whose levels are found by name; -1 for new.

        `name` is what messages call the data that they are of.
        """
        assert self.ids is not None
        ours, theirs = list(self.ids.names), list(ids.names)
        if len(ours) == len(theirs) > 1 and ours != theirs and None not in ours + theirs:
            if set(ours) != set(theirs):
                raise ValueError(
                    f"{name} has keys of the levels {theirs}, where {ours} are known; rename them."
                )
            ids = ids.reorder_levels(ours)
        for level in range(min(self.ids.nlevels, ids.nlevels)):
            _check_exact(ids.get_level_values(level), self.ids.get_level_values(level), name)
        return self.ids.get_indexer(ids)

    def where(self, row: int) -> str:
        """How messages say where a row stands: counted from the end of its series."""
        number = self.series_of(row)
        return f"row {row - self.offsets[number + 1]} (from the end) of {self.label(number)}"

    def tail(self, rows: int | np.ndarray) -> Panel:
        """So many last rows of each series, or as there are, in memory of their own."""
        return self._take(slice(None), np.minimum(self.lengths, rows))

    def pad(self, rows: int) -> Panel:
        """Every series with at least so many rows: the first one is repeated in front."""
        return self._take(slice(None), np.maximum(self.lengths, rows))

    def drop_shorter(self, rows: int) -> Panel:
        """The series that have at least so many rows."""
        return self.select(np.flatnonzero(self.lengths >= rows))

    def select(self, numbers: np.ndarray) -> Panel:
        """These series, in this order."""
        return replace(
            self._take(numbers, self.lengths[numbers]),
            timeline=None if self.timeline is None else self.timeline.select(numbers),
            ids=None if self.ids is None else self.ids[numbers],
        )

    def _take(self, series: Any, lengths: np.ndarray) -> Panel:
        """The rows up to the end of these series; the first one again where there are fewer."""
        offsets = np.append(0, lengths.cumsum())
        ahead = np.repeat(self.offsets[1:][series] - offsets[1:], lengths)
        firsts = np.repeat(self.offsets[:-1][series], lengths)
        rows = np.maximum(np.arange(offsets[-1]) + ahead, firsts)
        padding = np.maximum(lengths - self.own_lengths[series], 0)
        return replace(self.reordered(rows, offsets), padding=padding if padding.any() else None)

    def reordered(self, rows: np.ndarray, offsets: np.ndarray) -> Panel:
        """These rows, in this order; time and keys of the series stay."""
        covariates = self.covariates
        if covariates is not None:
            covariates = covariates.take(rows).reset_index(drop=True)
        return replace(
            self,
            targets=self.targets[rows],
            offsets=offsets,
            covariates=covariates,
            gaps=None if self.gaps is None else self.gaps[rows],
            weights=None if self.weights is None else self.weights[rows],
        )

    def wrap(
        self, values: np.ndarray, series: np.ndarray, steps: np.ndarray, index: Any = None
    ) -> pd.Series | pd.DataFrame | np.ndarray:
        """Forecasts as the kind of thing that was handed in.

        Parameters
        ----------
        values : ndarray of shape (n_forecasts, n_targets)
            A row for a step of a series.
        series : ndarray of int64, shape (n_forecasts,)
            Which series.
        steps : ndarray of int64, shape (n_forecasts,)
            Which step after its end; 0 is the first.
        index : Index, default=None
            The index they get. None: their time stamps, under the keys of the series.
        """
        if self._is_long(index):
            assert self.long_names is not None
            return self._long_frame(values, series, steps, index, self.long_names)
        if self._is_array(index):
            return values[:, 0] if self.kind == "vector" else values
        if index is None and self.timeline is not None:
            index = self._future_index(series, steps)
        if self.kind in ("frame", "matrix"):
            columns = None if self.columns is None else self.columns.copy()
            return pd.DataFrame(values, index=index, columns=columns)
        name = None if self.columns is None else self.columns[0]
        return pd.Series(values[:, 0], index=index, name=name)

    def wrap_several(
        self,
        values: np.ndarray,
        series: np.ndarray,
        steps: np.ndarray,
        index: Any,
        name: str,
        labels: Sequence,
    ) -> pd.DataFrame | np.ndarray:
        """Several forecasts of each value, as `wrap` does with one.

        Parameters
        ----------
        values : ndarray of shape (n_forecasts, n_targets, n_labels)
        series, steps, index
            As for `wrap`.
        name : str
            What tells the several forecasts apart.
        labels : sequence
            What they are called.
        """
        several = self.n_targets > 1
        flat = values.reshape(len(values), self.n_targets * len(labels))
        if self._is_long(index):
            assert self.long_names is not None
            keys, names = self.long_names[: -self.n_targets], [*labels]
            if several:
                targets = self.long_names[-self.n_targets :]
                names = [f"{target}_{label}" for target in targets for label in labels]
            return self._long_frame(flat, series, steps, index, [*keys, *names])
        if self._is_array(index):
            return values[:, 0] if self.kind == "vector" else values
        if index is None and self.timeline is not None:
            index = self._future_index(series, steps)
        columns = pd.Index(labels, name=name)
        if several:
            above = pd.RangeIndex(self.n_targets) if self.columns is None else self.columns
            levels = [above.get_level_values(level) for level in range(above.nlevels)]
            levels = [level.repeat(len(labels)) for level in levels]
            columns = pd.MultiIndex.from_arrays(
                [*levels, [*labels] * self.n_targets], names=[*above.names, name]
            )
        return pd.DataFrame(flat, index=index, columns=columns)

    def _is_long(self, index: Any) -> bool:
        """Whether forecasts with this index go into a long frame."""
        return self.long_names is not None and (self.kind == "long" or index is None)

    def _is_array(self, index: Any) -> bool:
        """Whether they are an array."""
        return self.kind in ("vector", "matrix") and (self.ids is None or index is not None)

    def truth(self, X: Any, y: Any, forecast: Any, weights: Any = None) -> tuple[Any, Any]:
        """What came true of the rows that were forecast, and the numbers to hold it against.

        `forecast` is what `wrap` made for the rows `X`; without `y` those hold what came true.
        Raises a ValueError if `y` or the `weights` of the rows have an index that is not theirs.
        """
        name, alone = "X" if y is None else "y", y is None and self.covariates is not None
        X, pandas = as_pandas(X), pd.Series | pd.DataFrame
        y = X if y is None else as_pandas(y)
        rows, whose = (forecast, "predict(X)") if isinstance(forecast, pandas) else (X, "X")
        for part, what in ((y, name), (weights, "sample_weight")):
            if part is not X and isinstance(part, pandas) and isinstance(rows, pandas):
                check_same_index(part, rows, what, whose)
        if self.kind == "long":
            self._check_same_keys(X, y)
            forecast = forecast[list(self.names or ())]
        unsaid = self.names in (None, (None,)) or any(name in self.known for name in self.names)
        if alone and (unsaid or not isinstance(y, pd.DataFrame)):
            raise ValueError("X holds covariates; pass y as well, which tells what came true.")
        named = self.kind in ("frame", "long") or self.names not in (None, (None,))
        if not isinstance(y, pd.DataFrame) or not (alone or named):
            return y, forecast
        columns, labels = list(self.names or ()), list(y.columns)
        absent = [label for label in columns if label not in labels]
        if absent:
            what = "; pass y" * (name == "X")
            raise ValueError(f"{name} has no column {absent} that would tell what came true{what}.")
        return y[columns], forecast

    def _check_same_keys(self, X: Any, y: Any) -> None:
        tables = [part for part in (X, y) if isinstance(part, pd.DataFrame)]
        for key in (self.long_names or ())[: -self.n_targets]:
            if len(tables) == 2 and all(key in table.columns for table in tables):
                check_same_column(X[key], y[key], "X", "y")

    def check_same_columns(self, other: Panel) -> None:
        """Refuse a panel of other targets or covariates than these."""
        if self.kind in ("vector", "matrix"):
            check_width(len(other.known), len(self.known), "X")
        ours, theirs = (panel.names or range(panel.n_targets) for panel in (self, other))
        for what, before, now in (
            ("The targets", list(ours), list(theirs)),
            ("past_covariates", sorted(self.past, key=str), sorted(other.past, key=str)),
            ("static_covariates", sorted(self.static, key=str), sorted(other.static, key=str)),
            (
                "The covariates known in advance",
                sorted(self.known, key=str),
                sorted(other.known, key=str),
            ),
        ):
            if before != now:
                raise ValueError(f"{what} were {before}, and are now {now}.")

    def _future_index(self, series: np.ndarray, steps: np.ndarray) -> pd.Index:
        assert self.timeline is not None
        stamps = self.timeline.future(steps, series)
        if self.ids is None:
            return stamps
        keys = [self.ids.get_level_values(level)[series] for level in range(self.ids.nlevels)]
        return pd.MultiIndex.from_arrays([*keys, stamps], names=[*self.ids.names, stamps.name])

    def _long_frame(
        self,
        values: np.ndarray,
        series: np.ndarray,
        steps: np.ndarray,
        index: Any,
        names: Sequence,
    ) -> pd.DataFrame:
        assert self.timeline is not None
        keys = [] if self.ids is None else [self.ids[series]]
        columns = [*keys, self.timeline.stamps(steps + 1, series), *values.T]
        return pd.DataFrame(dict(zip(names, columns, strict=True)), index=index)


@dataclass(frozen=True, eq=False)
class Future:
    """Rows to forecast, in the order they came in.

    Attributes
    ----------
    series : ndarray of int64, shape (n_rows,)
        The number of each row's series.
    steps : ndarray of int64, shape (n_rows,)
        Which step after the end of its series each row is; 0 is the first.
    covariates : DataFrame or None
        What is known in advance of each row, with a RangeIndex; None if nothing is.
    index : Index or None
        The index of the rows; None for arrays and lists.
    """

    series: np.ndarray
    steps: np.ndarray
    covariates: pd.DataFrame | None
    index: pd.Index | None


def _check_exact(keys: pd.Index, known: pd.Index, name: str) -> None:
    """Refuse floats where integers are known, of which they could mean several."""
    if not (is_integer(known) and pd.api.types.is_float_dtype(keys.dtype)):
        return
    large = np.abs(keys.to_numpy(np.float64)) >= _EXACT
    if large.any():
        raise ValueError(
            f"{name} has the key {keys[int(np.argmax(large))]}, a float, where keys are integers, "
            "of which so large a float stands for several; keep them integers."
        )


def check_width(count: int, expected: int, name: str) -> None:
    """Refuse an array with another number of columns than the training data."""
    if count != expected:
        raise ValueError(
            f"{name} has {count} features, but RNNForecaster is expecting {expected} features as "
            "input."
        )


def check_columns(columns: Any, expected: Any, optional: Any, name: str) -> None:
    """Refuse columns that are not those of the training data."""
    unknown = [column for column in columns if column not in expected and column not in optional]
    absent = [column for column in expected if column not in columns]
    if unknown or absent:
        words = [f"{absent} missing"] * bool(absent) + [f"{unknown} unexpected"] * bool(unknown)
        raise ValueError(
            f"{name} does not have the columns that the forecaster was fitted on: "
            f"{' and '.join(words)}. Expected: {list(expected)}."
        )
