"""What cannot work: each with a clear error, at once, and nothing changed that was fitted."""

import signal
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from small import daily, daily_frame, rows_at, says, small, wave

DAYS = daily().index


@contextmanager
def at_once(seconds=3):
    """Ends what would go on for ever, or until the memory is full."""

    def give_up(number, frame):
        raise AssertionError(f"this still went on after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def fitted():
    """A fitted forecaster; with its parameters back, it must forecast as before the test."""
    forecaster = small(horizon=3).fit(daily())
    forecast, rolled = forecaster.predict(), forecaster.predict(np.zeros((8, 0)))
    attributes = {name: value for name, value in vars(forecaster).items() if name.endswith("_")}
    weights = {name: values.copy() for name, values in forecaster.params_.items()}
    parameters = forecaster.get_params()
    yield forecaster
    forecaster.set_params(**parameters)
    assert {name: vars(forecaster).get(name) for name in attributes} == attributes
    for name, values in weights.items():
        np.testing.assert_array_equal(forecaster.params_[name], values)
    pd.testing.assert_series_equal(forecaster.predict(), forecast, check_exact=True)
    again = forecaster.predict(np.zeros((8, 0)))
    pd.testing.assert_series_equal(again, rolled, check_exact=True)


def changed(position, value, data=None):
    data = daily() if data is None else data
    data.iloc[position] = value
    return data


# What cannot be forecast: (what, error, words)

BAD_SERIES = {
    "None": (None, TypeError, ["None"]),
    "text": ("sales", TypeError, ["str"]),
    "bytes": (b"12345", TypeError, ["bytes"]),
    "number": (5, TypeError, ["int"]),
    "dict": ({"a": [1, 2]}, TypeError, ["dict"]),
    "set": ({1, 2}, TypeError, ["set"]),
    "iterator": (iter([1, 2]), TypeError, ["iterator"]),
    "index": (DAYS, TypeError, ["DatetimeIndex"]),
    "scalar array": (np.array(3.0), ValueError, ["dimension", "0"]),
    "empty list": ([], ValueError, ["empty"]),
    "empty array": (np.empty(0), ValueError, ["empty"]),
    "empty series": (daily()[:0], ValueError, ["empty"]),
    "empty frame": (pd.DataFrame(), ValueError, ["column"]),
    "no columns": (rows_at(DAYS), ValueError, ["column"]),
    "no rows": (daily_frame()[:0], ValueError, ["empty"]),
    "no array columns": (np.empty((60, 0)), ValueError, ["column"]),
    "three dimensions": (np.ones((9, 3, 2)), ValueError, ["dimension", "(9, 3, 2)"]),
    "ragged": ([[1, 2], [3]], ValueError, ["equally long"]),
    "list of series": ([daily(), daily()], TypeError, ["pd.concat"]),
    "NaN": (changed(7, np.nan), ValueError, ["NaN", "1 of 60", "row 7 (2024-01-08"]),
    "inf": (changed(7, np.inf), ValueError, ["inf", "row 7"]),
    "-inf in a list": ([*wave(), -np.inf], ValueError, ["inf", "row 60"]),
    "None in a list": ([*wave(), None], (TypeError, ValueError), ["60"]),
    "NaN in a column": (
        changed((3, 1), np.nan, daily_frame()),
        ValueError,
        ["row 3", "column 'b'"],
    ),
    "strings": (daily().astype(str), TypeError, ["dtype", "pd.to_numeric"]),
    "a string": (["1", "2", "n/a"], TypeError, ["'n/a'"]),
    "objects": (daily().astype(object), TypeError, ["object"]),
    "categories": (daily().round().astype("category"), TypeError, ["category"]),
    "a text column": (daily_frame().assign(c="x"), TypeError, ["Column 'c'"]),
    "dates": (pd.Series(DAYS, DAYS), TypeError, ["datetime64"]),
    "a column of dates": (
        daily().reset_index(),
        TypeError,
        ["Column 'day' of", "holds dates", ".set_index('day')", "target_col"],
    ),
    "dates in a file": (
        daily().rename_axis("month").reset_index().astype({"month": str}),
        TypeError,
        ["Column 'month'", "holds dates", ".pop('month')", "target_col"],
    ),
    "a long frame of other names": (
        daily().reset_index().assign(store="a").astype({"day": str}),
        ValueError,
        ["looks like a long frame", "id_col, time_col and target_col"],
    ),
    "dates as columns": (
        daily_frame().reset_index(drop=True)[["a", "b"]].T.set_axis(DAYS, axis=1),
        ValueError,
        ["dates as its columns", "2024-01-01", ".T."],
    ),
    "dates as columns of a file": (
        daily_frame().T.set_axis(DAYS.astype(str), axis=1).reset_index(names="shop"),
        ValueError,
        ["dates as its columns", "'2024-01-01'", ".set_index(['shop']).T."],
    ),
    "a year and a month": (
        daily().groupby([DAYS.year.rename("year"), DAYS.month.rename("month")]).sum(),
        TypeError,
        ["['year', 'month']", "begins again", "PeriodIndex.from_fields"],
    ),
    "a date and an hour": (
        daily().set_axis(pd.MultiIndex.from_product([DAYS[:5], range(12)], names=["date", "Hour"])),
        TypeError,
        ["begins again", "pd.to_timedelta"],
    ),
    "booleans": (daily() > 20, TypeError, ["bool"]),
    "complex": (wave() + 1j, ValueError, ["omplex"]),
    "huge integers": ([10**30, 10**40] * 30, TypeError, ["object"]),
    "masked": (np.ma.masked_less(wave(), 20), TypeError, ["masked"]),
    "duplicate stamps": (daily().set_axis(DAYS[[0, *range(59)]]), ValueError, ["duplicate"]),
    "unsorted stamps": (daily()[::-1], ValueError, ["increase", "sort_index"]),
    "a gap": (daily().drop(DAYS[[9]]), ValueError, ["gap", "2024-01-10", "asfreq"]),
    "irregular stamps": (
        daily().set_axis(DAYS + pd.to_timedelta(np.arange(60) ** 2, "min")),
        ValueError,
        ["irregular", "resample"],
    ),
    "NaT": (daily().set_axis(DAYS.insert(0, pd.NaT)[:60]), ValueError, ["row 0", "NaT"]),
    "mixed zones": (
        daily().set_axis([t.tz_localize("UTC" if t.day < 5 else "Asia/Tokyo") for t in DAYS]),
        TypeError,
        ["time zones", "utc=True"],
    ),
    "stamps as text": (daily().set_axis(DAYS.astype(str)), TypeError, ["to_datetime"]),
    "decimal stamps": (daily().set_axis(np.arange(60) / 2), TypeError, ["whole numbers"]),
    "duplicate columns": (daily_frame(columns="aa"), ValueError, ["unique", "'a'"]),
    "too short": (daily(8), ValueError, ["8 rows; lookback 6 + horizon 3 need 9"]),
    "one row": ([5.0], ValueError, ["1 sample; lookback 6 + horizon 3 need 9"]),
}


@pytest.mark.parametrize("what", BAD_SERIES)
def test_fit_refuses(fitted, what):
    data, error, words = BAD_SERIES[what]
    with pytest.raises(error, match=says(*words)), at_once():
        fitted.fit(data)
    with pytest.raises(error, match=says(*words)), at_once():
        clone(fitted).fit(data)


@pytest.mark.parametrize("what", [what for what in BAD_SERIES if what != "None"])
def test_a_target_beside_rows_is_checked_as_well(fitted, what):
    data, error, words = BAD_SERIES[what]
    if what == "scalar array":
        return
    rows = len(data) if hasattr(data, "__len__") else 60
    index = data.index if isinstance(data, pd.Series | pd.DataFrame) else range(rows)
    with pytest.raises(error, match=says(*words)), at_once():
        fitted.fit(rows_at(index), data)


@pytest.mark.parametrize("what", [what for what in BAD_SERIES if what != "None"])
def test_a_history_is_checked_as_well(fitted, what):
    data, error, words = BAD_SERIES[what]
    if what in ("too short", "one row"):
        data, words = data[:5], ["history is too short", "network reads the last 6"]
    with pytest.raises(error, match=says(*words)), at_once():
        fitted.predict(history=data)


def test_a_single_stamp_needs_a_frequency(fitted):
    with pytest.raises(ValueError, match="freq="):
        fitted.fit(daily().set_axis(DAYS._with_freq(None))[:1])


# Rows beside the target


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (daily_frame()[:50], ["50 rows", "60"]),
        (np.ones((61, 1)), ["61 rows", "60"]),
        (wave(50, columns=1).tolist(), ["50 rows", "60"]),
        (rows_at(DAYS[:59]), ["59 rows", "60"]),
        (np.zeros((61, 0)), ["61 rows", "60"]),
        (rows_at(DAYS + pd.Timedelta(days=1)), ["different index"]),
        (rows_at(DAYS[::-1]), ["different index"]),
        (rows_at(pd.RangeIndex(60)), ["different index"]),
    ],
)
def test_rows_that_do_not_fit_the_target(fitted, rows, words):
    with pytest.raises(ValueError, match=says(*words)):
        fitted.fit(rows, daily())


