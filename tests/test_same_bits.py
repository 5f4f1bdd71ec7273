"""The same seed and data give the same bits: again, and on any number of threads."""

import numpy as np
import pytest
from processes import fingerprint, fit, fit_and_fingerprint, run

import tsrnn
from tsrnn.kernels.cells import CELLS
from tsrnn.kernels.dropout import random_bits

DEEP = {"num_layers": 2, "bidirectional": True, "dropout": 0.3}
CASES = {
    "lstm": {"cell": "lstm", **DEEP},
    "gru": {"cell": "gru", **DEEP},
    "rnn": {"cell": "rnn", **DEEP},
    "rnn, relu": {"cell": "rnn", "activation": "relu", **DEEP},
    "one part of a tile": {"batch_size": 5},
    "tiles of 32 and a part": {"batch_size": 100, **DEEP},
    "many tiles": {"batch_size": 1000, "windows_per_epoch": 2100},
    "validation": {"early_stopping": True, "n_iter_no_change": 3},
    "recursive": {"strategy": "recursive"},
    "linear skip": {"linear_skip": True, "early_stopping": True},
    "segments": {"lookback": 6, "horizon": 3, "segment_length": 3, "batch_size": 100, **DEEP},
    "float64": {"dtype": "float64", **DEEP},
}


def fit_all():
    """Number of threads; fingerprints by case; the same a second time."""
    import numba

    once, again = (
        {name: fit_and_fingerprint(**options) for name, options in CASES.items()} for _ in range(2)
    )
    return numba.get_num_threads(), once, again


def fit_with_masked_threads():
    import numba

    forecaster = fit()
    before = fingerprint(forecaster)
    numba.set_num_threads(1)
    return before, fingerprint(forecaster), fit_and_fingerprint()


@pytest.fixture(scope="module")
def on_threads():
    """Fingerprints by case, fitted on so many threads."""
    done = {}

    def fit_on(number):
        if number not in done:
            threads, done[number], again = run(fit_all, NUMBA_NUM_THREADS=number)
            assert threads == number
            assert again == done[number]
        return done[number]

    return fit_on


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 3])
def test_number_of_threads(on_threads, number):
    assert on_threads(number) == on_threads(1)


@pytest.mark.slow
def test_the_cases_differ(on_threads):
    assert len(set(on_threads(1).values())) == len(CASES)


def test_threads_masked_by_the_caller():
    assert len(set(run(fit_with_masked_threads, NUMBA_NUM_THREADS=2))) == 1


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_forecast_does_not_depend_on_the_windows_beside_it(problem, cell, dtype):
    engine, batch = problem(cell, layers=2, directions=2, dtype=dtype, count=300)
    together = engine.predict({0: batch})[0]
    for first, count in ((0, 1), (3, 8), (17, 100), (5, 295)):
        alone = engine.predict({0: batch.windows.batch(first, count)})[0]
        assert alone.tobytes() == together[first : first + count].tobytes()


def test_dropout_masks_are_those_of_splitmix64():
    """Whose first five numbers for the seed 1234567 Rosetta Code lists."""
    published = [
        *(6457827717110365317, 3203168211198807973, 9817491932198370423),
        *(4593380528125082431, 16408922859458223821),
    ]
    found = random_bits(np.uint64(1234567), np.arange(1, 6, dtype=np.uint64))
    assert found.tolist() == [number >> 1 for number in published]


def fit_with_skip():
    """Long enough windows that BLAS would spread their products over its threads."""
    options = {"lookback": 120, "windows_per_epoch": 8, "max_epochs": 1, "dtype": "float64"}
    series = np.sin(np.arange(900) * 0.5) + 0.01 * np.arange(900)
    return fingerprint(tsrnn.RNNForecaster(linear_skip=True, random_state=0, **options).fit(series))


def fit_of_many_units():
    """So many that LAPACK would spread what makes their first weights orthogonal."""
    options = {"hidden_size": 300, "lookback": 2, "windows_per_epoch": 1, "max_epochs": 1}
    forecaster = tsrnn.RNNForecaster(cell="rnn", dtype="float64", random_state=0, **options)
    return fingerprint(forecaster.fit(np.arange(9.0)))


@pytest.mark.parametrize("fit", [fit_with_skip, fit_of_many_units], ids=lambda fit: fit.__name__)
def test_number_of_threads_of_blas(fit):
    prints = {run(fit, OPENBLAS_NUM_THREADS=n, OMP_NUM_THREADS=n) for n in (1, 2)}
    assert len(prints) == 1
