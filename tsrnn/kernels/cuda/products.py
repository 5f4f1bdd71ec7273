"""Matrix products: C = A B or C += A B, with a tile of C in the registers of a warp.

Matrices lie in panels (see ``tape.layout``) of as many columns as a warp has threads. A thread has
one column of one or two panels, and ``TILE_ROWS`` rows of it: at each step along the sum it reads a
number of B, side by side with its neighbours, and numbers of A that are the same for all of them,
four at a time. Tiles of C are spread over the warps of a block.
"""

from tsrnn.kernels.cuda.device import LANES, TILE_ROWS, UNROLL, cuda, four, function, split


def multiply(transposed: bool, real):
    """C[rows, panels] = A[rows, depth] B[depth, panels], added to C if ``add``.

    If ``transposed``, what is stored of A is its transpose. The call is that of the CPU's kernel.
    """
    one, two = (_tile(vectors, transposed, real) for vectors in (1, 2))

    @function
    def run(arrays, context, call, me, threads):
        scratch = arrays[2]
        rows, panels, depth, add = call[1], call[2], call[3], call[13]
        A, a_panel = context[call[4]] + call[5], call[6]
        B, b_panel = context[call[7]] + call[8], call[9]
        C, c_panel = context[call[10]] + call[11], call[12]
        groups, lane = rows // TILE_ROWS, me % LANES
        for tile in range(me // LANES, groups * ((panels + 1) // 2), threads // LANES):
            j, i = split(tile, groups)
            i, j = i * TILE_ROWS, j * 2
            a = A + i // LANES * a_panel + i % LANES if transposed else A + i * LANES
            b, to = B + j * b_panel + lane, C + j * c_panel + i * LANES + lane
            if j + 1 < panels:
                two(scratch, a, a_panel, b, b_panel, to, c_panel, depth, add)
            else:
                one(scratch, a, a_panel, b, b_panel, to, c_panel, depth, add)

    return run


def _tile(vectors: int, transposed: bool, real):
    """``TILE_ROWS`` rows of one thread's column in so many panels."""

    @function
    def tile(scratch, a, a_panel, b, b_panel, to, c_panel, depth, add):
        sums = cuda.local.array((TILE_ROWS, vectors), real)
        for i in range(TILE_ROWS):
            for v in range(vectors):
                sums[i, v] = scratch[to + v * c_panel + i * LANES] if add else real(0)
        for k in range(0, depth, UNROLL):
            if transposed:
                for step in range(UNROLL):
                    for i in range(0, TILE_ROWS, UNROLL):
                        numbers = four(scratch, a + (k + step) * LANES + i)
                        for v in range(vectors):
                            number = scratch[b + v * b_panel + (k + step) * LANES]
                            for more in range(UNROLL):
                                sums[i + more, v] += numbers[more] * number
            else:
                start = a + k // LANES * a_panel + k % LANES
                for i in range(TILE_ROWS):
                    numbers = four(scratch, start + i * LANES)
                    for v in range(vectors):
                        for step in range(UNROLL):
                            number = scratch[b + v * b_panel + (k + step) * LANES]
                            sums[i, v] += numbers[step] * number
        for i in range(TILE_ROWS):
            for v in range(vectors):
                scratch[to + v * c_panel + i * LANES] = sums[i, v]

    return tile
