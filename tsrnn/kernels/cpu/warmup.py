"""Compiling ahead of time, and saying for what machine."""

import numba
import numpy as np
from numba import types

from tsrnn.kernels.cpu import parameters, passes
from tsrnn.kernels.cpu.native import kernel
from tsrnn.kernels.cpu.operations import OPERATIONS
from tsrnn.kernels.cpu.products import multiply
from tsrnn.kernels.cpu.replay import replay_kernel
from tsrnn.kernels.cpu.steps import steps_kernel
from tsrnn.kernels.cpu.threads import available_threads, start_threads
from tsrnn.kernels.cpu.vectors import machine
from tsrnn.kernels.disk import cache_folders
from tsrnn.kernels.forks import State

# Those of which there is more than one are listed below.
_SEVERAL = ("multiply", "step_forward", "step_backward", "loss")


def compile_all(cells, dtypes, losses, optimizers) -> None:
    """Every kernel for these cells, precisions, losses and optimizers."""
    makers = [
        (parameters.pack_kernel,),
        (parameters.add_tiles_kernel,),
        (parameters.collect_kernel,),
        (parameters.update_kernel,),
    ]
    makers += [(make,) for name, make in OPERATIONS.items() if name not in _SEVERAL]
    makers += [(multiply, transposed) for transposed in (False, True)]
    steps = (passes.step_forward, passes.step_backward)
    makers += [(step, cell) for cell in cells for step in steps]
    sizes = [(loss, len(loss().settings)) for loss in losses]
    makers += [(passes.loss_pass, *loss, weighted) for loss in sizes for weighted in (False, True)]
    makers += [(passes.optimizer_pass, optimizer) for optimizer in optimizers]
    reals = [getattr(types, np.dtype(dtype).name) for dtype in dtypes]
    kernels = [kernel(make, *what, real) for real in reals for make, *what in makers]
    for each in [*kernels, kernel(replay_kernel), kernel(steps_kernel)]:
        each.compile()
    start_threads()


def describe() -> dict[str, str]:
    """For ``show_config``."""
    start_threads()
    bits = machine().vector_bytes * 8
    return {
        "processor": f"{numba.core.config.CPU_NAME or _host()}, vectors of {bits} bits",
        "threads": _threads(),
        "kernel cache": ", else ".join(map(str, cache_folders())),
    }


def _threads() -> str:
    if State.threads_lost:
        return "1, as in every forked process"
    return f"{available_threads()}, threading layer {numba.threading_layer()}"


def _host() -> str:
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()
