"""The GPU made of software (``virtual_gpu``): it notices what a device would not tell."""

import numpy as np
import pytest
from conftest import VIRTUAL_GPU

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")

from numba import cuda

pytestmark = pytest.mark.cuda


@pytest.fixture
def launch(request):
    """Runs a kernel on one block, with arrays of 64 numbers, all 0."""
    if VIRTUAL_GPU not in request.config.stash:
        pytest.skip("there is none: --virtual-gpu makes one")
    from tsrnn.kernels.cuda.device import Kernel, real_of, to_device

    def run(code, held_bytes=0):
        kinds = ("float32",) * 3 + ("int64",) * 3
        arrays = [to_device(np.zeros(64, kind)) for kind in kinds]
        Kernel(code, real_of("float32")).launch(1, arrays, held_bytes)
        return arrays[0].copy_to_host()

    return run


@pytest.fixture
def fails(launch, capfd):
    """Runs a kernel that fails, and returns what is said about it."""
    from cuda.core._utils.cuda_utils import CUDAError

    def run(code):
        with pytest.raises(CUDAError, match="LAUNCH_FAILED"):
            launch(code)
        return capfd.readouterr().err

    return run


def test_threads_have_numbers(launch):
    def count(series, state, scratch, fixed, starts, now):
        place = cuda.threadIdx.x
        if place < 64:
            series[place] = place + cuda.blockDim.x

    np.testing.assert_array_equal(launch(count), 256 + np.arange(64))


def test_memory_beyond_an_array(fails):
    def write(series, state, scratch, fixed, starts, now):
        series[cuda.threadIdx.x] = 1

    assert "not in any allocation" in fails(write)


def test_four_numbers_side_by_side_begin_at_a_multiple_of_four(fails):
    from tsrnn.kernels.cuda.device import four

    def read(series, state, scratch, fixed, starts, now):
        series[0] = four(series, fixed[0] + 2)[0]

    assert "misaligned global memory" in fails(read)


def test_a_barrier_that_some_threads_never_come_to(fails):
    def wait(series, state, scratch, fixed, starts, now):
        if cuda.threadIdx.x < 32:
            cuda.syncthreads()

    assert "a barrier that some threads never come to" in fails(wait)


def test_a_wait_for_nobody(fails):
    def wait(series, state, scratch, fixed, starts, now):
        while cuda.atomic.add(now, 0, 0) < 1:
            pass

    assert "all wait for one that does not come" in fails(wait)


def test_shared_memory_is_nothing_until_it_is_written(launch):
    def read(series, state, scratch, fixed, starts, now):
        shared = cuda.shared.array(64, "float32")
        place = cuda.threadIdx.x
        if place < 32:
            shared[place] = 1
        if place < 64:
            series[place] = shared[place]

    np.testing.assert_array_equal(launch(read), [1] * 32 + [np.nan] * 32)


def test_more_shared_memory_than_a_kernel_was_allowed(launch):
    from cuda.core._utils.cuda_utils import CUDAError

    def nothing(series, state, scratch, fixed, starts, now):
        series[0] = 1

    with pytest.raises(CUDAError, match="INVALID_VALUE"):
        launch(nothing, held_bytes=2**16)


def test_more_than_fits_the_memory(launch):
    from tsrnn.kernels.cuda.device import empty, to_device

    with pytest.raises(MemoryError, match="The GPU has no room for another 2,048 MiB"):
        empty(2**29, "float32")
    with pytest.raises(MemoryError, match="The GPU has no room for another 1,025 MiB"):
        to_device(np.empty(2**28 + 2**18, "float32"))
