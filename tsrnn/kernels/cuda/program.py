"""A network recorded for batches of one kind, and where everything lies in the device's arrays.

- ``series``: the rows of all series, then their weights;
- ``state``: what a session sends and reads: parameters, what the optimizer remembers, locations and
  scales of windows, settings, losses, norms, forecasts;
- ``scratch``: what stays there: matrices of tiles, packed weights, gradients, sums;
- ``fixed``: tapes and index maps; ``starts``: of the session's windows, and seeds;
- ``now``: contexts, and what blocks count by.
"""

import math
import threading
from typing import Any

import numpy as np

from tsrnn.kernels.cuda import device
from tsrnn.kernels.cuda.device import THREADS, TILE_ROWS, Kernel, real_of, to_device, write
from tsrnn.kernels.cuda.memory import ALIGNMENT, Plan
from tsrnn.kernels.cuda.operations import code_of
from tsrnn.kernels.cuda.passes import optimizer_pass
from tsrnn.kernels.cuda.steps import steps_kernel
from tsrnn.kernels.tape import context as c
from tsrnn.kernels.tape.batches import Kind
from tsrnn.kernels.tape.calls import Operation, Tape
from tsrnn.kernels.tape.layout import Layout, round_up
from tsrnn.kernels.tape.network import record
from tsrnn.kernels.tape.recorder import Crew
from tsrnn.kernels.tape.workspace import Workspace

_OWN_BLOCK = 4 * TILE_ROWS  # windows in a tile of a network that has a block to itself
_CREW_ROWS = 8 * TILE_ROWS  # the most windows in a tile of a crew
_CACHED = 128 * 1024  # bytes of weights that a block finds in its own cache again at each step

_KERNELS_KEPT = 8
_kernels: list["Compiled"] = []
_compiling = threading.Lock()


class Compiled:
    """A kernel, and the number that stands for each operation on its tapes."""

    def __init__(self, operations: list[Operation], optimizer: type | None, dtype, precision: str):
        self.dtype, self.precision, self.optimizer = np.dtype(dtype), precision, optimizer
        real = real_of(dtype)
        self.codes = {operation: code for code, operation in enumerate(operations)}
        update = None if optimizer is None else optimizer_pass(optimizer, real)
        codes = [code_of(each, real, precision) for each in operations]
        code = steps_kernel(codes, update, real, precision)
        self.kernel = Kernel(code, real, (operations, optimizer, precision))

    def serves(self, operations: list[Operation], optimizer: type | None, *kind) -> bool:
        """Whether it can do all this, and perhaps more; ``kind`` is dtype and precision."""
        same = (self.dtype, self.precision) == kind and optimizer in (None, self.optimizer)
        return same and all(operation in self.codes for operation in operations)


def compiled(
    operations: list[Operation], optimizer: type | None, dtype, precision: str
) -> Compiled:
    """A kernel for these operations, which exists once: a larger one will do as well."""
    with _compiling:
        for each in _kernels:
            if each.serves(operations, optimizer, dtype, precision):
                return each
        _kernels.append(Compiled(operations, optimizer, dtype, precision))
        del _kernels[:-_KERNELS_KEPT]
        return _kernels[-1]


def crew_size(layout: Layout, dtype) -> int:
    """Blocks that work on a tile together, so that each reads few enough weights at a step.

    One, if the weights of a layer stay in a block's cache; that is lost where blocks wait for each
    other. Else as many as can have the same number of panels of hidden units.
    """
    layers = layout.encoder.layers + (layout.decoder.layers if layout.decoder else [])
    columns = layout.architecture.equations.blocks * layout.hidden
    most = max(layer.width for layer in layers) * columns * np.dtype(dtype).itemsize
    units = layout.hidden // layout.lanes
    sizes = [size for size in range(1, device.multiprocessors() + 1) if units % size == 0]
    return max(sizes) if most > _CACHED else 1


