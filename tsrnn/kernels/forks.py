"""What a forked child has to know: the threads of its parent did not come along.

GNU OpenMP aborts a child that uses threads after its parent did, or has it wait for them for ever,
whoever used them, in whichever library. That cannot be asked about: a child works alone. And locks
of Numba's may have been held by a thread that is gone. Imported with the package, so that the note
is taken even where the kernels are not in use yet.
"""

import os
import threading


class State:
    """Of this process."""

    threads_lost = False
    lock = threading.Lock()  # whoever holds it has Numba's threads


def _note_in_child() -> None:
    State.threads_lost = True
    State.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_in_child)
