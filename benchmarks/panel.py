"""A panel of 20,000 ragged monthly series of about 100 rows: frame to arrays, and forecasts back.

Each form in a fresh process: reading the frame (checked, grouped, its frequency found), and making
a frame of 12 forecasts for each series. Median seconds of five; and the peak memory meanwhile,
beyond what the process held before, in units of the frame's own. Below it, one epoch of training on
the long frame, and the forecasts of all series, network included.

    python benchmarks/panel.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from typing import Any

import harness
import ours

SERIES, ROWS, HORIZON, ROUNDS = 20_000, 100, 12, 5
FORMS = ("long frame", "long frame, by date", "long frame, shuffled", "two-level index")
MB = 1e6


def frame(form: str, n_series: int) -> Any:
    """Series of 50 to 150 months that end within the same two years."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    lengths = random.integers(ROWS // 2, ROWS * 3 // 2, n_series)
    number = np.repeat(np.arange(n_series), lengths)
    row = np.arange(len(number)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    months = pd.date_range("2000-01-31", periods=400, freq="ME")
    month = np.repeat(random.integers(170, 194, n_series) - lengths, lengths) + row
    names = np.array([f"product {i:05d}" for i in range(n_series)], dtype=object)
    values = 50 + 10 * np.sin(2 * np.pi * month / 12) + random.normal(size=len(month))
    long = pd.DataFrame({"unique_id": names[number], "ds": months[month], "y": values})
    if form == "long frame, by date":
        long = long.sort_values("ds", kind="stable").reset_index(drop=True)
    elif form == "long frame, shuffled":
        long = long.sample(frac=1, random_state=0).reset_index(drop=True)
    elif form == "two-level index":
        long = long.set_index(["unique_id", "ds"])
    return long


def read_and_wrap(form: str, path: str, n_series: int) -> dict[str, float]:
    """Seconds and memory of reading the frame in a file, and of a frame of forecasts."""
    import numpy as np
    import pandas as pd

    data = pd.read_pickle(path)
    series, steps = np.repeat(np.arange(n_series), HORIZON), np.tile(np.arange(HORIZON), n_series)
    values = np.random.default_rng(1).normal(size=(len(series), 1))
    ours.read_panel(frame(form, 20))  # imports what is imported on first use
    reading, wrapping, before = [], [], harness.forget_peak_memory()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        panel = ours.read_panel(data)
        middle = time.perf_counter()
        forecast = ours.wrap_forecasts(panel, values, series, steps)
        wrapping.append(time.perf_counter() - middle)
        reading.append(middle - start)
        assert len(forecast) == len(series)
        del panel, forecast
    peak = harness.peak_memory() - before  # before pandas is asked for the size, which takes more
    return {
        "rows": len(data),
        "read": statistics.median(reading),
        "wrap": statistics.median(wrapping),
        "size": float(data.memory_usage(deep=True).sum()),
        "peak": peak,
    }


def fit_and_predict(n_series: int) -> dict[str, float]:
    """Seconds of one epoch on the long frame, and of forecasts of all series."""
    data = frame("long frame", n_series)
    forecaster = ours.forecaster(horizon=HORIZON, lookback=24, hidden_size=32, max_epochs=1)
    forecaster.fit(frame("long frame", 20)).predict()  # compiles
    start = time.perf_counter()
    forecaster.fit(data)
    middle = time.perf_counter()
    forecast = forecaster.predict()
    assert len(forecast) == n_series * HORIZON
    return {"fit": middle - start, "predict": time.perf_counter() - middle}


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--series", type=int, default=SERIES)
    parser.add_argument("--worker", choices=(*FORMS, "fit"), help=argparse.SUPPRESS)
    parser.add_argument("--frame", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker == "fit":
        print(json.dumps(fit_and_predict(options.series)))
        return
    if options.worker is not None:
        print(json.dumps(read_and_wrap(options.worker, options.frame, options.series)))
        return
    rows = []
    for form in FORMS:
        # Made elsewhere: the worker must not hold memory that making it left behind.
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/frame.pickle"
            frame(form, options.series).to_pickle(path)
            arguments = ["--worker", form, "--frame", path, "--series", options.series]
            taken = harness.run_worker("panel.py", arguments)
        rows.append(
            {
                "form": form,
                "rows": f"{taken['rows']:,}",
                "frame MB": f"{taken['size'] / MB:.0f}",
                "read s": f"{taken['read']:.2f}",
                "wrap s": f"{taken['wrap']:.2f}",
                "together s": f"{taken['read'] + taken['wrap']:.2f}",
                "peak, in frames": f"{taken['peak'] / taken['size']:.2f}",
            }
        )
    whole = harness.run_worker("panel.py", ["--worker", "fit", "--series", options.series])
    harness.report(f"A panel of {options.series:,} series", rows, options)
    print(f"\none epoch {whole['fit']:.1f} s, forecasts of all series {whole['predict']:.2f} s")


if __name__ == "__main__":
    main()
