"""The fit loop as a user sees it: losses, schedules, stopping, seeds."""

import sys
import threading

import numpy as np
import pandas as pd
import pytest
from small import daily, says, small, wave

from tsrnn.fitting import settings_of
from tsrnn.kernels import Architecture, Columns
from tsrnn.losses import LOSSES
from tsrnn.network import Network
from tsrnn.optimizers import OPTIMIZERS
from tsrnn.scaling import NORMALIZATIONS
from tsrnn.schedules import SCHEDULES, Plateau
from tsrnn.training import Examples, Trainer

OVERFITTING = {"early_stopping": True, "learning_rate": 0.3, "lr_schedule": "constant"}


def assert_same_weights(one, other):
    assert one.params_.keys() == other.params_.keys()
    for name, values in one.params_.items():
        np.testing.assert_array_equal(values, other.params_[name], err_msg=name)


@pytest.fixture
def steps(monkeypatch, engine_class):
    """The steps that the optimizer takes: their learning rates."""
    rates, train = [], engine_class.train

    def count(self, turns, *arguments):
        losses, norms = train(self, turns, *arguments)
        rates.extend([turns[0].optimizer.rate] * losses.shape[1])
        return losses, norms

    monkeypatch.setattr(engine_class, "train", count)
    return rates


# Everything learns

EACH_CHOICE = [
    *({"optimizer": name} for name in OPTIMIZERS),
    *({"loss": name} for name in LOSSES),
    *({"lr_schedule": name} for name in SCHEDULES),
    *({"normalize": how} for how in NORMALIZATIONS),
    *({"cell": name} for name in ("lstm", "gru", "rnn")),
    {"activation": "relu"},
    {"bidirectional": True},
    {"num_layers": 3, "dropout": 0.1},
    {"strategy": "recursive"},
    {"weight_decay": 1e-3},
    {"optimizer": "adamw", "weight_decay": 1e-2},
    {"clip_norm": None},
    {"batch_size": 7},
    {"batch_size": 1000},
    {"dtype": "float64"},
    {"early_stopping": True},
]


@pytest.mark.parametrize("choice", EACH_CHOICE, ids=str)
def test_the_loss_falls(choice):
    rate = 0.05 if choice.get("optimizer") in ("sgd", "momentum", "nesterov") else 0.01
    forecaster = small(horizon=2, max_epochs=12, learning_rate=rate, **choice).fit(daily())
    curve = forecaster.loss_curve_
    assert len(curve) == forecaster.n_iter_ <= 12
    assert all(type(value) is float for value in curve)
    assert min(curve[-3:]) < max(0.9 * curve[0], curve[0] - 0.2)  # likelihoods have no 0


@pytest.mark.parametrize("normalize", [None, "last"])
@pytest.mark.parametrize(
    ("loss", "value"),
    [
        ("mse", np.square),
        ("mae", np.abs),
        ("huber", lambda error: np.where(np.abs(error) < 1, error**2 / 2, np.abs(error) - 0.5)),
    ],
)
def test_the_loss_curve_is_the_mean_loss_of_the_forecasts(loss, value, normalize):
    """In standard deviations of the series; the weights stay where they began."""
    y = wave()
    still = {"optimizer": "sgd", "learning_rate": 1e-30, "windows_per_epoch": 54}
    forecaster = small(loss=loss, normalize=normalize, dtype="float64", **still).fit(y)
    forecasts = [forecaster.predict(history=y[:end])[0] for end in range(6, 60)]
    expected = value((forecasts - y[6:]) / y.std()).mean()
    assert forecaster.loss_curve_[0] == pytest.approx(expected, rel=1e-9)


def test_weights_decay():
    plain, decayed = (small(max_epochs=5, weight_decay=w).fit(daily()) for w in (0, 3))
    for name, values in decayed.params_.items():
        if name.startswith("weight"):
            assert np.linalg.norm(values) < np.linalg.norm(plain.params_[name])


