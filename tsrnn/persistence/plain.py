"""Values as JSON, and back: a closed list of types.

What JSON has itself is written as it is. Everything else becomes an object with its kind under
"$", and is built again by the one function for that kind, which is handed nothing but fields of the
right types. Both functions for a kind stand side by side, pandas' kinds in `pandas_values`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from tsrnn.persistence.times import zone_from_plain, zone_to_plain

_KIND = "$"
_BARE = {str, int, bool, type(None)}  # what is the same in JSON
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_GENERATOR, _GENERATOR_WORDS = "MT19937", 624  # the one that RandomState is made of by default
_MICROSECOND = dt.timedelta(microseconds=1)
# What Python, NumPy, pandas and the functions here raise when an argument is wrong.
_WRONG = (
    *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
    *(NotImplementedError, OSError),
)

_READERS: dict[str, tuple[dict[str, type], Callable[..., Any]]] = {}


class ModelFileError(ValueError):
    """A file holds no model that this version of tsrnn can read."""


@singledispatch
def to_plain(value: Any) -> Any:
    """Describe a value by what JSON has.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, list, tuple, dict with str as keys; NumPy's scalars, which
        become Python's; dates and times of Python and pandas; an Index of any kind but intervals
        and timedeltas; CategoricalDtype; pandas' offsets; a RandomState.

    Returns
    -------
    None, bool, int, float, str, list or dict
        What `from_plain` makes the value of again.

    Raises
    ------
    TypeError
        If the value, or something in it, is of another type.

    Examples
    --------
    >>> to_plain({"level": float("inf"), "labels": ("a", 1)})
    {'level': {'$': 'float', 'value': 'inf'}, 'labels': {'$': 'tuple', 'items': ['a', 1]}}
    """
    raise TypeError(f"{value!r:.80} is of type {type(value).__name__}, which cannot be saved.")


def from_plain(plain: Any) -> Any:
    """The value that `to_plain` described.

    Parameters
    ----------
    plain : None, bool, int, float, str, list or dict
        What `to_plain` gave, or anything else that came out of a file.

    Returns
    -------
    object
        The value.

    Raises
    ------
    ModelFileError
        If it describes no value.

    Examples
    --------
    >>> from_plain({"$": "tuple", "items": ["a", {"$": "float", "value": "inf"}]})
    ('a', inf)
    """
    try:
        return _value(plain)
    except ModelFileError:
        raise
    except RecursionError as error:
        raise ModelFileError("holds facts that are nested too deeply.") from error
    except _WRONG as error:
        kind = plain[_KIND] if isinstance(plain, dict) else type(plain).__name__
        raise ModelFileError(f"holds a {kind!s:.80} that cannot be: {error!s:.500}.") from error


def _value(plain: Any) -> Any:
    if type(plain) in _BARE:
        return plain
    if type(plain) is float:
        if not math.isfinite(plain):
            raise ValueError("a number is too large")
        return plain
    if type(plain) is list:
        return _value_list(plain)
    if type(plain) is not dict:
        raise TypeError("it is not JSON")
    if _KIND not in plain:
        return {key: from_plain(member) for key, member in plain.items()}
    return _tagged_value(plain)


def _tagged_value(plain: dict) -> Any:
    expected, read = _READERS[plain[_KIND]]
    fields = {key: member for key, member in plain.items() if key != _KIND}
    if fields.keys() != expected.keys():
        raise ValueError(f"it needs {', '.join(expected)}, and has {', '.join(fields)}")
    for name, kind in expected.items():
        if kind is not object and type(fields[name]) is not kind:
            raise TypeError(f"{name} must be {kind.__name__}, not {fields[name]!r:.80}")
    return read(**fields)


def reader(kind: str, **fields: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function the one that builds values of a kind, from fields of these JSON types."""

    def register(read: Callable[..., Any]) -> Callable[..., Any]:
        _READERS[kind] = fields, read
        return read

    return register


def tagged(kind: str, **fields: Any) -> dict[str, Any]:
    """The description of a value that JSON does not have."""
    return {_KIND: kind, **fields}


# What JSON has


@to_plain.register(type(None))
@to_plain.register(bool)
def _(value: Any) -> Any:
    return value