@pytest.mark.parametrize("values", [daily() * 2, wave(), wave().tolist()], ids=type)
def test_values_beside_the_target_are_not_ignored_in_silence(fitted, values):
    """A series or a list is one covariate."""
    with pytest.raises(ValueError, match="covariate"):
        fitted.fit(values, daily())


@pytest.mark.parametrize("rows", [5, "text", {"a": 1}, DAYS], ids=type)
def test_what_is_no_rows_at_all(fitted, rows):
    with pytest.raises((TypeError, ValueError), match="X"):
        fitted.fit(rows, daily())


def test_none_beside_the_target():
    """What other libraries take for no covariates."""
    long = daily().reset_index().assign(price=1.0)
    small(time_col="day", target_col="sales").fit(None, long)
    forecast = small().fit(None, daily()).predict()
    pd.testing.assert_series_equal(forecast, small().fit(daily()).predict())


# Parameters


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "cell": ["LSTM", "transformer", None, 1],
        "lookback": [0, -1, 2.0, "6", np.nan],
        "horizon": [0, -3, 1.0, None, "12", [1, 2]],
        "hidden_size": [0, -1, 3.5, None],
        "num_layers": [0, -1, 1.0, None],
        "activation": ["sigmoid", None],
        "bidirectional": ["yes", None, 2],
        "dropout": [-0.1, 1, 1.0, 2, np.nan, None],
        "strategy": ["seq2sek", None],
        "normalize": ["minmax", False, 0],
        "loss": ["quantiles", None],
        "quantiles": ["median", None, 0.5],
        "optimizer": ["lion", None],
        "learning_rate": [0, -1e-3, np.nan, np.inf, "fast", None],
        "lr_schedule": [None, "linear"],
        "weight_decay": [-1, np.nan, np.inf, None],
        "batch_size": [0, -1, 0.5, None],
        "max_epochs": [0, -1, 1.5, None],
        "windows_per_epoch": [0, -1, 0.5],
        "clip_norm": [0, -1, np.nan, np.inf],
        "early_stopping": ["yes", None],
        "validation_fraction": [0, 1, -0.1, 1.5, np.nan, None],
        "n_iter_no_change": [0, -1, 1.5, None],
        "tol": [-1, np.nan, np.inf, None],
        "warm_start": ["yes", None],
        "past_covariates": ["price", 3],
        "static_covariates": ["price", 3],
        "id_col": [None, 1],
        "time_col": [None, 1],
        "target_col": [None, 1],
        "missing": ["drop", None],
        "short_series": ["skip", None],
        "handle_unknown": ["use_encoded_value", None],
        "random_state": [-1, 1.5, "seed", np.random.default_rng(0)],
        "device": ["gpu", None],
        "dtype": ["float16", np.float32, None],
        "verbose": [-1, "loud", None],
    }.items(),
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_parameters_out_of_range(fitted, name, values):
    for value in values:
        fitted.set_params(**{name: value})
        with pytest.raises(ValueError, match=f"'{name}' parameter of RNNForecaster must be"):
            fitted.fit(daily())


