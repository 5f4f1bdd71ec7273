"""Measure fairly: contenders take turns, figures are medians, ratios are taken round by round.

Nothing heavy is imported at the top of this file, so that a worker process can first settle how
many threads it uses (``use_threads``) and only then load the libraries that read it once.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")
Row = Mapping[str, object]

HERE = Path(__file__).resolve().parent
BLOCK_SECONDS = 0.05
PAUSE_SECONDS = 0.05
WARM_SECONDS = 0.15
MIN_ROUNDS = 5
FOREIGN_LIMIT = 0.1  # cores
LULL_SECONDS = 0.5
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",  # XLA's thread pools have no setter, they read this
)
PACKAGES = ("numpy", "numba", "torch", "keras", "jax", "neuralforecast", "scikit-learn", "pandas")


# Taking turns ------------------------------------------------------------------------------------


def take_turns(
    contenders: Mapping[str, Callable[[], Result]], enough: Callable[[int], bool]
) -> dict[str, list[Result]]:
    """Run A B C A B C ... until ``enough(rounds done)``; the results of each, one a round."""
    results: dict[str, list[Result]] = {name: [] for name in contenders}
    rounds = 0
    while not enough(rounds):
        for name, run in contenders.items():
            results[name].append(run())
        rounds += 1
    return results


def time_in_turns(
    contenders: Mapping[str, Callable[[], object]], seconds: float, rounds: int = MIN_ROUNDS
) -> dict[str, list[float]]:
    """Seconds per call of each contender, one figure a round, within ``seconds`` for each of them.

    There are at least so many ``rounds``. In a round every contender has a block of calls lasting
    about ``BLOCK_SECONDS``, after a pause in which the threads of the one before, which wait for
    more work in a loop (OpenBLAS's for 27 ms), go to sleep. The first call ever is not timed (it
    compiles), nor is what a contender does in the first ``WARM_SECONDS`` of its block: caches are
    cold, and virtual machines wake the processors of an idle guest on one core and spread them
    over several only after some 50 ms of work, in which two threads are as slow as one. One whose
    calls do ``steps_in_a_call`` steps is given seconds per step.
    """
    blocks = {name: _timed_block(call) for name, call in contenders.items()}
    deadline = time.perf_counter() + seconds * len(contenders)
    return take_turns(blocks, lambda n: n >= rounds and time.perf_counter() > deadline)


def _timed_block(call: Callable[[], object]) -> Callable[[], float]:
    call()
    steps = getattr(call, "steps_in_a_call", 1)
    calls = max(1, round(BLOCK_SECONDS / _seconds(call, 1)))

    def block() -> float:
        time.sleep(PAUSE_SECONDS)
        warm = time.perf_counter() + WARM_SECONDS
        while time.perf_counter() < warm:
            call()
        return _seconds(call, calls) / calls / steps

    return block


def _seconds(call: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - start


def median_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> float:
    """The median of the ratios round by round: slow drifts of the machine cancel out."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


# Threads and processes ---------------------------------------------------------------------------


