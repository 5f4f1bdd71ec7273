"""windows.py: which windows there are, and which of them are set aside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import says

from tsrnn.windows import split_validation, window_starts

sizes = st.integers(1, 60)


def test_all_windows():
    assert window_starts(5, 2, 1).tolist() == [0, 1, 2]
    assert window_starts(5, 2, 1).dtype == np.int64
    assert window_starts(10, 7, 3).tolist() == [0]


def test_every_window_and_no_other_lies_in_the_series():
    for n_rows, lookback, horizon in np.ndindex(12, 5, 5):
        fitting = [s for s in range(n_rows) if s + lookback + 1 + horizon + 1 <= n_rows]
        if fitting:
            assert window_starts(n_rows, lookback + 1, horizon + 1).tolist() == fitting
        else:
            with pytest.raises(ValueError, match="too short"):
                window_starts(n_rows, lookback + 1, horizon + 1)


@pytest.mark.parametrize(
    ("n_rows", "lookback", "horizon", "need"),
    [
        (20, 24, 12, 36),
        (0, 1, 1, 2),
        (35, 24, 12, 36),
        (100, 2**62, 2**62, 2**63),
        (100, 1, 10**30, 10**30 + 1),
    ],
)
def test_a_short_series_is_explained_with_the_arithmetic(n_rows, lookback, horizon, need):
    words = f"{n_rows} rows; lookback {lookback} + horizon {horizon} need {need}"
    with pytest.raises(ValueError, match=says("too short", words)):
        window_starts(n_rows, lookback, horizon)


def test_the_last_windows_validate():
    training, validation = split_validation(np.arange(100), 0.1, 1)
    assert training.tolist() == list(range(90))
    assert validation.tolist() == list(range(90, 100))


def test_windows_whose_targets_overlap_belong_to_neither():
    training, validation = split_validation(np.arange(100), 0.1, 12)
    assert training[-1] == 100 - 10 - 11 - 1
    assert validation.tolist() == list(range(90, 100))


def test_one_window_at_least_validates():
    for fraction in (1e-300, 0.01, 0.5):
        training, validation = split_validation(np.arange(2), fraction, 1)
        assert (training.tolist(), validation.tolist()) == ([0], [1])


@given(n=sizes, fraction=st.floats(0, 1, exclude_min=True, exclude_max=True), horizon=sizes)
@settings(deadline=None, max_examples=200)
def test_training_never_sees_a_value_that_validation_forecasts(n, fraction, horizon):
    lookback, n_validation = 7, max(1, round(n * fraction))
    if n - n_validation - (horizon - 1) < 1:
        with pytest.raises(ValueError, match="nothing to train on"):
            split_validation(np.arange(n), fraction, horizon)
        return
    training, validation = split_validation(np.arange(n), fraction, horizon)
    assert len(training) >= 1
    assert len(validation) == n_validation
    last_read = training[-1] + lookback + horizon - 1
    first_forecast = validation[0] + lookback
    assert last_read == first_forecast - 1
    assert validation[-1] == n - 1


def test_nothing_left_to_train_on_is_explained_with_the_arithmetic():
    words = [
        "20 windows",
        "2 for validation (validation_fraction 0.1)",
        "23 that",
        "horizon 24 - 1",
    ]
    with pytest.raises(ValueError, match=says("early_stopping", *words)):
        split_validation(np.arange(20), 0.1, 24)
    with pytest.raises(ValueError, match="1 windows, less 1"):
        split_validation(np.arange(1), 0.1, 1)
    with pytest.raises(ValueError, match="less 10 for validation"):
        split_validation(np.arange(10), 0.999, 1)
