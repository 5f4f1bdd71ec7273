"""What a fitted forecaster is made of, and how it forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsrnn.frames import CovariateEncoder, Future, Panel
from tsrnn.kernels import Architecture
from tsrnn.losses import Distribution, Loss, Quantiles, name_of
from tsrnn.network import Network
from tsrnn.scaling import SeriesScaler

LONGEST_FORECAST = 10**7  # steps
_PATHS = 2**14  # that are drawn at once: what memory is needed does not grow with their number


@dataclass(frozen=True, eq=False)
class Task:
    """Rows to forecast, and what the network reads for them.

    Attributes
    ----------
    past : Panel
        The series that they continue.
    scaler : SeriesScaler
    history : ndarray, shape (channels * past.n_series, rows read, columns)
    known : ndarray, shape (channels * past.n_series, reach, known columns)
    series : ndarray of int64, shape (channels * past.n_series,)
        For ``Network.forecast``.
    reach : int
        Steps to forecast.
    place, steps : ndarray of int64, shape (rows,)
        Which series of ``past`` each row continues, and which step after its end it is.
    rows : tuple
        For ``Panel.wrap``: which series of the panel that was asked about, steps, index.
    """

    past: Panel
    scaler: SeriesScaler
    history: np.ndarray
    known: np.ndarray
    series: np.ndarray
    reach: int
    place: np.ndarray
    steps: np.ndarray
    rows: tuple[np.ndarray, np.ndarray, Any]


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
        The last rows of each series, as many as the network reads.
    horizon : int
        Steps of a forecast that nobody asked to be of another length.
    loss : Loss
        What the network was trained with: it says what its numbers mean.
    """

    network: Network
    encoder: CovariateEncoder
    scaler: SeriesScaler
    history: Panel
    horizon: int
    loss: Loss

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
        other.history.check_same_columns(self.history)
        self.encoder.check_same(other.encoder)
        network = self.network
        counts = network.n_members, network.n_series
        other.check_same_network(network.architecture, self.horizon, self.loss, *counts)
        other.check_same_series(self.history)
        network.take_over(other.network)

    def check_same_network(
        self,
        architecture: Architecture,
        horizon: int,
        loss: Loss,
        n_members: int,
        n_series: int | None,
    ) -> None:
        """Refuse to go on with a network that is no longer the one asked for.

        Raises
        ------
        ValueError
            With the parameters of the forecaster that ask for another one.
        """
        network = self.network
        learned = network.architecture, network.n_members, network.n_series
        if (architecture, n_members, n_series) == learned:
            return
        n_targets = self.history.n_targets
        before = _asked_for(*learned, self.horizon, n_targets)
        now = _asked_for(architecture, n_members, n_series, horizon, n_targets)
        if architecture.numbers != network.architecture.numbers:
            before |= _distribution_of(self.loss)
            now |= _distribution_of(loss)
        changed = [
            f"{name} was {before[name]!r}, now {now[name]!r}"
            for name in now
            if name in before and before[name] != now[name]
        ]
        raise ValueError(
            f"The network learned so far has another shape: {'; '.join(changed)}. "
            "fit(...) begins afresh, unless warm_start=True."
        )

    def check_same_series(self, panel: Panel) -> None:
        """Refuse other series, or another order, than those that have networks of their own."""
        moved = self.places(panel) != np.arange(panel.n_series)
        if self.network.n_series is not None and moved.any():
            place = int(np.argmax(moved))
            raise ValueError(
                "With pooling='local' each series has its own network: pass the same series in "
                f"the same order; {panel.label(place)} stands where {self.history.label(place)} "
                "was."
            )

    @property
    def season(self) -> int | None:
        """Steps in the season that is taken off the series, if any."""
        pattern = self.scaler.pattern
        return None if pattern is None else pattern.shape[1]

    def places(self, panel: Panel) -> np.ndarray:
        """Which of the series in ``history`` each series of a panel is; -1 for a new one."""
        known = self.history
        if known.ids is None and panel.ids is None:
            return np.zeros(1, np.int64)
        if known.ids is None or panel.ids is None:
            return np.full(panel.n_series, -1)
        return known.numbers_of(panel.ids, "The panel")

    def scaler_of(self, panel: Panel) -> SeriesScaler:
        """The scales of the series in a panel: as in training, or their own if they are new."""
        places = self.places(panel)
        known = np.flatnonzero(places >= 0)
        before = self.scaler.take(places[known]).later(self._steps_since(panel, known, places))
        if len(known) == panel.n_series:
            return before
        scaler = new_scaler(panel, self.loss, self.season)
        scaler.put(known, before)
        return scaler

    def _steps_since(self, panel: Panel, known: np.ndarray, places: np.ndarray) -> np.ndarray:
        """How much later series of a panel end than in training."""
        if self.season is None or panel is self.history:
            return np.zeros(len(known), np.int64)
        if panel.timeline is None or self.history.timeline is None:
            raise ValueError(
                f"With deseasonalize={self.season} a forecast has to know which step of the season "
                "a history ends with, and arrays and lists do not say; pass a Series or DataFrame "
                "with dates or numbers in its index, in training too."
            )
        now, then = panel.timeline.select(known), self.history.timeline.select(places[known])
        return now.steps_since(then)

    def forecast(self, past: Panel, future: Future | None) -> tuple[np.ndarray, Task]:
        """Forecast the rows of ``future``, or else the next ``horizon`` steps of each series.

        Returns
        -------
        parameters : ndarray, shape (numbers, rows, targets)
            What the network says of each value; ``loss`` makes forecasts and quantiles of it.
        task : Task
        """
        task = self._task(past, future)
        return self._parameters(task), task

    def sample(
        self, past: Panel, future: Future | None, count: int, random: np.random.RandomState
    ) -> tuple[np.ndarray, Task]:
        """Draws of these rows, of shape (rows, targets, count); ``loss`` knows a distribution."""
        assert isinstance(self.loss, Distribution)
        quantile = self.loss.quantile

        def draw(parameters: tuple, *more: int) -> np.ndarray:
            shape = *more, *parameters[0].shape
            return quantile(parameters, random.uniform(np.finfo(float).tiny, 1, shape))

        block = self.network.architecture.horizon
        task = self._task(past, future)
        if task.reach <= block:
            values = draw(tuple(self._parameters(task)), count)
            return np.moveaxis(values, 0, -1), task
        paths, at_once = [], max(1, _PATHS // len(task.history))
        for first in range(0, count, at_once):
            some = min(at_once, count - first)
            history, known = (np.repeat(rows, some, axis=0) for rows in (task.history, task.known))
            read = history, known, task.reach, task.series
            values = self.network.forecast(*read, self.loss, draw)[1]
            values = values.reshape(len(task.series), some, task.reach, -1).swapaxes(0, 1)
            values = task.scaler.inverse(self._by_target(values))[:, task.place, task.steps]
            self._check_finite(task, np.isfinite(values).all(axis=(0, 2)))
            paths.append(values)
        return np.moveaxis(np.concatenate(paths), 0, -1), task

    def _task(self, past: Panel, future: Future | None) -> Task:
        reach, name = self.horizon, "horizon"
        if future is not None:
            reach, name = int(future.steps.max(initial=-1)) + 1, "X"
        self._check_reach(reach, name)
        if future is None:
            series = np.repeat(np.arange(past.n_series), self.horizon)
            steps, index = np.tile(np.arange(self.horizon), past.n_series), None
        else:
            series, steps, index = future.series, future.steps, future.index
        asked, place = np.unique(series, return_inverse=True)
        if reach and len(asked) < past.n_series:
            past = past.select(asked)
        known = np.zeros((past.n_series, 0, 0))
        if reach:
            known = self._known(past, future, place, steps, reach)
        known = np.tile(known, (self.channels, 1, 1)) if self.channels > 1 else known
        scaler = self.scaler_of(past)
        read = self._last_rows(past, scaler), known, self._series_of(past)
        return Task(past, scaler, *read, reach, place, steps, (series, steps, index))

    def _parameters(self, task: Task) -> np.ndarray:
        if not task.reach:
            return np.zeros((self.loss.numbers, 0, task.past.n_targets))
        read = task.history, task.known, task.reach, task.series
        ahead = self._by_target(self.network.forecast(*read, self.loss)[0])
        unit = task.scaler.ahead(task.reach)
        with np.errstate(over="ignore", invalid="ignore"):  # what is infinite is refused
            parameters = np.stack(self.loss.moved(tuple(ahead), *unit))[:, task.place, task.steps]
        self._check_finite(task, np.isfinite(parameters).all(axis=(0, 2)))
        return parameters

    def _by_target(self, values: np.ndarray) -> np.ndarray:
        """(..., channels * series, steps, targets of one) to (..., series, steps, targets)."""
        if self.channels == 1:
            return values
        *more, rows, steps, _ = values.shape
        apart = values.reshape(*more, self.channels, rows // self.channels, steps)
        return np.moveaxis(apart, len(more), -1)

    def _check_finite(self, task: Task, finite: np.ndarray) -> None:
        if finite.all():
            return
        number, block = int(task.place[np.argmin(finite)]), self.network.architecture.horizon
        label, first = task.past.label(number), task.steps[~finite & (task.place == number)].min()
        if first >= block:
            raise ValueError(
                f"The forecast of {label} grows without end: step {first + 1} is no finite number. "
                f"From step {block + 1} on the network reads its own forecasts; ask for fewer "
                "steps, or fit with a longer horizon."
            )
        usual = np.maximum(np.abs(task.scaler.mean), task.scaler.deviation)[number].max()
        own = task.past.select(np.array([number])).targets
        raise ValueError(
            f"The values of {label} are too large for the network, which learned from values of "
            f"about {usual:.3g}: the largest is {np.abs(own).max():.3g}."
        )

    def _series_of(self, past: Panel) -> np.ndarray:
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
        """What the network reads, of shape (channels * series, rows read, columns)."""
        count = self.network.rows_read
        past = past if (past.lengths == count).all() else past.tail(count)
        return self.rows(past, scaler).reshape(self.channels * past.n_series, count, -1)

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
        self._check_whole_segments(ends + 1, past)
        known = np.zeros((*there.shape, len(names)), self.network.dtype)
        known[place, steps] = self.encoder.known(
            future.covariates, self.network.dtype, "row {} of X".format
        )
        return known

    def _check_whole_segments(self, counts: np.ndarray, past: Panel) -> None:
        """A segment is decoded from all that is known of it."""
        segment = self.network.architecture.segment
        incomplete = counts % segment if segment else np.zeros_like(counts)
        if incomplete.any():
            number = int(np.argmax(incomplete > 0))
            count, begun = counts[number], incomplete[number]
            raise ValueError(
                f"X has {count} rows after the end of {past.label(number)}; with covariates it "
                f"needs whole segments (segment_length={segment}): {segment - begun} more, or "
                f"{begun} less."
            )

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


def _asked_for(
    architecture: Architecture, n_members: int, n_series: int | None, horizon: int, n_targets: int
) -> dict[str, Any]:
    """The parameters of the forecaster that ask for such a network, but those without effect."""
    cell, _, activation = architecture.cell.partition("_")
    strategy = "direct" if architecture.horizon == horizon else "recursive"
    if architecture.decoder and not architecture.segment:
        strategy = "seq2seq"
    parameters = {
        "cell": cell,
        "hidden_size": architecture.hidden_size,
        "num_layers": architecture.num_layers,
        "bidirectional": architecture.directions == 2,
        "residual": architecture.residual,
        "strategy": strategy,
        "linear_skip": architecture.skip > 0,
        "segment_length": architecture.segment or None,
        "seasonal_lags": [*architecture.lags] or None,
        "n_members": n_members,
        "channels": "joint" if architecture.columns.targets == n_targets else "independent",
        "pooling": "global" if n_series is None else "local",
    }
    if activation:
        parameters["activation"] = activation
    if strategy != "recursive":
        parameters["horizon"] = horizon
    if architecture.skip:
        parameters["lookback"] = architecture.skip
    if n_series is not None:
        parameters["the number of series (pooling='local')"] = n_series
    return parameters


def _distribution_of(loss: Loss) -> dict[str, Any]:
    """The parameters that say how many numbers the network gives for each value."""
    quantiles = {"quantiles": loss.levels} if isinstance(loss, Quantiles) else {}
    return {"loss": name_of(loss), **quantiles}


def new_scaler(panel: Panel, loss: Loss, season: int | None) -> SeriesScaler:
    """The scales of series that were never seen, perhaps with the pattern of a season."""
    values, how = (panel.targets, panel.offsets), (loss.units, panel.season)
    if season is None:
        return SeriesScaler.fitted(*values, *how)
    return SeriesScaler.deseasonalizing(*values, panel.own_lengths, season, *how)
