"""Compiling ahead of time, and saying for what machine."""

import importlib.util

import numba
import numpy as np
from numba import types

from tsrnn.kernels.cpu import data, passes
from tsrnn.kernels.cpu.disk import cache_folders
from tsrnn.kernels.cpu.native import kernel
from tsrnn.kernels.cpu.parameters import collect_kernel, pack_kernel
from tsrnn.kernels.cpu.products import multiply
from tsrnn.kernels.cpu.steps import steps_kernel
from tsrnn.kernels.cpu.tape import replay_kernel
from tsrnn.kernels.cpu.threads import available_threads, start_threads
from tsrnn.kernels.cpu.vectors import machine

_NETWORK_KERNELS = (
    pack_kernel,
    collect_kernel,
    steps_kernel,
    data.read_inputs,
    data.read_numbers,
    data.read_targets,
    data.read_weights,
    data.read_scales,
    data.look_up,
    data.add_to_table,
    data.clear_gradient,
    data.read_lags,
    data.add_skipped,
    data.write_predictions,
    data.clear_spare_rows,
    data.fill,
    data.copy,
    data.drop,
    passes.rectify,
    passes.rectify_backward,
)


def compile_all(cells, dtypes, losses, optimizers) -> None:
    """Every kernel for these cells, precisions, losses and optimizers."""
    makers = [(make,) for make in _NETWORK_KERNELS]
    makers += [(multiply, transposed) for transposed in (False, True)]
    steps = (passes.step_forward, passes.step_backward)
    makers += [(step, cell) for cell in cells for step in steps]
    sizes = [(loss, len(loss().settings)) for loss in losses]
    makers += [(passes.loss_pass, *loss, weighted) for loss in sizes for weighted in (False, True)]
    makers += [(passes.optimizer_pass, optimizer) for optimizer in optimizers]
    reals = [getattr(types, np.dtype(dtype).name) for dtype in dtypes]
    kernels = [kernel(make, *what, real) for real in reals for make, *what in makers]
    for each in [*kernels, kernel(replay_kernel)]:
        each.compile()
    start_threads()


def describe() -> dict[str, str]:
    """For ``show_config``."""
    start_threads()
    bits = machine().vector_bytes * 8
    driver = "no numba-cuda" if importlib.util.find_spec("numba_cuda") is None else "numba-cuda"
    return {
        "processor": f"{numba.core.config.CPU_NAME or _host()}, vectors of {bits} bits",
        "threads": f"{available_threads()}, threading layer {numba.threading_layer()}",
        "kernel cache": ", else ".join(map(str, cache_folders())),
        "gpu": f"not used by this release ({driver})",
    }


def _host() -> str:
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()
