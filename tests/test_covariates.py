"""Covariates as a user sees them: what is read of them, when, at which step, and what never is."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from long_frames import LONG
from pandas.testing import assert_frame_equal, assert_series_equal
from sklearn.pipeline import make_pipeline
from small import daily, says, small, wave

from tsrnn import CalendarFeatures

AHEAD = 10
DAYS = pd.date_range("2024-01-01", periods=60 + AHEAD)
STRATEGIES = ["direct", "recursive", "seq2seq"]


def split(frame):
    """The rows of the past, and those to come."""
    return frame[:-AHEAD], frame[-AHEAD:]


def prices():
    return pd.DataFrame({"price": np.random.default_rng(3).normal(5, 2, len(DAYS))}, DAYS)


def steps_changed(one, other):
    return np.flatnonzero(one.to_numpy() != other.to_numpy()).tolist()


# Known in advance: they matter, each at its step


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_target_made_of_a_known_covariate_is_learned(strategy):
    x = np.random.default_rng(0).normal(size=300)
    X = pd.DataFrame({"x": x}, pd.date_range("2024", periods=300, freq="h"))
    y = (10 + 3 * X["x"]).rename("y")
    options = {"hidden_size": 8, "max_epochs": 25, "windows_per_epoch": 128, "normalize": None}

    def error(columns):
        forecaster = small(strategy=strategy, cell="gru", learning_rate=0.03, horizon=4, **options)
        forecast = forecaster.fit(columns[:260], y[:260]).predict(columns[260:])
        return np.abs(forecast - y[260:]).mean() / 3

    shuffled = X.assign(x=np.random.default_rng(1).permutation(x))
    one_step_late = X.assign(x=np.roll(x, 1))
    assert error(X) < 0.25
    assert error(shuffled) > 0.6
    assert error(one_step_late) > 0.6


@dataclass
class Copier:
    """Weights that copy a covariate into the forecast, by way of one part of the network."""

    strategy: str
    part: str

    def fit(self, X, y, **options):
        forecaster = small(
            strategy=self.strategy,
            horizon=4,
            activation="relu",
            loss="mae",  # the first value is an outlier
            normalize=None,
            **options,
        ).fit(X, y)
        weights = {name: np.zeros_like(array) for name, array in forecaster.params_.items()}
        weights[self.part][: 1 if "weight_ih" in self.part else None, -1] = 1
        if "weight_ih" in self.part:
            weights["head.weight"][:, 0] = 1
        return forecaster.load_params(weights)


def copied(**columns):
    """Covariates and a target that is twice the first of them, where both are known."""
    X = pd.DataFrame({"x": 3 + prices()["price"].abs(), **columns}, DAYS)
    past, ahead = split(X)
    # far below all values: the rectifier lets through what is above the mean
    past = past.assign(x=past["x"].where(np.arange(60) > 0, -1000.0))
    return past, ahead, 2 * past["x"].rename("y")


@pytest.mark.parametrize(
    ("strategy", "part"),
    [
        ("direct", "head.known_weight"),
        ("recursive", "head.known_weight"),
        ("recursive", "weight_ih_l0"),
        ("seq2seq", "decoder.weight_ih_l0"),
    ],
)
def test_a_known_covariate_is_read_at_its_own_step(strategy, part):
    past, ahead, y = copied()
    forecast = Copier(strategy, part).fit(past, y).predict(ahead)
    np.testing.assert_allclose(forecast, 2 * ahead["x"], rtol=1e-4)


def test_the_encoder_has_read_the_first_step_of_each_block():
    past, ahead, y = copied()
    forecast = Copier("direct", "weight_ih_l0").fit(past, y).predict(ahead)
    blocks = ahead["x"].to_numpy()[[0, 0, 0, 0, 4, 4, 4, 4, 8, 8]]
    np.testing.assert_allclose(forecast, 2 * blocks, rtol=1e-4)


def test_a_past_covariate_is_read_from_the_end_of_the_history():
    past, _, y = copied()
    forecast = Copier("direct", "weight_ih_l0").fit(past, y, past_covariates=["x"]).predict()
    np.testing.assert_allclose(forecast, 2 * past["x"].iloc[-1], rtol=1e-4)


def test_a_static_covariate_is_read_from_its_own_series():
    past, _, y = copied()
    X = pd.concat([past, past], keys=["a", "b"], names=["unique_id", "ds"])
    X["x"] = np.repeat([-7.0, 7.0], 60)
    y = pd.concat([y, y], keys=["a", "b"], names=["unique_id", "ds"])
    forecaster = Copier("direct", "weight_ih_l0").fit(X, y, static_covariates=["x"])
    forecast = forecaster.predict()
    np.testing.assert_allclose(forecast["a"], y.mean(), rtol=1e-4)  # the rectifier says 0
    np.testing.assert_allclose(forecast["b"], y.mean() + y.std(ddof=0), rtol=1e-4)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_which_steps_a_row_changes(strategy):
    past, ahead = split(prices())
    forecaster = small(strategy=strategy, horizon=4).fit(past, daily())
    forecast = forecaster.predict(ahead)
    for row in range(AHEAD):
        bent = ahead.assign(price=ahead["price"] + np.where(np.arange(AHEAD) == row, 2.0, 0))
        changed = steps_changed(forecaster.predict(bent), forecast)
        if strategy == "direct":  # its own step, all of its block if it opens one, later blocks
            next_block = row - row % 4 + 4
            own = range(row, next_block if row % 4 == 0 else row + 1)
            assert changed == sorted({*own, *range(next_block, AHEAD)} & {*range(AHEAD)})
        else:
            assert changed == list(range(row, AHEAD))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("rows", [1, 3, 4, 7])
def test_rows_beyond_those_asked_for_never_matter(strategy, rows):
    past, ahead = split(prices())
    forecaster = small(strategy=strategy, horizon=4).fit(past, daily())
    expected = forecaster.predict(ahead)[:rows]
    assert_series_equal(forecaster.predict(ahead[:rows]), expected, check_exact=True)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_beyond_the_horizon_is_a_roll_by_hand(strategy):
    past, ahead = split(prices())
    forecaster = small(strategy=strategy, horizon=4, dtype="float64").fit(past, daily())
    block = 1 if strategy == "recursive" else 4
    X, y, parts = past, daily(), []
    for first in range(0, AHEAD, block):
        rows = ahead[first : first + block]
        parts.append(forecaster.predict(rows, history=y, X_history=X))
        X, y = pd.concat([X, rows]), pd.concat([y, parts[-1]])
    expected = pd.concat(parts)
    np.testing.assert_allclose(forecaster.predict(ahead), expected, rtol=1e-9)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_the_rows_to_come_there_is_no_forecast(strategy):
    past, ahead = split(prices())
    forecaster = small(strategy=strategy, horizon=4).fit(past, daily())
    with pytest.raises(ValueError, match=says("['price']", "4 steps to come", "predict(X)")):
        forecaster.predict()
    with pytest.raises(ValueError, match=says("no row for step 2 after the end")):
        forecaster.predict(ahead.drop(DAYS[[61]]))


# Known up to now, or for ever


def bits_of_history(strategy, **nonsense):
    """The forecast, with other past covariates, or without the one that never changes."""
    past, ahead = split(prices().assign(sales=wave(70), shop="a"))
    roles = {"past_covariates": ["sales"], "static_covariates": ["shop"]}
    forecaster = small(strategy=strategy, horizon=AHEAD, **roles).fit(past, daily())
    return forecaster.predict(ahead.assign(**nonsense))


@pytest.mark.parametrize("strategy", ["direct", "seq2seq"])
@pytest.mark.parametrize(
    "nonsense",
    [
        {"sales": 1e30},
        {"sales": np.nan, "shop": None},
        {"sales": "not even a number", "shop": None},
        {"sales": np.inf},
    ],
    ids=str,
)
def test_what_is_not_known_in_advance_is_never_read_ahead(strategy, nonsense):
    expected = bits_of_history(strategy)
    assert_series_equal(bits_of_history(strategy, **nonsense), expected, check_exact=True)


def test_past_covariates_count_in_the_window_and_nowhere_else():
    X = pd.DataFrame({"sales": prices()["price"][:60]})
    forecaster = small(past_covariates=["sales"], horizon=3).fit(X, daily())
    forecast = forecaster.predict()
    for row, matters in [(53, False), (54, True), (59, True)]:
        bent = X.assign(sales=X["sales"] + np.where(np.arange(60) == row, 2.0, 0))
        changed = forecaster.predict(history=daily(), X_history=bent)
        assert (changed.to_numpy() != forecast.to_numpy()).all() == matters
        assert matters or changed.equals(forecast)


@pytest.mark.parametrize(("strategy", "block"), [("direct", 3), ("seq2seq", 3), ("recursive", 1)])
def test_past_covariates_end_with_the_first_block(strategy, block):
    X, ahead = split(prices())
    options = {"past_covariates": ["price"], "strategy": strategy}
    forecaster = small(**options, horizon=block).fit(X, daily())
    assert len(forecaster.predict(ahead[:block])) == block
    words = says(f"{block + 1} steps were asked for", f"forecasts {block} at once", "'price'")
    with pytest.raises(ValueError, match=words):
        forecaster.predict(ahead[: block + 1])
    if strategy == "recursive":
        with pytest.raises(ValueError, match=says("3 steps one by one", "['price'] are known of")):
            small(**options, horizon=3).fit(X, daily())


def test_a_static_covariate_tells_series_apart():
    X = pd.concat([daily()] * 2, keys=["a", "b"], names=["unique_id", "ds"]).to_frame("y")
    X["kind"] = np.repeat(["left", "right"], 60)
    options = {"static_covariates": ["kind"], "target_col": "y", "learning_rate": 0.05}
    X.loc["b", "y"] = X.loc["b", "y"].to_numpy()[::-1]
    forecaster = small(**options, max_epochs=5).fit(X)
    same = pd.concat([X.loc[["a"]], X.loc[["a"]].rename(index={"a": "b"}).assign(kind="right")])
    forecast = forecaster.predict(history=same)
    assert forecast["y"].iloc[0] != forecast["y"].iloc[1]
    same["kind"] = "left"
    # each keeps its own scale, of training; a new series brings its own
    forecast = forecaster.predict(history=same.rename(index={"a": "new", "b": "other"}))
    assert forecast["y"].iloc[0] == forecast["y"].iloc[1]


# Kinds of columns


def kinds(dtype):
    column = pd.Series(np.where(np.arange(70) % 7 < 5, "open", "shut"), DAYS)
    column = column == "shut" if dtype in ("bool", "boolean") else column
    return column.astype(dtype).to_frame("kind")


@pytest.mark.parametrize("dtype", [object, "category", "string", "str", "bool", "boolean"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_categories_of_every_dtype_are_vectors_of_their_own(dtype, strategy):
    past, ahead = split(kinds(dtype))
    forecaster = small(strategy=strategy, horizon=3).fit(past, daily())
    assert forecaster.params_["embedding.0"].shape == (2, 1)
    forecast = forecaster.predict(ahead)
    past, ahead = split(kinds("category"))
    expected = small(strategy=strategy, horizon=3).fit(past, daily()).predict(ahead)
    assert_series_equal(forecast, expected, check_exact=True)


def test_categories_are_never_scaled():
    few = pd.DataFrame({"kind": pd.Categorical(np.arange(70) % 3)}, DAYS)
    wild = few.assign(kind=few["kind"].cat.rename_categories([-1e300, 0.5, 1e300]))
    forecasts = []
    for frame in (few, wild):
        past, ahead = split(frame)
        forecasts.append(small(horizon=3).fit(past, daily()).predict(ahead))
    assert_series_equal(*forecasts, check_exact=True)


@pytest.mark.parametrize("dtype", ["float32", "int64", "Int64", "Float64", "uint8", "Int8"])
def test_numbers_of_every_dtype_are_numbers(dtype):
    whole = pd.DataFrame({"price": np.arange(70) % 11}, DAYS)
    past, ahead = split(whole.astype(dtype))
    forecaster = small(horizon=3).fit(past, daily())
    assert "embedding.0" not in forecaster.params_
    expected = small(horizon=3).fit(past.astype(float), daily()).predict(ahead.astype(float))
    assert_series_equal(forecaster.predict(ahead), expected, check_exact=True)


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_an_unseen_category(dtype):
    past, ahead = split(kinds(dtype))
    ahead = ahead.astype(object)
    ahead.iloc[2] = "rebuilt"
    ahead = ahead.astype(dtype)
    strict = small(horizon=4).fit(past, daily())
    words = says("row 2 of X", "'rebuilt'", "Column 'kind'", "'open', 'shut'", "handle_unknown")
    with pytest.raises(ValueError, match=words):
        strict.predict(ahead)
    lenient = small(horizon=4, handle_unknown="ignore").fit(past, daily())
    forecast = lenient.predict(ahead)
    other = kinds(object).iloc[-AHEAD:].replace("shut", "open")
    # as none, it is neither the one nor the other, and changes its own step only
    for label in ("open", "shut"):
        other.iloc[2] = label
        known = ahead.astype(object)
        known.iloc[2] = label
        assert steps_changed(lenient.predict(known)[:4], forecast[:4]) == [2]


def test_an_unseen_category_of_a_history():
    past, ahead = split(kinds(object))
    forecaster = small(horizon=2).fit(past, daily())
    strange = past.copy()
    strange.iloc[57] = "rebuilt"
    with pytest.raises(
        ValueError, match=says("row -3 (from the end) of the series", "'rebuilt'", "'kind'")
    ):
        forecaster.predict(ahead[:2], history=daily(), X_history=strange)


def test_categories_that_are_declared_and_do_not_occur():
    """A vector that nothing trained would be noise in the forecast."""
    declared = pd.CategoricalDtype(["shut", "never", "open"])
    past, ahead = split(kinds(declared))
    forecaster = small(horizon=3).fit(past, daily())
    assert forecaster.params_["embedding.0"].shape == (2, 1)
    past, plain_ahead = split(kinds(object))
    expected = small(horizon=3).fit(past, daily()).predict(plain_ahead)
    assert_series_equal(forecaster.predict(ahead), expected, check_exact=True)
    ahead = ahead.assign(kind=pd.Categorical(["never"] * AHEAD, dtype=declared))
    with pytest.raises(ValueError, match="'never'"):
        forecaster.predict(ahead)


# Columns by name, arrays by position


def mixed():
    return prices().assign(kind=kinds("category")["kind"], cost=1 + wave(70), flag=DAYS.day > 20)


def test_columns_are_found_by_name():
    past, ahead = split(mixed())
    forecaster = small(horizon=3).fit(past, daily())
    expected = forecaster.predict(ahead)
    for columns in (["flag", "cost", "kind", "price"], ["kind", "price", "flag", "cost"]):
        assert_series_equal(forecaster.predict(ahead[columns]), expected, check_exact=True)
        again = forecaster.predict(ahead, history=daily(), X_history=past[columns])
        assert_series_equal(again, expected, check_exact=True)
    with pytest.raises(ValueError, match=says("['cost'] missing", "['costs'] unexpected")):
        forecaster.predict(ahead.rename(columns={"cost": "costs"}))


def test_columns_of_arrays_are_found_by_place():
    X, y = np.random.default_rng(5).normal(size=(70, 2)), wave(60)
    forecaster = small(horizon=4).fit(X[:60], y)
    forecast = forecaster.predict(X[60:])
    assert isinstance(forecast, np.ndarray)
    assert (forecaster.predict(X[60:, ::-1]) != forecast).any()
    np.testing.assert_array_equal(forecaster.predict(X[60:].tolist()), forecast)
    again = forecaster.predict(X[60:], history=y, X_history=X[:60])
    np.testing.assert_array_equal(again, forecast)
    with pytest.raises(ValueError, match=says("X has 1 features", "is expecting 2")):
        forecaster.predict(X[60:, :1])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_scales_of_numbers_do_not_matter(strategy):
    plain = prices().assign(constant=0.0)
    wild = plain.assign(price=plain["price"] * 2.0**30 + 2.0**33, constant=1e9)
    forecasts = []
    for frame in (plain, wild):
        past, ahead = split(frame)
        forecaster = small(strategy=strategy, horizon=4, dtype="float64").fit(past, daily())
        forecasts.append(forecaster.predict(ahead))
        assert np.isfinite(forecaster.loss_curve_).all()
    assert_series_equal(*forecasts, rtol=1e-6)


# What is missing


@pytest.mark.parametrize("missing", ["ffill", "interpolate", "mask"])
def test_missing_covariates_are_filled_as_by_hand(missing):
    holes = mixed()
    holes.iloc[[0, 7, 8, 60, 64], 0] = np.nan
    holes.loc[DAYS[[11, 62]], "kind"] = None
    filled = holes.copy()
    filled["kind"] = filled["kind"].ffill()
    # the past knows nothing of the rows to come; these go on from where it ends
    for rows in (slice(0, 60), slice(0, 70)):
        price = filled["price"].iloc[rows]
        price = price.interpolate() if missing == "interpolate" else price.ffill()
        filled.iloc[rows, 0] = price.bfill()
    (past, ahead), (past_by_hand, ahead_by_hand) = split(holes), split(filled)
    forecast = small(horizon=3, missing=missing).fit(past, daily()).predict(ahead)
    expected = small(horizon=3).fit(past_by_hand, daily()).predict(ahead_by_hand)
    assert_series_equal(forecast, expected, check_exact=True)


def test_missing_covariates_are_refused():
    past, ahead = split(mixed())
    for row, column, label in [(7, 0, "price"), (9, 1, "kind")]:
        holes = past.copy()
        holes.iloc[row, column] = np.nan
        with pytest.raises(ValueError, match=says(f"row {row} (2024-01-", f"'{label}'", "NaN")):
            small().fit(holes, daily())
    forecaster = small(horizon=3).fit(past, daily())
    ahead = ahead.copy()
    ahead.iloc[4, 2] = np.nan
    with pytest.raises(ValueError, match=says("X has missing", "row 4 (2024-03-05", "'cost'")):
        forecaster.predict(ahead)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([1, 2, 3], "int64"), ([0.5, 2, 3], float), ([True, False, False], bool)],
)
def test_numbers_and_truth_values_kept_as_objects_are_those(values, dtype):
    whole = pd.DataFrame({"kind": (values * AHEAD * 60)[: len(DAYS)]}, DAYS, dtype=object)
    past, ahead = split(whole)
    expected = small(horizon=3).fit(past.astype(dtype), daily()).predict(ahead.astype(dtype))
    forecast = small(horizon=3).fit(past, daily()).predict(ahead)
    assert_series_equal(forecast, expected, check_exact=True)
    assert past["kind"].dtype.kind == "O"


def test_a_static_covariate_must_be_that_of_the_series():
    frame = LONG.assign(kind=LONG["unique_id"].str[-1])
    forecaster = small(lookback=1, static_covariates=["kind"]).fit(frame.drop(columns="price"))
    ahead = forecaster.predict()[["unique_id", "ds"]]
    expected = forecaster.predict(ahead)
    right = ahead.assign(kind=ahead["unique_id"].str[-1])
    assert_frame_equal(forecaster.predict(right[::-1]).sort_index(), expected)
    assert_frame_equal(forecaster.predict(right.assign(kind=None)), expected)
    wrong = right.assign(kind=["0", "2", "2"])
    words = says("Row 1 of X has '2' in column 'kind'", "is '1' in the history of series 's1'")
    with pytest.raises(ValueError, match=words):
        forecaster.predict(wrong)


def test_weights_belong_to_the_rows_of_their_index():
    weights = pd.Series(np.arange(60), daily().index)
    expected = small().fit(daily(), sample_weight=weights.to_numpy()).predict()
    assert_series_equal(small().fit(daily(), sample_weight=weights).predict(), expected)
    for other in (weights[::-1], weights.reset_index(drop=True)):
        with pytest.raises(ValueError, match="sample_weight and X have different indexes"):
            small().fit(daily(), sample_weight=other)


# Histories


def test_a_long_history_beside_long_covariates():
    frame = LONG.assign(kind=LONG["unique_id"])
    roles = {"past_covariates": ["price"], "static_covariates": ["kind"]}
    forecaster = small(lookback=2, **roles).fit(frame)
    history, beside = frame[["unique_id", "ds", "y"]], frame.drop(columns="y")
    expected = forecaster.predict(history=frame)
    assert_frame_equal(forecaster.predict(history=history, X_history=beside), expected)
    shuffled = beside.sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=says("X_history and history", "row 1 has 's1'", "'s0'")):
        forecaster.predict(history=history, X_history=shuffled)
    for other in (beside.drop(columns="ds"), beside.to_numpy()):
        with pytest.raises(ValueError, match=says("X_history needs the columns", "'ds'")):
            forecaster.predict(history=history, X_history=other)
    with pytest.raises(ValueError, match=says("15 rows", "16")):
        forecaster.predict(history=history, X_history=beside[:-1])


def test_a_history_and_its_covariates_take_the_place_of_the_training_data():
    frame = mixed()
    past, ahead = split(frame)
    forecaster = small(horizon=3, past_covariates=["cost"]).fit(past, daily())
    expected = forecaster.predict(ahead[:3])
    for first in (0, 40, 54):  # what is older than the lookback is not read
        again = forecaster.predict(ahead[:3], history=daily()[first:], X_history=past[first:])
        assert_series_equal(again, expected, check_exact=True)
    shorter = forecaster.predict(past[50:53], history=daily()[:50], X_history=past[:50])
    assert shorter.index.equals(DAYS[50:53])
    with pytest.raises(ValueError, match=says("X_history=", "'price'")):
        forecaster.predict(ahead[:3], history=daily())
    with pytest.raises(ValueError, match="history is missing"):
        forecaster.predict(ahead[:3], X_history=past)


# The calendar


@pytest.mark.parametrize("encoding", ["cyclic", "onehot", "category"])
def test_calendar_features_in_a_pipeline_are_those_made_by_hand(encoding):
    past, ahead = split(prices())
    # trained in January and February: of March there is no vector
    forecaster = small(horizon=3, handle_unknown="ignore")
    pipeline = make_pipeline(CalendarFeatures(encoding=encoding), forecaster).fit(past, daily())
    calendar = CalendarFeatures(encoding=encoding).fit(past)
    by_hand = small(horizon=3, handle_unknown="ignore").fit(calendar.transform(past), daily())
    expected = by_hand.predict(calendar.transform(ahead))
    assert_series_equal(pipeline.predict(ahead), expected, check_exact=True)
    assert (expected.to_numpy() != small(horizon=3).fit(past, daily()).predict(ahead)).any()
