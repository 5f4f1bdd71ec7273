"""Learning-rate schedules: what the rate is multiplied by in each epoch."""

import math
from collections.abc import Callable

PLATEAU_PATIENCE = 5


def constant(epoch: int, max_epochs: int) -> float:
    """The same throughout."""
    return 1.0


def step(epoch: int, max_epochs: int) -> float:
    """A tenth after each third of the epochs."""
    return 0.1 ** (3 * epoch // max_epochs)


def cosine(epoch: int, max_epochs: int) -> float:
    """Half a cosine wave, from 1 to almost 0 (Loshchilov & Hutter, 2017, without restarts)."""
    return 0.5 * (1.0 + math.cos(math.pi * epoch / max_epochs))


class Plateau:
    """Half, whenever ``PLATEAU_PATIENCE`` epochs in a row brought nothing better."""

    def __init__(self) -> None:
        self._factor, self._best, self._waited = 1.0, math.inf, 0

    def __call__(self, epoch: int, max_epochs: int) -> float:
        """The present factor, whatever the epoch."""
        return self._factor

    def note(self, score: float) -> None:
        """The score of the epoch that has just ended: lower is better."""
        self._waited = 0 if score < self._best else self._waited + 1
        self._best = min(self._best, score)
        if self._waited == PLATEAU_PATIENCE:
            self._factor, self._waited = self._factor / 2, 0


SCHEDULES: dict[str, Callable[[], Callable[[int, int], float]]] = {
    "constant": lambda: constant,
    "step": lambda: step,
    "cosine": lambda: cosine,
    "plateau": Plateau,
}
