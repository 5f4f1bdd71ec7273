"""The GPU's kernels as code for devices that need not be there: registers, spills, precision.

Prints a table with ``-s``. Needs numba-cuda and NVIDIA's assembler (``nvidia-cuda-nvcc-cu12``).
"""

import importlib.util
import itertools
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

HOPPER = (9, 0, "a")  # for which numba-cuda asks for all that it has
CAPABILITIES = [(7, 0), (8, 0), HOPPER]
WITH_TENSOR_CORES = CAPABILITIES[1:]
# The most that a thread may have: 255 where one block of 256 has room, 128 where two have.
MOST_REGISTERS = {(7, 0): 255, (8, 0): 255, HOPPER: 128}


def assembler():
    """The path of ptxas, or None."""
    found = importlib.util.find_spec("nvidia")
    folders = found.submodule_search_locations if found else ()
    installed = [path for folder in folders for path in Path(folder).glob("*/bin/ptxas")]
    return str(installed[0]) if installed else shutil.which("ptxas")


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
    from tsrnn.kernels.cuda import device, program
    from tsrnn.kernels.cuda.operations import SIZES
    from tsrnn.kernels.tape.batches import Kind
    from tsrnn.kernels.tape.layout import layout_of

    monkeypatch.setattr(program, "to_device", lambda array: array)
    monkeypatch.setattr(program.Kernel, "most_blocks", lambda *_: 132)
    monkeypatch.setattr(device, "multiprocessors", lambda: 132)
    monkeypatch.setattr(device, "most_held", lambda _: 2**17)
    monkeypatch.setattr(program, "_kernels", [])

    def make(cell, training, dtype="float32", precision="ieee", size=32, plain=False):
        columns = Columns(8) if plain else Columns(1, 1, 1, (3,), (4,))
        more = {} if plain else {"skip": 24}
        architecture = Architecture(cell, columns, size, 1 if plain else 2, 1, 12, **more)
        which, also = (SquaredError, 0) if training else None, training and not plain
        kind = Kind(64, 24, 1, which, training, also, also, 1)
        layout, optimizer = layout_of(architecture, SIZES), Adam if training else None
        return program.Program(layout, kind, dtype, precision, optimizer).compiled

    return make


def name_of(capability):
    return "".join(map(str, capability))


def compile_to_ptx(kernel, capability):
    """For devices of a compute capability, which need not be there."""
    from numba import cuda
    from numba.cuda import dispatcher

    class Device:
        compute_capability = capability[:2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatcher, "get_current_device", lambda: Device)
        bounds = kernel.bounds(capability[:2])
        how = {"cc": capability, "launch_bounds": bounds}
        return cuda.compile_ptx(kernel.code, kernel.signature, **how)[0]


PTX = {}


def ptx_of(compiled, capability):
    """Made once for all tests."""
    kind = compiled.optimizer, compiled.dtype, compiled.precision, capability
    key = (*compiled.codes, *kind)
    if key not in PTX:
        PTX[key] = compile_to_ptx(compiled.kernel, capability)
    return PTX[key]


