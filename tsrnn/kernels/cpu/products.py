"""Matrix products: C = A B or C += A B, with a register tile of C kept over the whole sum.

B and C lie in *panels*: columns in groups of one vector, each group contiguous, row after row, so
that a panel streams through the cache without stride. Element (k, j) of such a matrix lies at
``j // lanes * panel_stride + k * lanes + j % lanes``. A is read one number at a time, at
``i * row_stride + k * column_stride``; exchanging the strides transposes it at no cost.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from tsrnn.kernels.cpu.context import advance, buffer, network_call
from tsrnn.kernels.cpu.native import Kernel
from tsrnn.kernels.cpu.vectors import INT64, Lanes, lanes, lanes_of, machine

TILE_ROWS = machine().tile_rows
TILE_VECTORS = machine().tile_vectors
# The sums over k are cut so that the panels of B in use stay in the first-level cache.
DEPTH = 128
# Steps of k in one turn of the innermost loop. Depths are multiples of it.
UNROLL = 4


def _register_tile(rows: int, vectors: int):
    """The product of ``rows`` rows of A and ``vectors`` panels of B, as an intrinsic."""

    @intrinsic
    def tile(typing_context, A, row, column, B, b_panel, C, c_panel, depth, add):
        def codegen(context, builder, signature, arguments):
            kind = ir.VectorType(arguments[5].type.pointee, lanes_of(C))
            _TileEmitter(builder, kind, rows, vectors).product(*arguments)
            return context.get_dummy_value()

        return types.void(A, row, column, B, b_panel, C, c_panel, depth, add), codegen

    return tile


class _TileEmitter:
    """Writes the instructions of one register tile."""

    def __init__(self, builder, kind, rows, vectors):
        self.builder, self.kind, self.rows, self.vectors = builder, kind, rows, vectors

    def at(self, pointer, offset):
        return self.builder.gep(pointer, [offset])

    def times(self, count, stride):
        return self.builder.mul(ir.Constant(INT64, count), stride)

    def product(self, a, row, column, b, b_panel, c, c_panel, depth, add):
        builder, kind = self.builder, self.kind
        c_rows = [
            self.at(self.at(c, self.times(v, c_panel)), ir.Constant(INT64, i * kind.count))
            for i in range(self.rows)
            for v in range(self.vectors)
        ]
        a_rows = [self.at(a, self.times(i, row)) for i in range(self.rows)]
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
            new_sums = self._rank_one(new_sums, k, step, a_rows, column, b_panels)
        k_next = builder.add(k, ir.Constant(INT64, UNROLL))
        k.add_incoming(k_next, builder.block)
        for phi, new in zip(sums, new_sums, strict=True):
            phi.add_incoming(new.value, builder.block)
        builder.cbranch(builder.icmp_signed("<", k_next, depth), loop, end)

        builder.position_at_end(end)
        for new, pointer in zip(new_sums, c_rows, strict=True):
            new.store(pointer)

    def _rank_one(self, sums, k, step, a_rows, column, b_panels):
        """sums[i, v] += A[i, k + step] * B[k + step, v]."""
        builder, kind = self.builder, self.kind
        k = builder.add(k, ir.Constant(INT64, step))
        row_of_b = builder.mul(k, ir.Constant(INT64, kind.count))
        b = [Lanes.load(builder, self.at(panel, row_of_b), kind) for panel in b_panels]
        column_of_a = builder.mul(k, column)
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


def multiply(real) -> Kernel:
    """C[rows, panels] = A[rows, depth] B[depth, panels], added to C if ``add``.

    Arguments: rows (a multiple of TILE_ROWS), panels, depth (of UNROLL); the context's field with
    the buffer of A, where A begins in it, strides of its rows and columns; for B and for C the
    field, where it begins, the stride from panel to panel; add.
    """

    def run(context, arguments):
        rows, panels, depth = arguments[0], arguments[1], arguments[2]
        A = buffer(real, context, arguments[3], arguments[4])
        row, column = arguments[5], arguments[6]
        B, b_panel = buffer(real, context, arguments[7], arguments[8]), arguments[9]
        C, c_panel = buffer(real, context, arguments[10], arguments[11]), arguments[12]
        width = lanes(C)
        for k in range(0, depth, DEPTH):
            slab = min(DEPTH, depth - k)
            add = arguments[13] > 0 or k > 0
            j = 0
            while j < panels:
                vectors = _vectors_of_next_tile(panels - j)
                for i in range(0, rows, TILE_ROWS):
                    a = advance(A, i * row + k * column)
                    b = advance(B, j * b_panel + k * width)
                    c = advance(C, j * c_panel + i * width)
                    if vectors == 3:
                        _tile_3(a, row, column, b, b_panel, c, c_panel, slab, add)
                    elif vectors == 2:
                        _tile_2(a, row, column, b, b_panel, c, c_panel, slab, add)
                    else:
                        _tile_1(a, row, column, b, b_panel, c, c_panel, slab, add)
                j += vectors

    return network_call(run, "multiply", real)
