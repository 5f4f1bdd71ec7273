"""The command line: ``tsrnn forecast``, ``tsrnn warmup`` and ``tsrnn config``.

What the user can mend is said in one line on the standard error, with exit status 2. Output files
are written beside their place and renamed into it, so that none is ever half there.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pandas as pd

import tsrnn
from tsrnn.cli.backtest import run_backtest
from tsrnn.cli.reading import read_series
from tsrnn.cli.report import report
from tsrnn.config import warmup
from tsrnn.datasets import load_air_passengers
from tsrnn.plotting import picture_formats, plot_forecast

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; by default those of this process.

    Returns
    -------
    int
        The exit status: 0 when all went well, 2 for a mistake the user can mend, 130 after
        Ctrl-C. ``--help``, ``--version`` and unknown arguments raise SystemExit, as argparse does.

    Examples
    --------
    >>> main(["forecast", "no-such-file.csv"])  # says so on the standard error
    2
    """
    args = _parser().parse_args(argv)
    try:
        args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        # The reader (head, less) has left: nothing can be said to it, nor flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, ArithmeticError, ImportError, OSError) as error:
        if args.traceback:
            raise
        _say(f"error: {_in_one_line(error)}")
        return 2
    return 0


def _in_one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _say(message: str) -> None:
    print(f"tsrnn: {message}", file=sys.stderr)


# --- arguments ------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tsrnn: error: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="tsrnn", description="Forecast time series with recurrent networks.")
    parser.add_argument("--version", action="version", version=f"tsrnn {tsrnn.__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error came from, for a bug report"
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_forecast(commands)

    warmup = commands.add_parser(
        "warmup", help="compile the kernels ahead, for instance while building a container image"
    )
    warmup.add_argument("--cell", nargs="+", choices=["rnn", "gru", "lstm"])
    warmup.add_argument("--dtype", nargs="+", choices=["float32", "float64"])
    warmup.set_defaults(run=_warmup)

    config = commands.add_parser(
        "config", help="print versions, processor, threads and cache folder, for a bug report"
    )
    config.set_defaults(run=lambda args: tsrnn.show_config())
    return parser


def _add_forecast(commands: argparse._SubParsersAction[_Parser]) -> None:
    forecast = commands.add_parser(
        "forecast",
        help="forecast one column of a CSV file",
        description="Forecast one column of a CSV file. Without FILE: the monthly airline "
        "passengers of 1949 to 1960, which come with tsrnn.",
    )
    add = forecast.add_argument
    add("file", metavar="FILE.csv", type=Path, nargs="?", help="a header, then one row a step")
    add("--target", metavar="COL", help="the column to forecast (default: the only numeric one)")
    add(
        "--time",
        metavar="COL",
        help="the column with the dates (default: the only one that reads as dates; where there "
        "is none, rows are counted)",
    )
    add("--date-format", metavar="FORMAT", help="how dates are written, such as %%d/%%m/%%Y")
    add("--freq", help="the step of the dates, such as MS or h (default: read off the dates)")
    add("--horizon", metavar="N", type=_whole(1), default=12, help="steps ahead (default: 12)")
    add(
        "--backtest",
        metavar="N",
        type=_whole(0),
        default=1,
        help="measure the error on the last N blocks of HORIZON rows: a network fitted once on "
        "the rows before them forecasts each block from all rows before that block. The forecast "
        "itself then comes from a second fit, on all rows (default: 1; 0 leaves this out)",
    )
    add("--out", metavar="FILE.csv", type=Path, help="write the forecast here")
    add("--plot", metavar="FILE.png", type=Path, help='draw it here (needs "tsrnn[plot]")')
    _add_network(forecast)
    forecast.set_defaults(run=_forecast)


def _add_network(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group(
        "network", "What is left out is RNNForecaster's own default."
    ).add_argument
    add("--cell", choices=["rnn", "gru", "lstm"])
    add("--lookback", metavar="N", type=_whole(1), help="steps the network reads")
    add("--hidden-size", metavar="N", type=_whole(1), help="hidden units of each layer")
    add("--max-epochs", metavar="N", type=_whole(1), help="passes over the data at most")
    add("--normalize", choices=["none", "last", "mean", "standard", "robust"], help="per window")
    add("--random-state", metavar="N", type=_whole(0), default=0, help="seed (default: 0)")
    add("--verbose", action="store_true", help='a progress bar (needs "tsrnn[progress]")')


def _whole(least: int) -> Callable[[str], int]:
    """An argparse type: a whole number, ``least`` or more."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
        return int(text)

    return parse


# --- commands -------------------------------------------------------------------------------------


def _warmup(args: argparse.Namespace) -> None:
    chosen = {"cells": args.cell, "dtypes": args.dtype}
    start = time.perf_counter()
    warmup(**{name: tuple(values) for name, values in chosen.items() if values})
    print(f"compiled in {time.perf_counter() - start:.1f} s")


def _forecast(args: argparse.Namespace) -> None:
    _check_outputs(args)
    series = _series(args)
    forecast = _forecaster(args).fit(series).predict()
    backtest = run_backtest(_forecaster(args), series, args.backtest) if args.backtest else None
    if args.out:
        with _replacing(args.out) as path:
            forecast.to_csv(path, header=[str(series.name)])
    if args.plot:
        figure = plot_forecast(series, forecast, backtest.forecasts if backtest else ())
        with _replacing(args.plot) as path:
            figure.savefig(path)
    print(report(series, backtest, forecast))


def _series(args: argparse.Namespace) -> pd.Series:
    if args.file is None:
        if args.target or args.time:
            raise ValueError("--target and --time name columns of FILE.csv, but no FILE is given")
        return load_air_passengers()
    series, notes = read_series(args.file, args.target, args.time, args.date_format)
    for note in notes:
        _say(f"note: {note}")
    return series


def _forecaster(args: argparse.Namespace) -> tsrnn.RNNForecaster:
    """A new forecaster with the parameters that were given, and its own defaults otherwise."""
    names = ["cell", "lookback", "horizon", "hidden_size", "max_epochs", "freq", "random_state"]
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    if args.normalize is not None:
        given["normalize"] = None if args.normalize == "none" else args.normalize
    return tsrnn.RNNForecaster(**given, verbose=int(args.verbose))


# --- output files ---------------------------------------------------------------------------------


def _check_outputs(args: argparse.Namespace) -> None:
    """Find out before minutes of training that a result could not be written."""
    for path in filter(None, (args.out, args.plot)):
        if not path.parent.is_dir():
            raise ValueError(f"{path}: there is no folder {path.parent}")
        if path.exists() and not path.is_file():
            raise ValueError(f"{path} exists and is not a file")
        if args.file is not None and path.resolve() == args.file.resolve():
            raise ValueError(f"{path} is the series itself; write the result elsewhere")
    if args.plot:
        formats = picture_formats()
        if args.plot.suffix[1:] not in formats:
            raise ValueError(f"{args.plot}: a picture's name ends in .{', .'.join(formats)}")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file to write beside ``path``, which takes its name only once it is whole."""
    path = path.resolve()
    beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
