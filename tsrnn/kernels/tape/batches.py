"""What batches have in common for which one tape will do, and how many go into one call."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tsrnn.kernels.architecture import Architecture
from tsrnn.kernels.windows import Batch, Turn

# Ctrl-C is heard between calls of a device, which take no longer than about twice this.
_SECONDS_IN_A_CALL = 0.1


class Kind(NamedTuple):
    """The kind of a batch for each of some networks."""

    count: int
    """Windows in each."""
    steps: int
    """Length of a window."""
    origins: int
    """Steps at its end after which the network forecasts."""
    loss: tuple[type, int] | None
    """And how many numbers it is made of; None for a forecast."""
    training: bool
    dropout: bool
    weighted: bool
    networks: int
    """That have a batch each."""

    @classmethod
    def of(cls, batches: dict[int, Batch], loss, training: bool, dropout: float) -> "Kind":
        """That of these batches, by network, which are alike."""
        batch = next(iter(batches.values()))
        windows = batch.windows
        which = None if loss is None else (type(loss), len(loss.settings))
        weighted = windows.weights is not None and loss is not None
        what = which, training, dropout > 0, weighted
        return cls(batch.count, windows.steps, windows.origins, *what, len(batches))

    @property
    def tape(self) -> tuple:
        """What ``network.record`` wants to know of it."""
        what = self.loss, self.training, self.dropout, self.weighted
        return self.steps, self.origins, *what

    def forecast_shape(self, architecture: Architecture) -> tuple[int, int]:
        """Windows, and numbers that the head gives for each."""
        return self.count, self.origins * architecture.positions * architecture.head_rows

    def values(self, architecture: Architecture) -> int:
        """How many a loss is the mean of."""
        return math.prod(self.forecast_shape(architecture)) // architecture.numbers


class Pace:
    """How many batches an engine goes through in a call; it begins with one."""

    def __init__(self) -> None:
        self.batches = 1

    @contextmanager
    def timed(self, batches: int) -> Iterator[None]:
        """A call: so many fit into the next one as take no longer than it should, up to twice."""
        start = time.perf_counter()
        yield
        fitting = batches * _SECONDS_IN_A_CALL / (time.perf_counter() - start)
        self.batches = max(1, min(2 * self.batches, int(fitting)))


def calls(
    turns: dict[int, Turn], batch_size: int, pace: Pace
) -> Iterator[tuple[int, int, dict[int, Batch]]]:
    """Calls that go through all batches of some turns; the last batch may be a small one.

    Yields the first batch, the number of batches, and the first one of each network.
    """
    windows = len(next(iter(turns.values())).windows)
    full, batches, batch = windows // batch_size, -(-windows // batch_size), 0
    while batch < batches:
        steps = max(1, min(pace.batches, full - batch))
        first = batch * batch_size
        count = min(batch_size, windows - first)
        yield batch, steps, {n: turn.windows.batch(first, count) for n, turn in turns.items()}
        batch += steps