def assembled(ptx, capability, folder):
    """What the assembler says: registers, bytes of shared memory and of spills."""
    source = folder / "kernel.ptx"
    source.write_text(ptx)
    arch = f"sm_{name_of(capability)}"
    command = [assembler(), f"-arch={arch}", "-c", "-v", source, "-o", folder / "kernel.cubin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stderr
    registers = max(map(int, re.findall(r"Used (\d+) registers", said)))
    spills = sum(map(int, re.findall(r"(\d+) bytes spill", said)))
    shared = sum(map(int, re.findall(r"\.shared \.align \d+ \.b8 \S+\[(\d+)\]", ptx)))
    return registers, shared, spills


def shared_numbers():
    """So many less a block can hold of weights."""
    from tsrnn.kernels.cuda.device import SHARED_NUMBERS

    return SHARED_NUMBERS


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
        ptx = ptx_of(made, capability)
        registers, shared, spills = assembled(ptx, capability, tmp_path)
        show(cell, what, "float32", name_of(capability), registers, shared, spills)
        assert not re.search(r"\.f64", ptx), "double precision in a kernel of single precision"
        assert spills == 0
        assert registers <= MOST_REGISTERS[capability]
        assert shared <= 4 * shared_numbers()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "precision", "size"),
    [
        *(("lstm", precision, size) for precision in ("ieee", "tf32") for size in (32, 128)),
        ("gru", "ieee", 32),
    ],
)
def test_a_plain_network_of_one_layer(kernel, cell, precision, size, tmp_path):
    """As in the benchmark: what is not compiled into a kernel changes what the assembler makes."""
    ptx = ptx_of(kernel(cell, True, precision=precision, size=size, plain=True), HOPPER)
    registers, _, spills = assembled(ptx, HOPPER, tmp_path)
    show(f"{cell}, {size}", "training", precision, "90a", registers, "", spills)
    assert not re.search(r"\.f64", ptx)
    assert spills == 0
    assert registers <= MOST_REGISTERS[HOPPER]


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False], ids=["training", "forecast"])
@pytest.mark.parametrize("precision", ["ieee", "tf32"])
def test_kernels_of_crews_are_assembled(kernel, training, precision, tmp_path):
    """Of 128 hidden units, whose weights four blocks hold in memory of their own."""
    alone = ptx_of(kernel("lstm", training, precision=precision), HOPPER)
    made = kernel("lstm", training, precision=precision, size=128)
    for capability in CAPABILITIES if precision == "ieee" else WITH_TENSOR_CORES:
        ptx = ptx_of(made, capability)
        registers, shared, spills = assembled(ptx, capability, tmp_path)
        row = "crew", "training" if training else "forecast", precision
        show(*row, name_of(capability), registers, shared, spills)
        assert not re.search(r"\.f64", ptx)
        assert spills == 0
        assert registers <= MOST_REGISTERS[capability]
        assert shared <= 4 * shared_numbers()
    # Sums are read from the block's own memory in either, weights only where there is a crew.
    assert ptx.count("ld.shared.f32") >= alone.count("ld.shared.f32") + 4


@pytest.mark.slow
def test_losses_are_assembled(kernel, tmp_path):
    """All in one kernel, beside everything else."""
    from tsrnn.kernels.cuda.program import Compiled
    from tsrnn.kernels.tape.calls import Operation

    losses = [Operation("loss", (loss, len(loss().settings), True)) for loss in LOSSES.values()]
    others = [each for each in kernel("gru", True).codes if each.name != "loss"]
    ptx = ptx_of(Compiled(others + losses, Adam, "float32", "ieee"), HOPPER)
    assert not re.search(r"\.f64", ptx)
    assert assembled(ptx, HOPPER, tmp_path)[2] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_assembled(kernel, name, tmp_path):
    """Each beside everything else."""
    from tsrnn.kernels.cuda.program import Compiled

    operations = [*kernel("rnn_tanh", True).codes]
    ptx = ptx_of(Compiled(operations, OPTIMIZERS[name], "float32", "ieee"), HOPPER)
    assert not re.search(r"\.f64", ptx)
    assert assembled(ptx, HOPPER, tmp_path)[2] == 0


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
def test_double_precision_is_assembled(kernel, training, tmp_path):
    ptx = ptx_of(kernel("lstm", training, "float64"), (8, 0))
    registers, shared, _ = assembled(ptx, (8, 0), tmp_path)
    assert registers <= 255
    assert shared <= 8 * shared_numbers()


def test_numbers_of_a_row_of_registers_are_read_at_once(kernel):
    """Four at a time, where a product reads them from the matrix on its left."""
    assert "ld.global.v4.f32" in ptx_of(kernel("rnn_tanh", False), HOPPER)


