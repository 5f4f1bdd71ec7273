"""All that is asked of numba-cuda, and nowhere else: compiling, launching, memory, what is missing.

In Numba's simulator (``NUMBA_ENABLE_CUDASIM=1``), where threads of a block are those of Python, the
kernels are the same; warps are narrow there, and equations run on NumPy's numbers, not ``Scalar``.
"""

from __future__ import annotations

import gc
import importlib.util
import math
import os
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from llvmlite import ir

if importlib.util.find_spec("numba_cuda") is None:
    raise ImportError(
        'device="cuda" needs numba-cuda, which is not installed: pip install "tsrnn[cuda]".'
    )

from numba import cuda
from numba.cuda import types
from numba.cuda.core import config
from numba.cuda.extending import intrinsic

from tsrnn.kernels.cuda.scalars import Scalar
from tsrnn.kernels.disk import DiskCache

SIMULATED = bool(config.ENABLE_CUDASIM)

LANES = 4 if SIMULATED else 32  # threads of a warp, columns of a panel
THREADS = 2 * LANES if SIMULATED else 256  # of a block
TILE_ROWS = 4 if SIMULATED else 8
UNROLL = 4 if SIMULATED else 8  # numbers along a sum, of which each part has a multiple

SHARED_NUMBERS = 2560  # of a block's own memory that every kernel has, at most
integer, unsigned = types.int64, types.uint64


def real_of(dtype: Any) -> Any:
    """numba-cuda's name of a precision."""
    return getattr(types, np.dtype(dtype).name)


# What device code is made of


def function(code: Callable) -> Callable:
    """Code that kernels call."""
    return cuda.jit(device=True)(code)


def equations(code: Callable, size: int) -> Callable:
    """``apply(values)``: the first ``size`` numbers of a thread's array become those of ``code``.

    ``code`` takes so many numbers, and returns as many or fewer, which take the first places.
    """
    if SIMULATED:

        @function
        def simulated(values):
            with np.errstate(all="ignore"):
                for i, result in enumerate(code(*[values[i] for i in range(size)])):
                    values[i] = result

        return simulated

    @intrinsic
    def apply(typing_context, values):
        def codegen(context, builder, signature, arguments):
            data = data_of(context, builder, values, arguments[0])
            places = [builder.gep(data, [ir.Constant(ir.IntType(32), i)]) for i in range(size)]
            numbers = [Scalar(builder, builder.load(place)) for place in places]
            for place, result in zip(places, code(*numbers), strict=False):
                builder.store(result.value, place)
            return context.get_dummy_value()

        return types.void(values), codegen

    return apply


def data_of(context, builder, kind, array) -> ir.Value:
    """Where the numbers of an array lie, or those that a pointer points to."""
    from numba.cuda.np import arrayobj

    if isinstance(kind, types.CPointer):
        return array
    return arrayobj.make_array(kind)(context, builder, array).data


if SIMULATED:

    @function
    def pointer(array, place):
        """To the numbers from a place on."""
        return array[place:]

    @function
    def four(array, place):
        """Four numbers that lie side by side."""
        return array[place], array[place + 1], array[place + 2], array[place + 3]

    @function
    def split(count, size):
        """Quotient and rest of two counts."""
        return count // size, count % size

else:

    @intrinsic
    def split(typing_context, count, size):
        """Quotient and rest of two counts below 2^31: devices have no 64-bit division."""

        def codegen(context, builder, signature, arguments):
            short = ir.IntType(32)
            numbers = [builder.trunc(number, short) for number in arguments]
            results = builder.udiv(*numbers), builder.urem(*numbers)
            long = [builder.zext(result, ir.IntType(64)) for result in results]
            return context.make_tuple(builder, signature.return_type, long)

        return types.UniTuple(integer, 2)(integer, integer), codegen

    @intrinsic
    def pointer(typing_context, array, place):
        """To the numbers from a place on: its indices are not asked whether they are negative."""

        def codegen(context, builder, signature, arguments):
            return builder.gep(data_of(context, builder, array, arguments[0]), [arguments[1]])

        return types.CPointer(array.dtype)(array, place), codegen

    @intrinsic
    def four(typing_context, array, place):
        """Four numbers that lie side by side, from a multiple of four on, in one load."""

        def codegen(context, builder, signature, arguments):
            first = builder.gep(data_of(context, builder, array, arguments[0]), [arguments[1]])
            kind = ir.VectorType(first.type.pointee, 4)
            loaded = builder.load(builder.bitcast(first, kind.as_pointer()))
            loaded.align = 16
            numbers = [
                builder.extract_element(loaded, ir.Constant(ir.IntType(32), i)) for i in range(4)
            ]
            return context.make_tuple(builder, signature.return_type, numbers)

        return types.UniTuple(array.dtype, 4)(array, place), codegen


@function
def root(x):
    """The square root."""
    return math.sqrt(x)


@function
def is_finite(x):
    """Neither infinite nor NaN."""
    return math.isfinite(x)


# Kernels


