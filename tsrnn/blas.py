"""Linear algebra whose last bits do not depend on the number of threads."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

# The number of BLAS's threads is the whole process's.
_one_at_a_time = threading.RLock()
if hasattr(os, "register_at_fork"):  # a fork waits: its child would find the lock taken for ever
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


@contextmanager
def blas_on_one_thread() -> Iterator[None]:
    """Let BLAS and LAPACK work on one thread in this block, and as before after it.

    Examples
    --------
    >>> import numpy as np
    >>> with blas_on_one_thread():
    ...     q, r = np.linalg.qr(np.eye(2))
    """
    with _one_at_a_time, threadpool_limits(1, "blas"):
        yield
