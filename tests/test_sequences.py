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
from tsrnn.windows import most_origins, sequences, windows_of

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


@given(st.sets(st.integers(0, 60), min_size=1))
def test_runs_are_as_long_as_they_can_be_with_nine_tenths_of_the_windows(starts):
    starts = np.array(sorted(starts))
    shares = {
        origins: len(windows_of(runs, origins)) / len(starts)
        for origins in range(1, len(starts) + 1)
        if len(runs := sequences(starts, origins))
    }
    wanted = max(origins for origins, share in shares.items() if share >= 0.9)
    assert most_origins(starts) == wanted


@pytest.mark.parametrize(
    ("lengths", "wanted"), [([300, 300], 10), ([300, 300, 17], 10), ([16, 40, 16, 16], 4)]
)
def test_one_short_series_makes_no_run_shorter(learned_from, lengths, wanted):
    panel = pd.concat(
        pd.DataFrame({"unique_id": str(n), "ds": np.arange(rows), "y": wave(rows)})
        for n, rows in enumerate(lengths)
    )
    small(supervision="sequence", lookback=10, horizon=3).fit(panel)
    assert learned_from[0][2] == wanted


def test_gaps_leave_out_a_tenth_of_the_windows_at_most(learned_from):
    y = wave(2000)
    y[100::26] = np.nan
    options = {"lookback": 24, "horizon": 4, "missing": "mask", "max_epochs": 4}
    small(**options).fit(y)
    every = {start for starts, *_ in learned_from for start in starts}
    learned_from.clear()
    small(supervision="sequence", windows_per_epoch=2000, **options).fit(y)
    runs = {s + i for starts, _, origins in learned_from for s in starts for i in range(origins)}
    assert len(runs & every) > 0.9 * len(every)


@pytest.mark.parametrize("lookback", [8, 30])
def test_the_mean_weight_of_all_forecasts_of_an_epoch_is_1(monkeypatch, engine_class, lookback):
    found, train = [], engine_class.train

    def watch(self, turns, *arguments):
        found.append(turns[0].windows)
        return train(self, turns, *arguments)

    monkeypatch.setattr(engine_class, "train", watch)
    runs = 120 - lookback - 3 + 1 - lookback + 1  # all of them, each once
    options = {"lookback": lookback, "horizon": 3, "windows_per_epoch": runs}
    weight = np.exp(np.arange(120) / 30)
    small(supervision="sequence", **options).fit(wave(120), sample_weight=weight)
    first = found[0].starts + lookback
    rows = first[:, None, None] + np.arange(lookback)[:, None] + np.arange(3)
    assert found[0].weights[rows].mean() == pytest.approx(1, rel=1e-5)


def test_validation_looks_at_as_many_forecasts_as_an_epoch(monkeypatch, engine_class):
    seen, loss = [], engine_class.loss

    def watch(self, batches, *arguments):
        seen.append(batches[0].count)
        return loss(self, batches, *arguments)

    monkeypatch.setattr(engine_class, "loss", watch)
    options = {"lookback": 24, "batch_size": 8, "early_stopping": True, "windows_per_epoch": 10}
    small(supervision="sequence", validation_fraction=0.3, **options).fit(wave(1000))
    assert seen == [10 * 24]


def test_forecasts_are_those_of_all_windows(learned_from):
    small(supervision="sequence", lookback=10, horizon=3).fit(wave(60))
    starts, steps, origins = learned_from[0]
    assert (steps, origins) == (19, 10)
    forecast_from = {s + i for s in starts for i in range(origins)}
    assert forecast_from <= set(range(60 - 13 + 1))
    assert max(forecast_from) == 47


@pytest.mark.parametrize(("burn_in", "wanted"), [(1, 9), (4, 6), (5, 5), (7, 7), (10, 10)])
def test_a_run_is_as_long_as_the_lookback_or_twice_the_burn_in(learned_from, burn_in, wanted):
    small(supervision="sequence", lookback=10, burn_in=burn_in, horizon=3).fit(wave(80))
    starts, steps, origins = learned_from[0]
    assert (steps, origins) == (burn_in + wanted - 1, wanted)
    first = set(starts + burn_in)  # rows forecast first
    assert (min(first), max(first)) == (10, 80 - 3 - wanted + 1)


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
    settings |= {"linear_skip": False}
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
