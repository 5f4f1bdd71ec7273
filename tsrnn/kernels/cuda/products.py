"""Matrix products: C = A B or C += A B, with a tile of C in the registers of a warp.

Matrices lie in panels (see ``tape.layout``) of as many columns as a warp has threads. A warp works
out ``TILE_ROWS`` rows of one or two panels of C at a time, and tiles are spread over the warps of a
block; where there are too few for all of them, several warps have a part of the sum each. In single
and double precision a thread has one column of a panel: along the sum it reads a number of B, side
by side with its neighbours, and numbers of A that are the same for all of them, four at a time.
Tensor cores, which round what they multiply to TF32, want other shares (below).
"""

from llvmlite import ir

from tsrnn.kernels.cuda.data import at
from tsrnn.kernels.cuda.device import (
    LANES,
    SIMULATED,
    TILE_ROWS,
    UNROLL,
    cuda,
    data_of,
    four,
    function,
    intrinsic,
    split,
    two,
    types,
)
from tsrnn.kernels.tape import context as c

TILE = TILE_ROWS * LANES  # numbers of C
_FOUR = 4


def multiply(transposed: bool, real, precision: str, *, held: bool = False):
    """C[rows, panels] = A[rows, depth] B[depth, panels], added to C if ``add``.

    If ``transposed``, what is stored of A is its transpose; if ``held``, B lies in the block's own
    memory. The call is that of the CPU's kernel. The simulator has no tensor cores, and does not
    round.
    """
    if precision == "tf32" and not SIMULATED:
        narrow = wide = _tensor_tile(transposed, held, real)
        at_once = 1
    else:
        narrow, wide = (_tile(vectors, transposed, real) for vectors in (1, 2))
        at_once = 2

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
        pairs = at_once == 2 and groups * panels >= 2 * warps  # no warp is to be idle for them
        columns = (panels + 1) >> 1 if pairs else panels
        tiles = groups * columns
        halvings, length = parts_of(tiles, warps, depth)
        while warp < tiles << halvings:
            tile = warp >> halvings
            j, i = place_of(tile, groups)
            i, j = i * TILE_ROWS, j << 1 if pairs else j
            a = at(A, a_panel, 0, i) if transposed else A + i * LANES
            b = B + call[8] + j * b_panel
            first = (warp - (tile << halvings)) * length
            last = min(depth, first + length)
            if halvings > 0:
                to = warp * TILE
                narrow(scratch, weights, partial, lane, a, a_panel, b, 0, to, 0, first, last, 0)
            else:
                to = C + j * c_panel + i * LANES
                common = scratch, weights, scratch, lane, a, a_panel, b
                if pairs and j + 1 < panels:
                    wide(*common, b_panel, to, c_panel, first, last, add)
                else:
                    narrow(*common, 0, to, 0, first, last, add)
            warp += warps
        if halvings > 0:
            cuda.syncthreads()
            add_parts(scratch, partial, tiles, halvings, groups, C, c_panel, add, me, threads)

    return run


def hold(precision: str):
    """Weights to the block's own memory, where ``multiply_held`` finds them."""
    in_order = precision != "tf32" or SIMULATED

    @function
    def run(arrays, context, call, me, threads):
        scratch, held = arrays.scratch, arrays.held
        source, count, to = context[c.WEIGHTS] + call[1], call[2], call[3]
        for i in range(me, count, threads):
            held[to + (i if in_order else place_held(i))] = scratch[source + i]

    return run


@function
def parts_of(tiles, warps, depth):
    """How often a sum is cut in halves, as no warp has two parts, and how long those are."""
    halvings = 0
    while tiles << halvings + 1 <= warps and UNROLL << halvings < depth:
        halvings += 1
    if halvings == 0:
        return halvings, depth
    length = (depth + (UNROLL << halvings) - 1 >> halvings) // UNROLL
    return halvings, length * UNROLL


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


