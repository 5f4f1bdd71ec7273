"""What lies in the memory of the device, and where."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tsrnn.kernels.cuda.device import clear, empty, read, write
from tsrnn.kernels.tape.layout import round_up

ALIGNMENT = 32  # numbers: what blocks write side by side lies in lines of the cache of its own


class Plan:
    """Where the parts of an array begin."""

    def __init__(self) -> None:
        self.size = 0

    def place(self, numbers: int, times: int = 1) -> np.ndarray:
        """Room for some numbers, so many times; where each begins."""
        stride = round_up(numbers, ALIGNMENT)
        starts = self.size + stride * np.arange(times)
        self.size += stride * times
        return starts


class Buffer:
    """Memory of the device that grows with what is asked for, and is used again."""

    def __init__(self, dtype: Any):
        self._dtype, self._memory, self._host = np.dtype(dtype), None, np.zeros(0, dtype)

    def room(self, size: int) -> Any:
        """For so many numbers at least, whichever they are."""
        if self._memory is None or self._memory.size < size:
            self._memory = None  # what there was makes room
            self._memory = empty(size, self._dtype)
        return self._memory

    def host(self, size: int) -> np.ndarray:
        """For so many numbers, here, to be sent: a system clears new memory, which takes longer."""
        if self._host.size < size:
            self._host = np.zeros(size, self._dtype)
        return self._host[:size]

    def release(self) -> None:
        """Give it back."""
        self._memory, self._host = None, np.zeros(0, self._dtype)


class Scratch(Buffer):
    """The same for programs, one at a time, each of which finds zeros when it takes over."""

    _owner: Any = None

    def of(self, program: Any) -> Any:
        """As it was if no other program has had it since, else zeros."""
        if self._owner is not program:
            self._owner = None  # until all is done: memory may be full, or Ctrl-C pressed
            clear(self.room(program.scratch_size), program.scratch_size)
            self._owner = program
        return self.room(program.scratch_size)

    def release(self) -> None:
        """Give it back."""
        super().release()
        self._owner = None


class _Part(NamedTuple):
    """An array of numbers for each network, perhaps none yet."""

    values: Sequence[np.ndarray]
    shape: tuple[int, ...]
    places: np.ndarray
    stride: int


class Parts:
    """An array that is put together here, sent to the device, and read there part by part.

    Parts go by the field of the context that says where they are (see ``tape.context``).
    """

    def __init__(self, buffer: Buffer):
        self._buffer, self._plan = buffer, Plan()
        self._parts: dict[int, _Part] = {}
        self._sent = 0

    def add(self, field: int, values: Sequence[np.ndarray], stride: int = 0) -> np.ndarray:
        """Numbers of each network, ``stride`` from a batch to the next; where each's lie."""
        places = self._plan.place(values[0].size, len(values))
        self._parts[field] = _Part(values, values[0].shape, places, stride)
        self._sent = self._plan.size
        return places

    def make_room(self, field: int, shape: tuple[int, ...], networks: int) -> None:
        """For what the device will write, of each network; after all that is sent."""
        places = self._plan.place(math.prod(shape), networks)
        self._parts[field] = _Part([], shape, places, 0)

    def fields(self, batch: int) -> dict[int, np.ndarray]:
        """Where each network finds each part at a batch."""
        return {field: part.places + batch * part.stride for field, part in self._parts.items()}

    def send(self) -> None:
        """To the device, all that there is of it."""
        flat = self._buffer.host(self._sent)
        for values, _, places, _ in self._parts.values():
            for place, own in zip(places[: len(values)], values, strict=True):
                flat[place : place + own.size].reshape(own.shape)[...] = own
        self.on_device = self._buffer.room(self._plan.size)
        write(self.on_device, flat)

    def read(self, *fields: int) -> list[np.ndarray]:
        """Parts as they are now, each of all networks; one copy, with what lies between them."""
        parts = [self._parts[field] for field in fields]
        numbers_of = [math.prod(part.shape) for part in parts]
        sizes = [
            round_up(each, ALIGNMENT) * len(part.places)
            for each, part in zip(numbers_of, parts, strict=True)
        ]
        starts = [part.places[0] for part in parts]
        first, end = min(starts), max(np.add(starts, sizes))
        numbers = read(self.on_device, first, end - first)
        found = []
        for part, each, start, size in zip(parts, numbers_of, starts, sizes, strict=True):
            rows = numbers[start - first : start - first + size].reshape(len(part.places), -1)
            found.append(rows[:, :each].reshape(-1, *part.shape))
        return found
