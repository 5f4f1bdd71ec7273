"""future.py and reading.py: rows to forecast, and other histories to forecast them from."""

import numpy as np
import pandas as pd
import pytest
from long_frames import LEVELS, LONG, ROLES, assert_same, forecasts, indexes, long_frame
from pandas.testing import assert_frame_equal, assert_series_equal
from small import daily, says, small, wave

from tsrnn.frames.future import read_future
from tsrnn.frames.panels import Roles
from tsrnn.frames.reading import read_history, read_training

# Rows to forecast


def test_rows_are_found_by_key_and_stamp():
    for data, back in ((LONG, lambda f: f), (LEVELS, lambda f: f.set_index(["unique_id", "ds"]))):
        panel = read_training(data, None, ROLES)
        rows = forecasts(panel, 4).reset_index().assign(price=1.5)[::3]
        rows = rows.drop(columns=["y", "index"], errors="ignore")
        future = read_future(back(rows), panel, ROLES)
        assert future.series.tolist() == (rows.index // 4).to_list()
        assert future.steps.tolist() == (rows.index % 4).to_list()
        assert future.covariates["price"].to_list() == [1.5] * len(rows)


def rows_ahead(steps=3):
    panel = read_training(LONG, None, ROLES)
    return panel, forecasts(panel, steps).assign(price=1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.replace({"unique_id": "s1"}, "new"), ["row 3", "series 'new'", "history="]),
        (lambda f: pd.concat([f, f[4:5]]), ["duplicate", "series 's1'", "rows 4 and 9"]),
        (lambda f: f.assign(ds=LONG["ds"][0]), ["row 0", "not after", "series 's0'", "2024-06-01"]),
        (lambda f: f.assign(ds=f["ds"] + pd.Timedelta("1h")), ["row 0", "not on the frequency MS"]),
        (lambda f: f.drop(columns="price"), ["['price'] missing"]),
        (lambda f: f.assign(weather=1), ["['weather'] unexpected"]),
        (lambda f: f.drop(columns="unique_id"), ["needs the columns ['unique_id', 'ds']"]),
        (lambda f: f.assign(price=[1.0] * 8 + [None]), ["NaN", "row 8", "column 'price'"]),
        (lambda f: f[["price"]].to_numpy(), ["which of the 3 series"]),
    ],
)
def test_rows_that_do_not_fit(change, words):
    panel, rows = rows_ahead()
    with pytest.raises(ValueError, match=says(*words)):
        read_future(change(rows), panel, ROLES)


def test_the_future_of_past_covariates_and_targets_is_never_read():
    frame = LONG.assign(sales=1.0, size=LONG["unique_id"], week="a")
    roles = Roles(past_covariates=["sales"], static_covariates=["size"])
    panel = read_training(frame, None, roles)
    rows = forecasts(panel, 2).assign(week="b", price=2.0)
    spoiled = rows.assign(sales=np.nan, size=None, y="unknown")
    for X in (rows, spoiled):
        future = read_future(X, panel, roles)
        assert set(future.covariates.columns) == {"price", "week"}


def test_missing_known_covariates_are_filled_within_their_series():
    panel, rows = rows_ahead()
    last = LONG.loc[LONG["unique_id"] == "s1", "price"].iloc[-1]
    rows["price"] = [1.0, None, 3.0, None, 5.0, None, 7.0, 8.0, None]
    shuffled = rows.sample(frac=1, random_state=3)
    filled = read_future(shuffled, panel, Roles(missing="ffill")).covariates["price"]
    back = pd.Series(filled.to_numpy(), shuffled.index).sort_index()
    assert back.to_list() == [1, 1, 3, last, 5, 5, 7, 8, 8]
    filled = read_future(rows, panel, Roles(missing="interpolate")).covariates["price"]
    assert filled.to_list() == [1, 2, 3, (last + 5) / 2, 5, 5, 7, 8, 8]
    one = rows[6:].assign(price=[None, 5.0, None])
    filled = read_future(one, panel, Roles(missing="ffill")).covariates["price"]
    assert filled.to_list() == [LONG["price"].iloc[-1], 5, 5]


