"""A target among the covariates that are known in advance is refused, under any name."""

import numpy as np
import pandas as pd
import pytest
from small import daily, daily_frame, says, small, wave

from tsrnn.datasets import load_air_passengers

OTHER = 5 + np.sin(np.arange(60.0) ** 2)
LONG = pd.concat(
    [daily().rename("y").reset_index().assign(unique_id=key, price=OTHER) for key in "ab"]
).rename(columns={"day": "ds"})


def test_one_of_the_same_name():
    y = daily()
    words = says("Column 'sales' of X is y itself, which", "drop(columns='sales')")
    with pytest.raises(ValueError, match=words):
        small().fit(y.to_frame(), y)
    holes = y.where(y > 20)
    with pytest.raises(ValueError, match=says("is y itself")):
        small(missing="ffill").fit(holes.to_frame(), holes)
    with pytest.raises(ValueError, match=says("Column 'sales' of X is y itself")):
        small(lookback=2).fit(y[:6].to_frame(), y[:6])
    small().fit(y.shift(1, fill_value=0.0).to_frame(), y)
    small(past_covariates=["sales"]).fit(y.to_frame(), y)


@pytest.mark.parametrize("kind", ["float64", "float32", "Float64", "int64", object])
@pytest.mark.parametrize("y", [daily().round(), daily().rename(None).round(), wave().round()])
def test_one_of_another_name(kind, y):
    X = pd.DataFrame({"price": OTHER, "copy": wave().round()}, daily().index).astype({"copy": kind})
    words = says("Column 'copy' of X is y itself (the same in all 60 rows)", "['copy']")
    with pytest.raises(ValueError, match=words):
        small().fit(X, y)
    small(past_covariates=["copy"]).fit(X, y)
    small().fit(X[["price"]], y)


@pytest.mark.parametrize("wrap", [np.asarray, list, np.float32], ids=["array", "list", "float32"])
def test_one_in_an_array(wrap):
    X = np.column_stack([OTHER, wave()])
    words = says("Column 1 of X is y itself", "np.delete(X, 1, axis=1)", "past_covariates=[1]")
    with pytest.raises(ValueError, match=words):
        small().fit(wrap(X), wave())
    small(past_covariates=[1]).fit(wrap(X), wave())


def test_one_of_several():
    with pytest.raises(ValueError, match=says("Column 'x' of X is column 'b' of y itself")):
        small().fit(daily_frame()[["b"]].set_axis(["x"], axis=1), daily_frame())
    with pytest.raises(ValueError, match=says("Column 0 of X is column 1 of y itself")):
        small().fit(wave(columns=2)[:, 1:], wave(columns=2))


def test_one_beside_the_target():
    with pytest.raises(ValueError, match=says("Column 'copy' of X is the target 'y' itself")):
        small().fit(LONG.assign(copy=LONG["y"]))
    shuffled = LONG.assign(copy=LONG["y"]).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=says("Column 'copy' of X is the target 'y' itself")):
        small().fit(shuffled.set_index(["unique_id", "ds"]))
    with pytest.raises(ValueError, match=says("Column 'copy' of X is the target 'a' itself")):
        small(target_col="a").fit(daily_frame(columns="a").assign(copy=daily_frame()["a"]))
    small().fit(LONG)


FLAG = (np.arange(60) % 29 == 7).astype(float)
KNOWN = {
    "constant": np.ones(60),
    "a line": np.arange(60.0) / 7,
    "a season": np.sin(np.arange(60) * 2 * np.pi / 7),
    "a line and a season": np.arange(60) / 7 + np.arange(60) % 7,
    "a flag that is up twice": FLAG,
}


@pytest.mark.parametrize("values", KNOWN.values(), ids=KNOWN)
def test_what_is_known_without_looking_is_no_leak(values):
    """A lag of it, or another thing altogether, has the same values."""
    index = daily().index
    small().fit(pd.DataFrame({"known": values}, index), pd.Series(values, index, name="y"))
    small().fit(values[:, None], values)


def test_a_few_rows_tell_nothing():
    y = daily(19)
    small().fit(y.to_frame("copy"), y)
    with pytest.raises(ValueError, match=says("is y itself")):
        small().fit(daily(20).to_frame("copy"), daily(20))


@pytest.mark.parametrize("lag", [1, 12])
def test_a_lagged_copy_is_none(lag):
    y = load_air_passengers()
    X = pd.DataFrame({"before": y.shift(lag).bfill(), "log": np.log(y)})
    small(past_covariates=["log"]).fit(X, y)
