"""A training step and a forward pass beside PyTorch (eager, CPU) and Keras on JAX.

All contenders take turns in one process, which is started once for every thread count and confined
to as many cores. "faster" is the faster peer; the ratio is its time by ours, the median over
rounds, and that of the minima beside it. "others" counts the cores that other processes kept busy:
the figures are worth nothing unless it is near 0 (--patience repeats what was disturbed).
At the two largest shapes NumPy multiplies two 1024x1024 float32 matrices in the same turns, and the
rate of our matrix products (of the faster peer's where ours is left out) stands beside NumPy's.

    python benchmarks/train_step.py
    python benchmarks/train_step.py --shapes small --cells lstm --threads 2 --seconds 1
    python benchmarks/train_step.py --contenders torch,keras
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import harness
import ours
import peers
from peers import Call, Problem, Variants

SHAPES = {
    "tiny": (32, 24, 1, 32),
    "short": (256, 24, 1, 32),
    "medium": (64, 168, 8, 64),
    "large": (256, 96, 8, 128),
    "huge": (256, 168, 8, 256),
}
GROUPS = {"all": tuple(SHAPES), "small": ("tiny", "short", "medium"), "big": ("large", "huge")}
TASKS = ("train", "infer")
PEERS = ("torch", "keras")
CONTENDERS = ("ours", *PEERS)
MATMUL_SIZE = 1024
HOPELESS = 1.5  # times as slow as another variant in a trial: no turns are wasted on it
PASSES = {"train": 3, "infer": 1}  # a backward pass has twice the products of a forward one


def contender(name: str, task: str, problem: Problem, threads: int) -> Variants:
    """Zero-argument calls that do the task once: the contender, in as many variants as it has."""
    if name == "ours":
        build = ours.train_step if task == "train" else ours.inference
        call = build(problem.cell, *problem.shape, outputs=problem.outputs, threads=threads)
        return {"ours": call}
    builders: dict[tuple[str, str], Callable[[Problem], Variants]] = {
        ("torch", "train"): peers.torch_train_step,
        ("torch", "infer"): peers.torch_inference,
        ("keras", "train"): peers.keras_train_step,
        ("keras", "infer"): peers.keras_inference,
    }
    return builders[name, task](problem)


def numpy_product() -> Call:
    """The product of two 1024x1024 float32 matrices."""
    import numpy as np

    a = np.random.default_rng(0).standard_normal((MATMUL_SIZE, MATMUL_SIZE), dtype=np.float32)
    out = np.empty_like(a)
    return lambda: np.matmul(a, a, out=out)


def measure(task: str, problem: Problem, threads: int, options: argparse.Namespace) -> dict:
    """Seconds per call of every contender in its fastest variant, one figure a round."""
    calls: Variants = {}
    for name in options.contenders:
        calls |= contender(name, task, problem, threads)
    if problem.shape in (SHAPES["large"], SHAPES["huge"]):
        calls["numpy"] = numpy_product()
    harness.set_library_threads(threads)
    calls = promising(calls)
    seconds, load = harness.quietly(
        lambda: harness.time_in_turns(calls, options.seconds), options.patience
    )
    variants = fastest_variants(seconds)
    return {
        "task": task,
        "cell": problem.cell,
        "shape": problem.shape,
        "seconds": {name: seconds[variant] for name, variant in variants.items()},
        "variants": variants,
        "foreign load": load,
    }


def promising(calls: Variants) -> Variants:
    """Without variants that are much slower than another one of the same contender."""
    trial = {name: min(times) for name, times in harness.time_in_turns(calls, 0, rounds=2).items()}
    best: dict[str, float] = {}
    for name, seconds in trial.items():
        contender = name.split()[0]
        best[contender] = min(seconds, best.get(contender, seconds))
    return {
        name: call
        for name, call in calls.items()
        if trial[name] <= HOPELESS * best[name.split()[0]]
    }


def fastest_variants(seconds: dict[str, list[float]]) -> dict[str, str]:
    """For each contender the variant with the smallest median."""
    variants: dict[str, str] = {}
    for variant in sorted(seconds, key=lambda name: statistics.median(seconds[name])):
        variants.setdefault(variant.split()[0], variant)
    return variants


def work(threads: int, options: argparse.Namespace) -> list[dict]:
    """All measurements at one thread count, in this process."""
    harness.use_threads(threads)
    results = []
    for shape in options.shapes:
        for cell in options.cells:
            for task in options.tasks:
                result = measure(task, Problem(cell, *SHAPES[shape]), threads, options)
                results.append({"threads": threads, **result})
                print(_progress(results[-1]), file=sys.stderr, flush=True)
    return results


def table_row(result: dict[str, Any]) -> dict[str, object]:
    """One line of the table: milliseconds, the ratio to the faster peer, the share of NumPy."""
    seconds = result["seconds"]
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    row: dict[str, object] = {
        "threads": result["threads"],
        "task": result["task"],
        "cell": result["cell"],
        "batch, steps, inputs, hidden": ", ".join(map(str, result["shape"])),
    }
    for name in CONTENDERS:
        row[f"{name} ms"] = medians[name] * 1e3 if name in medians else "-"
    row.update(_peer_ratio(result, medians), **_matrix_rate(result, medians))
    row["rounds"] = len(next(iter(seconds.values())))
    row["others"] = "?" if result["foreign load"] is None else f"{result['foreign load']:.2f}"
    return row


def _peer_ratio(result: dict[str, Any], medians: dict[str, float]) -> dict[str, object]:
    seconds = result["seconds"]
    present = [name for name in PEERS if name in seconds]
    if not present:
        return {"faster": "-", "ratio": "-", "of minima": "-"}
    peer = min(present, key=medians.__getitem__)
    faster = result["variants"][peer]
    if "ours" not in seconds:
        return {"faster": faster, "ratio": "-", "of minima": "-"}
    return {
        "faster": faster,
        "ratio": harness.median_ratio(seconds[peer], seconds["ours"]),
        "of minima": min(seconds[peer]) / min(seconds["ours"]),
    }


def _matrix_rate(result: dict[str, Any], medians: dict[str, float]) -> dict[str, object]:
    if "numpy" not in medians:
        return {"GFLOP/s": "-", "NumPy's": "-", "share": "-"}
    first = "ours" if "ours" in medians else min(set(PEERS) & set(medians), key=medians.__getitem__)
    problem = Problem(result["cell"], *result["shape"])
    flops, numpy_flops = PASSES[result["task"]] * problem.forward_flops(), 2 * MATMUL_SIZE**3
    numpy, own = result["seconds"]["numpy"], result["seconds"][first]
    share = flops / numpy_flops * harness.median_ratio(numpy, own)
    rates = flops / medians[first] / 1e9, numpy_flops / medians["numpy"] / 1e9
    return {"GFLOP/s": rates[0], "NumPy's": rates[1], "share": f"{share:.0%}"}


def _progress(result: dict[str, Any]) -> str:
    return ", ".join(f"{key} {harness.cell(value)}" for key, value in table_row(result).items())


def check(options: argparse.Namespace) -> None:
    """Print the losses of PyTorch and Keras for the same weights and the gap of their gradients."""
    rows = []
    for shape in options.shapes:
        for cell in options.cells:
            torch, keras, gap = peers.compare_losses(Problem(cell, *SHAPES[shape]))
            rows.append(
                {
                    "cell": cell,
                    "shape": shape,
                    "torch loss": f"{torch:.7f}",
                    "keras loss": f"{keras:.7f}",
                    "gradient gap": f"{gap:.1e}",
                }
            )
    harness.report("The peers with the same weights", rows, options)


def parse() -> argparse.Namespace:
    parser = harness.parser(__doc__)
    for name, choices, default in (
        ("--shapes", [*GROUPS, *SHAPES], ["all"]),
        ("--cells", [*peers.GATES], [*peers.GATES]),
        ("--tasks", TASKS, TASKS),
        ("--contenders", CONTENDERS, CONTENDERS),
    ):
        some = harness.some_of(choices)
        parser.add_argument(name, type=some, default=default, help=", ".join(choices))
    parser.add_argument("--threads", type=lambda text: text.split(","), default=["2", "1"])
    parser.add_argument("--seconds", type=float, default=2.0, help="for one contender at one shape")
    parser.add_argument(
        "--patience",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="repeat a measurement that other processes disturbed, for at most this long",
    )
    parser.add_argument("--check", action="store_true", help="only compare the peers' losses")
    parser.add_argument("--worker", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.shapes = [s for part in options.shapes for s in GROUPS.get(part, (part,))]
    return options


def main() -> None:
    options = parse()
    if options.check:
        check(options)
        return
    if options.worker is not None:
        print(json.dumps(work(options.worker, options)))
        return
    results = []
    for threads in options.threads:
        results += harness.run_worker("train_step.py", [*sys.argv[1:], "--worker", threads])
    harness.report("Training step and inference", [table_row(r) for r in results], options)


if __name__ == "__main__":
    main()