class Program:
    """Tapes and contexts of batches of one kind.

    Parameters
    ----------
    layout : Layout
    kind : Kind
    dtype : numpy dtype
    precision : {"ieee", "tf32"}
    optimizer : type or None
    """

    def __init__(self, layout: Layout, kind: Kind, dtype, precision: str, optimizer: type | None):
        self.layout, self.kind = layout, kind
        self.several = kind.networks > 1
        self.crew = 1 if self.several else crew_size(layout, dtype)
        rows = self._tile_rows()
        self.tiles = -(-kind.count // rows)
        sizes = kind.steps, kind.origins, rows
        workspace = Workspace(layout, *sizes, kind.training, shared=self.crew > 1)
        tapes = self._record(workspace, rows, device.most_held(dtype) // np.dtype(dtype).itemsize)
        operations = [*dict.fromkeys(each for tape in tapes for each in tape.operations())]
        self.compiled = compiled(operations, optimizer, np.dtype(dtype), precision)
        self.held_bytes = max(tape.held for tape in tapes) * np.dtype(dtype).itemsize
        wanted = kind.networks if self.several else self.tiles * self.crew
        most = self.compiled.kernel.most_blocks(self.held_bytes)
        if most < self.crew:
            raise RuntimeError(
                f"The GPU has room for {most} blocks at a time, and a layer of "
                f"{layout.architecture.hidden_size} units needs {self.crew}. Use a smaller "
                'hidden_size, or device="cpu".'
            )
        self.blocks = min(wanted, most // self.crew * self.crew)
        shape = kind.networks if self.several else self.blocks, c.SIZE
        self._now = np.zeros(math.prod(shape) + self._barriers, np.int64)
        self.contexts = self._now[: math.prod(shape)].reshape(shape)
        self._set_barriers()
        self._place_fixed([tape.finish(self.compiled.codes) for tape in tapes])
        self._place_scratch(workspace)
        workers, rank = (1, 0) if self.several else (self.blocks, np.arange(self.blocks))
        self.contexts[:, c.RANK] = rank
        self.set({c.WORKERS: workers, c.VALUE_COUNT: kind.values(layout.architecture)})
        self.set({c.NETWORKS: kind.networks, c.WINDOWS: kind.count, c.CREW: self.crew})
        self.set({c.TILES: self.tiles, c.TILE_SIZE: rows, c.COLLECT: int(kind.training)})
        self._on_device = to_device(self._now)

    def run(self, series: Any, state: Any, scratch: Any, starts: Any) -> None:
        """Do it, with these arrays on the device, and wait for the end."""
        write(self._on_device, self._now)
        arrays = series, state, scratch, self._fixed, starts, self._on_device
        self.compiled.kernel.launch(self.blocks, arrays, self.held_bytes)

    def _tile_rows(self) -> int:
        """Windows in a full tile: so many that all crews have one, within limits."""
        rows = round_up(self.kind.count, TILE_ROWS)
        if self.several:
            return min(rows, _OWN_BLOCK)
        if self.crew == 1:
            return TILE_ROWS
        crews = device.multiprocessors() // self.crew
        return min(round_up(-(-self.kind.count // crews), TILE_ROWS), _CREW_ROWS)

    def _record(self, workspace: Workspace, rows: int, room: int) -> list[Tape]:
        """Of each in the crew: the tape for full tiles, and perhaps one for the last."""
        last_rows = round_up((self.kind.count - 1) % rows + 1, TILE_ROWS)
        return [
            record(self.layout, workspace, size, *self.kind.tape, Crew(self.crew, rank, room))
            for rank in range(self.crew)
            for size in ([rows, last_rows] if last_rows < rows else [rows])
        ]

    @property
    def _barriers(self) -> int:
        """Numbers that blocks count by, all of them and each crew, in lines of the cache."""
        return (1 + self.blocks // self.crew) * ALIGNMENT

    def _set_barriers(self) -> None:
        """Where they begin."""
        crews = np.arange(len(self.contexts)) // self.crew
        self.contexts[:, c.BARRIER] = self.contexts.size
        self.contexts[:, c.CREW_BARRIER] = self.contexts.size + (1 + crews) * ALIGNMENT

    def set(self, fields: dict) -> None:
        """Fields of all contexts: a number, or one of each network."""
        for field, numbers in fields.items():
            alike = isinstance(numbers, np.ndarray) and not self.several
            self.contexts[:, field] = numbers[0] if alike else numbers

    def _place_fixed(self, tapes: list[np.ndarray]) -> None:
        layout = self.layout
        seconds = np.full(len(layout.sources), layout.n_parameters)
        seconds[layout.sums[0]] = layout.sums[1]
        gradient_of = layout.gradient_of if self.kind.training else layout.gradient_of[:0]
        parts = [*(tape.ravel() for tape in tapes), layout.sources, seconds, gradient_of]
        starts = np.cumsum([0, *map(len, parts)])
        *places, sources, sums, derivatives = (int(start) for start in starts[:-1])
        kinds = len(tapes) // self.crew  # for full tiles, and perhaps for the last
        for rank in range(self.crew):
            own, full, last = self.contexts[rank :: self.crew], rank * kinds, (rank + 1) * kinds - 1
            own[:, [c.TAPE, c.TAPE_LENGTH]] = places[full], len(tapes[full])
            own[:, [c.LAST_TAPE, c.LAST_TAPE_LENGTH]] = places[last], len(tapes[last])
        self.set({c.SOURCES: sources, c.PACKED_SIZE: len(layout.sources), c.SUMS: sums})
        self.set({c.GRADIENT_OF: derivatives, c.TRAINABLE_COUNT: layout.n_trainable})
        self.set({c.PACKED_TRAINABLE: layout.packed_trainable})
        self._fixed = to_device(np.concatenate(parts).astype(np.int64))

    def _place_scratch(self, workspace: Workspace) -> None:
        """A tile's matrices for each crew; the rest for each network, or block that has some."""
        plan, layout = Plan(), self.layout
        writers, row = self.blocks if self.several else 1, np.arange(len(self.contexts))
        gradient = round_up(layout.gradient_size, ALIGNMENT) if self.kind.training else 0
        self.set({c.GRADIENT_SIZE: gradient})
        workspaces = plan.place(workspace.size, self.blocks // self.crew)
        self.contexts[:, c.WORKSPACE] = workspaces[row // self.crew % len(workspaces)]
        for field, places in {
            c.WEIGHTS: plan.place(len(layout.sources), writers),
            c.GRADIENTS: plan.place(self.tiles * gradient, writers),
            c.LOSSES: plan.place(self.tiles * THREADS, writers),
            c.SQUARE: plan.place(-(-layout.n_trainable // THREADS), writers),
        }.items():
            self.contexts[:, field] = places[row % len(places)]
        self.derivatives = plan.place(layout.n_trainable, self.kind.networks)
        self.set({c.DERIVATIVES: self.derivatives})
        self.scratch_size = plan.size  # zeros at first: padding stays so
