"""Covariates of text that look like dates or numbers, which as categories have no order."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from small import daily, says, small

from tsrnn import RNNForecaster

DAYS = daily().index
STATIC = {"static_covariates": ["text"]}


def fit(text, **parameters):
    return small(**parameters).fit(pd.DataFrame({"text": text}, DAYS), daily())


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d", "%Y-%m", "%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%y", "%Y-%m-%dT%H:%M:%SZ"],
)
@pytest.mark.parametrize("dtype", [object, "string"])
def test_dates_are_refused(form, dtype):
    text = pd.Series(DAYS.strftime(form), DAYS).astype(dtype)
    words = "Column 'text' of X holds dates as text", repr(text.iloc[0]), f"{text.nunique()} cat"
    with pytest.raises(TypeError, match=says(*words, "pd.to_datetime(X.pop('text'))")):
        fit(text)
    with pytest.raises(TypeError, match=says("holds dates as text")):
        fit(text, past_covariates=["text"])
    fit(text.astype("category"))


@pytest.mark.parametrize("values", [np.arange(60) / 4, -np.arange(60), 1e6 * np.arange(60.0)])
@pytest.mark.parametrize("parameters", [{}, {"past_covariates": ["text"]}])
def test_of_numbers_there_is_a_warning(values, parameters):
    words = "Column 'text' of X holds numbers as text", "60 categories", "pd.to_numeric(X['text'])"
    with pytest.warns(UserWarning, match=says(*words)) as caught:
        fit(values.astype(str), **parameters)
    assert caught[0].filename == __file__
    X = pd.DataFrame({"text": values.astype(str)}, DAYS)
    with pytest.warns(UserWarning, match=says(*words)) as caught:
        RNNForecaster.suggest(X, daily(), **parameters)
    assert caught[0].filename == __file__
    fit(pd.Categorical(values.astype(str)), **parameters)


@pytest.mark.parametrize(
    "pair",
    [
        ("1.2.3", "10.0.1"),
        ("2024-01 campaign", "none"),
        ("0451", "1200"),
        ("1234-56", "1234-57"),
        ("10:00", "11:30"),
        ("2024-01-01", "never"),
        ("1", "n/a"),
    ],
)
def test_other_text_is_left_alone(pair):
    fit([*pair] * 30)


def test_keys_that_never_change_may_be_numbers():
    fit(["7"] * 60, static_covariates=["text"])


def test_dates_that_are_objects_are_named_as_such():
    words = says("Column 'text' of X holds dates (dtype object)", "CalendarFeatures")
    for dates in (DAYS.date, DAYS.to_pydatetime(), list(DAYS.to_period("D"))):
        with pytest.raises(TypeError, match=words):
            fit(pd.Series(dates, DAYS, dtype=object))


def test_decimals_are_numbers():
    values = pd.Series(np.arange(60) % 7 / 4, DAYS)
    decimals = values.map(Decimal).astype(object)
    expected = fit(values, past_covariates=["text"]).predict()
    assert fit(decimals, past_covariates=["text"]).predict().equals(expected)
