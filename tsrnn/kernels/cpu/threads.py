"""Running a kernel on several threads, wherever that is safe.

Numba's ``workqueue`` layer aborts the process when two Python threads enter it at once, and GNU
OpenMP aborts or hangs in a child forked from a process that used it. Results do not depend on the
number of workers here, so whoever finds the threads taken, or stands in a forked child, does the
work alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numba
from numba import prange

from tsrnn.kernels.cpu.buffers import INT
from tsrnn.kernels.cpu.native import Kernel, call, kernel
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


def start_threads() -> None:
    """Have Numba choose its threading layer and start its threads, without any work for them."""
    with borrowed_threads() as lent:
        if lent:
            kernel(parallel_kernel).call(0, 0, 0)


def available_threads() -> int:
    return 1 if State.threads_lost else numba.get_num_threads()


def parallel_kernel() -> Kernel:
    """``parallel(address, contexts, workers)``: ``address(worker, contexts)`` for every worker."""

    def parallel(address, contexts, workers):
        for worker in prange(workers):
            call(address, (worker, contexts))

    return Kernel(parallel, "parallel", (INT, INT, INT), parallel=True)
