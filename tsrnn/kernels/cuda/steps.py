"""Batch after batch through one network after another, in one launch.

A block replays the tape for some tiles of the batch, as a thread of the CPU does. One network's
tiles are spread over all blocks, which wait for each other between the parts of a step; several
networks are spread over the blocks as wholes, and a block waits for nobody. Of a large network
several blocks, a crew, work on a tile together, each by a tape of its own (see ``tape.recorder``).
"""

from collections.abc import Callable

from tsrnn.kernels.cuda.data import Arrays
from tsrnn.kernels.cuda.device import (
    LANES,
    THREADS,
    cuda,
    function,
    integer,
    is_finite,
    pointer,
    root,
    split,
)
from tsrnn.kernels.cuda.products import TILE, rounds
from tsrnn.kernels.cuda.tensor_cores import rounded
from tsrnn.kernels.cuda.waiting import sync
from tsrnn.kernels.tape import context as c
from tsrnn.kernels.tape.calls import CALL_LENGTH

# Sizes of arrays are names of this module, or Numba takes no constant.
CONTEXT_LENGTH = c.SIZE
NUMBERS_AHEAD = -(-CALL_LENGTH // THREADS)  # of a call, for each thread
PARTIAL_LENGTH = THREADS // LANES * TILE  # a tile of a product for each warp


def steps_kernel(
    operations: list[Callable], update: Callable | None, real, precision: str
) -> Callable:
    """``steps(series, state, scratch, fixed, starts, now)``: what a launch does.

    Parameters
    ----------
    operations : list of callable
        By the number that stands for each on the tape.
    update : callable or None
        The optimizer's step.
    real : numba type
        Of all numbers.
    precision : {"ieee", "tf32"}
        Of products.
    """
    pack, replay = _pack(precision), _replay(operations)
    end = _end(update, real)

    def steps(series, state, scratch, fixed, starts, now):
        me, block = cuda.threadIdx.x, cuda.blockIdx.x
        context = pointer(cuda.shared.array(CONTEXT_LENGTH, integer), 0)
        call = pointer(cuda.shared.array(CALL_LENGTH, integer), 0)
        sums = pointer(cuda.shared.array(THREADS, real), 0)
        held = pointer(cuda.shared.array(0, real), 0)  # as large as the launch says
        partial = pointer(cuda.shared.array(PARTIAL_LENGTH, real), 0)
        floats = pointer(series, 0), pointer(state, 0), pointer(scratch, 0)
        arrays = Arrays(*floats, pointer(fixed, 0), pointer(starts, 0), held, partial, now)
        several = now[c.NETWORKS] > 1
        number = block if several else 0
        # The state of a range would take registers, for as long as all that is in the loop lasts.
        while number < now[c.NETWORKS]:
            row = number if several else block
            field = me
            while field < CONTEXT_LENGTH:
                context[field] = now[row * CONTEXT_LENGTH + field]
                field += THREADS
            cuda.syncthreads()
            while context[c.STEP] < context[c.STEPS]:
                if me == 0 and context[c.DROPOUT_LIMIT]:
                    context[c.DROPOUT_SEED] = starts[context[c.SEEDS] + context[c.STEP]]
                pack(arrays, context, me)
                sync(now, context[c.BARRIER], context[c.WORKERS])
                first, _ = split(context[c.RANK], context[c.CREW])
                crews, _ = split(context[c.WORKERS], context[c.CREW])
                for tile in range(first, context[c.TILES], crews):
                    if me == 0:
                        _begin(context, tile)
                    cuda.syncthreads()
                    replay(arrays, context, call, me)
                sync(now, context[c.BARRIER], context[c.WORKERS])
                if not end(arrays, context, sums, me):
                    break
                sync(now, context[c.BARRIER], context[c.WORKERS])
                if me == 0:
                    _go_on(context)
                cuda.syncthreads()
            cuda.syncthreads()
            number += cuda.gridDim.x

    return steps


def _replay(operations: list[Callable]) -> Callable:
    """All calls of a tape for a tile, the whole block at each.

    Numbers that a warp has in common, ptxas 12 and 13 keep in 63 registers of the warp on 9.0. When
    those run out, each is moved to a register of every thread that serves for nothing else in the
    whole kernel, until these run out as well. So a call's numbers lie at a place that differs from
    thread to thread, for all it can know. They are read from the tape while the call before them is
    at work.
    """
    branches = _branches(operations)

    @function
    def replay(arrays, context, call, me):
        fixed = arrays.fixed
        last = context[c.TILE] == context[c.TILES] - 1
        tape = context[c.LAST_TAPE] if last else context[c.TAPE]
        length = context[c.LAST_TAPE_LENGTH] if last else context[c.TAPE_LENGTH]
        ahead = cuda.local.array(NUMBERS_AHEAD, integer)
        _read_ahead(ahead, fixed, tape, me)
        for i in range(length):
            for n in range(NUMBERS_AHEAD):
                if me + n * THREADS < CALL_LENGTH:
                    call[me + n * THREADS] = ahead[n]
            cuda.syncthreads()
            if i + 1 < length:
                _read_ahead(ahead, fixed, tape + (i + 1) * CALL_LENGTH, me)
            zero = me * call[CALL_LENGTH - 1]
            branches(arrays, context, pointer(call, zero), me, THREADS)
            cuda.syncthreads()

    return replay


@function
def _read_ahead(ahead, fixed, place, me):
    """A thread's numbers of a call."""
    for n in range(NUMBERS_AHEAD):
        if me + n * THREADS < CALL_LENGTH:
            ahead[n] = fixed[place + me + n * THREADS]


def _branches(operations: list[Callable]) -> Callable:
    """The operation that a call names, found by halves: device code has no table of functions."""

    def between(first: int, last: int) -> Callable:
        if last - first == 1:
            return operations[first]
        middle = (first + last) // 2
        low, high = between(first, middle), between(middle, last)

        @function
        def choose(arrays, context, call, me, threads):
            if call[0] < middle:
                low(arrays, context, call, me, threads)
            else:
                high(arrays, context, call, me, threads)

        return choose

    return between(0, len(operations))


@function
def _go_on(context):
    """Points at the next batch."""
    context[c.STEP] += 1
    context[c.STARTS] += context[c.WINDOWS]
    context[c.LOCATION] += context[c.LOCATION_STEP]
    context[c.INVERSE_SCALE] += context[c.LOCATION_STEP]


@function
def _begin(context, tile):
    """Points at a tile."""
    context[c.TILE] = tile
    context[c.FIRST] = tile * context[c.TILE_SIZE]
    context[c.COUNT] = min(context[c.TILE_SIZE], context[c.WINDOWS] - context[c.FIRST])
    context[c.GRADIENT] = context[c.GRADIENTS] + tile * context[c.GRADIENT_SIZE]


def _pack(precision: str) -> Callable:
    """``packed[i] = parameters[sources[i]]``; some are the sum of two. All workers have a share.

    From the second step on it is those that the step before has changed. For tensor cores they are
    rounded, once for all products with them.
    """
    to_round = rounds(precision)

    @function
    def pack(arrays, context, me):
        state, scratch, fixed = arrays.state, arrays.scratch, arrays.fixed
        sources, parameters = context[c.SOURCES], context[c.PARAMETERS]
        first, threads = context[c.RANK] * THREADS + me, context[c.WORKERS] * THREADS
        changed = context[c.PACKED_TRAINABLE] if context[c.STEP] else context[c.PACKED_SIZE]
        for i in range(first, changed, threads):
            value = state[parameters + fixed[sources + i]]
            value += state[parameters + fixed[context[c.SUMS] + i]]
            scratch[context[c.WEIGHTS] + i] = rounded(value) if to_round else value

    return pack


def _end(update: Callable | None, real) -> Callable:
    """After all tiles: losses, gradients and their norm, perhaps a step of the optimizer.

    False if there is no next step. Sums are taken in the same order however many blocks there are,
    so the same device gives the same bits every time.
    """
    collect = _collect(real)

    @function
    def step_of_optimizer(arrays, context, scale, me):
        if update is not None:
            place = context[c.OPTIMIZER_SETTINGS] + context[c.STEP] * context[c.OPTIMIZER_FIELDS]
            first, threads = context[c.RANK] * THREADS + me, context[c.WORKERS] * THREADS
            update(arrays, context, place, scale, first, threads)

    @function
    def end(arrays, context, sums, me):
        state, scratch = arrays.state, arrays.scratch
        if not context[c.STEP_LOSSES]:
            return True
        loss = _block_sum(scratch, context[c.LOSSES], context[c.TILES] * THREADS, sums, me)
        loss /= real(context[c.VALUE_COUNT])
        if context[c.RANK] == 0 and me == 0:
            state[context[c.STEP_LOSSES] + context[c.STEP]] = loss
        if not context[c.COLLECT]:
            return True
        collect(arrays, context, sums, me)
        sync(arrays.now, context[c.BARRIER], context[c.WORKERS])
        if context[c.OPTIMIZE] == 0:
            return True
        shares, _ = split(context[c.TRAINABLE_COUNT] + THREADS - 1, THREADS)
        norm = root(_block_sum(scratch, context[c.SQUARE], shares, sums, me))
        if context[c.RANK] == 0 and me == 0:
            state[context[c.STEP_NORMS] + context[c.STEP]] = norm
        if not is_finite(loss + norm):
            return False
        scale, longest = real(1), state[context[c.CLIP_NORM]]
        if norm > longest:
            scale = longest / norm
        step_of_optimizer(arrays, context, scale, me)
        return True

    return end


@function
def _block_sum(scratch, place, count, sums, me):
    """The sum of ``count`` numbers, the same for all threads of the block."""
    sums[me] = 0
    for i in range(me, count, THREADS):
        sums[me] += scratch[place + i]
    return _sum_of(sums, me)


@function
def _sum_of(sums, me):
    """That of one number of each thread, by halves."""
    cuda.syncthreads()
    width = THREADS // 2
    while width:
        if me < width:
            sums[me] += sums[me + width]
        cuda.syncthreads()
        width //= 2
    total = sums[0]
    cuda.syncthreads()
    return total


def _collect(real) -> Callable:
    """Sums the tiles' gradients, in order; and the squares of as many as a block has threads."""

    @function
    def collect(arrays, context, sums, me):
        scratch, fixed = arrays.scratch, arrays.fixed
        shares, _ = split(context[c.TRAINABLE_COUNT] + THREADS - 1, THREADS)
        for share in range(context[c.RANK], shares, context[c.WORKERS]):
            i, slope = share * THREADS + me, real(0)
            if i < context[c.TRAINABLE_COUNT]:
                place = context[c.GRADIENTS] + fixed[context[c.GRADIENT_OF] + i]
                for tile in range(context[c.TILES]):
                    slope += scratch[place + tile * context[c.GRADIENT_SIZE]]
                scratch[context[c.DERIVATIVES] + i] = slope
            sums[me] = slope * slope
            square = _sum_of(sums, me)
            if me == 0:
                scratch[context[c.SQUARE] + share] = square

    return collect
