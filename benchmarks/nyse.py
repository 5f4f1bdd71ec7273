"""Accuracy on the trading volume of the New York Stock Exchange, one day ahead.

From the last five days of volume, Dow Jones return and volatility (all but the return as
logarithms): the log volume of each day of the test part, 1980 to 1986, with the forecaster fitted
once on the days before, 1962 to 1979. R² on the test part; once more with the weekday known in
advance. Beside it the linear model of the same numbers ("AR(5)"), which needs to be beaten, and
the volume of the day before.

The series is `NYSE` of the R package `ISLR2` (James, Witten, Hastie & Tibshirani, 2021). DIR holds
it as NYSE.csv, 6,051 rows; in R:

    write.csv(ISLR2::NYSE, "NYSE.csv", row.names = FALSE)

    python benchmarks/nyse.py --data DIR
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np
import ours
import pandas as pd

# Chosen on the last fifth of the training part (--validate), never on the test part, by the mean R²
# of three seeds without and with weekday: .536 and .588, after 60 epochs .533 and .575. GRU of 32
# units .535 and .586, of 12 .526 and .584, of 12 with "last" .511 and .560; "rnn" .511 and .564.
SETTINGS: dict[str, Any] = {
    "cell": "lstm",
    "lookback": 5,
    "hidden_size": 32,
    "normalize": None,
    "max_epochs": 30,
}
TARGET, PAST, WEEKDAY = "log_volume", ["DJ_return", "log_volatility"], "day_of_week"
TRAIN, VALIDATION, TOTAL = 4281, 856, 6051


def read(folder: Path) -> Any:
    """The table, a row a trading day; another split is another protocol."""
    table = pd.read_csv(folder / "NYSE.csv")
    found = len(table), int(table["train"].sum())
    if found != (TOTAL, TRAIN) or not table["train"][:TRAIN].all():
        raise ValueError(
            f"NYSE.csv has {found[0]} rows, {found[1]} of them to train on; {TOTAL} rows are "
            f"needed, of which the first {TRAIN} have train TRUE"
        )
    return table


def r2(truth: Any, forecast: Any) -> float:
    return 1 - float(np.sum((truth - forecast) ** 2) / np.sum((truth - truth.mean()) ** 2))


def network_forecast(table: Any, train: int, covariates: list[str], seed: int) -> Any:
    """The network's forecast of each row from ``train`` on, reading the five rows before it."""
    X, y = table[covariates], table[TARGET]
    network = ours.forecaster(seed=seed, past_covariates=PAST, **SETTINGS)
    network.fit(X[:train], y[:train])
    read = SETTINGS["lookback"]
    forecasts = [
        network.predict(
            X[day : day + 1], history=y[day - read : day], X_history=X[day - read : day]
        )
        for day in range(train, len(table))
    ]
    return np.concatenate(forecasts)


def linear_forecast(table: Any, train: int, with_weekday: bool) -> Any:
    """The same by least squares."""
    lags = range(1, SETTINGS["lookback"] + 1)
    inputs = [table[[TARGET, *PAST]].shift(lag) for lag in lags]
    constant = pd.Series(0, table.index)  # one level for all days
    inputs.append(pd.get_dummies(table[WEEKDAY] if with_weekday else constant, dtype=float))
    x, y = pd.concat(inputs, axis=1).to_numpy(), table[TARGET].to_numpy()
    known = slice(SETTINGS["lookback"], train)
    weights, *_ = np.linalg.lstsq(x[known], y[known], rcond=None)
    return x[train:] @ weights


def network_lines(table: Any, train: int, with_weekday: bool, seeds: int) -> list[dict[str, str]]:
    """R² of each seed's network, and of the mean of their forecasts."""
    covariates = [*PAST, WEEKDAY] if with_weekday else PAST
    truth, seconds, forecasts = table[TARGET].to_numpy()[train:], [], []
    for seed in range(seeds):
        start = time.perf_counter()
        forecasts.append(network_forecast(table, train, covariates, seed))
        seconds.append(time.perf_counter() - start)
    name = "tsrnn with weekday" if with_weekday else "tsrnn"
    scores = [r2(truth, forecast) for forecast in forecasts]
    lines = [
        line(f"{name}, seed {seed}", score, taken)
        for seed, (score, taken) in enumerate(zip(scores, seconds, strict=True))
    ]
    lines.append(line(f"{name}, median of seeds", statistics.median(scores)))
    return [*lines, line(f"{name}, mean of the forecasts", r2(truth, np.mean(forecasts, axis=0)))]


def line(name: str, score: float, seconds: float | None = None) -> dict[str, str]:
    taken = "" if seconds is None else f"{seconds:.1f}"
    return {"forecast": name, "R²": f"{score:.4f}", "fit and forecast s": taken}


def main() -> None:
    options = harness.data_parser(__doc__, seeds=5).parse_args()
    table, train = read(options.data), TRAIN
    if options.validate:
        table, train = table[:TRAIN], TRAIN - VALIDATION
    values = table[TARGET].to_numpy()
    truth, lines = values[train:], []
    for with_weekday in (False, True):
        lines += network_lines(table, train, with_weekday, options.seeds)
        name = "AR(5) with weekday" if with_weekday else "AR(5)"
        lines.append(line(name, r2(truth, linear_forecast(table, train, with_weekday))))
    naive = ours.seasonal_naive(values, range(train, len(values)), horizon=1, season=1)
    lines.append(line("the day before", r2(truth, np.concatenate(naive))))
    part = "end of the training part" if options.validate else "test part"
    harness.report(f"NYSE, {len(truth)} days of the {part}", lines, options)


if __name__ == "__main__":
    main()
