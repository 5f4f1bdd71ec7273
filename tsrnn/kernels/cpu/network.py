"""The whole network over a tile of windows, written to a tape: forward, loss, backward.

Matrices in the workspace, per layer and direction (T steps, L lanes in a vector; hidden units are
padded to whole vectors, and padded units, having no weights, stay 0):

- ``XH (T + 1, rows, width)``: at step s the row ``[.. x_s | 1 | h_{s-1}]`` of each window. The
  inputs end, and the 1 that carries the biases lies, just before column ``start_h``.
- ``Z (blocks * units, T, rows, L)``: pre-activations, then activations, then their derivatives.
- ``C ((states - 1) * units, T + 1, rows, L)``: the states beyond h.

and once: ``DSTATE (states * units, rows, L)`` and ``DZ (rows, blocks * units * L)`` of the present
step; ``DOUT (directions * units, T, rows, L)`` for each layer but the top one; ``FEATURES (rows,
feature_width)``: last hidden states and a 1; ``PREDICTED``, ``TARGET`` and ``DPREDICTED``.
"""

from tsrnn.kernels.cpu import data, passes
from tsrnn.kernels.cpu.context import GRADIENT, WEIGHTS, WORKSPACE
from tsrnn.kernels.cpu.layout import Layer, Layout, Workspace
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
        self.panel = workspace.rows * layout.lanes

    def add(self, make, *arguments: int) -> None:
        self.tape.add(kernel(make, self.layout.real), *arguments)

    def time(self, direction: int, step: int) -> int:
        """The reverse direction's first step is at the window's end. Its own inverse."""
        return self.steps - 1 - step if direction else step

    # Forward

    def forward(self, channels: int) -> None:
        """Every layer and direction, then the head on the last hidden states."""
        for layer in self.layout.layers:
            if layer.number == 0:
                at = self.ws.layer(layer)
                self.add(
                    data.read_windows,
                    *(self.steps, self.rows, self.ws.rows, channels),
                    *(at.xh, layer.width, layer.start_x, layer.direction),
                )
            else:
                self.read_layer_below(layer)
            self.forward_layer(layer)
        self.forward_head()

    def read_layer_below(self, layer: Layer) -> None:
        """Inputs of a higher layer: hidden states of all directions below, thinned by dropout."""
        at = self.ws.layer(layer)
        self.fill(at.xh + layer.start_h - 1, self.steps * self.ws.rows, layer.width, 1, 1)
        for below in self.layout.layers_of(layer.number - 1):
            source = self.ws.layer(below)
            for s in range(self.steps):
                t = self.time(layer.direction, s)
                after = self.time(below.direction, t) + 1
                h = source.xh + after * self.ws.rows * below.width + below.start_h
                x = at.xh + s * self.ws.rows * layer.width + layer.start_x
                x += below.direction * self.hidden
                self.copy(h, below.width, x, layer.width)
                self.drop(layer, below, t, x, layer.width, self.layout.lanes)

    def forward_layer(self, layer: Layer) -> None:
        """z_s = [x_s 1 h_{s-1}] W, then the cell, for every step s."""
        at, blocks, gates = self.ws.layer(layer), self.cell.blocks, self.cell.gates
        self.fill(at.xh + layer.start_h, self.rows, layer.width, self.hidden)
        for unit in range((self.cell.states - 1) * self.units):
            self.fill(at.c + unit * self.ws.c_panel, 1, 0, self.rows * self.layout.lanes)
        first_x = layer.start_x // UNROLL * UNROLL
        for s in range(self.steps):
            xh = at.xh + s * self.ws.rows * layer.width
            z = at.z + s * self.ws.z_step
            # Blocks of the input alone, of both, of the hidden state alone. The 1 goes with each.
            self.product(layer, xh, z, first_x, layer.start_h, 0, blocks - gates)
            self.product(layer, xh, z, first_x, layer.width, blocks - gates, gates)
            self.product(layer, xh, z, layer.start_h - UNROLL, layer.width, gates, blocks)
            self.step(passes.step_forward, layer, s)

    def product(self, layer, xh, z, first, last, block, last_block) -> None:
        """Z[block:last_block] = XH[:, first:last] W[first:last, block:last_block]."""
        if block < last_block:
            lanes, panels = self.layout.lanes, (last_block - block) * self.units
            w = layer.forward + block * self.units * layer.width * lanes + first * lanes
            self.add(
                multiply,
                *(self.rows, panels, last - first),
                *(WORKSPACE, xh + first, layer.width, 1),
                *(WEIGHTS, w, layer.width * lanes),
                *(WORKSPACE, z + block * self.units * self.ws.z_panel, self.ws.z_panel, 0),
            )

    def step(self, make, layer: Layer, s: int, *more: int) -> None:
        """The cell's equations at step s."""
        at = self.ws.layer(layer)
        c = at.c + s * self.ws.c_step
        h = at.xh + s * self.ws.rows * layer.width + layer.start_h
        self.tape.add(
            kernel(make, self.layout.architecture.cell, self.layout.real),
            *(self.rows, self.units, at.z + s * self.ws.z_step, self.ws.z_panel),
            *(c, c + self.ws.c_step, self.ws.c_panel),
            *(h, h + self.ws.rows * layer.width, layer.width),
            *more,
        )

    def forward_head(self) -> None:
        """FEATURES = [h of every direction, 1]; PREDICTED = FEATURES W."""
        width, features = self.layout.feature_width, self.directions * self.hidden
        for layer in self.layout.layers_of(self.top):
            row = self.ws.layer(layer).xh + self.steps * self.ws.rows * layer.width
            to = self.ws.features + layer.direction * self.hidden
            self.copy(row + layer.start_h, layer.width, to, width)
        self.fill(self.ws.features + features, self.rows, width, 1, 1)
        self.add(
            multiply,
            *(self.rows, self.layout.output_panels, features + UNROLL),
            *(WORKSPACE, self.ws.features, width, 1),
            *(WEIGHTS, self.layout.head_forward, width * self.layout.lanes),
            *(WORKSPACE, self.ws.predicted, self.panel, 0),
        )

    # Results

    def predictions(self) -> None:
        outputs = self.layout.architecture.outputs
        self.add(data.write_predictions, outputs, self.ws.predicted, self.panel)

    def loss(self, loss: type, channels: int) -> None:
        """The loss of the tile; PREDICTED becomes its slope."""
        outputs = self.layout.architecture.outputs
        self.add(data.read_targets, self.steps, channels, outputs, self.ws.target, self.panel)
        self.tape.add(
            kernel(passes.loss_pass, loss, self.layout.real),
            *(outputs, self.layout.output_panels, self.ws.predicted),
            *(self.ws.target, self.panel, self.ws.dpredicted),
        )

    # Backward

    def backward(self) -> None:
        """The head, then every layer and direction, from the top."""
        self.backward_head()
        for layer in sorted(self.layout.layers, key=lambda layer: -layer.number):
            self.start_dstate(layer)
            self.backward_layer(layer)
            self.weight_gradient(layer)
            if layer.number > 0 and layer.direction == self.directions - 1:
                self.drop_derivatives(layer)

    def backward_head(self) -> None:
        """Gradient of the head; DFEATURES = DPREDICTED W^T."""
        width, features = self.layout.feature_width, self.directions * self.hidden
        panels, lanes = self.layout.output_panels, self.layout.lanes
        self.add(
            data.clear_spare_rows,
            *(self.rows, panels, self.ws.predicted, self.panel, self.ws.dpredicted),
        )
        self.add(
            multiply,
            *(features + TILE_ROWS, panels, self.rows),
            *(WORKSPACE, self.ws.features, 1, width),
            *(WORKSPACE, self.ws.predicted, self.panel),
            *(GRADIENT, self.layout.head_gradient, width * lanes, 0),
        )
        self.add(
            multiply,
            *(self.rows, self.directions * self.units, panels * lanes),
            *(WORKSPACE, self.ws.dpredicted, panels * lanes, 1),
            *(WEIGHTS, self.layout.head_back, panels * lanes * lanes),
            *(WORKSPACE, self.ws.dfeatures, self.panel, 0),
        )

    def start_dstate(self, layer: Layer) -> None:
        """DSTATE after the last step: from the head for the top layer, else 0."""
        columns = self.rows * self.layout.lanes
        self.fill(self.ws.dstate, self.cell.states * self.units, self.panel, columns)
        if layer.number == self.top:
            dh = self.ws.dfeatures + layer.direction * self.units * self.panel
            self.add_panels(dh, self.panel, self.ws.dstate, self.panel)

    def backward_layer(self, layer: Layer) -> None:
        """Every step from the last to the first; fills DOUT of the layer below."""
        whole = self.steps * self.panel
        own = self.cell.blocks - self.cell.gates
        for s in reversed(range(self.steps)):
            t = self.time(layer.direction, s)
            if layer.number < self.top:
                dout = self.ws.dout[layer.number] + layer.direction * self.units * whole
                self.add_panels(dout + t * self.panel, whole, self.ws.dstate, self.panel)
            self.step(passes.step_backward, layer, s, self.ws.dstate, self.panel, self.ws.dz)
            if s > 0:
                self.through(own, self.units, layer.back_h, self.ws.dstate, self.panel, 1)
            if layer.number > 0:
                below = self.ws.dout[layer.number - 1] + t * self.panel
                inputs = self.directions * self.units
                self.through(0, inputs, layer.back_x, below, whole, layer.direction)

    def through(self, block, panels, w, target, target_panel, add) -> None:
        """TARGET = DZ[:, as many blocks as gates, from ``block`` on] W^T, or added to it."""
        depth = self.cell.gates * self.hidden
        self.add(
            multiply,
            *(self.rows, panels, depth),
            *(WORKSPACE, self.ws.dz + block * self.hidden, self.cell.blocks * self.hidden, 1),
            *(WEIGHTS, w, depth * self.layout.lanes),
            *(WORKSPACE, target, target_panel, add),
        )

    def weight_gradient(self, layer: Layer) -> None:
        """[dW_ih db dW_hh] = sum over steps and windows of [x 1 h]^T dz, block by block."""
        blocks, gates = self.cell.blocks, self.cell.gates
        first_x = layer.start_x // TILE_ROWS * TILE_ROWS
        first_one = layer.start_h - TILE_ROWS
        self.weight_product(layer, first_x, layer.start_h, 0, blocks - gates)
        self.weight_product(layer, first_x, layer.width, blocks - gates, gates)
        self.weight_product(layer, first_one, layer.width, gates, blocks)

    def weight_product(self, layer: Layer, first, last, block, last_block) -> None:
        """dW[first:last, block:last_block] = XH[:, first:last]^T DZ[block:last_block]."""
        if block >= last_block:
            return
        at, lanes = self.ws.layer(layer), self.layout.lanes
        # A full tile is one run of rows through all steps; a smaller one has gaps between steps.
        full = self.rows == self.ws.rows
        depth = self.steps * self.rows if full else self.rows
        dz = at.z + block * self.units * self.ws.z_panel
        gradient = layer.gradient + (block * self.units * layer.width + first) * lanes
        for s in range(1 if full else self.steps):
            self.add(
                multiply,
                *(last - first, (last_block - block) * self.units, depth),
                *(WORKSPACE, at.xh + s * self.ws.rows * layer.width + first, 1, layer.width),
                *(WORKSPACE, dz + s * self.ws.z_step, self.ws.z_panel),
                *(GRADIENT, gradient, layer.width * lanes, s),
            )

    def drop_derivatives(self, layer: Layer) -> None:
        """The derivatives of the layer below pass where its outputs passed."""
        whole = self.steps * self.panel
        for below in self.layout.layers_of(layer.number - 1):
            dout = self.ws.dout[below.number] + below.direction * self.units * whole
            for t in range(self.steps):
                self.drop(layer, below, t, dout + t * self.panel, self.layout.lanes, whole)

    # Small things

    def fill(self, start: int, rows: int, stride: int, columns: int, number: int = 0) -> None:
        self.add(data.fill, start, rows, stride, columns, number)

    def copy(self, source: int, source_stride: int, target: int, target_stride: int) -> None:
        """A hidden state, row by row."""
        self.add(data.copy, source, source_stride, target, target_stride, self.rows, self.hidden, 0)

    def add_panels(self, source: int, source_panel: int, target: int, target_panel: int) -> None:
        """A hidden state's derivative, panel by panel, on top of another."""
        columns = self.rows * self.layout.lanes
        self.add(data.copy, source, source_panel, target, target_panel, self.units, columns, 1)

    def drop(self, layer: Layer, below: Layer, t: int, start: int, row: int, panel: int) -> None:
        """Dropout on what one direction below hands up to ``layer`` at time t."""
        if self.dropout:
            size = self.layout.architecture.hidden_size
            place = layer.number * self.steps + t
            units = below.direction * size, self.directions * size
            self.add(data.drop, self.rows, start, row, panel, size, place, *units)


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
