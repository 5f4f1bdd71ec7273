"""The held-out end of a series, forecast as it would have been at the time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tsrnn import RNNForecaster
from tsrnn.baselines import season_length, seasonal_naive
from tsrnn.cli.words import counted

__all__ = ["Backtest", "run_backtest"]


@dataclass(frozen=True)
class Backtest:
    """Forecasts of the held-out end of a series, and the naive ones beside them.

    Attributes
    ----------
    cell : str
        The cell of the network that was fitted.
    rows_before : int
        The number of rows it was fitted on: those before the held-out ones.
    season : int
        The season of the naive forecast, in rows; 1 where there is none.
    forecasts : list of Series of length horizon
        One a block, in order.
    truth, naive : ndarray of shape (blocks * horizon,)
        What came, NaN where nothing is known, and the naive forecast of it.
    """

    cell: str
    rows_before: int
    season: int
    forecasts: list[pd.Series]
    truth: np.ndarray
    naive: np.ndarray


def run_backtest(forecaster: RNNForecaster, series: pd.Series, blocks: int) -> Backtest:
    """Hold out blocks of ``horizon`` rows at the end of a series and forecast them.

    ``forecaster`` is fitted once, on the rows before the first block. It then forecasts each
    block from all rows before that block, and so does the seasonal naive.

    Parameters
    ----------
    forecaster : RNNForecaster
        Fitted here.
    series : Series
        The whole series. Missing values are filled as ``forecaster.missing`` says, from what
        lies before each block only.
    blocks : int
        How many blocks to hold out, at least 1.

    Returns
    -------
    Backtest
        The forecasts, the naive ones, and what came.

    Raises
    ------
    ValueError
        If too few rows are left to fit on, none of the others has a value, or the series is not
        one that ``fit`` takes.
    """
    horizon, rows = forecaster.horizon, len(series)
    before = rows - blocks * horizon
    options = f"--backtest {blocks} with --horizon {horizon}"
    held_out = f"{options} holds out {counted(blocks * horizon, 'row')}"
    if before < 1:
        raise ValueError(
            f"{counted(rows, 'row')}; {held_out}, which leaves none to fit on; a smaller --horizon "
            "holds out fewer, --backtest 0 none"
        )
    if series.iloc[before:].isna().all():
        raise ValueError(f"{held_out}, without any value; --backtest 0 leaves this out")
    try:
        forecaster.fit(series.iloc[:before])
    except ValueError as error:
        raise ValueError(f"{error} ({counted(rows, 'row')}, of which {held_out})") from error
    histories = [series.iloc[:origin] for origin in range(before, rows, horizon)]
    forecasts = [forecaster.predict(history=history) for history in histories]
    season = season_length(getattr(forecasts[0].index, "freqstr", None))
    season = season if season <= before else 1
    naive = [
        seasonal_naive(_filled(history, forecaster.missing), horizon, season)
        for history in histories
    ]
    return Backtest(
        cell=forecaster.cell,
        rows_before=before,
        season=season,
        forecasts=forecasts,
        truth=series.iloc[before:].to_numpy(),
        naive=np.concatenate(naive),
    )


def _filled(history: pd.Series, how: str) -> np.ndarray:
    """The values that the forecaster reads, missing ones filled."""
    known = history.interpolate() if how == "interpolate" else history.ffill()
    return known.bfill().to_numpy()
