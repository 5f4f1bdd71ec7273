"""The matrices of a tile in the memory of the thread that works on it.

Per layer and direction (T steps, L lanes in a vector; hidden units are padded to whole vectors, and
padded units, having no weights, stay 0), all in panels (see ``layout``):

- ``XH (width / L, T + 1, rows, L)``: at step s the row ``[h_{s-1} | 1 | x_s]`` of each window; the
  1 carries the biases.
- ``Z (T, blocks * units, rows, L)``: pre-activations, then activations.
- ``C (T + 1, (states - 1) * units, rows, L)``: the states beyond h.
- ``DZ (blocks * units, chunk, rows, L)``, shared by layers: the derivatives of the pre-activations
  of a few steps.
- ``DSTATE (states * units, rows, L)``: the derivatives of the state, while they go back in time.
- ``DOUT (T, directions * units, rows, L)`` for each layer but the top one: those of its outputs.
- ``DX``: those of the vectors of categories that a step read.

In a parallel stack, whose steps all start from the first states, what is after a step lies apart:
``OUT``, with the panel of XH, and ``C_OUT``; and ``DFIRST`` sums what DSTATE comes to at each step.
``FIRST``, like the Z of one step, is what the recurrent products come to, then the sum of DZ over
steps; ``X_PART`` what the products with x come to for one window of many alike, in its first row,
then the sum of DZ over windows.
Of a stack that reads segments also:

- ``SEGMENT (inputs / L, T, rows, L)``: the rows of a segment side by side (a forecast alone has one
  step), and ``ONE``, a column of 1;
- ``X (units, T, rows, L)``: embedded; ``DX`` is its derivative, ``DSEGMENT`` that of the vectors of
  categories in one segment.

The head's, with a row for each window and position:

- ``FEATURES (directions * units + 1, positions, rows, L)``: hidden states and a 1;
- ``KNOWN``, one for each group of outputs: what is known of the steps they belong to;
- ``LAGS (width / L, rows, L)``: the last values of one target and a 1, and ``SKIPPED (panels, rows,
  L)``: what the skip path makes of them;
- ``PREDICTED``, which becomes its derivative: the first number of all values, then the second;
- ``TARGET``, ``WEIGHT``, ``SCALE``.
"""

from dataclasses import dataclass, replace

from tsrnn.kernels.tape.layout import Layer, Layout, SegmentLayer, Stack, round_up


@dataclass(frozen=True)
class LayerSpace:
    """Where the matrices of one layer and direction begin, and the strides and steps of XH.

    The states after a step are at ``out`` and ``c_out``: next in XH and C but in parallel stacks.
    """

    xh: int
    xh_panel: int
    xh_step: int
    slots: int
    out: int
    z: int
    c: int
    c_out: int
    dstate: int
    dfirst: int


@dataclass(frozen=True)
class SegmentSpace:
    """Those in front of a stack that reads segments."""

    one: int
    segment: int
    segment_panel: int
    segment_step: int
    x: int
    dx: int
    panel: int
    dsegment: int


@dataclass(frozen=True)
class StackSpace:
    """Those of all layers of a stack, which has so many steps."""

    steps: int
    layers: dict[tuple[int, int], LayerSpace]
    dout: list[int]
    dout_step: int
    dx: int
    segments: SegmentSpace | None
    first: int
    x_part: int

    def layer(self, layer: Layer) -> LayerSpace:
        return self.layers[layer.number, layer.direction]