@pytest.mark.parametrize(
    ("known", "given", "filled"),
    [
        ([1, 2, 3.0], [None, 5, None], [3, 5, 5]),
        (pd.array([1, 2, 3], dtype="Int64"), [None, None, 5.0], [3, 3, 5]),
        ([True, False, True], [None, False, None], [True, False, False]),
        (pd.Categorical(["a", "b", "c"]), pd.Categorical([None, "b", None]), ["c", "b", "b"]),
        (["a", "b", "c"], [None, None, None], ["c", "c", "c"]),
        ([1, 2, 3.0], [None, None, None], [3, 3, 3]),
    ],
)
def test_what_is_missing_first_is_as_the_history_ended(known, given, filled):
    days = pd.date_range("2024", periods=6, freq="D")
    X, roles = pd.DataFrame({"x": known}, days[:3]), Roles(missing="ffill")
    panel = read_training(X, pd.Series([1.0, 5.0, 2.0], days[:3]), roles)
    later = pd.DataFrame({"x": given}, days[3:])
    assert read_future(later, panel, roles).covariates["x"].to_list() == filled


def test_covariates_of_a_single_series():
    y = pd.Series(np.arange(8.0), pd.date_range("2024", periods=8, freq="D"), name="y")
    X = pd.DataFrame({"a": 1.0, "b": "x"}, index=y.index)
    panel = read_training(X, y, ROLES)
    later = pd.DataFrame({"b": "z", "a": 2.0}, index=pd.date_range("2024-01-09", periods=3))
    future = read_future(later, panel, ROLES)
    assert future.covariates.columns.to_list() == ["a", "b"]
    assert future.steps.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=says("DataFrame with the covariates ['a', 'b']")):
        read_future(np.ones((3, 2)), panel, ROLES)


# Histories


def test_a_history_has_series_of_its_own():
    fitted = read_training(LONG, None, ROLES).tail(3)
    other = LONG.replace({"unique_id": {"s0": "new"}})
    panel = read_history(other, None, fitted, ROLES)
    assert panel.ids.to_list() == ["new", "s1", "s2"]
    assert panel.known == ("price",)
    one_row_each = other.groupby("unique_id").tail(1)
    assert read_history(one_row_each, None, fitted, ROLES).timeline.step_name == "MS"


def test_a_history_beside_its_covariates():
    fitted = read_training(LEVELS[["price"]], LEVELS["y"], ROLES)
    panel = read_history(LEVELS["y"], LEVELS[["price"]], fitted, ROLES)
    assert_same(panel, fitted)
    with pytest.raises(ValueError, match=says("covariates ['price']", "X_history=")):
        read_history(LEVELS["y"], None, fitted, ROLES)
    with pytest.raises(ValueError, match=says("['price'] missing", "['cost'] unexpected")):
        read_history(LEVELS["y"], LEVELS[["price"]].set_axis(["cost"], axis=1), fitted, ROLES)


def test_one_unnamed_series_as_the_history_of_a_panel_model():
    fitted = read_training(LONG.drop(columns="price"), None, ROLES)
    month = pd.date_range("2020-01-01", periods=6, freq="MS")
    panel = read_history(pd.Series(np.arange(6.0), month, name="q"), None, fitted, ROLES)
    forecast = forecasts(panel, 2)
    assert forecast.name == "q"
    assert forecast.index.equals(pd.date_range("2020-07-01", periods=2, freq="MS"))
    rows = pd.DataFrame({"unique_id": "new", "ds": forecast.index[::-1]})
    assert read_future(rows, panel, ROLES).steps.tolist() == [1, 0]
    assert forecasts(read_history([1.0, 2.0], None, fitted, ROLES), 2).tolist() == [0, 1]


def test_a_history_at_another_frequency():
    fitted = read_training(LONG, None, ROLES)
    daily = long_frame(indexes("D", lengths=(9, 9)))
    with pytest.raises(ValueError, match=says("history has a row every 1 day", "31 days")):
        read_history(daily, None, fitted, ROLES)


def test_business_days_are_no_days():
    days, business = (pd.Series(1.0, pd.date_range("2024", periods=9, freq=f)) for f in "DB")
    for fitted, history in ((days, business), (business, days)):
        panel = read_training(fitted, None, ROLES)
        words = [f"history has a row every 1 days ({history.index.freqstr})"]
        with pytest.raises(ValueError, match=says(*words, f"({fitted.index.freqstr}). Bring it")):
            read_history(history, None, panel, ROLES)
    holidays = pd.date_range("2024", periods=9, freq=pd.offsets.CDay(holidays=["2024-01-08"]))
    panel = read_training(business, None, ROLES)
    assert read_history(pd.Series(1.0, holidays), None, panel, ROLES).timeline.step_name == "C"
    no_weekend = pd.DatetimeIndex(business.index[:5], freq=None)
    assert read_history(business[no_weekend], None, panel, ROLES).timeline.step_name == "B"


