"""Saving while being killed, and reading what is broken, as often as a release should stand it.

200 processes that save a model again and again are killed with SIGKILL at random moments: the file
must be the old or the new one, whole. 5,000 files are damaged by accident, or forged with a right
checksum: each is refused, or read as a model, in bounded memory and time. The same functions run in
the tests with smaller numbers (tests/hostile.py); anything else than this ends with an error.

    python benchmarks/persistence.py
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time

import harness

sys.path.append(str(harness.HERE.parent / "tests"))
import hostile

KILLS, MUTATIONS = 200, 5000


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--mutations", type=int, default=MUTATIONS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", choices=("kills", "mutations"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    work = {"kills": hostile.kill_while_saving, "mutations": hostile.read_mutations}
    if options.worker is not None:
        with tempfile.TemporaryDirectory() as folder:
            count = getattr(options, options.worker)
            print(json.dumps(work[options.worker](folder, count, options.seed)))
        return
    rows = []
    for name in work:
        count, start = getattr(options, name), time.perf_counter()
        arguments = ["--worker", name, f"--{name}", count, "--seed", options.seed]
        outcome = harness.run_worker("persistence.py", arguments)
        words = ", ".join(f"{key} {value:,}" for key, value in outcome.items())
        seconds = f"{time.perf_counter() - start:.0f}"
        rows.append({"what": name, "count": f"{count:,}", "outcome": words, "seconds": seconds})
    harness.report("Model files under attack", rows, options)


if __name__ == "__main__":
    main()
