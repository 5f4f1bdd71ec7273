"""Real series to try things on."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pandas as pd


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


def load_interstate_traffic() -> pd.Series:
    """Cars an hour on Interstate 94 near Minneapolis, October 2016 to September 2018.

    Counted westbound at station 301 of the Minnesota Department of Transportation, between
    Minneapolis and St Paul; the seasons are a day and a week. The file comes with the package
    AutoTS, which is not imported.

    104 of the 17520 hours were not recorded, mostly single ones and at most 9 in a row; they are
    filled in on a straight line between their neighbours. Stamps are local time without a zone:
    the two hours that the changes to summer time skip are among those filled in, and of the two
    that the changes back repeat, one count is kept.

    Returns
    -------
    Series of float64, shape (17520,)
        Named "traffic_volume", indexed by the hour.

    Raises
    ------
    ImportError
        Without AutoTS: ``pip install "tsrnn[examples]"``.

    References
    ----------
    J. Hogue, Metro Interstate Traffic Volume, UCI Machine Learning Repository, 2019,
    https://doi.org/10.24432/C5X60B, licence CC BY 4.0.

    Examples
    --------
    >>> load_interstate_traffic().head(2)  # doctest: +SKIP
    datetime
    2016-10-01 00:00:00    1195.0
    2016-10-01 01:00:00     776.0
    Freq: h, Name: traffic_volume, dtype: float64
    """
    package = find_spec("autots")
    if package is None or package.origin is None:
        raise ImportError('this series comes with AutoTS: pip install "tsrnn[examples]"')
    file = Path(package.origin).parent / "datasets" / "data" / "traffic_hourly.zip"
    table = pd.read_csv(file, index_col="datetime", parse_dates=True)
    return table["traffic_volume"].asfreq("h").interpolate()
