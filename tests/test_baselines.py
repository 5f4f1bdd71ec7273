"""The seasonal naive forecast and the season it is made with."""

import numpy as np
import pandas as pd
import pytest

from tsrnn.baselines import season_length, seasonal_naive


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        ("YS", 1),
        ("QE", 4),
        ("MS", 12),
        ("BME", 12),
        ("3MS", 4),
        ("W", 52),
        ("D", 7),
        ("B", 5),
        ("h", 24),
        ("6h", 4),
        ("7h", 1),
        ("30min", 48),
        ("15min", 96),
        ("90min", 16),
        ("s", 86_400),
        ("ms", 1),
        ("7D", 52),
        ("24h", 7),
        ("1440min", 7),
        ("14D", 26),
        ("48h", 1),
        ("WOM-3FRI", 12),
        (pd.DateOffset(months=1), 12),
        (pd.DateOffset(months=3), 4),
        (pd.DateOffset(months=1, day=30), 12),
        (2 * pd.DateOffset(months=1), 6),
    ],
)
def test_season_of_a_date_range(freq, season):
    assert season_length(pd.date_range("2024-01-01", periods=3, freq=freq).freqstr) == season


@pytest.mark.parametrize(("freq", "season"), [("Y", 1), ("Q", 4), ("M", 12), ("W", 52), ("h", 24)])
def test_season_of_a_period_range(freq, season):
    assert season_length(pd.period_range("2024-01-01", periods=3, freq=freq).freqstr) == season


def test_names_of_older_versions_of_pandas():
    assert [season_length(freq) for freq in ("H", "T", "30T", "24H", "A")] == [24, 1440, 48, 7, 1]


@pytest.mark.parametrize("freq", [None, "", "nonsense"])
def test_no_frequency_has_no_season(freq):
    assert season_length(freq) == 1


def test_repeats_the_last_season_past_its_length():
    values = np.arange(20.0).reshape(10, 2)
    expected = values[[7, 8, 9, 7, 8]]
    np.testing.assert_array_equal(seasonal_naive(values, horizon=5, season=3), expected)


def test_one_season_is_enough():
    assert seasonal_naive([3, 1, 4], horizon=4, season=3).tolist() == [3, 1, 4, 3]


def test_season_of_one_repeats_the_last_value():
    assert seasonal_naive([3, 1, 4], horizon=2).tolist() == [4, 4]


@pytest.mark.parametrize(
    ("horizon", "season", "message"),
    [
        (1, 4, "values has 3 rows; season 4 needs at least 4"),
        (0, 1, "horizon is a number of steps, at least 1, not 0"),
        (1, 0, "season is a number of rows, at least 1, not 0"),
        (3.0, 1, r"horizon is a whole number of steps, .* not 3.0 \(of type float\); pass 3"),
        (1, "2", r"season is a whole number of rows, .* not '2' \(of type str\)\.$"),
        (1, 1.5, r"season is a whole number of rows, .* not 1.5 \(of type float\)\.$"),
        (1, np.inf, r"season .* not inf \(of type float\)\.$"),
        (True, 1, r"horizon .* not True \(of type bool\)\.$"),
    ],
)
def test_says_what_is_wrong(horizon, season, message):
    with pytest.raises((TypeError, ValueError), match=message):
        seasonal_naive([1, 2, 3], horizon, season)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (
            pd.concat({"a": pd.Series([1.0]), "b": pd.Series([2.0])}),
            TypeError,
            r"values.loc\[key\]",
        ),
        (pd.DataFrame({"unique_id": ["a"], "y": [1.0]}), TypeError, "target of one series"),
        ([1.0, np.nan], ValueError, "missing ones among its last 1"),
    ],
)
def test_no_forecast_is_made_of_what_is_no_series(values, error, message):
    with pytest.raises(error, match=message):
        seasonal_naive(values, horizon=2)


def test_what_is_not_repeated_may_be_missing():
    assert seasonal_naive([np.nan, 1.0], horizon=2).tolist() == [1, 1]


def test_counts_of_numpy_are_whole_numbers():
    assert seasonal_naive([3, 1, 4], np.int64(2), np.int8(2)).tolist() == [1, 4]
