"""Searches, validations and compositions of scikit-learn with covariates; what must not leak."""

import contextlib
import sys
import threading
from collections import Counter

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the next import work
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from small import daily, rows_at, small
from test_saving import covariates, future_of, panel
from test_sklearn import assert_same_forecast

from tsrnn import CalendarFeatures, RNNForecaster
from tsrnn.datasets import load_air_passengers
from tsrnn.kernels.cpu.program import Program

AIRLINE = load_air_passengers()
MONTHS = rows_at(AIRLINE.index)
YEARS = TimeSeriesSplit(4, test_size=12)
WEEKS = TimeSeriesSplit(3, test_size=7)


def scores_of(search):
    """Of each fold, a number for each candidate."""
    results = search.cv_results_
    return {name: results[name].tolist() for name in results if name.startswith("split")}


# Searches


@pytest.mark.slow
def test_a_search_scores_the_same_bits_wherever_it_runs():
    grid = [{"cell": ["lstm"], "lookback": [6, 24]}, {"hidden_size": [3, 20]}]
    found = []
    for backend, workers in [("sequential", 1), ("loky", 2), ("threading", 2), (None, 2)]:
        search = GridSearchCV(
            small(horizon=12),
            grid,
            cv=YEARS,
            scoring="neg_mean_absolute_error",
            n_jobs=workers,
            refit=False,
            error_score="raise",
        )
        chosen = joblib.parallel_config(backend) if backend else contextlib.nullcontext()
        with chosen:
            found.append(scores_of(search.fit(MONTHS, AIRLINE)))
    assert all(scores == found[0] for scores in found)
    assert all(len(set(scores)) == 4 for scores in found[0].values())


def test_a_random_search_tries_some_of_the_grid():
    options = {"cv": YEARS, "error_score": "raise"}
    grid = {"lookback": [3, 12], "normalize": ["last", "mean"]}
    whole = GridSearchCV(small(horizon=12), grid, **options).fit(MONTHS, AIRLINE)
    some = RandomizedSearchCV(small(horizon=12), grid, n_iter=2, random_state=0, **options)
    some.fit(MONTHS, AIRLINE)
    tried = [whole.cv_results_["params"].index(each) for each in some.cv_results_["params"]]
    assert len(set(tried)) == 2
    for name, scores in scores_of(some).items():
        assert scores == [scores_of(whole)[name][place] for place in tried]


def test_halving_gives_more_epochs_to_fewer_candidates():
    """Training scores would ask for forecasts of rows that were fitted, which there are none of."""
    search = HalvingGridSearchCV(
        small(horizon=12),
        {"cell": ["rnn", "gru"], "hidden_size": [2, 4]},
        cv=YEARS,
        resource="max_epochs",
        min_resources=1,
        max_resources=4,
        factor=2,
        return_train_score=False,
        error_score="raise",
    ).fit(MONTHS, AIRLINE)
    epochs = [candidate["max_epochs"] for candidate in search.cv_results_["params"]]
    assert Counter(epochs) == {1: 4, 2: 2, 4: 1}
    assert search.best_estimator_.n_iter_ == 4


def test_every_scorer_of_regression():
    """Those of squared logarithms and of Poisson and gamma deviances need positive numbers."""
    names = [
        name
        for name in get_scorer_names()
        if get_scorer(name)._score_func.__module__ == "sklearn.metrics._regression"
    ]
    assert len(names) >= 12
    forecaster = small(horizon=12, max_epochs=3, normalize="last")
    found = cross_validate(
        forecaster, MONTHS, AIRLINE, cv=YEARS, scoring=names, error_score="raise"
    )
    for fold, (train, test) in enumerate(YEARS.split(AIRLINE)):
        forecast = forecaster.fit(AIRLINE.iloc[train]).predict()
        for name in names:
            scorer = get_scorer(name)
            expected = scorer._sign * scorer._score_func(AIRLINE.iloc[test], forecast)
            assert found[f"test_{name}"][fold] == expected, name


def test_panels_are_validated_by_time():
    frame = panel((40, 40, 40))
    days = np.sort(frame["ds"].unique())
    folds = [
        (np.flatnonzero(frame["ds"] < days[end]), np.flatnonzero(frame["ds"].isin(days[end:][:5])))
        for end in (30, 35)
    ]
    scores = cross_val_score(small(horizon=5), frame, cv=folds, error_score="raise")
    for score, (train, test) in zip(scores, folds, strict=True):
        assert score == small(horizon=5).fit(frame.iloc[train]).score(frame.iloc[test])


# Compositions


