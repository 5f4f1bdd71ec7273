"""Native functions, callable from Python and from each other.

A kernel takes numbers and addresses and returns nothing, as a C function does. Kernels call each
other through addresses, so that none of them holds a copy of another's machine code: Numba would
compile, and optimise, a called function again with every caller.
"""

import ctypes
import os
import threading
import uuid
from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys
from numba.extending import intrinsic, register_jitable

from tsrnn.kernels.disk import DiskCache

_compiling = threading.RLock()
_kernels: dict[tuple, "Kernel"] = {}


def _wait_for_compilers() -> None:
    """A child forked while another thread compiles would find LLVM's locks held for good."""
    _compiling.acquire()
    global_compiler_lock.acquire()


def _let_compilers_go_on() -> None:
    global_compiler_lock.release()
    _compiling.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_wait_for_compilers,
        after_in_parent=_let_compilers_go_on,
        after_in_child=_let_compilers_go_on,
    )


def part_of_kernel(function: Callable) -> Callable:
    """A function that kernels call as if it stood in them.

    Python never calls it, nor does C: leaving out what they would need halves the time that it
    takes to compile. LLVM knows functions by name alone, and where two kernels from disk have parts
    of one name, the one that is loaded first lends its part to the other. Numba numbers functions
    in the order in which a process compiles them, and so would give one name to different parts.
    """
    function.__qualname__ = f"{function.__name__}_{uuid.uuid4().hex}"
    return register_jitable(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


class _OnDisk(DiskCache):
    """Native functions there."""

    def reduce(self, compiled: CompileResult) -> tuple:
        return compiled._reduce()

    def rebuild(self, target_context, reduced: tuple) -> CompileResult:
        # All that a loaded function needs. The compiler itself sees to the rest, which takes longer
        # than to load all kernels.
        rtsys.initialize(target_context)
        return CompileResult._rebuild(target_context, *reduced)


class Kernel:
    """A native function ``void f(...)``, compiled when its address is first asked for.

    Parameters
    ----------
    function : callable
        What Numba compiles. It may close over intrinsics and constants.
    name : str
        Tells this kernel from every other one made by the same source.
    arguments : tuple of numba types
    parallel : bool
        Whether its loops over ``prange`` run on Numba's threads.
    """

    def __init__(
        self,
        function: Callable,
        name: str,
        arguments: tuple,
        parallel: bool = False,
    ):
        self._function = function
        self._signature = types.void(*arguments)
        self._options = {"error_model": "numpy", "parallel": parallel}
        self._disk = _OnDisk(name)
        self._compiled: CFunc | None = None
        self._for_python: Callable | None = None

    @property
    def address(self) -> int:
        if self._compiled is None:
            self.compile()
        return self._compiled.address

    def compile(self) -> None:
        with _compiling:
            if self._compiled is not None:
                return
            # LLVM knows functions by name alone, those loaded from disk too: each needs its own.
            self._function.__qualname__ = f"kernel_{self._disk.key(self._signature)}"
            arguments = (self._signature.args, types.void)
            compiled = CFunc(self._function, arguments, {}, self._options)
            compiled._cache = self._disk
            compiled.compile()
            self._compiled = compiled

    @property
    def call(self) -> Callable:
        """The function for Python; it lets other Python threads run meanwhile."""
        if self._for_python is None:
            doubles = [kind is types.float64 for kind in self._signature.args]
            kinds = [ctypes.c_double if double else ctypes.c_int64 for double in doubles]
            self._for_python = ctypes.CFUNCTYPE(None, *kinds)(self.address)
        return self._for_python


def kernel(make: Callable[..., Kernel], *arguments) -> Kernel:
    """``make(*arguments)``, which exists once."""
    key = (make, *arguments)
    if key not in _kernels:
        with _compiling:
            if key not in _kernels:
                _kernels[key] = make(*arguments)
    return _kernels[key]


@intrinsic
def call(typing_context, function, arguments):
    """Call the native function at an address with a tuple of numbers and pointers."""

    def codegen(context, builder, signature, values):
        target, packed = values
        passed = [builder.extract_value(packed, i) for i in range(len(arguments))]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in passed])
        builder.call(builder.inttoptr(target, kind.as_pointer()), passed)
        return context.get_dummy_value()

    return types.void(types.int64, arguments), codegen
