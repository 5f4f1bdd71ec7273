"""What users hand in, as numbers: each kind of container, each kind of column."""

from __future__ import annotations

import re
import warnings
from collections.abc import Set
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

Kind: TypeAlias = Literal["series", "frame", "vector", "matrix"]

_DATE = re.compile(r"\s*(\d{4}-\d\d(?!\d)|\d{1,4}([-/.])\d{1,2}\2\d)")  # as text begins
# pandas' names of kinds of objects
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")
_DATES = ("date", "datetime", "datetime64", "period")


def as_pandas(data: Any) -> Any:
    """Frames of other libraries, such as polars, turn themselves into those of pandas.

    Other things that know how to become arrays become arrays.
    """
    known = isinstance(data, pd.Series | pd.DataFrame | pd.Index | np.ndarray)
    if known or hasattr(data, "toarray"):
        return data
    if hasattr(data, "to_pandas"):
        return data.to_pandas()
    return np.asarray(data) if hasattr(data, "__array__") else data


def read_numbers(data: Any, name: str) -> tuple[np.ndarray, pd.Index | None, Kind]:
    """The numbers to be forecast, one row a time step, one column a target.

    Parameters
    ----------
    data : Series, DataFrame, 1-D or 2-D array, or (nested) list of numbers
        Not empty.
    name : str
        What error messages call it.

    Returns
    -------
    values : ndarray of shape (n_rows, n_targets)
        float32 if that is what was handed in, otherwise float64; C-contiguous and read-only:
        where nothing had to be converted it is a view of the caller's memory.
    columns : Index or None
        Column names of a frame, or the one name of a series; None for arrays and lists.
    kind : {"series", "frame", "vector", "matrix"}
        What was handed in; a vector is a 1-D array, a matrix a 2-D one.

    Raises
    ------
    TypeError
        No container of numbers, or values that are not real numbers.
    ValueError
        Empty, ragged or more than two dimensions.

    Examples
    --------
    >>> values, columns, kind = read_numbers([1, 2, 3], "y")
    >>> values.shape, columns, kind
    ((3, 1), None, 'vector')
    """
    values, columns, kind = _unpack(data, name)
    if len(values) == 0:
        raise ValueError(f"{name} is empty: it has no rows.")
    values = np.ascontiguousarray(values).reshape(len(values), -1)
    values.flags.writeable = False
    return values, columns, kind


def read_covariates(X: Any, name: str) -> pd.DataFrame:
    """A frame of covariates: numbers, truth values, categories and strings.

    Parameters
    ----------
    X : DataFrame, 2-D array or nested list
        One row a time step; the columns of an array are numbered, by a RangeIndex. Those of a
        frame have names, even if these are numbers.
    name : str
        What error messages call it.

    Examples
    --------
    >>> read_covariates([[1, 2.5], [3, 4.5]], "X").columns.to_list()
    [0, 1]
    """
    if isinstance(X, pd.DataFrame):
        check_unique(X, name)
        columns: pd.Index = plain_labels(X.columns.copy())
        if isinstance(columns, pd.RangeIndex):
            columns = pd.Index(columns.to_numpy(), name=columns.name)
    else:
        X = numbered_columns(X, name)
        columns = X.columns
    X = X.copy(deep=False)
    for place in np.flatnonzero([pd.api.types.is_object_dtype(dtype) for dtype in X.dtypes]):
        X.isetitem(place, _of_one_kind(X.iloc[:, place]))
    for label, column in X.items():
        _check_covariate(column, f"Column {label!r} of {name}")
    return X.set_axis(pd.RangeIndex(len(X))).set_axis(columns, axis=1)


def numbered_columns(X: Any, name: str) -> pd.DataFrame:
    """A frame of the columns of a 2-D array or nested list."""
    shape = X.shape if isinstance(X, pd.Series) else _array(X, name).shape
    if len(shape) == 1:
        column = f"Reshape your data with {name}.reshape(-1, 1)"  # scikit-learn's words
        if isinstance(X, pd.Series):
            column = f"Pass {name}.to_frame()"
        raise ValueError(
            f"Expected 2D array, got 1D array instead: {name} holds covariates, a row for each "
            f"time step and a column for each covariate, but its shape is {shape}. {column} if it "
            "is one covariate."
        )
    if len(shape) != 2:
        raise ValueError(f"{name} must have 2 dimensions (time, covariate), not {len(shape)}.")
    return pd.DataFrame(X if isinstance(X, np.ndarray) else list(X)).infer_objects()


def _of_one_kind(objects: pd.Series) -> pd.Series:
    """Numbers or truth values that are kept as objects, as such; other columns as they are."""
    kind = pd.api.types.infer_dtype(objects)
    if kind == "boolean":
        return objects.astype("boolean")
    return pd.to_numeric(objects) if kind in _NUMBERS else objects