@pytest.mark.parametrize("freq", ["fortnight", 3, "-1D", "h", "ME"])
def test_frequencies_that_do_not_fit(fitted, freq):
    with pytest.raises(ValueError, match=says("freq") if freq != "h" else "frequency"):
        fitted.set_params(freq=freq).fit(daily())


def test_a_frequency_without_dates(fitted):
    for data in (wave(), pd.Series(wave()), daily().to_period("D")):
        with pytest.raises(ValueError, match=says("freq='D'", "dates")):
            fitted.set_params(freq="D").fit(data)


@pytest.mark.parametrize(
    "later",
    [
        {"dtype": "float64"},
        {"horizon": 7},
        {"horizon": -1},
        {"horizon": "many"},
        {"strategy": "recursive"},
        {"lookback": 20},
        {"normalize": None},
        {"cell": "gru", "hidden_size": 7, "bidirectional": True},
        {"device": "moon"},
        {"freq": "h"},
    ],
    ids=str,
)
def test_parameters_change_nothing_before_the_next_fit(fitted, later):
    """Nor does a fit that fails: its parameters are not those of the network that there is."""
    history = daily() + 1
    forecast, forecast_of_history = fitted.predict(), fitted.predict(history=history)
    fitted.set_params(**later)
    with pytest.raises((TypeError, ValueError)):
        fitted.fit(daily().astype(object))
    pd.testing.assert_series_equal(fitted.predict(), forecast)
    pd.testing.assert_series_equal(fitted.predict(history=history), forecast_of_history)