def test_the_longest_series_of_a_history_tells_its_frequency():
    daily = long_frame(indexes("D", lengths=(60, 60)))
    forecaster = small(short_series="pad", past_covariates=["price"]).fit(daily)
    with pytest.raises(ValueError, match=says("history has a row every 0 days 01:00:00", "1 day")):
        forecaster.predict(history=long_frame(indexes("h", lengths=(40, 3))))


def test_going_on_needs_the_same_columns():
    panel = read_training(LONG, None, ROLES)
    panel.check_same_columns(read_training(LONG[:8], None, ROLES))
    for other in (LONG.drop(columns="price"), LONG.assign(z=1)):
        with pytest.raises(ValueError, match=says("covariates known in advance were ['price']")):
            panel.check_same_columns(read_training(other, None, ROLES))
    for kind in ("past", "static"):
        roles = Roles(**{f"{kind}_covariates": ["z"]})
        with pytest.raises(ValueError, match=says(f"{kind}_covariates were [], and are now ['z']")):
            panel.check_same_columns(read_training(LONG.assign(z=1), None, roles))


@pytest.mark.parametrize("y", [wave(), wave(columns=2)])
def test_going_on_with_arrays_needs_as_many_columns(y):
    forecaster = small().fit(1 + wave(columns=2), y)
    with pytest.raises(ValueError, match="X has 3 features, but RNNForecaster is expecting 2"):
        forecaster.partial_fit(1 + wave(columns=3), y)


def test_targets_of_a_history_are_found_by_name():
    days = pd.date_range("2024", periods=6)
    frame = pd.DataFrame({"a": np.arange(6.0), "b": 1.0}, days)
    fitted = read_training(frame, None, ROLES)
    panel = read_history(frame[["b", "a"]], None, fitted, ROLES)
    np.testing.assert_array_equal(panel.targets, fitted.targets)
    with pytest.raises(ValueError, match=says("['a', 'c']", "['a', 'b']")):
        read_history(frame.set_axis(["a", "c"], axis=1), None, fitted, ROLES)
    with pytest.raises(ValueError, match=says("1 columns", "fitted on 2")):
        read_history(frame["a"], None, fitted, ROLES)


def test_numbered_covariates_of_a_history():
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    fitted = read_training(X, y, ROLES)
    panel = read_history(y[:3], X[:3].tolist(), fitted, ROLES)
    np.testing.assert_array_equal(panel.covariates, X[:3])
    with pytest.raises(ValueError, match=says("X_history has 1 features", "is expecting 2")):
        read_history(y, X[:, :1], fitted, ROLES)
    with pytest.raises(ValueError, match=says("history has the covariates [0, 1]", "without")):
        read_history(y, X, read_training(y, None, ROLES), ROLES)


def test_months_as_periods_are_no_days():
    months = pd.Series(1.0, pd.period_range("2024-01", periods=9, freq="M"))
    days = pd.Series(1.0, pd.period_range("2024-01", periods=9, freq="D"))
    fitted = read_training(months, None, ROLES)
    assert fitted.season == 12
    assert read_history(months[3:], None, fitted, ROLES).n_rows == 6
    with pytest.raises(ValueError, match=says("every 1 day", "every 31 days")):
        read_history(days, None, fitted, ROLES)


def test_several_unnamed_targets_beside_a_long_frame():
    panel = read_training(LONG[["unique_id", "ds"]], np.ones((16, 2)), ROLES)
    assert list(forecasts(panel, 1).columns) == ["unique_id", "ds", "y_0", "y_1"]


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (pd.DataFrame(index=pd.date_range("2024-07-01", periods=2)), ["which of the 3", "Multi"]),
        (LONG.set_index("ds"), ["which of the 3 series"]),
        (
            LONG.assign(shop=1).set_index(["shop", "unique_id", "ds"]),
            ["2 levels", "has 1: ['unique_id']"],
        ),
    ],
)
def test_rows_without_the_right_keys(X, words):
    with pytest.raises(ValueError, match=says(*words)):
        read_future(X, read_training(LEVELS["y"], None, ROLES), ROLES)


