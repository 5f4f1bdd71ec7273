"""The whole network over a tile of windows, written to a tape: forward, loss, backward.

Matrices in the workspace, per layer and direction (T steps, L lanes in a vector; hidden units are
padded to whole vectors, and padded units, having no weights, stay 0), all in panels (see
``products``):

- ``XH (width / L, T + 1, rows, L)``: at step s the row ``[h_{s-1} | 1 | x_s]`` of each window; the
  1 carries the biases.
- ``Z (T, blocks * units, rows, L)``: pre-activations, then activations.
- ``C (T + 1, (states - 1) * units, rows, L)``: the states beyond h.

and once: ``DZ (blocks * units, chunk, rows, L)``, the derivatives of the pre-activations of a few
steps; ``DSTATE (states * units, rows, L)``; ``DOUT (T, directions * units, rows, L)`` for each
layer but the top one; ``FEATURES (directions * units + 1, rows, L)``: last hidden states and a 1;
``PREDICTED``, which becomes its derivative, and ``TARGET``.
"""

from tsrnn.kernels.cpu import data, passes
from tsrnn.kernels.cpu.context import GRADIENT, WEIGHTS, WORKSPACE
from tsrnn.kernels.cpu.layout import Layer, LayerSpace, Layout, Workspace, round_up
from tsrnn.kernels.cpu.native import kernel
from tsrnn.kernels.cpu.products import TILE_ROWS, UNROLL, multiply
from tsrnn.kernels.cpu.tape import Tape


