"""What ``tsrnn forecast`` prints: the series, the error on its held-out end, the forecast."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from tsrnn.cli.backtest import Backtest
from tsrnn.cli.words import counted
from tsrnn.metrics import mae, mape, rmse

__all__ = ["report"]

_FORECAST_ROWS = 24  # a longer forecast is abridged on the screen


def report(series: pd.Series, backtest: Backtest | None, forecast: pd.Series) -> str:
    """The text to print: one paragraph each on series, error and forecast.

    Parameters
    ----------
    series : Series
        What was forecast.
    backtest : Backtest or None
        Forecasts of its held-out end; None leaves the paragraph out.
    forecast : Series
        What follows ``series``.

    Returns
    -------
    str
        Without a line break at its end.
    """
    stamps = _stamps(series.index)
    paragraphs = [f"{series.name}: {counted(len(series), 'row')}, {stamps[0]} to {stamps[-1]}"]
    if backtest:
        paragraphs.append(_error_table(backtest))
    paragraphs.append(_forecast_table(forecast))
    return "\n\n".join(paragraphs)


def _error_table(backtest: Backtest) -> str:
    there, blocks = ~np.isnan(backtest.truth), len(backtest.forecasts)
    truth = backtest.truth[there]
    in_blocks = f" in {blocks} blocks" if blocks > 1 else ""
    fitted = f"fitted on the {backtest.rows_before} before"
    known = f" ({len(truth)} of them known)" if len(truth) < len(there) else ""
    last = "last row" if len(there) == 1 else f"last {len(there)} rows"
    title = f"Error on the {last}{known}{in_blocks}, {fitted}"
    naive = (
        f"seasonal naive ({backtest.season})" if backtest.season > 1 else "last value (no season)"
    )
    relative = (truth != 0).all()  # a percentage of zero means nothing
    write = _number_format(truth)
    rows = [["", "MAE", "MAPE" if relative else "RMSE"]]
    ours = np.concatenate([block.to_numpy() for block in backtest.forecasts])
    for name, values in ((backtest.cell.upper(), ours), (naive, backtest.naive)):
        forecast = values[there]
        second = f"{mape(truth, forecast):.2f} %" if relative else write(rmse(truth, forecast))
        rows.append([name, write(mae(truth, forecast)), second])
    return f"{title}\n{_table(rows)}"


def _forecast_table(forecast: pd.Series) -> str:
    write = _number_format(forecast.to_numpy())
    stamps = _stamps(forecast.index)
    rows = [[stamp, write(value)] for stamp, value in zip(stamps, forecast, strict=True)]
    if len(rows) > _FORECAST_ROWS:
        half = _FORECAST_ROWS // 2
        rows[half:-half] = [["...", "..."]]
    stamp = forecast.index.name
    return _table([["time" if stamp is None else str(stamp), str(forecast.name)], *rows])


def _stamps(index: pd.Index) -> list[str]:
    return list(index.astype(str))


def _number_format(values: np.ndarray) -> Callable[[float], str]:
    """How to write numbers of this size: with four figures of the largest."""
    largest = float(np.abs(values).max())
    decimals = 3 - math.floor(math.log10(largest)) if largest > 0 else 1
    return lambda value: f"{value:.{min(max(decimals, 0), 12)}f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns, two blanks apart: the first flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