# Sizes beyond all measure


@pytest.mark.parametrize("size", [2**31, 2**40, 2**62, 2**63, 2**64, 10**30])
@pytest.mark.parametrize("name", ["lookback", "horizon"])
def test_windows_longer_than_any_series(fitted, name, size):
    needs = f"need {size + (3 if name == 'lookback' else 6)}"
    with pytest.raises(ValueError, match=says("60 rows", needs)), at_once():
        fitted.set_params(**{name: size}).fit(daily())


@pytest.mark.parametrize("size", [2**62, 2**63 - 1])
def test_windows_longer_than_any_series_in_numpy_integers(fitted, size):
    with pytest.raises(ValueError, match=says("60 rows", f"need {2 * size}")), at_once():
        fitted.set_params(lookback=np.int64(size), horizon=np.int64(size)).fit(daily())
    with pytest.raises(ValueError, match=says("60 rows", f"horizon {size}")), at_once():
        fitted.set_params(lookback=None, horizon=np.int64(size)).fit(daily())


@pytest.mark.parametrize(
    "sizes",
    [
        {"hidden_size": 2**15},
        {"hidden_size": 2**40},
        {"hidden_size": 2**62},
        {"hidden_size": np.int64(2**62), "cell": "lstm"},
        {"hidden_size": 10**30},
        {"num_layers": 10**8},
        {"num_layers": 2**40},
        {"num_layers": np.int64(2**62)},
        {"num_layers": 10**30, "bidirectional": True},
        {"hidden_size": 2**14, "cell": "lstm", "bidirectional": True},
    ],
    ids=str,
)
def test_networks_larger_than_any_machine(fitted, sizes):
    with pytest.raises(ValueError, match=says("parameters", "hidden_size")), at_once():
        fitted.set_params(**sizes).fit(daily())


def test_all_networks_count(fitted, monkeypatch):
    """Each of them has 43 parameters."""
    monkeypatch.setattr("tsrnn.fitting.LARGEST_NETWORK", 100)
    with pytest.raises(ValueError, match=says("129 parameters", "3 networks", "100 is the most")):
        fitted.set_params(n_members=3).fit(daily())


@pytest.mark.parametrize("size", [2**40, 2**62, 10**30])
def test_epochs_larger_than_any_machine(fitted, size):
    with pytest.raises(ValueError, match="windows_per_epoch"), at_once():
        fitted.set_params(windows_per_epoch=size).fit(daily())


@pytest.mark.parametrize("name", ["batch_size", "n_iter_no_change", "max_epochs"])
@pytest.mark.parametrize("size", [2**40, 2**62, 10**30])
def test_sizes_that_may_be_as_large_as_one_likes(name, size):
    options = {"early_stopping": True, "max_epochs": 2, "n_iter_no_change": 1, "tol": 1e9}
    with at_once():
        forecaster = small(**options | {name: size}).fit(daily())
    assert forecaster.n_iter_ <= 2


@pytest.mark.parametrize("horizon", [2**40, 2**62, 10**30])
def test_a_recursive_horizon_larger_than_any_machine(horizon):
    """Refused by fit or by predict, but not by an array that is too large."""
    forecaster = small(horizon=horizon, strategy="recursive")
    with pytest.raises(ValueError, match="horizon"), at_once():
        forecaster.fit(wave()).predict()


@pytest.mark.parametrize("step", [2**40, 2**62])
def test_rows_too_far_ahead(step):
    forecaster = small().fit(pd.Series(wave()))
    with pytest.raises(ValueError, match="X"), at_once():
        forecaster.predict(rows_at(pd.RangeIndex(step, step + 1)))


