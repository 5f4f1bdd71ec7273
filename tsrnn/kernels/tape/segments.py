"""What stands in front of a stack that reads segments: their rows, through a linear layer.

See ``workspace`` for the matrices that stand in capitals here, and Lin et al. (2023), "SegRNN",
arXiv:2308.11200, for the idea.
"""

from tsrnn.kernels.tape.context import GRADIENT, WEIGHTS, WORKSPACE
from tsrnn.kernels.tape.layout import SegmentLayer
from tsrnn.kernels.tape.recorder import Matrix, Recorder
from tsrnn.kernels.tape.workspace import SegmentSpace


class Segments:
    """Writes to a tape how the inputs X of all steps of a stack come about.

    Parameters
    ----------
    recorder : Recorder
    layer : SegmentLayer
    space : SegmentSpace
    steps : int
        Of the stack: segments that it reads.
    first_row : int
        The row of a window with which the first segment begins.
    """

    def __init__(
        self,
        recorder: Recorder,
        layer: SegmentLayer,
        space: SegmentSpace,
        steps: int,
        first_row: int,
    ):
        self.out, self.layer, self.space = recorder, layer, space
        self.steps, self.first_row = steps, first_row
        self.layout, self.ws = recorder.layout, recorder.ws
        self.inputs = self.layout.padded(layer.inputs)
        # What is read of the series is each window's own; the vector of a place is that of all.
        self.rows_of_x = recorder.rows if self.inputs else self.layout.sizes.tile_rows

    def copy(self, t: int, target: int, panel: int) -> None:
        """X at time t, to where a layer reads it."""
        x = self.space.x + t * self.ws.step
        self.out.copy(x, self.space.panel, target, panel, self.out.units, wait=False)

    def derivatives(self, t: int) -> tuple[int, int, int]:
        """Where those of X at time t belong: start, panel, panels."""
        return self.space.dx + t * self.ws.step, self.space.panel, self.out.units

    def rows(self, t: int) -> range:
        """The rows of a window that make up segment t."""
        first = self.first_row + t * self.layer.rows
        return range(first, first + self.layer.rows)

    def own(self, t: int) -> int:
        """Which of the own rows belongs to time t."""
        return t if self.layer.own_rows > 1 else 0

    # Forward

    def forward(self) -> None:
        self.out.fill_ones(self.space.one, 1)
        for t in range(self.steps):
            self.embed(t)

    def embed(self, t: int) -> None:
        """X = own row + SEGMENT W, perhaps through the rectifier."""
        space, layer, lanes = self.space, self.layer, self.layout.lanes
        segment, x = space.segment + t * space.segment_step, space.x + t * self.ws.step
        self.out.multiply(
            *(self.out.rows, self.out.units, self.layout.sizes.unroll),
            Matrix(WORKSPACE, space.one, self.ws.panel),
            Matrix(WEIGHTS, layer.own + self.own(t) * lanes, layer.own_panel),
            Matrix(WORKSPACE, x, space.panel),
        )
        if self.inputs:
            width = layer.inputs // layer.rows
            for number, row in enumerate(self.rows(t)):
                where = segment, space.segment_panel, number * width
                self.out.read(layer.reads, row, *where)
            self.out.multiply(
                *(self.out.rows, self.out.units, self.inputs),
                Matrix(WORKSPACE, segment, space.segment_panel),
                Matrix(WEIGHTS, layer.weights, self.inputs * lanes),
                Matrix(WORKSPACE, x, space.panel),
                1,
            )
        if layer.rectified:
            self.out.add("rectify", self.out.rows, self.out.units, x, space.panel)

    # Backward

    def backward(self) -> None:
        """From DX, which is complete, to the gradient."""
        space, rows, units = self.space, self.out.rows, self.out.units
        for t in range(self.steps):
            x, dx = space.x + t * self.ws.step, space.dx + t * self.ws.step
            if self.layer.rectified:
                self.out.add("rectify_backward", rows, units, x, dx, space.panel)
            self.own_gradient(t, dx)
            if self.layer.reads.tables:
                self.unread(t, dx)
        if self.inputs:
            self.weight_gradient()

    def own_gradient(self, t: int, dx: int) -> None:
        """The sum of DX over windows: ONE^T DX, a row, and rows of 0 that later ones overwrite."""
        layer, own = self.layer, self.own(t)
        self.out.multiply(
            *(self.layout.sizes.tile_rows, self.out.units, self.rows_of_x),
            Matrix(WORKSPACE, self.space.one, self.ws.panel),
            Matrix(WORKSPACE, dx, self.space.panel),
            Matrix(GRADIENT, layer.own_gradient + own * self.layout.lanes, layer.own_panel),
            t > own,
            transposed=True,
        )

    def weight_gradient(self) -> None:
        """dW = SEGMENT^T DX, over all steps."""
        space, layer = self.space, self.layer
        for t, run in self.out.runs(self.steps):
            self.out.multiply(
                *(self.inputs, self.out.units, run * self.out.rows),
                Matrix(WORKSPACE, space.segment + t * space.segment_step, space.segment_panel),
                Matrix(WORKSPACE, space.dx + t * self.ws.step, space.panel),
                Matrix(GRADIENT, layer.gradient, self.inputs * self.layout.lanes),
                t > 0,
                transposed=True,
            )

    def unread(self, t: int, dx: int) -> None:
        """To the vectors of categories in segment t."""
        layer, target = self.layer, self.space.dsegment
        panels = self.layout.padded(layer.embedded_width) // self.layout.lanes
        place, width = (target, self.ws.panel, panels), layer.reads.embedded_width
        self.out.through(dx, self.space.panel, self.layout.hidden, layer.back, *place)
        for number, row in enumerate(self.rows(t)):
            self.out.unread(layer.reads, row, target, self.ws.panel, number * width)
