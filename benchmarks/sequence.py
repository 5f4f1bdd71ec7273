"""supervision="sequence" beside "window": Taylor's demand, lookback 336, a GRU of 32 units.

Both forecast from every origin of the test part (see taylor.py), the mean of three seeds. They take
turns, fit by fit. Learning rates and numbers of epochs were chosen on the two weeks before the test
part (``--validate``): windows as well as they can in 20 epochs, and runs along the series until
they forecast better than that.

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
WAYS: dict[str, dict[str, Any]] = {
    "window": {"learning_rate": 3e-2, "max_epochs": 20},
    "sequence": {
        "supervision": "sequence",
        "learning_rate": 6e-2,
        "max_epochs": 75,
        "batch_size": 8,
    },
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
    first = [seconds for seconds, _ in found["window"]]
    rows = [
        {
            "supervision": name,
            "fit s": statistics.median(seconds for seconds, _ in results),
            "share": harness.median_ratio([seconds for seconds, _ in results], first),
            "MAPE %": statistics.mean(error for _, error in results),
        }
        for name, results in found.items()
    ]
    part = "the two weeks before the test part" if options.validate else "the test part"
    harness.report(f"Runs along the series beside windows, on {part}", rows, options)


if __name__ == "__main__":
    main()
