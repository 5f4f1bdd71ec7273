"""supervision="sequence" beside "window": Taylor's demand, lookback 336, a GRU of 32 units.

All forecast from every origin of the test part (see taylor.py), the mean of three seeds. They take
turns, fit by fit. Learning rates, batch sizes and numbers of epochs were chosen on the two weeks
before the test part (``--validate``), for windows as for runs along the series; each has a short
and a long training, so that errors can be compared that are alike.

    python benchmarks/sequence.py --data DIR
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import accuracy_sets as sets
import harness
import ours

NETWORK: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 32,
    "lookback": 336,
    "normalize": "last",
    "loss": "mae",
}
# On the two weeks before the test part, windows: batches of 32, rates 1e-2 2.10, 3e-2 1.77, 4e-2
# 1.86 after 60 epochs; batches of 16, 2e-2 1.65, 3e-2 1.77; 100 epochs of 64 at 4e-2 1.75, 200 of
# 32 at 1e-2 1.60. Runs of 8 a batch: burn_in=336 2.04 (6e-2, 150 epochs), 168 1.73, 96 2.45, 48
# 2.55; 168 with rates 3e-2 2.09, 4e-2 1.95, 1e-1 diverges; 300 epochs at 3e-2 1.68.
RUNS: dict[str, Any] = {"supervision": "sequence", "burn_in": 168, "batch_size": 8}
WAYS: dict[str, dict[str, Any]] = {
    "window, short": {"learning_rate": 3e-2, "max_epochs": 20},
    "window, long": {"learning_rate": 2e-2, "max_epochs": 60, "batch_size": 16},
    "sequence, short": {**RUNS, "learning_rate": 6e-2, "max_epochs": 75},
    "sequence, long": {**RUNS, "learning_rate": 3e-2, "max_epochs": 300},
}


def fitted(data: Any, seed: int, settings: dict[str, Any]) -> tuple[float, float]:
    """Seconds of a fit, and the mean MAPE of its forecasts."""
    seconds = 0.0

    def fit(history: Any) -> Any:
        nonlocal seconds
        forecaster = ours.forecaster(seed, horizon=data.horizon, **NETWORK, **settings)
        start = time.perf_counter()
        forecaster.fit(history)
        seconds = time.perf_counter() - start
        return forecaster

    error = data.errors(fit)["MAPE"]
    return seconds, error


def main() -> None:
    parser = harness.data_parser(__doc__, seeds=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    harness.use_threads(options.threads)
    data = sets.taylor_demand(options.data, options.validate)
    for settings in WAYS.values():  # compiles
        fitted(data, 0, {**settings, "max_epochs": 1})
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for seed in range(options.seeds):
        for name, settings in WAYS.items():
            found[name].append(fitted(data, seed, settings))
    rows = []
    for name, results in found.items():
        window = found[name.replace("sequence", "window")]
        seconds, of_window = ([seconds for seconds, _ in each] for each in (results, window))
        rows.append(
            {
                "supervision": name,
                "fit s": statistics.median(seconds),
                "of the window's": harness.median_ratio(seconds, of_window),
                "MAPE %": statistics.mean(error for _, error in results),
            }
        )
    part = "the two weeks before the test part" if options.validate else "the test part"
    harness.report(f"Runs along the series beside windows, on {part}", rows, options)


if __name__ == "__main__":
    main()
