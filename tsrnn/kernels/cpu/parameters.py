"""What is done parameter by parameter, each worker having a part: pack, collect, update.

Parameters are a flat vector, the kernels' weights lie packed; see ``layout``. Nothing that comes of
it depends on the number of parts.
"""

from numba import types

from tsrnn.kernels.cpu.buffers import INT, INTS, advance, buffer
from tsrnn.kernels.cpu.native import Kernel, call, part_of_kernel
from tsrnn.kernels.tape import context as c

FLOAT = types.float64
# Numbers that stay together: they fit the first-level cache, and their squares are summed alone.
PIECE = 2048


@part_of_kernel
def _part(context, worker, size):
    """First and last of the numbers that a worker has, whole pieces."""
    pieces = (size + PIECE - 1) // PIECE
    length = (pieces + context[c.PARTS] - 1) // context[c.PARTS] * PIECE
    return min(worker * length, size), min((worker + 1) * length, size)


def pack_kernel(real) -> Kernel:
    """``packed[i] = parameters[sources[i]]``; some get a second bias on top. See ``Layout``.

    After the first batch only those that are trained.
    """

    def pack(worker, contexts):
        context = advance(contexts, worker * c.SIZE)
        parameters = buffer(real, context, c.PARAMETERS, 0)
        packed = buffer(real, context, c.WEIGHTS, 0)
        sources = buffer(types.int32, context, c.SOURCES, 0)
        size = context[c.PACKED_TRAINABLE] if context[c.STEP] > 0 else context[c.PACKED_SIZE]
        first, last = _part(context, worker, size)
        for i in range(first, last):
            packed[i] = parameters[sources[i]]
        count = context[c.SUM_COUNT]
        summed, second = buffer(INT, context, c.SUMS, 0), buffer(INT, context, c.SUMS, count)
        for i in range(count):
            if first <= summed[i] < last:
                packed[summed[i]] += parameters[second[i]]

    return Kernel(pack, f"pack-{real}", (INT, INTS))


def add_tiles_kernel(real) -> Kernel:
    """Sums the tiles' gradients, in order, in the place of the first."""

    def add_tiles(worker, contexts):
        context = advance(contexts, worker * c.SIZE)
        tiles, size = buffer(real, context, c.GRADIENTS, 0), context[c.GRADIENT_SIZE]
        first, last = _part(context, worker, size)
        for piece in range(first, last, PIECE):
            end = min(piece + PIECE, last)
            for tile in range(1, context[c.TILES]):
                start = tile * size
                for i in range(piece, end):
                    tiles[i] += tiles[start + i]

    return Kernel(add_tiles, f"add-tiles-{real}", (INT, INTS))


def collect_kernel(real) -> Kernel:
    """The derivatives of the parameters out of that sum, and sums of their squares."""

    def collect(worker, contexts):
        context = advance(contexts, worker * c.SIZE)
        gradient = buffer(real, context, c.GRADIENTS, 0)
        derivatives = buffer(real, context, c.DERIVATIVES, 0)
        where = buffer(INT, context, c.GRADIENT_OF, 0)
        first, last = _part(context, worker, context[c.TRAINABLE_COUNT])
        for piece in range(first, last, PIECE):
            end = min(piece + PIECE, last)
            for i in range(piece, end):
                derivatives[i] = gradient[where[i]]
            square = _square(advance(derivatives, piece), end - piece)
            buffer(FLOAT, context, c.SQUARE, piece // PIECE)[0] = square

    return Kernel(collect, f"collect-{real}", (INT, INTS))


@part_of_kernel
def _square(numbers, count):
    """The sum of their squares, in four sums that do not wait for one another."""
    first = second = third = fourth = 0.0
    whole = count - count % 4
    for i in range(0, whole, 4):
        first += FLOAT(numbers[i]) * numbers[i]
        second += FLOAT(numbers[i + 1]) * numbers[i + 1]
        third += FLOAT(numbers[i + 2]) * numbers[i + 2]
        fourth += FLOAT(numbers[i + 3]) * numbers[i + 3]
    for i in range(whole, count):
        first += FLOAT(numbers[i]) * numbers[i]
    return (first + second) + (third + fourth)


def update_kernel(real) -> Kernel:
    """A step of the optimizer; ``OPTIMIZE`` is its pass over some parameters."""

    def update(worker, contexts):
        context = advance(contexts, worker * c.SIZE)
        first, last = _part(context, worker, context[c.TRAINABLE_COUNT])
        place = context[c.STEP] * context[c.OPTIMIZER_FIELDS]
        arguments = (
            buffer(real, context, c.PARAMETERS, first),
            buffer(real, context, c.DERIVATIVES, first),
            buffer(real, context, c.MEMORY, first),
            buffer(FLOAT, context, c.OPTIMIZER_SETTINGS, place),
            last - first,
            context[c.MEMORY_STRIDE],
            buffer(FLOAT, context, c.SHRINK, 0)[0],
        )
        call(context[c.OPTIMIZE], arguments)

    return Kernel(update, f"update-{real}", (INT, INTS))
