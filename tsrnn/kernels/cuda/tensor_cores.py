"""Products by tensor cores: of numbers rounded to TF32, added up in single precision.

``mma.m16n8k8`` (PTX ISA, "Matrix Fragments for mma.m16n8k8") multiplies 16 x 8 numbers by 8 x 8,
and each thread of a warp has some of them. Columns of a panel of B take the part of its 16 rows, in
two products, and 8 rows of A that of its 8 columns. Which column is which row, and which number
along the sum comes when, is for us to say: such that what a thread reads lies side by side. Of 16
numbers along the sum, for two steps, thread 4 g + q has those from 4 q to 4 q + 3: of columns 4 g
to 4 g + 3 of B, and of row g of A. It ends with rows 2 q and 2 q + 1 of C, in the same columns.
Sums over windows, of which there may be 8, have one step at a time, of 2 q and 2 q + 1.

Weights are rounded when they are packed, and so once a step; the rest when it is read.
"""

from llvmlite import ir

from tsrnn.kernels.cuda.device import LANES, cuda, data_of, four, function, intrinsic, types

_STEP = 8  # numbers along the sum
_ONE_READ = 4 * LANES  # numbers that a warp reads at once


def taken(transposed: bool) -> int:
    """Numbers along the sum that are taken at once."""
    return _STEP if transposed else 2 * _STEP


def tensor_tile(groups: int, transposed: bool, held: bool, real):
    """``TILE_ROWS`` rows of a panel, or twice as many, by all threads of a warp together.

    ``a_next`` and ``c_next`` are from the first rows to the second ones.
    """
    products, at_once = 2 * groups, taken(transposed)
    of_rows = of_columns if transposed else of_one_row

    @function
    def tile(scratch, weights, C, lane, a, a_panel, b, a_next, to, c_next, first, last, add):
        sums = cuda.local.array((products, 4), real)
        for group in range(groups):
            for half in range(2):
                for i in range(4):
                    place = to + group * c_next + of_result(half, i, lane)
                    sums[2 * group + half, i] = C[place] if add else real(0)
        a = first_of_rows(a, first, lane, transposed, a_panel)
        b = first_of_weights(b, first, lane, held, at_once)
        k = first
        while k < last:
            left, right = of_weights(weights, b, 0, held, transposed)
            next_left, next_right = left, right
            if at_once > _STEP:
                next_left, next_right = of_weights(weights, b, 1, held, transposed)
            for group in range(groups):
                rows, next_rows = of_rows(scratch, a + group * a_next)
                tensor_product(sums, 2 * group, left, rows)
                tensor_product(sums, 2 * group + 1, right, rows)
                if at_once > _STEP:
                    tensor_product(sums, 2 * group, next_left, next_rows)
                    tensor_product(sums, 2 * group + 1, next_right, next_rows)
            k = unknown(k + at_once)
            b += at_once * LANES
            a += at_once * LANES if transposed else at_once
            if not transposed and k & (LANES - 1) == 0:
                a += a_panel - LANES
        for group in range(groups):
            for half in range(2):
                for i in range(4):
                    place = to + group * c_next + of_result(half, i, lane)
                    C[place] = sums[2 * group + half, i]

    return tile


@function
def first_of_weights(b, k, lane, held, at_once):
    """Where a thread's first numbers of B from row ``k`` on lie."""
    if held:
        return b + k * LANES + lane * 4
    return b + (k + lane % 4 * (at_once // 4)) * LANES + lane // 4 * 4


@function
def of_weights(weights, place, step, held, rounds):
    """Its numbers of B for a step: four for each of two products."""
    if held:
        place += step * 2 * _ONE_READ
        return four(weights, place), four(weights, place + _ONE_READ)
    place += step * 2 * LANES
    u, v = four(weights, place), four(weights, place + LANES)
    if rounds:
        u, v = all_rounded(u), all_rounded(v)
    return (u[0], u[1], v[0], v[1]), (u[2], u[3], v[2], v[3])


@function
def place_held(i):
    """Where number ``i`` of B stands in a block's own memory: as threads are to have it.

    In the order of rows four of them would wait for each other.
    """
    within = i % (2 * _STEP * LANES)
    row, column = within // LANES, within % LANES
    thread, step, product = column // 4 * 4 + row // 4, row % 4 // 2, column % 4 // 2
    return i - within + (2 * step + product) * _ONE_READ + thread * 4 + row % 2 * 2 + column % 2


@function
def first_of_rows(a, k, lane, transposed, a_panel):
    """Where a thread's first numbers of A from column ``k`` on lie."""
    row, place = lane // 4, lane % 4
    if transposed:
        return a + (k + place * 2) * LANES + row
    column = k + place * 4
    return a + column // LANES * a_panel + column % LANES + row * LANES


@function
def of_one_row(scratch, place):
    """Its numbers of A: two for each of two steps."""
    one, other, third, last = all_rounded(four(scratch, place))
    return (one, other), (third, last)


@function
def of_columns(scratch, place):
    """The same if A is stored transposed: two for one step, twice."""
    rows = rounded(scratch[place]), rounded(scratch[place + LANES])
    return rows, rows


@function
def all_rounded(numbers):
    """Four of them."""
    return rounded(numbers[0]), rounded(numbers[1]), rounded(numbers[2]), rounded(numbers[3])


@function
def of_result(half, i, lane):
    """Where its number ``i`` of four of a product lies in 8 rows of a panel of C."""
    return (lane % 4 * 2 + i % 2) * LANES + lane // 4 * 4 + half * 2 + i // 2


@intrinsic
def unknown(typing_context, number):
    """The same, and the compiler does not know: it would write the loop out, and lack registers."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64)])
        return builder.call(ir.InlineAsm(kind, "", "=l,0", side_effect=True), arguments)

    return types.int64(number), codegen


@intrinsic
def rounded(typing_context, number):
    """To TF32, to nearest."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), [ir.FloatType()])
        bits = builder.call(ir.InlineAsm(kind, "cvt.rna.tf32.f32 $0, $1;", "=r,f"), arguments)
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(number), codegen


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
        operands = [
            builder.bitcast(builder.extract_value(arguments[which], i), bits)
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
