"""The forecast every other one has to beat: the last season once more."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tsrnn.counts import check_count

__all__ = ["season_length", "seasonal_naive"]

# Steps in a season of each of pandas' frequency names: a year of months, quarters and weeks, a
# week of days, a day of anything shorter.
_STEPS = {
    **dict.fromkeys(["Q", "QE", "QS", "BQE", "BQS"], 4),
    **dict.fromkeys(["M", "ME", "MS", "BME", "BMS", "CBME", "CBMS", "WOM", "LWOM"], 12),
    **dict.fromkeys(["SME", "SMS"], 24),
    "W": 52,
    "D": 7,
    **dict.fromkeys(["B", "C"], 5),
    "h": 24,
    "min": 24 * 60,
    "s": 24 * 60 * 60,
    "H": 24,  # these three as older versions of pandas write them
    "T": 24 * 60,
    "S": 24 * 60 * 60,
}
# What a season of each is a step of.
_LONGER = {"D": "W"} | dict.fromkeys(["h", "min", "s", "H", "T", "S"], "D")


def season_length(freq: str | None) -> int:
    """The number of steps after which a series of this frequency usually repeats.

    Parameters
    ----------
    freq : str or None
        A frequency as pandas writes it, such as ``index.freqstr``.

    Returns
    -------
    int
        12 for months, 4 for quarters, 52 for weeks, 7 for days, 5 for business days, 24 for
        hours, 48 for half-hours, and so on; 1 (no season) for years, for no frequency, and where
        the season is not a whole number of steps.

    Raises
    ------
    TypeError
        If ``freq`` is no text.

    Examples
    --------
    >>> season_length("MS"), season_length("W-SUN"), season_length("30min"), season_length(None)
    (12, 52, 48, 1)
    """
    if not isinstance(freq, str | None):
        raise TypeError(f"freq is a name, such as 'MS' or index.freqstr, not {freq!r}.")
    parts = re.match(r"(\d*)([A-Za-z]+)", freq or "")
    months = re.fullmatch(r"<(?:(\d+) \* )?DateOffsets?: (?:day=\d+, )?months=(\d+)>", freq or "")
    if parts is not None:
        unit, count = parts[2], int(parts[1] or 1)
    elif months is not None:  # on any day of the month
        unit, count = "M", int(months[1] or 1) * int(months[2])
    else:
        return 1
    season = Fraction(_STEPS.get(unit, 1), count)
    if season.numerator == 1 and unit in _LONGER:  # steps as long as seasons have one of their own
        return season_length(f"{season.denominator}{_LONGER[unit]}")
    return int(season) if season.denominator == 1 else 1


def seasonal_naive(values: ArrayLike, horizon: int, season: int = 1) -> NDArray[np.generic]:
    """Forecast by repeating the last season.

    Parameters
    ----------
    values : array-like of shape (rows,) or (rows, targets)
        The series up to the forecast, at least ``season`` rows of it.
    horizon : int
        How many steps to forecast.
    season : int, default 1
        Steps in a season; 1 repeats the last value.

    Returns
    -------
    ndarray of shape (horizon,) or (horizon, targets)
        Step ``k`` is the value one season before it, or the last such value that is known.

    Raises
    ------
    ValueError
        If ``horizon`` or ``season`` is below 1, ``values`` has fewer rows than ``season``, or one
        that is repeated is missing.
    TypeError
        If ``horizon`` or ``season`` is no whole number, or ``values`` are no numbers, or of several
        series, one below the other.

    References
    ----------
    Hyndman and Athanasopoulos (2021), "Forecasting: Principles and Practice", 3rd edition,
    section 5.2.

    Examples
    --------
    >>> seasonal_naive([1, 2, 3, 4, 5], horizon=4, season=3)
    array([3, 4, 5, 3])
    """
    if getattr(getattr(values, "index", None), "nlevels", 1) > 1:
        raise TypeError(
            "values has several series, one below the other (its index is a MultiIndex), and the "
            "last season would be the last one's; forecast each by itself: values.loc[key]."
        )
    known = np.atleast_1d(values)
    if known.dtype.kind not in "biuf":
        raise TypeError(
            f"values must hold real numbers, not dtype {known.dtype}; of a long frame take the "
            "target of one series."
        )
    horizon, season = (
        check_count("horizon", horizon, "steps"),
        check_count("season", season, "rows"),
    )
    if len(known) < season:
        raise ValueError(f"values has {len(known)} rows; season {season} needs at least {season}.")
    repeated = known[len(known) - season + np.arange(horizon) % season]
    if np.isnan(repeated).any():
        raise ValueError(f"values has missing ones among its last {season}; fill them first.")
    return repeated
