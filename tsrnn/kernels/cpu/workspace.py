"""The matrices of a tile in the memory of the thread that works on it.

Per layer and direction (T steps, L lanes in a vector; hidden units are padded to whole vectors, and
padded units, having no weights, stay 0), all in panels (see ``products``):

- ``XH (width / L, T + 1, rows, L)``: at step s the row ``[h_{s-1} | 1 | x_s]`` of each window; the
  1 carries the biases.
- ``Z (T, blocks * units, rows, L)``: pre-activations, then activations.
- ``C (T + 1, (states - 1) * units, rows, L)``: the states beyond h.
- ``DZ (blocks * units, chunk, rows, L)``, shared by layers: the derivatives of the pre-activations
  of a few steps.
- ``DSTATE (states * units, rows, L)``: the derivatives of the state, while they go back in time.
- ``DOUT (T, directions * units, rows, L)`` for each layer but the top one: those of its outputs.
- ``DX``: those of the vectors of categories that a step read.

The head's, with a row for each window and position:

- ``FEATURES (directions * units + 1, positions, rows, L)``: hidden states and a 1;
- ``KNOWN``, one for each group of outputs: what is known of the steps they belong to;
- ``PREDICTED``, which becomes its derivative: the first number of all values, then the second;
- ``TARGET``, ``WEIGHT``, ``SCALE``.
"""

from dataclasses import dataclass

from tsrnn.kernels.cpu.layout import Layer, Layout, Stack, round_up
from tsrnn.kernels.cpu.products import DEPTH


@dataclass(frozen=True)
class LayerSpace:
    """Where the matrices of one layer and direction begin, and the strides and steps of XH."""

    xh: int
    xh_panel: int
    xh_step: int
    slots: int
    z: int
    c: int
    dstate: int


@dataclass(frozen=True)
class StackSpace:
    """Those of all layers of a stack, which has so many steps."""

    steps: int
    layers: dict[tuple[int, int], LayerSpace]
    dout: list[int]
    dout_step: int
    dx: int

    def layer(self, layer: Layer) -> LayerSpace:
        return self.layers[layer.number, layer.direction]


class Workspace:
    """Where the matrices lie.

    Parameters
    ----------
    layout : Layout
    steps, rows : int
        Steps in a window, windows in a full tile.
    keep : bool
        Keep every step for the backward pass. A forecast alone overwrites Z and C, and the inputs
        and hidden states of the top layer, step by step.

    Attributes
    ----------
    panel : int
        From panel to panel of a matrix of one step. Panels are a vector longer than their numbers:
        at multiples of a memory page they would push each other out of the cache.
    """

    def __init__(self, layout: Layout, steps: int, rows: int, keep: bool):
        self.layout, self.rows, self.size = layout, rows, 0
        architecture, cell = layout.architecture, layout.architecture.equations
        lanes, units = layout.lanes, layout.hidden // layout.lanes
        self.step = rows * lanes
        self.panel = self.step + lanes
        self.z_step = cell.blocks * units * self.panel if keep else 0
        self.c_step = (cell.states - 1) * units * self.panel if keep else 0
        if keep:
            self.chunk = min(-(-DEPTH // rows), max(steps, architecture.horizon))
            self.dz_panel = self.chunk * self.step + lanes
            self.dz = self._place(cell.blocks * units * self.dz_panel)
        self.encoder = self._place_stack(layout.encoder, steps, keep)
        if layout.decoder is not None:
            self.decoder = self._place_stack(layout.decoder, architecture.horizon, keep)
        self._place_head(keep)

    def _place_stack(self, stack: Stack, steps: int, keep: bool) -> StackSpace:
        layers = {}
        for layer in stack.layers:
            slots = steps + 1 if keep or layer.number < stack.top else 1
            place = self._place_layer(layer, steps, slots, keep)
            layers[layer.number, layer.direction] = place
        dout_step = stack.directions * (self.layout.hidden // self.layout.lanes) * self.panel
        dout = [self._place(steps * dout_step) for _ in range(keep * stack.top)]
        dx = self._place_columns(stack.reads.embedded_width, keep)
        return StackSpace(steps, layers, dout, dout_step, dx)

    def _place_layer(self, layer: Layer, steps: int, slots: int, keep: bool) -> LayerSpace:
        lanes, cell = self.layout.lanes, self.layout.architecture.equations
        state = self.layout.hidden // lanes * self.panel
        xh_panel = slots * self.step + lanes
        return LayerSpace(
            xh=self._place(layer.width // lanes * xh_panel),
            xh_panel=xh_panel,
            xh_step=self.step if slots > 1 else 0,
            slots=slots,
            z=self._place(cell.blocks * state * (steps if keep else 1)),
            c=self._place((cell.states - 1) * state * (steps + 1 if keep else 1)),
            dstate=self._place(keep * cell.states * state),
        )

    def _place_head(self, keep: bool) -> None:
        layout = self.layout
        self.head_panel = layout.architecture.positions * self.step + layout.lanes
        output_size = layout.output_panels * self.head_panel
        self.features = self._place(layout.feature_width // layout.lanes * self.head_panel)
        self.predicted = self._place(layout.architecture.numbers * output_size)
        self.target = self._place(output_size)
        self.weight = self._place(output_size)
        self.scale = self._place(output_size)
        self.known = [
            self._place(block.width // layout.lanes * self.panel) for block in layout.known_blocks
        ]
        if keep:
            units = (layout.feature_width - layout.unit) // layout.lanes
            self.dfeatures = self._place(units * self.head_panel)
            widths = [
                (block.last_step - block.first_step) * layout.future.embedded_width
                for block in layout.known_blocks
            ]
            self.dknown = self._place_columns(max(widths, default=0), keep)

    def _place_columns(self, width: int, keep: bool) -> int:
        """A matrix of one step, or nothing without a backward pass."""
        return self._place(keep * self.layout.padded(width) // self.layout.lanes * self.panel)

    def _place(self, numbers: int) -> int:
        start = self.size
        self.size += round_up(numbers, 16)  # a cache line of float32
        return start
