"""Matrix products: C = A B or C += A B, with a register tile of C kept over the whole sum.

All matrices lie in *panels*: columns in groups of one vector, each group contiguous, row after row,
so that a panel streams through the cache without stride. Element (i, j) of such a matrix lies at
``j // L * panel + i * L + j % L``, with L lanes in a vector and ``panel`` numbers from one group to
the next. A is read one number at a time, so that its transpose costs no more than itself.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tsrnn.kernels.cpu.buffers import advance, buffer, network_call
from tsrnn.kernels.cpu.native import Kernel, part_of_kernel
from tsrnn.kernels.cpu.vectors import INT64, Lanes, lanes, lanes_of, machine

TILE_ROWS = machine().tile_rows
# What is left of the rows of A is done in tiles of so many.
ROWS = 4
TILE_VECTORS = machine().tile_vectors
# Longer sums over k are cut so that the panels of B in use stay in the first-level cache.
DEPTH = 160
# A whole number of vectors in either precision, on every machine.
GROUP = 16
# Steps of k in one turn of the innermost loop. Depths are multiples of it.
UNROLL = 2


def _register_tile(rows: int, vectors: int, transposed: bool):
    """The product of ``rows`` rows of A and ``vectors`` panels of B, as an intrinsic."""

    @intrinsic
    def tile(typing_context, A, a_panel, B, b_panel, C, c_panel, depth, add):
        def codegen(context, builder, signature, arguments):
            kind = ir.VectorType(arguments[0].type.pointee, lanes_of(A))
            _TileEmitter(builder, kind, rows, vectors, transposed).product(*arguments)
            return context.get_dummy_value()

        return types.void(A, a_panel, B, b_panel, C, c_panel, depth, add), codegen

    return tile


class _TileEmitter:
    """Writes the instructions of one register tile.

    All numbers of A that one turn of the loop needs lie at constant distances from one address, but
    for vectors so short that a turn reaches into the next panel.
    """

    def __init__(self, builder, kind, rows, vectors, transposed):
        self.builder, self.kind, self.rows, self.vectors = builder, kind, rows, vectors
        self.transposed = transposed

    def at(self, pointer, offset):
        return self.builder.gep(pointer, [offset])

    def times(self, count, stride):
        return self.builder.mul(INT64(count), stride)

    def place(self, i, k, panel):
        """Where A[i, k] lies."""
        L, (row, column) = self.kind.count, (k, i) if self.transposed else (i, k)
        inside = INT64(row * L + column % L)
        return self.builder.add(self.times(column // L, panel), inside)

    def next_place(self, place, k_next, panel):
        """Where A goes on after a turn of the loop."""
        L, builder = self.kind.count, self.builder
        if self.transposed:
            return builder.add(place, INT64(UNROLL * L))
        if UNROLL >= L:
            return builder.add(place, self.times(UNROLL // L, panel))
        inside = builder.add(place, INT64(UNROLL))
        next_panel = builder.add(inside, builder.sub(panel, INT64(L)))
        rest = builder.and_(k_next, INT64(L - 1))
        return builder.select(builder.icmp_signed("==", rest, INT64(0)), next_panel, inside)

    def product(self, a, a_panel, b, b_panel, c, c_panel, depth, add):
        builder, kind = self.builder, self.kind
        c_rows = [
            self.at(self.at(c, self.times(v, c_panel)), INT64(i * kind.count))
            for i in range(self.rows)
            for v in range(self.vectors)
        ]
        b_panels = [self.at(b, self.times(v, b_panel)) for v in range(self.vectors)]
        entry = builder.block
        read, loop, end = (builder.append_basic_block(name) for name in ("read", "sum", "end"))
        builder.cbranch(add, read, loop)

        builder.position_at_end(read)
        initial = [Lanes.load(builder, pointer, kind).value for pointer in c_rows]
        builder.branch(loop)

        builder.position_at_end(loop)
        k, place = builder.phi(INT64), builder.phi(INT64)
        for counter in (k, place):
            counter.add_incoming(INT64(0), entry)
            counter.add_incoming(INT64(0), read)
        sums = []
        for value in initial:
            phi = builder.phi(kind)
            phi.add_incoming(ir.Constant(kind, [0.0] * kind.count), entry)
            phi.add_incoming(value, read)
            sums.append(phi)
        new_sums = [Lanes(builder, phi) for phi in sums]
        start = self.at(a, place)
        for step in range(UNROLL):
            new_sums = self._rank_one(new_sums, k, step, start, a_panel, b_panels)
        k_next = builder.add(k, INT64(UNROLL))
        k.add_incoming(k_next, builder.block)
        place.add_incoming(self.next_place(place, k_next, a_panel), builder.block)
        for phi, new in zip(sums, new_sums, strict=True):
            phi.add_incoming(new.value, builder.block)
        builder.cbranch(builder.icmp_signed("<", k_next, depth), loop, end)

        builder.position_at_end(end)
        for new, pointer in zip(new_sums, c_rows, strict=True):
            new.store(pointer)

    def _rank_one(self, sums, k, step, start, a_panel, b_panels):
        """sums[i, v] += A[i, k + step] * B[k + step, v]."""
        builder, kind = self.builder, self.kind
        row_of_b = builder.mul(builder.add(k, INT64(step)), INT64(kind.count))
        b = [Lanes.load(builder, self.at(panel, row_of_b), kind) for panel in b_panels]
        new = []
        for i in range(self.rows):
            number = builder.load(self.at(start, self.place(i, step, a_panel)))
            a = Lanes.splat(builder, number, kind)
            row = sums[i * self.vectors : (i + 1) * self.vectors]
            new += [a.intrinsic("llvm.fmuladd", *pair) for pair in zip(b, row, strict=True)]
        return new


@part_of_kernel
def _vectors_of_next_tile(panels_left):
    """As wide as registers allow, but 4 panels as 2 + 2 rather than 3 + 1."""
    if panels_left >= TILE_VECTORS and panels_left != TILE_VECTORS + 1:
        return TILE_VECTORS
    return min(panels_left, 2)


@part_of_kernel
def _slab(depth):
    """Into how long pieces to cut a sum: as few as ``DEPTH`` allows, alike, of whole groups."""
    pieces = (depth + DEPTH - 1) // DEPTH
    return (depth + pieces * GROUP - 1) // (pieces * GROUP) * GROUP


def _tile(rows: int, transposed: bool):
    """The product of ``rows`` rows of A and up to three panels of B."""
    tile_1, tile_2, tile_3 = (_register_tile(rows, v, transposed) for v in (1, 2, 3))

    @part_of_kernel
    def tile(vectors, a, a_panel, b, b_panel, c, c_panel, depth, add):
        if vectors == 3:
            tile_3(a, a_panel, b, b_panel, c, c_panel, depth, add)
        elif vectors == 2:
            tile_2(a, a_panel, b, b_panel, c, c_panel, depth, add)
        else:
            tile_1(a, a_panel, b, b_panel, c, c_panel, depth, add)

    return tile


def multiply(transposed: bool, real) -> Kernel:
    """C[rows, panels] = A[rows, depth] B[depth, panels], added to C if ``add``.

    If ``transposed``, what is stored of A is its transpose. Arguments: rows (a multiple of ROWS),
    panels, depth (of UNROLL); for A, B and C the field of the context with their buffer, where they
    begin in it, and their panel; add.
    """
    tall, low = _tile(TILE_ROWS, transposed), _tile(ROWS, transposed)

    def run(context, arguments):
        rows, panels, depth = arguments[0], arguments[1], arguments[2]
        A, a_panel = buffer(real, context, arguments[3], arguments[4]), arguments[5]
        B, b_panel = buffer(real, context, arguments[6], arguments[7]), arguments[8]
        C, c_panel = buffer(real, context, arguments[9], arguments[10]), arguments[11]
        L = lanes(C)
        length = _slab(depth)
        for k in range(0, depth, length):
            slab = min(length, depth - k)
            add = arguments[12] > 0 or k > 0
            j = 0
            while j < panels:
                vectors = _vectors_of_next_tile(panels - j)
                b = advance(B, j * b_panel + k * L)
                i = 0
                while i < rows:
                    row, column = (k, i) if transposed else (i, k)
                    a = advance(A, column // L * a_panel + row * L + column % L)
                    c = advance(C, j * c_panel + i * L)
                    if rows - i >= TILE_ROWS:
                        tall(vectors, a, a_panel, b, b_panel, c, c_panel, slab, add)
                        i += TILE_ROWS
                    else:
                        low(vectors, a, a_panel, b, b_panel, c, c_panel, slab, add)
                        i += ROWS
                j += vectors

    name = "multiply-transposed" if transposed else "multiply"
    return network_call(run, name, real)
