"""The network as a list of native calls, recorded once and replayed for every tile of windows.

Which products and passes a network consists of, and where in memory their operands lie, depends
only on its architecture, the number of steps and the size of a tile. So Python works that out once
and writes it down (see ``network``), and what each thread runs is a loop over the list: no time is
spent compiling control flow, and the network can be read, and tested, as ordinary Python.
"""

import numpy as np

from tsrnn.kernels.cpu import context as c
from tsrnn.kernels.cpu.context import INT, INTS, advance, buffer
from tsrnn.kernels.cpu.native import Kernel, call
from tsrnn.kernels.cpu.vectors import flush_denormals, restore_denormals

CALL_LENGTH = 16  # a kernel's address and its arguments


class Tape:
    """Native calls in order."""

    def __init__(self) -> None:
        self._calls: list[tuple[int, ...]] = []

    def add(self, kernel: Kernel, *arguments: int) -> None:
        padding = (0,) * (CALL_LENGTH - 1 - len(arguments))
        self._calls.append((kernel.address, *arguments, *padding))

    def finish(self) -> np.ndarray:
        """One row a call."""
        return np.array(self._calls, np.int64).reshape(-1, CALL_LENGTH)


def replay_kernel() -> Kernel:
    """``replay(worker, contexts)``: all calls for tiles ``worker, worker + WORKERS, ...``.

    Each tile leaves its gradient in a buffer of its own, so that their ordered sum does not depend
    on how many workers there were.
    """

    def replay(worker, contexts):
        context = advance(contexts, worker * c.SIZE)
        before = flush_denormals()
        for tile in range(worker, context[c.TILES], context[c.WORKERS]):
            first = tile * context[c.TILE_SIZE]
            context[c.TILE] = tile
            context[c.FIRST] = first
            context[c.COUNT] = min(context[c.TILE_SIZE], context[c.WINDOWS] - first)
            context[c.GRADIENT] = context[c.GRADIENTS] + tile * context[c.GRADIENT_BYTES]
            last = tile == context[c.TILES] - 1
            tape = buffer(INT, context, c.LAST_TAPE if last else c.TAPE, 0)
            length = context[c.LAST_TAPE_LENGTH if last else c.TAPE_LENGTH]
            for i in range(length):
                row = advance(tape, i * CALL_LENGTH)
                call(row[0], (context, advance(row, 1)))
        restore_denormals(before)

    return Kernel(replay, "replay", (INT, INTS))
