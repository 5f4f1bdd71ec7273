"""The data sets of accuracy.py: their files, their protocols, and the forecasts to beat.

A set is split once. What is learned from ends where the part begins that forecasts are held
against: the test part, or with ``validate`` the one before it, on which settings are chosen.

- ETTh1, ETTm1 (Zhou et al., 2021): seven columns of an electricity transformer, hourly and every
  quarter of an hour, each z-scored by its training part. A forecast from every row of a part.
- M4 hourly and weekly (Makridakis et al., 2020): the end of each series, forecast once.
- Tourism monthly (Athanasopoulos et al., 2011), likewise.
- Taylor's half-hourly electricity demand (see taylor.py), from every row of the last two weeks.
- The airline passengers: the last year, or the five before it, each from all that precede it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import linear
import numpy as np
import ours
import pandas as pd
import taylor

Errors = dict[str, float]


@dataclass(frozen=True)
class Origins:
    """One table of series, forecast from many of its rows.

    Attributes
    ----------
    frame : DataFrame of shape (rows, columns)
    learned : tuple of int
        For each fit, how many rows it may see.
    origins : tuple of ndarray
        For each fit, the rows that its forecasts begin with.
    horizon, season : int
    errors_of : callable
        ``errors_of(forecasts, truth)``, both of shape (origins, horizon, columns), where NaN
        stands for a truth beyond the end.
    """

    frame: pd.DataFrame
    learned: tuple[int, ...]
    origins: tuple[Any, ...]
    horizon: int
    season: int
    errors_of: Callable[[Any, Any], Errors]

    def errors(self, fit: Callable[[Any], Any]) -> Errors:
        """Of the forecasters that ``fit(history)`` returns."""
        parts = []
        for learned, origins in zip(self.learned, self.origins, strict=True):
            forecaster = fit(self.frame.iloc[:learned])
            read = forecaster.history_length_
            parts += [
                np.asarray(forecaster.predict(history=self.frame.iloc[o - read : o]))
                for o in origins
            ]
        return self.errors_of(np.asarray(parts).reshape(self._shape), self._truth())

    def naive(self) -> Errors:
        """Of the season before."""
        values = self.frame.to_numpy()
        parts = [
            ours.seasonal_naive(values, [origin], self.horizon, self.season)[0]
            for origin in np.concatenate(self.origins)
        ]
        return self.errors_of(np.asarray(parts).reshape(self._shape), self._truth())

    def linear(self, lookback: int, logs: bool) -> Errors:
        """Of one linear model for all columns, perhaps of their logarithms."""
        values, parts = self.frame.to_numpy(), []
        if logs:
            values = np.log1p(values)
        for learned, origins in zip(self.learned, self.origins, strict=True):
            model = linear.fit([*values[:learned].T], lookback, self.horizon)
            parts.append(np.stack([model.forecast(column, origins) for column in values.T], axis=2))
        ahead = np.concatenate(parts)
        return self.errors_of(np.expm1(ahead) if logs else ahead, self._truth())

    @property
    def _shape(self) -> tuple[int, int, int]:
        return sum(map(len, self.origins)), self.horizon, self.frame.shape[1]

    def _truth(self) -> Any:
        padding = np.full((self.horizon, self.frame.shape[1]), np.nan)
        values = np.concatenate([self.frame.to_numpy(), padding])
        return values[np.concatenate(self.origins)[:, None] + np.arange(self.horizon)]


@dataclass(frozen=True)
class Ends:
    """Many series, each forecast once, from its end.

    Attributes
    ----------
    past, future : list of ndarray
        What is learned from, and what follows.
    season : int
    freq : str
        The competitions publish no dates that go with this form of the data; these are made up.
    naive2 : tuple of float or None
        sMAPE and MASE by which the overall weighted average divides.
    """

    past: list[Any]
    future: list[Any]
    season: int
    freq: str
    naive2: tuple[float, float] | None = None

    @property
    def horizon(self) -> int:
        """Steps to forecast."""
        return len(self.future[0])

    def frame(self) -> pd.DataFrame:
        """A long frame of what is learned from."""
        lengths = [*map(len, self.past)]
        names = [f"series {number:04d}" for number in range(len(self.past))]
        dates = pd.date_range("1950-01-01", periods=max(lengths), freq=self.freq)
        return pd.DataFrame(
            {
                "unique_id": np.repeat(names, lengths),
                "ds": np.concatenate([dates[:length] for length in lengths]),
                "y": np.concatenate(self.past),
            }
        )

    def errors(self, fit: Callable[[Any], Any]) -> Errors:
        """Of the forecaster that ``fit(frame)`` returns."""
        forecasts = np.asarray(fit(self.frame()).predict()["y"])
        return self.errors_of(forecasts.reshape(len(self.past), self.horizon))

    def naive(self) -> Errors:
        """Of the season before."""
        return self.errors_of(
            [
                ours.seasonal_naive(past, [len(past)], self.horizon, self.season)[0]
                for past in self.past
            ]
        )

    def linear(self, lookback: int, logs: bool) -> Errors:
        """Of one linear model for all series, perhaps of their logarithms."""
        series = [np.log1p(past) for past in self.past] if logs else self.past
        model = linear.fit(series, lookback, self.horizon)
        padded = [np.pad(each, (max(0, lookback - len(each)), 0), mode="edge") for each in series]
        ahead = np.concatenate([model.forecast(each, [len(each)]) for each in padded])
        return self.errors_of(np.expm1(ahead) if logs else ahead)

    def errors_of(self, forecasts: Any) -> Errors:
        """Averages over the series."""
        pairs = [*zip(self.future, forecasts, strict=True)]
        smapes = [_smape(truth, forecast) for truth, forecast in pairs]
        mases = [
            ours.mase(truth, forecast, past, self.season)
            for (truth, forecast), past in zip(pairs, self.past, strict=True)
        ]
        smape, mase = float(np.mean(smapes)), float(np.mean(mases))
        errors = {"sMAPE": smape, "MASE": mase}
        if self.naive2 is not None:
            errors["OWA"] = (smape / self.naive2[0] + mase / self.naive2[1]) / 2
        return errors


def _smape(truth: Any, forecast: Any) -> float:
    """In percent; a forecast of 0 for a 0 is without error."""
    size = np.abs(truth) + np.abs(forecast)
    return float(np.mean(200 * np.abs(truth - forecast) / np.where(size > 0, size, 1)))


def ett(folder: Path, validate: bool, name: str, horizon: int, per_hour: int = 1) -> Origins:
    """12 months to learn from, 4 to validate on, 4 to test; the rest is not used."""
    train, more = 8640 * per_hour, 2880 * per_hour
    frame = pd.read_csv(folder / f"{name}.csv", index_col="date", parse_dates=True)
    frame = frame.iloc[: train + 2 * more]
    begin = train if validate else train + more
    known = frame.iloc[:train]
    frame = ((frame - known.mean()) / known.std(ddof=0)).astype(np.float32)
    origins = np.arange(begin, begin + more - horizon + 1)

    def errors_of(forecasts: Any, truth: Any) -> Errors:
        error = forecasts - truth
        return {"MSE": float(np.square(error).mean()), "MAE": float(np.abs(error).mean())}

    return Origins(frame, (begin,), (origins,), horizon, 24 * per_hour, errors_of)


def m4(folder: Path, validate: bool, name: str, season: int, freq: str, naive2: Any) -> Ends:
    """The competition's own training and test parts."""
    past, future = (_m4_part(folder / "m4" / f"{name}-{part}.csv") for part in ("train", "test"))
    return Ends(*_ends(past, future, validate), season, freq, naive2)