def test_a_search_over_transformer_and_forecaster_together():
    pipeline = make_pipeline(CalendarFeatures(), small(horizon=12))
    grid = {
        "calendarfeatures__encoding": ["cyclic", "category"],
        "rnnforecaster__hidden_size": [2, 3],
    }
    search = GridSearchCV(pipeline, grid, cv=YEARS, error_score="raise").fit(MONTHS, AIRLINE)
    for number, candidate in enumerate(search.cv_results_["params"]):
        calendar = CalendarFeatures(encoding=candidate["calendarfeatures__encoding"])
        X = calendar.fit_transform(MONTHS)
        forecaster = small(horizon=12, hidden_size=candidate["rnnforecaster__hidden_size"])
        by_hand = cross_val_score(forecaster, X, AIRLINE, cv=YEARS, error_score="raise")
        folds = [search.cv_results_[f"split{fold}_test_score"][number] for fold in range(4)]
        assert folds == by_hand.tolist()
    later = rows_at(pd.date_range("1961-01-01", periods=12, freq="MS", name="month"))
    forecast = search.predict(later)
    assert forecast.index.equals(later.index)
    assert forecast.name == "passengers"


def test_nested_parameters():
    pipeline = make_pipeline(CalendarFeatures(), small(horizon=2))
    whole = TransformedTargetRegressor(pipeline, func=np.log1p, inverse_func=np.expm1)
    whole.set_params(regressor__rnnforecaster__hidden_size=7, regressor__calendarfeatures=None)
    assert whole.get_params()["regressor__rnnforecaster"] == pipeline[-1]
    whole.set_params(regressor__calendarfeatures="passthrough").fit(MONTHS, AIRLINE)
    assert whole.regressor_[-1].params_["weight_hh_l0"].shape == (7, 7)
    with pytest.raises(ValueError, match="hidden_sizes"):
        whole.set_params(regressor__rnnforecaster__hidden_sizes=7)


def test_logarithms_of_the_target_keep_the_dates_of_the_rows():
    """Dates reach the forecaster by X alone: the logarithm of y is an array."""
    whole = TransformedTargetRegressor(
        make_pipeline(CalendarFeatures(), small(horizon=3)), func=np.log1p, inverse_func=np.expm1
    ).fit(MONTHS, AIRLINE)
    later = rows_at(pd.date_range("1961-03-01", periods=3, freq="MS"))
    calendar = CalendarFeatures().fit(MONTHS)
    alone = small(horizon=3).fit(calendar.transform(MONTHS), np.log1p(AIRLINE))
    first = rows_at(pd.date_range("1961-01-01", periods=3, freq="MS"))
    expected = np.expm1(alone.predict(calendar.transform(first)))
    np.testing.assert_allclose(whole.predict(first), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="no row for step 1"):
        whole.predict(later)


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_columns_are_transformed_before(output):
    """As an array, rows follow the training data by their number; as a frame, by their date."""
    X, y = covariates(60), daily()
    columns = ColumnTransformer(
        [("number", StandardScaler(), ["price"]), ("shop", OneHotEncoder(), ["shop"])],
        sparse_threshold=0,
    )
    if output == "pandas":
        columns.set_params(shop=OneHotEncoder(sparse_output=False))
    pipeline = make_pipeline(columns, small(horizon=4)).set_output(transform=output)
    warned = (
        pytest.warns(UserWarning, match="set_output")
        if output == "default"
        else contextlib.nullcontext()
    )
    with warned:
        forecast = pipeline.fit(X, y).predict(future_of(y))
        alone = small(horizon=4).fit(columns.transform(X), y)
        assert_same_forecast(forecast, alone.predict(columns.transform(future_of(y))))
        assert isinstance(columns.transform(X), pd.DataFrame) == (output == "pandas")
        assert forecast.index.equals(future_of(y).index)
        assert np.isfinite(cross_val_score(pipeline, X, y, cv=WEEKS, error_score="raise")).all()
    if output == "pandas":
        with pytest.raises(ValueError, match="not after the history"):
            pipeline.predict(X[-4:])


def test_fitted_searches_travel(tmp_path):
    """Among them as files mapped into memory, which cannot be written."""
    X, y = covariates(60), daily()
    pipeline = make_pipeline(CalendarFeatures(), small(horizon=4))
    search = GridSearchCV(pipeline, {"rnnforecaster__cell": ["gru"]}, cv=WEEKS).fit(X, y)
    expected = search.predict(future_of(y))
    joblib.dump(search, tmp_path / "search")
    for mode in (None, "r"):
        loaded = joblib.load(tmp_path / "search", mmap_mode=mode)
        assert_same_forecast(loaded.predict(future_of(y)), expected)
        forecaster = loaded.best_estimator_[-1]
        assert forecaster.partial_fit(CalendarFeatures().fit_transform(X), y).n_iter_ == 2


