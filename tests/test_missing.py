"""missing.py: what is filled, with what, and never from another series."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import daily, says, small, wave

from tsrnn.frames.panels import Roles
from tsrnn.frames.reading import read_history, read_training
from tsrnn.frames.rows import Rows
from tsrnn.frames.time_index import read_times

HOLES = {"ffill": Roles(missing="ffill"), "interpolate": Roles(missing="interpolate")}
HOLES["mask"] = Roles(missing="mask")


def filled_by_pandas(frame, freq, how):
    """Each series on its own, by pandas: absent rows first, then values."""
    parts = []
    for key, group in frame.set_index("ds").groupby("unique_id", sort=False):
        part = group.reindex(pd.date_range(group.index[0], group.index[-1], freq=freq))
        for column in part.columns:
            numeric = pd.api.types.is_numeric_dtype(part[column].dtype)
            if how == "interpolate" and numeric and not pd.api.types.is_bool_dtype(part[column]):
                part[column] = part[column].astype(float).interpolate().bfill()
            else:
                part[column] = part[column].ffill().bfill()
        part = part.loc[group["y"].first_valid_index() :]  # which begins with its first target
        parts.append(part.assign(unique_id=key).reset_index(names="ds"))
    return pd.concat(parts, ignore_index=True)


def holey_frame(seed, freq="MS", n_series=5):
    """A long frame with holes in targets and covariates, some rows absent, in any order."""
    random = np.random.default_rng(seed)
    frames = []
    for key in range(n_series):
        ds = pd.date_range("2024-01-01", periods=random.integers(25, 40), freq=freq)
        frame = pd.DataFrame({"unique_id": f"s{key}", "ds": ds, "y": random.normal(size=len(ds))})
        frame["number"] = random.normal(size=len(ds)).astype("f4")
        frame["word"] = random.choice(["a", "b"], len(ds))
        frame["kind"] = pd.Categorical(random.choice(["u", "v"], len(ds)), ["u", "v", "w"])
        frame["count"] = pd.array(random.integers(9, size=len(ds)), dtype="Int64")
        for column in ("y", "number", "word", "kind", "count"):
            holes = random.random(len(ds)) < 0.3
            holes[random.integers(len(ds))] = False
            frame[column] = frame[column].where(~holes)
        absent = np.append(random.random(len(ds) - 1) < 0.05, False)
        absent[:8] = False  # so that the frequency can be seen
        frames.append(frame[~absent])
    return pd.concat(frames).sample(frac=1, random_state=seed)


@given(st.integers(0, 1000), st.sampled_from(list(HOLES)), st.sampled_from(["MS", "h", "B"]))
@settings(deadline=None, max_examples=30)
@pytest.mark.filterwarnings("ignore:The last:UserWarning")  # what happens to be missing at an end
def test_filled_as_pandas_fills_each_series(seed, how, freq):
    frame = holey_frame(seed, freq)
    panel = read_training(frame, None, HOLES[how])
    tidy = frame.sort_values("ds").set_index("unique_id").loc[panel.ids].reset_index()
    expected = filled_by_pandas(tidy, freq, how)
    np.testing.assert_allclose(panel.targets[:, 0], expected["y"], rtol=1e-12, atol=1e-12)
    assert panel.lengths.tolist() == expected.groupby("unique_id", sort=False).size().to_list()
    for column in ("number", "count"):
        found, numbers = panel.covariates[column].astype(float), expected[column].astype(float)
        np.testing.assert_allclose(found, numbers, rtol=1e-6, atol=1e-6)
    for column in ("word", "kind"):
        assert panel.covariates[column].to_list() == expected[column].to_list()
    assert panel.covariates["kind"].dtype == frame["kind"].dtype
    if how == "mask":
        present = tidy.dropna(subset="y").set_index(["unique_id", "ds"]).index
        rows = expected.set_index(["unique_id", "ds"]).index
        np.testing.assert_array_equal(panel.gaps[:, 0], ~rows.isin(present))
    else:
        assert panel.gaps is None


@pytest.mark.parametrize("how", HOLES)
def test_absent_rows_of_a_single_series(how):
    days = pd.date_range("2024-03-20", periods=30, freq="D", tz="Europe/Berlin")
    y = pd.Series(np.arange(30.0), days).drop(days[[10, 11, 20]])
    panel = read_training(y, None, HOLES[how])
    expected = y.reindex(days)
    expected = expected.interpolate() if how == "interpolate" else expected.ffill()
    assert panel.targets[:, 0].tolist() == expected.to_list()
    assert panel.timeline.anchors[0] == days[-1].tz_localize(None)
    if how == "mask":
        assert np.flatnonzero(panel.gaps).tolist() == [10, 11, 20]


def test_rows_that_were_absent_weigh_nothing():
    y = pd.Series([1.0, 2, 3, 5, 6], [0, 1, 2, 4, 5])
    panel = read_training(y, None, HOLES["ffill"], sample_weight=[1, 2, 3, 4, 5])
    assert panel.weights.tolist() == [1, 2, 3, 0, 4, 5]


def test_float32_stays_and_whole_data_are_a_view():
    array = np.ones(50, "f4")
    for roles in HOLES.values():
        panel = read_training(array, None, roles)
        assert np.shares_memory(panel.targets, array)
        assert panel.gaps is None
    array[7] = np.nan
    assert read_training(array, None, HOLES["interpolate"]).targets.dtype == np.float32


def test_business_days_have_no_gaps_at_weekends():
    days = pd.date_range("2024-01-01", periods=40, freq="B").delete(13)
    panel = read_training(pd.Series(1.0, pd.DatetimeIndex(days)), None, HOLES["mask"])
    assert panel.timeline.step_name == "B"
    assert panel.n_rows == 40


def test_several_targets_are_filled_each_on_its_own():
    values = np.array([[1, np.nan], [np.nan, 2], [3, np.nan]])
    panel = read_training(values, None, HOLES["mask"])
    assert panel.targets.tolist() == [[1, 2], [1, 2], [3, 2]]
    np.testing.assert_array_equal(panel.gaps, np.isnan(values))


@pytest.mark.parametrize("how", HOLES)
def test_a_series_begins_with_its_first_value(how):
    """As if the rows in front of it, which a table of several series has, were not there."""
    long = pd.concat(
        pd.DataFrame({"unique_id": key, "ds": daily(40).index, "y": wave(40) + late, "x": wave(40)})
        for key, late in (("a", 0), ("b", 13), ("c", 39))
    ).reset_index(drop=True)
    late = long["unique_id"].map({"a": 0, "b": 13, "c": 39}) > long.groupby("unique_id").cumcount()
    empty = long.assign(y=long["y"].mask(late | (long.index == 70)))
    panel = read_training(empty, None, HOLES[how])
    expected = read_training(empty[~late], None, HOLES[how])
    assert panel.lengths.tolist() == [40, 27, 1]
    np.testing.assert_array_equal(panel.targets, expected.targets)
    pd.testing.assert_frame_equal(panel.covariates, expected.covariates)
    last = np.arange(3), np.zeros(3, int)
    pd.testing.assert_frame_equal(
        panel.wrap(np.zeros((3, 1)), *last), expected.wrap(np.zeros((3, 1)), *last)
    )


def test_a_column_that_begins_later_than_another_is_told_of():
    frame = pd.DataFrame({"old": daily(), "new": daily().where(np.arange(60) >= 20)})
    with pytest.warns(UserWarning, match=r"The first 20 values of column 'new' of X are .*melt"):
        small(missing="ffill").fit(frame)
    frame = pd.DataFrame({"done": daily().where(np.arange(60) < 50), "on": daily()})
    words = r"The last 10 values of column 'done' of X are .* itself"
    with pytest.warns(UserWarning, match=words) as caught:
        small(missing="ffill").fit(frame)
    assert caught[0].filename == __file__
    together = frame.iloc[:50].copy()
    together.iloc[:9] = np.nan
    assert len(small(missing="ffill").fit(together).predict()) == 1


def test_each_independent_channel_is_masked_by_itself():
    """As the same series in a long frame are."""
    some = daily(90).where(np.arange(90) % 2 == 0)
    wide = pd.DataFrame({"a": daily(90), "b": some.fillna({some.index[-1]: 20.0})})
    options = {"missing": "mask", "lookback": 7, "horizon": 3, "max_epochs": 2}
    with pytest.raises(ValueError, match=r"has no gap: 44 of 90 rows are missing"):
        small(**options).fit(wide)
    channels = small(**options, channels="independent").fit(wide)
    long = wide.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")
    panel = small(**options).fit(long)
    assert channels.loss_curve_ == panel.loss_curve_


@pytest.mark.parametrize("how", HOLES)
@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("y", np.inf, ["inf", "1 of 8", "row 5", "series 'b'"]),
        ("x", -np.inf, ["inf", "row 5", "series 'b'", "column 'x'"]),
    ],
)
def test_infinite_values_are_never_filled(how, column, value, words):
    frame = pd.DataFrame(
        {"unique_id": list("aaaabbbb"), "ds": [0, 1, 2, 3] * 2, "y": 1.0, "x": 2.0}
    )
    frame.loc[5, column] = value
    with pytest.raises(ValueError, match=says(*words)):
        read_training(frame, None, HOLES[how])


@pytest.mark.parametrize("column", ["y", "x"])
def test_a_series_without_any_value(column):
    frame = pd.DataFrame({"unique_id": list("aabb"), "ds": [0, 1] * 2, "y": 1.0, "x": "w"})
    frame.loc[1:, column] = None
    with pytest.raises(
        ValueError, match=says(f"Column '{column}' of series 'b' of X has no value")
    ):
        read_training(frame, None, HOLES["ffill"])


def test_gaps_of_years_are_a_wrong_frequency():
    stamps = pd.date_range("1900", periods=20, freq="s").append(pd.date_range("2024", periods=3))
    with pytest.raises(ValueError, match=says("23 rows", "freq=")):
        read_training(pd.Series(1.0, stamps), None, HOLES["ffill"])


def test_stamps_between_steps_are_no_gaps():
    stamps = pd.date_range("2024", periods=20, freq="h").insert(7, pd.Timestamp("2024-01-01 06:20"))
    with pytest.raises(ValueError, match=says("irregular", "row 7")):
        read_training(pd.Series(1.0, stamps), None, HOLES["ffill"])


def test_a_history_is_filled_as_well():
    fitted = read_training(pd.Series(1.0, range(9)), None, HOLES["ffill"])
    history = pd.Series([1.0, None, 3.0], [0, 1, 3])
    panel = read_history(history, None, fitted, HOLES["ffill"])
    assert panel.targets[:, 0].tolist() == [1, 1, 1, 3]


def test_a_short_history_with_gaps_has_the_frequency_of_the_training_data():
    months = pd.date_range("2024-01-01", periods=20, freq="MS")
    fitted = read_training(pd.Series(1.0, months), None, HOLES["ffill"])
    history = pd.Series([1.0, 2.0, 4.0], months[[0, 1, 3]])
    panel = read_history(history, None, fitted, HOLES["ffill"])
    assert panel.targets[:, 0].tolist() == [1, 2, 2, 4]
    days = pd.date_range("2024-01-01", periods=90, freq="D").delete(50)
    with pytest.raises(ValueError, match=says("a row every 1 day", "every 31 days")):
        read_history(pd.Series(1.0, days), None, fitted, HOLES["ffill"])


def test_missing_may_be_set_after_the_fit():
    forecaster = small(horizon=2).fit(daily())
    holes = daily().mask(np.arange(60) == 57)
    with pytest.raises(ValueError, match="missing values"):
        forecaster.predict(history=holes)
    filled = forecaster.predict(history=holes.ffill())
    forecaster.set_params(missing="ffill")
    pd.testing.assert_series_equal(forecaster.predict(history=holes), filled)
    with pytest.raises(ValueError, match="'missing' parameter"):
        forecaster.set_params(missing="fill").predict(history=holes)


def test_a_static_number_stays_exactly_what_it_is():
    frame = pd.DataFrame({"unique_id": "a", "ds": range(99), "y": 1.0, "size": 0.1})
    frame.loc[1:97, "size"] = np.nan
    roles = Roles(static_covariates=["size"], missing="interpolate")
    assert (read_training(frame, None, roles).covariates["size"] == 0.1).all()


def test_a_large_static_number_is_not_rounded_where_another_column_has_a_gap():
    size = 2**53 + 1  # no floating-point number
    frame = pd.DataFrame({"unique_id": "a", "ds": range(99), "y": 1.0, "size": size})
    frame.loc[50, "y"] = np.nan
    roles = Roles(static_covariates=["size"], missing="interpolate")
    assert read_training(frame, None, roles).covariates["size"].tolist() == [size] * 99


def test_what_is_missing_at_the_end_may_be_what_is_to_come():
    y = daily(60)
    y.iloc[[5, 6, 20]] = np.nan
    small(missing="ffill").fit(y.where(np.arange(60) < 58))  # no more than elsewhere
    y.iloc[55:] = np.nan
    with pytest.warns(UserWarning, match=says("last 5 values of X", "leave their rows out")):
        forecaster = small(missing="ffill").fit(y)
    assert forecaster.predict().index[0] == y.index[-1] + pd.Timedelta(days=1)


def test_months_with_gaps_every_half_year_are_months():
    months = pd.date_range("2018-01-01", periods=60, freq="MS")
    rows = Rows("y", months[np.arange(60) % 6 != 5], np.array([0, 50]))
    timeline, numbers = read_times(rows, gaps=True)
    assert timeline.step_name == "MS"
    assert numbers.tolist() == [month for month in range(60) if month % 6 != 5]


def test_a_hint_counts_for_more_than_short_stretches():
    """Business days without Mondays or Fridays are no days, if the training data had the former."""
    days = pd.bdate_range("2024-01-01", periods=60)
    rows = Rows("history", days[(days.day_of_week % 4 != 0)], np.array([0, 36]))
    timeline, numbers = read_times(rows, hint=pd.offsets.BusinessDay(), gaps=True)
    assert timeline.step_name == "B"
    assert numbers[:5].tolist() == [0, 1, 2, 5, 6]
