"""A stack of recurrent layers over a tile of windows: forward and backward.

See ``workspace`` for the matrices that stand in capitals here.
"""

from collections.abc import Callable

from tsrnn.kernels.tape.context import GRADIENT, WEIGHTS, WORKSPACE
from tsrnn.kernels.tape.layout import Layer, Stack, round_up
from tsrnn.kernels.tape.recorder import Recorder
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
        for slot in range(at.slots if self.stack.parallel else 1):
            own_h, own_c = at.xh + slot * at.xh_step, at.c + slot * self.ws.c_step
            self.out.fill(own_h, self.units, at.xh_panel)
            self.out.fill(own_c, states, self.panel)
            for source in before.stack.layers_of(layer.number) if before else ():
                last, shift = before.space.layer(source), before.steps - 1
                h, c = last.out + shift * last.xh_step, last.c_out + shift * self.ws.c_step
                self.out.copy(h, last.xh_panel, own_h, at.xh_panel, self.units, 1)
                self.out.copy(c, self.panel, own_c, self.panel, states, 1)
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
            for s in range(self.steps):
                self.read_step(layer, at, s)
                self.forward_step(layer, at, s)
                if layer.number == self.stack.top:
                    h, x = at.out + s * at.xh_step, self.own_x(layer, at, s)
                    collect(layer, s, h, x, at.xh_panel)

    def read_step(self, layer: Layer, at: LayerSpace, s: int) -> None:
        """x_s: from the windows, or the layer below, thinned by dropout."""
        t, lanes = self.time(layer.direction, s), self.layout.lanes
        x = at.xh + layer.start_x // lanes * at.xh_panel + s * at.xh_step
        if layer.number == 0 and self.segments is not None:
            self.segments.copy(t, x, at.xh_panel)
            return
        if layer.number == 0:
            first = layer.start_x % lanes
            self.out.read(self.stack.reads, self.first_row + t, x, at.xh_panel, first)
            return
        for below in self.stack.layers_of(layer.number - 1):
            source = self.space.layer(below)
            h = source.out + self.time(below.direction, t) * source.xh_step
            to = x + below.direction * self.units * at.xh_panel
            self.out.copy(h, source.xh_panel, to, at.xh_panel, self.units)
            self.drop(layer.number, below, t, to, at.xh_panel)
            beside = self.own_x(below, source, self.time(below.direction, t))
            if beside is not None:
                self.out.copy(beside, source.xh_panel, to, at.xh_panel, self.units, 1)

    def own_x(self, layer: Layer, at: LayerSpace, s: int) -> int | None:
        """Where that part of x_s lies which a residual layer hands up beside its h."""
        if layer.number == 0 or not self.residual:
            return None
        first = layer.start_x // self.layout.lanes + layer.direction * self.units
        return at.xh + first * at.xh_panel + s * at.xh_step

    def has_state(self, s: int) -> bool:
        """Whether the state before a step is anything but 0."""
        return s > 0 or self.stack.decoder

    def forward_step(self, layer: Layer, at: LayerSpace, s: int) -> None:
        """z_s = [h_{s-1} 1 x_s] W, then the cell."""
        blocks, gates, h = self.cell.blocks, self.cell.gates, self.has_state(s)
        # Blocks of the input alone, of both, of the hidden state alone. The 1 goes with each.
        self.product(layer, s, 0, blocks - gates, x=True)
        self.product(layer, s, blocks - gates, gates, x=True, h=h)
        self.product(layer, s, gates, blocks, h=h)
        self.add_step("step_forward", at, s)

    def product(self, layer: Layer, s, block, last_block, x=False, h=False) -> None:
        """Z[block:last_block] = XH W[:, block:last_block], over the columns that count."""
        at, lanes, panels = self.space.layer(layer), self.layout.lanes, last_block - block
        xh, w = at.xh + s * at.xh_step, layer.forward + block * self.units * layer.width * lanes
        z = at.z + s * self.ws.z_step + block * self.units * self.panel
        for first, last in layer.columns(x, h) if panels > 0 else ():
            self.out.multiply(
                *(
                    self.out.rows,
                    panels * self.units,
                    round_up(last - first, self.layout.sizes.unroll),
                ),
                *(WORKSPACE, xh + first // lanes * at.xh_panel, at.xh_panel),
                *(WEIGHTS, w + first * lanes, layer.width * lanes),
                *(WORKSPACE, z, self.panel),
                (first, last) != layer.columns(x, h)[0],
            )

    def add_step(self, name: str, at: LayerSpace, s: int, *more: int) -> None:
        """The cell's equations at step s."""
        c, h = s * self.ws.c_step, s * at.xh_step
        self.out.add(
            name,
            *(self.out.rows, self.units, at.z + s * self.ws.z_step),
            *(at.c + c, at.c_out + c, self.panel),
            *(at.xh + h, at.out + h, at.xh_panel),
            *more,
            of=(self.layout.architecture.cell,),
        )

    # Backward

    def backward(self, after: "Layers | None", spread: Callable) -> None:
        """From the top; ``spread(layer, s, dh, dx)`` adds what the head says of the top layers' h.

        And in a residual network, of the part of x that was handed up beside it.
        """
        states = self.cell.states * self.units
        if self.residual and self.stack.top > 0:
            panels = self.steps * self.stack.directions * self.units
            self.out.fill(self.space.dout[-1], panels, self.panel)
        for layer in sorted(self.stack.layers, key=lambda layer: -layer.number):
            at = self.space.layer(layer)
            self.start_dstate(layer, at, after)
            for s in reversed(range(self.steps)):
                if self.stack.parallel:
                    self.out.fill(at.dstate, states, self.panel)
                if layer.number == self.stack.top:
                    spread(layer, s, at.dstate, self.own_dx(layer, s))
                self.backward_step(layer, at, s)
                if self.stack.parallel:
                    self.out.copy(at.dstate, self.panel, at.dfirst, self.panel, states, 1)
                if s % self.ws.chunk == 0:
                    self.weight_gradient(layer, s, min(s + self.ws.chunk, self.steps))
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

    def backward_step(self, layer: Layer, at: LayerSpace, s: int) -> None:
        """The cell, then through the weights to the state before and DOUT of the layer below."""
        t, dz_panel = self.time(layer.direction, s), self.ws.dz_panel
        if layer.number < self.stack.top:
            dout = self.space.dout[layer.number] + t * self.space.dout_step
            dout += layer.direction * self.units * self.panel
            self.out.copy(dout, self.panel, at.dstate, self.panel, self.units, 1)
        dz = self.ws.dz + s % self.ws.chunk * self.ws.step
        self.add_step("step_backward", at, s, at.dstate, dz, dz_panel)
        depth = self.cell.gates * self.layout.hidden
        if self.has_state(s):
            own = dz + (self.cell.blocks - self.cell.gates) * self.units * dz_panel
            place = at.dstate, self.panel, self.units
            self.out.through(own, dz_panel, depth, layer.back_h, *place, 1)
        if layer.number > 0:
            below = self.space.dout[layer.number - 1] + t * self.space.dout_step
            place = below, self.panel, self.stack.directions * self.units
            add = self.residual or layer.direction
            self.out.through(dz, dz_panel, depth, layer.back_x, *place, add)
        elif self.segments is not None:
            place = self.segments.derivatives(t)
            self.out.through(dz, dz_panel, depth, layer.back_x, *place, layer.direction)
        elif self.stack.reads.tables:
            panels = self.layout.padded(self.stack.reads.embedded_width) // self.layout.lanes
            place = self.space.dx, self.panel, panels
            self.out.through(dz, dz_panel, depth, layer.back_x, *place)
            self.out.unread(self.stack.reads, self.first_row + t, self.space.dx, self.panel)

    def weight_gradient(self, layer: Layer, s: int, end: int) -> None:
        """[dW_hh db dW_ih] += sum over steps from s and windows of [h 1 x]^T dz, by block."""
        blocks, gates = self.cell.blocks, self.cell.gates
        self.weight_product(layer, s, end, 0, blocks - gates, x=True)
        self.weight_product(layer, s, end, blocks - gates, gates, x=True, h=True)
        self.weight_product(layer, s, end, gates, blocks, h=True)

    def weight_product(self, layer: Layer, s, end, block, last_block, x=False, h=False) -> None:
        """dW[:, block:last_block] += XH^T DZ[block:last_block], over the columns that count."""
        at, lanes, panels = self.space.layer(layer), self.layout.lanes, last_block - block
        dz = self.ws.dz + block * self.units * self.ws.dz_panel
        gradient = layer.gradient + block * self.units * layer.width * lanes
        for first, last in layer.columns(x, h) if panels > 0 else ():
            xh = at.xh + first // lanes * at.xh_panel
            for step, run in self.out.runs(end - s):
                self.out.multiply(
                    *(
                        round_up(last - first, self.layout.sizes.tile_rows),
                        panels * self.units,
                        run * self.out.rows,
                    ),
                    *(WORKSPACE, xh + (s + step) * at.xh_step, at.xh_panel),
                    *(WORKSPACE, dz + step * self.ws.step, self.ws.dz_panel),
                    *(GRADIENT, gradient + first * lanes, layer.width * lanes),
                    end < self.steps or step > 0,
                    transposed=True,
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
