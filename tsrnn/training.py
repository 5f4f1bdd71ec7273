"""The fit loop: mini-batches, schedule, validation, early stopping."""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tsrnn.losses import LOSSES
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

    loss: str
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


@dataclass
class History:
    """What came of it."""

    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    failure: str | None = None


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


class Trainer:
    """Trains a network.

    Parameters
    ----------
    network : Network
    examples : Examples
    settings : Settings
    random : numpy Generator
        Orders the windows and chooses dropout masks.
    memory : tuple of (ndarray, int), default=None
        What the optimizer remembered at the end of an earlier training, to go on from there.
    """

    def __init__(
        self,
        network: Network,
        examples: Examples,
        settings: Settings,
        random: np.random.Generator,
        memory: tuple[np.ndarray, int] | None = None,
    ):
        self.network, self.engine, self.examples = network, network.engine, examples
        self.settings, self.random = settings, random
        usual = min(max(len(examples.training), SHORTEST_EPOCH), LONGEST_EPOCH)
        self.windows_per_epoch = settings.windows_per_epoch or usual
        self.loss = LOSSES[settings.loss]()
        self.optimizer = OPTIMIZERS[settings.optimizer](weight_decay=settings.weight_decay)
        self.memory = self.engine.optimizer_memory(self.optimizer)
        self.schedule = SCHEDULES[settings.lr_schedule]()
        self.step = 0
        if memory is not None:
            self.memory[:], self.step = memory
        self.history = History()
        self._best_parameters: np.ndarray | None = None
        self._waited = 0
        self._validation = None
        if examples.validation is not None:  # at most an epoch of them, evenly spread
            every = -(-len(examples.validation) // self.windows_per_epoch)
            starts = examples.validation[::every]
            self._validation = network.windows(examples.series, starts, examples.weights)

    def run(self) -> History:
        """Train for ``max_epochs``, or until validation stops it, the loss diverges, or Ctrl-C."""
        try:
            for epoch in _progress(self.settings):
                self._epoch(epoch)
                if self.history.failure or self._should_stop():
                    break
        except KeyboardInterrupt:
            warnings.warn(
                f"Training was interrupted in epoch {len(self.history.loss_curve) + 1}; "
                "the network keeps what it had learned.",
                stacklevel=4,  # where fit was called
            )
        if self._best_parameters is not None:
            self.engine.parameters[:] = self._best_parameters
        if self._validation is None:
            self.history.best_loss = min(self.history.loss_curve, default=math.inf)
        return self.history

    def _epoch(self, epoch: int) -> None:
        settings, before = self.settings, self.engine.parameters.copy()
        rate = settings.learning_rate * self.schedule(epoch, settings.max_epochs)
        examples = self.examples
        windows = self.network.windows(examples.series, self._order(), examples.weights)
        total = 0.0
        for first in range(0, len(windows), settings.batch_size):
            count = min(settings.batch_size, len(windows) - first)
            seed = int(self.random.integers(2**62)) if settings.dropout else 0
            batch = windows.batch(first, count)
            loss = self.engine.loss_and_gradient(batch, self.loss, settings.dropout, seed)
            norm = self.engine.gradient_norm
            if not math.isfinite(loss + norm):
                break
            total += loss * count
            self._update(rate, norm)
        if not (math.isfinite(loss + norm) and np.isfinite(self.engine.parameters).all()):
            self.engine.parameters[:] = before
            self.history.failure = _divergence(epoch, loss, norm, settings)
            return
        self.history.loss_curve.append(total / len(windows))
        score = self._validate()
        if isinstance(self.schedule, Plateau):
            self.schedule.note(score)

    def _order(self) -> np.ndarray:
        """The windows of an epoch, shuffled: a sample, or as many passes as it takes."""
        training, wanted = self.examples.training, self.windows_per_epoch
        if wanted < len(training):
            return self.random.choice(training, wanted, replace=False)
        repeats = range(-(-wanted // len(training)))
        passes = [self.random.permutation(training) for _ in repeats]
        return np.concatenate(passes)[:wanted]

    def _update(self, rate: float, norm: float) -> None:
        clip = self.settings.clip_norm
        scale = 1.0 if clip is None or norm <= clip else clip / norm
        self.step += 1
        self.engine.update(self.optimizer.at(self.step, rate), self.memory, scale)

    def _validate(self) -> float:
        """The score of the epoch; remembers the weights of the best one."""
        history, windows = self.history, self._validation
        if windows is None:
            return history.loss_curve[-1]
        total = 0.0
        for first in range(0, len(windows), _VALIDATION_BATCH):
            count = min(_VALIDATION_BATCH, len(windows) - first)
            total += self.engine.loss(windows.batch(first, count), self.loss) * count
        score = total / len(windows)
        history.validation_scores.append(score)
        self._waited = 0 if score < history.best_loss - self.settings.tol else self._waited + 1
        if score < history.best_loss:
            history.best_loss = score
            self._best_parameters = self.engine.parameters.copy()
        return score

    def _should_stop(self) -> bool:
        return self._validation is not None and self._waited >= self.settings.n_iter_no_change


def _divergence(epoch: int, loss: float, norm: float, settings: Settings) -> str:
    """What happened, and what to try. A finite loss means that its last step was too long."""
    if math.isfinite(loss + norm):
        what = "a step made the weights infinite"
    else:
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
