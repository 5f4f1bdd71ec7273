"""Values that outweigh all others are named, and nothing else is."""

import warnings

import numpy as np
import pandas as pd
import pytest
from small import daily, small, wave


def with_mistake(series, row=30, times=100):
    changed = series.copy()
    changed.iloc[row] *= times
    return changed


def fit_quietly(data, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(**parameters).fit(data)


@pytest.mark.parametrize("loss", ["mse", "gaussian"])
@pytest.mark.parametrize("row", [0, 3, 30, 58, 59])
def test_a_value_that_outweighs_all_others_is_named(loss, row):
    with pytest.warns(UserWarning, match=rf"^row {row - 60} \(from the end\) of the series holds"):
        small(loss=loss).fit(with_mistake(daily(), row))


def test_the_message_says_what_and_how_much_and_points_at_the_call():
    series = daily()
    series[:] = [1.0, 2.0] * 30
    series.iloc[30] = 51.0  # a week before and after there is 2, where others differ by 1
    with pytest.warns(UserWarning, match=r"holds 51, 49 times as far from the values 7") as caught:
        small(loss="mse").fit(series)
    assert "missing='interpolate' fills it" in str(caught[0].message)
    assert "loss='mse' squares that" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_of_several_the_largest_is_named_and_the_others_are_counted():
    series = with_mistake(with_mistake(daily(300), 30, 100), 99, 200)
    series.iloc[200] *= 150
    with pytest.warns(UserWarning, match=r"^row -201 .* \(and 2 others like it\)"):
        small().fit(series)


def test_the_series_and_the_column_are_named():
    days = pd.date_range("2024-01-01", periods=60)
    both = {key: with_mistake(daily(), times=times) for key, times in (("a", 1), ("b", 100))}
    long = pd.concat(
        pd.DataFrame({"unique_id": key, "ds": days, "y": each.to_numpy()})
        for key, each in both.items()
    )
    with pytest.warns(UserWarning, match=r"^row -30 \(from the end\) of series 'b' holds"):
        small().fit(long)
    with pytest.warns(UserWarning, match=r"of the series, column 'b', holds"):
        small().fit(pd.DataFrame(both))


@pytest.mark.parametrize("loss", ["mae", "huber", "quantile", "student_t"])
def test_losses_that_bear_it_say_nothing(loss):
    fit_quietly(with_mistake(daily()), loss=loss)


def test_what_series_do_is_no_mistake():
    random = np.random.default_rng(0)
    demand = (random.random(1000) < 0.05) * random.poisson(5, 1000)
    steps = np.repeat([0.0, 100.0, 500.0], 100)
    fit_quietly(demand.astype(float))
    fit_quietly(steps)
    fit_quietly(steps + wave(300))
    fit_quietly(np.exp(1.5 * random.normal(size=1000)))
    fit_quietly(random.standard_t(2, 1000))
    fit_quietly(np.where(np.arange(300) == 150, 1.0, 0.0))  # of a constant nothing is far
    fit_quietly([5.0, 6.0, 9.0, 3.0] * 15)
    fit_quietly(with_mistake(daily(), times=1.2))


def test_an_advice_that_is_followed_helps():
    series = daily()
    with pytest.warns(UserWarning, match="squares"):
        small().fit(with_mistake(series))
    series.iloc[30] = np.nan
    fit_quietly(series, missing="interpolate")