def _m4_part(path: Path) -> list[Any]:
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    return [np.array([float(value) for value in row[1:] if value]) for row in rows]


def tourism(folder: Path, validate: bool) -> Ends:
    """366 monthly series; their last two years."""
    lines = (folder / "tourism_monthly.jsonl").read_text().splitlines()
    series = [json.loads(line) for line in lines]
    past, future = ([np.array(each[part], float) for each in series] for part in ("train", "test"))
    return Ends(*_ends(past, future, validate), 12, "MS")


def _ends(past: list[Any], future: list[Any], validate: bool) -> tuple[list[Any], list[Any]]:
    """Both as they are; or the end of the past in place of the future."""
    if not validate:
        return past, future
    horizon = len(future[0])
    return [each[:-horizon] for each in past], [each[-horizon:] for each in past]


def taylor_demand(folder: Path, validate: bool) -> Origins:
    """Half-hourly; at an origin near the end the steps that remain count."""
    values, train = taylor.read(folder), taylor.TRAIN
    if validate:
        values, train = values[: taylor.TRAIN], taylor.TRAIN - taylor.VALIDATION
    dates = pd.date_range("2000-06-05", periods=len(values), freq="30min")
    frame = pd.DataFrame({"demand": values}, index=dates)

    def errors_of(forecasts: Any, truth: Any) -> Errors:
        relative = 100 * np.abs(forecasts - truth) / truth
        return {"MAPE": float(np.nanmean(relative, axis=(0, 2)).mean())}

    origins = np.arange(train, len(values))
    return Origins(frame, (train,), (origins,), taylor.HORIZON, taylor.WEEK, errors_of)


def airline(folder: Path, validate: bool) -> Origins:
    """Monthly; refitted for each of five years when it comes to choosing."""
    series = ours.airline().astype(float)
    ends = [len(series) - 12]
    if validate:
        series = series.iloc[:-12]
        ends = [len(series) - 12 * years for years in range(5, 0, -1)]

    def errors_of(forecasts: Any, truth: Any) -> Errors:
        return {"MAPE": float(100 * np.mean(np.abs(forecasts - truth) / truth))}

    origins = tuple(np.array([end]) for end in ends)
    return Origins(series.to_frame(), tuple(ends), origins, 12, 12, errors_of)
