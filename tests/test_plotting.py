"""The picture of a forecast: what is drawn, how it is named, and that nothing global changes."""

import builtins
import subprocess
import sys

import matplotlib.dates
import numpy as np
import pandas as pd
import pytest

from tsrnn.plotting import picture_formats, plot_forecast

HORIZON = 12


def a_series(index):
    return pd.Series(np.arange(len(index), dtype=float), index, name="load")


def parts(index, blocks=2):
    """A series, the forecast of what follows, and forecasts of its last ``blocks`` blocks."""
    whole = a_series(index)
    series, forecast = whole.iloc[:-HORIZON], whole.iloc[-HORIZON:]
    ends = range(len(series) - blocks * HORIZON, len(series), HORIZON)
    return series, forecast, [series.iloc[i : i + HORIZON] + 1 for i in ends]


def lines(figure):
    return {line.get_label(): line.get_xydata() for line in figure.axes[0].lines}


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_draws_history_held_out_truth_and_both_forecasts():
    series, forecast, held_out = parts(pd.RangeIndex(200, name="step"))
    figure = plot_forecast(series, forecast, held_out)
    drawn = lines(figure)
    assert legend(figure) == ["history", "held-out truth", "held-out forecast", "forecast"]
    # The last 60 of the 164 rows before the held-out ones, then those, joined to them.
    assert drawn["history"][:, 0].tolist() == list(range(104, 164))
    assert drawn["held-out truth"][:, 0].tolist() == list(range(163, 188))
    assert drawn["held-out forecast"].tolist() == [[i, i + 1] for i in range(164, 176)]
    assert drawn["forecast"].tolist() == [[i, i] for i in range(188, 200)]


def test_a_series_may_be_held_out_from_its_first_row_on():
    figure = plot_forecast(*parts(pd.RangeIndex(3 * HORIZON)))
    assert lines(figure)["held-out truth"][:, 0].tolist() == list(range(2 * HORIZON))


def test_without_held_out_rows_only_history_and_forecast():
    series, forecast, _ = parts(pd.RangeIndex(100))
    figure = plot_forecast(series, forecast)
    assert legend(figure) == ["history", "forecast"]
    assert figure.axes[0].get_xlabel() == "step"


def test_axes_have_the_names_of_the_series_and_its_index():
    axes = plot_forecast(*parts(pd.date_range("2020", periods=100, freq="MS", name="month"))).axes[
        0
    ]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("month", "load")


def test_nameless_axes_are_named_by_what_they_show():
    series, forecast, _ = parts(pd.date_range("2020", periods=100, freq="D"))
    axes = plot_forecast(series.rename(None), forecast).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time", "value")


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2020-01", periods=100, freq="MS"),
        pd.date_range("2020-03-20", periods=500, freq="h", tz="Europe/Berlin"),
        pd.period_range("2020-01", periods=100, freq="Q"),
    ],
    ids=["naive", "zone", "period"],
)
def test_dates_are_drawn_as_dates(index):
    figure = plot_forecast(*parts(index))
    figure.canvas.draw()
    axes = figure.axes[0]
    assert isinstance(axes.xaxis.get_major_formatter(), matplotlib.dates.ConciseDateFormatter)
    first = index[-HORIZON] if not isinstance(index, pd.PeriodIndex) else index[-HORIZON].start_time
    assert lines(figure)["forecast"][0, 0] == pytest.approx(matplotlib.dates.date2num(first))
    assert 4 <= len(axes.get_xticks()) <= 12


def test_ticks_are_in_the_time_zone_of_the_series():
    index = pd.date_range("2024-06-01", periods=96, freq="h", tz="Asia/Kolkata")
    series, forecast, _ = parts(index)
    figure = plot_forecast(series, forecast)
    midnights = [
        matplotlib.dates.num2date(tick, tz=index.tz) for tick in figure.axes[0].get_xticks()
    ]
    assert {tick.minute for tick in midnights} == {0}  # UTC midnights would be at half past


@pytest.mark.parametrize(("freq", "rows", "corner"), [("6h", 90, "2025"), ("h", 80, "23 Dec 2024")])
def test_days_are_written_alike_among_days_and_among_hours(freq, rows, corner):
    index = pd.date_range("2024-12-20", periods=rows, freq=freq)
    figure = plot_forecast(*parts(index, blocks=1))
    figure.canvas.draw()
    axis = figure.axes[0].xaxis
    assert "21 Dec" in [tick.get_text() for tick in axis.get_ticklabels()]
    assert axis.get_offset_text().get_text() == corner


def test_writes_a_file(tmp_path):
    path = tmp_path / "forecast.svg"
    plot_forecast(*parts(pd.RangeIndex(100))).savefig(path)
    assert "<svg" in path.read_text()


def test_what_is_no_series_is_refused():
    series, forecast = parts(pd.RangeIndex(100))[:2]
    with pytest.raises(TypeError, match="not of type DataFrame; of a frame, draw one column"):
        plot_forecast(series.to_frame(), forecast)
    with pytest.raises(TypeError, match="not of type ndarray"):
        plot_forecast(series, forecast.to_numpy())


def test_formats():
    assert {"png", "pdf", "svg"} <= set(picture_formats())


def test_touches_neither_pyplot_nor_the_settings():
    program = (
        "import sys, matplotlib, pandas as pd\n"
        "from tsrnn.plotting import plot_forecast\n"
        "settings = matplotlib.rcParams.copy()  # dict() would choose a backend\n"
        "y = pd.Series([1.0, 2.0, 3.0])\n"
        "plot_forecast(y[:2], y[2:]).canvas.draw()\n"
        "assert matplotlib.rcParams.copy() == settings\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    real_import = builtins.__import__

    def no_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    with pytest.raises(ImportError, match=r'pip install "tsrnn\[plot\]"'):
        plot_forecast(*parts(pd.RangeIndex(100)))