class _OnDisk(DiskCache):
    """Kernels there; what is kept for one compute capability is no good for another."""

    def reduce(self, compiled: Any) -> dict[str, Any]:
        return compiled._reduce_states()

    def rebuild(self, target_context: Any, reduced: dict[str, Any]) -> Any:
        from numba.cuda.dispatcher import _Kernel

        return _Kernel._rebuild(**reduced)


class Kernel:
    """A function of flat arrays, compiled for the device when it is first asked for.

    Parameters
    ----------
    code : callable
        ``code(series, state, scratch, fixed, starts, now)``, the first three of numbers of type
        ``real``, the others of 64-bit integers.
    real : numba type
    details : tuple, default=None
        What tells it from other kernels of the same types, made by the same sources. None: it is
        not kept on disk.
    """

    def __init__(self, code: Callable, real: Any, details: tuple | None = None):
        self.code, self._real, self._details, self._kernel = code, real, details, None
        self._compiling = threading.Lock()

    @property
    def signature(self) -> Any:
        """Of its arguments."""
        reals, integers = self._real[::1], integer[::1]
        return types.void(reals, reals, reals, integers, integers, integers)

    def launch(self, blocks: int, arrays: tuple, held_bytes: int) -> None:
        """On so many blocks, each with so much memory of its own, and wait for the end."""
        launched = _on(self._compiled(), blocks, held_bytes)
        _with_room(lambda: launched(*arrays), "to run this")
        cuda.synchronize()

    def most_blocks(self, held_bytes: int) -> int:
        """That the device runs at the same time; the simulator runs one after the other."""
        if SIMULATED:
            return 1
        kernel = self._compiled().overloads[self.signature.args]
        kernel.cooperative = True  # no block is to wait for one that has no place
        if held_bytes:  # all that there is: several programs launch one kernel
            _with_room(lambda: _allow(kernel, most_held(self._real.name)), "for the kernel")
        return kernel.max_cooperative_grid_blocks(THREADS, held_bytes)

    def _compiled(self) -> Any:
        with self._compiling:
            if self._kernel is None:
                make = self._simulated if SIMULATED else self._for_device
                self._kernel = _with_room(make, "for the kernel")
        return self._kernel

    def _simulated(self) -> Any:
        return cuda.jit(_quiet(self.code))

    def _for_device(self) -> Any:
        bounds = self.bounds(cuda.get_current_device().compute_capability)
        # Without lto what runs is what is tested, and it is compiled once.
        kernel = cuda.jit(lto=False, launch_bounds=bounds)(self.code)
        if self._details is not None:
            options = sorted(kernel.targetoptions.items())
            kernel._cache = _OnDisk("gpu", version("numba-cuda"), options, *self._details)
        kernel.compile(self.signature.args)
        kernel.disable_compile()
        return kernel

    def bounds(self, capability: tuple[int, int]) -> tuple[int, ...]:
        """Threads of a block; and how many blocks a multiprocessor is to have room for.

        From 9.0 on two do well with 128 registers for each thread; before, they would spill.
        """
        return (THREADS, 2) if capability >= (9, 0) and self._real is types.float32 else (THREADS,)


_configuring = threading.Lock()  # while numba-cuda's setting is another


def _on(kernel: Any, blocks: int, held_bytes: int) -> Any:
    """A kernel on so many blocks; numba-cuda's warning of fewer than 128 is kept back."""
    with _configuring:
        warns, config.CUDA_LOW_OCCUPANCY_WARNINGS = config.CUDA_LOW_OCCUPANCY_WARNINGS, 0
        try:
            return kernel[blocks, THREADS, 0, held_bytes]
        finally:
            config.CUDA_LOW_OCCUPANCY_WARNINGS = warns


def _allow(kernel: Any, held_bytes: int) -> None:
    """More memory of a block's own than it may have unasked; numba-cuda has no word for it."""
    from numba.cuda.cudadrv.driver import binding, driver

    attribute = binding.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    function = kernel._codelibrary.get_cufunc()
    driver.cuKernelSetAttribute(attribute, held_bytes, function.handle, function.device.id)


def _quiet(code: Callable) -> Callable:
    """In the simulator: without NumPy's warnings of what devices do without a word."""
    inner = function(code)

    def quiet(*arrays: Any) -> None:
        with np.errstate(all="ignore"):
            inner(*arrays)

    return quiet


# Memory


def check(precision: str = "ieee") -> None:
    """Refuse to go on without a device, or without tensor cores where they are asked for.

    Raises
    ------
    RuntimeError
        With what the driver says, or what the device has.
    """
    if SIMULATED:
        return
    reason = _what_is_missing()
    if reason is not None:
        reason = " ".join(reason.split()).rstrip(".")
        raise RuntimeError(f'device="cuda" finds no GPU that it could use: {reason}.')
    has = cuda.get_current_device().compute_capability
    if precision == "tf32" and has < (8, 0):
        raise RuntimeError(
            'precision="tf32" needs a GPU of compute capability 8.0; this one has {}.{}. Use '
            'precision="ieee".'.format(*has)
        )


