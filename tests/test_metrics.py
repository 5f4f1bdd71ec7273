"""The error measures, against scikit-learn and against their definitions written out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    root_mean_squared_error,
)

from tsrnn.metrics import mae, mape, mase, rmse, smape

SERIES = pd.Series([1.0, 2.0, 3.0], list("abc"))
DAYS = pd.date_range("2024-01-01", periods=3)
FRAME = pd.DataFrame({"p": SERIES, "q": SERIES + 1})
PAIRED = [mae, rmse, mape, smape]
numbers = st.floats(0.01, 1e6)
pairs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=numbers), arrays(np.float64, n, elements=numbers)
    )
)


@given(pairs)
def test_agrees_with_scikit_learn(pair):
    truth, forecast = pair
    assert mae(truth, forecast) == pytest.approx(mean_absolute_error(truth, forecast))
    assert rmse(truth, forecast) == pytest.approx(root_mean_squared_error(truth, forecast))
    assert mape(truth, forecast) == pytest.approx(
        100 * mean_absolute_percentage_error(truth, forecast)
    )


@given(pairs)
def test_smape_is_symmetric_and_at_most_200(pair):
    truth, forecast = pair
    assert smape(truth, forecast) == pytest.approx(smape(forecast, truth))
    assert 0 <= smape(truth, forecast) <= 200


@pytest.mark.parametrize("measure", PAIRED)
def test_a_perfect_forecast_has_no_error(measure):
    assert measure([[1, 2], [3, -4]], [[1, 2], [3, -4]]) == 0


def test_mase_is_one_for_the_seasonal_naive_on_its_own_training_data():
    train = np.random.default_rng(0).normal(size=60)
    assert mase(train[12:], train[:-12], train, season=12) == pytest.approx(1)


def test_mase_scales_each_target_by_its_own_error():
    train = np.array([[0, 0], [1, 10], [2, 20]])
    assert mase([[3, 30]], [[4, 50]], train) == pytest.approx((1 / 1 + 20 / 10) / 2)


@pytest.mark.parametrize("measure", PAIRED)
@pytest.mark.parametrize(
    ("truth", "forecast", "message"),
    [
        ([], [], "y_true is empty"),
        ([1, 2], [1, 2, 3], r"shape \(2,\) and y_pred \(3,\)"),
        ([1, np.nan], [1, 2], "y_true is missing or infinite at position 1"),
        ([1, 2], [np.inf, 2], "y_pred is missing or infinite at position 0"),
        ([[1, 2]], [[1, np.nan]], r"y_pred is missing or infinite at position \(0, 1\)"),
    ],
)
def test_what_cannot_be_compared_is_named(measure, truth, forecast, message):
    with pytest.raises(ValueError, match=message):
        measure(truth, forecast)


@pytest.mark.parametrize(
    ("truth", "forecast", "message"),
    [
        (SERIES, SERIES[::-1], r"other rows: at position 0 'a' and 'c'\. .*reindex_like"),
        (SERIES, SERIES.rename({"b": "x"}), "other rows: at position 1 'b' and 'x'"),
        (SERIES.set_axis(DAYS), SERIES.set_axis(DAYS + pd.Timedelta("1D")), "other rows"),
        (SERIES.set_axis(DAYS), SERIES.reset_index(drop=True), "other rows"),
        (FRAME, FRAME[["q", "p"]], "other columns: at position 0 'p' and 'q'"),
    ],
)
def test_other_dates_keys_or_columns_are_refused(truth, forecast, message):
    with pytest.raises(ValueError, match=message):
        mae(truth, forecast)


@pytest.mark.parametrize(
    ("truth", "forecast"),
    [
        (SERIES, SERIES.rename("other")),
        (SERIES, SERIES.tolist()),
        (SERIES.set_axis([5, 6, 7]), SERIES.reset_index(drop=True)),  # of another count
        (SERIES.set_axis(DAYS), SERIES.set_axis(DAYS.as_unit("s"))),
        (FRAME, FRAME.to_numpy()),
    ],
)
def test_what_counts_rows_or_has_no_labels_is_compared_by_position(truth, forecast):
    assert mae(truth, forecast) == 0


def test_zero_divisors_are_named():
    with pytest.raises(ValueError, match="which is 0 at position 1; use mae, rmse or mase"):
        mape([1, 0], [1, 2])
    with pytest.raises(ValueError, match="which is 0 at position 2"):
        smape([1, 0, 0], [1, 2, 0])
    with pytest.raises(ValueError, match="repeats itself exactly every 2 rows; use mae or rmse"):
        mase([1], [2], [1, 2, 1, 2, 1], season=2)


@pytest.mark.parametrize(
    ("train", "season", "message"),
    [
        ([1, 2], 2, "y_train has 2 rows; season 2 needs at least 3"),
        ([1, 2], 0, "at least 1, not 0"),
        ([1, 2], 1.0, r"season is a whole number of rows, .* not 1.0 \(of type float\); pass 1"),
        ([1, "two"], 1, "y_train must hold real numbers: .*two"),
        (np.array(["2024-01-01"] * 3, "M8[D]"), 1, "y_train must hold real numbers, not dates"),
        ([[1, 2], [3, 4]], 1, "differ in more than their rows"),
        ([1, np.nan, 3], 1, "y_train is missing or infinite at position 1"),
    ],
)
def test_mase_says_what_is_wrong_with_the_training_data(train, season, message):
    with pytest.raises((TypeError, ValueError), match=message):
        mase([1, 2], [2, 3], train, season)