def test_gradients_are_clipped():
    options = {"optimizer": "sgd", "learning_rate": 1.0, "lr_schedule": "constant"}
    start = small(**options | {"learning_rate": 1e-30}).fit(daily())
    clipped = small(clip_norm=1e-3, **options).fit(daily())
    moved = [clipped.params_[name] - values for name, values in start.params_.items()]
    length = np.sqrt(sum((values.astype(float) ** 2).sum() for values in moved))
    assert 1e-3 < length < 2.01e-3  # two steps


def test_large_norms_clip_nothing():
    assert_same_weights(small(clip_norm=1e30).fit(daily()), small(clip_norm=None).fit(daily()))


# Epochs, batches, schedules


@pytest.mark.parametrize(
    ("rows", "per_epoch", "batch_size", "expected"),
    [
        (60, None, 32, 1024 / 32),
        (2006, None, 100, 2000 / 100),
        (20000, None, 256, 16384 / 256),
        (60, 64, 32, 2),
        (60, 65, 32, 3),
        (60, 1, 32, 1),
        (60, 10, 1, 10),
        (60, 10, 10**9, 1),
    ],
)
def test_windows_per_epoch(steps, rows, per_epoch, batch_size, expected):
    small(windows_per_epoch=per_epoch, batch_size=batch_size).fit(wave(rows))
    assert len(steps) == expected


def test_each_window_is_seen_as_often_as_any_other():
    """With no step worth the name, the loss of two whole passes is the loss of one."""
    still = {"learning_rate": 1e-30, "dtype": "float64", "optimizer": "sgd"}
    one, two, whole = (
        small(windows_per_epoch=n * 54, batch_size=b, **still).fit(wave()).loss_curve_[0]
        for n, b in [(1, 32), (2, 10), (1, 54)]
    )
    assert one == pytest.approx(whole)
    assert two == pytest.approx(whole)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1, 1, 1, 1, 1, 1]),
        ("step", [1, 1, 0.1, 0.1, 0.01, 0.01]),
        ("cosine", [1, 0.9330, 0.75, 0.5, 0.25, 0.0670]),
    ],
)
def test_learning_rates(steps, schedule, expected):
    options = {"max_epochs": 6, "batch_size": 64, "learning_rate": 0.01}
    small(lr_schedule=schedule, **options).fit(daily())
    assert steps == pytest.approx([0.01 * factor for factor in expected], rel=1e-3)


def test_plateaus_halve_the_learning_rate(steps):
    """Of a constant series, whose loss is 0 from the start: nothing better can come."""
    small(max_epochs=12, batch_size=64, lr_schedule="plateau", learning_rate=1).fit(np.ones(60))
    assert steps == [1] * 6 + [0.5] * 5 + [0.25]


def test_plateaus_are_those_of_the_best_score():
    plateau = Plateau()
    for score in (1, 3, 2.9, 2.8, 2.7, 2.6):
        plateau.note(score)
    assert plateau(0, 1) == 0.5


def test_plateaus_are_those_of_validation(steps):
    """Where the loss still falls."""
    options = OVERFITTING | {"lr_schedule": "plateau", "n_iter_no_change": 99, "max_epochs": 20}
    y = np.random.default_rng(0).normal(size=80)
    forecaster = small(batch_size=64, **options).fit(y)
    rates = []
    for curve in (forecaster.validation_scores_, forecaster.loss_curve_):
        plateau = Plateau()
        for score in curve:
            rates.append(0.3 * plateau(0, 1))
            plateau.note(score)
    assert steps == rates[:20] != rates[20:]


# Dropout


def test_dropout_acts_between_layers_while_training():
    layers = {"num_layers": 2, "horizon": 2}
    with_it = small(dropout=0.5, **layers).fit(daily())
    assert with_it.loss_curve_ != small(**layers).fit(daily()).loss_curve_
    assert_same_weights(with_it, small(dropout=0.5, **layers).fit(daily()))
    pd.testing.assert_series_equal(with_it.predict(), with_it.predict())


def test_dropout_means_nothing_to_one_layer():
    assert_same_weights(small(dropout=0.9).fit(daily()), small().fit(daily()))


# Early stopping


