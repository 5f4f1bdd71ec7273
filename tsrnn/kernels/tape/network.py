"""The whole network over a tile of windows, written to a tape: forward, loss, backward.

See ``workspace`` for the matrices that stand in capitals here.
"""

from tsrnn.kernels.tape.calls import Tape
from tsrnn.kernels.tape.context import GRADIENT, WEIGHTS, WORKSPACE
from tsrnn.kernels.tape.layout import KnownBlock, Layer, Layout, Skip
from tsrnn.kernels.tape.parallel import ParallelLayers
from tsrnn.kernels.tape.recorder import ALONE, Crew, Matrix, Recorder
from tsrnn.kernels.tape.stack import Layers
from tsrnn.kernels.tape.workspace import Workspace


class Network:
    """Writes one network to a tape.

    Parameters
    ----------
    recorder : Recorder
    steps, origins : int
        Length of a window, and how many of its last steps the head forecasts after; without a
        decoder it may be several.
    dropout : bool
    """

    def __init__(self, recorder: Recorder, steps: int, origins: int, dropout: bool):
        self.out, self.steps, self.origins = recorder, steps, origins
        self.layout, self.ws = recorder.layout, recorder.ws
        architecture = self.layout.architecture
        self.outputs, self.positions = architecture.outputs, self.ws.positions
        self.encoder = Layers(
            recorder, self.layout.encoder, self.ws.encoder, 0, 0 if dropout else None
        )
        self.last = self.encoder
        self.decoder = None
        if self.layout.decoder is not None:
            place = len(self.encoder.stack.layers) * self.encoder.steps if dropout else None
            kind = ParallelLayers if self.layout.decoder.parallel else Layers
            self.decoder = kind(recorder, self.layout.decoder, self.ws.decoder, steps - 1, place)
            self.last = self.decoder
        self.feature_panels = self.last.stack.directions * recorder.units

    # Forward

    def forward(self) -> None:
        """The stack, or both, then the head."""
        if self.decoder is not None:
            self.encoder.forward(None, lambda *_: None)
            self.decoder.forward(self.encoder, self.collect)
        else:
            self.encoder.forward(None, self.collect)
        self.forward_head()

    def position(self, s: int) -> int | None:
        """Which forecast the hidden state after a step of the last stack makes, if any."""
        if self.decoder is not None:
            return s
        return s - self.first_origin if s >= self.first_origin else None

    @property
    def first_origin(self) -> int:
        """The first step after which the head forecasts."""
        return self.steps - self.origins

    def collect(self, layer: Layer, s: int, h: int, x: int | None, panel: int) -> None:
        """FEATURES: the hidden states that the head forecasts from, and x beside them, if any."""
        position = self.position(s)
        if position is not None:
            to = self.ws.features + position * self.ws.step
            to += layer.direction * self.out.units * self.ws.head_panel
            where = to, self.ws.head_panel, self.out.units
            self.out.copy(h, panel, *where, wait=False)
            if x is not None:
                self.out.copy(x, panel, *where, 1, wait=False)
            self.drop(layer, s, to)

    def drop(self, layer: Layer, s: int, start: int) -> None:
        """Dropout on a hidden state that the head reads, or on its derivative (SegRNN's)."""
        if self.last.segments is not None:
            self.last.drop(layer.number + 1, layer, s, start, self.ws.head_panel)

    def forward_head(self) -> None:
        """PREDICTED = [FEATURES 1] W, and what is known of each step."""
        panel, lanes = self.ws.head_panel, self.layout.lanes
        self.out.fill_ones(self.ws.features + self.feature_panels * panel, self.positions)
        for position, run in self.out.runs(self.positions):
            self.out.multiply(
                *(run * self.out.rows, self.layout.head_panels),
                self.feature_panels * lanes + self.layout.sizes.unroll,
                Matrix(WORKSPACE, self.ws.features + position * self.ws.step, panel),
                Matrix(WEIGHTS, self.layout.head_forward, self.layout.feature_width * lanes),
                Matrix(WORKSPACE, self.ws.predicted + position * self.ws.step, panel),
            )
        skip = self.layout.skip
        if skip is not None:
            one, lanes = skip.lags // self.layout.lanes, self.layout.lanes
            self.out.fill_ones(self.ws.lags + one * self.ws.panel + skip.lags % lanes, 1)
        for origin in range(self.origins):
            for block, known in zip(self.layout.known_blocks, self.ws.known, strict=True):
                self.forward_known(block, known, origin)
            if skip is not None:
                self.forward_skip(skip, origin)

    def forward_known(self, block: KnownBlock, known: int, origin: int) -> None:
        """PREDICTED of some steps += KNOWN W."""
        self.read_known(block, known, origin)
        self.out.multiply(
            *(self.out.rows, block.panels, block.width),
            Matrix(WORKSPACE, known, self.ws.panel),
            Matrix(WEIGHTS, block.weights, block.width * self.layout.lanes),
            Matrix(WORKSPACE, self.predicted_of(block, origin), self.ws.head_panel),
            1,
        )

    def read_known(self, block: KnownBlock, known: int, origin: int) -> None:
        """KNOWN: what is known of some steps, side by side."""
        future, inputs = self.layout.future, self.layout.architecture.future_inputs
        for step in range(block.first_step, block.last_step):
            first, row = (step - block.first_step) * inputs, self.first_origin + origin + step
            self.out.read(future, row, known, self.ws.panel, first)

    def forward_skip(self, skip: Skip, origin: int) -> None:
        """PREDICTED, its first numbers, of each target += [LAGS 1] W."""
        targets, lanes, panel = len(skip.weights), self.layout.lanes, self.ws.panel
        positions, predicted = self.positions // self.origins, self.predicted_from(origin)
        alone = targets == positions == 1
        for target, weights in enumerate(skip.weights):
            lags = self.first_origin + origin + 1 - skip.lags, skip.lags, self.out.rows
            columns = target, targets, self.out.width
            self.out.add("read_lags", *lags, *columns, self.ws.lags, panel)
            to = (predicted, self.ws.head_panel) if alone else (self.ws.skipped, panel)
            self.out.multiply(
                *(self.out.rows, skip.panels, skip.width),
                Matrix(WORKSPACE, self.ws.lags, panel),
                Matrix(WEIGHTS, weights, skip.width * lanes),
                Matrix(WORKSPACE, *to),
                alone,
            )
            if not alone:
                size = target, targets, positions, self.outputs
                place = self.head_space(predicted)
                self.out.add("add_skipped", *size, self.ws.skipped, panel, *place)

    def predicted_from(self, origin: int) -> int:
        return self.ws.predicted + origin * self.ws.step

    def predicted_of(self, block: KnownBlock, origin: int) -> int:
        return self.predicted_from(origin) + block.first_panel * self.ws.head_panel

    # Results

    def predictions(self) -> None:
        size = self.layout.architecture.numbers, self.positions, self.outputs
        panels = self.layout.output_panels
        self.out.add("write_predictions", *size, panels, *self.head_space(self.ws.predicted))

    def head_space(self, *matrices: int) -> tuple[int, ...]:
        """Some of the head's matrices, their panel, and their step from position to position."""
        return (*matrices, self.ws.head_panel, self.ws.step)

    def loss(self, loss: type, settings: int, weighted: bool) -> None:
        """The loss of the tile; PREDICTED becomes its slope."""
        size = self.positions, self.outputs
        targets, width = self.layout.architecture.columns.targets, self.out.width
        ahead = self.outputs // targets if self.origins == 1 else 1
        rows = self.first_origin + 1, ahead, targets
        self.out.add("read_targets", *rows, width, *size, *self.head_space(self.ws.target))
        if weighted:
            self.out.add("read_weights", *rows, *size, *self.head_space(self.ws.weight))
        if loss.needs_scale:
            self.out.add("read_scales", targets, *size, *self.head_space(self.ws.scale))
        matrices = self.ws.predicted, self.ws.target, self.ws.weight, self.ws.scale
        numbers = *size, self.layout.output_panels, *self.head_space(*matrices)
        self.out.add("loss", *numbers, of=(loss, settings, weighted))
        size = self.positions, self.out.rows, self.layout.head_panels
        self.out.add("clear_spare_rows", *size, *self.head_space(self.ws.predicted))

    # Backward

    def backward(self) -> None:
        """The head, then the stacks, the last one first."""
        first, count = self.layout.tables_gradient
        if count:
            self.out.add("clear_gradient", first, count)
        self.backward_head()
        if self.decoder is not None:
            self.decoder.backward(None, self.spread)
            self.encoder.backward(self.decoder, lambda *_: None)
        else:
            self.encoder.backward(None, self.spread)

    def backward_head(self) -> None:
        """Gradient of the head; DFEATURES = DPREDICTED W^T."""
        lanes, panel, panels = self.layout.lanes, self.ws.head_panel, self.layout.head_panels
        features = self.feature_panels * lanes
        for position, run in self.out.runs(self.positions):
            shift = position * self.ws.step
            self.out.multiply(
                *(features + self.layout.sizes.tile_rows, panels, run * self.out.rows),
                Matrix(WORKSPACE, self.ws.features + shift, panel),
                Matrix(WORKSPACE, self.ws.predicted + shift, panel),
                Matrix(GRADIENT, self.layout.head_gradient, self.layout.feature_width * lanes),
                position > 0,
                transposed=True,
            )
            self.out.multiply(
                *(run * self.out.rows, self.feature_panels, panels * lanes),
                Matrix(WORKSPACE, self.ws.predicted + shift, panel),
                Matrix(WEIGHTS, self.layout.head_back, panels * lanes * lanes),
                Matrix(WORKSPACE, self.ws.dfeatures + shift, panel),
            )
        for origin in range(self.origins):
            for block, known in zip(self.layout.known_blocks, self.ws.known, strict=True):
                self.backward_known(block, known, origin)

    def backward_known(self, block: KnownBlock, known: int, origin: int) -> None:
        """Gradient of what leads from KNOWN, and of the categories' vectors in it."""
        future, lanes, panel = self.layout.future, self.layout.lanes, self.ws.panel
        predicted = self.predicted_of(block, origin)
        if self.origins > 1:  # KNOWN is what it was for the last one
            self.read_known(block, known, origin)
        self.out.multiply(
            *(block.width, block.panels, self.out.rows),
            Matrix(WORKSPACE, known, panel),
            Matrix(WORKSPACE, predicted, self.ws.head_panel),
            Matrix(GRADIENT, block.gradient, block.width * lanes),
            origin > 0,
            transposed=True,
        )
        width = future.embedded_width
        if width:
            steps = range(block.last_step - block.first_step)
            panels = self.layout.padded(len(steps) * width) // lanes
            place = self.ws.dknown, panel, panels
            depth = block.panels * lanes
            self.out.through(predicted, self.ws.head_panel, depth, block.back, *place)
            for step in steps:
                row = self.first_origin + origin + block.first_step + step
                self.out.unread(future, row, self.ws.dknown, panel, step * width)

    def spread(self, layer: Layer, s: int, dh: int, dx: int | None) -> None:
        """What the head says of a hidden state, and of x beside it."""
        position = self.position(s)
        if position is not None:
            source = self.ws.dfeatures + position * self.ws.step
            source += layer.direction * self.out.units * self.ws.head_panel
            self.drop(layer, s, source)
            for target in (dh,) if dx is None else (dh, dx):
                self.out.copy(source, self.ws.head_panel, target, self.ws.panel, self.out.units, 1)


def record(
    layout: Layout,
    workspace: Workspace,
    rows: int,
    steps: int,
    origins: int,
    loss: tuple[type, int] | None = None,
    gradient: bool = False,
    dropout: bool = False,
    weighted: bool = False,
    crew: Crew = ALONE,
) -> Tape:
    """The tape of one network for tiles of ``rows`` windows: a forecast, or a loss."""
    recorder = Recorder(layout, workspace, rows, crew)
    network = Network(recorder, steps, origins, dropout)
    network.forward()
    if loss is None:
        network.predictions()
    else:
        network.loss(*loss, weighted)
    if gradient:
        network.backward()
    recorder.wait()
    return recorder.tape