def test_clouds_of_pickles():
    """As clusters send them; a class of the user's own script is sent by value."""
    cloudpickle = pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")

    class Doubled(RNNForecaster):
        def predict(self, X=None, **options):
            return super().predict(X, **options) * 2

    forecaster = Doubled(**small(horizon=2).get_params()).fit(daily())
    sent = cloudpickle.loads(cloudpickle.dumps(forecaster))
    assert_same_forecast(sent.predict(), small(horizon=2).fit(daily()).predict() * 2)


def test_shown_as_a_pipeline():
    pipeline = make_pipeline(CalendarFeatures(), small())
    assert "RNNForecaster(cell='rnn', hidden_size=4" in repr(pipeline)
    assert "RNNForecaster" in pipeline._repr_html_()
    assert "RNNForecaster" in pipeline.fit(MONTHS, AIRLINE)._repr_html_()


# Nothing leaks


def forecasts_of_folds(forecaster, X, y, cv):
    """Of each fold, as a search makes them, and its score."""
    found = cross_validate(forecaster, X, y, cv=cv, return_estimator=True, error_score="raise")
    tests = [test for _, test in cv.split(X)]
    return found["test_score"], [
        fitted.predict(X.iloc[test]).to_numpy()
        for fitted, test in zip(found["estimator"], tests, strict=True)
    ]


@pytest.mark.parametrize("strategy", ["direct", "seq2seq"])
@pytest.mark.parametrize("fold", range(3))
def test_past_covariates_of_validation_rows_are_never_read(fold, strategy):
    """The answer itself stands there; folds that end before cannot see it either."""
    X, y = covariates(60), daily()
    X["past"] = X.pop("price")
    roles = {"past_covariates": ["past", "note"], "handle_unknown": "ignore"}
    forecaster = small(horizon=7, strategy=strategy, **roles)
    first = 60 - 7 * (3 - fold)
    planted = X.copy()
    planted.iloc[first:, planted.columns.get_loc("past")] = y[first:]
    planted.iloc[first:, planted.columns.get_loc("note")] = "the future"
    plain = cross_val_score(forecaster, X, y, cv=WEEKS, error_score="raise")
    found = cross_val_score(forecaster, planted, y, cv=WEEKS, error_score="raise")
    assert found[: fold + 1].tolist() == plain[: fold + 1].tolist()
    assert not set(found[fold + 1 :]) & set(plain)


@pytest.mark.parametrize("plant", [np.nan, 1e300, "truth"])
def test_targets_of_rows_to_forecast_are_never_read(plant):
    frame = panel((40, 40, 40))
    ends = frame["ds"] < frame["ds"].unique()[35]
    train, test = frame[ends], frame[~ends]
    forecaster = small(horizon=5).fit(train)
    expected = forecaster.predict(test.drop(columns="y"))
    planted = test if plant == "truth" else test.assign(y=plant)
    assert_same_forecast(forecaster.predict(planted), expected)


@pytest.mark.parametrize("fold", range(3))
def test_values_of_validation_rows_change_no_scale(fold):
    X, y = covariates(60), daily()
    first = 60 - 7 * (3 - fold)
    changed = y.copy()
    changed[first:] *= 1e6
    forecaster = small(horizon=7)
    plain = forecasts_of_folds(forecaster, X, y, WEEKS)
    found = forecasts_of_folds(forecaster, X, changed, WEEKS)
    np.testing.assert_array_equal(found[1][: fold + 1], plain[1][: fold + 1])
    assert found[0][fold] != plain[0][fold]


# Threads


def test_searching_threads_compute_at_the_same_time(monkeypatch):
    """Two fits are in the kernels at once: whoever comes out first finds that the other is in.

    Python does not hand over by itself here. A kernel that kept the others waiting would come out
    before the second of them went in.
    """
    both, gone_in, seen = threading.Barrier(2, timeout=60), [], []
    compute = Program.run

    def watched(program, steps):
        if program.kind.training:
            both.wait()
            gone_in.append(1)
        compute(program, steps)
        if program.kind.training:
            seen.append(len(gone_in))

    forecaster = small(hidden_size=64, batch_size=4096, windows_per_epoch=4096, cell="lstm")
    options = {"cv": TimeSeriesSplit(2, test_size=12), "error_score": "raise"}
    forecaster.fit(AIRLINE)  # compiles
    monkeypatch.setattr(Program, "run", watched)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        with joblib.parallel_config("threading", n_jobs=2):
            cross_val_score(forecaster, MONTHS, AIRLINE, **options)
    finally:
        sys.setswitchinterval(interval)
    assert seen == [2, 2]