def _what_is_missing() -> str | None:
    """Why no kernel could be launched; a device that another process has is seen only when used."""
    from numba.cuda.cudadrv import driver, nvrtc, nvvm
    from numba.cuda.cudadrv.error import CCSupportError

    if _is_forked():
        return f"{_FORKED}. Start processes by 'spawn' or 'forkserver'"
    try:
        available = driver.driver.is_available
        if available:
            cuda.current_context()
    except (*driver_errors(), ImportError) as error:
        return str(error)
    if not available:
        return driver.driver.initialization_error
    if not nvvm.is_available():
        return 'NVIDIA\'s compiler NVVM is not there: pip install "tsrnn[cuda]"'
    major, minor = cuda.get_current_device().compute_capability
    try:
        nvrtc.get_arch_option(major, minor, "a" if major >= 9 else "")
    except (CCSupportError, ValueError):
        return (
            f"NVIDIA's compiler that is installed makes no code for compute capability {major}."
            f'{minor}: of "tsrnn[cuda]" (older devices too) and "tsrnn[cuda13]" install the other'
        )
    return None


_FORKED = "this process was forked from one that had used it"


def _is_forked() -> bool:
    """Whether the driver was begun with in another process, which it does not survive."""
    from numba.cuda.cudadrv import driver

    return not SIMULATED and driver.driver.pid not in (None, os.getpid())


def selected() -> int:
    """The number of the device that this thread computes on; the first if it has chosen none."""
    return 0 if SIMULATED else int(cuda.get_current_device().id)


def check_place(chosen: int) -> None:
    """Refuse to compute in a forked process, or on another device than a network was made for."""
    if _is_forked():
        raise RuntimeError(
            f"The GPU cannot be used: {_FORKED}. Start processes by 'spawn' or 'forkserver', or "
            "load the forecaster here: it then computes on the CPU."
        )
    if selected() != chosen:
        raise RuntimeError(
            f"The network lies on GPU {chosen}, and this thread computes on GPU {selected()}: each "
            f"thread begins with the first one. Go on within numba.cuda.gpus[{chosen}]."
        )


def multiprocessors() -> int:
    """How many the device has; the simulator makes do with one."""
    return 1 if SIMULATED else cuda.get_current_device().MULTIPROCESSOR_COUNT


def most_held(dtype: Any) -> int:
    """Bytes that a block can hold in its own memory, beside what a kernel has there."""
    if SIMULATED:
        return 2**16
    most = cuda.get_current_device().MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    return most - SHARED_NUMBERS * np.dtype(dtype).itemsize


def name() -> str:
    """What the device calls itself, and its compute capability."""
    check()
    if SIMULATED:
        return "simulated"
    found = cuda.get_current_device()
    called = found.name.decode() if isinstance(found.name, bytes) else found.name
    return "{}, compute capability {}.{}".format(called, *found.compute_capability)


def to_device(array: np.ndarray) -> Any:
    """A copy in the device's memory.

    Raises
    ------
    MemoryError
        If it is full.
    """
    return _with_room(lambda: cuda.to_device(np.ascontiguousarray(array)), _more(array.nbytes))


def empty(size: int, dtype: Any) -> Any:
    """Numbers in the device's memory, whichever.

    Raises
    ------
    MemoryError
        If it is full.
    """
    dtype = np.dtype(dtype)
    return _with_room(lambda: cuda.device_array(size, dtype), _more(size * dtype.itemsize))


def _more(size: int) -> str:
    return f"for another {size / 2**20:,.0f} MiB"


def write(on_device: Any, array: np.ndarray) -> None:
    """Other numbers into the first places of memory that is there."""
    _places(on_device, 0, array.size).copy_to_device(array)


def read(on_device: Any, place: int, size: int) -> np.ndarray:
    """Numbers from a place on."""
    return _places(on_device, place, size).copy_to_host()


def clear(on_device: Any, size: int) -> None:
    """Zeros in the first places."""
    if SIMULATED:
        write(on_device, np.zeros(size, on_device.dtype))
    elif size:
        cuda.driver.device_memset(on_device, 0, size * on_device.dtype.itemsize)


def give_back() -> None:
    """Memory that is not used any more: numba-cuda would keep it for a while.

    So would its compiler, in cycles of references to what called it.
    """
    if not SIMULATED:
        gc.collect()
        cuda.current_context().memory_manager.deallocations.clear()


def _places(on_device: Any, place: int, size: int) -> Any:
    """Some of them; numba-cuda takes its time to tell that they are all."""
    return on_device if size == on_device.size else on_device[place : place + size]


def driver_errors() -> tuple[type[Exception], ...]:
    """What is raised for a driver that says no: by numba-cuda, and by what it launches with."""
    from numba.cuda.cudadrv.driver import CudaAPIError

    if SIMULATED:
        return (CudaAPIError,)
    from cuda.core._utils.cuda_utils import CUDAError

    return CudaAPIError, CUDAError


def _with_room(make: Callable[[], Any], what: str) -> Any:
    """What is made, if there is room for it."""
    try:
        return make()
    except driver_errors() as error:
        if "OUT_OF_MEMORY" not in str(error).upper():
            raise
        raise MemoryError(
            f"The GPU has no room {what}. Use a smaller batch_size, hidden_size or n_members, "
            'forecast fewer series at a time, or use device="cpu".'
        ) from error
