"""What users hand in, as one flat array of numbers; and forecasts, as what was handed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from tsrnn.baselines import season_length
from tsrnn.time_index import read_index
from tsrnn.timeline import Timeline

Kind: TypeAlias = Literal["series", "frame", "vector", "matrix"]


@dataclass(frozen=True, eq=False)
class Target:
    """The series to forecast: checked and flat, and able to dress forecasts as the user's own.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_targets)
        float32 if that is what was handed in, otherwise float64; finite, C-contiguous and
        read-only: where nothing had to be converted it is a view of the caller's memory.
    columns : Index or None
        Column names of a frame, or the one name of a series; None for arrays and lists.
    kind : {"series", "frame", "vector", "matrix"}
        What was handed in; a vector is a 1-D array, a matrix a 2-D one.
    timeline : Timeline or None
        The time index and its step; None for arrays and lists.

    Examples
    --------
    >>> y = pd.Series([1.0, 2.0, 3.0], pd.date_range("2024-01-31", periods=3, freq="ME"))
    >>> target = read_target(y)
    >>> target.wrap(np.array([[4.0]]), target.future_index(1))
    2024-04-30    4.0
    Freq: ME, dtype: float64
    """

    values: np.ndarray
    columns: pd.Index | None
    kind: Kind
    timeline: Timeline | None

    @property
    def n_rows(self) -> int:
        """Number of time steps."""
        return int(self.values.shape[0])

    @property
    def n_targets(self) -> int:
        """Number of series side by side."""
        return int(self.values.shape[1])

    @property
    def index(self) -> pd.Index | None:
        """The time index; None for arrays and lists."""
        return None if self.timeline is None else self.timeline.index

    @property
    def names(self) -> tuple | None:
        """Column names of a frame, or the one name of a series; None for arrays and lists."""
        return None if self.columns is None else tuple(self.columns)

    @property
    def season(self) -> int:
        """Steps after which a series of this frequency usually repeats; 1 if unknown."""
        name = getattr(self.index, "freqstr", None) or getattr(self.timeline, "step_name", None)
        return season_length(name)

    @property
    def usual_step(self) -> pd.Timedelta | None:
        """Median distance between its stamps; None without dates, or with less than four."""
        index = self.index.to_timestamp() if isinstance(self.index, pd.PeriodIndex) else self.index
        if not isinstance(index, pd.DatetimeIndex) or len(index) < 4:
            return None
        return pd.Timedelta(np.median(np.diff(index.asi8)), index.unit)

    def ordered_like(self, other: Target) -> Target:
        """The same frame, its columns in the order of another; they must have the same names."""
        assert self.columns is not None
        assert other.columns is not None
        if set(self.columns) != set(other.columns):
            raise ValueError(
                f"history has the columns {self.names}; the forecaster was fitted on {other.names}."
            )
        places = self.columns.get_indexer(other.columns)
        return replace(self, values=self.values[:, places], columns=other.columns.copy())

    def tail(self, rows: int) -> Target:
        """The last rows, in memory of their own."""
        timeline = None if self.timeline is None else self.timeline.tail(rows)
        columns = None if self.columns is None else self.columns.copy()
        return replace(self, values=self.values[-rows:].copy(), timeline=timeline, columns=columns)

    def dated(self, rows: pd.Series | pd.DataFrame, freq: Any, name: str) -> Target:
        """The same values, at the time stamps of other rows."""
        return replace(self, timeline=read_index(rows.index, freq, name))

    def wrap(
        self, values: np.ndarray, index: pd.Index | None
    ) -> pd.Series | pd.DataFrame | np.ndarray:
        """Forecasts of shape (rows, n_targets) as the kind of thing that was handed in."""
        if self.kind == "frame":
            assert self.columns is not None
            return pd.DataFrame(values, index=index, columns=self.columns.copy())
        if self.columns is not None:
            return pd.Series(values[:, 0], index=index, name=self.columns[0])
        return values[:, 0] if self.kind == "vector" else values

    def future_index(self, steps: int) -> pd.Index | None:
        """The `steps` stamps after the last one, in the type of the index; None without one."""
        return None if self.timeline is None else self.timeline.after(steps)


def read_target(data: Any, *, name: str = "y", freq: Any = None) -> Target:
    """Check what is to be forecast and turn it into a `Target`.

    Parameters
    ----------
    data : Series, DataFrame, 1-D or 2-D array, or (nested) list of numbers
        One row a time step, one column a target. An index of pandas must be a DatetimeIndex,
        a PeriodIndex or one of integers, increasing by a constant step.
    name : str, default="y"
        What error messages call it.
    freq : str or offset, default=None
        Frequency of a DatetimeIndex. None: that of the index, or found from its stamps; only
        business hours and holidays cannot be found.

    Raises
    ------
    TypeError
        No container of numbers, values that are not real numbers, or an unusable index.
    ValueError
        Empty, ragged or more than two dimensions; NaN or infinite values; stamps that are
        missing, repeated, unsorted or uneven.

    Examples
    --------
    >>> read_target([1, 2, 3]).values.shape
    (3, 1)
    """
    values, columns, kind = _unpack(data, name)
    if len(values) == 0:
        raise ValueError(f"{name} is empty: it has no rows")
    values = np.ascontiguousarray(values).reshape(len(values), -1)
    values.flags.writeable = False
    index = None if columns is None else data.index
    if index is None and freq is not None:
        raise ValueError(f"freq={freq!r} was given, but {name} has no dates it could apply to")
    timeline = None if index is None else read_index(index, freq, name)
    _check_finite(values, index, columns, name)
    return Target(values, columns, kind, timeline)


def steps_after(target: Target, X: Any, *, name: str = "X") -> np.ndarray:
    """Which step after the end of `target` each row of `X` stands for; 0 is the first.

    Rows are located by their time stamps, so they may begin after a gap. Where either side has
    no index, they follow the target directly.

    Returns
    -------
    ndarray of int64, shape (len(X),)

    Raises
    ------
    TypeError
        `X` is no Series, DataFrame, array or list, or its index is of another type.
    ValueError
        A stamp that is not after the end, not on the frequency, or in another time zone.

    Examples
    --------
    >>> target = read_target(pd.Series([1.0, 2.0]))
    >>> steps_after(target, pd.DataFrame(index=[2, 3, 5]))
    array([0, 1, 3])
    """
    if not isinstance(X, pd.Series | pd.DataFrame | np.ndarray | list | tuple):
        raise TypeError(f"{name} must be a Series, DataFrame, array or list, not {_type_name(X)}")
    if isinstance(X, pd.Series | pd.DataFrame) and len(X) and target.timeline is not None:
        return target.timeline.locate(X.index, name)
    return np.arange(len(X))


def _type_name(data: Any) -> str:
    return "None" if data is None else type(data).__name__


def _unpack(data: Any, name: str) -> tuple[np.ndarray, pd.Index | None, Kind]:
    if isinstance(data, pd.DataFrame):
        return _frame_values(data, name), data.columns, "frame"
    if isinstance(data, pd.Series):
        return _column_values(data, _float_dtype(data, name)), pd.Index([data.name]), "series"
    values = _array_values(data, name)
    return values, None, "vector" if values.ndim == 1 else "matrix"


def _array_values(data: Any, name: str) -> np.ndarray:
    _check_array_type(data, name)
    try:
        values = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"the rows of {name} must be equally long: {error}") from error
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have 1 dimension (time) or 2 (time, target), not {values.ndim}: "
            f"its shape is {values.shape}"
        )
    _check_width(values.shape, name)
    return values.astype(_float_dtype(values, name), copy=False)


def _check_array_type(data: Any, name: str) -> None:
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; fill it first: {name}.filled(...)")
    if hasattr(data, "toarray"):
        raise TypeError(f"{name} is sparse, a dense array is needed: {name}.toarray()")
    if not isinstance(data, np.ndarray | list | tuple):
        raise TypeError(
            f"{name} must be a Series, DataFrame, array or list of numbers, not {_type_name(data)}"
        )
    if isinstance(data, list | tuple) and data and isinstance(data[0], pd.Series | pd.DataFrame):
        raise TypeError(
            f"{name} is a {_type_name(data)} of pandas objects; make it one frame, a column for "
            f"each target: pd.concat({name}, axis=1)"
        )


def _frame_values(frame: pd.DataFrame, name: str) -> np.ndarray:
    _check_width(frame.shape, name)
    if not frame.columns.is_unique:
        repeated = list(dict.fromkeys(frame.columns[frame.columns.duplicated()]))
        raise ValueError(f"column names of {name} must be unique; duplicates: {repeated}")
    dtypes = [
        _float_dtype(column, f"column {label!r} of {name}") for label, column in frame.items()
    ]
    if len(dtypes) == 1:
        return _column_values(frame.iloc[:, 0], dtypes[0])
    values = np.empty(frame.shape, np.result_type(*dtypes))
    for column, dtype in enumerate(dtypes):
        values[:, column] = _column_values(frame.iloc[:, column], dtype)
    return values


def _column_values(column: pd.Series, dtype: np.dtype) -> np.ndarray:
    if isinstance(column.dtype, np.dtype):
        return column.to_numpy(dtype=dtype)
    return column.to_numpy(dtype=dtype, na_value=np.nan)


def _check_width(shape: tuple[int, ...], name: str) -> None:
    if len(shape) == 2 and shape[1] == 0:
        raise ValueError(
            f"{name} has no columns to forecast: 0 feature(s) (shape={shape}) while a minimum of "
            "1 is required."
        )


def _float_dtype(column: pd.Series | np.ndarray, where: str) -> np.dtype:
    """float32 for float32, float64 for every other real number; the rest is refused."""
    dtype = column.dtype
    needed = f"{where} has dtype {dtype}; real numbers are needed"
    if isinstance(dtype, pd.SparseDtype):
        raise TypeError(f"{where} is sparse (dtype {dtype}); use .sparse.to_dense()")
    if pd.api.types.is_complex_dtype(dtype):
        raise ValueError(f"Complex data not supported: {needed}")
    if pd.api.types.is_bool_dtype(dtype):
        raise TypeError(f"{needed}: .astype(float), if 0 and 1 are meant")
    if not pd.api.types.is_numeric_dtype(dtype):
        convert = "pd.to_numeric" if isinstance(column, pd.Series) else ".astype(float)"
        raise TypeError(f"{needed}: convert with {convert}{_first_text(column)}")
    plain: Any = getattr(dtype, "numpy_dtype", dtype)
    return np.dtype("f4" if plain.kind == "f" and plain.itemsize == 4 else "f8")


def _first_text(column: pd.Series | np.ndarray) -> str:
    """Where the first thing that is no number stands: a single 'n/a' makes a whole column text."""
    if not pd.api.types.is_string_dtype(column.dtype) and column.dtype != object:
        return ""
    text = pd.Series(np.ravel(column))
    strange = pd.to_numeric(text, errors="coerce").isna().to_numpy()
    if not strange.any():
        return ""
    first = int(np.argmax(strange))
    row = first // (column.shape[1] if column.ndim == 2 else 1)
    return f" (row {row} holds {text.iloc[first]!r})"


def _check_finite(
    values: np.ndarray, index: pd.Index | None, columns: pd.Index | None, name: str
) -> None:
    if np.isfinite(values).all():
        return
    bad, what = np.isnan(values), "missing values (NaN)"
    if not bad.any():
        bad, what = np.isinf(values), "infinite values (inf)"
    row, column = divmod(int(np.argmax(bad)), bad.shape[1])
    where = f"row {row}" if index is None else f"row {row} ({index[row]})"
    if values.shape[1] > 1:
        where += f", column {column if columns is None else repr(columns[column])}"
    advice = "" if columns is None else f", for example with {name}.interpolate()"
    raise ValueError(
        f"{name} has {what}: {int(bad.sum())} of {bad.size}, the first in {where}. "
        f"Fill or drop them first{advice}"
    )