def use_threads(threads: int) -> None:
    """Confine this process to ``threads`` cores and tell every library; call before importing any.

    XLA sizes its pools by the cores the process may run on, so confining is what binds it.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, _separate_cores(threads))
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))


def set_library_threads(threads: int) -> None:
    """Set the thread count once more in the libraries by now imported, which may have a setter."""
    import threadpoolctl

    threadpoolctl.threadpool_limits(threads)
    for module in ("torch", "numba"):
        if module in sys.modules:
            sys.modules[module].set_num_threads(threads)


def _separate_cores(threads: int) -> list[int]:
    """``threads`` of the processors allowed, hyper-threads of one core only when cores run out."""
    allowed = sorted(os.sched_getaffinity(0))
    if threads > len(allowed):
        raise ValueError(f"{threads} threads asked for, {len(allowed)} processors allowed")
    seen: dict[str, int] = {}
    for cpu in allowed:
        seen.setdefault(_siblings(cpu), cpu)
    first = list(seen.values())
    return (first + [cpu for cpu in allowed if cpu not in first])[:threads]


def _siblings(cpu: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return path.read_text().strip() if path.exists() else str(cpu)


def run_worker(
    script: str, arguments: Iterable[object], env: Mapping[str, str] | None = None
) -> Any:
    """Run a script of this folder in a fresh process; the JSON on its last line of output."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    # Progress, on stderr, goes through.
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def forget_peak_memory() -> int:
    """Begin to measure the peak anew (Linux only); the memory of this process now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes.

    Linux's own count is preferred: ``ru_maxrss`` survives ``exec``, so a child of a large parent
    would begin with the parent's peak.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class ForeignLoad:
    """How many cores other processes kept busy; more than ``FOREIGN_LIMIT`` spoils the figures.

    PyTorch's and NumPy's threads wait for each other at every step, and one of them losing its core
    to a stranger makes a step up to a hundred times slower.
    """

    def __init__(self) -> None:
        self.start = self._now()

    def cores(self) -> float | None:
        """Busy cores that were not this process's own; None where the system does not tell."""
        if self.start is None or (end := self._now()) is None:
            return None
        wall, own, everything = (b - a for a, b in zip(self.start, end, strict=True))
        return max(0.0, (everything - own) / wall)

    def _now(self) -> tuple[float, float, float] | None:
        stat = Path("/proc/stat")
        if not stat.exists():
            return None
        user, nice, system = map(int, stat.read_text().split(maxsplit=4)[1:4])
        everything = (user + nice + system) / os.sysconf("SC_CLK_TCK")
        # The last of os.times() is the clock; the rest are this process and its finished children.
        return time.perf_counter(), sum(os.times()[:4]), everything


def quietly(measure: Callable[[], Result], patience: float) -> tuple[Result, float | None]:
    """A measurement and its foreign load, begun in a lull and repeated until undisturbed.

    After ``patience`` seconds the next measurement counts, whatever its load.
    """
    deadline = time.perf_counter() + patience
    while True:
        while time.perf_counter() < deadline and not _lull():
            pass
        load = ForeignLoad()
        result, cores = measure(), load.cores()
        if cores is None or cores <= FOREIGN_LIMIT or time.perf_counter() > deadline:
            return result, cores


def _lull() -> bool:
    """Whether the other processes are quiet, judged over half a second of sleep."""
    load = ForeignLoad()
    time.sleep(LULL_SECONDS)
    cores = load.cores()
    return cores is None or cores <= FOREIGN_LIMIT


# Reporting ---------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """What the figures depend on: the processor, its cores, the versions of the packages."""
    facts = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            facts[package] = "absent"
    return facts


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(rows: Sequence[Row], markdown: bool = False) -> str:
    """Rows (one mapping each, the keys of the first are the columns) as aligned text."""
    columns = list(rows[0])
    cells = [columns] + [[cell(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    rule = ["-" * width for width in widths]
    left, between, right = ("| ", " | ", " |") if markdown else ("", "  ", "")
    lines = [
        left + between.join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + right
        for line in [cells[0], rule, *cells[1:]]
    ]
    return "\n".join(line.rstrip() for line in lines)


def cell(value: object) -> str:
    """A figure with three digits, anything else as it is."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def parser(description: str | None) -> argparse.ArgumentParser:
    """An argument parser with the options every script here has."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    result.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return result


def some_of(choices: Iterable[str]) -> Callable[[str], list[str]]:
    """For an option that takes several of these, separated by commas."""
    known = list(choices)

    def read(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return text.split(",")

    return read


def data_parser(description: str | None, seeds: int = 1) -> argparse.ArgumentParser:
    """One for a script that reads data from a folder and has a part of it to choose settings on."""
    result = parser(description)
    result.add_argument("--data", type=Path, required=True, metavar="DIR")
    result.add_argument("--seeds", type=int, default=seeds)
    result.add_argument("--validate", action="store_true", help="the end of the training part")
    return result


def report(title: str, rows: Sequence[Row], options: argparse.Namespace) -> None:
    """Print the machine and the table; write both to ``--json`` where asked."""
    facts = machine()
    print(f"\n{title}\n")
    print("; ".join(f"{key} {value}" for key, value in facts.items()), end="\n\n")
    print(table(rows, options.markdown), flush=True)
    if options.json is not None:
        content = {"title": title, "machine": facts, "rows": list(rows)}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
