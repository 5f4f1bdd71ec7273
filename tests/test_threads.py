"""Fits and forecasts in threads, forked children, workers: as alone, whichever threading layer."""

import contextlib
import ctypes
import importlib
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from processes import fingerprint, fit, fit_and_fingerprint, forked, run
from small import small, wave

pytestmark = pytest.mark.slow

SEEDS = range(8)
MODULES = {"omp": "omppool", "tbb": "tbbpool", "workqueue": "workqueue"}
PATIENCE = 120  # seconds; on an idle machine no test needs more than ten


def fit_alone():
    return [fit_and_fingerprint(seed) for seed in SEEDS]


def find_layers():
    """Those that are installed."""
    found = []
    for layer, module in MODULES.items():
        with contextlib.suppress(ImportError):
            importlib.import_module(f"numba.np.ufunc.{module}")
            found.append(layer)
    return found


@pytest.fixture(scope="module")
def installed():
    return run(find_layers)


@pytest.fixture(scope="module")
def alone():
    """Fingerprints by seed."""
    return run(fit_alone)


@pytest.fixture(scope="module", params=MODULES)
def run_on_layer(request, installed, alone):
    """Runs on one threading layer, with all kernels compiled before."""
    if request.param not in installed:
        pytest.skip(f"the threading layer {request.param} is not installed")

    def run_it(work):
        layer = {"NUMBA_THREADING_LAYER": request.param, "NUMBA_NUM_THREADS": 2}
        return run(work, timeout=PATIENCE, **layer)

    return run_it


# Threads


def fit_in_threads():
    together = threading.Barrier(len(SEEDS))

    def work(seed):
        together.wait()
        return fit_and_fingerprint(seed)

    with ThreadPoolExecutor(len(SEEDS)) as pool:
        return list(pool.map(work, SEEDS))


def test_fit_in_eight_threads(run_on_layer, alone):
    assert run_on_layer(fit_in_threads) == alone


def test_eight_threads_compile_at_once(alone, tmp_path):
    assert run(fit_in_threads, NUMBA_CACHE_DIR=tmp_path) == alone


def large_forecaster():
    """Its forecasts take about a millisecond."""
    return fit(hidden_size=128, lookback=60, max_epochs=1)


def ask_in_threads():
    forecaster = large_forecaster()
    histories = np.random.default_rng(0).normal(size=(8, 60))
    wanted = [forecaster.predict(history=history) for history in histories]

    def ask(number):
        answers = [forecaster.predict(history=histories[number]) for _ in range(50)]
        return all(np.array_equal(answer, wanted[number]) for answer in answers)

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(ask, range(8)))


def test_ask_one_forecaster_in_eight_threads():
    assert all(run(ask_in_threads, timeout=PATIENCE))


def test_who_finds_it_in_use_forecasts_beside():
    """With what is learned meanwhile, and with memory that the next one finds again."""
    forecaster, free, found = small().fit(wave()), [], []
    engine = forecaster._model.network.engine
    for bias in range(3):
        engine.parameters[:, -1] = bias
        free.append(forecaster.predict())
        with engine._in_use:
            found.append(forecaster.predict())
            found.append(forecaster.predict())
        assert len(engine._spare) == 1
    np.testing.assert_array_equal(found, np.repeat(free, 2, axis=0))


def fit_beside_parallel_code():
    """Beside the caller's own parallel loops, in another thread."""
    loop, done = parallel_loop(), threading.Event()

    def work():
        while not done.is_set():
            loop(np.ones(100_000))

    other = threading.Thread(target=work)
    other.start()
    try:
        return fit_alone()
    finally:
        done.set()
        other.join()


def parallel_loop():
    import numba

    @numba.vectorize(["float64(float64)"], target="parallel")
    def twice(x):
        return x + x

    return twice


def test_fit_beside_parallel_code_of_the_caller(run_on_layer, alone, request):
    if "workqueue" in request.node.name:
        pytest.skip("Numba's workqueue aborts when two threads use it, here the caller's own")
    assert run_on_layer(fit_beside_parallel_code) == alone


# Forked children