@to_plain.register
def _(value: str) -> str:
    return str(value)


@to_plain.register(int)
@to_plain.register(np.integer)
def _(value: Any) -> int:
    return int(value)


@to_plain.register
def _(value: np.bool_) -> bool:
    return bool(value)


@to_plain.register(list)
def list_to_plain(values: Any) -> list:
    """The members of anything that can be walked through."""
    if set(map(type, values)) <= _BARE:
        return list(values)
    return [to_plain(value) for value in values]


def _value_list(plain: list) -> list:
    if set(map(type, plain)) <= _BARE:
        return plain
    return [from_plain(member) for member in plain]


# Numbers, tuples, dicts


@to_plain.register(float)
@to_plain.register(np.floating)
def _(value: Any) -> Any:
    number = float(value)
    return number if math.isfinite(number) else tagged("float", value=str(number))


@reader("float", value=str)
def _(value: str) -> float:
    return _FLOATS[value]


@to_plain.register
def _(value: tuple) -> dict:
    return tagged("tuple", items=list_to_plain(value))


@reader("tuple", items=list)
def _(items: list) -> tuple:
    return tuple(_value_list(items))


@to_plain.register
def _(value: dict) -> dict:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"A dict with key {key!r:.80} cannot be saved: keys must be str.")
    members = {str(key): to_plain(member) for key, member in value.items()}
    return tagged("dict", items=members) if _KIND in members else members


@reader("dict", items=dict)
def _(items: dict) -> dict:
    return {key: from_plain(member) for key, member in items.items()}


# Dates and times


@to_plain.register
def _(value: dt.date) -> dict:
    return tagged("date", value=value.isoformat())


@reader("date", value=str)
def _(value: str) -> dt.date:
    return dt.date.fromisoformat(value)


@to_plain.register
def _(value: dt.time) -> dict:
    if value.tzinfo is not None:
        raise TypeError(f"{value!r} cannot be saved: it has a time zone, but no date.")
    return tagged("time", value=value.isoformat())


@reader("time", value=str)
def _(value: str) -> dt.time:
    return dt.time.fromisoformat(value)


@to_plain.register
def _(value: dt.datetime) -> dict:
    zone = zone_to_plain(value.tzinfo)
    clock = value.replace(tzinfo=None, fold=0).isoformat()
    return tagged("datetime", value=clock, fold=value.fold, tz=zone)


@reader("datetime", value=str, fold=int, tz=object)
def _(value: str, fold: int, tz: Any) -> dt.datetime:
    return dt.datetime.fromisoformat(value).replace(fold=fold, tzinfo=zone_from_plain(tz))


@to_plain.register
def _(value: dt.timedelta) -> dict:
    return tagged("timedelta", microseconds=value // _MICROSECOND)


@reader("timedelta", microseconds=int)
def _(microseconds: int) -> dt.timedelta:
    return microseconds * _MICROSECOND


# Random numbers


@to_plain.register
def _(value: np.random.RandomState) -> dict:
    state: dict[str, Any] = dict(value.get_state(legacy=False))
    if state["bit_generator"] != _GENERATOR:
        raise TypeError(f"A RandomState of {state['bit_generator']} cannot be saved.")
    return tagged(
        "RandomState",
        key=state["state"]["key"].tolist(),
        pos=int(state["state"]["pos"]),
        has_gauss=int(state["has_gauss"]),
        gauss=float(state["gauss"]),
    )


@reader("RandomState", key=list, pos=int, has_gauss=int, gauss=float)
def _(key: list, pos: int, has_gauss: int, gauss: float) -> np.random.RandomState:
    words = [word for word in key if type(word) is int and 0 <= word < 2**32]
    # NumPy would read beyond its memory at any other position.
    if not len(words) == len(key) == _GENERATOR_WORDS or not 0 <= pos <= _GENERATOR_WORDS:
        raise ValueError(f"it has {len(key)} words, of which {len(words)} fit, and pos {pos}")
    if has_gauss not in (0, 1) or not math.isfinite(gauss):
        raise ValueError(f"has_gauss is {has_gauss} and gauss {gauss}")
    state = np.random.RandomState(0)
    state.set_state((_GENERATOR, np.array(key, dtype=np.uint32), pos, has_gauss, gauss))
    return state
