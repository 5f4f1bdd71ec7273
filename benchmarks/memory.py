"""The memory of a fit on 10 million float32 points: 20,000 windows of 168 + 1 steps, one epoch.

Three fresh processes: one that imports tsrnn and holds the series, one that fits with an empty
cache (so it compiles too), one with a warm cache. Peak resident memory of each; what the fit adds
to the series alone, and to the process that holds it. Materialised windows would need 6.7 GB.

    python benchmarks/memory.py
"""

from __future__ import annotations

import argparse
import json
import tempfile
from typing import Any

import harness
import ours

POINTS, PERIOD = 10_000_000, 200
LOOKBACK, HORIZON, WINDOWS = 168, 1, 20_000
ITEM_BYTES = 4
MB = 1e6


def series(points: int) -> Any:
    """A noisy wave, made in place: a temporary copy would raise the peak that is measured."""
    import numpy as np

    values = np.random.default_rng(0).standard_normal(points, dtype=np.float32)
    wave = np.sin(2 * np.pi * np.arange(PERIOD, dtype=np.float32) / PERIOD)
    values.reshape(-1, PERIOD)[:] += wave
    return values


def work(task: str, points: int) -> int:
    """Hold the series or fit on it; the peak memory of this process in bytes."""
    values = series(points)
    forecaster = ours.forecaster(
        cell="lstm",
        lookback=LOOKBACK,
        horizon=HORIZON,
        hidden_size=32,
        windows_per_epoch=WINDOWS,
        max_epochs=1,
    )
    if task == "fit":
        forecaster.fit(values)
    return harness.peak_memory()


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--points", type=int, default=POINTS, help=f"a multiple of {PERIOD}")
    parser.add_argument("--worker", choices=("hold", "fit"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        print(json.dumps(work(options.worker, options.points)))
        return
    size = options.points * ITEM_BYTES
    with tempfile.TemporaryDirectory() as cache:
        peaks = {
            name: harness.run_worker(
                "memory.py",
                ["--worker", task, "--points", options.points],
                {"NUMBA_CACHE_DIR": cache},
            )
            for name, task in (("hold", "hold"), ("fit, empty cache", "fit"), ("fit, warm", "fit"))
        }
    rows = [
        {
            "process": name,
            "peak MB": f"{peak / MB:.0f}",
            "peak less the series MB": f"{(peak - size) / MB:.0f}",
            "peak less holding it MB": f"{(peak - peaks['hold']) / MB:.0f}",
        }
        for name, peak in peaks.items()
    ]
    harness.report(f"Memory, a series of {size / MB:.0f} MB", rows, options)


if __name__ == "__main__":
    main()