def _check_covariate(column: pd.Series, where: str) -> None:
    """Refuse a column that could be neither scaled nor told apart by its values."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return
    if pd.api.types.is_bool_dtype(dtype) and not isinstance(dtype, pd.SparseDtype):
        return
    if pd.api.types.is_object_dtype(dtype):
        kind = pd.api.types.infer_dtype(column)
        if kind in ("string", "empty"):
            return
        if kind not in _DATES:
            raise TypeError(
                f"{where} has dtype object and holds {kind} values{_first_text(column)}; a "
                "covariate or argument must be all strings or all numbers."
            )
    elif pd.api.types.is_string_dtype(dtype):
        return
    if _is_date_type(dtype) or pd.api.types.is_object_dtype(dtype):
        raise TypeError(
            f"{where} holds dates (dtype {dtype}), which are no covariate as such; use "
            "CalendarFeatures on the time index instead."
        )
    float_dtype(column, where)


def type_name(data: Any) -> str:
    """How messages name what was handed in."""
    return "None" if data is None else type(data).__name__


def _unpack(data: Any, name: str) -> tuple[np.ndarray, pd.Index | None, Kind]:
    if isinstance(data, pd.DataFrame):
        return _frame_values(data, name), plain_labels(data.columns.copy()), "frame"
    if isinstance(data, pd.Series):
        return _column_values(data, float_dtype(data, name)), pd.Index([data.name]), "series"
    values = _array_values(data, name)
    return values, None, "vector" if values.ndim == 1 else "matrix"


def _array(data: Any, name: str) -> np.ndarray:
    _check_array_type(data, name)
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ValueError(f"The rows of {name} must be equally long{_odd_row(data)}.") from error


def _odd_row(rows: Any) -> str:
    """The first row that is longer or shorter than those before it."""
    lengths = [len(row) if isinstance(row, list | tuple | np.ndarray) else 1 for row in rows]
    odd = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    return "" if odd is None else f": row 0 has {lengths[0]} values, row {odd} has {lengths[odd]}"


def _array_values(data: Any, name: str) -> np.ndarray:
    values = _array(data, name)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have 1 dimension (time) or 2 (time, target), not {values.ndim}: "
            f"its shape is {values.shape}."
        )
    _check_width(values.shape, name)
    return values.astype(float_dtype(values, name), copy=False)


def _check_array_type(data: Any, name: str) -> None:
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; fill it first: {name}.filled(...).")
    if hasattr(data, "toarray"):
        raise TypeError(f"{name} is sparse, a dense array is needed: {name}.toarray().")
    if not isinstance(data, np.ndarray | list | tuple):
        raise TypeError(
            f"{name} must be a Series, DataFrame, array or list of numbers, not {type_name(data)}."
        )
    if isinstance(data, list | tuple) and data and isinstance(data[0], pd.Series | pd.DataFrame):
        raise TypeError(
            f"{name} is a {type_name(data)} of pandas objects; make it one frame, a column for "
            f"each target: pd.concat({name}, axis=1)."
        )


def _frame_values(frame: pd.DataFrame, name: str) -> np.ndarray:
    _check_width(frame.shape, name)
    check_unique(frame, name)
    dtypes = []
    for label, series in frame.items():
        if holds_dates(series):
            raise _no_target(series, label, name)
        dtypes.append(float_dtype(series, f"Column {label!r} of {name}"))
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


def float_dtype(column: pd.Series | np.ndarray, where: str) -> np.dtype:
    """float32 for float32, float64 for every other real number; the rest is refused."""
    dtype = column.dtype
    needed = f"{where} has dtype {dtype}{_first_text(column)}; real numbers are needed"
    # scikit-learn's checks look for these words.
    objects = pd.api.types.is_object_dtype(dtype) and isinstance(column, np.ndarray)
    needed += " (Unknown label type: object)." if objects else "."
    if isinstance(dtype, pd.SparseDtype):
        raise TypeError(f"{where} is sparse (dtype {dtype}); use .sparse.to_dense().")
    if pd.api.types.is_complex_dtype(dtype):
        raise ValueError(f"Complex data not supported: {needed}")
    if pd.api.types.is_bool_dtype(dtype):
        raise TypeError(f"{needed} Use .astype(float), if 0 and 1 are meant.")
    if _is_date_type(dtype):
        raise TypeError(
            f"{where} has dtype {dtype}: dates cannot be forecast; those that say when each row "
            "was are its index."
        )
    if not pd.api.types.is_numeric_dtype(dtype):
        convert = "pd.to_numeric" if isinstance(column, pd.Series) else ".astype(float)"
        raise TypeError(f"{needed} Convert them with {convert}.")
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


def holds_dates(column: pd.Series) -> bool:
    """Whether a column holds dates, or text that begins with one as dates are written."""
    if _is_date_type(column.dtype):
        return True
    if not pd.api.types.is_string_dtype(column.dtype) or not len(column):
        return False
    first = column.iloc[0]
    return isinstance(first, str) and _DATE.match(first) is not None


def written_form(index: pd.Index) -> str | None:
    """How whole numbers are written if they are dates, such as 20240131; None for counts.

    Numbers that follow each other are dates only if all are: 20240132 is none. Months cross a
    year, as 202212 and 202301 do; within one, counts look the same.
    """
    low, high = int(index.min()), int(index.max())
    if 18000101 <= low < high <= 22001231:
        form = "%Y%m%d"
    elif low >= 180001 and high <= 220012 and low // 100 < high // 100:
        form = "%Y%m"
    else:
        return None
    dates = pd.to_datetime(index.astype(str), format=form, errors="coerce")
    return None if dates.hasnans else form


def as_dates(index: pd.Index) -> pd.Index:
    """Dates that Arrow keeps as those of pandas; any other index as it is."""
    arrow = isinstance(index.dtype, pd.ArrowDtype) and index.dtype.kind == "M"
    return pd.DatetimeIndex(index) if arrow else index


def members(some: Any) -> list:
    """What a set, tuple, array, Series or Index holds; a set's in the same order in any process."""
    if isinstance(some, Set):
        return sorted(some, key=lambda member: (type(member).__name__, member))
    return some.tolist() if hasattr(some, "tolist") else list(some)


