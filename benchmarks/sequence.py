"""supervision="sequence" beside "window": Taylor's demand, lookback 336, a GRU of 128 units.

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
    "hidden_size": 128,
    "lookback": 336,
    "normalize": "last",
    "loss": "mae",
}
# On the two weeks before the test part, every fourth origin, two seeds. Windows, 20 epochs of 1,632
# (all that there are in front of those weeks): 32 units 2.24 (rate 2e-2), 64 1.74, 128 1.76, which
# stays for either way; batches of 8 as good as of 16, of 32 worse (64 units 1.70, 1.74, 2.12). With
# 128 units, rate 5e-3 1.87; 10 epochs 2.38, 40 epochs 1.51.
# Runs, 75 epochs of 32: 64 units 1.97, 128 1.79 (four seeds 1.89). With 128 units, burn_in=64 2.19,
# 128 1.94, 168 2.06; rate 2e-2 1.97, 4e-2 1.83; 100 epochs 1.72, 150 1.63, 200 1.59. Runs of 8 a
# batch want nearly as many steps: 400 (rate 4e-2) 1.89, 480 1.88.
WINDOWS: dict[str, Any] = {"batch_size": 16, "learning_rate": 1e-2, "windows_per_epoch": 1632}
RUNS: dict[str, Any] = {
    "supervision": "sequence",
    "burn_in": 96,
    "batch_size": 4,
    "learning_rate": 3e-2,
}
WAYS: dict[str, dict[str, Any]] = {
    "window, short": {**WINDOWS, "max_epochs": 20},
    "window, long": {**WINDOWS, "max_epochs": 40},
    "sequence, short": {**RUNS, "max_epochs": 100},
    "sequence, long": {**RUNS, "max_epochs": 200},
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
