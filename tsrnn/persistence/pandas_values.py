"""pandas' part of `to_plain` and `from_plain`: stamps, periods, offsets, every kind of Index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tsrnn.persistence.plain import from_plain, list_to_plain, reader, tagged, to_plain
from tsrnn.persistence.times import (
    LONGEST_NAME,
    offset_from_plain,
    offset_to_plain,
    zone_from_plain,
    zone_to_plain,
)

_UNITS = ("s", "ms", "us", "ns")
_MISSING = {"NaT": pd.NaT, "NA": pd.NA}
_DTYPES = {
    *(f"{kind}{bits}" for kind in ("int", "uint", "Int", "UInt") for bits in (8, 16, 32, 64)),
    *(f"{kind}{bits}" for kind in ("float", "Float") for bits in (32, 64)),
    *("bool", "boolean", "object", "str", "string"),
}

# Single values


@to_plain.register(type(pd.NaT))
@to_plain.register(type(pd.NA))
def _(value: Any) -> dict:
    return tagged("missing", value="NaT" if value is pd.NaT else "NA")


@reader("missing", value=str)
def _(value: str) -> Any:
    return _MISSING[value]


@to_plain.register
def _(value: pd.Timestamp) -> dict:
    ticks, zone = int(value.asm8.view(np.int64)), zone_to_plain(value.tzinfo)
    return tagged("Timestamp", ticks=ticks, unit=value.unit, tz=zone)


@reader("Timestamp", ticks=int, unit=str, tz=object)
def _(ticks: int, unit: str, tz: Any) -> pd.Timestamp:
    stamp, zone = pd.Timestamp(np.datetime64(ticks, _unit(unit))), _zone(tz)
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


@to_plain.register
def _(value: pd.Timedelta) -> dict:
    return tagged("Timedelta", ticks=int(value.asm8.view(np.int64)), unit=value.unit)


@reader("Timedelta", ticks=int, unit=str)
def _(ticks: int, unit: str) -> pd.Timedelta:
    return pd.Timedelta(np.timedelta64(ticks, _unit(unit)))


@to_plain.register
def _(value: pd.Period) -> dict:
    return tagged("Period", ordinal=value.ordinal, freq=value.freqstr)


@reader("Period", ordinal=int, freq=str)
def _(ordinal: int, freq: str) -> pd.Period:
    return pd.Period(ordinal=ordinal, freq=_period_dtype(freq).freq)


@to_plain.register
def _(value: pd.offsets.BaseOffset) -> dict:
    return tagged("offset", items=to_plain(offset_to_plain(value)))


@reader("offset", items=dict)
def _(items: dict) -> pd.offsets.BaseOffset:
    return offset_from_plain(from_plain(items))


@to_plain.register
def _(value: pd.CategoricalDtype) -> dict:
    categories: Any = value.categories  # None before any are known
    plain = None if categories is None else to_plain(categories)
    return tagged("CategoricalDtype", categories=plain, ordered=value.ordered)


@reader("CategoricalDtype", categories=object, ordered=object)
def _(categories: Any, ordered: Any) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(None if categories is None else _index(categories), ordered)


# Every kind of Index


@to_plain.register
def _(value: pd.Index) -> dict:
    labels, dtype = value.tolist(), value.dtype
    # A dtype that pandas finds by itself is left to it: pandas 3 has another one for text.
    own = None if _labelled(labels, None, None).dtype == dtype else dtype.name
    if own is not None and own not in _DTYPES:
        raise TypeError(f"An Index of dtype {dtype} cannot be saved.")
    return tagged("Index", labels=list_to_plain(labels), dtype=own, name=to_plain(value.name))


@reader("Index", labels=list, dtype=object, name=object)
def _(labels: list, dtype: Any, name: Any) -> pd.Index:
    if dtype is not None and dtype not in _DTYPES:
        raise ValueError(f"dtype {dtype!r:.80} is not known")
    values = from_plain(labels)
    hash(tuple(values))  # raises TypeError for what is no label
    return _labelled(values, dtype, from_plain(name))


def _labelled(labels: list, dtype: Any, name: Any) -> pd.Index:
    return pd.Index(labels, dtype=dtype, name=name, tupleize_cols=False)


@to_plain.register
def _(value: pd.RangeIndex) -> dict:
    bounds = {"start": value.start, "stop": value.stop, "step": value.step}
    return tagged("RangeIndex", **bounds, name=to_plain(value.name))


@reader("RangeIndex", start=int, stop=int, step=int, name=object)
def _(start: int, stop: int, step: int, name: Any) -> pd.RangeIndex:
    np.array([start, stop, step], dtype=np.int64)  # raises OverflowError for what does not fit
    return pd.RangeIndex(start, stop, step, name=from_plain(name))


@to_plain.register
def _(value: pd.DatetimeIndex) -> dict:
    return tagged(
        "DatetimeIndex",
        ticks=value.asi8.tolist(),
        unit=value.unit,
        tz=zone_to_plain(value.tz),
        freq=to_plain(value.freq) if _keeps_frequency(value) else None,
        name=to_plain(value.name),
    )


def _keeps_frequency(index: pd.DatetimeIndex) -> bool:
    """Whether pandas takes stamps and frequency when they are handed in again.

    It does not always: where a change to summer time moved the first stamp, for example.
    """
    if index.freq is None:
        return False
    try:
        pd.DatetimeIndex(_stamps(index.asi8, index.unit, index.tz), freq=index.freq)
    except ValueError:
        return False
    return True


@reader("DatetimeIndex", ticks=list, unit=str, tz=object, freq=object, name=object)
def _(ticks: list, unit: str, tz: Any, freq: Any, name: Any) -> pd.DatetimeIndex:
    stamps = _stamps(_whole(ticks), _unit(unit), _zone(tz)).rename(from_plain(name))
    if freq is None:
        return stamps
    offset = from_plain(freq)
    if not isinstance(offset, pd.offsets.BaseOffset):
        raise TypeError(f"freq is {offset!r:.80}")
    return pd.DatetimeIndex(stamps, freq=offset)


def _stamps(ticks: np.ndarray, unit: str, zone: Any) -> pd.DatetimeIndex:
    stamps = pd.DatetimeIndex(ticks.view(f"M8[{unit}]"))
    return stamps if zone is None else stamps.tz_localize("UTC").tz_convert(zone)


@to_plain.register
def _(value: pd.PeriodIndex) -> dict:
    ordinals = value.asi8.tolist()
    return tagged("PeriodIndex", ordinals=ordinals, freq=value.freqstr, name=to_plain(value.name))


@reader("PeriodIndex", ordinals=list, freq=str, name=object)
def _(ordinals: list, freq: str, name: Any) -> pd.PeriodIndex:
    periods: Any = pd.PeriodIndex  # whose hints do not know this constructor yet
    dtype = _period_dtype(freq)
    return periods.from_ordinals(_whole(ordinals), freq=dtype.freq, name=from_plain(name))


@to_plain.register
def _(value: pd.CategoricalIndex) -> dict:
    dtype, name = to_plain(value.dtype), to_plain(value.name)
    return tagged("CategoricalIndex", codes=value.codes.tolist(), dtype=dtype, name=name)


@reader("CategoricalIndex", codes=list, dtype=dict, name=object)
def _(codes: list, dtype: dict, name: Any) -> pd.CategoricalIndex:
    kind = from_plain(dtype)
    if not isinstance(kind, pd.CategoricalDtype):
        raise TypeError(f"dtype is {kind!r:.80}")
    values = pd.Categorical.from_codes(_whole(codes), dtype=kind)
    return pd.CategoricalIndex(values, name=from_plain(name))


@to_plain.register
def _(value: pd.MultiIndex) -> dict:
    used = value.remove_unused_levels()
    return tagged(
        "MultiIndex",
        levels=[to_plain(level) for level in used.levels],
        codes=[codes.tolist() for codes in used.codes],
        names=list_to_plain(value.names),
    )


@reader("MultiIndex", levels=list, codes=list, names=list)
def _(levels: list, codes: list, names: list) -> pd.MultiIndex:
    # Any, since the hints ask for Python's sequences
    indexes: Any = [_index(each) for each in levels]
    numbers: Any = [_whole(each) for each in codes]
    return pd.MultiIndex(indexes, numbers, names=from_plain(names))


@to_plain.register(pd.TimedeltaIndex)
@to_plain.register(pd.IntervalIndex)
def _(value: pd.Index) -> Any:
    raise TypeError(f"A {type(value).__name__} cannot be saved.")


# What several kinds are made of


def _unit(unit: str) -> Any:
    if unit not in _UNITS:
        raise ValueError(f"unit {unit!r:.80} is not known")
    return unit


def _zone(plain: Any) -> Any:
    """The zone as pandas itself makes it of a name: one of pytz in pandas 2."""
    zone = zone_from_plain(plain)  # first, since pandas would also open any file it is named
    return pd.DatetimeTZDtype("ns", plain).tz if type(plain) is str else zone


def _period_dtype(freq: str) -> Any:
    if len(freq) > LONGEST_NAME:
        raise ValueError(f"freq {freq!r:.80} is not known")
    return pd.PeriodDtype(freq)


def _whole(numbers: Any) -> np.ndarray:
    """Whole numbers as int64."""
    if type(numbers) is not list or not set(map(type, numbers)) <= {int}:
        raise TypeError(f"{numbers!r:.80} are no whole numbers")
    return np.array(numbers, dtype=np.int64)


def _index(plain: Any) -> pd.Index:
    index = from_plain(plain)
    if not isinstance(index, pd.Index) or isinstance(index, pd.MultiIndex):
        raise TypeError(f"{index!r:.80} is no Index of one level")
    return index