def test_what_is_no_key_is_told_from_a_new_one():
    panel = read_training(LEVELS["y"], None, ROLES)
    with pytest.raises(TypeError, match=says("time as the last level", "swaplevel(0, -1)")):
        read_future(LEVELS[[]].swaplevel(), panel, ROLES)
    numbered = read_training(
        LONG.assign(unique_id=LONG["unique_id"].str[1:].astype(int)), None, ROLES
    )
    X = LONG.assign(unique_id=LONG["unique_id"].str[1:])
    with pytest.raises(
        ValueError, match=says("series '0' in row 0", "3 series", "such as series 0;")
    ):
        read_future(X, numbered, ROLES)


def test_rows_of_many_series_after_a_single_one():
    y = pd.Series(1.0, pd.date_range("2024-01-01", periods=5, freq="MS"))
    with pytest.raises(ValueError, match=says("X has rows of 3 series")):
        read_future(LONG, read_training(y, None, ROLES), ROLES)


def test_covariates_known_for_the_past_only_ask_nothing_of_the_future():
    panel = read_training(LONG, None, Roles(past_covariates=["price"]))
    rows = forecasts(panel, 2)
    assert read_future(rows, panel, ROLES).covariates is None


def test_a_static_covariate_that_is_not_said():
    frame = LONG.assign(kind=LONG["unique_id"].str[-1].astype("Int64")).drop(columns="price")
    forecaster = small(lookback=1, static_covariates=["kind"]).fit(frame)
    ahead = forecaster.predict()[["unique_id", "ds"]]
    unsaid = ahead.assign(kind=pd.array([pd.NA, 1, pd.NA], dtype="Int64"))
    assert_frame_equal(forecaster.predict(unsaid), forecaster.predict(ahead))
    with pytest.raises(ValueError, match="Row 2 of X has 1 in column 'kind'"):
        forecaster.predict(unsaid.assign(kind=pd.array([pd.NA, pd.NA, 1], dtype="Int64")))


def test_a_target_may_be_called_as_covariates_of_several_levels():
    X = pd.DataFrame({("p", "x"): 1 + wave(), ("p", "z"): 1.0}, daily().index)
    named, other = (small().fit(X, daily(name=name)) for name in ("p", "sales"))
    ahead = X.set_axis(pd.date_range("2024-03-01", periods=60))[:1]
    assert_series_equal(named.predict(ahead), other.predict(ahead), check_names=False)


def test_a_covariate_too_large_for_the_network():
    X = pd.DataFrame({"past": 1000 + wave(), "price": 3 * np.cos(wave())}, daily().index)
    forecaster = small(past_covariates=["past"]).fit(X, daily())
    later = pd.DataFrame({"price": [1e300]}, pd.DatetimeIndex(["2024-03-01"]))
    about = f"about {X['price'].mean():.3g}"
    with pytest.raises(ValueError, match=says("'price' has 1e+300 in row 0 of X", about)):
        forecaster.predict(later)


def test_numbers_as_column_names_are_names():
    X = pd.DataFrame(np.random.default_rng(5).normal(size=(60, 2)), daily().index)
    ahead = X.set_axis(pd.date_range("2024-03-01", periods=60))[:3]
    forecaster = small(horizon=3).fit(X, daily())
    expected = forecaster.predict(ahead)
    assert_series_equal(forecaster.predict(ahead[[1, 0]]), expected, check_exact=True)
    again = forecaster.predict(ahead, history=daily(), X_history=X[[1, 0]])
    assert_series_equal(again, expected, check_exact=True)
    with pytest.raises(ValueError, match=says("[0, 1] missing", "['q', 'z'] unexpected")):
        forecaster.predict(ahead.set_axis(["q", "z"], axis=1))
    with pytest.warns(UserWarning, match="X has none"):
        by_place = forecaster.predict(ahead.to_numpy())
    np.testing.assert_array_equal(by_place, expected)
    past = small(horizon=3, past_covariates=[1]).fit(X, daily())
    assert_series_equal(past.predict(ahead[[0]]), past.predict(ahead))