# predict


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (12, TypeError, ["X must be", "int"]),
        ("2024-03-01", TypeError, ["X must be", "str"]),
        (daily(), ValueError, ["row 0 of X", "not after", "2024-03-01"]),
        (
            rows_at(DAYS + pd.Timedelta(days=59)),
            ValueError,
            ["row 0 of X (2024-02-29", "not after"],
        ),
        (rows_at(pd.date_range("2024-03-01 06:00", periods=2)), ValueError, ["frequency D"]),
        (rows_at(pd.date_range("2024-03-01", periods=2, tz="UTC")), ValueError, ["UTC", "None"]),
        (rows_at(pd.period_range("2024-03-01", periods=2)), TypeError, ["dates", "periods"]),
        (rows_at(pd.RangeIndex(60, 62)), TypeError, ["dates", "integers"]),
        (rows_at(pd.DatetimeIndex(["2024-03-01", None])), ValueError, ["row 1", "NaT"]),
    ],
)
def test_rows_that_cannot_be_forecast(fitted, rows, error, words):
    with pytest.raises(error, match=says(*words)):
        fitted.predict(rows)


def test_a_fresh_index_is_explained():
    forecaster = small().fit(pd.Series(wave()))
    with pytest.raises(ValueError, match=r"X\.index \+= 60"):
        forecaster.predict(pd.DataFrame(index=range(5)))


@pytest.mark.parametrize("columns", [0, 1, 3])
def test_a_history_of_other_targets(columns):
    forecaster = small().fit(daily_frame())
    with pytest.raises(ValueError, match=says(f"{max(columns, 1)} column", "2")):
        forecaster.predict(history=wave(columns=columns))


@pytest.mark.parametrize("value", [1e12, 1e18, 1e25, 1e40, -1e300])
def test_a_history_too_large_for_the_network(fitted, value):
    """In single precision: refused or forecast, but never NaN, and without a warning."""
    history, message = changed(59, value), "large"
    try:
        forecast = fitted.predict(history=history)
    except ValueError as error:
        message = str(error)
    else:
        assert np.isfinite(forecast).all()
    assert "large" in message


# Series at the edge of what works


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("normalize", [None, "last", "mean", "standard", "robust"])
@pytest.mark.parametrize("value", [0, 0.1, -7.3, 1e-9 / 3, 1e12 / 7, 1e30 / 7])
def test_a_constant_series_goes_on_as_it_is(value, normalize, dtype):
    options = {"max_epochs": 20, "early_stopping": True, "horizon": 3}
    forecaster = small(normalize=normalize, dtype=dtype, **options).fit(np.full(61, value))
    np.testing.assert_array_equal(forecaster.predict(), value)
    assert forecaster.loss_curve_[-1] == 0


@pytest.mark.parametrize("exponent", [-300, -150, 100])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tiny_and_huge_values(exponent, dtype):
    expected = small(dtype=dtype, horizon=3).fit(wave()).predict()
    forecast = small(dtype=dtype, horizon=3).fit(wave() * 10.0**exponent).predict()
    np.testing.assert_allclose(forecast / 10.0**exponent, expected, rtol=1e-6)


def test_tiny_variation_on_a_large_offset():
    """Down to what a number can tell apart."""
    y = 1e12 + wave() * 0.01
    expected = small(horizon=3, max_epochs=5).fit(y - 1e12).predict()
    forecast = small(horizon=3, max_epochs=5).fit(y).predict()
    np.testing.assert_allclose(forecast - 1e12, expected, atol=3e-4)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int8"])
def test_the_extremes_of_integers(dtype):
    limits = np.iinfo(dtype)
    y = np.array([limits.min, limits.max], dtype)[(wave() > 23).astype(int)]
    forecast = small(horizon=3, max_epochs=5).fit(y).predict()
    assert np.isfinite(forecast).all()
    margin = float(limits.max) - float(limits.min)
    assert (np.abs(forecast - np.mean(y, dtype=float)) < 2 * margin).all()


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_the_shortest_series(strategy):
    rows = 9 if strategy == "direct" else 7
    forecaster = small(horizon=3, strategy=strategy).fit(daily(rows))
    assert np.isfinite(forecaster.predict()).all()
    with pytest.raises(ValueError, match=f"{rows - 1} rows; lookback 6"):
        forecaster.fit(daily(rows - 1))


def test_early_stopping_on_a_short_series_says_what_is_missing(fitted):
    with pytest.raises(ValueError, match=says("early_stopping", "2 windows", "horizon 3 - 1")):
        fitted.set_params(early_stopping=True).fit(daily(10))
