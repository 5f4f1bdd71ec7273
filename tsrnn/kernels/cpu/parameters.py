"""Between a flat vector of parameters and the kernels' packed weights; see ``layout``."""

from numba import types

from tsrnn.kernels.cpu.native import Kernel

INTS = types.CPointer(types.int64)


def pack_kernel(real) -> Kernel:
    """``packed[i] = parameters[sources[i]]``; some get a second bias on top. See ``Layout``."""

    def pack(parameters, sources, sums, packed, count, sum_count):
        for i in range(count):
            packed[i] = parameters[sources[i]]
        for i in range(sum_count):
            packed[sums[i]] += parameters[sums[sum_count + i]]

    buffer, INT = types.CPointer(real), types.int64
    arguments = (buffer, types.CPointer(types.int32), INTS, buffer, INT, INT)
    return Kernel(pack, f"pack-{real}", arguments)


def collect_kernel(real) -> Kernel:
    """Sums the tiles' gradients, in order, and their square; a parameter's lies at ``where``."""

    def collect(tiles, n_tiles, size, where, gradient, count, square):
        for tile in range(1, n_tiles):
            for i in range(size):
                tiles[i] += tiles[tile * size + i]
        total = 0.0
        for i in range(count):
            slope = tiles[where[i]]
            gradient[i] = slope
            total += types.float64(slope) * slope
        square[0] = total

    buffer, INT = types.CPointer(real), types.int64
    arguments = (buffer, INT, INT, INTS, buffer, INT, types.CPointer(types.float64))
    return Kernel(collect, f"collect-{real}", arguments)
