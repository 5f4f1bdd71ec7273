"""Where the packed weights lie.

The kernels read weights in panels padded to whole vectors (see ``products``); PyTorch's layout is
kept outside. Both are flat vectors, so going from one to the other is an index map, made once.
"""

from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np

from tsrnn.kernels.architecture import Architecture, parameter_suffix


class Sizes(NamedTuple):
    """Of a device's matrix products, in numbers."""

    lanes: int
    """In a panel."""
    tile_rows: int
    """Of A are multiples of it,"""
    unroll: int
    """depths multiples of this."""
    group: int
    """Columns of the head, and of what is known, are multiples of it."""
    depth: int
    """Of a sum over rows while its operands are in the cache."""


def round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


@dataclass(frozen=True)
class Table:
    """The vectors of the categories in one column of the series, row by row."""

    column: int
    size: int
    weights: int
    gradient: int


@dataclass(frozen=True)
class Reads:
    """What is read of a row: targets, a run of numbers, targets of earlier rows, categories.

    Those lie so many rows before the next one; categories are read as vectors.
    """

    targets: int
    first_number: int
    numbers: int
    lags: tuple[int, ...]
    lagged: int
    tables: tuple[Table, ...]

    @property
    def embedded(self) -> int:
        """Where the vectors of categories begin."""
        return self.targets + self.numbers + self.lagged

    @property
    def embedded_width(self) -> int:
        return sum(table.size for table in self.tables)


@dataclass(frozen=True)
class SegmentLayer:
    """The linear layer in front of a stack that reads segments: places of its weights.

    To ``inputs`` numbers of a segment it adds a row of its own: the same at each step, a bias, or
    one for each.
    """

    reads: Reads
    rows: int
    inputs: int
    weights: int
    gradient: int
    back: int
    own_rows: int
    own_panel: int
    own: int
    own_gradient: int
    rectified: bool

    @property
    def embedded_width(self) -> int:
        """Of the vectors of categories in a segment."""
        return self.rows * self.reads.embedded_width


@dataclass
class Layer:
    """One layer in one direction: columns of its XH (see ``workspace``), places of its weights.

    ``back_x`` leads to the layer below, or from the first layer to the vectors of categories (or
    to the embedded segment).
    """

    number: int
    direction: int
    hidden: int
    start_x: int
    inputs: int
    width: int
    forward: int = 0
    back_h: int = 0
    back_x: int = 0
    gradient: int = 0

    def columns(self, x: bool, h: bool) -> list[tuple[int, int]]:
        """Of the inputs, the hidden state or both, and always of the 1: first and last of a run."""
        one = self.hidden
        first = 0 if h else one
        if not x:
            return [(first, one + 1)]
        if self.start_x == one + 1:
            return [(first, self.start_x + self.inputs)]
        return [(first, one + 1), (self.start_x, self.start_x + self.inputs)]


@dataclass
class Stack:
    """The layers that read the past, or those of the decoder."""

    decoder: bool
    directions: int
    reads: Reads
    segments: SegmentLayer | None = None
    layers: list[Layer] = field(default_factory=list)

    @property
    def parallel(self) -> bool:
        """Whether each step starts from the first states."""
        return self.decoder and self.segments is not None

    @property
    def top(self) -> int:
        return self.layers[-1].number

    def layers_of(self, number: int) -> list[Layer]:
        return [layer for layer in self.layers if layer.number == number]


@dataclass(frozen=True)
class KnownBlock:
    """A group of the head's rows, and what is known of the steps that they belong to.

    An output depends on what is known of its own step alone: one matrix for all would be nearly
    empty.
    """

    first_panel: int
    panels: int
    first_step: int
    last_step: int
    width: int
    weights: int
    gradient: int
    back: int


@dataclass(frozen=True)
class Skip:
    """The path from the last values of each target to its forecast, target by target.

    The matrix of a target is ``width`` rows, its lags, a 1 and padding, by ``panels`` of steps.
    """

    lags: int
    width: int
    panels: int
    weights: tuple[int, ...]


_LAYOUTS: "WeakValueDictionary[tuple[Architecture, Sizes], Layout]" = WeakValueDictionary()


def layout_of(architecture: Architecture, sizes: Sizes) -> "Layout":
    """That of all engines alike: it takes longer to make than a small network to fit."""
    layout = _LAYOUTS.get((architecture, sizes))
    if layout is None:
        layout = _LAYOUTS[architecture, sizes] = Layout(architecture, sizes)
    return layout