@pytest.mark.parametrize("seed", range(4))
def test_the_best_weights_come_back(seed):
    """They are what training no longer than to the best epoch would have given."""
    random = np.random.default_rng(seed)
    y = random.normal(size=80)
    stopped = small(max_epochs=40, n_iter_no_change=3, **OVERFITTING).fit(y)
    scores = stopped.validation_scores_
    best = int(np.argmin(scores))
    assert len(scores) == len(stopped.loss_curve_) == stopped.n_iter_
    assert stopped.best_loss_ == scores[best]
    assert best < stopped.n_iter_ - 1
    shorter = small(max_epochs=best + 1, n_iter_no_change=99, **OVERFITTING).fit(y)
    assert shorter.validation_scores_ == scores[: best + 1]
    assert_same_weights(stopped, shorter)
    np.testing.assert_array_equal(stopped.predict(), shorter.predict())


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_training_stops_when_nothing_improves(patience):
    y = np.random.default_rng(0).normal(size=80)
    forecaster = small(max_epochs=200, n_iter_no_change=patience, tol=0, **OVERFITTING).fit(y)
    best = int(np.argmin(forecaster.validation_scores_))
    assert forecaster.n_iter_ == best + 1 + patience


def test_improvements_smaller_than_tol_do_not_count():
    forecaster = small(max_epochs=50, n_iter_no_change=4, tol=1e9, early_stopping=True)
    assert forecaster.fit(daily()).n_iter_ in (4, 5)
    assert forecaster.best_loss_ == min(forecaster.validation_scores_)


def test_without_early_stopping_there_are_no_scores():
    forecaster = small(max_epochs=3).fit(daily())
    assert forecaster.validation_scores_ is None
    assert forecaster.best_loss_ == min(forecaster.loss_curve_)
    assert forecaster.n_iter_ == 3
    assert small(early_stopping=True).fit(daily()).validation_scores_ is not None
    forecaster.set_params(early_stopping=True).fit(daily())
    assert len(forecaster.validation_scores_) == 3
    assert forecaster.set_params(early_stopping=False).fit(daily()).validation_scores_ is None


def test_validation_is_the_end_of_the_series():
    """What is noise there, and a wave before, is not learnt: training does not see it."""
    y = np.concatenate([np.sin(np.arange(180) * 2 * np.pi / 7), np.tile([5.0, -5.0], 10)])
    options = {"max_epochs": 15, "learning_rate": 0.01, "normalize": "last"}
    forecaster = small(early_stopping=True, **options).fit(y)
    assert forecaster.loss_curve_[-1] < 0.1 < 1 < forecaster.best_loss_


def test_scores_are_weighted_means_over_the_windows_set_aside():
    y, weights = wave(), 1.0 + np.arange(60) % 3
    still = {"optimizer": "sgd", "learning_rate": 1e-30, "normalize": "last", "dtype": "float64"}
    forecaster = small(early_stopping=True, **still).fit(y, sample_weight=weights)
    forecasts = [forecaster.predict(history=y[:end])[0] for end in range(55, 60)]
    expected = np.average(((forecasts - y[55:]) / y.std()) ** 2, weights=weights[55:])
    assert forecaster.validation_scores_ == pytest.approx([expected], rel=1e-9)


def test_windows_set_aside_are_scored_some_at_a_time(monkeypatch):
    options = {"early_stopping": True, "dtype": "float64", "validation_fraction": 0.3}
    at_once = small(**options).fit(daily())
    monkeypatch.setattr("tsrnn.training._VALIDATION_BATCH", 7)
    in_parts = small(**options).fit(daily())
    assert in_parts.validation_scores_ == pytest.approx(at_once.validation_scores_, rel=1e-9)


def test_validation_does_not_fall_on_one_step_of_the_season():
    network = Network(Architecture("gru", Columns(1), 2, 1, 1, 1), 3, None, "float32", "cpu")
    series = np.zeros((2500, 1), np.float32)
    examples = Examples(series, [np.arange(100)], [np.arange(100, 2500)])
    settings = settings_of(small(windows_per_epoch=100))
    (windows,) = Trainer(network, examples, settings, [np.random.default_rng(0)])._validation
    assert len(windows) == 100
    assert len(set(windows.starts % 24)) > 12
    assert np.array_equal(np.histogram(windows.starts, 10, (100, 2500))[0], [10] * 10)


