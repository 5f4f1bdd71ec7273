"""Between a flat vector of parameters and the kernels' packed weights; see ``layout``."""

from numba import types

from tsrnn.kernels.cpu.native import Kernel

INTS = types.CPointer(types.int64)


def pack_kernel(real) -> Kernel:
    """``packed[i] = parameters[sources[0, i]] + parameters[sources[1, i]]``."""

    def pack(parameters, sources, packed, count):
        for i in range(count):
            packed[i] = parameters[sources[i]] + parameters[sources[count + i]]

    buffer = types.CPointer(real)
    return Kernel(pack, f"pack-{real}", (buffer, INTS, buffer, types.int64))


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
