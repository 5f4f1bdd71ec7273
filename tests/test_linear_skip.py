"""The linear path beside the network: its solution, where training starts, that it stays."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from small import daily, daily_frame, small, wave
from test_sklearn import assert_same_forecast

import tsrnn
from tsrnn import linear
from tsrnn.datasets import load_air_passengers
from tsrnn.kernels import Architecture, Columns
from tsrnn.network import Network
from tsrnn.scaling import NORMALIZATIONS
from tsrnn.windows import split_validation, window_starts

LOOKBACK, HORIZON = 6, 3
STILL = {"optimizer": "sgd", "learning_rate": 1e-30, "dtype": "float64"}
SKIP = ("skip.weight", "skip.bias")


def network(normalize="standard", targets=2, lookback=LOOKBACK):
    sizes = 1, 1, 1, HORIZON  # hidden, layers, directions, horizon
    architecture = Architecture("gru", Columns(targets), *sizes, False, lookback)
    return Network(architecture, lookback, normalize, "float64", "cpu")


def with_a_loop(forecaster, y, starts, season=1, weights=None):
    """Parameters of the path as scikit-learn finds them, window by window, step by step."""
    found = [
        corrections(*written_out(forecaster, y, starts, season, target, weights))
        for target in range(y.shape[1])
    ]
    weight, bias = (np.stack(part, axis=1) for part in zip(*found, strict=True))
    for step, place in enumerate(naive_places(forecaster.lookback, season)):
        weight[step, :, place] += 1
    return weight.reshape(-1, forecaster.lookback), bias.ravel()


def naive_places(lookback, season):
    """Where the value a season before each step stands, or the last one."""
    season = season if season <= lookback else 1
    return [(lookback + step) - season * (step // season + 1) for step in range(HORIZON)]


def written_out(forecaster, y, starts, season, target, weights):
    """What is read, how far steps lie from the naive forecast, and what each step counts."""
    normalize, lookback = forecaster.normalize, forecaster.lookback
    x, errors, count = [], [], []
    for start in starts:
        window, end = y[start : start + lookback, target], start + lookback
        location = {"last": window[-1], None: 0, "robust": np.median(window)}
        location = location.get(normalize, window.mean())
        scale = {"standard": window.std()}.get(normalize, 1.0)
        if normalize == "robust":
            scale = np.diff(np.quantile(window, [0.25, 0.75]))[0] / 1.349
        naive = window[naive_places(lookback, season)]
        x.append((window - location) / scale)
        errors.append((y[end : end + HORIZON, target] - naive) / scale)
        count.append(np.ones(HORIZON) if weights is None else weights[end : end + HORIZON])
    return np.array(x), np.array(errors), np.array(count)


def corrections(x, errors, count):
    """Weights and biases for each step, with the penalty that generalised cross-validation has."""
    penalty = min(linear.PENALTIES, key=lambda penalty: cross_validated(x, errors, count, penalty))
    models = []
    for step, wanted in enumerate(errors.T):
        columns, size = with_constant(x, count[:, step])
        models.append(ridge_through_0(penalty * size).fit(columns, wanted, count[:, step]))
    slopes = np.array([each.coef_ for each in models])
    constants = [with_constant(x, each)[0][0, -1] for each in count.T]
    return slopes[:, :-1], slopes[:, -1] * constants


def with_constant(x, weight):
    """What is read and a column as large as those on average; the sum of its squares."""
    size = (np.square(x) * weight[:, None]).sum() / x.shape[1]
    return np.column_stack([x, np.full(len(x), np.sqrt(size / weight.sum()))]), size


def ridge_through_0(penalty):
    return Ridge(penalty, fit_intercept=False)


def cross_validated(x, errors, count, penalty):
    """Squared errors by the square of the share of freedom that is left."""
    weight = count.mean(axis=1)
    columns, size = with_constant(x, weight)
    model = ridge_through_0(penalty * size).fit(columns, errors, weight)
    left = (np.square(model.predict(columns) - errors) * weight[:, None]).sum()
    rooted = columns * np.sqrt(weight)[:, None]
    hat = rooted @ np.linalg.solve(
        rooted.T @ rooted + penalty * size * np.eye(columns.shape[1]), rooted.T
    )
    share = 2 * np.trace(hat) / weight.sum()
    return left / (1 - share) ** 2 if share < 1 else np.inf


# The solution


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("season", [1, 2, 5, LOOKBACK + 1])
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
def test_the_path_is_the_one_of_scikit_learn(normalize, season, weighted):
    random = np.random.default_rng(0)
    y, starts = random.normal(size=(80, 2)).cumsum(axis=0) * [1, 30], np.arange(3, 60, 2)
    weights = random.integers(0, 3, 80).astype(float) if weighted else None
    one = network(normalize)
    found = linear.ridge(one, y, starts, season, weights)
    wanted = with_a_loop(one, y, starts, season, weights)
    for values, expected in zip(found[:2], wanted, strict=True):
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("weighted", [False, True])
def test_how_many_windows_are_written_out_at_a_time_does_not_matter(monkeypatch, weighted):
    y, weights = wave(200, 2), np.arange(200.0) if weighted else None
    whole = linear.ridge(network(), y, np.arange(190), weights=weights)
    monkeypatch.setattr(linear, "_CHUNK", 100)
    for values, expected in zip(
        linear.ridge(network(), y, np.arange(190), weights=weights), whole, strict=True
    ):
        np.testing.assert_allclose(values, expected, rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_of_many_windows_an_even_part_is_taken(monkeypatch, weighted):
    """Not every seventh, whose first step is always the same one of the week."""
    y, starts, weights = wave(2100, 2), np.arange(2090), np.ones(2100) if weighted else None
    whole = linear.ridge(network(), y, starts, weights=weights).weight
    monkeypatch.setattr(linear, "MOST_WINDOWS", 300 * (3 if weighted else 1))
    found = linear.ridge(network(), y, starts, weights=weights).weight
    seventh = linear.ridge(network(), y, starts[::7], weights=weights).weight
    assert np.abs(found - whole).max() < np.abs(seventh - whole).max() / 3


def test_with_weights_four_windows_a_lag_are_taken_at_least(monkeypatch):
    y, starts, weights = wave(700, 2), np.arange(690), np.ones(700)
    parts = []
    for most in (HORIZON, 4 * LOOKBACK * HORIZON):
        monkeypatch.setattr(linear, "MOST_WINDOWS", most)
        parts.append(linear.ridge(network(), y, starts, weights=weights)[0])
    np.testing.assert_array_equal(*parts)


def test_runs_along_the_series_start_at_the_model_of_all_windows():
    options = {"linear_skip": True, "lookback": 8, **STILL}
    windows, runs = (
        small(supervision=supervision, **options).fit(daily(40))
        for supervision in ("window", "sequence")
    )
    np.testing.assert_array_equal(runs.params_["skip.weight"], windows.params_["skip.weight"])


@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("level", [0.0, 7.0])
def test_a_constant_series_goes_on(normalize, level):
    forecaster = small(linear_skip=True, horizon=3, normalize=normalize, **STILL)
    forecast = forecaster.fit(np.full(40, level)).predict()
    np.testing.assert_allclose(forecast, level, atol=1e-6)


@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("rows", [34, 36, 50])
def test_fewer_windows_than_lags(normalize, rows):
    options = {"lookback": 32, "horizon": 2, "normalize": normalize}
    forecaster = small(linear_skip=True, **options, **STILL).fit(daily(rows))
    assert np.abs(forecaster.predict() - daily(rows).mean()).max() < 10 * daily(rows).std()


def test_a_series_that_hardly_moves_far_from_its_mean():
    """What is left of it after rounding is penalised, not solved for."""
    y = np.concatenate([np.full(500, -1e6), np.tile([1.0, 1.0 + 1e-9], 20)])
    forecaster = small(linear_skip=True, normalize=None, early_stopping=True, **STILL).fit(y)
    assert np.isfinite(forecaster.predict()).all()


def test_one_step_freed_from_its_last_value_leaves_the_drift():
    forecaster = small(linear_skip=True, lookback=1, horizon=3, normalize="last", **STILL)
    forecast = forecaster.fit(np.arange(40.0)).predict()
    np.testing.assert_allclose(forecast, [40, 41, 42], atol=1e-3)


def test_a_step_that_no_weight_speaks_of():
    """The one row that counts is only ever forecast as the first step; others are naive."""
    weights = np.zeros(20)
    weights[LOOKBACK] = 1
    forecaster = small(linear_skip=True, horizon=HORIZON, **STILL)
    forecaster.fit(wave(20), sample_weight=weights)
    skip = forecaster.params_["skip.weight"]
    np.testing.assert_array_equal(skip[1:, -1], 1)
    np.testing.assert_array_equal(skip[1:, :-1], 0)


# Where training starts


def by_hand(forecaster, y):
    """Blocks of forecasts of the path alone, normalised as in ``with_a_loop`` by the mean."""
    weight, bias = (forecaster.params_[name] for name in SKIP)
    targets = y.shape[1]
    level, size = y.mean(axis=0), y.std(axis=0)
    rows = list((y - level) / size)
    while len(rows) < len(y) + HORIZON:
        window = np.array(rows[-LOOKBACK:])
        mean, deviation = window.mean(axis=0), window.std(axis=0)
        x = (window - mean) / deviation
        values = weight.reshape(-1, targets, LOOKBACK) * x.T
        ahead = values.sum(axis=2) + bias.reshape(-1, targets)
        rows.extend(ahead * deviation + mean)
    return np.array(rows[len(y) :]) * size + level


@pytest.mark.parametrize("strategy", ["direct", "recursive", "seq2seq"])
@pytest.mark.parametrize("targets", [1, 3])
def test_training_starts_at_the_linear_model(strategy, targets):
    y = wave(80, targets)
    options = {"strategy": strategy, "horizon": HORIZON, "num_layers": 2, "bidirectional": True}
    forecaster = small(linear_skip=True, lookback=LOOKBACK, **options, **STILL).fit(y)
    np.testing.assert_allclose(forecaster.predict(), by_hand(forecaster, y), rtol=1e-9)


@pytest.mark.parametrize("loss", ["gaussian", "student_t", "quantile"])
@pytest.mark.parametrize("strategy", ["direct", "recursive", "seq2seq"])
def test_a_distribution_starts_around_the_linear_model(strategy, loss):
    options = {"strategy": strategy, "horizon": HORIZON, "linear_skip": True, **STILL}
    y = wave(80, 2)
    found, wanted = (small(loss=name, **options).fit(y) for name in (loss, "mse"))
    np.testing.assert_allclose(found.predict(), wanted.predict(), rtol=1e-9)
    low, middle, high = np.moveaxis(found.predict_quantiles([0.1, 0.5, 0.9]), 2, 0)
    np.testing.assert_allclose(middle, found.predict(), rtol=1e-9)
    np.testing.assert_allclose(high - middle, middle - low)


def test_known_covariates_of_chance_say_nothing_at_the_start():
    X = pd.DataFrame({"x": np.random.default_rng(0).normal(size=84)})
    forecaster = small(linear_skip=True, horizon=4, **STILL).fit(X[:80], wave(80))
    alone = small(linear_skip=True, horizon=4, **STILL).fit(wave(80))
    np.testing.assert_allclose(forecaster.predict(X[80:]), alone.predict(), rtol=1e-5)


def test_validation_windows_are_not_solved_for():
    y = wave(90)[:, None]
    options = {"early_stopping": True, "validation_fraction": 0.3, "horizon": HORIZON}
    forecaster = small(linear_skip=True, lookback=LOOKBACK, **options, **STILL).fit(y)
    offsets = np.array([0, 90])
    starts = window_starts(offsets, LOOKBACK, HORIZON)
    training, _ = split_validation(starts, offsets, 0.3, HORIZON)
    wanted = with_a_loop(network(targets=1), (y - y.mean()) / y.std(), training)
    for name, values in zip(SKIP, wanted, strict=True):
        np.testing.assert_allclose(forecaster.params_[name], values, atol=1e-9)


def test_nothing_that_does_worse_than_the_linear_model_is_kept():
    options = {"early_stopping": True, "lr_schedule": "constant", "n_iter_no_change": 3}
    y = load_air_passengers()
    worse = small(linear_skip=True, max_epochs=9, learning_rate=3.0, **options).fit(y)
    assert len(worse.validation_scores_) == worse.n_iter_ == 3
    assert worse.best_loss_ < min(worse.validation_scores_)
    assert not worse.params_["head.weight"].any()
    still = small(linear_skip=True, max_epochs=1, **options | STILL).fit(y)
    assert worse.best_loss_ == pytest.approx(still.best_loss_, rel=1e-5)


def test_what_does_better_is_kept():
    y = pd.Series(np.abs(np.sin(np.arange(400) * 0.3)) + 2)  # no line goes around those corners
    options = {"hidden_size": 16, "cell": "gru", "learning_rate": 0.01, "early_stopping": True}
    options |= {"max_epochs": 20, "windows_per_epoch": 512, "linear_skip": True}
    linear_score = small(**options | STILL | {"max_epochs": 1}).fit(y).best_loss_
    better = small(**options).fit(y)
    assert better.best_loss_ == min(better.validation_scores_) < 0.5 * linear_score
    assert better.params_["head.weight"].any()


# What keeps it as it is


@pytest.mark.parametrize("goes_on", ["warm_start", "partial_fit"])
def test_the_path_stays_when_training_goes_on(goes_on):
    options = {"optimizer": "adamw", "weight_decay": 0.5, "learning_rate": 0.01}
    forecaster = small(linear_skip=True, warm_start=True, **options).fit(daily())
    before, other = forecaster.params_, daily()[::-1].reset_index(drop=True) * 3
    other.index = daily().index
    if goes_on == "warm_start":
        forecaster.fit(other)
    else:
        forecaster.partial_fit(other)
    for name, values in forecaster.params_.items():
        assert (values == before[name]).all() == (name in SKIP), name


def test_a_first_partial_fit_starts_there_too():
    y = wave(80)[:, None]
    forecaster = small(linear_skip=True, lookback=LOOKBACK, horizon=HORIZON, **STILL)
    np.testing.assert_allclose(
        forecaster.partial_fit(y).predict(), by_hand(forecaster, y), rtol=1e-9
    )


def test_a_network_with_another_path_does_not_go_on():
    forecaster = small(linear_skip=True, warm_start=True).fit(daily())
    with pytest.raises(ValueError, match="linear_skip was True, now False"):
        forecaster.set_params(linear_skip=False).fit(daily())


# With everything else


def panel(lengths=(30, 45, 7)):
    parts = [daily(rows).rename("y").rename_axis("ds").reset_index() for rows in lengths]
    frame = pd.concat(parts, keys=[f"s{k}" for k in range(len(lengths))], names=["unique_id", "i"])
    return frame.reset_index("unique_id").reset_index(drop=True)


def gaps():
    y = daily()
    y.iloc[[20, 21, 40]] = np.nan
    return y


CASES = {
    "targets": (daily_frame(), None, {}),
    "panel, padded": (panel(), None, {"short_series": "pad"}),
    "panel, dropped": (panel(), None, {"short_series": "drop"}),
    "gaps": (gaps(), None, {"missing": "mask"}),
    "covariates": (pd.DataFrame({"a": wave()}), wave(), {"past_covariates": ["a"]}),
    "two layers": (daily(), None, {"num_layers": 2, "bidirectional": True}),
}


@pytest.mark.parametrize(("X", "y", "options"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("strategy", ["direct", "seq2seq"])
def test_learns_and_comes_back_from_a_file(tmp_path, X, y, options, strategy):
    options = {"strategy": strategy, "horizon": 2, "max_epochs": 9, "cell": "gru"} | options
    options |= {"learning_rate": 0.03, "windows_per_epoch": 256}
    forecaster = small(linear_skip=True, **options).fit(X, y)
    assert forecaster.loss_curve_[-1] < forecaster.loss_curve_[0]
    forecaster.save(tmp_path / "model")
    loaded = tsrnn.load(tmp_path / "model")
    assert_same_forecast(loaded.predict(), forecaster.predict())
    for each in (loaded, forecaster):
        each.partial_fit(X, y)
    assert_same_forecast(loaded.predict(), forecaster.predict())
