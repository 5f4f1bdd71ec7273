"""The forecaster among scikit-learn's own: cloning, searching, validating, pickling."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted
from small import SMALL, daily, daily_frame, rows_at, says, small, wave

from tsrnn import RNNForecaster

FITTED = [
    "best_loss_",
    "history_length_",
    "lookback_",
    "loss_curve_",
    "n_features_in_",
    "n_iter_",
    "params_",
    "validation_scores_",
]
each_kind = pytest.mark.parametrize(
    "y", [daily(), daily_frame(), wave(), wave(columns=2), wave().tolist()], ids=type
)


def assert_same_forecast(one, other):
    assert type(one) is type(other)
    if isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    else:
        np.testing.assert_array_equal(one, other)


# Parameters


def test_parameters_are_kept_as_they_are_given():
    given = {"lookback": np.int64(3), "dropout": 0, "horizon": True, "cell": object(), "freq": []}
    forecaster = RNNForecaster(**given)
    assert all(forecaster.get_params()[name] is value for name, value in given.items())


def test_all_parameters_are_known():
    names = set(RNNForecaster().get_params())
    assert names == set(RNNForecaster._parameter_constraints) | {"freq"}
    assert RNNForecaster(cell="gru").set_params(horizon=3).get_params()["horizon"] == 3
    with pytest.raises(ValueError, match="hidden"):
        RNNForecaster().set_params(hidden=3)
    with pytest.raises(TypeError, match="positional"):
        RNNForecaster("lstm")


def test_fit_leaves_parameters_alone():
    forecaster = small(lookback=None, random_state=np.random.RandomState(0))
    before = forecaster.get_params()
    forecaster.fit(daily()).predict()
    assert all(forecaster.get_params()[name] is value for name, value in before.items())


def test_fit_returns_the_forecaster_with_its_attributes():
    forecaster = small()
    assert not [name for name in vars(forecaster) if name.endswith("_")]
    assert forecaster.fit(daily()) is forecaster
    assert sorted(name for name in vars(forecaster) if name.endswith("_")) == FITTED


def test_not_fitted():
    with pytest.raises(NotFittedError, match="RNNForecaster"):
        small().predict()
    with pytest.raises(NotFittedError):
        small().predict(history=daily())
    with pytest.raises(NotFittedError):
        small().score(daily())
    check_is_fitted(small().fit(daily()))


def test_it_is_a_regressor():
    assert is_regressor(RNNForecaster())
    assert repr(small()).startswith("RNNForecaster(cell='rnn'")
    assert "RNNForecaster" in small().fit(daily())._repr_html_()


def test_clones_are_not_fitted_and_fit_the_same():
    forecaster = small(horizon=3).fit(daily())
    cloned = clone(forecaster)
    assert cloned.get_params() == forecaster.get_params()
    with pytest.raises(NotFittedError):
        cloned.predict()
    assert_same_forecast(cloned.fit(daily()).predict(), forecaster.predict())


# Copies


@each_kind
@pytest.mark.parametrize(
    "copied",
    [
        lambda forecaster: pickle.loads(pickle.dumps(forecaster)),
        lambda forecaster: pickle.loads(pickle.dumps(forecaster, protocol=2)),
        copy.deepcopy,
        copy.copy,
    ],
    ids=["pickle", "protocol-2", "deepcopy", "copy"],
)
def test_copies_forecast_the_same(y, copied):
    forecaster = small(horizon=3).fit(y)
    expected, expected_later = forecaster.predict(), forecaster.predict(np.zeros((9, 0)))
    other = copied(forecaster)
    assert_same_forecast(other.predict(), expected)
    assert_same_forecast(other.predict(np.zeros((9, 0))), expected_later)
    for name, values in forecaster.params_.items():
        np.testing.assert_array_equal(other.params_[name], values)
    other.fit(wave(80) ** 2)
    assert_same_forecast(forecaster.predict(), expected)


def test_files(tmp_path):
    forecaster = small(horizon=3, cell="lstm", num_layers=2).fit(daily())
    joblib.dump(forecaster, tmp_path / "forecaster.joblib")
    loaded = joblib.load(tmp_path / "forecaster.joblib")
    assert_same_forecast(loaded.predict(), forecaster.predict())
    assert loaded.loss_curve_ == forecaster.loss_curve_
    refitted = loaded.fit(daily() + 1)
    assert_same_forecast(refitted.predict(), clone(forecaster).fit(daily() + 1).predict())


def test_an_unfitted_forecaster_can_be_pickled():
    assert pickle.loads(pickle.dumps(small())).get_params() == small().get_params()


def test_a_pickle_holds_no_training_data():
    series = pd.Series(np.random.default_rng(0).normal(size=50_000))
    assert len(pickle.dumps(small().fit(series))) < 10_000


# The user's data and ours


@each_kind
def test_data_are_left_as_they_were(y):
    before = copy.deepcopy(y)
    forecaster = small(horizon=3, early_stopping=True).fit(y)
    forecaster.predict(history=y)
    forecaster.predict(y[:0])
    if isinstance(y, pd.Series | pd.DataFrame):
        assert y.equals(before)
        assert y.index.freq == before.index.freq
    else:
        np.testing.assert_array_equal(y, before)
        assert getattr(y, "flags", np.ones(1).flags).writeable


def test_read_only_data_are_fine():
    y = wave()
    expected = small().fit(y).predict()
    y.flags.writeable = False
    np.testing.assert_array_equal(small().fit(y).predict(), expected)
    np.testing.assert_array_equal(small().fit(y).predict(history=y), expected)


@pytest.mark.parametrize("columns", [0, 1, 2])
def test_later_changes_of_the_data_do_not_reach_the_forecaster(columns):
    y = wave(columns=columns)
    frame = pd.DataFrame(y) if columns else pd.Series(y)
    array_forecaster, frame_forecaster = small().fit(y), small().fit(frame)
    expected, expected_frame = array_forecaster.predict(), frame_forecaster.predict()
    y[:] = np.nan
    frame.iloc[:] = -1
    np.testing.assert_array_equal(array_forecaster.predict(), expected)
    assert_same_forecast(frame_forecaster.predict(), expected_frame)


def test_later_changes_of_names_do_not_reach_the_forecaster():
    y = daily_frame()
    forecaster = small().fit(y)
    y.columns.name = y.index.name = "changed"
    forecast = forecaster.predict()
    assert forecast.columns.name is None
    assert forecast.index.name == "day"


def test_changes_of_a_forecast_do_not_reach_the_forecaster():
    forecaster = small(horizon=3).fit(wave())
    expected = forecaster.predict()
    forecaster.predict()[:] = np.nan
    forecaster.predict(history=wave())[:] = np.nan
    np.testing.assert_array_equal(forecaster.predict(), expected)
    forecaster = small(horizon=3).fit(daily_frame())
    changed = forecaster.predict()
    changed.columns.name = changed.index.name = "changed"
    assert forecaster.predict().columns.name is None
    assert forecaster.predict().index.name == "day"


# Score


def test_score_is_r2():
    y = daily(65)
    forecaster = small(horizon=2).fit(y[:60])
    expected = r2_score(y[60:], forecaster.predict(rows_at(y.index[60:])))
    assert forecaster.score(y[60:]) == pytest.approx(expected)
    assert forecaster.score(rows_at(y.index[60:]), y[60:]) == pytest.approx(expected)
    assert forecaster.score(np.zeros((5, 0)), y[60:].to_numpy()) == pytest.approx(expected)
    weights = np.arange(5)
    weighted = r2_score(y[60:], forecaster.predict(y[60:]), sample_weight=weights)
    assert forecaster.score(y[60:], sample_weight=weights) == pytest.approx(weighted)


def test_score_of_several_targets():
    y = daily_frame(65)
    forecaster = small(horizon=2).fit(y[:60])
    expected = r2_score(y[60:], forecaster.predict(y[60:]))
    assert forecaster.score(y[60:]) == pytest.approx(expected)
    assert small(horizon=2).fit(y.to_numpy()[:60]).score(y.to_numpy()[60:]) == pytest.approx(
        expected
    )


def test_score_finds_columns_by_name_and_refuses_other_rows():
    y = daily_frame(65)
    forecaster = small(horizon=5).fit(y[:60])
    X, truth = rows_at(y.index[60:]), y[60:]
    expected = forecaster.score(X, truth)
    assert forecaster.score(X, truth[["b", "a"]]) == expected
    assert forecaster.score(np.zeros((5, 0)), truth) == expected
    shifted = truth.set_axis(truth.index - pd.Timedelta(days=1))
    for other in (truth[::-1], shifted, truth.reset_index(drop=True)):
        for rows in (X, np.zeros((5, 0))):
            with pytest.raises(ValueError, match="y and predict"):
                forecaster.score(rows, other)
    with pytest.raises(ValueError, match=says("y has no column ['b']")):
        forecaster.score(X, truth[["a"]])
    weights = pd.Series(np.arange(5), truth.index)
    with pytest.raises(ValueError, match="sample_weight and predict"):
        forecaster.score(X, truth, sample_weight=weights[::-1])


def test_score_never_takes_covariates_for_what_came_true():
    X = pd.DataFrame({"price": np.arange(60.0) % 5, "shop": "open"}, daily().index)
    ahead = X.set_axis(pd.date_range("2024-03-01", periods=60))[:4]
    truth = pd.Series([20.0, 23, 22, 21], ahead.index, name="sales")
    forecaster = small(horizon=4).fit(X, daily())
    expected = forecaster.score(ahead, truth)
    assert forecaster.score(ahead.assign(sales=truth)) == expected
    with pytest.raises(ValueError, match=says("X has no column ['sales']", "pass y")):
        forecaster.score(ahead)
    numbers = small(horizon=4).fit(X[["price"]].to_numpy(), daily().to_numpy())
    assert numbers.score(ahead[["price"]].to_numpy(), truth.to_numpy()) < 1
    with pytest.raises(ValueError, match="pass y"):
        numbers.score(ahead[["price"]].to_numpy())
    namesake = small(horizon=4).fit(X[["price"]], daily(name="price"))
    with pytest.raises(ValueError, match="X holds covariates; pass y"):
        namesake.score(ahead[["price"]])


def test_score_of_arrays_forecast_at_rows_of_a_frame():
    y = daily(65)
    forecaster = small(horizon=5).fit(rows_at(y.index[:60]), y[:60].to_numpy())
    X = rows_at(y.index[60:])
    assert forecaster.score(X, y[60:]) == forecaster.score(X, y[60:].to_numpy())
    with pytest.raises(ValueError, match="y and X have different indexes"):
        forecaster.score(X, y[59:64])


# Validation and search

SPLIT = TimeSeriesSplit(3, test_size=5)


def scores_by_hand(y, options=None, gap=0):
    scores = []
    for end in (len(y) - 15, len(y) - 10, len(y) - 5):
        forecaster = small(horizon=2, **options or {}).fit(y[: end - gap])
        future = forecaster.predict(np.zeros((5 + gap, 0)))[gap:]
        scores.append(r2_score(y[end : end + 5], future))
    return scores


@pytest.mark.parametrize("as_target", [True, False], ids=["fit(X, y)", "fit(y)"])
@pytest.mark.parametrize("kind", ["series", "array", "integer index"])
def test_cross_val_score(kind, as_target):
    y = {
        "series": daily(),
        "array": wave(),
        "integer index": pd.Series(wave(), pd.RangeIndex(100, 160)),
    }[kind]
    X = rows_at(y.index) if isinstance(y, pd.Series) else np.zeros((60, 0))
    arguments = (X, y) if as_target else (y,)
    scores = cross_val_score(small(horizon=2), *arguments, cv=SPLIT, error_score="raise")
    np.testing.assert_allclose(scores, scores_by_hand(wave()), rtol=1e-6)


def test_a_gap_between_training_and_test_is_seen_by_its_stamps():
    y = daily()
    split = TimeSeriesSplit(3, test_size=5, gap=2)
    scores = cross_val_score(small(horizon=2), rows_at(y.index), y, cv=split, error_score="raise")
    np.testing.assert_allclose(scores, scores_by_hand(wave(), gap=2), rtol=1e-6)


def test_other_scorings():
    y = daily_frame()
    found = cross_validate(
        small(horizon=2),
        rows_at(y.index),
        y,
        cv=SPLIT,
        scoring=["neg_mean_absolute_error", "r2"],
        return_estimator=True,
        error_score="raise",
    )
    for scores, forecaster, end in zip(
        found["test_neg_mean_absolute_error"], found["estimator"], (45, 50, 55), strict=True
    ):
        test = y[end : end + 5]
        assert -scores == pytest.approx(np.abs(forecaster.predict(test) - test).mean(axis=None))


@pytest.mark.parametrize("y", [daily(), daily_frame(), wave()], ids=["series", "frame", "array"])
def test_grid_search(y):
    X = rows_at(y.index) if hasattr(y, "index") else np.zeros((60, 0))
    grid = {"lookback": np.array([3, 6]), "normalize": ["last", None]}
    search = GridSearchCV(small(horizon=2), grid, cv=SPLIT, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_params_
    expected = scores_by_hand(y if isinstance(y, np.ndarray) else y.to_numpy(), best)
    assert search.best_score_ == pytest.approx(np.mean(expected))
    refitted = small(horizon=2, **best).fit(y)
    assert_same_forecast(search.best_estimator_.predict(), refitted.predict())
    assert_same_forecast(search.predict(X[:0]), refitted.predict(X[:0]))
    assert search.n_features_in_ == 0


def test_grid_search_without_y():
    y = daily()
    search = GridSearchCV(small(), {"horizon": [1, 5]}, cv=SPLIT, error_score="raise").fit(y)
    assert set(search.best_params_) == {"horizon"}
    assert len(search.best_estimator_.predict()) == search.best_params_["horizon"]


@pytest.mark.parametrize("kind", [pd.Series, pd.DataFrame, np.asarray])
def test_transformed_targets(kind):
    """Learnt on the logarithm, forecast in the units of the target."""
    y = kind(daily())
    X = rows_at(daily().index)
    future = rows_at(pd.date_range("2024-03-01", periods=7))
    whole = TransformedTargetRegressor(small(horizon=3), func=np.log1p, inverse_func=np.expm1).fit(
        X, y
    )
    expected = np.expm1(small(horizon=3).fit(np.log1p(np.asarray(daily()))).predict(future))
    forecast = np.ravel(whole.predict(future))
    np.testing.assert_allclose(forecast, expected, rtol=1e-9)


def test_transformed_targets_in_a_search():
    search = GridSearchCV(
        TransformedTargetRegressor(small(), func=np.log1p, inverse_func=np.expm1),
        {"regressor__hidden_size": [2, 3]},
        cv=SPLIT,
        error_score="raise",
    )
    search.fit(rows_at(daily().index), daily())
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_pipelines():
    y, future = daily(), rows_at(pd.date_range("2024-03-01", periods=5, name="day"))
    expected = small(horizon=2).fit(y).predict(future)
    forecaster = small(horizon=2)
    for pipeline in (
        Pipeline([("nothing", "passthrough"), ("rnn", forecaster)]),
        make_pipeline(FunctionTransformer(), forecaster),
        make_pipeline(forecaster),
    ):
        assert_same_forecast(pipeline.fit(rows_at(y.index), y).predict(future), expected)
        assert_same_forecast(pipeline.fit(y).predict(future), expected)
        assert pipeline.score(future, np.arange(5)) == pytest.approx(r2_score(range(5), expected))
    pipeline.set_params(rnnforecaster__horizon=3)
    assert len(pipeline.fit(y)[-1].predict()) == 3


def test_a_transformer_that_drops_the_dates_is_told():
    y = daily(70)
    X = pd.DataFrame({"price": wave(70)[::-1].copy()}, y.index)
    pipeline = make_pipeline(StandardScaler(), small(horizon=2))
    with pytest.warns(UserWarning, match=says("y has dates", 'set_output(transform="pandas")')):
        pipeline.fit(X[:60], y[:60])
    with pytest.warns(UserWarning, match=says("2 rows", "2024-03-01", "set_output")) as caught:
        pipeline.predict(X[60:62])
    assert len(caught) == 1
    later = pytest.raises(ValueError, match="y and predict")
    with pytest.warns(UserWarning, match="2024-03-01"), later:
        pipeline.score(X[65:67], y[65:67])
    with pytest.raises(ValueError, match="no row for step 1"):
        pipeline.set_output(transform="pandas").fit(X[:60], y[:60]).predict(X[65:67])


def test_the_warning_of_dropped_dates_points_to_the_caller():
    X = np.zeros((60, 1))
    with pytest.warns(UserWarning, match="y has dates") as caught:
        forecaster = small(loss="gaussian").fit(X, daily())
    places = [caught[0].filename]
    for ask in (forecaster.predict, forecaster.predict_quantiles, forecaster.sample):
        with pytest.warns(UserWarning, match="its only row") as caught:
            ask(X=X[:1])
        places.append(caught[0].filename)
    assert places == [__file__] * 4


def test_threads_of_a_search():
    with joblib.parallel_backend("threading", n_jobs=2):
        scores = cross_val_score(small(horizon=2), wave(), cv=SPLIT, error_score="raise")
    np.testing.assert_allclose(scores, scores_by_hand(wave()), rtol=1e-6)


def test_defaults_are_those_of_the_signature():
    assert RNNForecaster().get_params() | SMALL == small().get_params()


def test_what_came_true_of_a_series_is_found_by_its_name():
    forecaster = small(horizon=3).fit(daily())
    ahead = pd.DataFrame({"price": 1.0, "sales": [25.0, 24.0, 26.0]}, forecaster.predict().index)
    assert forecaster.score(ahead) == forecaster.score(ahead["sales"])
    with pytest.raises(ValueError, match=r"no column \['sales'\] that would tell what came true"):
        forecaster.score(ahead[["price"]])
