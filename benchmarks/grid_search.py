"""A grid search of scikit-learn on two cores: as one worker or two, in processes or in threads.

48 fits: 12 networks, each on 4 folds of the airline passengers. Contenders are fresh processes that
take turns; the clock runs from the call of the search to its scores, so the start of scikit-learn's
own worker processes is in it. Ends with status 1 where the scores of any two differ in a bit.

    python benchmarks/grid_search.py
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import sys
import time
from typing import Any, NamedTuple

import harness
import ours

HORIZON = 12
FOLDS = 4
EPOCHS = 100  # about a minute with one thread
GRID = {"cell": ["lstm", "gru", "rnn"], "hidden_size": [32, 64], "lookback": [12, 24]}


class Contender(NamedTuple):
    """How a search is spread."""

    backend: str
    workers: int
    threads: int  # of each worker


CONTENDERS = {
    "1 worker, 1 thread": Contender("sequential", 1, 1),
    "2 processes (loky), 1 thread each": Contender("loky", 2, 1),
    "2 threads (threading), 1 thread each": Contender("threading", 2, 1),
    "1 worker, 2 threads": Contender("sequential", 1, 2),
}


def work(contender: Contender, epochs: int) -> dict[str, Any]:
    """Search in this process; its seconds, and the scores of all folds."""
    harness.use_threads(contender.workers * contender.threads)
    os.environ.update(dict.fromkeys(harness.THREAD_VARIABLES, str(contender.threads)))
    import joblib
    import pandas as pd
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    y = ours.airline()
    search = GridSearchCV(
        ours.forecaster(horizon=HORIZON, max_epochs=epochs),
        GRID,
        cv=TimeSeriesSplit(FOLDS, test_size=HORIZON),
        scoring="neg_mean_absolute_error",
        n_jobs=contender.workers,
        refit=False,
        error_score="raise",
    )
    start = time.perf_counter()
    with joblib.parallel_config(contender.backend, n_jobs=contender.workers):
        search.fit(pd.DataFrame(index=y.index), y)
    seconds = time.perf_counter() - start
    folds = [search.cv_results_[f"split{fold}_test_score"].tolist() for fold in range(FOLDS)]
    return {"seconds": seconds, "scores": folds}


def process(name: str, epochs: int) -> dict[str, Any]:
    """One search in a fresh process."""
    return harness.run_worker("grid_search.py", ["--worker", name, "--epochs", epochs])


def rows(results: dict[str, list[dict[str, Any]]]) -> list[dict[str, object]]:
    """Medians, ratios to one worker of one thread, and whether the scores are the same bits."""
    seconds = {name: [run["seconds"] for run in runs] for name, runs in results.items()}
    alone, *_ = seconds.values()
    expected = next(iter(results.values()))[0]["scores"]
    return [
        {
            "": name,
            "search s": statistics.median(seconds[name]),
            "least s": min(seconds[name]),
            "times as fast": harness.median_ratio(alone, seconds[name]),
            "same scores": "yes" if all(run["scores"] == expected for run in runs) else "NO",
        }
        for name, runs in results.items()
    ]


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of each fit")
    parser.add_argument("--worker", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        print(json.dumps(work(CONTENDERS[options.worker], options.epochs)))
        return
    for name in CONTENDERS:  # fills the cache of compiled kernels
        process(name, 1)
    load = harness.ForeignLoad()
    runs = {name: functools.partial(process, name, options.epochs) for name in CONTENDERS}
    results = harness.take_turns(runs, lambda rounds: rounds >= options.repeats)
    table = rows(results)
    harness.report(f"A grid search of {options.epochs} epochs a fit, medians", table, options)
    print(f"\nCores that other processes kept busy: {harness.cell(load.cores())}")
    sys.exit(any(row["same scores"] == "NO" for row in table))


if __name__ == "__main__":
    main()
