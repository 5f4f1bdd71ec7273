"""Accuracy on Taylor's half-hourly electricity demand of England and Wales, 2000-06-05 to 08-27.

Fitted once on the first 2,688 half hours; from every origin in the last 1,344 a forecast of the
next 48, reading everything before the origin. The mean absolute percentage error at each horizon,
and the mean of those 48. At an origin less than 48 before the end, the horizons that remain count.

The series is `taylor` of the R package `forecast` (Taylor, 2003). DIR holds it as taylor.csv, one
column with a header, 4,032 rows; in R:

    write.csv(data.frame(Y = c(forecast::taylor)), "taylor.csv", row.names = FALSE)

    python benchmarks/taylor.py --data DIR
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import harness
import linear
import numpy as np
import ours

# Chosen on the last 672 points of the training part (--validate), never on the test part: there, a
# network on the series itself forecast worse than the naive one (4.8 to 5.7 %), on the change from
# the week before with normalize=None 1.9 %, with "last" 1.5 %.
SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "lookback": 48,
    "hidden_size": 32,
    "normalize": "last",
    "max_epochs": 20,
}
HORIZON, WEEK, TRAIN, VALIDATION, TOTAL = 48, 336, 2688, 672, 4032
SHOWN = (1, 6, 12, 24, 36, 48)


def read(folder: Path) -> Any:
    """The series as float64; another length is another series."""
    values = np.loadtxt(folder / "taylor.csv", skiprows=1, dtype=np.float64)
    if values.shape != (TOTAL,):
        raise ValueError(f"taylor.csv has shape {values.shape}; {TOTAL} rows of one column needed")
    return values


def errors(values: Any, origins: Any, forecasts: Any) -> Any:
    """The MAPE at each horizon over the origins whose target the series still holds."""
    forecasts = np.asarray(forecasts, dtype=float).reshape(len(origins), HORIZON)
    result = np.empty(HORIZON)
    for ahead in range(HORIZON):
        inside = origins + ahead < len(values)
        result[ahead] = ours.mape(values[origins[inside] + ahead], forecasts[inside, ahead])
    return result


def line(name: str, by_horizon: Any, seconds: float) -> dict[str, object]:
    row: dict[str, object] = {"forecast": name, "mean MAPE %": f"{by_horizon.mean():.3f}"}
    row.update({f"h={h}": f"{by_horizon[h - 1]:.2f}" for h in SHOWN})
    return {**row, "fit s": f"{seconds:.1f}"}


def network_errors(values: Any, train: int, origins: Any, seeds: int) -> tuple[list[Any], float]:
    """The network's MAPEs by horizon for each seed, and the median seconds of a fit.

    It forecasts the change from the week before, to which it is added again.
    """
    results, seconds = [], []
    for seed in range(seeds):
        start = time.perf_counter()
        network = ours.forecaster(seed=seed, horizon=HORIZON, **SETTINGS)
        network.fit(changes(values)[: train - WEEK])
        seconds.append(time.perf_counter() - start)
        ahead = ours.forecast_from(network, changes(values), origins - WEEK)
        results.append(errors(values, origins, np.add(ahead, week_before(values, origins))))
    return results, statistics.median(seconds)


def changes(values: Any) -> Any:
    """From each week to the next; the first one is missing."""
    return values[WEEK:] - values[:-WEEK]


def week_before(values: Any, origins: Any) -> list[Any]:
    """What stood a week before each target, as far as it is known at the origin: all of it."""
    return [values[origin - WEEK : origin - WEEK + HORIZON] for origin in origins]


def linear_lines(values: Any, train: int, origins: Any) -> list[dict[str, object]]:
    """The linear model on the series itself, and on the changes that the network forecasts too."""
    lookback, lines = SETTINGS["lookback"], []
    start = time.perf_counter()
    model = linear.fit(values[:train], lookback, HORIZON)
    by_horizon = errors(values, origins, model.forecast(values, origins))
    lines.append(line("linear model", by_horizon, time.perf_counter() - start))
    start = time.perf_counter()
    model = linear.fit(changes(values)[: train - WEEK], lookback, HORIZON)
    ahead = model.forecast(changes(values), origins - WEEK)
    by_horizon = errors(values, origins, np.add(ahead, week_before(values, origins)))
    lines.append(line("linear model of the changes", by_horizon, time.perf_counter() - start))
    return lines


def parse() -> argparse.Namespace:
    parser = harness.data_parser(__doc__)
    parser.add_argument("--baselines-only", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = parse()
    values = read(options.data)
    train = TRAIN
    if options.validate:
        values, train = values[:TRAIN], TRAIN - VALIDATION
    origins = np.arange(train, len(values))
    rows = []
    if not options.baselines_only:
        results, seconds = network_errors(values, train, origins, options.seeds)
        for seed, by_horizon in enumerate(results):
            rows.append(line(f"tsrnn, seed {seed}", by_horizon, seconds))
    naive = ours.seasonal_naive(values, list(origins), HORIZON, WEEK)
    rows.append(line("weekly seasonal naive", errors(values, origins, naive), 0.0))
    rows += linear_lines(values, train, origins)
    part = "end of the training part" if options.validate else "test part"
    harness.report(f"Taylor, {len(origins)} origins of the {part}", rows, options)


if __name__ == "__main__":
    main()
