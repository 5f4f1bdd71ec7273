"""A loop over the calls of a tape, for one tile of windows after another."""

from tsrnn.kernels.cpu.buffers import INT, INTS, advance, buffer
from tsrnn.kernels.cpu.native import Kernel, call
from tsrnn.kernels.cpu.vectors import flush_denormals, restore_denormals
from tsrnn.kernels.tape import context as c
from tsrnn.kernels.tape.calls import CALL_LENGTH


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
