"""Ensembles: each member is the network it would be alone, and the forecast is their median."""

import numpy as np
import pytest
from small import assert_as_alone, small

import tsrnn
from tsrnn.datasets import load_air_passengers
from tsrnn.schedules import SCHEDULES
from tsrnn.training import Learner, outcome_of

AIRLINE = load_air_passengers()
DEEP = {"cell": "gru", "num_layers": 2, "dropout": 0.3, "max_epochs": 3}


def member(forecaster, number):
    """The parameters of one member."""
    return {name: values[number] for name, values in forecaster.params_.items()}


@pytest.mark.parametrize("options", [{}, DEEP, {"early_stopping": True, "max_epochs": 20}])
def test_the_first_member_is_the_forecaster_without_others(options):
    several, alone = (small(n_members=n, **options).fit(AIRLINE) for n in (3, 1))
    for name, values in alone.params_.items():
        assert_as_alone(several.params_[name][0], values, name)
        assert values.ndim == 1 or not np.array_equal(several.params_[name][1], values), name


@pytest.mark.parametrize("n_members", [2, 3])
@pytest.mark.parametrize("strategy", ["direct", "recursive", "seq2seq"])
def test_the_forecast_is_the_median(n_members, strategy):
    several = small(n_members=n_members, strategy=strategy, horizon=4).fit(AIRLINE)
    alone = small(strategy=strategy, horizon=1 if strategy == "recursive" else 4).fit(AIRLINE)
    steps = 1 if strategy == "recursive" else 4  # beyond, members go on from the median
    forecasts = [
        alone.load_params(member(several, number)).predict().to_numpy()
        for number in range(n_members)
    ]
    found = several.predict().to_numpy()[:steps]
    np.testing.assert_allclose(found, np.median(forecasts, axis=0), rtol=1e-6)


@pytest.mark.parametrize("loss", ["quantile", "gaussian"])
def test_quantiles_are_those_of_median_parameters(loss):
    """A quantile of the normal distribution is a sum of location and scale, each a median."""
    options, levels = {"loss": loss, "horizon": 3}, [0.1, 0.5, 0.9]
    several, alone = small(n_members=3, **options).fit(AIRLINE), small(**options).fit(AIRLINE)
    quantiles = [
        alone.load_params(member(several, number)).predict_quantiles(levels).to_numpy()
        for number in range(3)
    ]
    if loss == "quantile":
        wanted = np.median(quantiles, axis=0)
    else:
        low, middle, _ = np.moveaxis(quantiles, 2, 0)
        reach = np.median(middle - low, axis=0)[:, None] * [-1, 0, 1]
        wanted = np.median(middle, axis=0)[:, None] + reach
    found = several.predict_quantiles(levels).to_numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_curves_are_means_over_those_still_training():
    learners = [Learner(np.random.default_rng(0), SCHEDULES["constant"]()) for _ in range(2)]
    for learner, losses, scores in [
        (learners[0], [4.0, 3.0, 2.0], [5.0, 1.0, 2.0]),
        (learners[1], [6.0], [3.0]),
    ]:
        learner.losses = losses
        for score in scores:
            learner.note(score, 0.0, np.zeros(1))
    history = outcome_of(learners, None)
    assert history.loss_curve == [5.0, 3.0, 2.0]
    assert history.validation_scores == [4.0, 1.0, 2.0]
    assert history.best_loss == 2.0


def test_a_saved_ensemble_forecasts_the_same(tmp_path):
    forecaster = small(n_members=3).fit(AIRLINE)
    forecaster.save(tmp_path / "model.tsrnn")
    loaded = tsrnn.load(tmp_path / "model.tsrnn")
    np.testing.assert_array_equal(loaded.predict(), forecaster.predict())
    more = [each.partial_fit(AIRLINE).predict() for each in (loaded, forecaster)]
    np.testing.assert_array_equal(*more)


@pytest.mark.parametrize("going_on", ["warm_start", "partial_fit"])
def test_another_number_of_members_cannot_go_on(going_on):
    forecaster = small(n_members=2, warm_start=True).fit(AIRLINE).set_params(n_members=3)
    go_on = forecaster.fit if going_on == "warm_start" else forecaster.partial_fit
    with pytest.raises(ValueError, match="n_members was 2, now 3"):
        go_on(AIRLINE)
