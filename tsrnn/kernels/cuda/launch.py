"""One launch: what goes to the device with it, and what comes back."""

from typing import Any

import numpy as np

from tsrnn.kernels.cuda.device import to_device
from tsrnn.kernels.cuda.program import Plan, Program
from tsrnn.kernels.tape import context as c
from tsrnn.kernels.windows import Batch


class Launch:
    """Some batches through each of some networks.

    Parameters
    ----------
    program : Program
    parameters : ndarray, shape (networks, padded count)
    batches : list of Batch
        The first one of each network.
    steps : int, default=1
        How many batches, one after another.
    """

    def __init__(
        self, program: Program, parameters: np.ndarray, batches: list[Batch], steps: int = 1
    ):
        self.program, self.steps, self._plan = program, steps, Plan()
        self._sent: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._back = np.zeros(0)
        program.set({c.STEPS: steps, c.OPTIMIZE: 0, c.STEP_LOSSES: 0, c.DROPOUT_LIMIT: 0})
        self._send("parameters", c.PARAMETERS, parameters)
        spans = [slice(batch.first, batch.first + steps * batch.count) for batch in batches]
        of_each = [*zip((batch.windows for batch in batches), spans, strict=True)]
        location = np.stack([windows.location[span] for windows, span in of_each])
        inverse_scale = np.stack([windows.inverse_scale[span] for windows, span in of_each])
        self._send("location", c.LOCATION, location)
        self._send("inverse scale", c.INVERSE_SCALE, inverse_scale)
        self._starts = np.stack([windows.starts[span] for windows, span in of_each])
        self._seeds = np.zeros((len(batches), steps), np.int64)
        program.set({c.ROW_WEIGHTS: batches[0].windows.series.size})

    def forecast(self) -> None:
        """Give the normalised "predictions", (networks, windows, outputs)."""
        kind, architecture = self.program.kind, self.program.layout.architecture
        shape = kind.networks, *kind.forecast_shape(architecture)
        self._send("predictions", c.PREDICTIONS, np.zeros(shape))

    def learn(self, loss: Any, dropout: float = 0.0, seeds: np.ndarray | None = None) -> None:
        """Take the "losses" of all batches, and with a tape for it, the gradient."""
        kind = self.program.kind
        values = kind.values(self.program.layout.architecture)
        settings = np.array([1 / values, 1 / (1 - dropout), *loss.settings])
        settings = np.tile(settings, (kind.networks, 1))
        places = self._send("loss", c.LOSS_FACTOR, settings)
        self._set(c.DROPOUT_GROWTH, places + 1)
        self._set(c.LOSS_SETTINGS, places + 2)
        self._send("losses", c.STEP_LOSSES, np.full((kind.networks, self.steps), np.nan))
        self.program.set({c.DROPOUT_LIMIT: int(dropout * 2.0**63)})
        self._seeds = self._seeds if seeds is None else seeds

    def optimize(self, memory: np.ndarray, settings: np.ndarray, clip_norm: float) -> None:
        """Take a step after each batch: "memory" and "parameters" move on, there are "norms"."""
        shape = len(memory), self.steps
        self._send("memory", c.MEMORY, memory)
        self._send("settings", c.OPTIMIZER_SETTINGS, settings)
        self._send("clip norm", c.CLIP_NORM, np.full((len(memory), 1), clip_norm))
        self._send("norms", c.STEP_NORMS, np.full(shape, np.nan))
        fields = {c.MEMORY_STRIDE: memory.shape[2], c.OPTIMIZER_FIELDS: settings.shape[2]}
        self.program.set({c.OPTIMIZE: 1, **fields})

    def run(self, series: Any) -> None:
        """Wait until the device has done it; ``series`` lies there."""
        program = self.program
        first = program.contexts.size
        self._set(c.STARTS, first + np.arange(len(self._starts)) * self._starts.shape[1])
        first += self._starts.size
        self._set(c.SEEDS, first + np.arange(len(self._seeds)) * self.steps)
        first += self._seeds.size
        barriers = np.zeros(program.barriers, np.int64)
        program.set_barriers(first)
        integers = program.contexts, self._starts, self._seeds, barriers
        now = to_device(np.concatenate([part.ravel() for part in integers]))
        state = np.zeros(self._plan.size, program.compiled.dtype)
        for places, values in self._sent.values():
            for place, row in zip(places, values.reshape(len(values), -1), strict=True):
                state[place : place + len(row)] = row
        on_device = to_device(state)
        arrays = series, on_device, program.scratch, program.fixed, now
        program.compiled.kernel.launch(program.blocks, arrays, program.held_bytes)
        self._back = on_device.copy_to_host()

    def returned(self, name: str) -> np.ndarray:
        """What came back in the place of what was sent: of each network, in one array."""
        places, sent = self._sent[name]
        size = sent[0].size
        rows = [self._back[place : place + size] for place in places]
        return np.stack(rows).reshape(sent.shape)

    def derivatives(self) -> np.ndarray:
        """Of the last batch of each network, (networks, trainable parameters)."""
        scratch, count = self.program.scratch.copy_to_host(), self.program.layout.n_trainable
        return np.stack([scratch[place : place + count] for place in self.program.derivatives])

    def _send(self, name: str, field: int, values: np.ndarray) -> np.ndarray:
        """Some numbers of each network, and where they lie."""
        places = self._plan.place(values[0].size, len(values))
        self._sent[name] = places, values
        self._set(field, places)
        return places

    def _set(self, field: int, places: np.ndarray) -> None:
        """A place of each network; blocks that work on the same one have the same."""
        self.program.set({field: places if self.program.several else places[0]})
