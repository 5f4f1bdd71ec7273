"""effects.py: what known covariates add to the linear path; that networks start there."""

import numpy as np
import pandas as pd
import pytest
from small import daily, small
from test_linear_skip import STILL, corrections

from tsrnn import effects, linear
from tsrnn.kernels import Architecture, Columns
from tsrnn.losses import Gaussian, SquaredError
from tsrnn.network import Network

LOOKBACK, HORIZON = 5, 3
COLUMNS = Columns(2, 1, 2, (2,), (3, 4))  # targets, past, known; categories of the past, known


def network(columns=COLUMNS, **more):
    architecture = Architecture("gru", columns, 2, 1, 1, HORIZON, False, LOOKBACK, **more)
    return Network(architecture, LOOKBACK, "last", "float64", "cpu")


def rows(count=120, columns=COLUMNS):
    """Each holds what is known of the next one."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(count, columns.numbers))
    codes = [random.integers(0, size, count) for size in columns.categories]
    return np.column_stack([numbers, *codes]).astype(float)


def known_of(series, row):
    """Of one row: the known numbers, and a 1 among each list of known categories."""
    before = series[row - 1]
    return np.concatenate([before[3:5], np.eye(3)[int(before[6])], np.eye(4)[int(before[7])]])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target", [0, 1])
def test_effects_are_those_of_scikit_learn(target, weighted):
    """Of what the path leaves, window by window, step by step; a window counts as one."""
    series, starts = rows(), np.arange(100)
    weights = np.random.default_rng(1).integers(0, 3, 120).astype(float) if weighted else None
    weight = np.random.default_rng(2).normal(size=(HORIZON * 2, LOOKBACK))
    bias = np.arange(HORIZON * 2) / 10
    windows = network().windows(series, starts, weights)
    path = linear.Path(weight, bias, np.array([0.5, 0.8]))
    found = effects._effects(effects.Known(COLUMNS), windows, target, path)
    errors = effects._errors(windows, target, path, None)
    x, rest, count = [], [], []
    for start in starts:
        end = start + LOOKBACK
        last = series[end - 1, target]
        for step in range(HORIZON):
            along = weight[step * 2 + target] @ (series[start:end, target] - last)
            rest.append(series[end + step, target] - last - along - bias[step * 2 + target])
            x.append(known_of(series, end + step))
            count.append(1 if weights is None else weights[end : end + HORIZON].mean())
    each = np.array(count)[:, None] / HORIZON
    wanted, _ = corrections(np.array(x), np.array(rest)[:, None], each)
    np.testing.assert_allclose(found, wanted[0], atol=1e-9)
    by_step = np.square(rest).reshape(-1, HORIZON), np.reshape(count, (-1, HORIZON))
    wanted = np.sqrt(np.average(by_step[0], axis=0, weights=by_step[1])) / path.freedom[target]
    np.testing.assert_allclose(errors, wanted)


@pytest.mark.parametrize(
    "more", [{}, {"lags": (7,)}, {"numbers": 2}, {"columns": Columns(1, 0, 1)}], ids=str
)
def test_a_network_starts_at_path_and_effects(more):
    one = network(**more)
    columns = one.architecture.columns
    series, random = rows(columns=columns), np.random.default_rng(3)
    targets, known = columns.targets, effects.Known(columns)
    path = random.normal(size=(HORIZON * targets, LOOKBACK)), random.normal(size=HORIZON * targets)
    errors = random.uniform(0.5, 2, (HORIZON, targets))
    of_known = random.normal(size=(targets, known.width))
    model = effects.LinearModel(linear.Path(*path, np.ones(targets)), of_known, errors)
    loss = Gaussian() if one.architecture.numbers == 2 else SquaredError()
    one.initialize([random])
    effects.start_at(one, [model], loss)
    starts = np.arange(10, 60)
    found = one.engine.predict({0: one.windows(series, starts).batch()})[0]
    found = found.reshape(len(starts), -1, HORIZON, targets)
    if one.architecture.numbers == 2:
        deviations = loss.parameters((found[:, 0], found[:, 1]))[1]
        np.testing.assert_allclose(deviations, np.broadcast_to(errors, deviations.shape))
    found = found[:, 0]
    ahead = np.roll(known.read(series) @ effects_in_reach(model.effects, one).T, 1, axis=0)
    for window, start in enumerate(starts):
        end = start + LOOKBACK
        read = (series[start:end, :targets] - series[end - 1, :targets]).T
        along = (path[0].reshape(HORIZON, targets, -1) * read).sum(axis=2)
        wanted = along + path[1].reshape(HORIZON, targets) + ahead[end : end + HORIZON]
        np.testing.assert_allclose(found[window], wanted, atol=1e-9)


def effects_in_reach(all_effects, one):
    """Vectors shorter than there are targets hold as much of the effects as they can."""
    known, within = effects.Known(one.architecture.columns), all_effects.copy()
    for place, span in known.categories.items():
        left, sizes, right = np.linalg.svd(all_effects[:, span].T, full_matrices=False)
        sizes[one.architecture.embedding_sizes[place] :] = 0
        within[:, span] = ((left * sizes) @ right).T
    return within


def test_of_long_lists_there_is_nothing():
    known = effects.Known(Columns(1, 0, 2, (), (300, 5, 251, 3)))
    assert known.categories == {1: slice(2, 7), 3: slice(7, 10)}
    assert known.width == 10
    assert effects.Known(Columns(1, 3, 0, (4,))).width == 0


@pytest.mark.parametrize("kind", [float, bool, str])
@pytest.mark.parametrize(
    "more",
    [{}, {"n_members": 2}, {"loss": "gaussian"}, {"seasonal_lags": [7]}],
    ids=str,
)
def test_what_covariates_do_is_known_before_training(kind, more):
    """Price and promotion say all; the network has learned nothing yet."""
    random, index = np.random.default_rng(0), daily(407).index
    X = pd.DataFrame({"price": random.uniform(1, 10, 407)}, index)
    promo = random.integers(0, 2, 407)
    y = 100 - 5 * X["price"] + 20 * promo
    X["promo"] = np.array(["no", "yes"])[promo] if kind is str else promo.astype(kind)
    options = {"linear_skip": True, "horizon": 7, "normalize": None, **STILL, **more}
    forecaster = small(**options).fit(X[:400], y[:400])
    ahead = X[400:]
    error = forecaster.predict(ahead) - y[400:]
    assert error.abs().mean() < 2
    if kind is float:
        changed = forecaster.predict(ahead.assign(promo=1.0)) - forecaster.predict(
            ahead.assign(promo=0.0)
        )
        np.testing.assert_allclose(changed, 20, atol=1)


def test_series_with_networks_of_their_own_have_their_own_effects():
    random, index = np.random.default_rng(0), daily(200).index
    frames = []
    for name, effect in (("a", 10.0), ("b", -10.0)):
        x = random.normal(size=200)
        frame = {"unique_id": name, "ds": index, "y": effect * x, "x": x}
        frames.append(pd.DataFrame(frame))
    past = pd.concat(frame[:190] for frame in frames)
    ahead = pd.concat(frame[190:193] for frame in frames)
    options = {"linear_skip": True, "normalize": None, "pooling": "local", **STILL}
    forecaster = small(horizon=3, **options).fit(past)
    found = forecaster.predict(ahead.drop(columns="y"))
    np.testing.assert_allclose(found["y"], ahead["y"], atol=1.5)


@pytest.mark.parametrize("more", [{}, {"segment_length": 3}], ids=str)
@pytest.mark.parametrize("loss", ["quantile", "gaussian", "student_t"])
def test_a_distribution_begins_as_wide_as_errors_are_to_be_expected(loss, more):
    """Of noise that nothing can be learned of, on rows that were not seen."""
    noise = np.random.default_rng(0).normal(50, 10, 300)
    y, came = pd.Series(noise[:90], daily(90).index), noise[90:]
    options = {"linear_skip": True, "horizon": 6, "lookback": 15, "normalize": "last"}
    forecaster = small(**options, loss=loss, **STILL, **more).fit(y)
    low, high = forecaster.predict_quantiles([0.1, 0.9]).mean()
    inside = ((came > low) & (came < high)).mean()
    assert 0.7 < inside < 0.95


def test_a_constant_is_sure():
    forecaster = small(linear_skip=True, loss="gaussian").fit(pd.Series(1000.0, daily().index))
    low, high = forecaster.predict_quantiles([0.1, 0.9]).to_numpy()[0]
    assert 990 < low < 1000 < high < 1010
