"""What reaches a fit beside the data: weights of rows, metadata, and what was learned before."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_validate
from sklearn.pipeline import make_pipeline
from small import daily, daily_frame, rows_at, small, wave
from test_saving import covariates, future_of, panel
from test_sklearn import assert_same_forecast

from tsrnn import CalendarFeatures

SPLIT = TimeSeriesSplit(2, test_size=5)
WEIGHTS = np.random.default_rng(0).uniform(0.1, 2, 60)
CASES = {
    "array": (wave(), None),
    "frame": (daily_frame(), None),
    "panel": (panel(), None),
    "covariates": (covariates(60), daily()),
}
each_case = pytest.mark.parametrize(("X", "y"), CASES.values(), ids=CASES)


def weights_of(forecaster):
    return np.concatenate([values.ravel() for values in forecaster.params_.values()])


def state_of(forecaster):
    """Everything that goes on from what was learned."""
    memory, steps, _ = forecaster._memory
    return {
        "weights": weights_of(forecaster).tolist(),
        "losses": forecaster.loss_curve_,
        "memory": memory.tolist(),
        "steps": steps.tolist(),
        "random": [random.bit_generator.state for random in forecaster._random],
    }


# Weights of rows


def untrained(**options):
    """Losses of its first epoch are those of its forecasts, each window counted once."""
    return small(learning_rate=1e-30, dtype="float64", windows_per_epoch=53, horizon=2, **options)


@pytest.mark.parametrize("scale", [1, 1e-300, 1e300])
def test_the_loss_is_the_weighted_mean_of_all_errors(scale):
    y = wave()
    forecaster = untrained().fit(y, sample_weight=WEIGHTS * scale)
    origins = range(6, 59)
    forecasts = [forecaster.predict(history=y[:origin]) for origin in origins]
    errors = np.array(forecasts) - [y[origin : origin + 2] for origin in origins]
    scales = [y.std() ** 2 * np.var((y[o - 6 : o] - y.mean()) / y.std()) for o in origins]
    counted = [WEIGHTS[origin : origin + 2] for origin in origins]
    expected = np.average(errors**2 / np.array(scales)[:, None], weights=counted)
    assert forecaster.loss_curve_[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("weight", [1, 0.3, 1e12])
def test_weights_that_are_all_the_same_change_nothing(weight, early_stopping):
    options = {"horizon": 3, "max_epochs": 3, "early_stopping": early_stopping}
    alone = small(**options).fit(daily())
    weighted = small(**options).fit(daily(), sample_weight=np.full(60, weight))
    np.testing.assert_array_equal(weights_of(weighted), weights_of(alone))
    assert weighted.validation_scores_ == alone.validation_scores_


def test_only_ratios_of_weights_count():
    one = small(max_epochs=3).fit(wave(), None, WEIGHTS)
    for k in (1000, 1e300):
        other = small(max_epochs=3).fit(wave(), None, WEIGHTS * k)
        np.testing.assert_allclose(weights_of(one), weights_of(other), rtol=1e-4, atol=1e-6)


def test_rows_of_weight_0_are_no_targets():
    """The last two rows are only targets; swapped, the series has the same mean and deviation."""
    y, weights = wave(), np.append(np.ones(58), [0, 0])
    y[-2:] = 0, 60
    swapped = np.append(y[:-2], y[:-3:-1])
    options = {"horizon": 2, "max_epochs": 3, "dtype": "float64"}
    found = [weights_of(small(**options).fit(each, None, weights)) for each in (y, swapped)]
    np.testing.assert_allclose(*found, rtol=1e-9)
    found = [weights_of(small(**options).fit(each)) for each in (y, swapped)]
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_weights_go_with_the_rows_of_a_panel():
    frame, weights = panel(), np.random.default_rng(0).uniform(0, 2, len(panel()))
    order = np.random.default_rng(1).permutation(len(frame))
    order = order[np.argsort(frame["unique_id"].to_numpy()[order], kind="stable")]
    one = small().fit(frame, None, weights)
    other = small().fit(frame.iloc[order], None, weights[order])
    np.testing.assert_array_equal(weights_of(one), weights_of(other))


@pytest.mark.parametrize(
    ("weights", "options", "words"),
    [
        (np.ones(59), {}, r"each of the 60 rows; its shape is \(59,\)"),
        (np.append(np.ones(59), -1), {}, "-1.0 in row 59"),
        (np.append(np.nan, np.ones(59)), {}, "nan in row 0"),
        (np.zeros(60), {}, "zero in every row"),
        (np.append(np.ones(6), np.zeros(54)), {}, "0 in all 54 rows that there are to learn from"),
        (
            np.append(np.ones(55), np.zeros(5)),
            {"early_stopping": True},
            "0 in all 5 rows that there are to validate on",
        ),
    ],
)
def test_weights_that_cannot_be_used(weights, options, words):
    forecaster = small(**options).fit(wave(40))
    before = forecaster.predict()
    with pytest.raises(ValueError, match=words):
        forecaster.fit(wave(), sample_weight=weights)
    np.testing.assert_array_equal(forecaster.predict(), before)


# Metadata


def test_weights_are_routed_to_the_fits_of_a_validation():
    y = daily()
    expected = [weights_of(small().fit(y[:end], sample_weight=WEIGHTS[:end])) for end in (50, 55)]
    options = {"cv": SPLIT, "return_estimator": True, "error_score": "raise"}
    options["params"] = {"sample_weight": WEIGHTS}
    with config_context(enable_metadata_routing=True):
        options["scoring"] = get_scorer("r2").set_score_request(sample_weight=False)
        asking = small().set_fit_request(sample_weight=True)
        piped = make_pipeline(CalendarFeatures([]), asking)
        for forecaster in (asking, piped):
            found = cross_validate(forecaster, rows_at(y.index), y, **options)
            fitted = [getattr(each, "steps", [(0, each)])[-1][1] for each in found["estimator"]]
            np.testing.assert_array_equal([weights_of(each) for each in fitted], expected)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            cross_validate(small(), rows_at(y.index), y, **options)


def test_weights_reach_a_search_without_routing():
    y = daily()
    search = GridSearchCV(small(), {"hidden_size": [3]}, cv=SPLIT, error_score="raise")
    search.fit(rows_at(y.index), y, sample_weight=WEIGHTS)
    expected = small(hidden_size=3).fit(y, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(weights_of(search.best_estimator_), weights_of(expected))


def test_weights_and_histories_go_through_a_pipeline():
    y, future = daily(), rows_at(daily(65).index[60:])
    pipeline = make_pipeline(CalendarFeatures([]), small())
    pipeline.fit(rows_at(y.index), y, rnnforecaster__sample_weight=WEIGHTS)
    expected = small().fit(y, sample_weight=WEIGHTS)
    assert_same_forecast(pipeline.predict(future), expected.predict(future))
    late = pipeline.predict(future, history=y * 2)
    assert_same_forecast(late, expected.predict(future, history=y * 2))
    with config_context(enable_metadata_routing=True):
        pipeline[-1].set_predict_request(history=True)
        assert_same_forecast(pipeline.predict(future, history=y * 2), late)


# A second fit


@each_case
def test_a_second_fit_is_as_good_as_new(X, y):
    """Whatever was fitted before."""
    fresh = small().fit(X, y)
    forecaster = small()
    for other in CASES.values():
        forecaster.fit(*other).partial_fit(*other)
    forecaster.fit(X, y)
    assert state_of(forecaster) == state_of(fresh)
    later = None if y is None else future_of(y)
    assert_same_forecast(forecaster.predict(later), fresh.predict(later))


@each_case
def test_a_warm_start_begins_at_the_weights_of_the_fit_before(X, y):
    forecaster = small(warm_start=True, max_epochs=3, windows_per_epoch=1024).fit(X, y)
    before, losses = weights_of(forecaster), forecaster.loss_curve_
    assert clone(forecaster).set_params(learning_rate=1e-30).fit(X, y).loss_curve_[0] > losses[-1]
    forecaster.set_params(learning_rate=1e-30).fit(X, y)
    np.testing.assert_array_equal(weights_of(forecaster), before)
    assert forecaster.loss_curve_[0] < losses[-1]


def test_a_warm_start_without_a_fit_before_is_a_fit():
    one, other = (small(warm_start=warm).fit(wave()) for warm in (False, True))
    assert state_of(one) == state_of(other)


@pytest.mark.parametrize(
    ("options", "change", "words"),
    [
        ({"hidden_size": 5}, lambda X: X, r"hidden_size was 4, now 5.*unless warm_start=True"),
        ({"cell": "gru"}, lambda X: X, "cell was 'rnn', now 'gru'"),
        ({"horizon": 2}, lambda X: X, "horizon was 1, now 2"),
        ({"linear_skip": True}, lambda X: X, "shape: linear_skip was False, now True"),
        ({"past_covariates": ["price"]}, lambda X: X, r"past_covariates were \[\].* now .*'price'"),
        ({}, lambda X: X.drop(columns="shop"), r"known in advance were .*'shop'.* now"),
        ({}, lambda X: X[X.columns[::-1]], r"\['holiday', 'shop', 'note'\], in this order"),
        ({}, lambda X: X.replace({"note": {"a": "c"}}), "'a', 'b' of column 'note'.* 'b', 'c'"),
    ],
)
def test_a_warm_start_of_another_network_is_refused(options, change, words):
    X, y = CASES["covariates"]
    forecaster = small(warm_start=True).fit(X, y)
    before = state_of(forecaster)
    with pytest.raises(ValueError, match=words):
        forecaster.set_params(**options).fit(change(X), y)
    assert state_of(forecaster) == before


@pytest.mark.parametrize(
    ("options", "data", "words"),
    [
        ({}, daily_frame()[["b", "a"]], r"targets were \['a', 'b'\], and are now \['b', 'a'\]"),
        ({"pooling": "local"}, panel()[::-1], "same series in the same order"),
    ],
)
def test_a_warm_start_finds_weights_where_they_were(options, data, words):
    first = panel() if options else daily_frame()
    forecaster = small(warm_start=True, **options).fit(first)
    before = state_of(forecaster)
    with pytest.raises(ValueError, match=words):
        forecaster.fit(data)
    assert state_of(forecaster) == before


# Going on


@each_case
def test_so_many_partial_fits_are_one_fit_of_so_many_epochs(X, y):
    options = {"num_layers": 2, "dropout": 0.2, "optimizer": "adam"}
    whole = small(max_epochs=3, lr_schedule="constant", **options).fit(X, y)
    parts = small(**options)
    for epochs in (1, 2, 3):
        assert parts.partial_fit(X, y).n_iter_ == epochs
    assert state_of(parts) == state_of(whole)
    later = None if y is None else future_of(y)
    assert_same_forecast(parts.predict(later), whole.predict(later))


def test_going_on_replaces_the_history_and_keeps_the_scale():
    forecaster = small(horizon=2).fit(daily())
    later = daily(90)[60:] * 3
    forecaster.partial_fit(later)
    assert forecaster.predict().index[0] == later.index[-1] + pd.Timedelta(days=1)
    assert_same_forecast(forecaster.predict(), forecaster.predict(history=later))
    np.testing.assert_allclose(forecaster._model.scaler.mean, [[daily().mean()]])


def test_a_new_series_of_a_panel_brings_its_own_scale():
    forecaster = small().fit(panel((30, 45)))
    later = panel((30, 45, 22))
    later.loc[later["unique_id"] == "s2", "y"] *= 1000
    scales = forecaster._model.scaler.mean.tolist()
    ahead = forecaster.partial_fit(later).predict()
    assert ahead["unique_id"].to_list() == ["s0", "s1", "s2"]
    assert forecaster._model.scaler.mean[:2].tolist() == scales
    assert ahead["y"].iloc[2] == pytest.approx(1000 * wave(22).mean(), rel=0.3)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (covariates(60).drop(columns="price"), daily(), "known .*were .*'price'"),
        (covariates(60).assign(more=1.0), daily(), "now .*'more'"),
        (covariates(60), daily(name="other"), "'sales'.*'other'"),
        (covariates(60).assign(shop="new"), daily(), "category 'new'"),
        (covariates(60).assign(price="dear"), daily(), "'price' .* held numbers"),
        (covariates(60), daily() * np.nan, "NaN"),
    ],
)
def test_going_on_with_other_columns_is_refused(X, y, words):
    forecaster = small().fit(covariates(60), daily())
    before, ahead = state_of(forecaster), forecaster.predict(future_of(daily()))
    with pytest.raises((ValueError, TypeError), match=words):
        forecaster.partial_fit(X, y)
    assert state_of(forecaster) == before
    assert_same_forecast(forecaster.predict(future_of(daily())), ahead)


def test_a_copy_goes_on_alone():
    forecaster = small(num_layers=2, dropout=0.2).fit(wave())
    before = state_of(forecaster)
    copied = copy.copy(forecaster).partial_fit(wave())
    assert state_of(forecaster) == before
    assert state_of(forecaster.partial_fit(wave())) == state_of(copied)


def test_going_on_leaves_no_room_for_early_stopping():
    with pytest.raises(ValueError, match="early_stopping=False"):
        small(early_stopping=True).partial_fit(wave())
