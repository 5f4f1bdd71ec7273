"""Accuracy on public data sets, beside published figures.

For each set: our network with the settings of accuracy_settings.py, mean and spread over seeds;
the presets of ``RNNForecaster.suggest``, which are told nothing but the horizon; the closed-form
linear model of the same lookback; the seasonal naive forecast; and the best published figure that
we know of. accuracy_sets.py holds files and protocols; accuracy_settings.py says how each
configuration was chosen: on the end of the training part (``--validate``), never on the test part.

DIR holds ETTh1.csv and ETTm1.csv (github.com/zhouhaoyi/ETDataset), m4/Hourly-train.csv and so on
(github.com/Mcompetitions/M4-methods), taylor.csv (see taylor.py), and tourism_monthly.jsonl: the
monthly series of the R package Tcomp, one JSON object a line with lists "train" and "test".

    python benchmarks/accuracy.py --data DIR
    python benchmarks/accuracy.py --data DIR --sets m4-hourly,m4-weekly --seeds 1 --validate
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import harness
import ours
from accuracy_sets import Errors
from accuracy_settings import ENTRIES, Entry

MEASURES = ("MSE", "MAE", "sMAPE", "MASE", "OWA", "MAPE")
CONTENDERS = ("tsrnn", "suggested", "linear", "naive")


@dataclass
class Line:
    """What came of one forecaster on one set: errors and seconds of each seed."""

    name: str
    errors: list[Errors] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    parameters: int = 0
    published: str = ""

    def row(self, entry: str) -> dict[str, object]:
        """Cells of the table."""
        cells: dict[str, object] = {"set": entry, "forecast": self.name}
        for measure in MEASURES:
            values = [each[measure] for each in self.errors if measure in each]
            cells[measure] = _spread(values) if values else ""
        cells["minutes"] = f"{statistics.mean(self.seconds) / 60:.1f}" if self.seconds else ""
        cells["parameters"] = f"{self.parameters:,}" if self.parameters else ""
        return cells | {"published": self.published}


def _spread(values: list[float]) -> str:
    """The mean, and half the distance from the least to the largest."""
    mean = statistics.mean(values)
    digits = 4 if mean < 1 else 3
    spread = f" ± {(max(values) - min(values)) / 2:.{digits}f}" if len(values) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


def network(name: str, data: Any, seeds: int, make: Callable[[Any, int], Any]) -> Line:
    """Fitted once a seed by ``make(history, seed)``."""
    line = Line(name)
    for seed in range(seeds):
        seconds = [0.0]

        def fit(history: Any, seed: int = seed, seconds: list[float] = seconds) -> Any:
            start = time.perf_counter()
            fitted = make(history, seed)
            seconds.append(time.perf_counter() - start)
            line.parameters = sum(values.size for values in fitted.params_.values())
            return fitted

        line.errors.append(data.errors(fit))
        line.seconds.append(sum(seconds))
        print(line.row(""), file=sys.stderr, flush=True)
    return line


def lines(entry: Entry, options: argparse.Namespace) -> list[Line]:
    """All forecasts of one set."""
    data = entry.read(options.data, options.validate)
    found = []

    def chosen(history: Any, seed: int) -> Any:
        forecaster = ours.forecaster(
            seed, lookback=entry.lookback, horizon=data.horizon, **entry.settings
        )
        return (ours.OfLogarithms(forecaster) if entry.logs else forecaster).fit(history)

    def suggested(history: Any, seed: int) -> Any:
        return ours.suggested(history, data.horizon, seed).fit(history)

    if "tsrnn" in options.of:
        found.append(network("tsrnn", data, options.seeds, chosen))
        found[-1].published = entry.published
    if "suggested" in options.of:
        found.append(network("suggested", data, 1, suggested))
    if "linear" in options.of:
        found.append(Line("linear model", [data.linear(entry.lookback, entry.logs)]))
    if "naive" in options.of:
        found.append(Line("seasonal naive", [data.naive()]))
    return found


def parse() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = harness.data_parser(__doc__, seeds=3)
    parser.add_argument("--sets", type=names, default=list(ENTRIES), help=", ".join(ENTRIES))
    parser.add_argument("--of", type=names, default=list(CONTENDERS), help=", ".join(CONTENDERS))
    return parser.parse_args()


def main() -> None:
    options = parse()
    rows = [line.row(name) for name in options.sets for line in lines(ENTRIES[name], options)]
    part = "end of the training part" if options.validate else "test part"
    harness.report(f"Accuracy on the {part}", rows, options)


if __name__ == "__main__":
    main()
