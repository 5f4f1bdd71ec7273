"""``device``: which one is taken, and what is said where there is none."""

import importlib.util
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from small import says, small, wave

from tsrnn import kernels
from tsrnn.kernels import Architecture, Columns, choose_device

LARGE = Architecture("lstm", Columns(1), 32, 1, 1, 1)


def without_numba_cuda(monkeypatch):
    """As if it were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "numba_cuda" else find(name)
    )
    for module in [*sys.modules]:
        if module.startswith("tsrnn.kernels.cuda"):
            monkeypatch.delitem(sys.modules, module)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    without_numba_cuda(monkeypatch)
    forecaster = small(device="cpu").fit(wave())
    before = forecaster.predict()
    with pytest.raises(ImportError, match=says('device="cuda"', 'pip install "tsrnn[cuda]"')):
        forecaster.set_params(device="cuda").fit(wave())
    np.testing.assert_array_equal(forecaster.predict(), before)
    assert "tsrnn[cuda]" in kernels.describe()["gpu"]


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is None, reason="no numba-cuda")
def test_a_missing_device_is_named():
    program = (
        "from tsrnn import RNNForecaster\n"
        "try: RNNForecaster(device='cuda').fit([*range(40)])\n"
        "except RuntimeError as error: print(error)"
    )
    hidden = {"CUDA_VISIBLE_DEVICES": "-1", "NUMBA_ENABLE_CUDASIM": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | hidden,
        capture_output=True,
        text=True,
        check=True,
    )
    assert says('device="cuda" finds no GPU that it could use').search(done.stdout)


@pytest.mark.parametrize("there", [True, False])
def test_auto_takes_a_gpu_that_is_there_for_large_batches(monkeypatch, there):
    monkeypatch.setattr(kernels, "has_gpu", lambda precision: there and precision == "ieee")
    window = LARGE.operations(24)
    assert choose_device("auto", "ieee", 256 * window) == ("cuda" if there else "cpu")
    assert choose_device("auto", "tf32", 256 * window) == "cpu"
    assert choose_device("auto", "ieee", 32 * window) == "cpu"
    assert choose_device("cpu", "ieee", 10**6 * window) == "cpu"


def test_auto_counts_all_networks(monkeypatch):
    asked = []
    monkeypatch.setattr(kernels, "has_gpu", asked.append)
    options = {"device": "auto", "hidden_size": 32, "batch_size": 32, "max_epochs": 1}
    small(**options).fit(wave())
    assert not asked
    small(**options, n_members=200).fit(wave())
    assert asked == ["ieee"]


def test_going_on_is_done_where_it_is_asked_for(monkeypatch):
    forecaster = small(device="cpu").fit(wave())
    without_numba_cuda(monkeypatch)
    with pytest.raises(ImportError, match=says('device="cuda"')):
        forecaster.set_params(device="cuda").partial_fit(wave())
    with pytest.raises(ValueError, match=says("precision='tf32'", "device='cpu' has none")):
        forecaster.set_params(device="cpu", precision="tf32").partial_fit(wave())
    forecaster.set_params(precision="ieee").partial_fit(wave())


def test_auto_does_without(monkeypatch):
    without_numba_cuda(monkeypatch)
    automatic = small(device="auto", batch_size=512, hidden_size=64).fit(wave())
    usual = small(device="cpu", batch_size=512, hidden_size=64).fit(wave())
    np.testing.assert_array_equal(automatic.predict(), usual.predict())


def test_a_network_from_a_gpu_is_unpickled_without(monkeypatch):
    network = small().fit(wave())._model.network
    monkeypatch.setattr(network, "device", "cuda")
    monkeypatch.setattr(kernels, "has_gpu", lambda _: False)
    other = pickle.loads(pickle.dumps(network))
    assert other.device == "cpu"
    np.testing.assert_array_equal(other.engine.parameters, network.engine.parameters)


@pytest.mark.parametrize(
    ("columns", "more", "wanted"),
    [
        (Columns(1), {}, 2 * 24 * 128 * 33),
        (Columns(3), {"num_layers": 2}, 2 * 24 * 128 * (35 + 64)),
        (Columns(1), {"directions": 2}, 2 * 24 * 2 * 128 * 33),
        (Columns(1), {"decoder": True, "segment": 4}, 2 * (6 + 1) * 128 * 64),
    ],
)
def test_operations_are_those_of_the_recurrent_layers(columns, more, wanted):
    sizes = {"hidden_size": 32, "num_layers": 1, "directions": 1, "horizon": 4}
    assert Architecture("lstm", columns, **sizes | more).operations(24) == wanted
