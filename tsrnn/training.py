"""The fit loop: mini-batches, schedule, validation, early stopping."""

import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean
from typing import NamedTuple

import numpy as np

from tsrnn.kernels import Turn, WindowSet
from tsrnn.losses import Loss
from tsrnn.network import Network
from tsrnn.optimizers import OPTIMIZERS
from tsrnn.schedules import SCHEDULES, Plateau
from tsrnn.windows import spread_out

# An epoch of a long series samples it. One of a short series passes over it again and again, unless
# the network starts at the linear model, which few windows hardly improve on.
SHORTEST_EPOCH, LONGEST_EPOCH = 1024, 16384
# Of runs along a short series, each of many forecasts.
FEWEST_BATCHES = 8
# Windows in one pass over validation data: what memory is needed does not grow with the series.
_VALIDATION_BATCH = 1024


class InterruptionWarning(UserWarning):
    """Ctrl-C has cut a training short."""


@dataclass(frozen=True)
class Settings:
    """How to train; see ``RNNForecaster`` for the meaning of each."""

    loss: Loss
    optimizer: str
    learning_rate: float
    lr_schedule: str
    weight_decay: float
    batch_size: int
    max_epochs: int
    windows_per_epoch: int | None
    clip_norm: float | None
    dropout: float
    n_iter_no_change: int
    tol: float
    verbose: int


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    loss_curve: list[float]
    validation_scores: list[float]
    best_loss: float
    failure: str | None


@dataclass(frozen=True, eq=False)
class Examples:
    """What to learn from.

    Attributes
    ----------
    series : ndarray, shape (rows, columns)
        All series, one after another; see ``Columns`` for what a row holds.
    training, validation : list of ndarray of int64
        Starts of windows, for each series that has a network of its own, or for all. With
        validation windows, training stops early and restores the weights that did best on them.
    weights : ndarray, shape (rows,), or None
        How much the forecast of each row counts.
    origins : int
        Consecutive windows that are learned from in one run along the series, from each of the
        ``training`` starts on.
    burn_in : int or None
        Steps that such a run reads up to the end of its first window; None: that whole window.
    """

    series: np.ndarray
    training: list[np.ndarray]
    validation: list[np.ndarray] | None = None
    weights: np.ndarray | None = None
    origins: int = 1
    burn_in: int | None = None


class Memory(NamedTuple):
    """What an optimizer remembers, to go on from there."""

    values: np.ndarray
    """(networks, memories, trainable parameters)"""
    steps: np.ndarray
    """How many each network has taken, of shape (networks,)."""
    optimizer: str


class Learner:
    """One network on its way: what orders its windows, its learning rate, how far it has come."""

    def __init__(self, random: np.random.Generator, schedule: Callable[[int, int], float]):
        self.random, self.schedule = random, schedule
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.best_loss = math.inf
        self.best_parameters: np.ndarray | None = None
        self.best_epoch = 0
        self.waited = 0

    def note(self, score: float, tol: float, parameters: np.ndarray) -> None:
        """The score on validation windows after an epoch, and the weights that had it."""
        self.scores.append(score)
        self.waited = 0 if score < self.best_loss - tol else self.waited + 1
        self.keep_best(score, parameters)

    def keep_best(self, score: float, parameters: np.ndarray) -> None:
        """Remember the weights if no others had a better score."""
        if score < self.best_loss:
            self.best_loss, self.best_parameters = score, parameters.copy()
            self.best_epoch = len(self.scores)