def plain_labels(index: pd.Index) -> pd.Index:
    """Labels that Arrow keeps as those of Python and NumPy; any other index as it is."""
    plain: Any  # since pandas' hints ask for Python's sequences
    if isinstance(index, pd.MultiIndex):
        plain = [plain_labels(level) for level in index.levels]
        return index.set_levels(plain) if len(index) else index
    if isinstance(index, pd.CategoricalIndex):
        plain = plain_labels(index.categories)
        return index.rename_categories(plain)
    if isinstance(index.dtype, pd.ArrowDtype):
        return pd.Index(index.tolist(), name=index.name, tupleize_cols=False)
    return index


def _is_date_type(dtype: Any) -> bool:
    return pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype)


def _no_target(dates: pd.Series, label: Any, name: str) -> TypeError:
    """The error for a column of dates among those to forecast."""
    index = f"{name} = {name}.set_index({label!r})"
    if not _is_date_type(dates.dtype):
        index = f"{name}.index = pd.to_datetime({name}.pop({label!r}))"
    return TypeError(
        f"Column {label!r} of {name} holds dates (dtype {dates.dtype}, row 0: {dates.iloc[0]}), "
        f"which cannot be forecast. If they say when each row was, make them the index: {index}; "
        "or name the columns of a long frame: id_col, time_col, target_col."
    )


def check_same_index(frame: Any, other: Any, name: str, other_name: str) -> None:
    """Refuse rows of pandas that are not those of the other, in the same order."""
    ours, theirs = list(frame.index.names), list(other.index.names)
    swapped = ours != theirs and set(ours) == set(theirs)
    if swapped or not frame.index.equals(other.index):
        order = f".reorder_levels({theirs})" * swapped
        raise ValueError(
            f"{name} and {other_name} have different indexes; align them first: "
            f"{name} = {name}{order}.loc[{other_name}.index]."
        )


def check_same_column(column: pd.Series, other: pd.Series, name: str, other_name: str) -> None:
    """Refuse rows whose key or time is not that of the same row of the other."""
    if pd.Index(column).equals(pd.Index(other)):
        return
    ours, theirs = column.to_numpy(object), other.to_numpy(object)
    differ = ours != theirs
    if differ.any():
        row = int(np.argmax(differ))
        raise ValueError(
            f"{name} and {other_name} need the same rows in the same order: row {row} has "
            f"{ours[row]!r} in column {column.name!r} of {name}, {theirs[row]!r} in that of "
            f"{other_name}."
        )


def warn_undated(what: str, stacklevel: int) -> None:
    """Warn of rows that are counted, though what they belong to has dates."""
    warnings.warn(
        f"{what}. If a transformer has dropped the dates of X, keep them: "
        'set_output(transform="pandas").',
        stacklevel=stacklevel + 1,
    )


def check_unique(frame: pd.DataFrame, name: str) -> None:
    """Refuse column names that come twice."""
    if not frame.columns.is_unique:
        repeated = list(dict.fromkeys(frame.columns[frame.columns.duplicated()]))
        raise ValueError(f"The column names of {name} must be unique; duplicates: {repeated}.")


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers, which truth values are not."""
    dtype = column.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
