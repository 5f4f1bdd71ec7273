"""Whose rows, and when: the rows of one or many series, told from the input in any of its forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from tsrnn.frames.timeline import check_stamps, check_type, tells_time, ticks_of
from tsrnn.frames.values import as_dates, plain_labels

# Names of levels that count within what others of these names count.
_WITHIN = {"quarter", "month", "week", "weekday", "dayofweek", "day", "hour", "minute", "second"}
_BEGINS_AGAIN = _WITHIN | {"year", "date"}


class Stretches:
    """What lies one after another: ``offsets`` say where each begins, and where the last ends."""

    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Number of rows of each series."""
        return np.diff(self.offsets)

    def series_of(self, row: int) -> int:
        """The number of the series of one row."""
        return int(np.searchsorted(self.offsets, row, "right")) - 1


@dataclass(frozen=True, eq=False)
class Rows(Stretches):
    """The rows of all series, one series after another, each in the order of time.

    Attributes
    ----------
    name : str
        What error messages call the data.
    index : Index or None
        The time stamp of each row; None for arrays and lists.
    offsets : ndarray of int64, shape (n_series + 1,)
        Where each series begins, and the number of rows.
    ids : Index or None
        The key of each series; None for a single series without one.
    order : ndarray of int64, shape (n_rows,), or None
        The row of the input that each row was; None if they came in this order.
    once : str
        Code that keeps one row for each stamp.
    table : str
        Code of the rows of a single series with their stamps as index; empty for several.
    word : str
        What messages call a row.
    first_row : int
        What they call the first one.
    cures : mapping of str to str
        What they advise instead of code, to who writes none: about stamps that are "repeated",
        "unsorted", missing ("gaps") or off the "step".
    """

    name: str
    index: Any
    offsets: np.ndarray
    ids: pd.Index | None = None
    order: np.ndarray | None = None
    once: str = ""
    table: str = ""
    word: str = "row"
    first_row: int = 0
    cures: Mapping[str, str] = field(default_factory=dict)

    def series_between(self, start: int, stop: int) -> np.ndarray:
        """The numbers of the series of the rows from `start` to `stop`."""
        first, last = self.series_of(start), self.series_of(stop - 1)
        bounds = np.clip(self.offsets[first : last + 2], start, stop)
        return np.repeat(np.arange(first, last + 1), np.diff(bounds))

    def part(self, number: int) -> Any:
        """The stamps of one series."""
        return self.index[self.offsets[number] : self.offsets[number + 1]]

    def input_row(self, row: int) -> int:
        """What messages call the row of the input that a row was."""
        return self.first_row + (row if self.order is None else int(self.order[row]))

    def label(self, number: int) -> str:
        """How messages name a series of these data."""
        return self.name if self.ids is None else f"{series_label(self.ids, number)} of {self.name}"

    def where(self, row: int) -> str:
        """How messages say where a row stands."""
        stamp = "" if self.index is None else f" ({self.index[row]})"
        of = "" if self.ids is None else f" of {series_label(self.ids, self.series_of(row))}"
        return f"{self.word} {self.input_row(row)}{stamp}{of}"


def series_label(ids: pd.Index | None, number: int) -> str:
    """How messages name a series."""
    if ids is None:
        return "the series"
    key = ids[number]
    if isinstance(key, tuple):
        return f"series {tuple(_python(part) for part in key)}"
    return f"series {_python(key)!r}"


def _python(value: Any) -> Any:
    """Numbers of NumPy print as numbers."""
    return value.item() if isinstance(value, np.generic) else value


def plain_rows(index: pd.Index | None, length: int, name: str) -> Rows:
    """The rows of a single series, in the order they have."""
    offsets, once = np.array([0, length]), f"{name}.groupby(level=0).mean()"
    index = None if index is None else as_dates(index)
    return Rows(name, index, offsets, once=once, table=name)


def keyed_rows(data: Any, id_col: Any, time_col: Any, name: str) -> Rows:
    """The rows of a long frame (one series if it has no `id_col`), or of a MultiIndex.

    Rows may be in any order; series come in that of their first rows.
    """
    codes, ids, index = series_and_stamps(data, id_col, time_col, name)
    levels = isinstance(data.index, pd.MultiIndex)
    if levels:
        last = f"{name}.index.levels[-1]"
        put = f"{name}.index = {name}.index.set_levels(", ", level=-1)"
        check_type(index, name, last, f"range(len({last}))", put)
    else:
        count = (
            f"range(len({name}))" if id_col is None else f"{name}.groupby({id_col!r}).cumcount()"
        )
        check_type(index, name, f"{name}[{time_col!r}]", count)
    check_stamps(index, name)
    ticks, order = ticks_of(index), None
    if not _in_order(codes, ticks):
        order = _sorted(codes, ticks)
        codes, index = codes[order], index[order]
    offsets = np.append(0, np.bincount(codes).cumsum())
    if levels:
        once = f"{name}.groupby(level={list(range(data.index.nlevels))}).mean()"
    elif id_col is None:
        once = f"{name}.drop_duplicates({time_col!r}), or name the column of keys with id_col="
    else:
        once = f"{name}.drop_duplicates({[id_col, time_col]})"
    table = f"{name}.set_index({time_col!r})" if ids is None else ""
    return Rows(name, index, offsets, ids, order, once, table)


