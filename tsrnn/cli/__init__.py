"""The command line: ``tsrnn forecast``, ``tsrnn warmup`` and ``tsrnn config``.

What the user can mend is said in one line on the standard error, with exit status 2. Only what a
command needs is imported: ``--help`` and ``--version`` do not wait for pandas.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import tsrnn
from tsrnn.kernels.cells import KINDS

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
        with _warnings_in_one_line():
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


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Of a warning its text: which line of which library gave it helps nobody at a shell."""

    def show(message: Warning | str, *where: object, **more: object) -> None:
        _say(f"warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _say(message: str) -> None:
    print(f"tsrnn: {message}", file=sys.stderr)


# --- arguments ------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tsrnn: error: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tsrnn",
        description="Forecast time series with recurrent networks.",
        epilog="tsrnn COMMAND --help says what a command takes.",
    )
    parser.add_argument("--version", action="version", version=f"tsrnn {tsrnn.__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error came from, for a bug report"
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_forecast(commands)

    warmup = commands.add_parser(
        "warmup",
        help="compile the kernels ahead, for instance while building a container image",
        description="Compile the kernels ahead and keep them on disk, in the cache folder that "
        "tsrnn config prints, so that no later fit has to. This takes a while the first time, and "
        "a moment where it has been done.",
    )
    warmup.add_argument(
        "--cell",
        nargs="+",
        choices=KINDS,
        help="for these cells (default: all of them)",
    )
    warmup.add_argument(
        "--dtype",
        nargs="+",
        choices=["float32", "float64"],
        help="for numbers of this precision (default: float32, as is RNNForecaster's)",
    )
    warmup.set_defaults(run=_warmup)

    config = commands.add_parser(
        "config",
        help="print versions, processor, threads and cache folder, for a bug report",
        description="Print the versions of tsrnn and of what it uses, the processor, the threads, "
        "and the folder that keeps compiled kernels, for a bug report.",
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
    add(
        "file",
        metavar="FILE.csv",
        type=Path,
        nargs="?",
        help="a header, then one row a step; - is the standard input",
    )
    add("--horizon", metavar="N", type=_whole(1), default=12, help="steps ahead (default: 12)")
    add(
        "--backtest",
        metavar="N",
        type=_whole(0),
        default=1,
        help="hold out the last N times HORIZON rows, to measure the error: a second network, "
        "fitted once on the rows before them, forecasts them in N blocks, each from all rows "
        "before it, beside a seasonal naive forecast (default: 1; 0 leaves this out, and its time)",
    )
    add(
        "--out",
        metavar="FILE.csv",
        type=Path,
        help="write the forecast here; - is the standard output, and the report, which is else "
        "printed there, then goes to the standard error",
    )
    add(
        "--plot",
        metavar="FILE.png",
        type=Path,
        help="draw the forecast here, with the end of the series and the backtest; the ending says "
        'which kind of picture (needs "tsrnn[plot]")',
    )
    _add_series(forecast)
    _add_writing(forecast)
    _add_network(forecast)
    forecast.set_defaults(run=_forecast)


def _add_series(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("series").add_argument
    add("--target", metavar="COL", help="the column to forecast (default: the only numeric one)")
    add(
        "--time",
        metavar="COL",
        help="the column with the dates (default: the only one that begins with a date; where "
        "there is none, rows are counted)",
    )
    add("--freq", help="the step of the dates, such as MS or h (default: read off the dates)")
    add(
        "--missing",
        choices=["raise", "ffill", "interpolate"],
        default="raise",
        help="missing values and dates: refuse them, or fill them with the last value or on a "
        "straight line (default: raise)",
    )


def _add_writing(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how the file is written").add_argument
    add("--sep", metavar="C", type=_character, help="between fields (default: one of , ; tab |)")
    add(
        "--decimal",
        metavar="C",
        choices=[".", ","],
        help="before decimals: . or , (default: ., unless that is --thousands)",
    )
    add("--thousands", metavar="C", type=_mark, help="sets thousands apart, such as , or ' '")
    add("--unit", metavar="TEXT", help="before or behind numbers, such as %% or $; left out")
    add(
        "--na",
        metavar="WORD",
        action="append",
        help="stands for a missing value, beside an empty field, NA, NaN, null and their like; may "
        "be given several times",
    )
    add("--skip", metavar="N", type=_whole(0), help="leave out N lines above the header")
    add("--encoding", metavar="NAME", type=_encoding, help="such as cp1252 (default: utf-8)")
    add("--date-format", metavar="FORMAT", help="of the dates, such as %%d/%%m/%%Y")
    add("--tz", metavar="ZONE", type=_zone, help="convert dates with UTC offsets to this time zone")


def _add_network(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group(
        "network", "What is not given, but for the seed, is as RNNForecaster has it by itself."
    ).add_argument
    add("--cell", choices=KINDS, help="kind of recurrent cell")
    add("--lookback", metavar="N", type=_whole(1), help="steps the network reads")
    add("--hidden-size", metavar="N", type=_whole(1), help="hidden units of each layer")
    add("--max-epochs", metavar="N", type=_whole(1), help="passes over the data at most")
    add(
        "--normalize",
        choices=["auto", "none", "last", "mean", "standard", "robust"],
        help="what is taken off each window, and what it is divided by",
    )
    add(
        "--random-state",
        metavar="N",
        type=_whole(0),
        default=0,
        help="seed (default: 0: every run forecasts the same)",
    )
    add("--verbose", action="store_true", help="show which fit is running, and how far")


def _whole(least: int) -> Callable[[str], int]:
    """An argparse type: a whole number, ``least`` or more."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
        return int(text)

    return parse


def _character(text: str) -> str:
    """An argparse type: one character; shells make it hard to write a tab."""
    character = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(character) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, nor \\t for a tab")
    return character


def _mark(text: str) -> str:
    """An argparse type: one character that is no part of a number's digits."""
    if len(text) != 1 or text.isalnum() or text in "+-":
        raise argparse.ArgumentTypeError(f"{text!r} is not one mark between digits, such as , or '")
    return text


def _encoding(text: str) -> str:
    """An argparse type: what Python can read text as."""
    try:
        "".encode(text)
    except LookupError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no encoding that Python knows, such as cp1252 or utf-16"
        ) from error
    return text


def _zone(text: str) -> str:
    """An argparse type: the name of a time zone."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time zone, such as Europe/Berlin or UTC"
        ) from error
    return text


# --- commands -------------------------------------------------------------------------------------


def _warmup(args: argparse.Namespace) -> None:
    from tsrnn.config import warmup

    chosen = {"cells": args.cell, "dtypes": args.dtype}
    start = time.perf_counter()
    warmup(**{name: tuple(values) for name, values in chosen.items() if values})
    print(f"compiled in {time.perf_counter() - start:.1f} s")


def _forecast(args: argparse.Namespace) -> None:
    from tsrnn.cli.forecast import run_forecast

    run_forecast(args)
