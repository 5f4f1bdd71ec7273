"""The network as a list of calls, recorded once and replayed for every tile of windows.

Which products and passes a network consists of, and where in memory their operands lie, depends
only on its architecture, the number of steps and the size of a tile. So Python works that out once
and writes it down (see ``network``), and what a device runs is a loop over the list: no time is
spent compiling control flow, and the network can be read, and tested, as ordinary Python.

A call names an operation and its numbers: offsets, sizes and strides, which count numbers, not
bytes. What changes from batch to batch stands in a context (see ``context``).
"""

from typing import NamedTuple

import numpy as np

CALL_LENGTH = 16  # an operation and its numbers, at most 14; the rest is 0, and the last always


class Operation(NamedTuple):
    """What a device has code for, perhaps once for each cell or loss."""

    name: str
    of: tuple = ()
    """What it is made from: the name of a cell; a loss, the number of its settings, whether it is
    weighted; whether a product's left matrix is transposed."""


class Tape:
    """Calls in order."""

    def __init__(self) -> None:
        self._calls: list[tuple[Operation, tuple[int, ...]]] = []
        self.held = 0
        """Weights that a block holds in a memory of its own, at most."""

    def add(self, operation: Operation, *arguments: int) -> None:
        self._calls.append((operation, arguments))

    def operations(self) -> list[Operation]:
        """Each that occurs, once."""
        return [*dict.fromkeys(operation for operation, _ in self._calls)]

    def finish(self, codes: dict[Operation, int]) -> np.ndarray:
        """One row a call: the device's code for the operation, then its numbers."""
        rows = np.zeros((len(self._calls), CALL_LENGTH), np.int64)
        for row, (operation, arguments) in zip(rows, self._calls, strict=True):
            row[0] = codes[operation]
            row[1 : len(arguments) + 1] = arguments
            assert row[-1] == 0
        return rows
