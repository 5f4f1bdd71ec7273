"""The GPU's kernels as code for devices that need not be there: registers, spills, precision.

Prints a table with ``-s``. Needs numba-cuda and NVIDIA's assembler (``nvidia-cuda-nvcc-cu12``).
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tsrnn.kernels import Architecture, Columns
from tsrnn.kernels.cells import CELLS
from tsrnn.losses import LOSSES, SquaredError
from tsrnn.optimizers import OPTIMIZERS, Adam

CAPABILITIES = [(7, 0), (8, 0), (9, 0)]
# The most that 256 threads of a block may have, and what the kernels took when they were written.
MOST_REGISTERS = {"training": 255, "forecast": 255}


def assembler():
    """The path of ptxas, or None."""
    found = importlib.util.find_spec("nvidia")
    for folder in found.submodule_search_locations if found else ():
        path = Path(folder) / "cuda_nvcc" / "bin" / "ptxas"
        if path.exists():
            return str(path)
    return shutil.which("ptxas")


@pytest.fixture(autouse=True, scope="module")
def tools():
    if importlib.util.find_spec("numba_cuda") is None:
        pytest.skip("numba-cuda is not installed")
    from numba.cuda.core import config

    if config.ENABLE_CUDASIM:
        pytest.skip("the simulator compiles nothing")
    if assembler() is None:
        pytest.skip("ptxas is not there: pip install nvidia-cuda-nvcc-cu12")


@pytest.fixture
def kernel(monkeypatch):
    """Makes the kernel of a program that nothing is allocated for."""
    from tsrnn.kernels.cuda import program
    from tsrnn.kernels.cuda.operations import SIZES
    from tsrnn.kernels.tape.batches import Kind
    from tsrnn.kernels.tape.layout import Layout

    monkeypatch.setattr(program, "to_device", lambda array: array)
    monkeypatch.setattr(program, "zeros", np.zeros)
    monkeypatch.setattr(program.Kernel, "most_blocks", lambda _: 132)
    monkeypatch.setattr(program, "_kernels", [])

    def make(cell, training, dtype="float32", loss=None, optimizer=Adam):
        loss = loss or SquaredError()
        columns = Columns(1, 1, 1, (3,), (4,))
        architecture = Architecture(cell, columns, 32, 2, 1, 12, numbers=loss.numbers, skip=24)
        which = (type(loss), len(loss.settings)) if training else None
        kind = Kind(64, 24, 1, which, training, training, training, 1)
        made = program.Program(
            Layout(architecture, SIZES), kind, dtype, optimizer if training else None
        )
        return made.compiled.kernel

    return make


def assembled(ptx, capability, folder):
    """What the assembler says: registers, bytes of shared memory and of spills."""
    source = folder / "kernel.ptx"
    source.write_text(ptx)
    arch = "sm_{}{}".format(*capability)
    command = [assembler(), f"-arch={arch}", "-c", "-v", source, "-o", folder / "kernel.cubin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stderr
    registers = max(map(int, re.findall(r"Used (\d+) registers", said)))
    spills = sum(map(int, re.findall(r"(\d+) bytes spill", said)))
    shared = sum(map(int, re.findall(r"\.shared \.align \d+ \.b8 \S+\[(\d+)\]", ptx)))
    return registers, shared, spills


def show(*cells):
    line = "{:>10} {:>9} {:>8} {:>5} {:>9} {:>6} {:>6}\n"
    sys.stdout.write(line.format(*cells))


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "forecast"])
def test_kernels_are_assembled_without_spills(kernel, cell, training, tmp_path):
    what = "training" if training else "forecast"
    made = kernel(cell, training)
    show("cell", "what", "dtype", "sm", "registers", "shared", "spills")
    for capability in CAPABILITIES:
        ptx = made.ptx(capability)
        registers, shared, spills = assembled(ptx, capability, tmp_path)
        show(cell, what, "float32", "".join(map(str, capability)), registers, shared, spills)
        assert not re.search(r"\.f64", ptx), "double precision in a kernel of single precision"
        assert spills == 0
        assert registers <= MOST_REGISTERS[what]
        assert shared <= 48 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_assembled(kernel, name, tmp_path):
    ptx = kernel("gru", True, loss=LOSSES[name]()).ptx((9, 0))
    assert not re.search(r"\.f64", ptx)
    assert assembled(ptx, (9, 0), tmp_path)[2] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_assembled(kernel, name, tmp_path):
    ptx = kernel("rnn_tanh", True, optimizer=OPTIMIZERS[name]).ptx((9, 0))
    assert not re.search(r"\.f64", ptx)
    assert assembled(ptx, (9, 0), tmp_path)[2] == 0


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
def test_double_precision_is_assembled(kernel, training, tmp_path):
    ptx = kernel("lstm", training, "float64").ptx((8, 0))
    registers, _, _ = assembled(ptx, (8, 0), tmp_path)
    assert registers <= 255


def test_numbers_of_a_row_of_registers_are_read_at_once(kernel):
    """Four at a time, where a product reads them from the matrix on its left."""
    assert "ld.global.v4.f32" in kernel("rnn_tanh", False).ptx((9, 0))
