"""Forecasts of many series: which of them belong together, and what each depends on."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal
from small import daily, daily_frame, says, small, wave

LENGTHS = {"a": 60, "b": 41, "c": 75}


def one(key, rows, **columns):
    """One series of a long frame, with an end of its own, and a level and noise of its own."""
    random = np.random.default_rng(rows)
    y = wave(rows) * (1 + random.random()) + random.normal(0, 0.5, rows)
    stamps = pd.date_range("2024-01-01", periods=rows)
    return pd.DataFrame({"unique_id": key, "ds": stamps, "y": y, **columns})


def long_frame(lengths=LENGTHS, **columns):
    parts = [one(key, rows, **columns) for key, rows in lengths.items()]
    return pd.concat(parts, ignore_index=True)


def levels(frame):
    return frame.set_index(["unique_id", "ds"])


def of(frame, key):
    """The rows of one series, without its key."""
    return frame[frame["unique_id"] == key].set_index("ds")["y"]


def by_series(forecast):
    return levels(forecast).sort_index()


def assert_same_bits(left, right):
    assert_frame_equal(by_series(left), by_series(right), check_exact=True)


# What a series' forecast depends on


@pytest.mark.parametrize("strategy", ["direct", "recursive", "seq2seq"])
def test_a_panel_of_one_series_is_that_series(strategy):
    options = {"horizon": 3, "strategy": strategy, "early_stopping": True, "max_epochs": 3}
    alone = small(**options).fit(daily())
    frame = daily().rename("y").rename_axis("ds").reset_index().assign(unique_id="only")
    panel = small(**options).fit(frame)
    assert panel.loss_curve_ == alone.loss_curve_
    np.testing.assert_array_equal(panel.predict()["y"], alone.predict())


def test_the_order_of_rows_does_not_matter_while_that_of_series_stays():
    frame = long_frame()
    expected = small(horizon=3).fit(frame).predict()
    woven = frame.sort_values("ds", kind="stable")  # row by row, all series at once
    backward = frame.iloc[::-1].sort_values("unique_id", kind="stable")
    for rows in (woven, backward):
        forecast = small(horizon=3).fit(rows.reset_index(drop=True)).predict()
        assert_frame_equal(forecast, expected, check_exact=True)


def test_the_order_of_series_is_that_of_windows_and_of_forecasts():
    """Training draws windows by their number, so other weights come of another order."""
    frame = long_frame()
    turned = pd.concat([frame[frame["unique_id"] == key] for key in "cab"], ignore_index=True)
    forecaster = small(horizon=3).fit(frame)
    forecast = small(horizon=3).fit(turned).predict()
    assert forecast["unique_id"].drop_duplicates().to_list() == ["c", "a", "b"]
    # with the same weights the forecasts of each series have the same bits
    again = forecaster.predict(history=turned)
    assert again["unique_id"].equals(forecast["unique_id"])
    assert_same_bits(again, forecaster.predict())


@pytest.mark.parametrize("strategy", ["direct", "recursive", "seq2seq"])
def test_a_forecast_depends_on_its_own_history_only(strategy):
    frame = long_frame()
    forecaster = small(horizon=3, strategy=strategy).fit(frame)
    forecast = forecaster.predict()
    bent = frame.assign(y=frame["y"] + 5 * (frame["unique_id"] == "b"))
    other = forecaster.predict(history=bent)
    for key in "abc":
        assert of(other, key).equals(of(forecast, key)) == (key != "b")
        alone = forecaster.predict(history=frame[frame["unique_id"] == key])
        assert_series_equal(of(alone, key), of(forecast, key), check_exact=True)


def test_each_series_ends_where_it_ends():
    frame = long_frame()
    forecast = small(horizon=3).fit(frame).predict()
    for key, rows in LENGTHS.items():
        expected = pd.date_range("2024-01-01", periods=rows + 3)[rows:]
        assert of(forecast, key).index.to_list() == expected.to_list()


@pytest.mark.parametrize("strategy", ["direct", "recursive", "seq2seq"])
def test_some_series_and_some_of_their_steps(strategy):
    forecaster = small(horizon=3, strategy=strategy).fit(long_frame())
    longest = forecaster.predict(pd.concat([ahead("a", 7), ahead("c", 7)], ignore_index=True))
    rows = longest[["unique_id", "ds"]].iloc[[9, 2, 13, 0]]
    assert_frame_equal(forecaster.predict(rows), longest.iloc[[9, 2, 13, 0]], check_exact=True)
    assert_series_equal(of(longest, "c")[:3], of(forecaster.predict(), "c"), check_exact=True)


def ahead(key, steps, **columns):
    stamps = pd.date_range("2024-01-01", periods=LENGTHS[key] + steps)[LENGTHS[key] :]
    return pd.DataFrame({"unique_id": key, "ds": stamps, **columns})


# Series that training did not see


def test_an_unseen_series_brings_its_own_scale():
    forecaster = small(horizon=3, dtype="float64").fit(long_frame())
    new = one("new", 50)
    plain = forecaster.predict(history=new)["y"]
    for factor, shift in [(1024.0, 0.0), (1.0, 2048.0), (2.0**-20, -1.0)]:
        other = forecaster.predict(history=new.assign(y=new["y"] * factor + shift))["y"]
        np.testing.assert_allclose((other - shift) / factor, plain, rtol=1e-7)


def test_a_series_that_was_there_keeps_the_scale_of_training():
    frame = long_frame()
    forecaster = small(horizon=3, normalize=None).fit(frame)
    doubled = frame.assign(y=frame["y"] * 2)
    as_known = forecaster.predict(history=doubled)["y"]
    unseen = doubled.assign(unique_id=doubled["unique_id"] + "2")
    as_unseen = forecaster.predict(history=unseen)["y"]
    np.testing.assert_allclose(as_unseen / 2, forecaster.predict()["y"], rtol=1e-5)
    assert (np.abs(as_known / as_unseen - 1) > 1e-3).all()


def test_known_and_unseen_series_side_by_side():
    forecaster = small(horizon=3).fit(long_frame())
    mixed = pd.concat([one("new", 50), long_frame()], ignore_index=True)
    forecast = forecaster.predict(history=mixed)
    assert forecast["unique_id"].drop_duplicates().to_list() == ["new", "a", "b", "c"]
    assert_same_bits(forecast[forecast["unique_id"] != "new"], forecaster.predict())
    rows = forecast.loc[forecast["unique_id"] == "new", ["unique_id", "ds"]]
    again = forecaster.predict(rows, history=mixed)
    assert_frame_equal(again, forecast.loc[rows.index], check_exact=True)
    with pytest.raises(ValueError, match=says("'new' in row 0", "history=")):
        forecaster.predict(rows)


def test_a_plain_series_is_an_unseen_one():
    forecaster = small(horizon=3).fit(long_frame())
    forecast = forecaster.predict(history=daily())
    assert forecast.name == "sales"
    frame = daily().rename("y").rename_axis("ds").reset_index().assign(unique_id="new")
    np.testing.assert_array_equal(forecast, forecaster.predict(history=frame)["y"])


# Series that are too short


def test_what_is_advised_where_series_are_too_short_can_help():
    frame, short = long_frame(), long_frame({"a": 3, "b": 4})
    for options, advice in (
        ({}, "Use a shorter lookback, or short_series='drop' or 'pad'."),
        ({"short_series": "drop"}, "Use a shorter lookback, or short_series='pad'."),
    ):
        with pytest.raises(ValueError, match=says("2 of 2 series are too short", advice)):
            small(**options).fit(short)
    with pytest.raises(ValueError, match=says("reads the last 6. Use short_series='drop'")):
        small().fit(frame).predict(history=short)


def test_short_series_are_named():
    frame = long_frame({"a": 60, "b": 8, "c": 9, "d": 2})
    words = says("2 of 4", "'b' has 8 rows", "'d' has 2 rows", "lookback 6 + horizon 3 need 9")
    with pytest.raises(ValueError, match=words):
        small(horizon=3).fit(frame)


def test_dropped_series_leave_no_trace():
    frame = long_frame({"a": 60, "b": 8, "c": 75})
    dropped = small(horizon=3, short_series="drop").fit(frame)
    without = small(horizon=3).fit(frame[frame["unique_id"] != "b"])
    assert dropped.loss_curve_ == without.loss_curve_
    assert_frame_equal(dropped.predict(), without.predict(), check_exact=True)
    with pytest.raises(ValueError, match=says("'b'", "not among the 2 series")):
        dropped.predict(frame[frame["unique_id"] == "b"])
    with pytest.raises(ValueError, match=says("2 of 2", "'b' has 8 rows")):
        small(horizon=3, short_series="drop").fit(long_frame({"a": 7, "b": 8}))


def test_padded_series_begin_with_their_first_row():
    frame = long_frame({"a": 60, "b": 5})
    padded = small(horizon=3, short_series="pad").fit(frame)
    first = frame[frame["unique_id"] == "b"].iloc[:1]
    days = [first["ds"].iloc[0] - pd.Timedelta(days=n) for n in (4, 3, 2, 1)]
    by_hand = pd.concat([first.assign(ds=day) for day in days] + [frame[-5:]])
    by_hand = small(horizon=3).fit(pd.concat([frame[:-5], by_hand]))
    assert padded.loss_curve_ == by_hand.loss_curve_
    assert_frame_equal(padded.predict(), by_hand.predict(), check_exact=True)


def test_short_histories_are_padded_or_dropped_too():
    forecaster = small(horizon=3, short_series="drop").fit(long_frame())
    history = pd.concat([one("new", 50), one("stub", 4)], ignore_index=True)
    assert set(forecaster.predict(history=history)["unique_id"]) == {"new"}
    forecaster.set_params(short_series="pad")
    assert len(forecaster.predict(history=history)) == 6
    forecaster.set_params(short_series="raise")
    with pytest.raises(ValueError, match=says("'stub' has 4 rows", "reads the last 6")):
        forecaster.predict(history=history)


# Forms and keys


def test_long_frame_and_levels_say_the_same():
    frame = long_frame(price=1.5)
    frame["price"] += np.arange(len(frame)) % 5
    rows = pd.concat([ahead(key, 4, price=2.5) for key in LENGTHS], ignore_index=True)
    expected = small(horizon=4).fit(frame).predict(rows)
    forecasts = [
        small(horizon=4).fit(levels(frame)).predict(levels(rows)),
        small(horizon=4).fit(levels(frame)[["price"]], levels(frame)[["y"]]).predict(levels(rows)),
        small(horizon=4).fit(levels(frame)[["price"]], levels(frame)["y"]).predict(levels(rows)),
    ]
    for forecast in forecasts:
        assert isinstance(forecast.index, pd.MultiIndex)
        values = forecast if forecast.ndim == 1 else forecast["y"]
        assert_series_equal(values, levels(expected)["y"], check_exact=True)


def test_a_wide_frame_is_no_panel():
    """Its columns are targets of one network, read together."""
    wide = daily_frame(columns="ab")
    forecast = small(horizon=3).fit(wide).predict()
    assert list(forecast.columns) == ["a", "b"]
    assert forecast.index.equals(pd.date_range("2024-03-01", periods=3))
    bent = wide.assign(a=wide["a"] + np.arange(60) % 5)
    other = small(horizon=3).fit(wide).predict(history=bent)
    assert (other["b"] != forecast["b"]).all()
    frame = wide.rename_axis("ds").melt(var_name="unique_id", value_name="y", ignore_index=False)
    panel = small(horizon=3).fit(frame.reset_index())
    bent = bent.rename_axis("ds").melt(var_name="unique_id", value_name="y", ignore_index=False)
    again = panel.predict(history=bent.reset_index())
    assert of(again, "b").equals(of(panel.predict(), "b"))


@pytest.mark.parametrize(
    "keys",
    [["x", "y", "z"], [3, 1, 2], pd.to_datetime(["2020-01-01", "2019-06-01", "2021-01-01"])],
    ids=["strings", "numbers", "dates"],
)
@pytest.mark.parametrize("as_category", [False, True])
def test_keys_of_any_kind_are_only_names(keys, as_category):
    frame, key = long_frame(), dict(zip("abc", keys, strict=True))
    expected = small(horizon=2).fit(frame).predict()
    frame["unique_id"] = frame["unique_id"].map(key)
    if as_category:
        frame["unique_id"] = frame["unique_id"].astype("category")
    forecast = small(horizon=2).fit(frame).predict()
    assert forecast["unique_id"].dtype == frame["unique_id"].dtype
    assert forecast["unique_id"].to_list() == expected["unique_id"].map(key).to_list()
    np.testing.assert_array_equal(forecast["y"], expected["y"])
    assert small(horizon=2).fit(levels(frame)).predict().index.names == ["unique_id", "ds"]


def test_three_levels():
    frame = long_frame()
    shops = frame.assign(city=frame["unique_id"].map({"a": "Rome", "b": "Rome", "c": "Oslo"}))
    y = shops.set_index(["city", "unique_id", "ds"])["y"]
    forecaster = small(horizon=3).fit(y)
    forecast = forecaster.predict()
    assert forecast.index.names == ["city", "unique_id", "ds"]
    expected = levels(small(horizon=3).fit(frame).predict())["y"]
    assert_series_equal(forecast.droplevel("city"), expected, check_exact=True)
    assert_series_equal(forecaster.predict(history=y), forecast, check_exact=True)
    some = forecast.loc[["Oslo"]].to_frame()[[]]
    assert_series_equal(forecaster.predict(some), forecast.loc[["Oslo"]], check_exact=True)
    with pytest.raises(ValueError, match=says("keys", "1", "2")):
        forecaster.predict(some.droplevel("city"))


def stores_and_items():
    """Two levels of keys that are the same numbers."""
    days = pd.date_range("2024-01-01", periods=40)
    index = pd.MultiIndex.from_product([[1, 2], [1, 2], days], names=["store", "item", "ds"])
    return pd.Series(np.concatenate([wave(40) * 10**k for k in range(4)]), index, name="y")


def test_levels_are_found_by_name():
    y = stores_and_items()
    forecaster = small(horizon=2, pooling="local").fit(y)
    expected = forecaster.predict()
    swapped, rows = expected.swaplevel(0, 1), expected.to_frame()[[]]
    assert_series_equal(forecaster.predict(rows.swaplevel(0, 1)), swapped)
    assert forecaster.score(swapped) == forecaster.score(expected) == 1
    assert_series_equal(forecaster.predict(history=y.swaplevel(0, 1)), swapped)
    assert_series_equal(forecaster.predict(rows, history=y.swaplevel(0, 1)), expected)
    assert forecaster.partial_fit(y.swaplevel(0, 1)).predict().index.equals(swapped.index)
    unnamed = rows.rename_axis([None, "item", "ds"])  # by place
    assert forecaster.fit(y).predict(unnamed).index.equals(expected.index)


def test_the_same_keys_under_each_others_names_are_other_rows():
    y = stores_and_items()
    X, y = pd.DataFrame({"price": y / 2}), y.swaplevel(0, 1).sort_index()
    with pytest.raises(ValueError, match="different indexes") as caught:
        small().fit(X, y)
    small().fit(eval(str(caught.value).partition("X = ")[2].removesuffix(".")), y)
    forecaster = small().fit(X, y.reorder_levels(X.index.names).loc[X.index])
    with pytest.raises(ValueError, match="X_history and history have different indexes"):
        forecaster.predict(history=y, X_history=X)


def test_levels_of_other_names_are_refused():
    y = stores_and_items()
    forecaster = small().fit(y)
    other = y.rename_axis(["store", "shop", "ds"])
    for call in (forecaster.partial_fit, lambda y: forecaster.predict(history=y)):
        with pytest.raises(ValueError, match=says("['store', 'shop']", "['store', 'item']")):
            call(other)
    with pytest.raises(ValueError, match=says("X has keys", "['store', 'shop']")):
        forecaster.predict(other.to_frame()[[]])


def test_keys_that_floats_cannot_tell_apart_are_refused():
    frame = long_frame()
    frame["unique_id"] = frame["unique_id"].map({"a": 2**53, "b": 2**53 + 1, "c": 7})
    forecaster = small(horizon=2).fit(frame)
    rows = forecaster.predict()[["unique_id", "ds"]]
    floats = rows.astype({"unique_id": "float64"})
    assert (forecaster.predict(floats[4:])["unique_id"] == 7).all()
    with pytest.raises(ValueError, match=says("X has the key 9007199254740992.0", "integers")):
        forecaster.predict(floats)
    with pytest.raises(ValueError, match=says("the key 9007199254740992.0", "integers")):
        forecaster.predict(history=frame[:60].astype({"unique_id": "float64"}))


# Covariates


def test_covariates_of_each_kind_reach_the_series_they_belong_to():
    frame = long_frame(price=1.0, sold=2.0, kind="x")
    random = np.random.default_rng(0)
    frame["price"], frame["sold"] = random.normal(size=(2, len(frame)))
    frame["kind"] = frame["unique_id"].map({"a": "x", "b": "y", "c": "x"})
    roles = {"past_covariates": ["sold"], "static_covariates": ["kind"]}
    forecaster = small(horizon=4, **roles).fit(frame)
    rows = pd.concat([ahead(key, 4, price=0.5) for key in LENGTHS], ignore_index=True)
    forecast = forecaster.predict(rows)

    def changed(history=None, rows=rows):
        other = forecaster.predict(rows, history=history)["y"]
        return np.flatnonzero(other.to_numpy() != forecast["y"].to_numpy()).tolist()

    assert changed() == changed(frame) == []
    assert changed(rows=rows.assign(price=rows["price"] + (rows.index == 6))) == [6]
    last = frame.drop_duplicates("unique_id", keep="last").index
    assert changed(frame.assign(sold=frame["sold"] + (frame.index == last[1]))) == [4, 5, 6, 7]
    assert changed(frame.assign(kind=frame["kind"].where(frame["unique_id"] != "a", "y"))) == [
        *range(4)
    ]
    assert_same_bits(forecaster.predict(rows[::-1].assign(sold=1e9)), forecast)
    with pytest.raises(ValueError, match=says("Row 0 of X has 'new'", "is 'x' in the history")):
        forecaster.predict(rows.assign(kind="new"))
    with pytest.raises(ValueError, match=says("static", "'kind' changes", "series 'a'")):
        small(**roles).fit(frame.assign(kind=np.where(frame.index == 7, "y", frame["kind"])))


# Gaps


def with_gaps():
    """A panel that lacks some rows, and has others without a target or a price."""
    frame = long_frame(price=1.0)
    frame["price"] += np.arange(len(frame)) % 4
    frame.loc[[5, 70], "y"] = np.nan
    frame.loc[[8, 90], "price"] = np.nan
    return frame.drop(index=[20, 21, 110, 111, 112])


@pytest.mark.parametrize("missing", ["ffill", "interpolate"])
def test_gaps_are_filled_as_by_hand(missing):
    whole = levels(with_gaps()).reindex(levels(long_frame()).index)
    parts = []
    for key in LENGTHS:
        part = whole.loc[[key]]
        parts.append(part.interpolate() if missing == "interpolate" else part.ffill())
    by_hand = pd.concat(parts)
    rows = levels(pd.concat([ahead(key, 3, price=2.0) for key in LENGTHS]))
    forecaster = small(horizon=3, missing=missing).fit(levels(with_gaps()))
    expected = small(horizon=3).fit(by_hand)
    assert forecaster.loss_curve_ == expected.loss_curve_
    assert_frame_equal(forecaster.predict(rows), expected.predict(rows), check_exact=True)


def test_masked_gaps_are_read_but_never_learned():
    """Only the filled value tells the forecasts apart, and only where it is read."""
    masked = small(horizon=3, missing="mask").fit(with_gaps())
    rows = pd.concat([ahead(key, 3, price=2.0) for key in LENGTHS])
    filled = small(horizon=3, missing="ffill").fit(with_gaps())
    assert masked.loss_curve_ != filled.loss_curve_
    assert np.isfinite(masked.predict(rows)["y"]).all()
    assert_frame_equal(
        masked.predict(rows, history=with_gaps()), masked.predict(rows), check_exact=True
    )


def test_windows_with_a_gap_in_the_target_are_not_trained_on():
    """The last three rows are read as targets only, and only together with the gap in one of them.

    Numbers change places there, so that the series keeps its scale.
    """
    y = daily_frame(columns="ab")
    y.iloc[-3, 1] = np.nan
    bent = y.copy()
    bent.iloc[-3:, 0] = y["a"].iloc[[-1, -3, -2]].to_numpy()

    def losses(frame, missing):
        options = {"horizon": 3, "missing": missing, "dtype": "float64", "max_epochs": 2}
        return small(**options).fit(frame).loss_curve_

    assert losses(bent, "mask") == pytest.approx(losses(y, "mask"), rel=1e-9)
    assert losses(bent, "ffill") != pytest.approx(losses(y, "ffill"), rel=1e-4)


def test_nothing_is_left_where_every_target_has_a_gap():
    y = daily()
    y.iloc[6::3] = np.nan
    with pytest.raises(ValueError, match=says("horizon 3", "18 of 60 rows are missing")):
        small(horizon=3, missing="mask").fit(y)


# Training on panels


def test_early_stopping_validates_on_the_end_of_each_series():
    """The losses there follow what happens at the ends, and at the end of the short one too."""
    options = {"horizon": 2, "early_stopping": True, "max_epochs": 3, "dtype": "float64"}
    frame = long_frame()
    plain = small(**options).fit(frame)
    assert len(plain.validation_scores_) == plain.n_iter_
    last = frame.drop_duplicates("unique_id", keep="last").index
    for row in last:
        # two values change places at the very end: each series keeps its scale
        bent = frame.copy()
        bent.loc[row, "y"], bent.loc[row - 1, "y"] = frame.loc[row - 1, "y"], frame.loc[row, "y"]
        other = small(**options).fit(bent)
        assert other.loss_curve_[0] == pytest.approx(plain.loss_curve_[0], rel=1e-9)
        assert other.validation_scores_[0] != plain.validation_scores_[0]


def test_going_on_with_some_series_and_with_new_ones():
    frame = long_frame()
    forecaster = small(horizon=3).fit(frame)
    forecaster.partial_fit(pd.concat([frame[frame["unique_id"] == "b"], one("new", 50)]))
    forecast = forecaster.predict()
    assert forecast["unique_id"].drop_duplicates().to_list() == ["b", "new"]
    assert np.isfinite(forecast["y"]).all()
