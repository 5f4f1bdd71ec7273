"""Numba's simulator of a GPU with blocks that run at the same time, and races that are noticed.

The simulator itself runs one block after another, so none could wait for another there. Here each
thread of each block is one of Python, and keeps a vector clock (Lamport; Mattern, 1989): how much
it knows of what each other thread has done. Threads learn of each other where they wait for each
other, and by atomic additions. Whoever touches a number that another thread has written, or writes
one that another has read, and does not know of it, has won a race, and fails: whatever the order
was in which they ran, but for who has asked an atomic counter how often. So they take turns, and
hand over where they wait to any other, by a generator of random numbers that begins the same every
time. ``sync``'s fence is taken on trust: the simulator has no caches.
"""

import random
import sys
import threading
from collections import deque

import numpy as np
from numba.cuda.simulator.kernel import _push_kernel_context
from numba.cuda.simulator.kernelapi import Dim3, FakeCUDAModule, FakeCUDAShared, swapped_cuda_module

from tsrnn.kernels.cuda import device

MULTIPROCESSORS = 4
PATIENCE = 100  # turns of each thread in which all do nothing but ask


class Race(AssertionError):
    """Two threads, one number, and nothing that says who comes first."""


class Stopped(Exception):
    """Another thread has failed."""


class Worker(threading.Thread):
    """A thread of a block."""

    def __init__(self, grid, block, place, target):
        super().__init__(target=target, daemon=True)
        self.grid, self.block = grid, block
        self.blockIdx, self.threadIdx = Dim3(block.number, 0, 0), Dim3(place, 0, 0)
        self.number = block.number * device.THREADS + place
        self.clock = np.zeros(grid.size, np.int64)
        self.clock[self.number] = 1
        self.turn = threading.Lock()
        self.turn.acquire()

    def run(self):
        self.turn.acquire()
        try:
            if self.grid.error is None:
                super().run()
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - the grid raises it, where it is seen
            self.grid.fail(error)
        self.grid.leave()

    def syncthreads(self):
        self.block.arrive(self)

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
        self.grid, self.number, self.shared = grid, number, Shared(grid, shared_bytes)
        self.threads, self.waiting = [], []

    def arrive(self, thread):
        self.waiting.append(thread)
        if len(self.waiting) == len(self.threads):
            known = np.max([each.clock for each in self.threads], axis=0)
            for each in self.threads:
                each.learn(known)
            self.grid.ready.extend(self.waiting)
            self.grid.asked = 0
            self.waiting.clear()
        self.grid.hand_over(thread)


class Grid:
    """All blocks of a launch."""

    def __init__(self, blocks, arrays, code, shared_bytes):
        self.size, self.error = blocks * device.THREADS, None
        self.clocks = {}  # of places that are added to atomically
        self.blocks = [Block(self, number, shared_bytes) for number in range(blocks)]
        watched = [Watched(self, array._ary) for array in arrays]
        for block in self.blocks:
            for place in range(device.THREADS):
                block.threads.append(Worker(self, block, place, lambda: code(*watched)))
        self.ready = deque(thread for block in self.blocks for thread in block.threads)
        self.random = random.Random(0)  # any order may be the one in which a race is seen
        self.asked = 0  # how often somebody has looked whether another has come

    def run(self):
        threads = [*self.ready]
        for thread in threads:
            thread.start()
        self.ready.popleft().turn.release()
        for thread in threads:
            thread.join()
        if self.error is not None:
            raise self.error

    def hand_over(self, thread):
        """Let the others have their turns, until it is this one's again."""
        if not self.ready:
            self.fail(AssertionError("all threads wait, and none for the same"))
        self.ready.rotate(self.random.randrange(len(self.ready)))
        following = self.ready.popleft()
        if following is not thread:
            following.turn.release()
            thread.turn.acquire()
        if self.error is not None:
            raise Stopped

    def ask(self, thread):
        """Let the others have their turns, as one that has to look again."""
        self.asked += 1
        if self.asked > PATIENCE * self.size:
            raise AssertionError("threads wait for one that does not come")
        self.ready.append(thread)
        self.hand_over(thread)

    def leave(self):
        """One has come to its end."""
        if not self.ready and any(block.waiting for block in self.blocks):
            self.fail(AssertionError("threads wait for one that has come to its end"))
        if self.ready:
            self.ready.popleft().turn.release()

    def fail(self, error):
        self.error = self.error or error
        for block in self.blocks:
            self.ready.extend(block.waiting)
            block.waiting.clear()


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
        self._hold_against(me, place, self.writes.get(place), "was written")
        self.reads.setdefault(place, {})[me.number] = me.clock[me.number]
        return self.values[place]

    def __setitem__(self, place, value):
        me = threading.current_thread()
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
        if caller not in self._watched:
            kind = np.dtype(dtype.name)
            room = self._dynshared.view(kind) if shape == 0 else np.zeros(shape, kind)
            self._watched[caller] = Watched(self._grid, room)
        return self._watched[caller]


class Atomic:
    """Additions by which threads learn of each other."""

    def add(self, array, place, value):
        me = threading.current_thread()
        if not value:
            me.grid.ask(me)
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
    with _push_kernel_context(module), swapped_cuda_module(code, module):
        Grid(blocks, arrays, code, held_bytes).run()


def run_at_once(monkeypatch):
    """Let the simulator have several multiprocessors from here on."""
    monkeypatch.setattr(device.Kernel, "launch", launch)
    monkeypatch.setattr(device.Kernel, "most_blocks", lambda *_: MULTIPROCESSORS)
    monkeypatch.setattr(device, "multiprocessors", lambda: MULTIPROCESSORS)
