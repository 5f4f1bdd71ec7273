"""The command ``tsrnn forecast``: from a file to a forecast on the screen, in a file, in a picture.

Output files take the place of old ones only once they are whole.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

import pandas as pd

from tsrnn import RNNForecaster
from tsrnn.cli.backtest import Backtest, run_backtest
from tsrnn.cli.checking import with_all_steps
from tsrnn.cli.dialect import Dialect
from tsrnn.cli.reading import read_series
from tsrnn.cli.report import report
from tsrnn.cli.table import COMPRESSIONS
from tsrnn.cli.words import counted
from tsrnn.datasets import load_air_passengers
from tsrnn.persistence.replacing import check_replaceable, replacing
from tsrnn.plotting import picture_formats, plot_forecast
from tsrnn.training import InterruptionWarning

__all__ = ["run_forecast"]

_WRITING = [field.name for field in fields(Dialect)]
_GIVEN = [  # to the forecaster, under the same names
    "cell",
    "lookback",
    "horizon",
    "hidden_size",
    "max_epochs",
    "freq",
    "missing",
    "random_state",
]


def run_forecast(args: argparse.Namespace) -> None:
    """Run the command ``tsrnn forecast``."""
    _check_outputs(args)
    series = _series(args)
    with _ended_by_ctrl_c():
        # The backtest has fewer rows to fit on: if these are too few, that is said at once.
        backtest = _backtest(args, series) if args.backtest else None
        if args.verbose:
            _note(f"the fit for the forecast, on all {counted(len(series), 'row')}")
        forecast = _forecaster(args).fit(series).predict()
    if args.plot:
        figure = plot_forecast(series, forecast, backtest.forecasts if backtest else ())
        with replacing(args.plot) as file:
            figure.savefig(file, format=_picture_format(args.plot))
    text = report(series, backtest, forecast)
    if _is_stdout(args.out):  # for the next program, to which a report would be noise
        print(text, file=sys.stderr)
        _write(forecast, sys.stdout)
        return
    if args.out:
        with replacing(args.out) as file:
            _write(forecast, file, mode="wb", compression=_compression(args.out))
    print(text)


def _backtest(args: argparse.Namespace, series: pd.Series) -> Backtest:
    if args.verbose:
        held_out = args.backtest * args.horizon
        _note(f"the fit for the backtest, without the last {counted(held_out, 'row')}")
    return run_backtest(_forecaster(args), series, args.backtest)


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """A fit that is interrupted warns and keeps what it has learned: here that is of no use."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InterruptionWarning)
        try:
            yield
        except InterruptionWarning as warning:
            raise KeyboardInterrupt from warning


def _series(args: argparse.Namespace) -> pd.Series:
    if args.file is None:
        names = ["target", "time", *_WRITING]
        given = ["--" + name.replace("_", "-") for name in names if getattr(args, name) is not None]
        if given:
            raise ValueError(f"{', '.join(given)} asks for a FILE.csv; none is given")
        series = load_air_passengers()
    else:
        dialect = Dialect(**{name: getattr(args, name) for name in _WRITING})
        series, notes = read_series(args.file, args.target, args.time, dialect)
        for note in notes:
            _note(note)
    series = with_all_steps(series, args.freq, args.missing)
    absent = int(series.isna().sum())
    if absent:
        have = "has" if absent == 1 else "have"
        _note(f"{absent} of {counted(len(series), 'step')} {have} no value: {args.missing}")
    return series


def _note(text: str) -> None:
    print(f"tsrnn: note: {text}", file=sys.stderr)


def _forecaster(args: argparse.Namespace) -> RNNForecaster:
    """A new forecaster with the parameters that were given, and its own defaults otherwise."""
    given = {name: value for name in _GIVEN if (value := getattr(args, name)) is not None}
    if args.normalize is not None:
        given["normalize"] = None if args.normalize == "none" else args.normalize
    return RNNForecaster(**given, verbose=int(args.verbose))


# --- output files ---------------------------------------------------------------------------------


def _is_stdout(path: Path | None) -> bool:
    return str(path) == "-"


def _write(forecast: pd.Series, file: IO[Any], **how: Any) -> None:
    forecast.to_csv(file, header=[str(forecast.name)], **how)


def _compression(path: Path) -> dict[str, str] | None:
    """What pandas would take from the name of a file, for a file that it only gets open."""
    *others, last = ["", *map(str.lower, path.suffixes)]
    if others[-1:] == [".tar"] and last in (".bz2", ".gz", ".xz"):
        return {"method": "tar", "mode": f"w:{last[1:]}", "archive_name": Path(path.stem).stem}
    if last not in COMPRESSIONS:
        return None
    inside = {"archive_name": path.stem} if last in (".tar", ".zip") else {}
    return {"method": COMPRESSIONS[last], **inside}


def _picture_format(path: Path) -> str:
    return path.suffix[1:].lower()


def _check_outputs(args: argparse.Namespace) -> None:
    """Find out before minutes of training that a result could not be written."""
    for path in filter(None, (args.out, args.plot)):
        if path is args.out and _is_stdout(path):
            continue
        check_replaceable(path)
        if args.file is not None and path.resolve() == args.file.resolve():
            raise ValueError(f"{path} is the series itself; write the result elsewhere")
    if args.out and args.plot and args.out.resolve() == args.plot.resolve():
        raise ValueError(f"--out and --plot both name {args.out}; give the picture another name")
    if args.plot:
        formats = picture_formats()
        if _picture_format(args.plot) not in formats:
            raise ValueError(f"{args.plot}: a picture's name ends in .{', .'.join(formats)}")
