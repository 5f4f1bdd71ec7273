"""A network recorded for batches of one kind, with the memory that its workers need."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from tsrnn.kernels.cpu.native import kernel
from tsrnn.kernels.cpu.operations import kernel_of
from tsrnn.kernels.cpu.parameters import (
    PIECE,
    add_tiles_kernel,
    collect_kernel,
    pack_kernel,
    update_kernel,
)
from tsrnn.kernels.cpu.products import ROWS
from tsrnn.kernels.cpu.replay import replay_kernel
from tsrnn.kernels.cpu.steps import steps_kernel
from tsrnn.kernels.cpu.threads import borrowed_threads, parallel_kernel
from tsrnn.kernels.tape import context as c
from tsrnn.kernels.tape.batches import Kind
from tsrnn.kernels.tape.calls import Tape
from tsrnn.kernels.tape.layout import Layout, round_up
from tsrnn.kernels.tape.network import record
from tsrnn.kernels.tape.workspace import Workspace
from tsrnn.kernels.windows import Batch

# Packed weights that are worth a second worker.
_WORTH_SHARING = 1 << 16


def tile_rows(kind: Kind, threads: int) -> int:
    """Windows in a full tile.

    For a loss it is a choice of the batch alone, so that results ignore threads. A forecast sums
    nothing over windows, and its bits do not depend on tiles: as many windows as there are for a
    thread, up to where a step's matrices fill the cache.
    """
    if kind.loss is not None:
        return min(round_up(-(-kind.count // 2), ROWS), 16 if kind.count < 64 else 32)
    threads = threads if kind.networks == 1 else 1
    return min(round_up(-(-kind.count // threads), ROWS), 128)


class Program:
    """Tapes, and the contexts of those who replay them.

    The tiles of one network are spread over threads, each with a context of its own. Several
    networks are spread as wholes: then a context is a network's, and what it writes to meanwhile
    belongs to the thread that will have it.

    Parameters
    ----------
    layout : Layout
    real : numba type
        Of all numbers.
    kind : Kind
    threads : int
        At most.
    buffer : callable
        ``buffer(name, size)``: memory shared by programs that do not run at the same time.
    """

    def __init__(self, layout: Layout, real, kind: Kind, threads: int, buffer: Callable):
        self.kind, self._layout = kind, layout
        self._real, self._itemsize = real, np.dtype(str(real)).itemsize
        rows, training, several = tile_rows(kind, threads), kind.training, kind.networks > 1
        tiles = -(-kind.count // rows)
        self.workers = min(threads, kind.networks if several else tiles)
        self.contexts = np.zeros((kind.networks if several else self.workers, c.SIZE), np.int64)
        self._address, self._sharing = self.contexts.ctypes.data, (0, 0, 0, 0)
        self._settings = np.zeros(0 if kind.loss is None else kind.loss[1])
        self._loss: object = None
        self._held: list[np.ndarray] = []
        workspace = Workspace(layout, kind.steps, kind.origins, rows, training)
        self._record(workspace, rows)
        self.set(self._network_fields() | self._kernel_fields())
        self.set({c.TILES: tiles, c.TILE_SIZE: rows})

        # A workspace's padding is 0 and stays so: no other arrangement may write there.
        name, size = (kind.steps, kind.origins, rows, training), workspace.size
        self._spread(c.WORKSPACE, buffer(name, self.workers * size), size, self.workers)
        writers = self.workers if several else 1
        size = len(layout.sources)
        self._spread(c.WEIGHTS, buffer("packed", writers * size), size, writers)
        self._spread(c.LOSSES, np.zeros(writers * tiles), tiles, writers)
        pieces = -(-layout.n_trainable // PIECE)
        self._spread(c.SQUARE, np.zeros(writers * pieces), pieces, writers)
        self._spread(c.SHRINK, np.zeros(writers), 1, writers)
        if training:
            size = tiles * layout.gradient_size
            self._spread(c.GRADIENTS, buffer("gradients", writers * size), size, writers)

    def _record(self, workspace: Workspace, rows: int) -> None:
        kind = self.kind
        tape = last_tape = self._finished(record(self._layout, workspace, rows, *kind.tape))
        last_rows = round_up((kind.count - 1) % rows + 1, ROWS)
        if last_rows < rows:
            last_tape = self._finished(record(self._layout, workspace, last_rows, *kind.tape))
        self._tapes = tape, last_tape
        self.set({c.TAPE: tape.ctypes.data, c.TAPE_LENGTH: len(tape)})
        self.set({c.LAST_TAPE: last_tape.ctypes.data, c.LAST_TAPE_LENGTH: len(last_tape)})

    def _finished(self, tape: Tape) -> np.ndarray:
        """The calls, by address."""
        operations = tape.operations()
        return tape.finish({each: kernel_of(each, self._real).address for each in operations})

    def _network_fields(self) -> dict[int, int]:
        layout, kind = self._layout, self.kind
        return {
            c.NETWORKS: kind.networks,
            c.WINDOWS: kind.count,
            c.VALUE_COUNT: kind.values(layout.architecture),
            c.LOCATION_STEP: kind.count * layout.architecture.columns.targets * self._itemsize,
            c.SOURCES: layout.sources.ctypes.data,
            c.PACKED_SIZE: len(layout.sources),
            c.PACKED_TRAINABLE: layout.packed_trainable,
            c.SUMS: layout.sums.ctypes.data,
            c.SUM_COUNT: layout.sums.shape[1],
            c.GRADIENT_OF: layout.gradient_of.ctypes.data,
            c.GRADIENT_SIZE: layout.gradient_size,
            c.GRADIENT_BYTES: layout.gradient_size * self._itemsize,
            c.TRAINABLE_COUNT: layout.n_trainable,
            c.MEMORY_STRIDE: layout.memory_stride,
        }

    def _kernel_fields(self) -> dict[int, int]:
        real, training = self._real, self.kind.training
        within = self.kind.networks == 1 and self.workers > 1
        return {
            c.CONTEXTS: self._address,
            c.LOSS_SETTINGS: self._settings.ctypes.data,
            c.PACK: kernel(pack_kernel, real).address,
            c.REPLAY: kernel(replay_kernel).address,
            c.PARALLEL: kernel(parallel_kernel).address if within else 0,
            c.ADD_TILES: kernel(add_tiles_kernel, real).address if training else 0,
            c.COLLECT: kernel(collect_kernel, real).address if training else 0,
            c.UPDATE: kernel(update_kernel, real).address if training else 0,
        }

    def _spread(self, field: int, array: np.ndarray, size: int, parts: int) -> None:
        """To each context one of some parts of an array, in turn."""
        part = np.arange(len(self.contexts)) % parts
        self.contexts[:, field] = array.ctypes.data + part * size * array.itemsize
        self._held.append(array)

    def point_at(self, batches: list[Batch], loss, dropout: float) -> None:
        """A batch for each network."""
        if loss is not self._loss:
            self._settings[:] = loss.settings
            self._loss = loss
        self.contexts[:, c.BATCH] = [self._addresses_of(batch) for batch in batches]
        self.contexts[:, c.DROPOUT_LIMIT] = int(dropout * 2.0**63)

    def _addresses_of(self, batch: Batch) -> tuple[int, ...]:
        series, starts, location, inverse_scale, weights = batch.windows.addresses
        shift = batch.first * batch.windows.targets * self._itemsize
        starts += batch.first * batch.windows.starts.itemsize
        return series, starts, location + shift, inverse_scale + shift, weights

    def set(self, fields: dict[int, Any]) -> None:
        """Fields of all contexts: one number, or one for each network."""
        for field, numbers in fields.items():
            self.contexts[:, field] = numbers

    def mean_losses(self) -> np.ndarray:
        """Of the batch that was pointed at, by network."""
        losses = np.empty((self.kind.networks, 1))
        self.set({c.STEP_LOSSES: losses.ctypes.data + np.arange(len(losses)) * losses.itemsize})
        self.run(1)
        return losses[:, 0]

    def run(self, steps: int) -> None:
        """Some batches through each network, on all threads if they are free."""
        work = kernel(steps_kernel)
        several = self.kind.networks > 1
        with borrowed_threads() if self.workers > 1 else nullcontext(False) as lent:
            workers = self.workers if lent else 1
            team, within = (workers, 1) if several else (1, workers)
            large = len(self._layout.sources) >= _WORTH_SHARING
            parts = within if large else 1
            sharing = steps, team, within, parts
            if sharing != self._sharing:  # which takes longer than to ask
                self.set(dict(zip((c.STEPS, c.TEAM, c.WORKERS, c.PARTS), sharing, strict=True)))
                self._sharing = sharing
            if team > 1:
                kernel(parallel_kernel).call(work.address, self._address, team)
            else:
                work.call(0, self._address)
