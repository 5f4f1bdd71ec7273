"""The GPU's engine: networks of one architecture, with the interface of the CPU's."""

import threading
from typing import Any

import numpy as np

from tsrnn.kernels.architecture import Architecture
from tsrnn.kernels.cuda.device import check, check_place, give_back, read, selected, to_device
from tsrnn.kernels.cuda.memory import Buffer, Scratch
from tsrnn.kernels.cuda.operations import SIZES
from tsrnn.kernels.cuda.program import Program
from tsrnn.kernels.cuda.session import Session
from tsrnn.kernels.tape import context as c
from tsrnn.kernels.tape.batches import Kind, Pace, calls
from tsrnn.kernels.tape.layout import layout_of
from tsrnn.kernels.windows import Batch, Turn

_PROGRAMS_KEPT = 8


class Engine:
    """Some networks of one architecture, each with parameters of its own, on a GPU.

    One network's batch is spread over blocks of threads. Several networks have a block each.
    Parameters live in the memory of the machine: for an epoch of training they go to the device,
    and come back.

    Parameters
    ----------
    architecture : Architecture
    dtype : numpy dtype
        float32 or float64.
    networks : int, default=1
    precision : {"ieee", "tf32"}, default="ieee"
        Of matrix products in float32: as it is, or by tensor cores, which round what they multiply
        to 10 bits.

    Attributes
    ----------
    parameters, gradient : ndarray, shape (networks, n_parameters)
        See the CPU's engine.
    """

    def __init__(
        self, architecture: Architecture, dtype, networks: int = 1, precision: str = "ieee"
    ):
        check(precision)
        self.precision, self._device = precision, selected()
        self.architecture, self.networks, self.dtype = architecture, networks, np.dtype(dtype)
        self.layout = layout_of(architecture, SIZES)
        self._parameters = np.zeros((networks, self.layout.padded_count), dtype)
        self.parameters = self._parameters[:, : self.layout.n_parameters]
        self.gradient = np.zeros_like(self.parameters)
        self._programs: dict[tuple, Program] = {}
        self._scratch, self._buffers = Scratch(dtype), (Buffer(dtype), Buffer(np.int64))
        self._series: tuple[Any, Any, Any] | None = None
        self._pace = Pace()
        self._in_use = threading.Lock()

    def predict(self, batches: dict[int, Batch]) -> np.ndarray:
        """Normalised forecasts, shape (networks, windows, numbers * horizon * targets).

        See the CPU's engine. May be asked by many threads at once; they take turns.
        """
        session = self._session(batches)
        with self._in_use:
            program = self._program(batches)
            session.forecast(program.kind.forecast_shape(self.architecture))
            try:
                self._run(session, program, batches)
            finally:
                self._series = None  # rows to forecast from are written on, block by block
            return session.read(c.PREDICTIONS)[0]

    def loss(self, batches: dict[int, Batch], loss) -> np.ndarray:
        """Mean loss over windows, steps and targets, by network."""
        session = self._session(batches)
        session.learn(loss)
        self._run(session, self._program(batches, loss), batches)
        return session.read(c.STEP_LOSSES)[0][:, 0].astype(float)

    def loss_and_gradient(
        self, batches: dict[int, Batch], loss, dropout: float = 0.0, seed: int = 0
    ) -> np.ndarray:
        """Mean losses; gradients are left in ``gradient``. ``seed`` chooses the dropout masks."""
        session, program = self._session(batches), self._program(batches, loss, True, dropout)
        session.learn(loss, dropout, np.full((len(batches), 1), seed))
        self._run(session, program, batches)
        count, scratch = self.layout.n_trainable, self._scratch.of(program)
        for number, place in zip(batches, program.derivatives, strict=True):
            self.gradient[number, :count] = read(scratch, place, count)
        return session.read(c.STEP_LOSSES)[0][:, 0].astype(float)

    def optimizer_memory(self, optimizer, remembered: np.ndarray | None = None) -> np.ndarray:
        """What an optimizer remembers of each network: zeros, or what it did before."""
        shape = self.networks, max(optimizer.memories, 1), self.layout.n_trainable
        return np.zeros(shape, self.dtype) if remembered is None else remembered.copy()

    def remembered(self, memory: np.ndarray) -> np.ndarray:
        """The same of any machine: shape (networks, memories, trainable parameters)."""
        return memory.copy()

    def train(
        self,
        turns: dict[int, Turn],
        batch_size: int,
        loss,
        memory: np.ndarray,
        clip_norm: float,
        dropout: float = 0.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One step of training along each batch of windows; see the CPU's engine."""
        numbers, optimizer = [*turns], type(next(iter(turns.values())).optimizer)
        settings = np.stack([turn.settings for turn in turns.values()])
        seeds = np.stack([turn.seeds for turn in turns.values()])
        session = self._session(
            {number: turn.windows.batch() for number, turn in turns.items()}, batch_size
        )
        session.optimize([memory[number] for number in numbers], settings, clip_norm)
        session.learn(loss, dropout, seeds)
        session.send()
        try:
            for batch, steps, some in calls(turns, batch_size, self._pace):
                program = self._program(some, loss, True, dropout, optimizer)
                arrays = self._scratch.of(program), self._series_of(some)
                with self._pace.timed(steps):
                    session.run(program, *arrays, batch, steps)
                losses, norms = session.read(c.STEP_LOSSES, c.STEP_NORMS)
                if not np.isfinite((losses + norms)[:, : batch + steps]).all():
                    break
        finally:  # what has been learned until Ctrl-C
            learned = session.read(c.PARAMETERS, c.MEMORY)
            self._parameters[numbers], memory[numbers] = learned
        return losses.astype(float), norms.astype(float)

    def release(self) -> None:
        """Memory of the device; what comes next takes its own."""
        self._programs.clear()
        for each in (self._scratch, *self._buffers):
            each.release()
        self._series = None
        give_back()

    def _program(
        self,
        batches: dict[int, Batch],
        loss=None,
        training: bool = False,
        dropout: float = 0.0,
        optimizer: type | None = None,
    ) -> Program:
        """For these batches; recorded if there is none, a few are kept."""
        key = Kind.of(batches, loss, training, dropout), optimizer
        if key not in self._programs:
            if len(self._programs) == _PROGRAMS_KEPT:
                self._programs.clear()
            self._programs[key] = Program(
                self.layout, key[0], self.dtype, self.precision, optimizer
            )
        return self._programs[key]

    def _session(self, batches: dict[int, Batch], batch_size: int | None = None) -> Session:
        check_place(self._device)
        parameters = [self._parameters[number] for number in batches]
        return Session(self._buffers, parameters, [*batches.values()], batch_size)

    def _run(self, session: Session, program: Program, batches: dict[int, Batch]) -> None:
        """All that a session is for, in one launch."""
        session.send()
        session.run(program, self._scratch.of(program), self._series_of(batches))

    def _series_of(self, batches: dict[int, Batch]) -> Any:
        """The rows of all series, and their weights, on the device, where they stay."""
        windows, held = next(iter(batches.values())).windows, self._series
        if held is None or held[0] is not windows.series or held[1] is not windows.weights:
            weights = np.zeros(0, self.dtype) if windows.weights is None else windows.weights
            flat = np.concatenate([windows.series.ravel(), weights])
            held = self._series = windows.series, windows.weights, to_device(flat)
        return held[2]