class Layout:
    """The packed network of one architecture, for products of some sizes.

    Attributes
    ----------
    sources : ndarray of int32, shape (packed size,)
        The parameter that each packed weight is; ``n_parameters`` stands for nothing.
    sums : ndarray of int64, shape (2, hidden biases)
        Packed weights that are the sum of two biases, and their second one.
    packed_trainable : int
        How many packed weights, in front, change from step to step.
    gradient_of : ndarray of int64, shape (n_trainable,)
        Where each derivative lies in a tile's gradient, of ``gradient_size`` numbers.
    output_panels, head_panels : int
        Panels of one number of each value that the head gives, and of all numbers.
    padded_count, memory_stride : int
        Numbers in the engine's rows of parameters, and in each vector that an optimizer remembers.
    tables_gradient : tuple of int
        Where the derivatives of all tables begin there, and how many they are.
    """

    def __init__(self, architecture: Architecture, sizes: Sizes):
        self.architecture, self.sizes, self.lanes = architecture, sizes, sizes.lanes
        self.unit = max(sizes.lanes, sizes.tile_rows, sizes.unroll)
        self.hidden = round_up(architecture.hidden_size, self.unit)
        self.output_panels = (
            round_up(architecture.outputs, max(self.lanes, self.sizes.group)) // self.lanes
        )
        self.head_panels = architecture.numbers * self.output_panels
        shapes = architecture.parameter_shapes()
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        self.n_parameters = int(ends[-1])
        # One more than there are: a zero, for packed weights that stand for nothing.
        self.padded_count = round_up(self.n_parameters + 1, self.lanes)
        self.n_trainable = architecture.n_trainable
        self.memory_stride = round_up(self.n_trainable + 1, self.lanes)
        starts = np.concatenate([[0], ends[:-1]])
        self._numbers = {
            name: np.arange(start, end).reshape(shape)
            for (name, shape), start, end in zip(shapes.items(), starts, ends, strict=True)
        }
        self._pieces: list[np.ndarray] = []
        self._packed_size = 0
        self.gradient_size = 0
        self.gradient_of = np.empty(self.n_trainable, np.int64)
        encoder_reads, self.future = self._pack_tables()
        segments = self._pack_segments(encoder_reads)
        encoder = Stack(False, architecture.directions, encoder_reads, segments[0])
        self.encoder, self.decoder = self._pack_stack("", encoder), None
        if architecture.decoder:
            decoder = Stack(True, 1, self.future, segments[1])
            self.decoder = self._pack_stack("decoder.", decoder)
        self._pack_head()
        self.packed_trainable = self._packed_size
        self.skip = self._pack_skip() if architecture.skip else None
        first, second = np.concatenate(self._pieces, axis=1)
        self.sources = first.astype(np.int32)  # estimators have less than 2^30 parameters
        summed = np.flatnonzero(second < self.n_parameters)
        self.sums = np.stack([summed, second[summed]])
        del self._pieces, self._numbers  # several times as large as the weights

    def _pack_tables(self) -> tuple[Reads, Reads]:
        """What the encoder reads of a row, and what is read of steps to come."""
        columns, tables = self.architecture.columns, []
        first = self.gradient_size
        for i, size in enumerate(self.architecture.embedding_sizes):
            table = _alone(self._numbers[f"embedding.{i}"].ravel(), self.n_parameters)
            places = self._append(table), self._place(table)
            tables.append(Table(columns.numbers + i, size, *places))
        self.tables_gradient = (first, self.gradient_size - first)
        targets, known = columns.targets, tuple(tables[len(columns.past_categories) :])
        lagged = self.architecture.lags, self.architecture.lagged
        return (
            Reads(targets, targets, columns.past + columns.known, *lagged, tuple(tables)),
            Reads(0, targets + columns.past, columns.known, *lagged, known),
        )

    def _pack_segments(
        self, encoder_reads: Reads
    ) -> tuple[SegmentLayer | None, SegmentLayer | None]:
        """What stands in front of the encoder and of the decoder."""
        if not self.architecture.segment:
            return None, None
        past = self._pack_segment_layer(encoder_reads, "segment.bias", "segment.weight", True)
        return past, self._pack_segment_layer(self.future, "position.weight", "known.weight", False)

    def _pack_segment_layer(
        self, reads: Reads, own_name: str, name: str, rectified: bool
    ) -> SegmentLayer:
        hidden, rows = self.architecture.hidden_size, self.architecture.segment
        nothing = self.n_parameters
        own = np.atleast_2d(self._numbers[own_name])
        # Products read, and gradients write, more rows than the one that they are about.
        own_rows, own = len(own), _pad(own, 0, len(own) + self.unit, nothing)
        own = _alone(_pad(own, 1, self.hidden, nothing), nothing)
        weight = _pad(self._numbers.get(name, np.empty((hidden, 0), int)), 0, self.hidden, nothing)
        forward = _pad(weight.T, 0, self.padded(weight.shape[1]), nothing)
        back = weight.reshape(self.hidden, rows, -1)[:, :, reads.embedded :]
        back = back.reshape(self.hidden, rows * reads.embedded_width)
        back = _pad(back, 1, self.padded(back.shape[1]), nothing)
        forward, back = _alone(forward, nothing), _alone(back, nothing)
        return SegmentLayer(
            *(reads, rows, weight.shape[1]),
            weights=self._append_panels(forward),
            gradient=self._place_panels(forward),
            back=self._append_panels(back),
            own_rows=own_rows,
            own_panel=own.shape[1] * self.lanes,
            own=self._append_panels(own),
            own_gradient=self._place_panels(own),
            rectified=rectified,
        )

    def _pack_stack(self, prefix: str, stack: Stack) -> Stack:
        for number in range(self.architecture.num_layers):
            for direction in range(stack.directions):
                stack.layers.append(self._pack_layer(prefix, stack, number, direction))
        return stack

    def _pack_layer(self, prefix: str, stack: Stack, number: int, direction: int) -> Layer:
        architecture, cell = self.architecture, self.architecture.equations
        # Few inputs lie beside the 1; hidden states of the layer below lie in panels as they did.
        in_panels = number > 0 or stack.segments is not None
        inputs = architecture.stack_inputs(stack.decoder, 0)
        if in_panels:
            inputs = self.hidden * (stack.directions if number > 0 else 1)
        start_x = self.hidden + (self.unit if in_panels else 1)
        width = round_up(start_x + inputs, self.unit)
        layer = Layer(number, direction, self.hidden, start_x, inputs, width)
        matrices = self._gates(prefix, parameter_suffix(number, direction), in_panels)
        forward = self._forward_matrix(matrices, layer)
        layer.gradient, layer.forward = self._place_panels(forward), self._append_panels(forward)
        back_h = _by_block(matrices["weight_hh"], cell.hidden_blocks, cell.blocks - cell.gates)
        layer.back_h = self._append_panels(_alone(back_h, self.n_parameters))
        back_x = _by_block(matrices["weight_ih"], cell.input_blocks, 0)
        if not in_panels:
            embedded = back_x[:, stack.reads.embedded :]
            back_x = _pad(embedded, 1, self.padded(embedded.shape[1]), self.n_parameters)
        layer.back_x = self._append_panels(_alone(back_x, self.n_parameters))
        return layer

    def padded(self, width: int) -> int:
        """A number of columns, rounded up to what products need."""
        return round_up(width, self.unit)

    def _gates(self, prefix: str, suffix: str, in_panels: bool) -> dict[str, np.ndarray]:
        """Numbers by gate, padded: weights (G, hidden, columns), biases (G, hidden, 1)."""
        gates, hidden = self.architecture.equations.gates, self.architecture.hidden_size
        result = {}
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            numbers = self._numbers[prefix + name + suffix]
            columns = numbers.shape[1] if numbers.ndim == 2 else 1
            numbers = numbers.reshape(gates, hidden, columns)
            if name == "weight_hh" or (name == "weight_ih" and in_panels):
                numbers = numbers.reshape(gates, hidden, -1, hidden)
                numbers = _pad(numbers, 3, self.hidden, self.n_parameters)
                numbers = numbers.reshape(gates, hidden, -1)
            result[name] = _pad(numbers, 1, self.hidden, self.n_parameters)
        return result

    def _forward_matrix(self, matrices, layer: Layer) -> np.ndarray:
        """(2, width, blocks * hidden): the parameters that make up [W_hh b W_ih]^T."""
        cell, one = self.architecture.equations, layer.hidden
        end = layer.start_x + layer.inputs
        forward = np.full((2, layer.width, cell.blocks, self.hidden), self.n_parameters)
        for gate, block in enumerate(cell.input_blocks):
            forward[0, layer.start_x : end, block] = matrices["weight_ih"][gate].T
            forward[0, one, block] = matrices["bias_ih"][gate, :, 0]
        for gate, block in enumerate(cell.hidden_blocks):
            forward[0, :one, block] = matrices["weight_hh"][gate].T
            forward[1, one, block] = matrices["bias_hh"][gate, :, 0]
        return forward.reshape(2, layer.width, cell.blocks * self.hidden)

    def _pack_head(self) -> None:
        nothing, hidden = self.n_parameters, self.architecture.hidden_size
        weight = self._numbers["head.weight"].reshape(self.architecture.head_rows, -1, hidden)
        weight = _pad(weight, 2, self.hidden, nothing).reshape(len(weight), -1)
        weight, bias = self._in_panels(weight), self._in_panels(self._numbers["head.bias"])
        columns, features = weight.shape
        self.feature_width = features + self.unit
        forward = np.full((2, self.feature_width, columns), nothing)
        forward[0, :features] = weight.T
        forward[0, features] = bias
        self.head_gradient = self._place_panels(forward)
        self.head_forward = self._append_panels(forward)
        self.head_back = self._append_panels(_alone(weight, nothing))
        self.known_blocks = []
        if "head.known_weight" in self._numbers:
            group = max(self.lanes, self.sizes.group)
            self.known_blocks = [
                self._pack_known(number, first, group)
                for number in range(self.architecture.numbers)
                for first in range(0, self.architecture.outputs, group)
            ]

    def _in_panels(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the head, those of each number padded to whole panels."""
        rows = rows.reshape(self.architecture.numbers, -1, *rows.shape[1:])
        rows = _pad(rows, 1, self.output_panels * self.lanes, self.n_parameters)
        return rows.reshape(-1, *rows.shape[2:])

    def _pack_known(self, number: int, first: int, group: int) -> KnownBlock:
        """The weights from what is known of some steps to one number of the values there."""
        targets, nothing = self.architecture.columns.targets, self.n_parameters
        rows = self._numbers["head.known_weight"].reshape(
            self.architecture.numbers, self.architecture.outputs, -1
        )
        weight = rows[number, first : first + group]
        outputs, inputs = weight.shape
        first_step, last_step = first // targets, (first + outputs - 1) // targets + 1
        steps, embedded = last_step - first_step, self.future.embedded
        forward = np.full((steps, inputs, group), nothing)
        for o in range(outputs):
            forward[(first + o) // targets - first_step, :, o] = weight[o]
        back = forward[:, embedded:].reshape(-1, group).T
        forward = forward.reshape(-1, group)
        width = self.padded(len(forward))
        forward = _alone(_pad(forward, 0, width, nothing), nothing)
        back = _alone(_pad(back, 1, self.padded(back.shape[1]), nothing), nothing)
        return KnownBlock(
            number * self.output_panels + first // self.lanes,
            group // self.lanes,
            first_step,
            last_step,
            width,
            weights=self._append_panels(forward),
            gradient=self._place_panels(forward),
            back=self._append_panels(back),
        )

    def _pack_skip(self) -> Skip:
        """[lags 1] to the steps of each target; only forward, as nothing of it is trained."""
        lags, nothing = self.architecture.skip, self.n_parameters
        targets, horizon = self.architecture.columns.targets, self.architecture.horizon
        weight = self._numbers["skip.weight"].reshape(horizon, targets, lags)
        bias = self._numbers["skip.bias"].reshape(horizon, targets, 1)
        width, columns = self.padded(lags + 1), round_up(horizon, max(self.lanes, self.sizes.group))
        matrices = np.concatenate([weight, bias], axis=2).transpose(1, 2, 0)
        matrices = _pad(_pad(matrices, 1, width, nothing), 2, columns, nothing)
        weights = tuple(self._append_panels(_alone(matrix, nothing)) for matrix in matrices)
        return Skip(lags, width, columns // self.lanes, weights)

    def _place_panels(self, forward: np.ndarray) -> int:
        """A gradient has the layout of the forward weights; either bias has that of their sum."""
        return self._place(self._panels(forward))

    def _place(self, piece: np.ndarray) -> int:
        """Adds to the gradient what is packed like this; returns where it begins."""
        start = self.gradient_size
        for parameters in piece:
            used = parameters < self.n_parameters
            self.gradient_of[parameters[used]] = start + np.flatnonzero(used)
        self.gradient_size += piece.shape[1]
        return start

    def _append_panels(self, matrices: np.ndarray) -> int:
        """Adds (2, rows, columns) to the packed weights; returns where it begins."""
        return self._append(self._panels(matrices))

    def _append(self, piece: np.ndarray) -> int:
        start = self._packed_size
        self._pieces.append(piece)
        self._packed_size += piece.shape[1]
        return start

    def _panels(self, matrices: np.ndarray) -> np.ndarray:
        count, rows, columns = matrices.shape
        split = matrices.reshape(count, rows, columns // self.lanes, self.lanes)
        return split.transpose(0, 2, 1, 3).reshape(count, -1)


def _pad(numbers: np.ndarray, axis: int, size: int, nothing: int) -> np.ndarray:
    widths = [(0, 0)] * numbers.ndim
    widths[axis] = (0, size - numbers.shape[axis])
    return np.pad(numbers, widths, constant_values=nothing)


def _by_block(matrix: np.ndarray, blocks: tuple[int, ...], first_block: int) -> np.ndarray:
    """(gates, hidden, columns) with gates in the order of their blocks, as one matrix."""
    ordered = np.empty_like(matrix)
    ordered[[block - first_block for block in blocks]] = matrix
    return ordered.reshape(matrix.shape[0] * matrix.shape[1], matrix.shape[2])


def _alone(matrix: np.ndarray, nothing: int) -> np.ndarray:
    """A matrix of parameters that are not sums of two."""
    return np.stack([matrix, np.full_like(matrix, nothing)])
