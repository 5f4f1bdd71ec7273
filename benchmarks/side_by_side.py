"""Many networks at once: ten members of an ensemble, a thousand networks of a panel.

Whole fits, in turns, medians. An ensemble of ten on all cores is held against one network on one
thread. The networks of a panel (``pooling="local"``; 200 points, LSTM of 16 units, 200 batches of
32 windows each) are held against PyTorch, which trains the same networks one after the other: some
of them, times what is missing, because all take minutes.

    python benchmarks/side_by_side.py
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
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


def one_after_the_other(variant: str, threads: int, networks: int) -> float:
    """Seconds of PyTorch for so many networks, their batches made beforehand."""
    import time

    import peers
    import torch

    torch.set_num_threads(threads)
    problem = peers.Problem("lstm", BATCH, LOOKBACK, 1, HIDDEN, HORIZON)
    start = time.perf_counter()
    for _ in range(networks):
        step = peers.torch_train_step(problem)[variant]
        for _ in range(BATCHES):
            step()
    return time.perf_counter() - start


def compare_ensemble(options: argparse.Namespace) -> None:
    """Ten members on all cores, one network on one."""
    threads = options.threads
    ensemble(threads, 1)  # compiles
    contenders = {
        "one network, one thread": lambda: ensemble(1, 1),
        f"{MEMBERS} members, {threads} threads": lambda: ensemble(threads, MEMBERS),
    }
    taken = harness.take_turns(contenders, lambda done: done >= options.rounds)
    report(f"An ensemble of {MEMBERS}, airline passengers", taken, options)


def compare_panel(options: argparse.Namespace) -> None:
    """A network for each series, beside PyTorch's two forms of an LSTM on one thread and on all."""
    threads, some = options.threads, options.of_pytorch
    local(threads, panel(4))  # compiles
    frame, part = panel(options.series), options.series / some
    contenders: dict[str, Callable[[], float]] = {
        "pooling='local'": lambda: local(threads, frame),
    }
    for variant in ("torch", "torch without oneDNN"):
        for number in (1, threads):
            contenders[f"{variant}, {number} threads: {some} networks x {part:g}"] = (
                lambda variant=variant, number=number: (
                    one_after_the_other(variant, number, some) * part
                )
            )
    taken = harness.take_turns(contenders, lambda done: done >= options.rounds)
    report(f"{options.series:,} networks of {BATCHES} batches each", taken, options)


def report(title: str, taken: dict[str, list[float]], options: argparse.Namespace) -> None:
    """Medians, and ratios to the first."""
    first, *_ = taken.values()
    rows = [
        {
            "": name,
            "fit s": statistics.median(seconds),
            "x the first": harness.median_ratio(seconds, first),
        }
        for name, seconds in taken.items()
    ]
    harness.report(title, rows, options)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--of-pytorch", type=int, default=10, help="networks that it trains")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    harness.use_threads(options.threads)
    load = harness.ForeignLoad()
    compare_ensemble(options)
    compare_panel(options)
    print(f"\nCores that other processes kept busy: {harness.cell(load.cores())}")


if __name__ == "__main__":
    main()
