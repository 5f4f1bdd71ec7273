"""The same seed gives the same bits: three runs with two threads and with one, in fresh processes.

For each cell the SHA-256 of all weights and of the forecast. Ends with status 1 where any differ.

    python benchmarks/same_bits.py
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from typing import Any

import harness
import ours

CELLS = ("lstm", "gru", "rnn")
RUNS = 3
SETTINGS: dict[str, Any] = {
    "lookback": 48,
    "horizon": 12,
    "hidden_size": 40,  # no multiple of a vector
    "num_layers": 2,
    "dropout": 0.1,
    "batch_size": 200,  # several tiles of windows, the last one not full
    "windows_per_epoch": 1000,
    "max_epochs": 3,
}


def series() -> Any:
    """2,000 points of a noisy daily wave, float32."""
    import numpy as np

    noise = np.random.default_rng(0).standard_normal(2000)
    return (np.sin(2 * np.pi * np.arange(2000) / 24) + 0.1 * noise).astype(np.float32)


def work(threads: int) -> dict[str, dict[str, str]]:
    """Fit every cell; the digests of its weights and of its forecast."""
    harness.use_threads(threads)
    digests = {}
    for cell in CELLS:
        fitted = ours.forecaster(cell=cell, **SETTINGS).fit(series())
        weights = [fitted.params_[name] for name in sorted(fitted.params_)]
        digests[cell] = {"weights": digest(weights), "forecast": digest([fitted.predict()])}
    return digests


def digest(arrays: list[Any]) -> str:
    """SHA-256 over the bytes of the arrays and their shapes."""
    import numpy as np

    sha = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        sha.update(repr((array.shape, array.dtype.str)).encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--worker", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        print(json.dumps(work(options.worker)))
        return
    runs = [
        (threads, run, harness.run_worker("same_bits.py", ["--worker", threads]))
        for threads in (2, 1)
        for run in range(1, RUNS + 1)
    ]
    rows = [
        {
            "cell": cell,
            "threads": threads,
            "run": run,
            **{key: value[:16] for key, value in found[cell].items()},
            "same": "yes" if found[cell] == runs[0][2][cell] else "NO",
        }
        for cell in CELLS
        for threads, run, found in runs
    ]
    harness.report("Digests of weights and forecasts", rows, options)
    sys.exit(any(row["same"] == "NO" for row in rows))


if __name__ == "__main__":
    main()
