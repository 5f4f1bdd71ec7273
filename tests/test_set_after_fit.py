"""Parameters that say how data are read: forecasts heed what they are set to after the fit."""

import pandas as pd
import pytest
from small import daily, small

import tsrnn

AHEAD = pd.date_range(daily().index[-1] + pd.Timedelta("1D"), periods=3)
UNKNOWN = pd.DataFrame({"shop": ["open", "rebuilt", "shut"]}, AHEAD)


def shops():
    return pd.DataFrame({"shop": ["open", "shut"] * 30}, daily().index)


def fitted(**parameters):
    return small(horizon=3, loss="gaussian", **parameters).fit(shops(), daily())


@pytest.mark.parametrize("what", ["predict", "predict_quantiles", "sample"])
def test_categories_that_were_not_there_in_training(what, tmp_path):
    options = {"random_state": 0} if what == "sample" else {}
    forecaster, lenient = fitted(), fitted(handle_unknown="ignore")
    with pytest.raises(ValueError, match="handle_unknown='ignore'"):
        getattr(forecaster, what)(X=UNKNOWN, **options)
    forecaster.save(tmp_path / "model")
    expected = getattr(lenient, what)(X=UNKNOWN, **options)
    for one in (forecaster, tsrnn.load(tmp_path / "model")):
        one.set_params(handle_unknown="ignore")
        assert getattr(one, what)(X=UNKNOWN, **options).equals(expected)
        one.set_params(handle_unknown="error")
        with pytest.raises(ValueError, match="'rebuilt'"):
            getattr(one, what)(X=UNKNOWN, **options)
    with pytest.raises(ValueError, match="handle_unknown"):
        one.set_params(handle_unknown="none").predict(UNKNOWN)


def test_going_on_heeds_it_as_well():
    other = shops().replace("shut", "rebuilt")
    forecaster, lenient = fitted(), fitted(handle_unknown="ignore")
    with pytest.raises(ValueError, match="handle_unknown='ignore'"):
        forecaster.partial_fit(other, daily())
    forecaster.set_params(handle_unknown="ignore").partial_fit(other, daily())
    expected = lenient.partial_fit(other, daily()).predict(UNKNOWN)
    assert forecaster.predict(UNKNOWN).equals(expected)