class Workspace:
    """Where the matrices lie.

    Parameters
    ----------
    layout : Layout
    steps, origins, rows : int
        Steps in a window, how many of the last ones the head forecasts after, windows in a full
        tile.
    keep : bool
        Keep every step for the backward pass. A forecast alone overwrites Z and C, and the inputs
        and hidden states of the top layer, step by step.
    shared : bool, default=False
        By a crew (see ``recorder``), of which some may still read those of the top layer when
        others come to the next step: they are kept.

    Attributes
    ----------
    panel : int
        From panel to panel of a matrix of one step. Panels are a vector longer than their numbers:
        at multiples of a memory page they would push each other out of the cache.
    """

    def __init__(
        self,
        layout: Layout,
        steps: int,
        origins: int,
        rows: int,
        keep: bool,
        *,
        shared: bool = False,
    ):
        self.layout, self.rows, self.size, self.shared = layout, rows, 0, shared
        architecture, cell = layout.architecture, layout.architecture.equations
        lanes, units = layout.lanes, layout.hidden // layout.lanes
        self.positions = architecture.positions * origins
        self.step = rows * lanes
        self.panel = self.step + lanes
        self.z_step = cell.blocks * units * self.panel if keep else 0
        self.c_step = (cell.states - 1) * units * self.panel if keep else 0
        if keep:
            self.chunk = min(-(-layout.sizes.depth // rows), max(steps, architecture.horizon))
            self.dz_panel = self.chunk * self.step + lanes
            self.dz = self._place(cell.blocks * units * self.dz_panel)
        self.encoder = self._place_stack(layout.encoder, architecture.encoder_steps(steps), keep)
        if layout.decoder is not None:
            self.decoder = self._place_stack(layout.decoder, architecture.positions, keep)
        self._place_head(keep)

    def _place_stack(self, stack: Stack, steps: int, keep: bool) -> StackSpace:
        layers = {}
        for layer in stack.layers:
            slots = steps + 1 if keep or self.shared or layer.number < stack.top else 1
            make = self._place_parallel_layer if stack.parallel else self._place_layer
            layers[layer.number, layer.direction] = make(layer, steps, slots, keep)
        units = self.layout.hidden // self.layout.lanes
        dout_step = stack.directions * units * self.panel
        dout = [self._place(steps * dout_step) for _ in range(keep * stack.top)]
        dx = self._place_columns(stack.reads.embedded_width, keep)
        segments = stack.segments and self._place_segments(stack.segments, steps, keep)
        size = stack.parallel * self.layout.architecture.equations.blocks * units * self.panel
        return StackSpace(
            *(steps, layers, dout, dout_step, dx, segments),
            first=self._place(size),
            x_part=self._place(size),
        )

    def _place_layer(self, layer: Layer, steps: int, slots: int, keep: bool) -> LayerSpace:
        lanes, cell = self.layout.lanes, self.layout.architecture.equations
        state = self.layout.hidden // lanes * self.panel
        xh_panel = slots * self.step + lanes
        xh_step = self.step if slots > 1 else 0
        xh = self._place(layer.width // lanes * xh_panel)
        z = self._place(cell.blocks * state * (steps if keep else 1))
        c = self._place((cell.states - 1) * state * (steps + 1 if keep else 1))
        dstate = self._place(keep * cell.states * state)
        return LayerSpace(
            *(xh, xh_panel, xh_step, slots, xh + xh_step),
            *(z, c, c + self.c_step, dstate, dstate),
        )

    def _place_parallel_layer(self, layer: Layer, steps: int, slots: int, keep: bool) -> LayerSpace:
        """The first states stand in the first slot; those after a step, and DFIRST, apart."""
        place = self._place_layer(layer, steps, slots, keep)
        cell, units = self.layout.architecture.equations, self.layout.hidden // self.layout.lanes
        return replace(
            place,
            out=self._place(units * place.xh_panel),
            c_out=self._place((cell.states - 1) * units * self.panel * (steps if keep else 1)),
            dfirst=self._place(keep * cell.states * units * self.panel),
        )

    def _place_segments(self, segments: SegmentLayer, steps: int, keep: bool) -> SegmentSpace:
        lanes, units = self.layout.lanes, self.layout.hidden // self.layout.lanes
        panel = steps * self.step + lanes
        segment_panel = panel if keep else self.panel
        return SegmentSpace(
            one=self._place(self.layout.unit // lanes * self.panel),
            segment=self._place(self.layout.padded(segments.inputs) // lanes * segment_panel),
            segment_panel=segment_panel,
            segment_step=self.step if keep else 0,
            x=self._place(units * panel),
            dx=self._place(keep * units * panel),
            panel=panel,
            dsegment=self._place_columns(segments.embedded_width, keep),
        )

    def _place_head(self, keep: bool) -> None:
        layout = self.layout
        self.head_panel = self.positions * self.step + layout.lanes
        output_size = layout.output_panels * self.head_panel
        self.features = self._place(layout.feature_width // layout.lanes * self.head_panel)
        self.predicted = self._place(layout.architecture.numbers * output_size)
        self.target = self._place(output_size)
        self.weight = self._place(output_size)
        self.scale = self._place(output_size)
        self.known = [
            self._place(block.width // layout.lanes * self.panel) for block in layout.known_blocks
        ]
        if layout.skip is not None:
            self.lags = self._place(layout.skip.width // layout.lanes * self.panel)
            self.skipped = self._place(layout.skip.panels * self.panel)
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
