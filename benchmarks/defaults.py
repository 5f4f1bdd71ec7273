"""Forecasts of many single series with all defaults, beside the seasonal naive forecast.

The series are the training parts of tourism (monthly; some also added up to quarters, or cut to
their last 72 months), of M4 (hourly, weekly), and of bike rentals and transformers by the day; the
ends of these parts are forecast. Each is fitted on its own, as somebody does who has one series.
For each kind: the mean error in units of the seasonal naive forecast's in sample (MASE), that of
the seasonal naive forecast, and how often ours is the better one. "all kinds" is the geometric mean
of the ratios.

The defaults were chosen on the first half of the series; --series second has the ones between, and
--series others the series of ``r_series``, which need no files.

    python benchmarks/defaults.py --data DIR --of defaults,suggest
    python benchmarks/defaults.py --series others
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import accuracy_sets as sets
import bike_sharing
import harness
import ours
import pandas as pd
import r_series

HALVES = {"first": 0, "second": 1}
LONGEST_WITHOUT_SEASON = 170  # weeks


def network_alone(series: pd.Series, horizon: int) -> Any:
    """Trained from nothing, over few windows again and again."""
    epoch = max(1024, min(len(series), 16384))
    return ours.forecaster(horizon=horizon, windows_per_epoch=epoch).fit(series).predict()


def with_defaults(**settings: Any) -> Callable[[pd.Series, int], Any]:
    """All defaults but these."""

    def forecast(series: pd.Series, horizon: int) -> Any:
        return ours.default_forecast(series, horizon, random_state=0, **settings)

    return forecast


def suggested(series: pd.Series, horizon: int) -> Any:
    """What ``suggest`` makes of the series."""
    return ours.suggested(series, horizon, seed=0).fit(series).predict()


CONTENDERS: dict[str, Callable[[pd.Series, int], Any]] = {
    "defaults": with_defaults(),
    "mean": with_defaults(normalize="mean"),
    "standard": with_defaults(normalize="standard"),
    "linear path alone": with_defaults(max_epochs=1, learning_rate=1e-30),
    "network alone": network_alone,
    "suggest": suggested,
}


class Case(NamedTuple):
    """A series to forecast the end of."""

    kind: str
    series: pd.Series
    horizon: int
    season: int


def cases(folder: Path, half: int) -> Iterator[Case]:
    """Every so many series of each kind; the other half has the ones between."""
    for number, series in enumerate(tourism(folder)):
        if number % 8 == 4 * half:
            yield Case("monthly", series, 12, 12)
            yield Case("monthly", series[:-12], 12, 12)
        if number % 12 == 2 + 6 * half:
            quarters = series.resample("QS").sum()[1:-1]
            if len(quarters) >= 30:
                yield Case("quarterly", quarters, 8, 4)
        if number % 12 == 4 + 6 * half:
            yield Case("72 months", series[-72:], 12, 12)
    for series in m4(folder, "Hourly", "h")[12 * half :: 24]:
        yield Case("hourly", series, 48, 24)
    for series in m4(folder, "Weekly", "W")[9 * half :: 18]:
        yield Case("weekly", series, 13, 52 if len(series) > LONGEST_WITHOUT_SEASON else 1)
    for series in daily(folder)[half::2]:
        for end in (0, 14, 28):
            yield Case("daily", series[: len(series) - end], 14, 7)


def tourism(folder: Path) -> list[pd.Series]:
    """366 monthly series with their dates."""
    lines = map(json.loads, (folder / "tourism_monthly.jsonl").read_text().splitlines())
    found = []
    for line in lines:
        months = round(12 * float(line["start"]))
        index = pd.period_range(
            pd.Period(year=months // 12, month=months % 12 + 1, freq="M"),
            periods=len(line["train"]),
        )
        found.append(pd.Series(line["train"], index.to_timestamp(), dtype=float))
    return found


def m4(folder: Path, name: str, freq: str) -> list[pd.Series]:
    """With dates that are made up."""
    past = sets.m4(folder, validate=False, name=name, season=1, freq=freq, naive2=None).past
    return [pd.Series(each, pd.date_range("1990", periods=len(each), freq=freq)) for each in past]


def daily(folder: Path) -> list[pd.Series]:
    """Bike rentals, also of their first 400 days, and four columns of the transformer."""
    rentals = bike_sharing.read(folder)[0][: bike_sharing.TEST].iloc[:-1].resample("D").sum()
    hours = pd.read_csv(folder / "ETTh1.csv", index_col="date", parse_dates=True)[:8640]
    columns = [hours[name].resample("D").mean()[:-1] for name in ("HUFL", "MUFL", "LUFL", "OT")]
    return [rentals.astype(float), rentals[:400].astype(float), *columns]


def line(name: str, every: list[Case]) -> dict[str, object]:
    """A contender's errors on all cases."""
    forecast, kinds = CONTENDERS[name], dict.fromkeys(case.kind for case in every)
    errors: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    start = time.perf_counter()
    for case in every:
        past, future = case.series[: -case.horizon], case.series[-case.horizon :]
        values = past.to_numpy()
        naive = ours.seasonal_naive(values, [len(values)], case.horizon, case.season)[0]
        pair = forecast(past, case.horizon), naive
        found = [ours.mase(future, each, values, case.season) for each in pair]
        errors[case.kind].append((found[0], found[1]))
    seconds = time.perf_counter() - start
    row: dict[str, object] = {"forecast": name}
    ratios = []
    for kind, pairs in errors.items():
        means = [statistics.mean(each) for each in zip(*pairs, strict=True)]
        better = statistics.mean(found < naive for found, naive in pairs)
        ratios.append(means[0] / means[1])
        row[f"{kind} ({len(pairs)})"] = f"{means[0]:.2f} / {means[1]:.2f}, {100 * better:.0f} %"
    row["all kinds"] = f"{math.exp(statistics.mean(map(math.log, ratios))):.3f}"
    return row | {"s": f"{seconds:.0f}"}


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="of all but the others")
    parser.add_argument("--series", choices=[*HALVES, "others"], default="first")
    parser.add_argument("--of", type=harness.some_of(CONTENDERS), default=[*CONTENDERS])
    options = parser.parse_args()
    if options.series == "others":
        every = [Case(*each) for each in r_series.cases()]
    elif options.data is None:
        parser.error(f"--series {options.series} needs --data DIR")
    else:
        every = [*cases(options.data, HALVES[options.series])]
    rows = []
    for name in options.of:
        rows.append(line(name, every))
        print(rows[-1], flush=True)
    title = f"{len(every)} ends of single series ({options.series})"
    harness.report(title, rows, options)


if __name__ == "__main__":
    main()