def fit_in_children_of_who_has_fitted():
    """In a child and again here, then in threads of a child."""
    fit()
    return [forked(fit_and_fingerprint, 0), fit_and_fingerprint(1), *forked(fit_in_threads)[2:]]


def fit_in_the_child_of_a_child():
    """Threads are started neither here nor in the last child, but between them."""

    def child():
        return [fit_and_fingerprint(0), forked(fit_and_fingerprint, 1)]

    return forked(child)


def fit_in_a_child_of_who_ran_parallel_code():
    parallel_loop()(np.ones(100_000))
    return [forked(fit_and_fingerprint, 0)]


def fit_in_a_child_of_who_used_openmp():
    """By other means than Numba's."""
    work = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
    with contextlib.suppress(OSError):  # where there is no GNU OpenMP
        ctypes.CDLL("libgomp.so.1").GOMP_parallel(work, None, 2, 0)
    return [forked(fit_and_fingerprint, 0)]


def fit_in_children_of_a_busy_process():
    fit()  # Python itself does not survive a fork amid an import
    done = threading.Event()

    def work():
        while not done.is_set():
            fit()

    others = [threading.Thread(target=work) for _ in range(2)]
    for other in others:
        other.start()
    try:
        return [forked(fit_and_fingerprint, seed) for seed in SEEDS[:4]]
    finally:
        done.set()
        for other in others:
            other.join()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.parametrize(
    "work",
    [
        fit_in_children_of_who_has_fitted,
        fit_in_the_child_of_a_child,
        fit_in_a_child_of_who_ran_parallel_code,
        fit_in_a_child_of_who_used_openmp,
        fit_in_children_of_a_busy_process,
    ],
)
def test_fit_after_a_fork(run_on_layer, alone, work):
    found = run_on_layer(work)
    assert found == alone[: len(found)]


def ask_in_children_of_who_is_asking():
    forecaster, done = large_forecaster(), threading.Event()
    forecaster.predict()  # LLVM's and Numba's locks do not survive a fork amid a compilation

    def work():
        while not done.is_set():
            forecaster.predict()

    other = threading.Thread(target=work)
    other.start()
    try:
        return [fingerprint(forecaster), *(forked(fingerprint, forecaster) for _ in range(5))]
    finally:
        done.set()
        other.join()


def test_ask_after_a_fork_while_another_thread_asks():
    here, *in_children = run(ask_in_children_of_who_is_asking, timeout=PATIENCE)
    assert in_children == [here] * 5


def compile_in_a_child_of_who_is_compiling():
    from numba import types
    from numba.core import event

    from tsrnn.kernels.cpu import data
    from tsrnn.kernels.cpu.native import kernel
    from tsrnn.kernels.cpu.products import multiply

    class Compiling(event.Listener):
        begun = threading.Event()

        def on_start(self, event):
            self.begun.set()

        def on_end(self, event):
            pass

    def work():
        kernel(data.fill, types.float32).compile()
        return True

    event.register("numba:run_pass", Compiling())
    other = threading.Thread(target=kernel(multiply, False, types.float32).compile)
    other.start()
    Compiling.begun.wait()
    try:
        return forked(work)
    finally:
        other.join()


def test_compile_after_a_fork_while_another_thread_compiles(tmp_path):
    work = compile_in_a_child_of_who_is_compiling
    assert run(work, timeout=PATIENCE, NUMBA_CACHE_DIR=tmp_path)


# Workers


def fit_in_joblib(*backends):
    """Fingerprints by kind of worker."""
    fits = [joblib.delayed(fit_and_fingerprint)(seed) for seed in SEEDS]
    return {each: joblib.Parallel(n_jobs=2, backend=each)(fits) for each in backends}


def fit_in_joblib_here():
    return fit_in_joblib("threading", "multiprocessing")


def fit_in_fresh_processes():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        return fit_in_joblib("loky") | {"spawned": list(pool.map(fit_and_fingerprint, SEEDS))}


def test_fit_in_joblib(run_on_layer, alone):
    assert run_on_layer(fit_in_joblib_here) == {"threading": alone, "multiprocessing": alone}


def test_fit_in_fresh_processes(alone):
    found = run(fit_in_fresh_processes, timeout=PATIENCE)
    assert found == {"loky": alone, "spawned": alone}
