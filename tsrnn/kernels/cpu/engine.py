"""The CPU's engine: one network, its parameters, and what can be computed with them."""

import math
import threading

import numpy as np

from tsrnn.kernels.architecture import Architecture
from tsrnn.kernels.cpu import context as c
from tsrnn.kernels.cpu.layout import Layout, round_up
from tsrnn.kernels.cpu.native import kernel
from tsrnn.kernels.cpu.network import record
from tsrnn.kernels.cpu.parameters import collect_kernel, pack_kernel
from tsrnn.kernels.cpu.passes import field_names, optimizer_pass, settings_of
from tsrnn.kernels.cpu.products import TILE_ROWS
from tsrnn.kernels.cpu.tape import replay_kernel
from tsrnn.kernels.cpu.threads import available_threads, run_workers
from tsrnn.kernels.cpu.workspace import Workspace
from tsrnn.kernels.windows import Batch

_ALIGNMENT = 64
_PROGRAMS_KEPT = 8


def aligned(size: int, dtype) -> np.ndarray:
    """Zeros that begin at a cache line."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size * dtype.itemsize].view(dtype)


class Engine:
    """One network on the CPU.

    Parameters
    ----------
    architecture : Architecture
    dtype : numpy dtype
        float32 or float64.

    Attributes
    ----------
    parameters, gradient : ndarray, shape (n_parameters,)
        Flat, in the order and layout of ``architecture.parameter_shapes()``. ``parameters`` may be
        written to at any time between calls.
    """

    def __init__(self, architecture: Architecture, dtype):
        self.architecture = architecture
        self.dtype = np.dtype(dtype)
        self.layout = Layout(architecture, self.dtype)
        count = self.layout.n_parameters
        # One more than there are: a zero, for packed weights that stand for nothing.
        self._padded = round_up(count + 1, self.layout.lanes)
        self._parameters = aligned(self._padded, self.dtype)
        self._gradient = aligned(self._padded, self.dtype)
        self._packed = aligned(len(self.layout.sources), self.dtype)
        self._square = np.zeros(1)
        self._at = {
            array: getattr(self, array).ctypes.data
            for array in ("_parameters", "_gradient", "_packed", "_square")
        }
        self.parameters, self.gradient = self._parameters[:count], self._gradient[:count]
        self._buffers: dict[object, np.ndarray] = {}
        self._programs: dict[tuple, Program] = {}
        self._in_use = threading.Lock()

    def predict(self, batch: Batch) -> np.ndarray:
        """Normalised forecasts, shape (windows, horizon * targets), step-major.

        May be asked by many threads at once.
        """
        size = self.architecture.positions * self.architecture.outputs
        predictions = np.empty((batch.count, size), self.dtype)
        if not self._in_use.acquire(blocking=False):
            return self._copy().predict(batch)
        try:
            self._run(batch, predictions=predictions)
        finally:
            self._in_use.release()
        return predictions

    def _copy(self) -> "Engine":
        """The same network with memory of its own."""
        copy = Engine(self.architecture, self.dtype)
        copy.parameters[:] = self.parameters
        return copy

    def loss(self, batch: Batch, loss) -> float:
        """Mean loss over windows, steps and targets."""
        return self._run(batch, loss).mean_loss()

    def loss_and_gradient(self, batch: Batch, loss, dropout: float = 0.0, seed: int = 0) -> float:
        """Mean loss; its gradient is left in ``gradient``. ``seed`` chooses the dropout masks."""
        program = self._run(batch, loss, True, dropout, seed)
        kernel(collect_kernel, self.layout.real).call(
            program.at_gradients,
            program.tiles,
            self.layout.gradient_size,
            self.layout.gradient_of_address,
            self._at["_gradient"],
            self.layout.n_parameters,
            self._at["_square"],
        )
        return program.mean_loss()

    @property
    def gradient_norm(self) -> float:
        """Euclidean norm of the last gradient."""
        return math.sqrt(self._square[0])

    def optimizer_memory(self, optimizer) -> np.ndarray:
        """What an optimizer remembers, at the start: zeros."""
        return aligned(max(optimizer.memories, 1) * self._padded, self.dtype)

    def update(self, optimizer, memory: np.ndarray, scale: float) -> None:
        """One step of ``optimizer`` along the last gradient times ``scale``."""
        settings = settings_of(optimizer)
        kernel(optimizer_pass, type(optimizer), self.layout.real).call(
            self._at["_parameters"],
            self._at["_gradient"],
            memory.ctypes.data,
            settings.ctypes.data,
            self._padded,
            scale,
        )

    def _run(self, batch, loss=None, training=False, dropout=0.0, seed=0, predictions=None):
        """Carries a batch through the network, on as many threads as there are."""
        windows = batch.windows
        weighted = windows.weights is not None and loss is not None
        what = type(loss), training, dropout > 0, weighted
        key = (batch.count, windows.steps, *what, available_threads())
        program = self._programs.get(key) or self._new_program(key)
        program.prepare(batch, loss, dropout, seed, predictions)
        kernel(pack_kernel, self.layout.real).call(
            self._at["_parameters"],
            self.layout.sources_address,
            self.layout.sums_address,
            self._at["_packed"],
            len(self._packed),
            self.layout.sums.shape[1],
        )
        run_workers(kernel(replay_kernel), program.contexts)
        return program

    def _new_program(self, key) -> "Program":
        """Recorded for this kind of batch; the latest few are kept."""
        if len(self._programs) == _PROGRAMS_KEPT:
            self._programs.clear()
            self._buffers.clear()
        self._programs[key] = Program(self.layout, self._buffer, self._at["_packed"], *key)
        return self._programs[key]

    def _buffer(self, name: object, size: int) -> np.ndarray:
        """Scratch memory, shared by programs that do not run at the same time."""
        held = self._buffers.get(name)
        if held is None or len(held) < size:
            self._buffers[name] = aligned(size, self.dtype)
        return self._buffers[name]


class Program:
    """The network recorded for batches of one size, with the memory that it works in."""

    def __init__(
        self,
        layout,
        buffer,
        at_packed,
        count,
        steps,
        loss,
        training,
        dropout,
        weighted,
        threads,
    ):
        rows = tile_rows(count) if loss is not type(None) else forecast_tile_rows(count, threads)
        self.tiles = -(-count // rows)
        workers = min(threads, self.tiles)
        workspace = Workspace(layout, steps, rows, training)
        # A workspace's padding is 0 and stays so: no other arrangement may write there.
        memory = buffer((steps, rows, training), workers * workspace.size)
        self.gradients = buffer("gradients", training * self.tiles * layout.gradient_size)
        self.losses = np.zeros(self.tiles)
        self.settings = np.zeros(0 if loss is type(None) else len(field_names(loss)))
        architecture = layout.architecture
        self.n_values = count * architecture.positions * architecture.outputs
        self.at_gradients = self.gradients.ctypes.data
        self.itemsize = self.gradients.itemsize

        loss = None if loss is type(None) else loss
        last_rows = round_up((count - 1) % rows + 1, TILE_ROWS)
        what = (steps, loss, training, dropout, weighted)
        self.tape = self.last_tape = record(layout, workspace, rows, *what)
        if last_rows < rows:
            self.last_tape = record(layout, workspace, last_rows, *what)
        self.contexts = np.zeros((workers, c.SIZE), np.int64)
        fields = {
            c.WINDOWS: count,
            c.TILES: self.tiles,
            c.TILE_SIZE: rows,
            c.WEIGHTS: at_packed,
            c.GRADIENTS: self.at_gradients,
            c.GRADIENT_BYTES: layout.gradient_size * self.itemsize,
            c.LOSSES: self.losses.ctypes.data,
            c.LOSS_SETTINGS: self.settings.ctypes.data,
            c.TAPE: self.tape.ctypes.data,
            c.TAPE_LENGTH: len(self.tape),
            c.LAST_TAPE: self.last_tape.ctypes.data,
            c.LAST_TAPE_LENGTH: len(self.last_tape),
        }
        self.contexts[:, list(fields)] = list(fields.values())
        self.contexts[:, c.WORKSPACE] = [
            memory.ctypes.data + worker * workspace.size * self.itemsize
            for worker in range(workers)
        ]
        self._memory = memory
        self._loss = None

    def prepare(self, batch: Batch, loss, dropout: float, seed: int, predictions) -> None:
        """Points the workers at a batch."""
        series, starts, location, inverse_scale, weights = batch.windows.addresses
        offset = batch.first * batch.windows.targets * self.itemsize
        if loss is not self._loss:
            self.settings[:] = settings_of(loss)
            self._loss = loss
        self.contexts[:, c.BATCH] = (
            series,
            starts + batch.first * 8,
            location + offset,
            inverse_scale + offset,
            weights,
            0 if predictions is None else predictions.ctypes.data,
            int(dropout * 2.0**63),
            seed,
        )

    def mean_loss(self) -> float:
        return sum(self.losses.tolist()) / self.n_values


def tile_rows(count: int) -> int:
    """Windows in a full tile: a choice of the batch alone, so that results ignore threads."""
    return min(round_up(count, TILE_ROWS), 16 if count < 64 else 32)


def forecast_tile_rows(count: int, threads: int) -> int:
    """As many windows as there are for a thread, up to where a step's matrices fill the cache.

    A forecast sums nothing over windows, so its bits do not depend on tiles.
    """
    return min(round_up(-(-count // threads), TILE_ROWS), 128)