def test_blocks_that_have_waited_see_what_others_wrote(kernel):
    """A fence before a block counts itself, and one once all have come, which no CPU would miss."""
    ptx = ptx_of(kernel("rnn_tanh", False), HOPPER)
    found = re.findall(
        r"(fence)\.acq_rel\.gpu|(atom)\.global\.add\.u64.*, 1;|(ld)\.relaxed\.gpu", ptx
    )
    names = {"fence": "fence ", "atom": "count ", "ld": "look "}
    order = "".join(names["".join(each)] for each in found)
    assert re.fullmatch("(fence count (look )+fence )+", order)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("capability", WITH_TENSOR_CORES)
def test_tensor_cores(kernel, cell, capability, tmp_path):
    ptx = ptx_of(kernel(cell, True, precision="tf32"), capability)
    registers, shared, spills = assembled(ptx, capability, tmp_path)
    show(cell, "training", "tf32", name_of(capability), registers, shared, spills)
    assert "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32" in ptx
    assert not re.search(r"\.f64", ptx)
    assert spills == 0


def tensor_core(weights, rows):
    """The numbers that mma.m16n8k8 gives each of 32 threads, from the two and four that it has.

    By the tables of the PTX ISA, "Matrix Fragments for mma.m16n8k8".
    """
    left, right = np.full((16, 8), np.nan), np.full((8, 8), np.nan)
    for lane in range(32):
        group, place = divmod(lane, 4)
        for i in range(4):
            left[group + i % 2 * 8, place + i // 2 * 4] = weights[lane][i]
        for i in range(2):
            right[place + i * 4, group] = rows[lane][i]
    product = left @ right
    return [
        [product[lane // 4 + i // 2 * 8, lane % 4 * 2 + i % 2] for i in range(4)]
        for lane in range(32)
    ]


@pytest.mark.parametrize(("transposed", "held"), [(False, False), (False, True), (True, False)])
def test_threads_give_tensor_cores_the_numbers_of_a_product(transposed, held, monkeypatch):
    from tsrnn.kernels.cuda import tensor_cores as cores

    monkeypatch.setattr(cores, "four", lambda array, place: array[place : place + 4])
    monkeypatch.setattr(cores, "all_rounded", lambda numbers: numbers)
    monkeypatch.setattr(cores, "rounded", lambda number: number)
    random, lanes, depth = np.random.default_rng(0), cores.LANES, 64
    left, right = random.normal(size=(8, depth)), random.normal(size=(depth, lanes))
    if transposed:  # in one panel, so many rows apart
        stored, a_panel = np.zeros((depth, lanes)), 0
        stored[:, :8] = left.T
    else:  # in two panels
        stored, a_panel = np.stack(np.split(left, 2, axis=1)), 8 * lanes
    weights = right.ravel()
    if held:
        weights = np.full(right.size, np.nan)
        for i, number in enumerate(right.ravel()):
            weights[cores.place_held.py_func(i)] = number
    found = np.zeros(8 * lanes)
    at_once, of_rows = cores.taken(transposed), cores.of_one_row
    if transposed:
        of_rows = cores.of_columns
    steps = range(at_once // 8)
    for k in range(0, depth, at_once):
        columns, rows = [], []
        for lane in range(lanes):
            place = cores.first_of_weights.py_func(0, k, lane, held, at_once)
            given = held, transposed
            columns.append([cores.of_weights.py_func(weights, place, n, *given) for n in steps])
            place = cores.first_of_rows.py_func(0, k, lane, transposed, a_panel)
            rows.append(of_rows.py_func(stored.ravel(), place))
        for step, half in itertools.product(steps, range(2)):
            numbers = [each[step][half] for each in columns]
            products = tensor_core(numbers, [each[step] for each in rows])
            for lane, results in enumerate(products):
                for i, number in enumerate(results):
                    found[cores.of_result.py_func(half, i, lane)] += number
    np.testing.assert_allclose(found.reshape(8, lanes), left @ right, rtol=1e-12, atol=1e-12)
