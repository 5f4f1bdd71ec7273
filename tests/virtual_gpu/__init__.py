"""A GPU made of software: all that numba-cuda does, with a driver that runs PTX on the CPU.

Numba's simulator runs the Python of a kernel, and so nothing of what is compiled from it. Here the
kernels are compiled as for a device; their PTX is translated to C (``translate.py``), and a driver
(``driver.c``) launches that on blocks of threads that take turns (``blocks.c``). It minds what a
device would not tell: memory that nobody asked for, addresses that are no multiple of a number's
size, barriers that some threads never come to; memory is full of NaN until it is written.

    python -m pytest --virtual-gpu -m cuda

What it says nothing about: registers, time, what happens between two threads that do not wait.
"""

import ctypes
import importlib.util
import itertools
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from virtual_gpu.translate import translate

HERE = Path(__file__).parent
# As exact as a device: no multiply-add where there is none, and numbers that wrap around.
OPTIONS = ["-O1", "-w", "-fPIC", "-shared", "-ffp-contract=off", "-fwrapv", "-fno-strict-aliasing"]


def no_compiler() -> str | None:
    """Why there is none that could make C of this."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "its threads change stacks as on Linux and x86-64"
    if shutil.which("cc") is None:
        return "there is no C compiler, cc"
    return None


def what_is_missing() -> str | None:
    """What a virtual GPU needs and does not find here."""
    missing = no_compiler()
    if missing is not None:
        return missing
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") != "0":
        return "NUMBA_ENABLE_CUDASIM asks for the simulator"
    if importlib.util.find_spec("numba_cuda") is None:
        return 'numba-cuda is not installed: pip install "tsrnn[cuda]"'
    return None


def build(path: Path, *arguments: Any) -> str:
    """A library of C."""
    command = ["cc", *OPTIONS, f"-I{HERE}", *arguments, "-lm", "-o", path]
    subprocess.run([str(each) for each in command], check=True)
    return str(path)


class VirtualGPU:
    """Takes the place of NVIDIA's driver, if numba-cuda has not looked for it yet."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="virtual-gpu-")
        self._folder = Path(self._temporary.name)
        self._numbers = itertools.count(1)
        name = "-Wl,-soname,libcuda.so.1"  # who opens one of this name is given what is open
        sources = HERE / "driver.c", HERE / "blocks.c"
        driver = build(self._folder / "driver.so", *sources, "-O2", name, "-ldl", "-lpthread")
        self._driver = ctypes.CDLL(driver, mode=ctypes.RTLD_GLOBAL)
        self._translate_what_is_compiled()

    def _translate_what_is_compiled(self) -> None:
        from cuda.core import ObjectCode
        from numba.cuda.codegen import CUDACodeLibrary

        def get_cubin(library, cc=None):
            self.add(library.get_asm_str(cc=cc))
            return ObjectCode.from_cubin(b"translated")

        CUDACodeLibrary.get_cubin = get_cubin

    def add(self, ptx: str) -> None:
        """A kernel that the driver can be asked for from now on, by its name in PTX."""
        kernel, number = translate(ptx), next(self._numbers)
        source = self._folder / f"{number}.c"
        source.with_suffix(".ptx").write_text(ptx)  # whose lines are named where it fails
        source.write_text(kernel.code)
        library = build(self._folder / f"{number}.so", source)
        if self._driver.add_kernel(kernel.name.encode(), library.encode(), kernel.shared):
            raise RuntimeError(f"The driver does not take {kernel.name}.")
