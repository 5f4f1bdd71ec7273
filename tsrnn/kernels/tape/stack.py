"""A stack of recurrent layers over a tile of windows: forward and backward.

See ``workspace`` for the matrices that stand in capitals here.
"""

from collections.abc import Callable

from tsrnn.kernels.tape.context import GRADIENT, WEIGHTS, WORKSPACE
from tsrnn.kernels.tape.layout import Layer, Stack, round_up
from tsrnn.kernels.tape.recorder import Matrix, Recorder
from tsrnn.kernels.tape.segments import Segments
from tsrnn.kernels.tape.workspace import LayerSpace, StackSpace


class Layers:
    """Writes the layers of one stack to a tape.

    Parameters
    ----------
    recorder : Recorder
    stack : Stack
    space : StackSpace
    first_row : int
        The row of a window that the first step reads.
    first_place : int or None
        Dropout's number for the first layer and step; None without dropout.
    """

    def __init__(self, recorder: Recorder, stack: Stack, space: StackSpace, first_row, first_place):
        self.out, self.stack, self.space = recorder, stack, space
        self.first_row, self.first_place = first_row, first_place
        self.layout, self.ws = recorder.layout, recorder.ws
        self.cell = self.layout.architecture.equations
        self.residual = self.layout.architecture.residual
        self.steps, self.units = space.steps, recorder.units
        self.panel = self.ws.panel
        self.segments = None
        if stack.segments is not None and space.segments is not None:
            self.segments = Segments(
                recorder, stack.segments, space.segments, space.steps, first_row
            )

    def time(self, direction: int, step: int) -> int:
        """The reverse direction's first step is at the window's end. Its own inverse."""
        return self.steps - 1 - step if direction else step

    # Forward

    def start(self, layer: Layer, before: "Layers | None") -> None:
        """The first states: 0, or the last ones of another stack, summed over directions."""
        at, states = self.space.layer(layer), (self.cell.states - 1) * self.units
        self.out.fill(at.xh, self.units, at.xh_panel)
        self.out.fill(at.c, states, self.panel)
        for source in before.stack.layers_of(layer.number) if before else ():
            last, shift = before.space.layer(source), before.steps - 1
            h, c = last.out + shift * last.xh_step, last.c_out + shift * self.ws.c_step
            self.out.copy(h, last.xh_panel, at.xh, at.xh_panel, self.units, 1)
            self.out.copy(c, self.panel, at.c, self.panel, states, 1)
        self.out.fill_ones(at.xh + self.units * at.xh_panel, at.slots)

    def forward(self, before: "Layers | None", collect: Callable) -> None:
        """Step by step; ``collect(layer, s, h, x, panel)`` is told where the top layers' h lies.

        And in a residual network the part of x that is handed up beside it.
        """
        if self.segments is not None:
            self.segments.forward()
        for layer in self.stack.layers:
            at = self.space.layer(layer)
            self.start(layer, before)
            held = self.hold_forward(layer)
            ahead = self.out.crew.size > 1  # each reads some steps, and all wait once
            self.out.wait()
            for s in range(self.steps if ahead else 0):
                self.read_step(layer, at, s)
            for s in range(self.steps):
                if not ahead:
                    self.read_step(layer, at, s)
                self.forward_step(layer, at, s, held)
                if layer.number == self.stack.top:
                    h, x = at.out + s * at.xh_step, self.own_x(layer, at, s)
                    collect(layer, s, h, x, at.xh_panel)

    def hold_forward(self, layer: Layer) -> bool:
        """The weights of the own units, block by block, in the own memory, if they fit."""
        panels = self.units * layer.width * self.layout.lanes
        starts = [layer.forward + block * panels for block in range(self.cell.blocks)]
        return self.out.hold(*[(start, panels) for start in starts])

    def read_step(self, layer: Layer, at: LayerSpace, s: int) -> None:
        """x_s: from the windows, or the layer below, thinned by dropout."""
        t, lanes = self.time(layer.direction, s), self.layout.lanes
        x = at.xh + layer.start_x // lanes * at.xh_panel + s * at.xh_step
        if layer.number == 0 and self.segments is not None:
            self.segments.copy(t, x, at.xh_panel)
            return
        if layer.number == 0:
            first = layer.start_x % lanes
            who = {"by": s % self.out.crew.size, "wait": False}
            self.out.read(self.stack.reads, self.first_row + t, x, at.xh_panel, first, **who)
            return
        for below in self.stack.layers_of(layer.number - 1):
            source = self.space.layer(below)
            h = source.out + self.time(below.direction, t) * source.xh_step
            to = x + below.direction * self.units * at.xh_panel
            self.out.copy(h, source.xh_panel, to, at.xh_panel, self.units, wait=False)
            self.drop(layer.number, below, t, to, at.xh_panel)
            beside = self.own_x(below, source, self.time(below.direction, t))
            if beside is not None:
                after_drop = self.first_place is not None
                where = beside, source.xh_panel, to, at.xh_panel
                self.out.copy(*where, self.units, 1, wait=after_drop)

    def own_x(self, layer: Layer, at: LayerSpace, s: int) -> int | None:
        """Where that part of x_s lies which a residual layer hands up beside its h."""
        if layer.number == 0 or not self.residual:
            return None
        first = layer.start_x // self.layout.lanes + layer.direction * self.units
        return at.xh + first * at.xh_panel + s * at.xh_step

    def has_state(self, s: int) -> bool:
        """Whether the state before a step is anything but 0."""
        return s > 0 or self.stack.decoder

    def forward_step(self, layer: Layer, at: LayerSpace, s: int, held: bool) -> None:
        """z_s = [h_{s-1} 1 x_s] W, then the cell."""
        xh, z = at.xh + s * at.xh_step, at.z + s * self.ws.z_step
        self.out.wait()
        for block, last_block, columns in self.blocks(layer, self.has_state(s)):
            self.product(layer, xh, z, block, last_block, columns, held=held)
        self.add_step("step_forward", at, s)

    def blocks(self, layer: Layer, h: bool) -> list[tuple[int, int, list[tuple[int, int]]]]:
        """First and last block of those alike, and the columns of [h 1 x] that go there.

        Blocks of the input alone, of both, of the hidden state alone; the 1 goes with each.
        """
        blocks, gates = self.cell.blocks, self.cell.gates
        return [
            (0, blocks - gates, layer.columns(x=True, h=False)),
            (blocks - gates, gates, layer.columns(x=True, h=h)),
            (gates, blocks, layer.columns(x=False, h=h)),
        ]

    def product(
        self, layer: Layer, xh, z, block, last_block, columns, *, add=False, rows=None, held=False
    ) -> None:
        """Z[block:last_block] = XH W[:, block:last_block], over some columns, or added.

        Each of a crew has its own units, and waits for nobody. ``held`` says where W is.
        """
        at, lanes = self.space.layer(layer), self.layout.lanes
        for first, last in columns:
            for unit, panels, apart in self.own_panels(last_block - block):
                w, w_panel = self.weights(layer, block, unit, apart, held)
                self.out.multiply_own(
                    *(held, rows or self.out.rows, panels),
                    round_up(last - first, self.layout.sizes.unroll),
                    Matrix(WORKSPACE, xh + first // lanes * at.xh_panel, at.xh_panel),
                    Matrix(WEIGHTS, w + first * lanes, w_panel),
                    Matrix(
                        WORKSPACE, z + (block * self.units + unit) * self.panel, apart * self.panel
                    ),
                    add or (first, last) != columns[0],
                )

    def own_panels(self, blocks: int) -> list[tuple[int, int, int]]:
        """Runs of panels of the own units in some blocks.

        The unit of the first, how many there are, and how many panels from one to the next.
        """
        first, last = self.out.crew.part(self.units)
        if last - first == self.units:
            return [(0, blocks * self.units, 1)] if blocks else []
        return [(unit, blocks, self.units) for unit in range(first, last if blocks else first)]

    def weights(self, layer: Layer, block, unit, apart, held) -> tuple[int, int]:
        """Where those of a unit in a block begin, and how far it is to the next panel."""
        size = layer.width * self.layout.lanes
        if not held:
            return layer.forward + (block * self.units + unit) * size, apart * size
        first, last = self.out.crew.part(self.units)
        return (block * (last - first) + unit - first) * size, (last - first) * size

    def before(self, s: int) -> int:
        """The slot with the states before a step."""
        return s

    def add_step(self, name: str, at: LayerSpace, s: int, *more: int) -> None:
        """The cell's equations at step s, for the own units."""
        (first, last), before = self.out.crew.part(self.units), self.before(s)
        here, here_h = first * self.panel, first * at.xh_panel
        self.out.add_own(
            name,
            *(self.out.rows, last - first, self.units, at.z + s * self.ws.z_step + here),
            *(at.c + before * self.ws.c_step + here, at.c_out + s * self.ws.c_step + here),
            self.panel,
            *(at.xh + before * at.xh_step + here_h, at.out + s * at.xh_step + here_h),
            at.xh_panel,
            *more,
            of=(self.layout.architecture.cell,),
        )

    # Backward

    def backward(self, after: "Layers | None", spread: Callable) -> None:
        """From the top; ``spread(layer, s, dh, dx)`` adds what the head says of the top layers' h.

        And in a residual network, of the part of x that was handed up beside it.
        """
        if self.residual and self.stack.top > 0:
            panels = self.steps * self.stack.directions * self.units
            self.out.fill(self.space.dout[-1], panels, self.panel)
        for layer in sorted(self.stack.layers, key=lambda layer: -layer.number):
            at = self.space.layer(layer)
            self.start_dstate(layer, at, after)
            held = self.hold_backward(layer)
            for s in reversed(range(self.steps)):
                self.backward_layer_step(layer, at, s, spread, held)
            if layer.number > 0 and layer.direction == self.stack.directions - 1:
                if self.residual and layer.number > 1:
                    self.hand_down(layer)
                self.drop_derivatives(layer)
        if self.segments is not None:
            self.segments.backward()

    def own_dx(self, layer: Layer, s: int) -> int | None:
        """Where the derivative belongs of what ``own_x`` says."""
        if layer.number == 0 or not self.residual:
            return None
        step = self.time(layer.direction, s) * self.space.dout_step
        return self.space.dout[layer.number - 1] + step + layer.direction * self.units * self.panel

    def hand_down(self, layer: Layer) -> None:
        """The derivatives of what a residual layer reads are those of what the one below reads."""
        source, target = (self.space.dout[layer.number - more] for more in (1, 2))
        panels = self.steps * self.stack.directions * self.units
        self.out.copy(source, self.panel, target, self.panel, panels)

    def start_dstate(self, layer: Layer, at: LayerSpace, after: "Layers | None") -> None:
        """DSTATE after the last step: 0, or that of the stack that went on from there.

        In a parallel stack it is DFIRST that begins with 0.
        """
        panels = self.cell.states * self.units
        if after is None:
            self.out.fill(at.dfirst, panels, self.panel)
            return
        (next_layer,) = after.stack.layers_of(layer.number)
        source = after.space.layer(next_layer).dfirst
        self.out.copy(source, self.panel, at.dstate, self.panel, panels)

    def backward_layer_step(
        self, layer: Layer, at: LayerSpace, s: int, spread: Callable, held: bool
    ) -> None:
        """The cell, then through the weights to the state before and to what the step read."""
        if layer.number == self.stack.top:
            spread(layer, s, at.dstate, self.own_dx(layer, s))
        dz, dz_panel = self.ws.dz + s % self.ws.chunk * self.ws.step, self.ws.dz_panel
        if s == self.steps - 1 or (s + 1) % self.ws.chunk == 0:
            self.out.wait()  # until DSTATE has been begun, and nobody needs DZ of the chunk before
        self.backward_cell(layer, at, s, dz)
        self.out.wait()
        if self.has_state(s):
            self.back_to_h(layer, at, dz, held)
        if layer.number > 0 or self.segments is not None:
            place = self.derivatives_of_x(layer, s)
            self.out.through(dz, dz_panel, self.depth, layer.back_x, *place, wait=False)
        elif self.stack.reads.tables:
            panels = self.layout.padded(self.stack.reads.embedded_width) // self.layout.lanes
            place = self.space.dx, self.panel, panels
            self.out.through(dz, dz_panel, self.depth, layer.back_x, *place)
            row = self.first_row + self.time(layer.direction, s)
            self.out.unread(self.stack.reads, row, self.space.dx, self.panel)
        if s % self.ws.chunk == 0:
            self.weight_gradient(layer, at, s, min(s + self.ws.chunk, self.steps))

    def backward_cell(self, layer: Layer, at: LayerSpace, s: int, dz: int) -> None:
        """DZ, and in place DSTATE before the step; the layer above has something to add to it."""
        if layer.number < self.stack.top:
            t = self.time(layer.direction, s)
            dout = self.space.dout[layer.number] + t * self.space.dout_step
            dout += layer.direction * self.units * self.panel
            self.out.copy(dout, self.panel, at.dstate, self.panel, self.units, 1, wait=False)
        first, _ = self.out.crew.part(self.units)
        dz_panel = self.ws.dz_panel
        own = at.dstate + first * self.panel, dz + first * dz_panel, dz_panel
        self.add_step("step_backward", at, s, *own)

    @property
    def depth(self) -> int:
        """Of the sums that lead back through the weights."""
        return self.cell.gates * self.layout.hidden

    def hold_backward(self, layer: Layer) -> bool:
        """The weights that lead back to the own units, likewise."""
        return self.out.hold((layer.back_h, self.units * self.depth * self.layout.lanes))

    def back_to_h(self, layer: Layer, at: LayerSpace, dz: int, held: bool) -> None:
        """DSTATE += DZ W_hh^T, of the own units."""
        dz_panel, (first, last) = self.ws.dz_panel, self.out.crew.part(self.units)
        size = self.depth * self.layout.lanes
        gates = dz + (self.cell.blocks - self.cell.gates) * self.units * dz_panel
        self.out.multiply_own(
            *(held, self.out.rows, last - first, self.depth),
            Matrix(WORKSPACE, gates, dz_panel),
            Matrix(WEIGHTS, 0 if held else layer.back_h + first * size, size),
            Matrix(WORKSPACE, at.dstate + first * self.panel, self.panel),
            1,
        )

    def derivatives_of_x(self, layer: Layer, s: int) -> tuple[int, int, int, int]:
        """Where those belong of what a layer below, or a segment, handed up.

        Start, panel, panels, and whether they go on top of what is there.
        """
        t = self.time(layer.direction, s)
        if layer.number == 0 and self.segments is not None:
            return (*self.segments.derivatives(t), layer.direction)
        below = self.space.dout[layer.number - 1] + t * self.space.dout_step
        panels = self.stack.directions * self.units
        return below, self.panel, panels, int(self.residual or layer.direction)

    def weight_gradient(self, layer: Layer, at: LayerSpace, s: int, end: int) -> None:
        """[dW_hh db dW_ih] += sum over steps from s and windows of [h 1 x]^T dz, by block.

        Each of a crew has some columns of it, and waits for nobody.
        """
        for step, run in self.out.runs(end - s):
            dz = self.ws.dz + step * self.ws.step, self.ws.dz_panel, run * self.out.rows
            add = end < self.steps or step > 0
            for block, last_block, columns in self.blocks(layer, h=True):
                self.weight_product(layer, at, s + step, *dz, block, last_block, columns, add=add)

    def weight_product(
        self, layer, at, s, dz, dz_panel, depth, block, last_block, columns, *, add=False
    ) -> None:
        """dW[:, block:last_block] = XH^T DZ[block:last_block] from step s on, or added."""
        lanes, panels = self.layout.lanes, last_block - block
        gradient = layer.gradient + block * self.units * layer.width * lanes
        for first, last in columns if panels > 0 else ():
            xh = at.xh + s * at.xh_step + first // lanes * at.xh_panel
            self.out.multiply(
                round_up(last - first, self.layout.sizes.tile_rows),
                *(panels * self.units, depth),
                Matrix(WORKSPACE, xh, at.xh_panel),
                Matrix(WORKSPACE, dz + block * self.units * dz_panel, dz_panel),
                Matrix(GRADIENT, gradient + first * lanes, layer.width * lanes),
                add,
                transposed=True,
                wait=False,
            )

    # Dropout

    def drop_derivatives(self, layer: Layer) -> None:
        """The derivatives of the layer below pass where its outputs passed."""
        for below in self.stack.layers_of(layer.number - 1):
            dout = self.space.dout[below.number] + below.direction * self.units * self.panel
            for t in range(self.steps):
                self.drop(layer.number, below, t, dout + t * self.space.dout_step, self.panel)

    def drop(self, number: int, below: Layer, t: int, start: int, panel: int) -> None:
        """Dropout on what one direction hands up to layer ``number``, or the head, at time t."""
        if self.first_place is not None:
            size = self.layout.architecture.hidden_size
            place = self.first_place + number * self.steps + t
            units = below.direction * size, self.stack.directions * size
            self.out.add("drop", self.out.rows, start, panel, size, place, *units)
