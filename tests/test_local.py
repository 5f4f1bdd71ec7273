"""A network for each series: each as if it had been fitted alone."""

import numpy as np
import pandas as pd
import pytest
from small import assert_as_alone, says, small, wave

import tsrnn

NAMES, ROWS = ["north", "south", "west"], [40, 60, 52]


def panel(names=NAMES, rows=ROWS):
    """Ragged daily series, each with a scale of its own."""
    parts = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2024-01-01", periods=count),
                "y": wave(count) * 10**place,
            }
        )
        for place, (name, count) in enumerate(zip(names, rows, strict=True))
    ]
    return pd.concat(parts, ignore_index=True)


def local(**options):
    return small(pooling="local", horizon=3, **options)


def only(name):
    frame = panel()
    return frame[frame["unique_id"] == name].reset_index(drop=True)


@pytest.mark.parametrize("options", [{}, {"n_members": 2}, {"strategy": "recursive"}])
def test_each_network_learns_from_its_own_series_alone(options):
    """Changing one series changes its own forecast, and no other's weights."""
    frame, changed = panel(), panel()
    changed.loc[changed["unique_id"] == "south", "y"] += np.arange(60) % 5
    one, other = local(**options).fit(frame), local(**options).fit(changed)
    for name, values in one.params_.items():
        same = [np.array_equal(values[i], other.params_[name][i]) for i in range(3)]
        assert same == [True, False, True] or not values.any(), name
    same = one.predict()["y"].to_numpy() == other.predict()["y"].to_numpy()
    assert same.reshape(3, 3).all(axis=1).tolist() == [True, False, True]


def test_the_first_series_is_as_if_it_were_fitted_alone():
    together, alone = local().fit(panel()), small(horizon=3).fit(only("north"))
    for name, values in alone.params_.items():
        assert_as_alone(together.params_[name][0], values, name)
    forecast = together.predict()
    assert_as_alone(forecast[:3]["y"], alone.predict()["y"])


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_quantiles_and_draws_of_each_series_come_from_its_own_network(strategy):
    """Series differ in their units by factors of ten."""
    options = {"strategy": strategy, "loss": "quantile", "n_members": 2}
    together, frame = local(**options).fit(panel()), panel()
    quantiles = together.predict_quantiles()
    alone = small(horizon=3, **options).fit(only("north")).predict_quantiles()
    pd.testing.assert_frame_equal(quantiles[:3], alone)
    some = frame[frame["unique_id"] != "south"]
    found = together.predict_quantiles(history=some)
    wanted = quantiles[quantiles["unique_id"] != "south"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, wanted)
    drawn = together.sample(3000, history=some, random_state=0)
    first = drawn.groupby("unique_id", sort=False).head(1).iloc[:, 2:]
    shares = (first.to_numpy()[:, :, None] < wanted.iloc[[0, 3], 2:].to_numpy()[:, None]).mean(1)
    np.testing.assert_allclose(shares, [[0.1, 0.5, 0.9]] * 2, atol=0.03)
    middle = drawn.iloc[:, 2:].median(axis=1)
    np.testing.assert_allclose(middle, wanted[0.5], rtol=0.1)


def test_forecasts_of_some_series_are_those_of_their_own_networks():
    forecaster, frame = local().fit(panel()), panel()
    whole = forecaster.predict()
    some = frame[frame["unique_id"] != "south"].sample(frac=1, random_state=0)
    found = forecaster.predict(history=some).sort_values(["unique_id", "ds"])
    wanted = whole[whole["unique_id"] != "south"].sort_values(["unique_id", "ds"])
    np.testing.assert_array_equal(found["y"], wanted["y"])


def test_each_target_of_some_series_is_forecast_by_its_own_network():
    frame = panel()
    frame["z"] = frame["y"] ** 2
    forecaster = local(channels="independent", target_col=["y", "z"]).fit(frame)
    whole = forecaster.predict()
    found = forecaster.predict(history=frame[frame["unique_id"] == "south"])
    wanted = whole[whole["unique_id"] == "south"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, wanted)


def test_each_stops_early_on_its_own():
    options = {"early_stopping": True, "max_epochs": 30, "n_iter_no_change": 2}
    together = local(learning_rate=0.05, **options).fit(panel())
    alone = small(horizon=3, learning_rate=0.05, **options).fit(only("north"))
    for name, values in alone.params_.items():
        assert_as_alone(together.params_[name][0], values, name)
    assert together._memory.steps[0] == alone._memory.steps[0] < together._memory.steps.max()


