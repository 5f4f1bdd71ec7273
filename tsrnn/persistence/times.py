"""Time zones and frequencies as plain values, and back."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from pandas.tseries.frequencies import to_offset

LONGEST_NAME = 200  # of a frequency; "REQ-N-JAN-MON-1" has fifteen letters
_SECOND = dt.timedelta(seconds=1)
# Offsets whose name alone does not say all, and what may be said of them besides.
_OFFSETS = (
    *("DateOffset", "Easter", "FY5253", "FY5253Quarter", "LastWeekOfMonth", "WeekOfMonth", "Week"),
    *("BusinessDay", "BusinessHour", "CustomBusinessDay", "CustomBusinessHour"),
    *("CustomBusinessMonthBegin", "CustomBusinessMonthEnd", "SemiMonthBegin", "SemiMonthEnd"),
    *("MonthBegin", "MonthEnd", "QuarterBegin", "QuarterEnd", "YearBegin", "YearEnd"),
    *("BusinessMonthBegin", "BusinessMonthEnd", "BQuarterBegin", "BQuarterEnd"),
    *("BYearBegin", "BYearEnd", "Day"),
)
_SPANS = ("year", "month", "week", "day", "hour", "minute", "second", "microsecond", "nanosecond")
_ARGUMENTS: dict[str, tuple[type, ...]] = {
    **{f"{span}s": (int, float) for span in _SPANS},
    **dict.fromkeys(_SPANS, (int,)),
    **dict.fromkeys(["weekday", "startingMonth", "qtr_with_extra_week"], (int,)),
    **dict.fromkeys(["day_of_month", "method"], (int,)),
    "variation": (str,),
    "weekmask": (str, list),
    "offset": (dt.timedelta,),
    "start": (tuple,),
    "end": (tuple,),
    "holidays": (list,),
}
_ELEMENTS = (int, dt.date, dt.time)


def zone_name(zone: dt.tzinfo | None) -> str | None:
    """What a time zone is called, whichever library made it; a fixed one by its offset."""
    if zone is None:
        return None
    told = _told(zone)
    return told if isinstance(told, str) else str(zone if told is None else dt.timezone(told))


def zone_to_plain(zone: dt.tzinfo | None) -> str | int | None:
    """The name of a time zone, or the seconds by which a fixed one is ahead of UTC."""
    if zone is None:
        return None
    ahead = _told(zone)
    if isinstance(ahead, str):
        return ahead
    if ahead is None or ahead % _SECOND:
        raise TypeError(
            f"Time zone {zone!r} cannot be saved, as it has no name; convert to one that has, for "
            'example with tz_convert("Europe/Berlin").'
        )
    return ahead // _SECOND


def _told(zone: dt.tzinfo) -> str | dt.timedelta | None:
    """The name of a time zone, or by how much a fixed one is ahead of UTC."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)  # of zoneinfo, of pytz
    return zone.utcoffset(None) if name is None else name


def zone_from_plain(plain: Any) -> dt.tzinfo | None:
    """The zone, as Python's own classes have it."""
    if plain is None:
        return None
    if type(plain) is int:
        return dt.timezone(dt.timedelta(seconds=plain))
    if type(plain) is not str:
        raise ValueError(f"{plain!r:.80} is no time zone")
    return ZoneInfo(plain)


def offset_to_plain(offset: Any) -> dict[str, Any]:
    """The name of a frequency where that says all, otherwise its class and arguments.

    The arguments still hold dates and times.
    """
    name = offset.freqstr
    if not hasattr(offset, "calendar") and _named(name) == offset:
        return {"name": name}
    arguments = {key: value for key, value in offset.kwds.items() if key != "calendar"}
    if "holidays" in arguments:
        arguments["holidays"] = [day.astype(object) for day in arguments["holidays"]]
    plain = {
        "class": type(offset).__name__,
        "n": offset.n,
        "normalize": offset.normalize,
        "arguments": arguments,
    }
    try:
        same = _same_offset(offset_from_plain(plain), offset)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Frequency {offset!r} cannot be saved: {error}.") from error
    if not same:
        raise TypeError(
            f"Frequency {offset!r} cannot be saved: pass weekmask and holidays to "
            f"{type(offset).__name__} rather than a calendar that has others."
        )
    return plain


def offset_from_plain(plain: dict[str, Any]) -> pd.offsets.BaseOffset:
    """What `offset_to_plain` was given."""
    match plain:
        case {"name": str(name)} if len(plain) == 1:
            offset = _named(name)
            if offset is None:
                raise ValueError(f"{name!r:.80} is no frequency that pandas {pd.__version__} knows")
            return offset
        case {"class": str(kind), "n": int(n), "normalize": bool(), "arguments": dict(arguments)}:
            if kind not in _OFFSETS:
                raise ValueError(f"{kind:.80} is no known kind of frequency")
            for key, value in arguments.items():
                _check_argument(key, value)
            return getattr(pd.offsets, kind)(n, normalize=plain["normalize"], **arguments)
    raise ValueError("it is no frequency")


def _named(name: str) -> pd.offsets.BaseOffset | None:
    if len(name) > LONGEST_NAME:
        return None
    try:
        return to_offset(name)
    except ValueError:
        return None


def _check_argument(key: str, value: Any) -> None:
    elements = value if isinstance(value, list | tuple) else ()
    known = type(value) in _ARGUMENTS.get(key, ())
    if not known or any(type(element) not in _ELEMENTS for element in elements):
        raise ValueError(f"{key:.80}={value!r:.80} is no argument of a frequency")


def _same_offset(one: pd.offsets.BaseOffset, other: pd.offsets.BaseOffset) -> bool:
    """Whether two offsets are equal, and so are their calendars, which pandas does not compare."""
    ours, theirs = getattr(one, "calendar", None), getattr(other, "calendar", None)
    if ours is None or theirs is None:
        return one == other
    days = ours.weekmask.tolist() == theirs.weekmask.tolist()
    return one == other and days and ours.holidays.tolist() == theirs.holidays.tolist()
