"""supervision="sequence": what is learned from in one run along a series, and what comes of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import says, small, wave

from tsrnn import RNNForecaster
from tsrnn.baselines import seasonal_naive
from tsrnn.datasets import load_air_passengers
from tsrnn.metrics import mae
from tsrnn.windows import most_origins, sequences

AIRLINE = load_air_passengers()


@pytest.fixture
def learned_from(monkeypatch, engine_class):
    """For each network, the rows of all windows' forecasts, epoch by epoch."""
    seen, train = [], engine_class.train

    def watch(self, turns, *arguments):
        windows = turns[0].windows
        seen.append((windows.starts.copy(), windows.steps, windows.origins))
        return train(self, turns, *arguments)

    monkeypatch.setattr(engine_class, "train", watch)
    return seen


# Which windows


@given(st.sets(st.integers(0, 40), min_size=1), st.integers(1, 8))
def test_sequences_are_the_starts_of_unbroken_runs(starts, origins):
    wanted = [s for s in sorted(starts) if all(s + i in starts for i in range(origins))]
    assert sequences(np.array(sorted(starts)), origins).tolist() == wanted


@given(st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=4))
def test_every_series_has_an_unbroken_run_that_long(by_series):
    """Series of 15 rows, so that no window of one is followed by the first of the next."""
    starts = [15 * i + s for i, some in enumerate(by_series) for s in sorted(some)]
    offsets = np.arange(len(by_series) + 1) * 15
    longest = [
        max(n for n in range(1, 11) for s in some if all(s + i in some for i in range(n)))
        for some in by_series
    ]
    assert most_origins(np.array(starts), offsets) == min(longest)


def test_forecasts_are_those_of_all_windows(learned_from):
    small(supervision="sequence", lookback=10, horizon=3).fit(wave(60))
    starts, steps, origins = learned_from[0]
    assert (steps, origins) == (19, 10)
    forecast_from = {s + i for s in starts for i in range(origins)}
    assert forecast_from <= set(range(60 - 13 + 1))
    assert max(forecast_from) == 47


def test_a_short_burn_in_reads_the_end_of_the_first_window(learned_from):
    small(supervision="sequence", lookback=10, burn_in=4, horizon=3).fit(wave(60))
    starts, steps, origins = learned_from[0]
    assert (steps, origins) == (7, 4)
    first = set(starts + 4)  # rows forecast first
    assert (min(first), max(first)) == (10, 57 - 3)


def test_a_short_burn_in_is_normalised_by_the_whole_lookback(monkeypatch, engine_class):
    levels, train = [], engine_class.train

    def watch(self, turns, *arguments):
        windows = turns[0].windows
        levels.append((windows.starts.copy(), windows.location.copy(), windows.series.copy()))
        return train(self, turns, *arguments)

    monkeypatch.setattr(engine_class, "train", watch)
    options = {"lookback": 10, "burn_in": 4, "normalize": "mean"}
    small(supervision="sequence", horizon=3, **options).fit(wave(60))
    starts, location, series = levels[0]
    wanted = [series[start - 6 : start + 4, :1].mean() for start in starts]
    np.testing.assert_allclose(location[:, 0], wanted, atol=1e-6)


def test_a_burn_in_beyond_the_lookback_is_refused():
    with pytest.raises(ValueError, match=says("burn_in=11", "lookback 10", "at most")):
        small(supervision="sequence", lookback=10, burn_in=11, horizon=3).fit(wave(60))


def test_no_forecast_reaches_into_validation(learned_from):
    options = {"supervision": "sequence", "lookback": 8, "horizon": 4, "early_stopping": True}
    forecaster = small(validation_fraction=0.3, **options).fit(wave(60))
    n_windows = 60 - 12 + 1
    first_validated = n_windows - round(0.3 * n_windows) + 8  # its first row
    for starts, steps, _ in learned_from:
        assert (starts + steps + 4 <= first_validated).all()
    assert len(forecaster.validation_scores_) == forecaster.n_iter_


def test_no_forecast_is_of_a_gap(learned_from):
    y = wave(120)
    y[[50, 51, 90]] = np.nan
    small(supervision="sequence", lookback=6, horizon=2, missing="mask").fit(y)
    for starts, _, origins in learned_from:
        for origin in range(origins):
            first = starts + origin + 6
            assert np.isfinite(y[np.stack([first, first + 1])]).all()


def test_series_too_short_for_a_whole_run_have_shorter_ones(learned_from):
    small(supervision="sequence", lookback=10, horizon=3).fit(wave(17))
    assert learned_from[0][1:] == (14, 5)


def test_an_epoch_has_as_many_forecasts_as_one_of_windows(learned_from):
    y = np.tile(wave(60), 100)
    sizes = {"lookback": 24, "batch_size": 8, "windows_per_epoch": None}
    small(supervision="sequence", **sizes).fit(y)
    starts, _, origins = learned_from[0]
    assert len(starts) == -(-(6000 - 24) // 24)
    assert origins == 24


# What comes of it


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strategy": "recursive"},
        {"linear_skip": True, "num_layers": 2, "dropout": 0.2},
        {"n_members": 2, "normalize": "mean"},
        {"burn_in": 18},
    ],
)
def test_a_forecast_of_1959_beats_the_seasonal_naive(options):
    settings = {"cell": "gru", "lookback": 24, "hidden_size": 32, "max_epochs": 120}
    settings |= {"normalize": "last", "learning_rate": 3e-3, "random_state": 0}
    forecaster = RNNForecaster(supervision="sequence", horizon=12, **settings | options)
    before, year = AIRLINE[:-24], AIRLINE[-24:-12]
    found = mae(year, forecaster.fit(before).predict())
    assert found < 0.8 * mae(year, seasonal_naive(before, 12, 12))


@pytest.mark.parametrize("options", [{}, {"linear_skip": True}, {"strategy": "recursive"}], ids=str)
def test_quantiles_learned_in_runs_never_cross_and_hold_what_came(options):
    """Four fifths of 24 months lie between the outer ones, give or take."""
    settings = {"cell": "gru", "lookback": 24, "hidden_size": 16, "max_epochs": 40}
    settings |= {"normalize": "last", "learning_rate": 3e-3, "random_state": 0, "horizon": 12}
    forecaster = RNNForecaster(supervision="sequence", loss="quantile", **settings, **options)
    forecaster.fit(AIRLINE[:-24])
    quantiles = pd.concat(
        [forecaster.predict_quantiles(history=AIRLINE[:end]) for end in (-24, -12)]
    )
    found = quantiles.to_numpy()
    assert (np.diff(found, axis=1) > 0).all()
    truth = AIRLINE[-24:].to_numpy()
    assert ((found[:, 0] < truth) & (truth < found[:, 2])).mean() >= 0.4
    assert mae(truth, found[:, 1]) < mae(truth, AIRLINE[-36:-12].to_numpy())


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"bidirectional": True}, "bidirectional"),
        ({"strategy": "seq2seq"}, "seq2seq"),
        ({"segment_length": 2}, "segment_length"),
    ],
)
def test_what_does_not_go_with_it_is_refused(options, word):
    with pytest.raises(ValueError, match=says("supervision='sequence'", word)):
        small(supervision="sequence", horizon=2, **options).fit(wave())