def test_an_epoch_is_as_long_as_the_longest_series():
    forecaster = local(windows_per_epoch=None).fit(panel(rows=[40, 1500, 52]))
    assert forecaster._memory.steps.tolist() == [-(-(1500 - 6 - 3 + 1) // 32)] * 3


def test_weights_of_one_series_do_not_matter_to_another():
    frame = panel()
    weights = np.where(frame["unique_id"] == "south", 1.0 + np.arange(len(frame)) % 3, 1.0)
    one = local().fit(frame, sample_weight=weights)
    other = local().fit(frame, sample_weight=np.where(frame["unique_id"] == "south", weights, 50))
    for name, values in one.params_.items():
        np.testing.assert_allclose(other.params_[name], values, rtol=1e-5, atol=1e-6)
    nothing = np.where(frame["unique_id"] == "south", 0.0, 1.0)
    words = says("sample_weight is 0 in all", "of series 'south'", "learn from")
    with pytest.raises(ValueError, match=words):
        local().fit(frame, sample_weight=nothing)
    late = frame.groupby("unique_id").cumcount(ascending=False) < 12
    unvalidated = np.where((frame["unique_id"] == "south") & late, 0.0, 1.0)
    with pytest.raises(ValueError, match=says("of series 'south'", "validate on")):
        local(early_stopping=True).fit(frame, sample_weight=unvalidated)


def test_messages_say_which_series():
    frame = panel(["north", "west"], [40, 10])
    with pytest.raises(ValueError, match=says("nothing to train on of series 'west'")):
        local(early_stopping=True).fit(frame)
    gaps = panel(["north", "west"], [40, 30])
    gaps.loc[gaps.index[40::2], "y"] = np.nan
    words = says("No window of series 'west' is left", "14 of 29 rows are missing")
    with pytest.raises(ValueError, match=words):
        local(missing="mask").fit(gaps)


def test_a_series_without_a_network_is_refused():
    forecaster = local().fit(panel())
    new = panel(["north", "east"], [40, 40])
    with pytest.raises(ValueError, match=says("'east'", "pooling='local'", "3 series")):
        forecaster.predict(history=new)


def test_going_on_needs_the_same_series():
    forecaster = local().fit(panel())
    more = panel(["north", "west", "south"], [40, 50, 60])
    with pytest.raises(ValueError, match=says("'west'", "'south'", "same order")):
        forecaster.partial_fit(more)
    with pytest.raises(ValueError, match=says("3", "2")):
        forecaster.partial_fit(panel(["north", "south"], [40, 40]))
    forecaster.partial_fit(panel())


@pytest.mark.parametrize("n_members", [1, 2])
def test_a_saved_one_forecasts_the_same(tmp_path, n_members):
    forecaster = local(n_members=n_members).fit(panel())
    forecaster.save(tmp_path / "model.tsrnn")
    loaded = tsrnn.load(tmp_path / "model.tsrnn")
    pd.testing.assert_frame_equal(loaded.predict(), forecaster.predict())
    again = [each.partial_fit(panel()).predict() for each in (loaded, forecaster)]
    pd.testing.assert_frame_equal(*again)


def test_one_series_has_one_network_anyway():
    y = wave()
    one, other = (small(pooling=pooling).fit(y) for pooling in ("local", "global"))
    np.testing.assert_array_equal(one.predict(), other.predict())
    assert one.params_["head.bias"].shape == other.params_["head.bias"].shape


# Refit


@pytest.mark.parametrize("loss", ["mse", "gaussian"])
def test_a_refit_is_a_fit_of_all_windows_for_the_best_number_of_epochs(loss):
    options = {"max_epochs": 12, "lr_schedule": "constant", "learning_rate": 0.03, "loss": loss}
    stopped = small(early_stopping=True, n_iter_no_change=3, **options).fit(wave())
    best = int(np.argmin(stopped.validation_scores_)) + 1
    refitted = small(early_stopping=True, n_iter_no_change=3, refit=True, **options).fit(wave())
    wanted = small(**options | {"max_epochs": best}).fit(wave())
    assert refitted.validation_scores_ == stopped.validation_scores_
    assert refitted.best_loss_ == stopped.best_loss_
    assert refitted.n_iter_ == best
    np.testing.assert_array_equal(refitted.predict(), wanted.predict())
    if loss == "gaussian":
        np.testing.assert_array_equal(refitted.predict_quantiles(), wanted.predict_quantiles())


def test_each_is_refitted_for_its_own_best_number_of_epochs():
    options = {"early_stopping": True, "max_epochs": 30, "n_iter_no_change": 2, "refit": True}
    together = local(learning_rate=0.05, **options).fit(panel())
    alone = small(horizon=3, learning_rate=0.05, **options).fit(only("north"))
    assert together._memory.steps[0] == alone._memory.steps[0] < together._memory.steps.max()
    for name, values in alone.params_.items():
        assert_as_alone(together.params_[name][0], values, name)


def test_a_refit_without_early_stopping_is_a_fit():
    one, other = (small(refit=refit).fit(wave()).predict() for refit in (True, False))
    np.testing.assert_array_equal(one, other)


# With a linear skip path


@pytest.mark.parametrize("n_members", [1, 2])
def test_each_network_has_the_linear_model_of_its_own_series(n_members):
    together = local(linear_skip=True, n_members=n_members).fit(panel())
    for place, name in enumerate(NAMES):
        alone = small(horizon=3, linear_skip=True).fit(only(name))
        weights = together.params_["skip.weight"][place].reshape(n_members, 3, 6)
        for each in weights:
            np.testing.assert_allclose(each, alone.params_["skip.weight"], atol=1e-6)


def test_a_refit_has_the_linear_model_of_all_windows():
    options = {"early_stopping": True, "linear_skip": True, "max_epochs": 3}
    refitted = small(refit=True, **options).fit(wave())
    stopped, whole = small(**options).fit(wave()), small(linear_skip=True).fit(wave())
    assert not np.array_equal(stopped.params_["skip.weight"], whole.params_["skip.weight"])
    np.testing.assert_array_equal(refitted.params_["skip.weight"], whole.params_["skip.weight"])