class Trainer:
    """Trains the members of a network, or the networks of many series, side by side.

    Parameters
    ----------
    network : Network
    examples : Examples
    settings : Settings
    random : list of numpy Generator
        For each network, what orders its windows and chooses its dropout masks.
    memory : Memory, default=None
        Of the end of an earlier training. Another optimizer begins anew.
    epochs : list of int, default=None
        For each network, when to stop. None: after ``max_epochs``.
    """

    def __init__(
        self,
        network: Network,
        examples: Examples,
        settings: Settings,
        random: list[np.random.Generator],
        memory: Memory | None = None,
        epochs: list[int] | None = None,
    ):
        self.network, self.engine, self.examples = network, network.engine, examples
        self.settings, self.epochs = settings, epochs or [settings.max_epochs] * len(random)
        least = 1 if network.architecture.skip else SHORTEST_EPOCH
        usual = min(max(*map(len, examples.training), least), LONGEST_EPOCH)
        if examples.origins > 1:
            usual = max(-(-usual // examples.origins), FEWEST_BATCHES * settings.batch_size)
        self.windows_per_epoch = settings.windows_per_epoch or usual
        self.loss = settings.loss
        self.optimizer = OPTIMIZERS[settings.optimizer](weight_decay=settings.weight_decay)
        if memory is None or memory.optimizer != settings.optimizer:
            self._forget()
        else:
            self._memory = self.engine.optimizer_memory(self.optimizer, memory.values)
            self.steps = memory.steps.copy()
        self.learners = [Learner(each, SCHEDULES[settings.lr_schedule]()) for each in random]
        self.failure: str | None = None
        self.interrupted = False
        self._validation = self._validation_windows()

    @property
    def memory(self) -> Memory:
        """Of the optimizer, as it stands."""
        values = self.engine.remembered(self._memory)
        return Memory(values, self.steps, self.settings.optimizer)

    @property
    def random(self) -> list[np.random.Generator]:
        """Of each network, as it stands."""
        return [learner.random for learner in self.learners]

    @property
    def best_epochs(self) -> list[int]:
        """After how many epochs each network did best on its validation windows."""
        return [learner.best_epoch for learner in self.learners]

    def _validation_windows(self) -> list[WindowSet]:
        """At most as many as an epoch learns from; each series has as many as the longest one."""
        starts, examples = self.examples.validation or [], self.examples
        most = self.windows_per_epoch * examples.origins
        count = min(max(map(len, starts), default=0), most)
        chosen = [some[spread_out(len(some), count)] for some in starts]
        return [self.network.windows(examples.series, some, examples.weights) for some in chosen]

    def run(self) -> Outcome:
        """Train for ``max_epochs``, or until validation stops it, the loss diverges, or Ctrl-C."""
        epochs_done = 0
        try:
            if self._validation and self.network.architecture.skip:
                self._validate_start()
            for epoch in _progress(self.settings):
                active = self._active()
                if not active or self.failure:
                    break
                self._epoch(epoch, active)
                epochs_done += 1
        except KeyboardInterrupt:
            self.interrupted = True
            self._forget()  # nobody knows how many steps it remembers
            warnings.warn(
                f"Training was interrupted in epoch {epochs_done + 1}; "
                "the network keeps what it had learned.",
                InterruptionWarning,
                stacklevel=4,  # where fit was called
            )
        finally:
            self.engine.release()
        for number, learner in enumerate(self.learners):
            if learner.best_parameters is not None:
                self.engine.parameters[number] = learner.best_parameters
        return outcome_of(self.learners, self.failure)

    def _active(self) -> dict[int, Learner]:
        """Those who have not stopped yet."""
        patience, learners = self.settings.n_iter_no_change, enumerate(self.learners)
        return {
            number: learner
            for number, learner in learners
            if learner.waited < patience and len(learner.losses) < self.epochs[number]
        }

    def _epoch(self, epoch: int, active: dict[int, Learner]) -> None:
        settings, before = self.settings, self.engine.parameters.copy()
        size, clip_norm = settings.batch_size, settings.clip_norm or math.inf
        counts = np.diff([*range(0, self.windows_per_epoch, size), self.windows_per_epoch])
        turns = {number: self._turn(number, epoch, len(counts)) for number in active}
        losses, norms = self.engine.train(
            turns, size, self.loss, self._memory, clip_norm, settings.dropout
        )
        if not (np.isfinite(losses + norms).all() and np.isfinite(self.engine.parameters).all()):
            self.engine.parameters[:] = before
            self._forget()
            self.failure = _divergence(epoch, losses, norms, settings)
            return
        self.steps[[*active]] += len(counts)
        totals = (losses * counts).sum(axis=1)  # no BLAS: its threads would show in the last bits
        if self._validation:
            self._validate(active)
        for learner, loss in zip(active.values(), totals, strict=True):
            learner.losses.append(float(loss) / self.windows_per_epoch)
        for learner in active.values():
            if isinstance(learner.schedule, Plateau):
                learner.schedule.note((learner.scores or learner.losses)[-1])

    def _forget(self) -> None:
        """The optimizer's memory: the next training begins without."""
        self._memory = self.engine.optimizer_memory(self.optimizer)
        self.steps = np.zeros(self.engine.networks, np.int64)

    def _turn(self, number: int, epoch: int, steps: int) -> Turn:
        """What a network does in an epoch."""
        learner, examples, settings = self.learners[number], self.examples, self.settings
        training, random = examples.training[self.network.series_of(number)], learner.random
        rate = settings.learning_rate * learner.schedule(epoch, settings.max_epochs)
        order = self._order(training, random)
        run = examples.origins, examples.burn_in
        windows = self.network.windows(examples.series, order, examples.weights, *run)
        optimizer = self.optimizer.at(self.steps[number] + np.arange(1, steps + 1), rate)
        seeds = random.integers(2**62, size=steps) if settings.dropout else np.zeros(steps, int)
        return Turn(windows, optimizer, seeds)

    def _order(self, training: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The windows of an epoch, shuffled: a sample, or as many passes as it takes."""
        wanted = self.windows_per_epoch
        if wanted < len(training):
            return random.choice(training, wanted, replace=False)
        repeats = range(-(-wanted // len(training)))
        passes = [random.permutation(training) for _ in repeats]
        return np.concatenate(passes)[:wanted]

    def _validate(self, active: dict[int, Learner]) -> None:
        """The scores of the epoch."""
        for number, score in self._scores(active).items():
            active[number].note(score, self.settings.tol, self.engine.parameters[number])

    def _validate_start(self) -> None:
        """The linear model's own score, which the network has to improve on."""
        for number, score in self._scores(range(len(self.learners))).items():
            self.learners[number].keep_best(score, self.engine.parameters[number])

    def _scores(self, active: Iterable[int]) -> dict[int, float]:
        """Mean losses on the validation windows, by network."""
        sets = {number: self._validation[self.network.series_of(number)] for number in active}
        totals, size = np.zeros(len(sets)), len(self._validation[0])
        for first in range(0, size, _VALIDATION_BATCH):
            count = min(_VALIDATION_BATCH, size - first)
            batches = {number: windows.batch(first, count) for number, windows in sets.items()}
            totals += self.engine.loss(batches, self.loss) * count
        return {number: float(total) / size for number, total in zip(sets, totals, strict=True)}


def outcome_of(learners: list[Learner], failure: str | None) -> Outcome:
    """That of one learner, or the mean of several over those that were still at it."""
    losses, scores = ([each.losses for each in learners], [each.scores for each in learners])
    best = [
        each.best_loss if each.scores else min(each.losses, default=math.inf) for each in learners
    ]
    return Outcome(_mean_curve(losses), _mean_curve(scores), fmean(best), failure)


def _mean_curve(curves: list[list[float]]) -> list[float]:
    by_epoch = zip_longest(*curves)
    return [fmean(value for value in values if value is not None) for values in by_epoch]


def _divergence(epoch: int, losses: np.ndarray, norms: np.ndarray, settings: Settings) -> str:
    """What happened, and what to try. Finite losses mean that the last step was too long."""
    what, bad = "a step made the weights infinite", ~np.isfinite(losses + norms)
    if bad.any():
        first = np.argmax(bad.any(axis=0))
        learner = np.argmax(bad[:, first])
        loss, norm = losses[learner, first], norms[learner, first]
        what = f"the loss is {loss:g}, the norm of its gradient {norm:g}"
    clip = "a smaller clip_norm" if settings.clip_norm is not None else "clip_norm=1.0"
    return (
        f"Training diverged in epoch {epoch + 1}: {what}. The weights are those from before this "
        f"epoch. Try a smaller learning_rate (it was {settings.learning_rate:g}), {clip}, or "
        "normalize='standard'."
    )


def _progress(settings: Settings) -> Iterable[int]:
    """Numbers of the epochs; if ``verbose`` asks for it, behind a progress bar or told in lines."""
    epochs = range(settings.max_epochs)
    if not settings.verbose:
        return epochs
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _told(epochs)
    return tqdm(epochs, desc="tsrnn", unit="epoch")


def _told(epochs: range) -> Iterator[int]:
    """The same numbers; a line on the standard error after each epoch."""
    for epoch in epochs:
        yield epoch
        sys.stderr.write(f"tsrnn: epoch {epoch + 1}/{len(epochs)}\n")