def series_and_stamps(
    data: Any, id_col: Any, time_col: Any, name: str
) -> tuple[np.ndarray, pd.Index | None, Any]:
    """The number of each row's series, the keys of the series, and the stamps."""
    if isinstance(data.index, pd.MultiIndex):
        stamps = as_dates(data.index.get_level_values(-1))
        _check_last_level(data.index, stamps, name)
        return *_keys_of_levels(data.index, name), stamps
    stamps = _stamps(data[time_col], f"{name}[{time_col!r}]")
    if id_col is None:
        return np.zeros(len(data), dtype=np.int64), None, stamps
    codes, keys = pd.factorize(data[id_col])
    _check_keys(codes, f"Column {id_col!r} of {name}")
    return codes, plain_labels(pd.Index(keys, name=id_col)), stamps


def _stamps(column: pd.Series, name: str) -> pd.Index:
    """The stamps in a column; dates that are kept as objects or ISO text are converted."""
    if not pd.api.types.is_string_dtype(column.dtype) and column.dtype != object:
        return as_dates(pd.Index(column))
    kind = pd.api.types.infer_dtype(column)
    if kind not in ("string", "date", "datetime", "datetime64"):
        return pd.Index(column)
    try:
        form = "ISO8601" if kind == "string" else None
        stamps = pd.DatetimeIndex(pd.to_datetime(column, errors="coerce", format=form))
    except ValueError as error:
        raise ValueError(_several_zones(name)) from error
    bad = stamps.isna() & column.notna().to_numpy()
    if bad.any():
        row = int(np.argmax(bad))
        if isinstance(column.iloc[row], datetime):
            raise ValueError(_several_zones(name))
        raise ValueError(
            f"{name} has {column.iloc[row]!r} in row {row}, which is no date as in 2024-12-31 "
            f"({int(bad.sum())} of {len(bad)}); parse them: {name} = pd.to_datetime({name}, "
            "format=...)."
        )
    return stamps


def _several_zones(name: str) -> str:
    return (
        f"{name} has stamps of several time zones, or some without one; bring them to one: {name} "
        f"= pd.to_datetime({name}, utc=True)."
    )


def _check_last_level(index: pd.MultiIndex, stamps: pd.Index, name: str) -> None:
    """Refuse an index whose last level, of these stamps, tells no time where another one does."""
    names = [str(level).lower() for level in index.names]
    if names[-1] in _WITHIN and not {*names[:-1]}.isdisjoint(_BEGINS_AGAIN):
        raise TypeError(
            f"{name} has the levels {list(index.names)}, of which the last begins again and again; "
            "make one date of those that tell the time, such as pd.PeriodIndex.from_fields(year="
            "..., month=..., freq='M') or date + pd.to_timedelta(hour, 'h')."
        )
    for place, level in enumerate(index.levels[:-1]):
        dates = isinstance(level, pd.DatetimeIndex | pd.PeriodIndex)
        if dates and not tells_time(stamps):
            raise TypeError(
                f"{name} must have time as the last level of its index; it is level {place} "
                f"({level.name!r}): {name} = {name}.swaplevel({place}, -1)."
            )


def _keys_of_levels(index: pd.MultiIndex, name: str) -> tuple[np.ndarray, pd.Index]:
    """Series are told apart by all levels but the last."""
    for level, places in zip(index.levels[:-1], index.codes[:-1], strict=True):
        _check_keys(places, f"Level {level.name!r} of the index of {name}")
    key = np.asarray(index.codes[0])
    for level, places in zip(index.levels[1:-1], index.codes[1:-1], strict=True):
        key = key.astype(np.int64) * len(level) + places
    # Numbers in the order of their first rows; those of sorted levels often are, and are short.
    codes = key if _counts_up(key) else pd.factorize(key)[0]
    first = np.append(0, np.flatnonzero(np.diff(np.maximum.accumulate(codes))) + 1)
    return codes, plain_labels(index[first].droplevel(-1))


def _counts_up(key: np.ndarray) -> bool:
    """Whether the numbers begin at 0 and never go up by more than 1, nor down."""
    step = np.diff(key)
    return key[0] == 0 and bool(((step == 0) | (step == 1)).all())


def _check_keys(codes: np.ndarray, where: str) -> None:
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        raise ValueError(
            f"{where} is missing in row {row} ({int((codes < 0).sum())} missing in all); a row "
            "must say which series it belongs to."
        )


def _sorted(codes: np.ndarray, ticks: np.ndarray) -> np.ndarray:
    """The rows series by series, each in the order of time."""
    order = np.argsort(ticks)
    for shift in (0, 16):  # a stable sort of 16 bits counts: quick
        part = (codes >> shift).astype(np.uint16)
        if part.any():
            order = order[np.argsort(part[order], kind="stable")]
    return order


def _in_order(codes: np.ndarray, ticks: np.ndarray) -> bool:
    """Whether series follow each other, each in the order of time; their numbers count up."""
    step = np.diff(codes)
    return bool(((step > 0) | ((step == 0) & (ticks[1:] > ticks[:-1]))).all())
