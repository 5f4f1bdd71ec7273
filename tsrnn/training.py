"""The fit loop: mini-batches, schedule, validation, early stopping."""

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean

import numpy as np

from tsrnn.kernels import Turn
from tsrnn.losses import Loss
from tsrnn.network import Network
from tsrnn.optimizers import OPTIMIZERS
from tsrnn.schedules import SCHEDULES, Plateau

# An epoch of a short series passes over it again and again, an epoch of a long one samples it.
SHORTEST_EPOCH, LONGEST_EPOCH = 1024, 16384
# Windows in one pass over validation data: what memory is needed does not grow with the series.
_VALIDATION_BATCH = 1024


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
class History:
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
    training, validation : ndarray of int64
        Starts of windows. With validation windows, training stops early and restores the weights
        that did best on them.
    weights : ndarray, shape (rows,), or None
        How much the forecast of each row counts.
    """

    series: np.ndarray
    training: np.ndarray
    validation: np.ndarray | None = None
    weights: np.ndarray | None = None


class Learner:
    """One network on its way: what orders its windows, its learning rate, how far it has come."""

    def __init__(self, random: np.random.Generator, schedule: Callable[[int, int], float]):
        self.random, self.schedule = random, schedule
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.best_loss = math.inf
        self.best_parameters: np.ndarray | None = None
        self.waited = 0

    def note(self, score: float, tol: float, parameters: np.ndarray) -> None:
        """The score on validation windows after an epoch, and the weights that had it."""
        self.scores.append(score)
        self.waited = 0 if score < self.best_loss - tol else self.waited + 1
        if score < self.best_loss:
            self.best_loss, self.best_parameters = score, parameters.copy()


class Trainer:
    """Trains the members of a network, side by side.

    Parameters
    ----------
    network : Network
    examples : Examples
    settings : Settings
    random : list of numpy Generator
        For each member, what orders its windows and chooses its dropout masks.
    memory : tuple of (ndarray, int), default=None
        What the optimizer remembered at the end of an earlier training, to go on from there.
    """

    def __init__(
        self,
        network: Network,
        examples: Examples,
        settings: Settings,
        random: list[np.random.Generator],
        memory: tuple[np.ndarray, int] | None = None,
    ):
        self.network, self.engine, self.examples = network, network.engine, examples
        self.settings = settings
        usual = min(max(len(examples.training), SHORTEST_EPOCH), LONGEST_EPOCH)
        self.windows_per_epoch = settings.windows_per_epoch or usual
        self.loss = settings.loss
        self.optimizer = OPTIMIZERS[settings.optimizer](weight_decay=settings.weight_decay)
        self.memory = self.engine.optimizer_memory(self.optimizer)
        self.step = 0
        if memory is not None:
            self.memory[:], self.step = memory
        self.learners = [Learner(each, SCHEDULES[settings.lr_schedule]()) for each in random]
        self.failure: str | None = None
        self._validation = None
        if examples.validation is not None:  # at most an epoch of them, evenly spread
            every = -(-len(examples.validation) // self.windows_per_epoch)
            starts = examples.validation[::every]
            self._validation = network.windows(examples.series, starts, examples.weights)

    def run(self) -> History:
        """Train for ``max_epochs``, or until validation stops it, the loss diverges, or Ctrl-C."""
        epochs_done = 0
        try:
            for epoch in _progress(self.settings):
                active = self._active()
                if not active or self.failure:
                    break
                self._epoch(epoch, active)
                epochs_done += 1
        except KeyboardInterrupt:
            warnings.warn(
                f"Training was interrupted in epoch {epochs_done + 1}; "
                "the network keeps what it had learned.",
                stacklevel=4,  # where fit was called
            )
        for number, learner in enumerate(self.learners):
            if learner.best_parameters is not None:
                self.engine.parameters[number] = learner.best_parameters
        return _history(self.learners, self.failure)

    def _active(self) -> dict[int, Learner]:
        """Those who have not stopped early."""
        patience = self.settings.n_iter_no_change
        return {n: each for n, each in enumerate(self.learners) if each.waited < patience}

    def _epoch(self, epoch: int, active: dict[int, Learner]) -> None:
        settings, before = self.settings, self.engine.parameters.copy()
        size, clip_norm = settings.batch_size, settings.clip_norm or math.inf
        counts = np.diff([*range(0, self.windows_per_epoch, size), self.windows_per_epoch])
        turns = {number: self._turn(each, epoch, len(counts)) for number, each in active.items()}
        losses, norms = self.engine.train(
            turns, size, self.loss, self.memory, clip_norm, settings.dropout
        )
        self.step += len(counts)
        if not (np.isfinite(losses + norms).all() and np.isfinite(self.engine.parameters).all()):
            self.engine.parameters[:] = before
            self.failure = _divergence(epoch, losses, norms, settings)
            return
        for learner, loss in zip(active.values(), losses @ counts, strict=True):
            learner.losses.append(float(loss) / self.windows_per_epoch)
        if self._validation is not None:
            self._validate(active)
        for learner in active.values():
            if isinstance(learner.schedule, Plateau):
                learner.schedule.note((learner.scores or learner.losses)[-1])

    def _turn(self, learner: Learner, epoch: int, steps: int) -> Turn:
        """What a learner does in an epoch."""
        settings, examples, random = self.settings, self.examples, learner.random
        rate = settings.learning_rate * learner.schedule(epoch, settings.max_epochs)
        windows = self.network.windows(examples.series, self._order(random), examples.weights)
        optimizer = self.optimizer.at(self.step + np.arange(1, steps + 1), rate)
        seeds = random.integers(2**62, size=steps) if settings.dropout else np.zeros(steps, int)
        return Turn(windows, optimizer, seeds)

    def _order(self, random: np.random.Generator) -> np.ndarray:
        """The windows of an epoch, shuffled: a sample, or as many passes as it takes."""
        training, wanted = self.examples.training, self.windows_per_epoch
        if wanted < len(training):
            return random.choice(training, wanted, replace=False)
        repeats = range(-(-wanted // len(training)))
        passes = [random.permutation(training) for _ in repeats]
        return np.concatenate(passes)[:wanted]

    def _validate(self, active: dict[int, Learner]) -> None:
        """The scores of the epoch."""
        windows, totals = self._validation, np.zeros(len(active))
        for first in range(0, len(windows), _VALIDATION_BATCH):
            count = min(_VALIDATION_BATCH, len(windows) - first)
            batch = windows.batch(first, count)
            totals += self.engine.loss(dict.fromkeys(active, batch), self.loss) * count
        for (number, learner), total in zip(active.items(), totals, strict=True):
            score = float(total) / len(windows)
            learner.note(score, self.settings.tol, self.engine.parameters[number])


def _history(learners: list[Learner], failure: str | None) -> History:
    """That of one learner, or the mean of several over those that were still at it."""
    losses, scores = ([each.losses for each in learners], [each.scores for each in learners])
    best = [
        each.best_loss if each.scores else min(each.losses, default=math.inf) for each in learners
    ]
    return History(_mean_curve(losses), _mean_curve(scores), fmean(best), failure)


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
    """Numbers of the epochs, behind a progress bar if ``verbose`` asks for one."""
    epochs = range(settings.max_epochs)
    if not settings.verbose:
        return epochs
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            'verbose=1 shows a progress bar, which needs tqdm: pip install "tsrnn[progress]".'
        ) from error
    return tqdm(epochs, desc="tsrnn", unit="epoch")