# Tensor cores: ``mma.m16n8k8`` of the PTX ISA multiplies 16 x 8 numbers by 8 x 8. Columns of a
# panel take the part of its 16 rows, in two products, and the rows of A that of its 8 columns.
# Which of them, and in which order along the sum, is for us to say: such that what a thread needs
# lies side by side. Thread 4 g + q has columns 4 g to 4 g + 3 of B, of 8 numbers along the sum
# those from 2 q and 2 q + 1, row g of A, and rows 2 q and 2 q + 1 of C.


@function
def of_weights(weights, b, k, lane, held):
    """Its four columns in two of 8 rows of B from ``k`` on."""
    if held:
        place, step = b + k * LANES + lane * _FOUR, LANES * _FOUR
    else:
        place, step = b + (k + lane % 4 * 2) * LANES + lane // 4 * _FOUR, LANES
    return four(weights, place), four(weights, place + step)


@function
def place_held(i):
    """Where number ``i`` of B stands in a block's own memory: there threads read in their order.

    In that of the rows four threads would wait for each other.
    """
    within = i % (UNROLL * LANES)
    row, column = within // LANES, within % LANES
    thread = column // 4 * 4 + row // 2
    return i - within + row % 2 * LANES * _FOUR + thread * _FOUR + column % 4


@function
def of_rows(scratch, a, k, lane, transposed, a_panel):
    """Its two numbers of 8 columns of A from ``k`` on, in 8 rows from ``a`` on."""
    row, column = lane // 4, k + lane % 4 * 2
    if transposed:
        place = a + column * LANES + row
        return scratch[place], scratch[place + LANES]
    return two(scratch, a + column // LANES * a_panel + column % LANES + row * LANES)


@function
def of_result(half, i, lane):
    """Where its number ``i`` of four of a product lies in 8 rows of a panel of C."""
    return (lane % 4 * 2 + i % 2) * LANES + lane // 4 * _FOUR + half * 2 + i // 2


@intrinsic
def tensor_product(typing_context, sums, row, weights, rows):
    """``sums[row]`` += a product by tensor cores (compute capability 8.0), all threads together."""

    def codegen(context, builder, signature, arguments):
        kind, bits = ir.FloatType(), ir.IntType(32)
        data = data_of(context, builder, sums, arguments[0])
        first = builder.mul(arguments[1], ir.Constant(arguments[1].type, 4))
        places = [
            builder.gep(data, [builder.add(first, ir.Constant(first.type, i))]) for i in range(4)
        ]
        rounding = ir.InlineAsm(ir.FunctionType(bits, [kind]), "cvt.rna.tf32.f32 $0, $1;", "=r,f")
        operands = [
            builder.call(rounding, [builder.extract_value(arguments[which], i)])
            for which, count in ((2, 4), (3, 2))
            for i in range(count)
        ]
        operands += [builder.load(place) for place in places]
        result = ir.LiteralStructType([kind] * 4)
        code = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        code += "{$0,$1,$2,$3}, {$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};"
        signature_of_code = ir.FunctionType(result, [bits] * 6 + [kind] * 4)
        constraints = "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f"
        multiply = ir.InlineAsm(signature_of_code, code, constraints, side_effect=True)
        found = builder.call(multiply, operands, attrs=["convergent"])
        for i, place in enumerate(places):
            builder.store(builder.extract_value(found, i), place)
        return context.get_dummy_value()

    return types.void(sums, row, weights, rows), codegen


def _tensor_tile(transposed: bool, held: bool, real):
    """8 rows of a panel, by all threads of a warp together."""

    @function
    def tile(scratch, weights, C, lane, a, a_panel, b, b_panel, to, c_panel, first, last, add):
        sums = cuda.local.array((2, 4), real)
        for half in range(2):
            for i in range(4):
                sums[half, i] = C[to + of_result(half, i, lane)] if add else real(0)
        for k in range(first, last, UNROLL):
            rows = of_rows(scratch, a, k, lane, transposed, a_panel)
            one, next_one = of_weights(weights, b, k, lane, held)
            tensor_product(sums, 0, (one[0], one[1], next_one[0], next_one[1]), rows)
            tensor_product(sums, 1, (one[2], one[3], next_one[2], next_one[3]), rows)
        for half in range(2):
            for i in range(4):
                C[to + of_result(half, i, lane)] = sums[half, i]

    return tile
