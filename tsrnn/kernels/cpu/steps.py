"""Batch after batch through one network after another, without a return to Python in between."""

import math

from numba import types

from tsrnn.kernels.cpu.buffers import INT, INTS, advance, buffer
from tsrnn.kernels.cpu.native import Kernel, call, part_of_kernel
from tsrnn.kernels.cpu.parameters import PIECE
from tsrnn.kernels.tape import context as c

FLOAT = types.float64


def steps_kernel() -> Kernel:
    """``steps(worker, contexts)``: batches through the networks ``worker, worker + TEAM, ...``.

    A batch leaves its forecasts; or its loss and perhaps its gradient; and with an optimizer, the
    parameters one step further. A network's turn ends before a step whose loss or gradient is not
    finite.
    """

    def steps(worker, contexts):
        for number in range(worker, contexts[c.NETWORKS], contexts[c.TEAM]):
            context = advance(contexts, number * c.SIZE)
            for step in range(context[c.STEPS]):
                for row in range(context[c.WORKERS]):
                    _go_to(advance(context, row * c.SIZE), step)
                _carry(context)
                if context[c.STEP_LOSSES]:
                    buffer(FLOAT, context, c.STEP_LOSSES, step)[0] = _mean_loss(context)
                if context[c.OPTIMIZE] and not _update(context, step):
                    break

    return Kernel(steps, "steps", (INT, INTS))


@part_of_kernel
def _go_to(context, step):
    """Points a worker from the batch before to that of ``step``."""
    context[c.STEP] = step
    if context[c.DROPOUT_LIMIT]:
        context[c.DROPOUT_SEED] = buffer(INT, context, c.SEEDS, step)[0]
    if step > 0:
        context[c.STARTS] += context[c.WINDOWS] * 8
        context[c.LOCATION] += context[c.LOCATION_STEP]
        context[c.INVERSE_SCALE] += context[c.LOCATION_STEP]


@part_of_kernel
def _carry(context):
    """A batch through the network, and its gradient, where the tape has one."""
    _share(context, c.PACK, context[c.PARTS])
    _share(context, c.REPLAY, context[c.WORKERS])
    if context[c.COLLECT]:
        _share(context, c.ADD_TILES, context[c.PARTS])
        _share(context, c.COLLECT, context[c.PARTS])


@part_of_kernel
def _share(context, field, workers):
    """Have a kernel run by so many workers."""
    if workers > 1:
        call(context[c.PARALLEL], (context[field], context[c.CONTEXTS], workers))
    else:
        call(context[field], (0, context))


@part_of_kernel
def _mean_loss(context):
    """Of the batch: the sum over tiles, in order, by the number of values."""
    losses, total = buffer(FLOAT, context, c.LOSSES, 0), 0.0
    for tile in range(context[c.TILES]):
        total += losses[tile]
    return total / context[c.VALUE_COUNT]


@part_of_kernel
def _update(context, step):
    """The step itself; False if there is none to take."""
    squares, total = buffer(FLOAT, context, c.SQUARE, 0), 0.0
    for piece in range((context[c.TRAINABLE_COUNT] + PIECE - 1) // PIECE):
        total += squares[piece]
    norm = math.sqrt(total)
    buffer(FLOAT, context, c.STEP_NORMS, step)[0] = norm
    if not math.isfinite(buffer(FLOAT, context, c.STEP_LOSSES, step)[0] + norm):
        return False
    longest = buffer(FLOAT, context, c.CLIP_NORM, 0)[0]
    buffer(FLOAT, context, c.SHRINK, 0)[0] = 1.0 if norm <= longest else longest / norm
    _share(context, c.UPDATE, context[c.PARTS])
    return True
