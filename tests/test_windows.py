"""windows.py: which windows there are, and which of them are set aside."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import says

from tsrnn.windows import split_validation, window_starts, without_gaps

sizes = st.integers(1, 60)


def starts_of(*lengths, lookback, horizon):
    return window_starts(np.cumsum([0, *lengths]), lookback, horizon)


def split(n, fraction, horizon):
    """Of the ``n`` windows of one series."""
    return split_validation(np.arange(n), np.array([0, n]), fraction, horizon)


def test_all_windows():
    starts = starts_of(5, lookback=2, horizon=1)
    assert starts.tolist() == [0, 1, 2]
    assert starts.dtype == np.int64
    assert starts_of(10, lookback=7, horizon=3).tolist() == [0]


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    lookback=st.integers(1, 5),
    horizon=st.integers(1, 5),
)
@settings(deadline=None, max_examples=200)
def test_every_window_and_no_other_lies_in_one_series(lengths, lookback, horizon):
    offsets = np.cumsum([0, *lengths])
    fitting = [
        start
        for first, end in itertools.pairwise(offsets)
        for start in range(first, end)
        if start + lookback + horizon <= end
    ]
    assert window_starts(offsets, lookback, horizon).tolist() == fitting


@given(
    gaps=st.lists(st.booleans(), min_size=6, max_size=30),
    lookback=st.integers(1, 3),
    horizon=st.integers(1, 3),
)
@settings(deadline=None, max_examples=200)
def test_windows_without_a_gap_in_their_target(gaps, lookback, horizon):
    starts = starts_of(len(gaps), lookback=lookback, horizon=horizon)
    kept = [
        start for start in starts if not any(gaps[start + lookback : start + lookback + horizon])
    ]
    assert without_gaps(starts, np.array(gaps), lookback, horizon).tolist() == kept


def test_each_series_sets_its_own_end_aside():
    starts = starts_of(14, 4, 24, lookback=3, horizon=2)  # 10, 0 and 20 windows
    training, validation = split_validation(starts, np.array([0, 14, 18, 42]), 0.2, 2)
    assert validation.tolist() == [8, 9, 34, 35, 36, 37]
    assert training.tolist() == [*range(7), *range(18, 33)]


def test_the_one_window_that_validates_is_the_last_of_the_longest_series():
    """The others leave none out, as none of theirs overlaps it."""
    starts = starts_of(5, 14, 6, lookback=3, horizon=2)  # 1, 10 and 2 windows
    training, validation = split_validation(starts, np.array([0, 5, 19, 25]), 1e-3, 2)
    assert validation.tolist() == [14]
    assert training.tolist() == [0, *range(5, 13), 19, 20]


def test_the_last_windows_validate():
    training, validation = split(100, 0.1, 1)
    assert training.tolist() == list(range(90))
    assert validation.tolist() == list(range(90, 100))


def test_windows_whose_targets_overlap_belong_to_neither():
    training, validation = split(100, 0.1, 12)
    assert training[-1] == 100 - 10 - 11 - 1
    assert validation.tolist() == list(range(90, 100))


def test_one_window_at_least_validates():
    for fraction in (1e-300, 0.01, 0.5):
        training, validation = split(2, fraction, 1)
        assert (training.tolist(), validation.tolist()) == ([0], [1])


@given(n=sizes, fraction=st.floats(0, 1, exclude_min=True, exclude_max=True), horizon=sizes)
@settings(deadline=None, max_examples=200)
def test_training_never_sees_a_value_that_validation_forecasts(n, fraction, horizon):
    lookback, n_validation = 7, max(1, round(n * fraction))
    if n - n_validation - (horizon - 1) < 1:
        with pytest.raises(ValueError, match="nothing to train on"):
            split(n, fraction, horizon)
        return
    training, validation = split(n, fraction, horizon)
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
        split(20, 0.1, 24)
    with pytest.raises(ValueError, match="1 windows, less 1"):
        split(1, 0.1, 1)
    with pytest.raises(ValueError, match="less 10 for validation"):
        split(10, 0.999, 1)
