"""A decoder whose steps all start from the first states: SegRNN's (see ``segments``).

What comes of those states is the same at each step, and computed once. So is what comes of the
inputs of a step for one window instead of for all, where they are the learned vector of its place
alone. Everything else is as in other stacks. See ``workspace`` for the matrices in capitals.
"""

from collections.abc import Callable

from tsrnn.kernels.tape.context import WORKSPACE
from tsrnn.kernels.tape.layout import Layer
from tsrnn.kernels.tape.recorder import Matrix
from tsrnn.kernels.tape.segments import Segments
from tsrnn.kernels.tape.stack import Layers
from tsrnn.kernels.tape.workspace import LayerSpace


class ParallelLayers(Layers):
    """Writes the layers of such a stack to a tape. Parameters are those of ``Layers``."""

    segments: Segments

    @property
    def only_x(self) -> int:
        """The first blocks, which no recurrent product goes to."""
        return self.cell.blocks - self.cell.gates

    def before(self, s: int) -> int:
        return 0

    def blocks_of_x(self, layer: Layer) -> list[tuple[int, int, list[tuple[int, int]]]]:
        """First and last block, and the columns of x that go there; a 1 that h brings is left."""
        both = [(layer.start_x, layer.start_x + layer.inputs)]
        return [
            (0, self.only_x, layer.columns(x=True, h=False)),
            (self.only_x, self.cell.gates, both),
        ]

    def x_rows(self, layer: Layer) -> int:
        """Windows for which the products with x are computed."""
        return self.segments.rows_of_x if layer.number == 0 else self.out.rows

    # Forward

    def hold_forward(self, layer: Layer) -> bool:
        """Weights that are read once need not be held."""
        return False

    hold_backward = hold_forward

    def forward_step(self, layer: Layer, at: LayerSpace, s: int, held: bool) -> None:
        """z_s = FIRST + x_s W, then the cell; FIRST = [h 1] W."""
        first, z = self.space.first, at.z + s * self.ws.z_step
        if s == 0:
            self.out.wait()
            h = layer.columns(x=False, h=True)
            self.product(layer, at.xh, first, self.only_x, self.cell.blocks, h)
        skipped = self.only_x * self.units * self.panel
        panels = self.cell.gates * self.units
        self.out.copy(first + skipped, self.panel, z + skipped, self.panel, panels)
        rows, xh = self.x_rows(layer), at.xh + s * at.xh_step
        alike = rows < self.out.rows
        for block, last_block, columns in self.blocks_of_x(layer):
            self.out.wait()
            if alike:
                to = self.space.x_part
                self.product(layer, xh, to, block, last_block, columns, rows=rows)
                self.spread_x_part(z, block, last_block)
            else:
                self.product(layer, xh, z, block, last_block, columns, add=block >= self.only_x)
        self.out.wait()
        self.add_step("step_forward", at, s)

    def spread_x_part(self, z: int, block: int, last_block: int) -> None:
        """Z[block:last_block] = ONE X_PART, or added to what h has brought there."""
        shift = block * self.units * self.panel
        if last_block > block:
            self.out.multiply(
                *(self.out.rows, (last_block - block) * self.units, self.layout.sizes.unroll),
                Matrix(WORKSPACE, self.segments.space.one, self.panel),
                Matrix(WORKSPACE, self.space.x_part + shift, self.panel),
                Matrix(WORKSPACE, z + shift, self.panel),
                block >= self.only_x,
            )

    # Backward

    def backward_layer_step(
        self, layer: Layer, at: LayerSpace, s: int, spread: Callable, held: bool
    ) -> None:
        """As for other stacks, but that the state's derivatives are summed over steps in DFIRST."""
        states, gates = self.cell.states * self.units, self.cell.gates * self.units
        self.out.fill(at.dstate, states, self.panel)
        if layer.number == self.stack.top:
            spread(layer, s, at.dstate, self.own_dx(layer, s))
        dz, dz_panel = self.ws.dz, self.ws.dz_panel
        self.out.wait()
        self.backward_cell(layer, at, s, dz)
        self.out.copy(at.dstate, self.panel, at.dfirst, self.panel, states, 1)
        source = dz + self.only_x * self.units * dz_panel
        target = self.space.first + self.only_x * self.units * self.panel
        self.out.copy(source, dz_panel, target, self.panel, gates, s < self.steps - 1)
        self.backward_x(layer, at, s)
        if s == 0:
            place = at.dfirst, self.panel, self.units
            self.out.through(target, self.panel, self.depth, layer.back_h, *place, 1)
            h = layer.columns(x=False, h=True)
            summed = self.space.first, self.panel, self.out.rows
            self.weight_product(layer, at, 0, *summed, self.only_x, self.cell.blocks, h)

    def backward_x(self, layer: Layer, at: LayerSpace, s: int) -> None:
        """Through the weights to x, and their gradient."""
        rows, gates = self.x_rows(layer), self.cell.gates
        dz, dz_panel = self.ws.dz, self.ws.dz_panel
        if rows < self.out.rows:
            self.out.multiply(
                *(rows, gates * self.units, self.out.rows),
                Matrix(WORKSPACE, self.segments.space.one, self.panel),
                Matrix(WORKSPACE, dz, dz_panel),
                Matrix(WORKSPACE, self.space.x_part, self.panel),
                transposed=True,
            )
            dz, dz_panel = self.space.x_part, self.panel
        place = self.derivatives_of_x(layer, s)
        self.out.through(dz, dz_panel, self.depth, layer.back_x, *place, rows=rows)
        for block, last_block, columns in self.blocks_of_x(layer):
            summed = dz, dz_panel, rows
            add = s < self.steps - 1
            self.weight_product(layer, at, s, *summed, block, last_block, columns, add=add)
