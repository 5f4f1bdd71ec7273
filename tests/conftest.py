"""What several tests share."""

import importlib.util

import numpy as np
import pytest
from small import SMALL

from tsrnn.kernels import Architecture, Columns, WindowSet, make_engine

VIRTUAL_GPU = pytest.StashKey()
CELLS_OF_PYTORCH = ("lstm", "gru", "rnn_tanh", "rnn_relu")


def named(architecture: Architecture, flat: np.ndarray) -> dict[str, np.ndarray]:
    """Views of a flat vector by parameter."""
    shapes = architecture.parameter_shapes()
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    pieces = np.split(flat, np.cumsum(sizes)[:-1])
    return {
        name: piece.reshape(shape)
        for (name, shape), piece in zip(shapes.items(), pieces, strict=True)
    }


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="where networks are computed: cpu or cuda")
    parser.addoption(
        "--virtual-gpu", action="store_true", help="run the PTX of a GPU's kernels on the CPU"
    )


def pytest_configure(config):
    SMALL["device"] = config.getoption("--device")
    if config.getoption("--virtual-gpu"):
        from virtual_gpu import VirtualGPU, what_is_missing

        missing = what_is_missing()
        if missing is not None:
            raise pytest.UsageError(f"--virtual-gpu: {missing}.")
        config.stash[VIRTUAL_GPU] = VirtualGPU()


def reason_without_gpu():
    """Why there is nothing to run a GPU's kernels on; None if there is."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed"
    from tsrnn.kernels.cuda.device import check

    try:
        check()
    except RuntimeError as error:
        return f"{error} Or ask for --virtual-gpu, or set NUMBA_ENABLE_CUDASIM=1."
    return None


@pytest.fixture
def gpu(monkeypatch):
    """Something to run a GPU's kernels on, "real" or "simulated"; without it, the test skips.

    Numba's simulator runs one block after another, and its threads wait in a busy loop. Here it is
    made to run all at the same time, and to tell who touches a number too early.
    """
    reason = reason_without_gpu()
    if reason is not None:
        pytest.skip(reason)
    from tsrnn.kernels.cuda.device import SIMULATED

    if not SIMULATED:
        return "real"
    from blocks_at_once import run_at_once

    run_at_once(monkeypatch)
    return "simulated"


@pytest.fixture
def engine_class(request):
    """What networks are computed by."""
    device = request.config.getoption("--device")
    return importlib.import_module(f"tsrnn.kernels.{device}.engine").Engine


@pytest.fixture
def native_call(request):
    """What has a method ``run`` in which their kernels do."""
    device = request.config.getoption("--device")
    return importlib.import_module(f"tsrnn.kernels.{device}.program").Program


@pytest.fixture
def problem(request):
    """Makes a small network with random weights, and windows of a random series for it."""
    usual = request.config.getoption("--device")

    def make(
        cell,
        layers=1,
        directions=1,
        dtype="float64",
        *,
        inputs=2,
        hidden=5,
        horizon=3,
        steps=6,
        count=7,
        columns=None,
        decoder=False,
        segment=0,
        lags=(),
        residual=False,
        weighted=False,
        skip=0,
        rows=60,
        numbers=1,
        counts=False,
        device=usual,
        precision="ieee",
        networks=1,
    ):
        random = np.random.default_rng(0)
        columns = columns or Columns(inputs)
        inputs = columns.targets
        sizes = hidden, layers, directions, horizon
        decoder = decoder or segment > 0
        architecture = Architecture(
            cell, columns, *sizes, decoder, skip, segment, numbers, tuple(lags), residual
        )
        engine = make_engine(architecture, dtype, device, networks, precision)
        engine.parameters[:] = random.normal(0, 0.4, engine.parameters.shape)
        series = random.normal(size=(rows, columns.width)).astype(dtype)
        for i, categories in enumerate(columns.categories):
            series[:, columns.numbers + i] = random.integers(-1, categories, rows)
        weights = random.uniform(0, 2, rows).astype(dtype) if weighted else None
        starts = random.integers(architecture.lead, rows - steps - horizon, count)
        location = random.normal(size=(count, inputs))
        scale = random.uniform(0.5, 2, (count, inputs))
        if counts:
            series, location = np.abs(series), 0 * location
        return engine, WindowSet(series, starts, location, scale, steps, weights).batch()

    return make


@pytest.fixture
def csv(tmp_path):
    """Writes a table, or text, as a CSV file in a folder of its own, and returns its path."""

    def write(content):
        path = tmp_path / "input" / "series.csv"
        path.parent.mkdir(exist_ok=True)
        text = content if isinstance(content, str) else content.to_csv(index=False)
        path.write_text(text, encoding="latin-1")
        return str(path)

    return write
