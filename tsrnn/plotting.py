"""A picture of a forecast. Needs matplotlib: ``pip install "tsrnn[plot]"``.

Figures are built without pyplot, so that nothing global is touched: no backend is chosen, no
window opens, and a web server or a script over ssh draws as well as a notebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["picture_formats", "plot_forecast"]

# Orange and blue that stay apart for colour-blind eyes (Okabe and Ito, 2008).
_HISTORY, _TRUTH, _HELD_OUT, _FORECAST = "0.6", "0.1", "#D55E00", "#0072B2"


def plot_forecast(
    series: pd.Series, forecast: pd.Series, held_out: Sequence[pd.Series] = ()
) -> Figure:
    """Draw the end of a series, the forecast of what follows, and forecasts of its held-out end.

    Of the rows before the held-out ones, the last five times as many as are forecast are drawn,
    and at least 48: enough to see the pattern, few enough to see the forecast.

    Parameters
    ----------
    series : Series of length rows
        The whole series, up to the first step of ``forecast``, with the index that
        ``RNNForecaster.fit`` takes. Its name names the vertical axis.
    forecast : Series of length horizon
        What follows ``series``.
    held_out : sequence of Series, default ()
        Forecasts of the end of ``series``, made without it: one Series a block, in order. From
        the first of their steps on, the series is drawn as held-out truth.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown anywhere; ``figure.savefig("forecast.png")`` writes it.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If one of them is no Series: of a frame, draw one column after the other.

    Examples
    --------
    >>> months = pd.period_range("2024-01", periods=14, freq="M")
    >>> sales = pd.Series(range(14), months, name="sales")
    >>> figure = plot_forecast(sales[:12], forecast=sales[12:])
    >>> figure.axes[0].get_ylabel()
    'sales'
    """
    for each in (series, forecast, *held_out):
        if not isinstance(each, pd.Series):
            raise TypeError(
                f"What is drawn is a Series, not of type {type(each).__name__}; of a frame, draw "
                "one column, of a panel one series after the other."
            )
    figure = _new_figure()
    axes = figure.add_subplot()
    n_held_out = sum(len(block) for block in held_out)
    known = series.iloc[: len(series) - n_held_out]
    _draw(axes, known.iloc[-max(5 * len(forecast), 48) :], "history", _HISTORY)
    if n_held_out:
        truth = series.iloc[max(0, len(known) - 1) :]  # from the last known value: no gap
        _draw(axes, truth, "held-out truth", _TRUTH)
    for number, block in enumerate(held_out):
        label = "_" if number else "held-out forecast"  # matplotlib leaves out what starts with _
        _draw(axes, block, label, _HELD_OUT, line="--", marker=".")
    _draw(axes, forecast, "forecast", _FORECAST, marker=".")
    _name_axes(axes, series)
    return figure


def picture_formats() -> list[str]:
    """The file formats a picture can be written in.

    Returns
    -------
    list of str
        What file names end in, without the dot, such as "png", "pdf" and "svg".

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> "png" in picture_formats()
    True
    """
    return sorted(_new_figure().canvas.get_supported_filetypes())


def _new_figure() -> Figure:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "tsrnn[plot]"') from error
    figure = Figure(figsize=(9, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw(
    axes: Axes, part: pd.Series, label: str, color: str, *, line: str = "-", marker: str = ""
) -> None:
    stamps = part.index
    if isinstance(stamps, pd.PeriodIndex):
        stamps = stamps.to_timestamp()
    axes.plot(
        stamps.to_numpy(),
        part.to_numpy(),
        label=label,
        color=color,
        linestyle=line,
        linewidth=1.4,
        marker=marker,
        markersize=4,
    )


def _name_axes(axes: Axes, series: pd.Series) -> None:
    """Say what both axes show, write dates readably, and place the legend off the lines."""
    dated = isinstance(series.index, pd.DatetimeIndex | pd.PeriodIndex)
    if dated:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        zone = getattr(series.index, "tz", None)
        locator = AutoDateLocator(tz=zone)
        axes.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator, tz=zone)
        formatter.formats[2] = "%d %b"  # days: a bare 15, as by default, is hard to tell as one
        formatter.zero_formats[3] = "%d %b"  # midnights among hours
        formatter.offset_formats[2:4] = "%Y", "%d %b %Y"
        axes.xaxis.set_major_formatter(formatter)
    stamp, value = series.index.name, series.name
    axes.set_xlabel(("time" if dated else "step") if stamp is None else str(stamp))
    axes.set_ylabel("value" if value is None else str(value))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
