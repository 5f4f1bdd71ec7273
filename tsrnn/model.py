"""What a fitted forecaster is made of, and how it forecasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tsrnn.frames import CovariateEncoder, Future, Panel
from tsrnn.network import Network
from tsrnn.scaling import SeriesScaler

LONGEST_FORECAST = 10**7  # steps


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network, with the scales and categories it knows and the rows it forecasts from.

    Attributes
    ----------
    network : Network
    encoder : CovariateEncoder
    scaler : SeriesScaler
        Of the series in ``history``.
    history : Panel
        The last ``lookback`` rows of each series.
    horizon : int
        Steps of a forecast that nobody asked to be of another length.
    """

    network: Network
    encoder: CovariateEncoder
    scaler: SeriesScaler
    history: Panel
    horizon: int

    @property
    def channels(self) -> int:
        """How many series the network makes of one: one, or one of each target."""
        return self.history.n_targets // self.network.architecture.columns.targets

    def rows(self, panel: Panel, scaler: SeriesScaler) -> np.ndarray:
        """What the network reads: the rows of all series, channel after channel."""
        targets = scaler.transform(panel.targets, panel.offsets, self.network.dtype)
        parts = [
            self.encoder.rows(part, panel.covariates, panel.where)
            for part in np.split(targets, self.channels, axis=1)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def go_on_from(self, other: Model) -> None:
        """Take over the weights of another model whose network reads the same columns."""
        self.encoder.check_same(other.encoder)
        self.network.take_over(other.network)

    def places(self, panel: Panel) -> np.ndarray:
        """Which of the series in ``history`` each series of a panel is; -1 for a new one."""
        known = self.history
        if known.ids is None and panel.ids is None:
            return np.zeros(1, np.int64)
        if known.ids is None or panel.ids is None:
            return np.full(panel.n_series, -1)
        return known.ids.get_indexer(panel.ids)

    def scaler_of(self, panel: Panel) -> SeriesScaler:
        """The scales of the series in a panel: as in training, or their own if they are new."""
        places = self.places(panel)
        if (places >= 0).all():
            return self.scaler.take(places)
        scaler, known = SeriesScaler.fitted(panel.targets, panel.offsets), places >= 0
        scaler.mean[known] = self.scaler.mean[places[known]]
        scaler.deviation[known] = self.scaler.deviation[places[known]]
        return scaler

    def forecast(self, past: Panel, future: Future | None) -> tuple[np.ndarray, ...]:
        """Forecast the rows of ``future``, or else the next ``horizon`` steps of each series.

        Returns
        -------
        values : ndarray, shape (rows, targets)
        series, steps : ndarray of int64, shape (rows,)
            Which series of ``past`` each row continues, and which step after its end it is.
        """
        reach, name = self.horizon, "horizon"
        if future is not None:
            reach, name = int(future.steps.max(initial=-1)) + 1, "X"
        self._check_reach(reach, name)
        if future is None:
            series = np.repeat(np.arange(past.n_series), self.horizon)
            steps = np.tile(np.arange(self.horizon), past.n_series)
        else:
            series, steps = future.series, future.steps
        if not reach:
            return np.zeros((0, past.n_targets)), series, steps
        asked, place = np.unique(series, return_inverse=True)
        past = past if len(asked) == past.n_series else past.select(asked)
        known = self._known(past, future, place, steps, reach)
        scaler, channels = self.scaler_of(past), self.channels
        ahead = self.network.forecast(
            self._last_rows(past, scaler),
            np.tile(known, (channels, 1, 1)) if channels > 1 else known,
            reach,
            self._numbers(past),
        )
        if channels > 1:
            ahead = ahead.reshape(channels, past.n_series, reach).transpose(1, 2, 0)
        values = scaler.inverse(ahead)[place, steps]
        if not np.isfinite(values).all():
            bad = int(np.argmin(np.isfinite(values).all(axis=1)))
            raise ValueError(
                f"The values of {past.label(int(place[bad]))} are too large for the network, which "
                f"learned from values of about {np.abs(self.scaler.mean).max():.3g}: the largest "
                f"is {np.abs(past.targets).max():.3g}."
            )
        return values, series, steps

    def _numbers(self, past: Panel) -> np.ndarray:
        """Which of the series that have networks of their own each channel of each series is."""
        places = self.places(past)
        if self.network.n_series is not None and (places < 0).any():
            raise ValueError(
                f"There is no network for {past.label(int(np.argmin(places)))}: with "
                f"pooling='local' each of the {self.history.n_series} series of the training data "
                "has its own. Fit with it, or use pooling='global'."
            )
        firsts = np.arange(self.channels) * self.history.n_series
        return (firsts[:, None] + places).ravel()

    def _last_rows(self, past: Panel, scaler: SeriesScaler) -> np.ndarray:
        """What the network reads, of shape (channels * series, lookback, columns)."""
        lookback = self.network.lookback
        past = past if (past.lengths == lookback).all() else past.tail(lookback)
        return self.rows(past, scaler).reshape(self.channels * past.n_series, lookback, -1)

    def _known(
        self,
        past: Panel,
        future: Future | None,
        place: np.ndarray,
        steps: np.ndarray,
        reach: int,
    ) -> np.ndarray:
        """What is known of the steps to come, of shape (series, reach, known columns)."""
        names = self.encoder.known_numbers + self.encoder.known_categories
        if not names:
            return np.zeros((past.n_series, reach, 0))
        if future is None or future.covariates is None:
            raise ValueError(
                f"The forecaster learned from covariates that are known in advance ({names}): "
                f"pass them for the {reach} steps to come, predict(X)."
            )
        there = np.zeros((past.n_series, reach), bool)
        there[place, steps] = True
        ends = np.zeros(past.n_series, np.int64)
        np.maximum.at(ends, place, steps)
        missing = ~there & (np.arange(reach) <= ends[:, None])
        if missing.any():
            number, step = np.argwhere(missing)[0]
            raise ValueError(
                f"X has no row for step {step + 1} after the end of {past.label(number)}; with "
                "covariates it needs every step up to the last one asked for."
            )
        known = np.zeros((*there.shape, len(names)), self.network.dtype)
        known[place, steps] = self.encoder.known(
            future.covariates, self.network.dtype, "row {} of X".format
        )
        return known

    def _check_reach(self, reach: int, name: str) -> None:
        block = self.network.architecture.horizon
        if reach > LONGEST_FORECAST:
            raise ValueError(
                f"{name} reaches {reach} steps beyond the history; {LONGEST_FORECAST} is the most."
            )
        if reach > block and self.history.past:
            raise ValueError(
                f"{reach} steps were asked for, and the network forecasts {block} at once; going "
                f"on from its own forecast it would need {[*self.history.past]}, which are only "
                f"known up to now (past_covariates). Use horizon={reach} with strategy='direct' "
                "or 'seq2seq'."
            )
