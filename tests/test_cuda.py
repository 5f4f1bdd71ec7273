"""The kernels on a GPU, or in Numba's simulator of one: every operation, on tiny shapes.

    NUMBA_ENABLE_CUDASIM=1 python -m pytest -m cuda

In it blocks run at the same time, and a race fails (see ``blocks_at_once``).
"""

import gc
import multiprocessing

import numpy as np
import pytest
from conftest import VIRTUAL_GPU, named
from processes import fit_and_fingerprint, run
from small import daily, small, wave
from test_steps import shuffled, train
from virtual_gpu import VirtualGPU

import tsrnn
from tsrnn import kernels
from tsrnn.kernels import Columns, Turn, WindowSet
from tsrnn.kernels.cells import CELLS
from tsrnn.kernels.reference import Reference
from tsrnn.losses import LOSSES, SquaredError
from tsrnn.optimizers import OPTIMIZERS, Adam

pytestmark = [pytest.mark.cuda, pytest.mark.usefixtures("gpu")]

ALL = Columns(2, 1, 2, (3,), (2, 4))
LOSS = SquaredError()
each_dtype = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)]
)


def relative(found, wanted):
    return np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30)


def assert_like_reference(engine, batch, tolerance, loss=LOSS, dropout=0.0):
    reference = Reference(engine.architecture, named(engine.architecture, engine.parameters[0]))
    value = engine.loss_and_gradient({0: batch}, loss, dropout, seed=2**40 + 7)[0]
    wanted_value, wanted = reference.loss_and_gradient(batch, loss, dropout, seed=2**40 + 7)
    assert relative(value, wanted_value) <= tolerance
    found = named(engine.architecture, engine.gradient[0])
    largest = max(np.abs(values).max(initial=0) for values in wanted.values())
    for name, values in wanted.items():
        assert np.abs(found[name] - values).max(initial=0) <= tolerance * largest, name
    wanted_value = reference.loss_and_gradient(batch, loss)[0]
    assert relative(engine.loss({0: batch}, loss)[0], wanted_value) <= tolerance
    assert relative(engine.predict({0: batch})[0], reference.predict(batch)) <= tolerance


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (2, 2)])
@each_dtype
def test_cells_layers_and_directions(problem, cell, layers, directions, dtype, tolerance):
    options = {"device": "cuda", "steps": 3, "count": 5, "hidden": 3}
    engine, batch = problem(cell, layers, directions, dtype, **options)
    assert_like_reference(engine, batch, tolerance)


@pytest.mark.parametrize(
    "more",
    [
        {"columns": ALL, "weighted": True},
        {"columns": ALL, "decoder": True},
        {"columns": ALL, "segment": 2, "steps": 4, "horizon": 4},
        {"skip": 4},
        {"columns": ALL, "lags": (3, 7), "decoder": True},
        {"lags": (4,), "skip": 3, "weighted": True},
        {"residual": True},
        {"residual": True, "segment": 2, "steps": 4, "horizon": 2},
    ],
    ids=lambda more: "-".join(map(str, more)),
)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_every_switch_of_the_network(problem, more, dropout):
    options = {"device": "cuda", "steps": 3, "count": 5, "hidden": 3, **more}
    engine, batch = problem("gru", 2, 1, **options)
    assert_like_reference(engine, batch, 1e-10, dropout=dropout)


@pytest.mark.parametrize("count", [1, 4, 5, 13])
def test_every_size_of_batch(problem, count):
    engine, batch = problem("rnn_tanh", device="cuda", count=count, steps=2, hidden=6)
    assert_like_reference(engine, batch, 1e-10)


@pytest.mark.parametrize("name", LOSSES)
@each_dtype
def test_losses(problem, name, dtype, tolerance):
    loss = LOSSES[name]()
    options = {"numbers": loss.numbers, "counts": loss.units == "counts", "weighted": True}
    options |= {"device": "cuda", "steps": 1, "count": 3, "hidden": 2}
    engine, batch = problem("rnn_tanh", dtype=dtype, **options)
    assert_like_reference(engine, batch, 2 * tolerance, loss)


