"""A training step on a GPU beside PyTorch with cuDNN, with TF32 and without.

Forward, backward, mean squared error, clipping, Adam; LSTM and GRU. Contenders take turns in one
process, between two events of the device, which also see where it waits for Python; a figure is a
median, a ratio that of each round. At the end a thousand networks of the first shape take their
steps together, beside PyTorch, whose networks take turns: the time of one, times their number.
"--simulate" is a trial of the script itself on tiny shapes, in Numba's simulator, without a peer.
Rows appear on the standard error as they are measured.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --shapes short,many
    NUMBA_ENABLE_CUDASIM=1 python benchmarks/gpu.py --simulate
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import harness
import ours
import peers
from peers import Call, Problem

SHAPES = {
    "short": (256, 24, 1, 32),
    "large": (256, 96, 8, 128),
    "huge": (1024, 168, 8, 256),
    "many": (256, 24, 1, 32),
}
TINY = (4, 3, 1, 4)
CELLS = ("lstm", "gru")
PRECISIONS = {"many": ("ieee",)}  # of other shapes, both
NETWORKS = {"many": 1000}  # of other shapes, one
FEW = {"many": 2}  # simulated
AT_ONCE = 20  # steps in an epoch
BLOCK_SECONDS = 0.2


def torch_step(problem: Problem, precision: str) -> Call:
    """A step of PyTorch, which by default lets cuDNN round."""
    import torch

    step = peers.torch_step(problem, "cuda")

    def rounded() -> None:
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        step()

    return rounded


def device_clock(work: Callable[[], None]) -> float:
    """Seconds between two events of the device."""
    import torch

    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    work()
    last.record()
    torch.cuda.synchronize()
    return float(first.elapsed_time(last)) / 1000


def host_clock(work: Callable[[], None]) -> float:
    """Seconds of the processor's clock: the simulator has no events."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def block_of(call: Call, clock: Callable[[Callable[[], None]], float]) -> Callable[[], float]:
    """Calls for about ``BLOCK_SECONDS``, after some that compile and warm up: seconds per step."""
    steps = getattr(call, "steps_in_a_call", 1)

    def seconds_of(times: int) -> float:
        def repeat() -> None:
            for _ in range(times):
                call()

        return clock(repeat) / times / steps

    seconds_of(1)
    times = max(1, round(BLOCK_SECONDS / (steps * seconds_of(3))))
    return lambda: seconds_of(times)


def compare(calls: dict[str, Call], options: Any) -> dict[str, list[float]]:
    """Seconds per step of each, one figure a round."""
    clock = host_clock if options.simulate else device_clock
    blocks = {name: block_of(call, clock) for name, call in calls.items()}
    return harness.take_turns(blocks, lambda done: done >= options.rounds)


def line(problem: Problem, precision: str, networks: int, options: Any) -> dict[str, object]:
    """Ours beside PyTorch, if it takes part."""
    where = {"device": "cuda", "precision": precision, "networks": networks}
    at_once = 1 if options.simulate else AT_ONCE
    calls = {"tsrnn": ours.train_step(problem.cell, *problem.shape, at_once=at_once, **where)}
    if not options.simulate:
        calls["PyTorch"] = torch_step(problem, precision)
    taken = compare(calls, options)
    cells: dict[str, object] = {
        "cell": problem.cell,
        "batch, steps, inputs, hidden": ", ".join(map(str, problem.shape)),
        "networks": networks,
        "precision": precision,
    }
    for name, seconds in taken.items():
        share = networks if name == "PyTorch" else 1
        cells[f"{name} ms"] = 1000 * share * statistics.median(seconds)
    if "PyTorch" in taken:
        ratio = harness.median_ratio(taken["PyTorch"], taken["tsrnn"])
        cells["x PyTorch"] = networks * ratio
    return cells


def refuse_without_gpu(parser: argparse.ArgumentParser) -> None:
    """The peer needs one too."""
    import torch

    if not torch.cuda.is_available():
        parser.error("PyTorch finds no GPU; --simulate tries the script without one")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--shapes", type=harness.some_of(SHAPES), default=[*SHAPES])
    parser.add_argument("--simulate", action="store_true")
    options = parser.parse_args()
    if not options.simulate:
        refuse_without_gpu(parser)
    rows: list[harness.Row] = []
    for name, cell in itertools.product(options.shapes, CELLS):
        problem = Problem(cell, *(TINY if options.simulate else SHAPES[name]))
        networks = (FEW if options.simulate else NETWORKS).get(name, 1)
        for precision in PRECISIONS.get(name, ("ieee", "tf32")):
            rows.append(line(problem, precision, networks, options))
            figures = (f"{key}: {harness.cell(value)}" for key, value in rows[-1].items())
            print(*figures, sep="; ", file=sys.stderr, flush=True)
    from tsrnn.kernels import describe

    harness.report(f"A training step on {describe()['gpu']}", rows, options)


if __name__ == "__main__":
    main()
