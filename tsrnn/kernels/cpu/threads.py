"""Running a kernel on several threads, wherever that is safe.

Numba's ``workqueue`` layer aborts the process when two Python threads enter it at once, and GNU
OpenMP does so in a child forked from a process that used it. Results do not depend on the number of
workers here, so whoever finds the threads taken, or stands in such a child, does the work alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numba
import numpy as np
from numba import njit, prange

from tsrnn.kernels.cpu.context import SIZE, WORKERS
from tsrnn.kernels.cpu.disk import DiskCache
from tsrnn.kernels.cpu.native import Kernel, call
from tsrnn.kernels.forks import State


@contextmanager
def borrowed_threads() -> Iterator[bool]:
    """Whether the caller has Numba's threads, for as long as it lasts."""
    lock = State.lock
    lent = not State.threads_lost and lock.acquire(blocking=False)
    try:
        yield lent
    finally:
        if lent:
            lock.release()


def run_workers(kernel: Kernel, contexts: np.ndarray) -> None:
    """Call ``kernel(worker, contexts)`` for as many workers as there are contexts, or for one."""
    if len(contexts) > 1:
        with borrowed_threads() as lent:
            if lent:
                contexts[:, WORKERS] = len(contexts)
                _parallel(kernel.address, contexts)
                return
    contexts[:, WORKERS] = 1
    kernel.call(0, contexts.ctypes.data)


def start_threads() -> None:
    """Have Numba choose its threading layer and start its threads, without any work for them."""
    with borrowed_threads() as lent:
        if lent:
            _parallel(0, np.zeros((0, SIZE), np.int64))


def available_threads() -> int:
    return 1 if State.threads_lost else numba.get_num_threads()


@njit(parallel=True, nogil=True)
def _parallel(address, contexts):
    for worker in prange(len(contexts)):
        call(address, (worker, contexts.ctypes))


_parallel._cache = DiskCache("parallel")