# The same bits


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "lstm", "num_layers": 2, "dropout": 0.3},
        {"cell": "gru", "bidirectional": True, "early_stopping": True, "max_epochs": 5},
        {"cell": "rnn", "dtype": "float64", "windows_per_epoch": 10},
    ],
    ids=str,
)
def test_the_same_seed_gives_the_same_bits(options):
    one, other = (small(**options).fit(daily()) for _ in range(2))
    assert_same_weights(one, other)
    assert one.loss_curve_ == other.loss_curve_
    assert one.validation_scores_ == other.validation_scores_
    pd.testing.assert_series_equal(one.predict(), other.predict(), check_exact=True)


def test_a_second_fit_starts_afresh():
    forecaster = small(horizon=2, max_epochs=3)
    forecaster.fit(daily_with_other_values()).predict()
    fresh = small(horizon=2, max_epochs=3).fit(daily())
    assert_same_weights(forecaster.fit(daily()), fresh)
    assert forecaster.loss_curve_ == fresh.loss_curve_
    pd.testing.assert_series_equal(forecaster.predict(), fresh.predict())


def daily_with_other_values():
    return (daily(90) ** 2).rename("other")


def test_seeds():
    first, again, other = (small(random_state=seed).fit(daily()) for seed in (7, np.int64(7), 8))
    assert_same_weights(first, again)
    assert not np.array_equal(first.params_["weight_ih_l0"], other.params_["weight_ih_l0"])


def test_a_random_state_goes_on_from_fit_to_fit():
    forecaster = small(random_state=np.random.RandomState(3))
    first, second = forecaster.fit(daily()).predict(), forecaster.fit(daily()).predict()
    assert not first.equals(second)
    forecaster = small(random_state=np.random.RandomState(3))
    assert first.equals(forecaster.fit(daily()).predict())
    assert second.equals(forecaster.fit(daily()).predict())


def test_without_a_seed_fits_differ():
    one, other = (small(random_state=None).fit(daily()) for _ in range(2))
    assert not np.array_equal(one.params_["weight_ih_l0"], other.params_["weight_ih_l0"])


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is what is tested
    small(random_state=0, num_layers=2, dropout=0.5).fit(daily()).predict()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# What is printed


@pytest.mark.parametrize("verbose", [0, False])
def test_nothing_is_printed(capfd, verbose):
    small(verbose=verbose, max_epochs=2).fit(daily()).predict()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2, True])
def test_a_progress_bar_on_stderr(capfd, verbose):
    pytest.importorskip("tqdm")
    small(verbose=verbose, max_epochs=3).fit(daily()).predict()
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err
    assert "epoch" in err


@pytest.mark.parametrize("verbose", [1, 2])
def test_without_a_progress_bar_there_are_lines(capfd, monkeypatch, verbose):
    for module in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, module, None)
    small(verbose=verbose, max_epochs=3).fit(daily())
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [f"tsrnn: epoch {number}/3" for number in (1, 2, 3)]


def test_no_thread_or_file_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = threading.active_count()
    small(verbose=0).fit(daily()).predict()
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []


# Going on


@pytest.mark.parametrize(
    "changed",
    [
        {"horizon": 8},
        {"lookback": 12},
        {"normalize": "last"},
        {"dtype": "float64"},
        {"deseasonalize": 7},
    ],
    ids=str,
)
def test_going_on_refuses_what_it_would_not_heed(changed):
    forecaster = small(strategy="recursive", horizon=3).fit(daily())
    ((name, value),) = changed.items()
    before, forecast = getattr(forecaster, name), forecaster.predict()
    words = says(f"partial_fit goes on with {name}={before!r}", f"{name} is now {value!r}")
    with pytest.raises(ValueError, match=words):
        forecaster.set_params(**changed).partial_fit(daily())
    pd.testing.assert_series_equal(forecaster.predict(), forecast)
    forecaster.set_params(**{name: before}).partial_fit(daily())


def test_the_best_loss_is_the_lowest_so_far():
    forecaster = small().partial_fit(daily()).partial_fit(daily())
    forecaster.partial_fit(daily() * (-1.0) ** np.arange(60))
    assert forecaster.best_loss_ == min(forecaster.loss_curve_) < forecaster.loss_curve_[-1]
