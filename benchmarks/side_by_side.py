"""Many networks at once: ten members of an ensemble, a thousand networks of a panel.

Whole fits, in turns, medians. An ensemble of ten on all cores is held against one network on one
thread. The networks of a panel (``pooling="local"``; 200 points, LSTM of 16 units, 200 batches of
32 windows each) are held against PyTorch, which trains the same networks one after the other: some
of them, times what is missing, because all take minutes.

    python benchmarks/side_by_side.py
"""

from __future__ import annotations

import statistics
from typing import Any

import harness
import ours

MEMBERS, HIDDEN, LOOKBACK, HORIZON, BATCH, BATCHES = 10, 16, 24, 12, 32, 200
POINTS = 200


def ensemble(threads: int, members: int) -> float:
    """Seconds of a fit on the airline passengers."""
    import time

    import numba

    numba.set_num_threads(threads)
    forecaster = ours.forecaster(horizon=12, n_members=members, **ours.batches(BATCHES))
    series = ours.airline()
    start = time.perf_counter()
    forecaster.fit(series)
    return time.perf_counter() - start


def panel(n_series: int) -> Any:
    """Random walks with a season, as a long frame."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    values = random.normal(size=(n_series, POINTS)).cumsum(axis=1)
    values += 5 * np.sin(np.arange(POINTS) * 2 * np.pi / 12)
    months = pd.date_range("2000-01-31", periods=POINTS, freq="ME")
    names = np.repeat([f"series {i:05d}" for i in range(n_series)], POINTS)
    return pd.DataFrame({"unique_id": names, "ds": np.tile(months, n_series), "y": values.ravel()})


def local(threads: int, frame: Any) -> float:
    """Seconds of a fit of one network for each series."""
    import time

    import numba

    numba.set_num_threads(threads)
    sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "hidden_size": HIDDEN}
    forecaster = ours.forecaster(pooling="local", **sizes, **ours.batches(BATCHES, BATCH))
    start = time.perf_counter()
    forecaster.fit(frame)
    return time.perf_counter() - start


def one_after_the_other(threads: int, networks: int) -> float:
    """Seconds of PyTorch for so many networks, batches made beforehand."""
    import time

    import peers
    import torch

    torch.set_num_threads(threads)
    problem = peers.Problem("lstm", BATCH, LOOKBACK, 1, HIDDEN, HORIZON)
    start = time.perf_counter()
    for _ in range(networks):
        step = min(peers.torch_train_step(problem).items())[1]
        for _ in range(BATCHES):
            step()
    return time.perf_counter() - start


def main() -> None:
    """Take the turns and print both tables."""
    parser = harness.parser(__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--of-pytorch", type=int, default=20, help="networks that it trains")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    harness.use_threads(options.threads)
    ensemble(options.threads, 1)  # compiles
    contenders = {
        "one network, one thread": lambda: ensemble(1, 1),
        f"{MEMBERS} members, {options.threads} threads": lambda: ensemble(options.threads, MEMBERS),
    }
    taken = harness.take_turns(contenders, lambda done: done >= options.rounds)
    one, *_ = taken.values()
    rows = [
        {
            "": name,
            "fit s": statistics.median(seconds),
            "x one network": harness.median_ratio(seconds, one),
        }
        for name, seconds in taken.items()
    ]
    harness.report(f"An ensemble of {MEMBERS}, airline passengers", rows, options)

    frame, threads = panel(options.series), options.threads
    local(threads, panel(4))
    part = options.series / options.of_pytorch
    peer = f"PyTorch, one after the other ({options.of_pytorch} networks x {part:g})"
    theirs = {
        f"{peer}, {some} threads": lambda some=some: (
            one_after_the_other(some, options.of_pytorch) * part
        )
        for some in {1, threads}
    }
    contenders = {"pooling='local'": lambda: local(threads, frame), **theirs}
    taken = harness.take_turns(contenders, lambda done: done >= options.rounds)
    ours_seconds, *_ = taken.values()
    rows = [
        {
            "": name,
            "fit s": statistics.median(seconds),
            "x ours": harness.median_ratio(seconds, ours_seconds),
        }
        for name, seconds in taken.items()
    ]
    harness.report(f"{options.series:,} networks of {BATCHES} batches each", rows, options)


if __name__ == "__main__":
    main()