class Recorder:
    """Writes one network to a tape.

    Parameters
    ----------
    layout : Layout
        Where the parameters lie.
    workspace : Workspace
        Where the matrices lie, for full tiles.
    rows : int
        Rows of the tile to record, at most the workspace's.
    dropout : bool
    """

    def __init__(self, layout: Layout, workspace: Workspace, rows: int, dropout: bool):
        self.layout, self.ws, self.rows, self.dropout = layout, workspace, rows, dropout
        self.tape = Tape()
        self.cell = layout.architecture.equations
        self.directions = layout.architecture.directions
        self.top = layout.architecture.num_layers - 1
        self.steps = workspace.steps
        self.hidden = layout.hidden
        self.units = layout.hidden // layout.lanes
        self.panel = workspace.panel

    def add(self, make, *arguments: int) -> None:
        self.tape.add(kernel(make, self.layout.real), *arguments)

    def multiply(self, *arguments: int, transposed: bool = False) -> None:
        self.tape.add(kernel(multiply, transposed, self.layout.real), *arguments)

    def time(self, direction: int, step: int) -> int:
        """The reverse direction's first step is at the window's end. Its own inverse."""
        return self.steps - 1 - step if direction else step

    # Forward

    def forward(self, channels: int) -> None:
        """Every layer and direction, step by step, then the head on the last hidden states."""
        for layer in self.layout.layers:
            at = self.ws.layer(layer)
            self.fill(at.xh, self.units, at.xh_panel)
            self.fill(at.c, (self.cell.states - 1) * self.units, self.panel)
            self.fill_ones(at.xh + self.units * at.xh_panel, at.slots)
            for s in range(self.steps):
                self.read_step(layer, at, s, channels)
                self.forward_step(layer, at, s)
        self.forward_head()

    def read_step(self, layer: Layer, at: LayerSpace, s: int, channels: int) -> None:
        """x_s: from the windows, or the layer below, thinned by dropout."""
        t, lanes = self.time(layer.direction, s), self.layout.lanes
        x = at.xh + layer.start_x // lanes * at.xh_panel + s * at.xh_step
        if layer.number == 0:
            first = layer.start_x % lanes
            self.add(data.read_inputs, t, self.rows, channels, x, at.xh_panel, first)
            return
        for below in self.layout.layers_of(layer.number - 1):
            source = self.ws.layer(below)
            h = source.xh + (self.time(below.direction, t) + 1) * source.xh_step
            to = x + below.direction * self.units * at.xh_panel
            self.copy(h, source.xh_panel, to, at.xh_panel)
            self.drop(layer, below, t, to, at.xh_panel)

    def forward_step(self, layer: Layer, at: LayerSpace, s: int) -> None:
        """z_s = [h_{s-1} 1 x_s] W, then the cell."""
        blocks, gates = self.cell.blocks, self.cell.gates
        # Blocks of the input alone, of both, of the hidden state alone. The 1 goes with each; the
        # first hidden state is 0.
        self.product(layer, s, 0, blocks - gates, x=True)
        self.product(layer, s, blocks - gates, gates, x=True, h=s > 0)
        self.product(layer, s, gates, blocks, h=s > 0)
        self.add_step(passes.step_forward, at, s)

    def product(self, layer: Layer, s, block, last_block, x=False, h=False) -> None:
        """Z[block:last_block] = XH W[:, block:last_block], over the columns that count."""
        at, lanes, panels = self.ws.layer(layer), self.layout.lanes, last_block - block
        xh, w = at.xh + s * at.xh_step, layer.forward + block * self.units * layer.width * lanes
        z = at.z + s * self.ws.z_step + block * self.units * self.panel
        for first, last in layer.columns(x, h) if panels > 0 else ():
            self.multiply(
                *(self.rows, panels * self.units, round_up(last - first, UNROLL)),
                *(WORKSPACE, xh + first // lanes * at.xh_panel, at.xh_panel),
                *(WEIGHTS, w + first * lanes, layer.width * lanes),
                *(WORKSPACE, z, self.panel),
                (first, last) != layer.columns(x, h)[0],
            )

    def add_step(self, make, at: LayerSpace, s: int, *more: int) -> None:
        """The cell's equations at step s."""
        c, h = at.c + s * self.ws.c_step, at.xh + s * at.xh_step
        self.tape.add(
            kernel(make, self.layout.architecture.cell, self.layout.real),
            *(self.rows, self.units, at.z + s * self.ws.z_step),
            *(c, c + self.ws.c_step, self.panel),
            *(h, h + at.xh_step, at.xh_panel),
            *more,
        )

    def forward_head(self) -> None:
        """FEATURES = [h of every direction, 1]; PREDICTED = FEATURES W."""
        width, features = self.layout.feature_width, self.directions * self.hidden
        for layer in self.layout.layers_of(self.top):
            at = self.ws.layer(layer)
            to = self.ws.features + layer.direction * self.units * self.panel
            self.copy(at.xh + self.steps * at.xh_step, at.xh_panel, to, self.panel)
        self.fill_ones(self.ws.features + self.directions * self.units * self.panel, 1)
        self.multiply(
            *(self.rows, self.layout.output_panels, features + UNROLL),
            *(WORKSPACE, self.ws.features, self.panel),
            *(WEIGHTS, self.layout.head_forward, width * self.layout.lanes),
            *(WORKSPACE, self.ws.predicted, self.panel),
        )

    # Results

    def predictions(self) -> None:
        outputs = self.layout.architecture.outputs
        self.add(data.write_predictions, outputs, self.ws.predicted, self.panel)

    def loss(self, loss: type, channels: int) -> None:
        """The loss of the tile; PREDICTED becomes its slope."""
        outputs, panels = self.layout.architecture.outputs, self.layout.output_panels
        self.add(data.read_targets, self.steps, channels, outputs, self.ws.target, self.panel)
        self.tape.add(
            kernel(passes.loss_pass, loss, self.layout.real),
            *(outputs, panels, self.ws.predicted, self.ws.target, self.panel),
        )
        self.add(data.clear_spare_rows, self.rows, panels, self.ws.predicted, self.panel)

    # Backward

    def backward(self) -> None:
        """The head, then every layer and direction, from the top."""
        self.backward_head()
        for layer in sorted(self.layout.layers, key=lambda layer: -layer.number):
            self.start_dstate(layer)
            for s in reversed(range(self.steps)):
                self.backward_step(layer, s)
                if s % self.ws.chunk == 0:
                    self.weight_gradient(layer, s, min(s + self.ws.chunk, self.steps))
            if layer.number > 0 and layer.direction == self.directions - 1:
                self.drop_derivatives(layer)

    def backward_head(self) -> None:
        """Gradient of the head; DFEATURES = DPREDICTED W^T."""
        features, lanes = self.directions * self.hidden, self.layout.lanes
        panels = self.layout.output_panels
        self.multiply(
            *(features + TILE_ROWS, panels, self.rows),
            *(WORKSPACE, self.ws.features, self.panel),
            *(WORKSPACE, self.ws.predicted, self.panel),
            *(GRADIENT, self.layout.head_gradient, self.layout.feature_width * lanes),
            transposed=True,
        )
        self.multiply(
            *(self.rows, self.directions * self.units, panels * lanes),
            *(WORKSPACE, self.ws.predicted, self.panel),
            *(WEIGHTS, self.layout.head_back, panels * lanes * lanes),
            *(WORKSPACE, self.ws.dfeatures, self.panel),
        )

    def start_dstate(self, layer: Layer) -> None:
        """DSTATE after the last step: from the head for the top layer, else 0."""
        self.fill(self.ws.dstate, self.cell.states * self.units, self.panel)
        if layer.number == self.top:
            dh = self.ws.dfeatures + layer.direction * self.units * self.panel
            self.copy(dh, self.panel, self.ws.dstate, self.panel)

    def backward_step(self, layer: Layer, s: int) -> None:
        """The cell, then through the weights to the state before and DOUT of the layer below."""
        t = self.time(layer.direction, s)
        units = self.directions * self.units
        if layer.number < self.top:
            dout = self.ws.dout[layer.number] + t * self.ws.dout_step
            dout += layer.direction * self.units * self.panel
            self.copy(dout, self.panel, self.ws.dstate, self.panel, 1)
        dz = self.ws.dz + s % self.ws.chunk * self.ws.step
        self.add_step(
            passes.step_backward, self.ws.layer(layer), s, self.ws.dstate, dz, self.ws.dz_panel
        )
        if s > 0:
            own = (self.cell.blocks - self.cell.gates) * self.units * self.ws.dz_panel
            self.through(dz + own, self.units, layer.back_h, self.ws.dstate, 1)
        if layer.number > 0:
            below = self.ws.dout[layer.number - 1] + t * self.ws.dout_step
            self.through(dz, units, layer.back_x, below, layer.direction)

    def through(self, dz, panels, w, target, add) -> None:
        """TARGET = DZ W^T over as many blocks as there are gates, or added to it."""
        depth = self.cell.gates * self.hidden
        self.multiply(
            *(self.rows, panels, depth),
            *(WORKSPACE, dz, self.ws.dz_panel),
            *(WEIGHTS, w, depth * self.layout.lanes),
            *(WORKSPACE, target, self.panel),
            add,
        )

    def weight_gradient(self, layer: Layer, s: int, end: int) -> None:
        """[dW_hh db dW_ih] += sum over steps from s and windows of [h 1 x]^T dz, by block."""
        blocks, gates = self.cell.blocks, self.cell.gates
        self.weight_product(layer, s, end, 0, blocks - gates, x=True)
        self.weight_product(layer, s, end, blocks - gates, gates, x=True, h=True)
        self.weight_product(layer, s, end, gates, blocks, h=True)

    def weight_product(self, layer: Layer, s, end, block, last_block, x=False, h=False) -> None:
        """dW[:, block:last_block] += XH^T DZ[block:last_block], over the columns that count."""
        at, lanes, panels = self.ws.layer(layer), self.layout.lanes, last_block - block
        dz = self.ws.dz + block * self.units * self.ws.dz_panel
        gradient = layer.gradient + block * self.units * layer.width * lanes
        # In a full tile the rows of all steps are one run; a smaller one has gaps between steps.
        run = end - s if self.rows == self.ws.rows else 1
        for first, last in layer.columns(x, h) if panels > 0 else ():
            xh = at.xh + first // lanes * at.xh_panel
            for step in range(s, end, run):
                self.multiply(
                    *(round_up(last - first, TILE_ROWS), panels * self.units, run * self.rows),
                    *(WORKSPACE, xh + step * at.xh_step, at.xh_panel),
                    *(WORKSPACE, dz + (step - s) * self.ws.step, self.ws.dz_panel),
                    *(GRADIENT, gradient + first * lanes, layer.width * lanes),
                    end < self.steps or step > s,
                    transposed=True,
                )

    def drop_derivatives(self, layer: Layer) -> None:
        """The derivatives of the layer below pass where its outputs passed."""
        for below in self.layout.layers_of(layer.number - 1):
            dout = self.ws.dout[below.number] + below.direction * self.units * self.panel
            for t in range(self.steps):
                self.drop(layer, below, t, dout + t * self.ws.dout_step, self.panel)

    # Small things

    def fill(self, start: int, panels: int, panel: int) -> None:
        """Panels of 0."""
        self.add(data.fill, start, panels, panel, self.rows * self.layout.lanes, 0)

    def fill_ones(self, panel: int, steps: int) -> None:
        """The first column of a panel."""
        self.add(data.fill, panel, steps * self.ws.rows, self.layout.lanes, 1, 1)

    def copy(self, source: int, source_panel: int, target: int, target_panel: int, add=0) -> None:
        """A hidden state or its derivative, panel by panel, perhaps on top of another."""
        columns = self.rows * self.layout.lanes
        self.add(data.copy, source, source_panel, target, target_panel, self.units, columns, add)

    def drop(self, layer: Layer, below: Layer, t: int, start: int, panel: int) -> None:
        """Dropout on what one direction below hands up to ``layer`` at time t."""
        if self.dropout:
            size = self.layout.architecture.hidden_size
            place = layer.number * self.steps + t
            units = below.direction * size, self.directions * size
            self.add(data.drop, self.rows, start, panel, size, place, *units)


def record(layout, workspace, rows, channels, loss=None, gradient=False, dropout=False):
    """The tape of one network for tiles of ``rows`` windows: a forecast, or a loss."""
    recorder = Recorder(layout, workspace, rows, dropout)
    recorder.forward(channels)
    if loss is None:
        recorder.predictions()
    else:
        recorder.loss(loss, channels)
    if gradient:
        recorder.backward()
    return recorder.tape.finish()
