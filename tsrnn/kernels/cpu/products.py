"""Matrix products: C = A B or C += A B, with a register tile of C kept over the whole sum.

All matrices lie in *panels*: columns in groups of one vector, each group contiguous, row after row,
so that a panel streams through the cache without stride. Element (i, j) of such a matrix lies at
``j // L * panel + i * L + j % L``, with L lanes in a vector and ``panel`` numbers from one group to
the next. A is read one number at a time, so that its transpose costs no more than itself.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from tsrnn.kernels.cpu.context import advance, buffer, network_call
from tsrnn.kernels.cpu.native import Kernel
from tsrnn.kernels.cpu.vectors import INT64, Lanes, lanes, lanes_of, machine

TILE_ROWS = machine().tile_rows
TILE_VECTORS = machine().tile_vectors
# Longer sums over k are cut so that the panels of B in use stay in the first-level cache.
DEPTH = 160
# A whole number of vectors in either precision, on every machine.
GROUP = 16
# Steps of k in one turn of the innermost loop. Depths are multiples of it.
UNROLL = 4


def _register_tile(rows: int, vectors: int):
    """The product of ``rows`` rows of A and ``vectors`` panels of B, as an intrinsic."""

    @intrinsic
    def tile(typing_context, A, strides, B, b_panel, C, c_panel, depth, add):
        def codegen(context, builder, signature, arguments):
            a, packed, *others = arguments
            kind = ir.VectorType(a.type.pointee, lanes_of(A))
            unpacked = [builder.extract_value(packed, i) for i in range(len(strides))]
            _TileEmitter(builder, kind, rows, vectors).product(a, unpacked, *others)
            return context.get_dummy_value()

        return types.void(A, strides, B, b_panel, C, c_panel, depth, add), codegen

    return tile


class _TileEmitter:
    """Writes the instructions of one register tile."""

    def __init__(self, builder, kind, rows, vectors):
        self.builder, self.kind, self.rows, self.vectors = builder, kind, rows, vectors

    def at(self, pointer, offset):
        return self.builder.gep(pointer, [offset])

    def times(self, count, stride):
        return self.builder.mul(ir.Constant(INT64, count), stride)

    def place(self, index, stride, group):
        """Where a row, or a column, lies: ``index % L * stride + index // L * group``."""
        L = self.kind.count
        if isinstance(index, int):
            inside, groups = ir.Constant(INT64, index % L), ir.Constant(INT64, index // L)
        else:
            inside = self.builder.and_(index, ir.Constant(INT64, L - 1))
            groups = self.builder.lshr(index, ir.Constant(INT64, L.bit_length() - 1))
        return self.builder.add(self.builder.mul(inside, stride), self.builder.mul(groups, group))

    def product(self, a, strides, b, b_panel, c, c_panel, depth, add):
        builder, kind = self.builder, self.kind
        c_rows = [
            self.at(self.at(c, self.times(v, c_panel)), ir.Constant(INT64, i * kind.count))
            for i in range(self.rows)
            for v in range(self.vectors)
        ]
        a_rows = [self.at(a, self.place(i, *strides[:2])) for i in range(self.rows)]
        b_panels = [self.at(b, self.times(v, b_panel)) for v in range(self.vectors)]
        entry = builder.block
        read, loop, end = (builder.append_basic_block(name) for name in ("read", "sum", "end"))
        builder.cbranch(add, read, loop)

        builder.position_at_end(read)
        initial = [Lanes.load(builder, pointer, kind).value for pointer in c_rows]
        builder.branch(loop)

        builder.position_at_end(loop)
        k = builder.phi(INT64)
        k.add_incoming(ir.Constant(INT64, 0), entry)
        k.add_incoming(ir.Constant(INT64, 0), read)
        sums = []
        for value in initial:
            phi = builder.phi(kind)
            phi.add_incoming(ir.Constant(kind, [0.0] * kind.count), entry)
            phi.add_incoming(value, read)
            sums.append(phi)
        new_sums = [Lanes(builder, phi) for phi in sums]
        for step in range(UNROLL):
            new_sums = self._rank_one(new_sums, k, step, a_rows, strides[2:], b_panels)
        k_next = builder.add(k, ir.Constant(INT64, UNROLL))
        k.add_incoming(k_next, builder.block)
        for phi, new in zip(sums, new_sums, strict=True):
            phi.add_incoming(new.value, builder.block)
        builder.cbranch(builder.icmp_signed("<", k_next, depth), loop, end)

        builder.position_at_end(end)
        for new, pointer in zip(new_sums, c_rows, strict=True):
            new.store(pointer)

    def _rank_one(self, sums, k, step, a_rows, strides, b_panels):
        """sums[i, v] += A[i, k + step] * B[k + step, v]."""
        builder, kind = self.builder, self.kind
        row_of_b = builder.mul(builder.add(k, ir.Constant(INT64, step)), ir.Constant(INT64, kind.count))
        b = [Lanes.load(builder, self.at(panel, row_of_b), kind) for panel in b_panels]
        column_of_a = builder.add(self.place(k, *strides), self.place(step, *strides))
        new = []
        for i, a_row in enumerate(a_rows):
            a = Lanes.splat(builder, builder.load(self.at(a_row, column_of_a)), kind)
            row = sums[i * self.vectors : (i + 1) * self.vectors]
            new += [a.intrinsic("llvm.fmuladd", *pair) for pair in zip(b, row, strict=True)]
        return new


_tile_1 = _register_tile(TILE_ROWS, 1)
_tile_2 = _register_tile(TILE_ROWS, 2)
_tile_3 = _register_tile(TILE_ROWS, 3)


@register_jitable
def _vectors_of_next_tile(panels_left):
    """As wide as registers allow, but 4 panels as 2 + 2 rather than 3 + 1."""
    if panels_left >= TILE_VECTORS and panels_left != TILE_VECTORS + 1:
        return TILE_VECTORS
    return min(panels_left, 2)


@register_jitable
def _slab(depth):
    """Into how long pieces to cut a sum: as few as ``DEPTH`` allows, alike, of whole groups."""
    pieces = (depth + DEPTH - 1) // DEPTH
    return (depth + pieces * GROUP - 1) // (pieces * GROUP) * GROUP


@register_jitable
def _strides(transposed, L, panel):
    """Of A's rows, within a group of L and from group to group; then of its columns."""
    if transposed:
        return 1, panel, L, L * L
    return L, L * L, 1, panel


def multiply(real) -> Kernel:
    """C[rows, panels] = A[rows, depth] B[depth, panels], added to C if ``add``.

    Arguments: rows (a multiple of TILE_ROWS), panels, depth (of UNROLL); for A, B and C the field
    of the context with their buffer, where they begin in it, and their panel; whether A's transpose
    is stored, whether to add.
    """

    def run(context, arguments):
        rows, panels, depth = arguments[0], arguments[1], arguments[2]
        A = buffer(real, context, arguments[3], arguments[4])
        B, b_panel = buffer(real, context, arguments[6], arguments[7]), arguments[8]
        C, c_panel = buffer(real, context, arguments[9], arguments[10]), arguments[11]
        L = lanes(C)
        strides = _strides(arguments[12], L, arguments[5])
        row, row_group, column, column_group = strides
        length = _slab(depth)
        for k in range(0, depth, length):
            slab = min(length, depth - k)
            add = arguments[13] > 0 or k > 0
            j = 0
            while j < panels:
                vectors = _vectors_of_next_tile(panels - j)
                b = advance(B, j * b_panel + k * L)
                for i in range(0, rows, TILE_ROWS):
                    a_row = i % L * row + i // L * row_group
                    a = advance(A, a_row + k // L * column_group + k % L * column)
                    c = advance(C, j * c_panel + i * L)
                    if vectors == 3:
                        _tile_3(a, strides, b, b_panel, c, c_panel, slab, add)
                    elif vectors == 2:
                        _tile_2(a, strides, b, b_panel, c, c_panel, slab, add)
                    else:
                        _tile_1(a, strides, b, b_panel, c, c_panel, slab, add)
                j += vectors

    return network_call(run, "multiply", real)
