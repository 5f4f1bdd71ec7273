"""Where everything lies: packed weights, and the matrices in a thread's workspace.

The kernels read weights in panels padded to whole vectors (see ``products``); PyTorch's layout is
kept outside. Both are flat vectors, so going from one to the other is an index map, made once.
"""

from dataclasses import dataclass

import numpy as np
from numba import types

from tsrnn.kernels.architecture import Architecture, parameter_suffix
from tsrnn.kernels.cpu.products import DEPTH, TILE_ROWS, UNROLL
from tsrnn.kernels.cpu.vectors import machine


def round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


@dataclass
class Layer:
    """One layer in one direction: columns of its XH (see ``network``), places of its weights."""

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


class Layout:
    """The packed network of one architecture in one precision.

    Attributes
    ----------
    sources : ndarray of int32, shape (packed size,)
        The parameter that each packed weight is; ``n_parameters`` stands for nothing.
    sums : ndarray of int64, shape (2, hidden biases)
        Packed weights that are the sum of two biases, and their second one.
    gradient_of : ndarray of int64, shape (n_parameters,)
        Where each parameter's derivative lies in a tile's gradient, of ``gradient_size`` numbers.
    """

    def __init__(self, architecture: Architecture, dtype):
        self.architecture = architecture
        self.real = types.float32 if np.dtype(dtype) == np.float32 else types.float64
        self.lanes = machine().lanes(dtype)
        self.unit = max(self.lanes, TILE_ROWS, UNROLL)
        self.hidden = round_up(architecture.hidden_size, self.unit)
        self.output_panels = round_up(architecture.outputs, max(self.lanes, UNROLL)) // self.lanes
        self.feature_width = architecture.directions * self.hidden + self.unit
        shapes = architecture.parameter_shapes()
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        ends = np.cumsum(sizes)
        self.n_parameters = int(ends[-1])
        self._numbers = {
            name: np.arange(end - size, end).reshape(shape)
            for (name, shape), size, end in zip(shapes.items(), sizes, ends, strict=True)
        }
        self._pieces: list[np.ndarray] = []
        self._packed_size = 0
        self.gradient_size = 0
        self.gradient_of = np.empty(self.n_parameters, np.int64)
        self.layers = [
            self._pack_layer(number, direction)
            for number in range(architecture.num_layers)
            for direction in range(architecture.directions)
        ]
        self._pack_head()
        first, second = np.concatenate(self._pieces, axis=1)
        self.sources = first.astype(np.int32)  # estimators have less than 2^30 parameters
        summed = np.flatnonzero(second < self.n_parameters)
        self.sums = np.stack([summed, second[summed]])
        self.sources_address, self.sums_address = self.sources.ctypes.data, self.sums.ctypes.data
        self.gradient_of_address = self.gradient_of.ctypes.data

    def layers_of(self, number: int) -> list[Layer]:
        return [layer for layer in self.layers if layer.number == number]

    def _pack_layer(self, number: int, direction: int) -> Layer:
        architecture, cell = self.architecture, self.architecture.equations
        # Few inputs lie beside the 1; hidden states of the layer below lie in panels as they did.
        inputs = architecture.directions * self.hidden if number else architecture.inputs
        start_x = self.hidden + (self.unit if number else 1)
        width = round_up(start_x + inputs, self.unit)
        layer = Layer(number, direction, self.hidden, start_x, inputs, width)
        matrices = self._gates(parameter_suffix(number, direction), number)
        forward = self._forward_matrix(matrices, layer)
        layer.gradient = self._place_gradient(forward)
        layer.forward = self._append(forward)
        back_h = _by_block(matrices["weight_hh"], cell.hidden_blocks, cell.blocks - cell.gates)
        layer.back_h = self._append(_alone(back_h, self.n_parameters))
        if number > 0:
            back_x = _by_block(matrices["weight_ih"], cell.input_blocks, 0)
            layer.back_x = self._append(_alone(back_x, self.n_parameters))
        return layer

    def _gates(self, suffix: str, layer: int) -> dict[str, np.ndarray]:
        """Numbers by gate, padded: weights (G, hidden, columns), biases (G, hidden, 1)."""
        architecture = self.architecture
        gates, hidden = architecture.equations.gates, architecture.hidden_size
        result = {}
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            numbers = self._numbers[name + suffix].reshape(gates, hidden, -1)
            if name == "weight_hh" or (name == "weight_ih" and layer > 0):
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
        outputs, nothing = self.architecture.outputs, self.n_parameters
        forward = np.full((2, self.feature_width, self.output_panels * self.lanes), nothing)
        weight = self._numbers["head.weight"].reshape(outputs, -1, self.architecture.hidden_size)
        weight = _pad(weight, 2, self.hidden, nothing).reshape(outputs, -1)
        features = weight.shape[1]
        forward[0, :features, :outputs] = weight.T
        forward[0, features, :outputs] = self._numbers["head.bias"]
        self.head_gradient = self._place_gradient(forward)
        self.head_forward = self._append(forward)
        back = _pad(weight, 0, self.output_panels * self.lanes, nothing)
        self.head_back = self._append(_alone(back, nothing))

    def _place_gradient(self, forward: np.ndarray) -> int:
        """A gradient has the layout of the forward weights; either bias has that of their sum."""
        start = self.gradient_size
        for panels in self._panels(forward):
            used = panels < self.n_parameters
            self.gradient_of[panels[used]] = start + np.flatnonzero(used)
        self.gradient_size += forward[0].size
        return start

    def _append(self, matrices: np.ndarray) -> int:
        """Adds (2, rows, columns) to the packed weights, in panels; returns where it begins."""
        start = self._packed_size
        self._pieces.append(self._panels(matrices))
        self._packed_size += matrices[0].size
        return start

    def _panels(self, matrices: np.ndarray) -> np.ndarray:
        count, rows, columns = matrices.shape
        split = matrices.reshape(count, rows, columns // self.lanes, self.lanes)
        return split.transpose(0, 2, 1, 3).reshape(count, -1)


@dataclass(frozen=True)
class LayerSpace:
    """Where the matrices of one layer and direction begin, and the strides and steps of XH."""

    xh: int
    xh_panel: int
    xh_step: int
    slots: int
    z: int
    c: int


class Workspace:
    """Where the matrices of a tile lie in the memory of the thread that works on it.

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
        architecture, cell = layout.architecture, layout.architecture.equations
        lanes, units = layout.lanes, layout.hidden // layout.lanes
        self.steps, self.rows, self.size = steps, rows, 0
        self.step = rows * lanes
        self.panel = self.step + lanes
        self.z_step = cell.blocks * units * self.panel if keep else 0
        self.c_step = (cell.states - 1) * units * self.panel if keep else 0
        top = architecture.num_layers - 1
        self._layers = {}
        for layer in layout.layers:
            slots = steps + 1 if keep or layer.number < top else 1
            xh_panel = slots * self.step + lanes
            self._layers[layer.number, layer.direction] = LayerSpace(
                xh=self._place(layer.width // lanes * xh_panel),
                xh_panel=xh_panel,
                xh_step=self.step if slots > 1 else 0,
                slots=slots,
                z=self._place(cell.blocks * units * self.panel * (steps if keep else 1)),
                c=self._place((cell.states - 1) * units * self.panel * (steps + 1 if keep else 1)),
            )
        output_size = layout.output_panels * self.panel
        self.features = self._place(layout.feature_width // lanes * self.panel)
        self.predicted = self._place(output_size)
        self.target = self._place(output_size)
        if keep:
            self.dfeatures = self._place(architecture.directions * units * self.panel)
            self.dstate = self._place(cell.states * units * self.panel)
            self.chunk = min(-(-DEPTH // rows), steps)
            self.dz_panel = self.chunk * self.step + lanes
            self.dz = self._place(cell.blocks * units * self.dz_panel)
            self.dout_step = architecture.directions * units * self.panel
            self.dout = [self._place(steps * self.dout_step) for _ in range(top)]

    def layer(self, layer: Layer) -> LayerSpace:
        return self._layers[layer.number, layer.direction]

    def _place(self, numbers: int) -> int:
        start = self.size
        self.size += round_up(numbers, 16)  # a cache line of float32
        return start


def _pad(numbers: np.ndarray, axis: int, size: int, nothing: int) -> np.ndarray:
    widths = [(0, 0)] * numbers.ndim
    widths[axis] = (0, size - numbers.shape[axis])
    return np.pad(numbers, widths, constant_values=nothing)


def _by_block(matrix: np.ndarray, blocks: tuple[int, ...], first_block: int) -> np.ndarray:
    """(gates, hidden, columns) with gates in the order of their blocks, as one matrix."""
    ordered = np.empty_like(matrix)
    ordered[[block - first_block for block in blocks]] = matrix
    return ordered.reshape(-1, matrix.shape[-1])


def _alone(matrix: np.ndarray, nothing: int) -> np.ndarray:
    """A matrix of parameters that are not sums of two."""
    return np.stack([matrix, np.full_like(matrix, nothing)])
