"""Matrix products: C = A B or C += A B, with a tile of C in the registers of a warp.

Matrices lie in panels (see ``tape.layout``) of as many columns as a warp has threads. A warp works
out ``TILE_ROWS`` rows of one or two panels of C at a time, and tiles are spread over the warps of a
block; where there are too few for all of them, several warps have a part of the sum each. In single
and double precision a thread has one column of a panel: along the sum it reads a number of B, side
by side with its neighbours, and numbers of A that are the same for all of them, four at a time.
Tensor cores, which round what they multiply to TF32, want other shares (see ``tensor_cores``), and
twice the rows where others have two panels.
"""

from tsrnn.kernels.cuda.data import at
from tsrnn.kernels.cuda.device import (
    LANES,
    SIMULATED,
    TILE_ROWS,
    UNROLL,
    cuda,
    four,
    function,
    split,
)
from tsrnn.kernels.cuda.tensor_cores import place_held, taken, tensor_tile
from tsrnn.kernels.tape import context as c

TILE = TILE_ROWS * LANES  # numbers of C
_FOUR = 4


def multiply(transposed: bool, real, precision: str, *, held: bool = False):
    """C[rows, panels] = A[rows, depth] B[depth, panels], added to C if ``add``.

    If ``transposed``, what is stored of A is its transpose; if ``held``, B lies in the block's own
    memory. The call is that of the CPU's kernel.
    """
    tall = rounds(precision)
    if tall:
        one, two = (tensor_tile(groups, transposed, held, real) for groups in (1, 2))
        at_once = taken(transposed)
    else:
        one, two = (_tile(vectors, transposed, real) for vectors in (1, 2))
        at_once = UNROLL
    next_rows = TILE_ROWS if transposed else TILE_ROWS * LANES

    @function
    def run(arrays, context, call, me, threads):
        scratch, partial = arrays.scratch, arrays.partial
        weights = arrays.held if held else scratch
        rows, panels, depth, add = call[1], call[2], call[3], call[13]
        A, a_panel = context[call[4]] + call[5], call[6]
        B, b_panel = 0 if held else context[call[7]], call[9]
        C, c_panel = context[call[10]] + call[11], call[12]
        warp, lane = split(me, LANES)
        warps, _ = split(threads, LANES)
        groups, _ = split(rows, TILE_ROWS)
        pairs = groups * panels >= 2 * warps  # no warp is to be idle for them
        across, down = pairs and not tall, pairs and tall
        groups = (groups + 1) >> 1 if down else groups
        tiles = groups * ((panels + 1) >> 1 if across else panels)
        halvings, length = parts_of(tiles, warps, depth, at_once)
        while warp < tiles << halvings:
            tile = warp >> halvings
            j, i = place_of(tile, groups)
            i, j = i * TILE_ROWS << 1 if down else i * TILE_ROWS, j << 1 if across else j
            a = at(A, a_panel, 0, i) if transposed else A + i * LANES
            b = B + call[8] + j * b_panel
            first = (warp - (tile << halvings)) * length
            last = min(depth, first + length)
            if halvings > 0:
                to = warp * TILE
                one(scratch, weights, partial, lane, a, a_panel, b, 0, to, 0, first, last, 0)
            else:
                to = C + j * c_panel + i * LANES
                common = scratch, weights, scratch, lane, a, a_panel, b
                if across and j + 1 < panels:
                    two(*common, b_panel, to, c_panel, first, last, add)
                elif down and i + TILE_ROWS < rows:
                    two(*common, next_rows, to, TILE, first, last, add)
                else:
                    one(*common, 0, to, 0, first, last, add)
            warp += warps
        if halvings > 0:
            cuda.syncthreads()
            add_parts(scratch, partial, tiles, halvings, groups, C, c_panel, add, me, threads)

    return run


def rounds(precision: str) -> bool:
    """Whether products are left to tensor cores; the simulator has none, and does not round."""
    return precision == "tf32" and not SIMULATED


def hold(precision: str):
    """Weights to the block's own memory, where ``multiply_held`` finds them."""
    in_order = not rounds(precision)

    @function
    def run(arrays, context, call, me, threads):
        scratch, held = arrays.scratch, arrays.held
        source, count, to = context[c.WEIGHTS] + call[1], call[2], call[3]
        for i in range(me, count, threads):
            held[to + (i if in_order else place_held(i))] = scratch[source + i]

    return run


@function
def parts_of(tiles, warps, depth, at_once):
    """How often a sum is cut in halves, as no warp has two parts, and how long those are."""
    halvings = 0
    while tiles << halvings + 1 <= warps and at_once << halvings < depth:
        halvings += 1
    if halvings == 0:
        return halvings, depth
    length = (depth + (at_once << halvings) - 1 >> halvings) // at_once
    return halvings, length * at_once


@function
def place_of(tile, groups):
    """The column and the row of tiles that one is in."""
    if groups == 1:  # mostly, where a network is spread over blocks: no division
        return tile, 0
    return split(tile, groups)


@function
def add_parts(scratch, partial, tiles, halvings, groups, C, c_panel, add, me, threads):
    """The tiles of C, from the parts of their sums, in order."""
    for tile in range(tiles):
        j, i = place_of(tile, groups)
        rest = me
        while rest < TILE:
            place, part = C + j * c_panel + i * TILE + rest, (tile << halvings) * TILE + rest
            value, last = partial[part], part + ((1 << halvings) - 1) * TILE
            if add:
                value += scratch[place]
            while part < last:
                part += TILE
                value += partial[part]
            scratch[place] = value
            rest += threads


def _tile(vectors: int, transposed: bool, real):
    """``TILE_ROWS`` rows of one thread's column in so many panels."""

    @function
    def tile(scratch, weights, C, lane, a, a_panel, b, b_panel, to, c_panel, first, last, add):
        sums = cuda.local.array((TILE_ROWS, vectors), real)
        b, to = b + lane + first * LANES, to + lane
        a = a + first * LANES if transposed else at(a, a_panel, 0, first)
        for i in range(TILE_ROWS):
            for v in range(vectors):
                sums[i, v] = C[to + v * c_panel + i * LANES] if add else real(0)
        k = first
        while k < last:
            if transposed:
                for step in range(_FOUR):
                    for i in range(0, TILE_ROWS, _FOUR):
                        numbers = four(scratch, a + step * LANES + i)
                        for v in range(vectors):
                            number = weights[b + v * b_panel + step * LANES]
                            for more in range(_FOUR):
                                sums[i + more, v] += numbers[more] * number
                a += _FOUR * LANES
            else:
                for i in range(TILE_ROWS):
                    numbers = four(scratch, a + i * LANES)
                    for v in range(vectors):
                        for step in range(_FOUR):
                            number = weights[b + v * b_panel + step * LANES]
                            sums[i, v] += numbers[step] * number
                a += _FOUR
                if (k + _FOUR) & (LANES - 1) == 0:
                    a += a_panel - LANES
            b += _FOUR * LANES
            k += _FOUR
        for i in range(TILE_ROWS):
            for v in range(vectors):
                C[to + v * c_panel + i * LANES] = sums[i, v]

    return tile
