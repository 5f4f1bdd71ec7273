"""rows.py: stamps in a column of a long frame, or in a level of an index."""

import numpy as np
import pandas as pd
import pytest
from long_frames import LEVELS, LONG, ROLES, assert_same, forecasts, indexes, long_frame
from small import says

from tsrnn.frames.future import read_future
from tsrnn.frames.reading import read_training


@pytest.mark.parametrize(
    "convert",
    [
        lambda ds: ds.astype(str),
        lambda ds: ds.dt.strftime("%Y-%m").astype(object),
        lambda ds: ds.dt.date,
        lambda ds: ds.astype(object),
        lambda ds: pd.Series(ds.dt.to_pydatetime(), dtype=object),
    ],
)
def test_dates_as_text_and_as_objects_are_dates(convert):
    frame = long_frame(indexes(start="2024-01-01"))
    panel = read_training(frame, None, ROLES)
    text = frame.assign(ds=convert(frame["ds"]))
    assert text["ds"].dtype != frame["ds"].dtype
    assert_same(read_training(text, None, ROLES), panel)
    rows = forecasts(panel, 2).assign(price=1.0)
    future = read_future(rows.assign(ds=convert(rows["ds"])), panel, ROLES)
    np.testing.assert_array_equal(future.steps, [0, 1] * 3)


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ("31.05.2024", ["X['ds']", "'31.05.2024' in row 4", "1 of 16", "format="]),
        ("tomorrow", ["'tomorrow' in row 4"]),
        (None, ["row 4", "NaT"]),
        ("2024-05-05 00:00+02:00", ["time zones", "utc=True"]),
    ],
)
def test_text_that_is_no_date_is_named(stamp, words):
    text = LONG["ds"].dt.strftime("%Y-%m-%d 00:00+01:00" if "+" in str(stamp) else "%Y-%m-%d")
    text = text.astype(object)
    text[4] = stamp
    with pytest.raises(ValueError, match=says(*words)):
        read_training(LONG.assign(ds=text), None, ROLES)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", None])
def test_dates_of_several_zones(zone):
    first, rest = LONG["ds"][:8].dt.tz_localize("UTC"), LONG["ds"][8:].dt.tz_localize(zone)
    mixed = pd.concat([first, rest])
    assert mixed.dtype == object
    with pytest.raises(ValueError, match=says("time zones, or some without one", "utc=True")):
        read_training(LONG.assign(ds=mixed), None, ROLES)


@pytest.mark.parametrize("id_col", ["unique_id", None])
def test_advice_on_decimal_stamps_works(id_col):
    one = LONG.drop(columns="unique_id")[-8:] if id_col is None else LONG
    X = one.assign(ds=np.arange(len(one)) / 2)
    code = advice_of(X, "whole numbers: ")
    exec(code)
    assert (read_training(X, None, ROLES).n_series == 1) == (id_col is None)


def test_advice_on_levels_works():
    X = LONG.set_index(["ds", "unique_id"])
    swapped = {"X": X}
    exec(advice_of(X, "'ds'): "), swapped)
    assert_same(read_training(swapped["X"], None, ROLES), read_training(LEVELS, None, ROLES))
    X = LONG.assign(ds=LONG["ds"].astype(str)).set_index(["unique_id", "ds"])
    exec(advice_of(X, "parse dates: "))
    assert_same(read_training(X, None, ROLES), read_training(LEVELS, None, ROLES))


def advice_of(X, after):
    """The code that the error for these data ends with."""
    with pytest.raises(TypeError) as error:
        read_training(X, None, ROLES)
    return str(error.value).partition(after)[2].removesuffix(".")
