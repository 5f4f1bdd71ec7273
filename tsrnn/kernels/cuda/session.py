"""Some launches in a row: what goes to the device with the first, and what comes back."""

from typing import Any

import numpy as np

from tsrnn.kernels.cuda.memory import Buffer, Parts
from tsrnn.kernels.cuda.program import Program
from tsrnn.kernels.tape import context as c
from tsrnn.kernels.windows import Batch


class Session:
    """Windows of each of some networks, and what is done with them.

    All of it is sent once. Then each launch goes through some batches, and finds parameters and the
    optimizer's memory as the one before has left them.

    Parameters
    ----------
    buffers : tuple of Buffer
        For numbers of the network's type, and for whole ones.
    parameters : list of ndarray, each of shape (padded count,)
        Of each network.
    windows : list of Batch
        Of each network, those of all launches.
    batch_size : int, default=None
        Windows in a batch, all by default. The last one may have fewer.
    """

    def __init__(
        self,
        buffers: tuple[Buffer, Buffer],
        parameters: list[np.ndarray],
        windows: list[Batch],
        batch_size: int | None = None,
    ):
        size = batch_size or windows[0].count
        spans = [slice(each.first, each.first + each.count) for each in windows]
        sets = [each.windows for each in windows]
        of_each = [*zip(sets, spans, strict=True)]
        self.batches = -(-windows[0].count // size)
        self._networks = len(sets)
        self._state, self._whole = map(Parts, buffers)
        stride = size * sets[0].targets
        self._state.add(c.LOCATION, [each.location[span] for each, span in of_each], stride)
        self._state.add(
            c.INVERSE_SCALE, [each.inverse_scale[span] for each, span in of_each], stride
        )
        self._state.add(c.PARAMETERS, parameters)
        self._whole.add(c.STARTS, [each.starts[span] for each, span in of_each], size)
        self._fields: dict[int, Any] = {
            c.ROW_WEIGHTS: sets[0].series.size,
            c.LOCATION_STEP: stride,
            c.OPTIMIZE: 0,
            c.STEP_LOSSES: 0,
            c.DROPOUT_LIMIT: 0,
        }

    def forecast(self, shape: tuple[int, int]) -> None:
        """Leave normalised PREDICTIONS, (windows, outputs) of each network."""
        self._state.make_room(c.PREDICTIONS, shape, self._networks)

    def learn(self, loss: Any, dropout: float = 0.0, seeds: np.ndarray | None = None) -> None:
        """Leave STEP_LOSSES of all batches and, with a tape for it, the gradient of the last."""
        shape = self._networks, self.batches
        self._state.add(c.STEP_LOSSES, np.full(shape, np.nan), 1)
        numbers = np.tile([1 / (1 - dropout), *loss.settings], (self._networks, 1))
        places = self._state.add(c.DROPOUT_GROWTH, numbers)
        self._whole.add(c.SEEDS, np.zeros(shape, np.int64) if seeds is None else seeds, 1)
        self._fields |= {c.LOSS_SETTINGS: places + 1, c.DROPOUT_LIMIT: int(dropout * 2.0**63)}

    def optimize(self, memory: list[np.ndarray], settings: np.ndarray, clip_norm: float) -> None:
        """Take a step after each batch: MEMORY and PARAMETERS move on, there are STEP_NORMS."""
        self._state.add(c.MEMORY, memory)
        self._state.add(c.OPTIMIZER_SETTINGS, settings, settings.shape[2])
        self._state.add(c.CLIP_NORM, np.full((self._networks, 1), clip_norm))
        self._state.add(c.STEP_NORMS, np.full((self._networks, self.batches), np.nan), 1)
        self._fields |= {c.OPTIMIZE: 1, c.MEMORY_STRIDE: memory[0].shape[1]}
        self._fields[c.OPTIMIZER_FIELDS] = settings.shape[2]

    def send(self) -> None:
        """To the device, before the first launch."""
        self._state.send()
        self._whole.send()

    def run(
        self, program: Program, scratch: Any, series: Any, batch: int = 0, steps: int = 1
    ) -> None:
        """A launch: so many batches from ``batch`` on, until the device has done it."""
        fields = self._fields | self._state.fields(batch) | self._whole.fields(batch)
        program.set(fields | {c.STEPS: steps})
        program.run(series, self._state.on_device, scratch, self._whole.on_device)

    def read(self, *fields: int) -> list[np.ndarray]:
        """Parts as they are now, each of all networks in one array."""
        return self._state.read(*fields)
