"""Batch after batch through one network after another, without a return to Python in between."""

import math

from numba import types

from tsrnn.kernels.cpu.buffers import INT, INTS, advance, buffer
from tsrnn.kernels.cpu.native import Kernel, call, part_of_kernel
from tsrnn.kernels.tape import context as c

FLOAT = types.float64


def steps_kernel(real) -> Kernel:
    """``steps(worker, contexts)``: batches through the networks ``worker, worker + TEAM, ...``.

    A batch leaves its forecasts; or its loss and perhaps its gradient; and with an optimizer, the
    parameters one step further. A network's turn ends before a step whose loss or gradient is not
    finite.
    """
    update = _update(real)

    def steps(worker, contexts):
        for number in range(worker, contexts[c.NETWORKS], contexts[c.TEAM]):
            context = advance(contexts, number * c.SIZE)
            for step in range(context[c.STEPS]):
                for row in range(context[c.WORKERS]):
                    _go_to(advance(context, row * c.SIZE), step)
                changed = context[c.PACKED_TRAINABLE] if step > 0 else context[c.PACKED_SIZE]
                _carry(context, changed)
                if context[c.STEP_LOSSES]:
                    buffer(FLOAT, context, c.STEP_LOSSES, step)[0] = _mean_loss(context)
                if context[c.OPTIMIZE] and not update(context, step):
                    break

    return Kernel(steps, f"steps-{real}", (INT, INTS))


@part_of_kernel
def _go_to(context, step):
    """Points a worker from the batch before to that of ``step``."""
    if context[c.DROPOUT_LIMIT]:
        context[c.DROPOUT_SEED] = buffer(INT, context, c.SEEDS, step)[0]
    if step > 0:
        context[c.STARTS] += context[c.WINDOWS] * 8
        context[c.LOCATION] += context[c.LOCATION_STEP]
        context[c.INVERSE_SCALE] += context[c.LOCATION_STEP]


@part_of_kernel
def _carry(context, changed):
    """A batch through the network, ``changed`` of whose packed weights are no longer the same.

    And its gradient, where the tape has one.
    """
    call(context[c.PACK], (context, changed))
    if context[c.WORKERS] > 1:
        call(context[c.PARALLEL], (context[c.REPLAY], context[c.CONTEXTS], context[c.WORKERS]))
    else:
        call(context[c.REPLAY], (0, context))
    if context[c.COLLECT]:
        call(context[c.COLLECT], (context,))


@part_of_kernel
def _mean_loss(context):
    """Of the batch: the sum over tiles, in order, by the number of values."""
    losses, total = buffer(FLOAT, context, c.LOSSES, 0), 0.0
    for tile in range(context[c.TILES]):
        total += losses[tile]
    return total / context[c.VALUE_COUNT]


def _update(real):
    """The step itself; False if there is none to take."""

    @part_of_kernel
    def update(context, step):
        norm = math.sqrt(buffer(FLOAT, context, c.SQUARE, 0)[0])
        buffer(FLOAT, context, c.STEP_NORMS, step)[0] = norm
        if not math.isfinite(buffer(FLOAT, context, c.STEP_LOSSES, step)[0] + norm):
            return False
        longest = buffer(FLOAT, context, c.CLIP_NORM, 0)[0]
        arguments = (
            buffer(real, context, c.PARAMETERS, 0),
            buffer(real, context, c.DERIVATIVES, 0),
            buffer(real, context, c.MEMORY, 0),
            buffer(FLOAT, context, c.OPTIMIZER_SETTINGS, step * context[c.OPTIMIZER_FIELDS]),
            context[c.TRAINABLE_COUNT],
            context[c.MEMORY_STRIDE],
            1.0 if norm <= longest else longest / norm,
        )
        call(context[c.OPTIMIZE], arguments)
        return True

    return update
