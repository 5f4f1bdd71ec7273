"""Numba's simulator of a GPU with blocks that run at the same time, and races that are noticed.

The simulator itself runs one block after another, so none could wait for another there. Here each
thread of each block is one of Python, and keeps a vector clock (Lamport; Mattern, 1989): how much
it knows of what each other thread has done. Threads learn of each other where they wait for each
other, and by atomic additions. Whoever touches a number that another thread has written, or writes
one that another has read, and does not know of it, has won a race, and fails. ``sync``'s fence is
taken on trust: the simulator has no caches.
"""

import sys
import threading
import time

import numpy as np
from numba.cuda.simulator.kernel import _push_kernel_context
from numba.cuda.simulator.kernelapi import Dim3, FakeCUDAModule, FakeCUDAShared, swapped_cuda_module

from tsrnn.kernels.cuda import device

MULTIPROCESSORS = 4


class Race(AssertionError):
    """Two threads, one number, and nothing that says who comes first."""


class Worker(threading.Thread):
    """A thread of a block."""

    def __init__(self, grid, block, place, target):
        super().__init__(target=target, daemon=True)
        self.grid, self.block = grid, block
        self.blockIdx, self.threadIdx = Dim3(block.number, 0, 0), Dim3(place, 0, 0)
        self.number = block.number * device.THREADS + place
        self.clock = np.zeros(grid.size, np.int64)
        self.clock[self.number] = 1

    def run(self):
        try:
            super().run()
        except threading.BrokenBarrierError:
            pass  # another one has failed
        except Exception as error:  # noqa: BLE001 - the grid raises it, where it is seen
            self.grid.fail(error)

    def syncthreads(self):
        self.block.barrier.wait()

    def knows(self, other, when):
        """Whether it has heard of what another thread did then."""
        return other == self.number or self.clock[other] >= when

    def learn(self, clock):
        """Of what is known elsewhere; what it does from now on is news."""
        np.maximum(self.clock, clock, out=self.clock)
        self.clock[self.number] += 1


class Block:
    """Threads that wait for each other, and their shared memory."""

    def __init__(self, grid, number, shared_bytes):
        self.number, self.shared = number, Shared(grid, shared_bytes)
        self.barrier = threading.Barrier(device.THREADS, self._tell)
        self.threads = []

    def _tell(self):
        known = np.max([thread.clock for thread in self.threads], axis=0)
        for thread in self.threads:
            thread.learn(known)


class Grid:
    """All blocks of a launch."""

    def __init__(self, blocks, arrays, code, shared_bytes):
        self.size, self.error, self.lock = blocks * device.THREADS, None, threading.Lock()
        self.clocks = {}  # of places that are added to atomically
        self.blocks = [Block(self, number, shared_bytes) for number in range(blocks)]
        watched = [Watched(self, array._ary) for array in arrays]
        for block in self.blocks:
            for place in range(device.THREADS):
                block.threads.append(Worker(self, block, place, lambda: code(*watched)))

    def run(self):
        threads = [thread for block in self.blocks for thread in block.threads]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.error is not None:
            raise self.error

    def fail(self, error):
        self.error = self.error or error
        for block in self.blocks:
            block.barrier.abort()


class Watched:
    """An array that knows which thread has touched which number when."""

    def __init__(self, grid, values):
        self.grid, self.values = grid, values
        self.writes, self.reads = {}, {}

    def __len__(self):
        return len(self.values)

    def __getitem__(self, place):
        me = threading.current_thread()
        if isinstance(place, slice):
            assert place == slice(0, None)
            return self
        with self.grid.lock:
            self._hold_against(me, place, self.writes.get(place), "was written")
            self.reads.setdefault(place, {})[me.number] = me.clock[me.number]
        return self.values[place]

    def __setitem__(self, place, value):
        me = threading.current_thread()
        with self.grid.lock:
            self._hold_against(me, place, self.writes.get(place), "was written")
            for read in self.reads.pop(place, {}).items():
                self._hold_against(me, place, read, "was read")
            self.writes[place] = me.number, me.clock[me.number]
        self.values[place] = value

    def _hold_against(self, me, place, event, what):
        assert 0 <= place < len(self.values), f"{place} is outside of {len(self.values)} numbers"
        if event is not None and not me.knows(*event):
            block, thread = divmod(event[0], device.THREADS)
            mine = f"thread {me.threadIdx.x} of block {me.block.number}"
            raise Race(f"{place} {what} by thread {thread} of block {block}, and {mine} comes too")


class Shared(FakeCUDAShared):
    """A block's own memory, watched."""

    def __init__(self, grid, size):
        super().__init__(size)
        self._grid, self._watched = grid, {}

    def array(self, shape, dtype, alignment=None):
        caller = sys._getframe(1).f_lineno
        with self._grid.lock:
            if caller not in self._watched:
                kind = np.dtype(dtype.name)
                room = self._dynshared.view(kind) if shape == 0 else np.zeros(shape, kind)
                self._watched[caller] = Watched(self._grid, room)
        return self._watched[caller]


class Atomic:
    """Additions by which threads learn of each other."""

    def add(self, array, place, value):
        me = threading.current_thread()
        time.sleep(0)
        with me.grid.lock:
            if me.grid.error is not None:
                raise threading.BrokenBarrierError
            known = me.grid.clocks.setdefault(place, np.zeros_like(me.clock))
            if value:
                np.maximum(known, me.clock, out=known)
            me.learn(known)
            before = array.values[place]
            array.values[place] += value
        return before


class Module(FakeCUDAModule):
    """What device code finds under the name ``cuda``."""

    atomic = Atomic()

    @property
    def shared(self):
        return threading.current_thread().block.shared


def launch(kernel, blocks, arrays, held_bytes):
    """In the place of ``device.Kernel.launch``."""
    code = kernel._compiled().fn
    module = Module((blocks, 1, 1), (device.THREADS, 1, 1), held_bytes)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with _push_kernel_context(module), swapped_cuda_module(code, module):
            Grid(blocks, arrays, code, held_bytes).run()
    finally:
        sys.setswitchinterval(interval)


def run_at_once(monkeypatch):
    """Let the simulator have several multiprocessors from here on."""
    monkeypatch.setattr(device.Kernel, "launch", launch)
    monkeypatch.setattr(device.Kernel, "most_blocks", lambda *_: MULTIPROCESSORS)
    monkeypatch.setattr(device, "multiprocessors", lambda: MULTIPROCESSORS)
