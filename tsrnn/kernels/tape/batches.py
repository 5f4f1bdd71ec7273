"""What batches have in common for which one tape will do, and how many go into one call."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from tsrnn.kernels.windows import Batch

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


def calls(full: int, batches: int) -> Iterator[tuple[int, int]]:
    """First batch and number of batches of each call; the last batch may be a small one."""
    batch, at_once = 0, 1
    while batch < batches:
        steps = max(1, min(at_once, full - batch))
        start = time.perf_counter()
        yield batch, steps
        quick = time.perf_counter() - start < _SECONDS_IN_A_CALL
        at_once, batch = 2 * at_once if quick else max(1, at_once // 2), batch + steps
