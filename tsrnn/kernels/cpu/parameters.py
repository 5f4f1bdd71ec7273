"""Between a flat vector of parameters and the kernels' packed weights; see ``layout``."""

from numba import types

from tsrnn.kernels.cpu.buffers import INT, INTS, buffer
from tsrnn.kernels.cpu.native import Kernel
from tsrnn.kernels.tape import context as c


def pack_kernel(real) -> Kernel:
    """``packed[i] = parameters[sources[i]]``; some get a second bias on top. See ``Layout``.

    ``pack(context, size)`` packs the first ``size``.
    """

    def pack(context, size):
        parameters = buffer(real, context, c.PARAMETERS, 0)
        packed = buffer(real, context, c.WEIGHTS, 0)
        sources = buffer(types.int32, context, c.SOURCES, 0)
        for i in range(size):
            packed[i] = parameters[sources[i]]
        count = context[c.SUM_COUNT]
        summed, second = buffer(INT, context, c.SUMS, 0), buffer(INT, context, c.SUMS, count)
        for i in range(count):
            packed[summed[i]] += parameters[second[i]]

    return Kernel(pack, f"pack-{real}", (INTS, INT))


def collect_kernel(real) -> Kernel:
    """Sums the tiles' gradients, in order, and their square; parameters not trained have none."""

    def collect(context):
        tiles, size = buffer(real, context, c.GRADIENTS, 0), context[c.GRADIENT_SIZE]
        for tile in range(1, context[c.TILES]):
            for i in range(size):
                tiles[i] += tiles[tile * size + i]
        derivatives = buffer(real, context, c.DERIVATIVES, 0)
        where = buffer(INT, context, c.GRADIENT_OF, 0)
        total = 0.0
        for i in range(context[c.TRAINABLE_COUNT]):
            slope = tiles[where[i]]
            derivatives[i] = slope
            total += types.float64(slope) * slope
        buffer(types.float64, context, c.SQUARE, 0)[0] = total

    return Kernel(collect, f"collect-{real}", (INTS,))
