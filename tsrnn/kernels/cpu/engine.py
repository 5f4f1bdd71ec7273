"""The CPU's engine: networks of one architecture, and what can be computed with them."""

import threading

import numpy as np
from numba import types

from tsrnn.kernels.architecture import Architecture
from tsrnn.kernels.cpu.native import kernel
from tsrnn.kernels.cpu.operations import sizes_of
from tsrnn.kernels.cpu.passes import optimizer_pass
from tsrnn.kernels.cpu.program import Program
from tsrnn.kernels.cpu.threads import available_threads
from tsrnn.kernels.tape import context as c
from tsrnn.kernels.tape.batches import Kind, Pace, calls
from tsrnn.kernels.tape.layout import layout_of
from tsrnn.kernels.windows import Batch, Turn

_ALIGNMENT = 64
_PROGRAMS_KEPT = 8
_SPARES_KEPT = 8


def aligned(shape: tuple[int, ...], dtype) -> np.ndarray:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


class Engine:
    """Some networks of one architecture, each with parameters of its own, on the CPU.

    One network's batch is spread over threads. Several networks are, each on one thread.

    Parameters
    ----------
    architecture : Architecture
    dtype : numpy dtype
        float32 or float64.
    networks : int, default=1

    Attributes
    ----------
    parameters, gradient : ndarray, shape (networks, n_parameters)
        In the order and layout of ``architecture.parameter_shapes()``. ``parameters`` may be
        written to at any time between calls; derivatives of those that are not trained stay 0.
    """

    def __init__(self, architecture: Architecture, dtype, networks: int = 1):
        self.architecture, self.networks = architecture, networks
        self.dtype = np.dtype(dtype)
        self.layout = layout_of(architecture, sizes_of(self.dtype))
        self.real = getattr(types, self.dtype.name)
        shape = networks, self.layout.padded_count
        self._parameters, self._gradient = aligned(shape, dtype), aligned(shape, dtype)
        count = self.layout.n_parameters
        self.parameters, self.gradient = self._parameters[:, :count], self._gradient[:, :count]
        # Asked for once: NumPy takes a while to tell an address.
        self._networks = {
            c.PARAMETERS: addresses(self._parameters),
            c.DERIVATIVES: addresses(self._gradient),
        }
        self._buffers: dict[object, np.ndarray] = {}
        self._programs: dict[tuple[Kind, int], Program] = {}
        self._pace = Pace()
        self._in_use = threading.Lock()
        self._spare: list[Engine] = []

    def predict(self, batches: dict[int, Batch]) -> np.ndarray:
        """Normalised forecasts, shape (networks, windows, numbers * horizon * targets).

        The first number of all values, then the second, and so on; each step-major.
        Here and below, ``batches`` says which network gets which; all have as many windows. May be
        asked by many threads at once.
        """
        if not self._in_use.acquire(blocking=False):
            return self._predict_beside(batches)
        try:
            program = self._program(batches)
            shape = len(batches), *program.kind.forecast_shape(self.architecture)
            predictions = np.empty(shape, self.dtype)
            program.set({c.PREDICTIONS: addresses(predictions)})
            program.run(1)
        finally:
            self._in_use.release()
        return predictions

    def _predict_beside(self, batches: dict[int, Batch]) -> np.ndarray:
        """The same in memory of its own, which is kept for the next who finds this engine in use.

        Who waited for it might wait for good: a forked child's may be in use for ever.
        """
        try:
            other = self._spare.pop()
        except IndexError:
            other = Engine(self.architecture, self.dtype, self.networks)
        other.parameters[:] = self.parameters
        try:
            return other.predict(batches)
        finally:
            if len(self._spare) < _SPARES_KEPT:
                self._spare.append(other)

    def loss(self, batches: dict[int, Batch], loss) -> np.ndarray:
        """Mean loss over windows, steps and targets, by network."""
        return self._program(batches, loss).mean_losses()

    def loss_and_gradient(
        self, batches: dict[int, Batch], loss, dropout: float = 0.0, seed: int = 0
    ) -> np.ndarray:
        """Mean losses; gradients are left in ``gradient``. ``seed`` chooses the dropout masks."""
        program = self._program(batches, loss, True, dropout)
        seeds = np.array([[seed]])
        program.set({c.SEEDS: seeds.ctypes.data, c.OPTIMIZE: 0})
        return program.mean_losses()

    def optimizer_memory(self, optimizer, remembered: np.ndarray | None = None) -> np.ndarray:
        """What an optimizer remembers of each network: zeros, or what it did before."""
        memories = max(optimizer.memories, 1)
        memory = aligned((self.networks, memories, self.layout.memory_stride), self.dtype)
        if remembered is not None:
            memory[:, :, : self.layout.n_trainable] = remembered
        return memory

    def remembered(self, memory: np.ndarray) -> np.ndarray:
        """The same of any machine: shape (networks, memories, trainable parameters)."""
        return memory[:, :, : self.layout.n_trainable].copy()

    def train(
        self,
        turns: dict[int, Turn],
        batch_size: int,
        loss,
        memory: np.ndarray,
        clip_norm: float,
        dropout: float = 0.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One step of training along each batch of windows, one after another.

        Parameters
        ----------
        turns : dict of int to Turn
            By network; all have as many windows.
        batch_size : int
            Windows in a batch; the last one may have fewer.
        loss : loss
        memory : ndarray
            The optimizer's; see ``optimizer_memory``.
        clip_norm : float
            Longest gradient; longer ones are shortened to it.
        dropout : float, default=0

        Returns
        -------
        losses, norms : ndarray, shape (networks, batches)
            Mean loss, and Euclidean norm of the gradient, before each step. One that is not finite
            ends the training, without that step; what follows it is NaN.
        """
        numbers, optimizer = [*turns], type(next(iter(turns.values())).optimizer)
        settings = np.stack([turn.settings for turn in turns.values()])
        seeds = np.stack([turn.seeds for turn in turns.values()])
        losses, norms = np.full((2, *seeds.shape), np.nan)
        clip = np.array([clip_norm])
        rows = {  # of each network, step by step
            c.OPTIMIZER_SETTINGS: settings,
            c.SEEDS: seeds,
            c.STEP_LOSSES: losses,
            c.STEP_NORMS: norms,
        }
        fixed = {
            c.OPTIMIZE: kernel(optimizer_pass, optimizer, self.real).address,
            c.OPTIMIZER_FIELDS: settings.shape[2],
            c.MEMORY: addresses(memory)[numbers],
            c.CLIP_NORM: clip.ctypes.data,
        }
        for batch, steps, some in calls(turns, batch_size, self._pace):
            program = self._program(some, loss, True, dropout)
            program.set(fixed | {field: addresses(array, batch) for field, array in rows.items()})
            with self._pace.timed(steps):
                program.run(steps)
            if not np.isfinite(losses[:, : batch + steps] + norms[:, : batch + steps]).all():
                break
        return losses, norms

    def release(self) -> None:
        """Scratch memory, of which training needs the most; what comes next takes its own."""
        self._programs.clear()
        self._buffers.clear()

    def _program(
        self, batches: dict[int, Batch], loss=None, training: bool = False, dropout: float = 0.0
    ) -> Program:
        """For these batches, and pointed at them; recorded if there is none, a few are kept."""
        kind = Kind.of(batches, loss, training, dropout), available_threads()
        if kind not in self._programs:
            if len(self._programs) == _PROGRAMS_KEPT:
                self._programs.clear()
                self._buffers.clear()
            self._programs[kind] = Program(self.layout, self.real, *kind, self._buffer)
        program = self._programs[kind]
        numbers = [*batches]
        program.point_at([*batches.values()], loss, dropout)
        program.set({field: every[numbers] for field, every in self._networks.items()})
        return program

    def _buffer(self, name: object, size: int) -> np.ndarray:
        """Scratch memory, shared by programs that do not run at the same time."""
        held = self._buffers.get(name)
        if held is None or len(held) < size:
            self._buffers[name] = aligned((size,), self.dtype)
        return self._buffers[name]


def addresses(array: np.ndarray, column: int = 0) -> np.ndarray:
    """Of the numbers in one column, row by row."""
    first = array.ctypes.data + column * array.strides[1]
    return first + np.arange(len(array)) * array.strides[0]
