"""From an empty process to the first forecast: import, 500 batches of a 64-unit LSTM, predict.

Every run is a fresh process: ours with an empty cache folder, ours with a warm one, neuralforecast
for the same work; they take turns. "total" is import + fit + predict, "process" adds the start and
the end of the interpreter. Then what importing each package adds to pandas and sklearn.base.

    python benchmarks/cold_start.py
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import neural
import ours

HORIZON, BATCHES = 12, 500
IMPORTED = ("tsrnn", "neuralforecast")
Figures = dict[str, float]


def work_ours(csv: str, batch_size: int) -> Figures:
    """Import, fit and predict; the clock starts when the script has only the standard library."""
    start = time.perf_counter()
    series = read(csv)
    forecaster = ours.forecaster(
        cell="lstm",
        lookback=neural.LOOKBACK,
        horizon=HORIZON,
        hidden_size=neural.HIDDEN,
        **ours.batches(BATCHES, batch_size),
    )
    imported = time.perf_counter()
    forecaster.fit(series)
    fitted = time.perf_counter()
    forecaster.predict()
    return _figures(start, imported, fitted)


def work_neuralforecast(csv: str, batch_size: int) -> Figures:
    """The same with neuralforecast, whose batches are windows of the one series."""
    start = time.perf_counter()
    series = read(csv)
    importlib.import_module("neuralforecast")
    imported = time.perf_counter()
    fitted_model = neural.fit(
        "lstm", series, HORIZON, max_steps=BATCHES, windows_batch_size=batch_size
    )
    fitted = time.perf_counter()
    neural.forecast(fitted_model)
    return _figures(start, imported, fitted)


def _figures(start: float, imported: float, fitted: float) -> Figures:
    end = time.perf_counter()
    return {
        "import s": imported - start,
        "fit s": fitted - imported,
        "predict s": end - fitted,
        "total s": end - start,
    }


def work_import(package: str) -> Figures:
    """The seconds that all public names of a package add to pandas and sklearn.base."""
    for known in ("pandas", "sklearn.base"):
        importlib.import_module(known)
    start = time.perf_counter()
    module = importlib.import_module(package)
    for name in module.__all__:  # some are imported when they are asked for
        getattr(module, name)
    return {"import s": time.perf_counter() - start}


def read(csv: str) -> Any:
    """The series that the parent wrote: month, passengers."""
    import pandas as pd

    series = pd.read_csv(csv, index_col=0, parse_dates=True).iloc[:, 0].astype(float)
    return series.asfreq("MS")


def write_series(path: Path) -> None:
    """The first eleven years, as a CSV: no worker spends time on finding the data."""
    series = ours.airline().iloc[:-HORIZON]
    neural.long_frame(series)[["ds", "y"]].to_csv(path, index=False)


def process(name: str, arguments: list[object], cache: Path | None) -> Figures:
    """One fresh process; an empty folder of its own as the cache where none is given."""
    with tempfile.TemporaryDirectory() as empty:
        start = time.perf_counter()
        figures = harness.run_worker(
            "cold_start.py",
            ["--worker", name, *arguments],
            {"NUMBA_CACHE_DIR": str(cache or empty)},
        )
        return {**figures, "process s": time.perf_counter() - start}


def race(options: argparse.Namespace, folder: Path) -> dict[str, list[Figures]]:
    """Cold, warm and neuralforecast in turns; the warm cache is filled before."""
    csv, warm = folder / "series.csv", folder / "cache"
    write_series(csv)
    arguments: list[object] = [csv, "--batch-size", options.batch_size]
    contenders: dict[str, Callable[[], Figures]] = {
        "tsrnn, empty cache": functools.partial(process, "ours", arguments, None),
        "tsrnn, warm cache": functools.partial(process, "ours", arguments, warm),
        "neuralforecast": functools.partial(process, "neuralforecast", arguments, warm),
    }
    if options.only:
        contenders = {name: run for name, run in contenders.items() if options.only in name}
    if "tsrnn, warm cache" in contenders:
        contenders["tsrnn, warm cache"]()
    return harness.take_turns(contenders, lambda n: n >= options.repeats)


def rows(results: dict[str, list[Figures]]) -> list[dict[str, object]]:
    """Medians, and how many times the total of the warm process."""
    warm = results.get("tsrnn, warm cache")
    lines = []
    for name, runs in results.items():
        line: dict[str, object] = {"": name}
        for key in runs[0]:
            line[key] = statistics.median(run[key] for run in runs)
        totals = [run["total s"] for run in runs]
        line["least total s"] = min(totals)
        own = [run["total s"] for run in warm] if warm else None
        line["times warm"] = harness.median_ratio(totals, own) if own else "-"
        lines.append(line)
    return lines


def import_rows(options: argparse.Namespace, cache: Path) -> list[dict[str, object]]:
    names = [name for name in IMPORTED if options.only in name] or list(IMPORTED)
    contenders = {name: functools.partial(process, "import", [name], cache) for name in names}
    results = harness.take_turns(contenders, lambda n: n >= options.import_repeats)
    return [
        {"import": name, "added s": statistics.median(run["import s"] for run in runs)}
        for name, runs in results.items()
    ]


def parse() -> argparse.Namespace:
    parser = harness.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--import-repeats", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32, help="windows in a batch, of both")
    parser.add_argument("--only", default="", help="only contenders with this in their name")
    parser.add_argument("--worker", nargs=2, metavar=("NAME", "ARGUMENT"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.worker is not None:
        name, argument = options.worker
        if name == "import":
            figures = work_import(argument)
        else:
            work = {"ours": work_ours, "neuralforecast": work_neuralforecast}[name]
            figures = work(argument, options.batch_size)
        print(json.dumps(figures))
        return
    os.environ.pop("NUMBA_CACHE_DIR", None)
    with tempfile.TemporaryDirectory() as folder:
        load = harness.ForeignLoad()
        results = race(options, Path(folder))
        imports = import_rows(options, Path(folder) / "cache")
    harness.report("First forecast, medians", rows(results), options)
    print(f"\nCores that other processes kept busy: {harness.cell(load.cores())}")
    print("\n" + harness.table(imports, options.markdown))


if __name__ == "__main__":
    main()