def assert_steps_are_those_of_the_cpu(problem, optimizer, clip_norm=np.inf, **network):
    """Seven windows: two batches of three, and a last one of one."""
    found = []
    for device in ("cpu", "cuda"):
        options = {"device": device, "count": 7, "steps": 2, "hidden": 3}
        engine, batch = problem("gru", **options, **network)
        memory = engine.optimizer_memory(optimizer)
        turn = Turn(batch.windows, optimizer.at(np.arange(1, 4), 0.01), np.arange(3) + 2**50)
        losses, norms = engine.train({0: turn}, 3, LOSS, memory, clip_norm, 0.2)
        found.append([losses, norms, engine.parameters, engine.remembered(memory)])
    for cpu, gpu in zip(*found, strict=True):
        np.testing.assert_allclose(gpu, cpu, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("clip_norm", [np.inf, 0.05])
def test_steps_are_those_of_the_cpu(problem, name, clip_norm):
    optimizer = OPTIMIZERS[name](weight_decay=0.1)
    assert_steps_are_those_of_the_cpu(problem, optimizer, clip_norm, layers=2, skip=2)


def test_steps_with_categories(problem):
    """Derivatives of their vectors are added up, and begin at 0 in each step."""
    assert_steps_are_those_of_the_cpu(problem, Adam(), columns=ALL)


def after_several_steps(problem, origins, **options):
    """Loss, gradient and forecasts on both devices, which agree; the GPU's engine."""
    found = []
    for device in ("cpu", "cuda"):
        engine, batch = problem("gru", device=device, horizon=2, **options)
        windows = batch.windows
        where = windows.starts, windows.location, windows.scale, windows.steps
        batch = WindowSet(windows.series, *where, origins=origins).batch()
        loss = engine.loss_and_gradient({0: batch}, LOSS)
        found.append([loss, engine.gradient.copy(), engine.predict({0: batch})])
    for cpu, gpu in zip(*found, strict=True):
        np.testing.assert_allclose(gpu, cpu, rtol=1e-10, atol=1e-12)
    return engine


def test_a_forecast_after_every_step_of_a_run(problem):
    after_several_steps(problem, 3, steps=4, count=5, hidden=3)


def test_several_networks_are_each_as_alone(problem):
    options = {"device": "cuda", "count": 6, "steps": 2, "hidden": 3}
    count = 6  # some blocks have two
    engine, batch = problem("lstm", networks=count, **options)
    engine.parameters[:] = np.random.default_rng(1).normal(0, 0.4, engine.parameters.shape)
    sets = [shuffled(batch.windows, seed) for seed in range(count)]
    batches = {number: windows.batch() for number, windows in enumerate(sets)}
    start, memory = engine.parameters.copy(), engine.optimizer_memory(Adam())
    found = [engine.predict(batches), engine.loss_and_gradient(batches, LOSS)]
    found += [engine.gradient.copy(), *train(engine, sets, memory=memory)]
    for number in range(count):
        alone, _ = problem("lstm", **options)
        alone.parameters[:] = start[number]
        only, own = {0: batches[number]}, alone.optimizer_memory(Adam())
        wanted = [alone.predict(only), alone.loss_and_gradient(only, LOSS), alone.gradient.copy()]
        wanted += train(alone, [sets[number]], memory=own)
        for some, expected in zip(found, wanted, strict=True):
            np.testing.assert_allclose(some[number], expected[0], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(engine.parameters[number], alone.parameters[0], rtol=1e-9)
        np.testing.assert_allclose(memory[number], own[0], rtol=1e-9)


def test_a_loss_that_is_not_finite_ends_the_steps_before_its_own(problem):
    engine, batch = problem("rnn_tanh", device="cuda", count=9, steps=2, hidden=2)
    series, location, scale = batch.windows.series, batch.windows.location, batch.windows.scale
    windows = WindowSet(series, np.arange(9), location, scale, 2)
    series[8] = np.inf  # no target of the first three windows
    losses, norms = train(engine, [windows])
    assert np.isfinite(losses + norms).tolist() == [[True, False, False]]
    assert np.isfinite(engine.parameters).all()


def test_other_series_and_weights_are_not_taken_for_those_before(problem):
    engine, batch = problem("rnn_tanh", device="cuda", count=3, steps=2, hidden=2)
    before = engine.predict({0: batch})
    windows = batch.windows
    where = windows.starts, windows.location, windows.scale, windows.steps
    other = WindowSet(windows.series + 1, *where).batch()
    assert not np.allclose(engine.predict({0: other}), before)
    np.testing.assert_array_equal(engine.predict({0: batch}), before)


@each_dtype
def test_a_forecaster_learns_and_forecasts_as_on_the_cpu(dtype, tolerance):
    quick = {"lookback": 3, "horizon": 2, "windows_per_epoch": 8, "batch_size": 4, "max_epochs": 2}
    on_cpu, on_gpu = (
        small(device=device, dtype=dtype, early_stopping=True, **quick).fit(daily(40))
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(on_gpu.loss_curve_, on_cpu.loss_curve_, rtol=1e-3)
    np.testing.assert_allclose(on_gpu.predict(), on_cpu.predict(), rtol=1e-4)
    on_gpu.load_params(on_cpu.params_)
    np.testing.assert_allclose(on_gpu.predict(), on_cpu.predict(), rtol=tolerance)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_forecasts_in_blocks_are_those_of_the_cpu(strategy):
    """Each block is fed with the forecast before, which its rows did not hold when it was made."""
    quick = {"lookback": 3, "horizon": 2, "windows_per_epoch": 4, "loss": "gaussian"}
    on_cpu, on_gpu = (
        small(device=device, dtype="float64", strategy=strategy, **quick).fit(wave(30))
        for device in ("cpu", "cuda")
    )
    on_gpu.load_params(on_cpu.params_)
    ahead = np.empty((5, 0))
    np.testing.assert_allclose(on_gpu.predict(ahead), on_cpu.predict(ahead), rtol=1e-10)
    draws = [each.sample(3, random_state=0) for each in (on_gpu, on_cpu)]
    np.testing.assert_allclose(*draws, rtol=1e-10)


def test_tensor_cores_round_a_little():
    quick = {"lookback": 3, "windows_per_epoch": 8, "batch_size": 8, "device": "cuda"}
    exact, rounded = (
        small(precision=precision, **quick).fit(wave(30)) for precision in ("ieee", "tf32")
    )
    np.testing.assert_allclose(rounded.predict(), exact.predict(), rtol=1e-2)


def test_ensembles_and_a_network_for_each_series():
    quick = {"lookback": 3, "windows_per_epoch": 4, "batch_size": 4, "device": "cuda"}
    on_gpu = small(n_members=2, **quick).fit(wave(30))
    on_cpu = small(n_members=2, **quick | {"device": "cpu"}).fit(wave(30))
    np.testing.assert_allclose(on_gpu.predict(), on_cpu.predict(), rtol=1e-4)


def test_the_same_bits_every_time():
    quick = {"lookback": 3, "windows_per_epoch": 8, "batch_size": 8, "device": "cuda"}
    first, second = (small(**quick).fit(wave(30)) for _ in range(2))
    for name, values in first.params_.items():
        np.testing.assert_array_equal(values, second.params_[name])


def test_what_was_learned_on_a_gpu_is_loaded_there_and_without(tmp_path, monkeypatch):
    forecaster = small(device="cuda", lookback=3, windows_per_epoch=4).fit(wave(30))
    forecaster.save(tmp_path / "model")
    loaded = tsrnn.load(tmp_path / "model")
    assert loaded._model.network.device == "cuda"
    np.testing.assert_array_equal(loaded.predict(), forecaster.predict())
    learned = small(lookback=3, windows_per_epoch=4).set_params(device="cpu").fit(wave(30))
    learned.set_params(device="cuda", precision="tf32").save(tmp_path / "other")
    assert tsrnn.load(tmp_path / "other")._model.network.device == "cpu"
    monkeypatch.setattr(kernels, "has_gpu", lambda _: False)
    loaded = tsrnn.load(tmp_path / "model")
    assert loaded._model.network.device == "cpu"
    np.testing.assert_allclose(loaded.predict(), forecaster.predict(), rtol=1e-5)


def test_batches_of_every_kind_share_the_memory(problem, monkeypatch):
    """Each finds it as if it were alone, whoever has been there."""
    from tsrnn.kernels.cuda import memory

    taken, empty = [], memory.empty
    monkeypatch.setattr(memory, "empty", lambda *what: taken.append(what) or empty(*what))
    engine, batch = problem("gru", device="cuda", count=6, steps=2, hidden=3)
    first = engine.loss_and_gradient({0: batch}, LOSS), engine.gradient.copy()
    largest = len(taken)
    for count in (5, 3, 6, 1):
        some = {0: batch.windows.batch(0, count)}
        alone, _ = problem("gru", device="cuda", count=6, steps=2, hidden=3)
        wanted = alone.loss_and_gradient(some, LOSS), alone.predict(some)
        del taken[largest:]
        found = engine.loss_and_gradient(some, LOSS), engine.predict(some)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)
    assert len(taken) == largest
    again = engine.loss_and_gradient({0: batch}, LOSS), engine.gradient
    for a, b in zip(again, first, strict=True):
        np.testing.assert_array_equal(a, b)


def test_memory_that_was_full_is_cleared_for_who_had_it_before(problem, monkeypatch):
    """The memory that a program knew is gone, though nobody else has got any."""
    from tsrnn.kernels.cuda import memory

    engine, batch = problem("gru", device="cuda", count=9, steps=2, hidden=3)
    few = {0: batch.windows.batch(0, 3)}
    wanted, empty = engine.predict(few), memory.empty

    def full(size, dtype):
        raise MemoryError

    def dirty(size, dtype):
        found = empty(size, dtype)
        memory.write(found, np.full(size, 99, dtype))
        return found

    monkeypatch.setattr(memory, "empty", full)
    with pytest.raises(MemoryError):
        engine.predict({0: batch})
    monkeypatch.setattr(memory, "empty", dirty)
    np.testing.assert_array_equal(engine.predict(few), wanted)


def test_an_epoch_goes_to_the_device_once(problem, monkeypatch):
    from tsrnn.kernels.cuda import memory

    written, write = [], memory.write
    monkeypatch.setattr(memory, "write", lambda *what: written.append(what) or write(*what))
    engine, batch = problem("rnn_tanh", device="cuda", count=9, steps=2, hidden=2)
    losses, _ = train(engine, [batch.windows])
    assert losses.shape == (1, 3)
    assert len(written) == 2, "numbers, and whole ones"


def test_a_device_without_room_says_so(monkeypatch):
    from tsrnn.kernels.cuda import device

    for error in device.driver_errors():

        class Full:
            def __getattr__(self, name, error=error):
                raise error(2, "Call to cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY")

        monkeypatch.setattr(device, "cuda", Full())
        with pytest.raises(MemoryError, match="The GPU has no room for another 8 MiB"):
            device.to_device(np.zeros(2**20))


@pytest.fixture
def numba_cuda(gpu):
    """The library itself."""
    if gpu == "simulated":
        pytest.skip("the simulator has no driver")
    from numba import cuda

    return cuda


def test_a_fit_gives_the_memory_back(numba_cuda, monkeypatch):
    from numba.cuda.core import config

    monkeypatch.setattr(config, "CUDA_DEALLOCS_COUNT", 1000)  # that may wait to be freed
    context = numba_cuda.current_context()
    forecaster = small(device="cuda", lookback=3, windows_per_epoch=4).fit(wave(30))
    held = len(context.memory_manager.allocations)
    gc.collect()
    context.memory_manager.deallocations.clear()
    assert len(context.memory_manager.allocations) == held
    forecaster.predict()
    assert len(context.memory_manager.allocations) > held


def fit_in_both_precisions(virtual):
    """Fingerprints, and how many passes of the compiler they took; for a process of its own."""
    gpu = VirtualGPU() if virtual else None  # before the library looks for one
    from numba.cuda.core import event

    with event.install_recorder("numba-cuda:run_pass") as compiled:
        fits = [
            fit_and_fingerprint(device="cuda", precision=each, max_epochs=1)
            for each in ("ieee", "tf32")
        ]
    del gpu
    return fits, len(compiled.buffer)


def test_kernels_are_kept_on_disk(numba_cuda, request, tmp_path):
    """Each precision its own; another process compiles nothing."""
    work = fit_in_both_precisions, VIRTUAL_GPU in request.config.stash
    fits, compiled = run(*work, NUMBA_CACHE_DIR=tmp_path)
    assert fits[0] != fits[1]
    assert compiled
    files = sorted(tmp_path.rglob("gpu-*.bin"))
    assert run(*work, NUMBA_CACHE_DIR=tmp_path) == [fits, 0]
    assert sorted(tmp_path.rglob("gpu-*.bin")) == files


def test_a_device_that_cannot_be_used_is_none(numba_cuda, monkeypatch):
    """Another process has it for itself, or all of its memory."""
    from tsrnn.kernels.cuda import device

    def refuse():
        raise device.driver_errors()[0](46, "CUDA_ERROR_DEVICE_UNAVAILABLE")

    monkeypatch.setattr(numba_cuda, "current_context", refuse)
    assert not kernels.has_gpu()
    assert "CUDA_ERROR_DEVICE_UNAVAILABLE" in kernels.describe()["gpu"]
    with pytest.raises(RuntimeError, match=r"no GPU that it could use: .*DEVICE_UNAVAILABLE"):
        small(device="cuda").fit(wave(30))


def test_without_a_compiler_of_kernels(numba_cuda, monkeypatch):
    from numba.cuda.cudadrv import nvvm

    monkeypatch.setattr(nvvm, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match=r'NVVM is not there: pip install "tsrnn\[cuda\]"'):
        small(device="cuda").fit(wave(30))


@pytest.mark.parametrize("error", ["CCSupportError", "ValueError"])
def test_a_gpu_that_the_compiler_does_not_know(numba_cuda, monkeypatch, error):
    """An old one and CUDA 13, or a new one and CUDA 12."""
    from numba.cuda.cudadrv import nvrtc
    from numba.cuda.cudadrv.error import CCSupportError

    def refuse(*_):
        raise {"CCSupportError": CCSupportError, "ValueError": ValueError}[error]

    monkeypatch.setattr(nvrtc, "get_arch_option", refuse)
    assert not kernels.has_gpu()
    with pytest.raises(RuntimeError, match=r"makes no code for compute capability \d"):
        small(device="cuda").fit(wave(30))


def test_a_network_stays_on_its_gpu(numba_cuda, monkeypatch):
    """Where there are several, each thread begins with the first, whose memory is another."""
    from tsrnn.kernels.cuda import device

    learned = small(device="cuda", lookback=3, windows_per_epoch=4).fit(wave(30))
    forecast = learned.predict()
    here = device.selected()
    with monkeypatch.context() as patch:
        patch.setattr(device, "selected", lambda: here + 1)
        with pytest.raises(RuntimeError, match=rf"on GPU {here}, and this thread .* {here + 1}"):
            learned.predict()
    np.testing.assert_array_equal(learned.predict(), forecast)


def test_a_forked_process_has_no_gpu(numba_cuda):
    numba_cuda.current_context()
    learned = small(device="cuda", lookback=3, windows_per_epoch=4).fit(wave(30))
    process = multiprocessing.get_context("fork").Process(target=_fail_with_a_gpu, args=[learned])
    process.start()
    process.join()
    assert process.exitcode == 0


def _fail_with_a_gpu(learned):
    assert "this process was forked" in kernels.describe()["gpu"]
    with pytest.raises(RuntimeError, match="GPU cannot be used: this process was forked"):
        learned.predict()
    small(device="auto", batch_size=512, hidden_size=64, max_epochs=1).fit(wave(30))
