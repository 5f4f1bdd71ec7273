"""The training step compiled for narrower vectors, beside PyTorch, which keeps the machine's own.

Runs train_step.py once for each processor: the machine's own, Haswell (AVX2, FMA) and baseline
x86-64 (SSE2). Numba adds the host's features to a named processor, so they are emptied as well;
otherwise a Haswell build would still hold AVX-512.

    python benchmarks/vector_widths.py
    python benchmarks/vector_widths.py --processors haswell --shapes small --threads 2
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness

PROCESSORS = ("host", "haswell", "x86-64")


def measured(processor: str, arguments: list[str]) -> dict[str, Any]:
    """What train_step.py reports for ours and PyTorch, compiled for the processor."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, str(harness.HERE / "train_step.py")]
        command += ["--contenders", "ours,torch", "--json", str(file), *arguments]
        env = {**os.environ, **compiled_for(processor)}
        subprocess.run(command, env=env, check=True, stdout=sys.stderr)
        content: dict[str, Any] = json.loads(file.read_text())
        return content


def compiled_for(processor: str) -> dict[str, str]:
    """The environment that makes Numba compile for a processor."""
    if processor == "host":
        return {}
    return {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""}


def rows(by_processor: dict[str, dict[str, Any]]) -> list[dict[str, object]]:
    """One line a measurement: ours for each processor, and PyTorch's time by it."""
    lines = []
    for measurements in zip(*(c["rows"] for c in by_processor.values()), strict=True):
        first = measurements[0]
        line: dict[str, object] = {
            key: first[key] for key in ("threads", "task", "cell", "batch, steps, inputs, hidden")
        }
        for processor, row in zip(by_processor, measurements, strict=True):
            line[f"{processor} ms"] = row["ours ms"]
            line["torch ms"] = row["torch ms"]
            line[f"torch / {processor}"] = row["ratio"]
        lines.append(line)
    return lines


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument(
        "--processors",
        type=lambda text: text.split(","),
        default=list(PROCESSORS),
        help="host or names that LLVM knows; other options go to train_step.py",
    )
    options, others = parser.parse_known_args()
    results = {processor: measured(processor, others) for processor in options.processors}
    harness.report("Ours compiled for narrower vectors, beside PyTorch", rows(results), options)


if __name__ == "__main__":
    main()
