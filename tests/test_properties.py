"""Whatever is thrown at fit and predict: a sound forecast, or an error that explains itself."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small import rows_at, says, small, wave

from tsrnn.losses import LOSSES

quick = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
values = st.floats(-1e6, 1e6, width=32)
FREQUENCIES = ["D", "B", "h", "15min", "W-MON", "MS", "ME", "QS", "YE", "s", "3D"]

parameters = st.fixed_dictionaries(
    {},
    optional={
        "cell": st.sampled_from(["rnn", "gru", "lstm"]),
        "lookback": st.none() | st.integers(1, 12),
        "horizon": st.integers(1, 9),
        "hidden_size": st.integers(1, 20),
        "num_layers": st.integers(1, 3),
        "activation": st.sampled_from(["tanh", "relu"]),
        "bidirectional": st.booleans(),
        "dropout": st.floats(0, 0.9),
        "strategy": st.sampled_from(["direct", "recursive", "seq2seq"]),
        "normalize": st.sampled_from([None, "last", "mean", "standard", "robust"]),
        "loss": st.sampled_from([name for name, kind in LOSSES.items() if kind.units != "counts"]),
        "optimizer": st.sampled_from(["adam", "adamw", "rmsprop", "nesterov", "momentum", "sgd"]),
        "learning_rate": st.floats(1e-9, 1e-2),
        "lr_schedule": st.sampled_from(["constant", "step", "cosine", "plateau"]),
        "weight_decay": st.floats(0, 0.1),
        "batch_size": st.integers(1, 100),
        "max_epochs": st.integers(1, 3),
        "windows_per_epoch": st.integers(1, 100),
        "clip_norm": st.floats(1e-3, 1),
        "early_stopping": st.booleans(),
        "validation_fraction": st.floats(0.01, 0.9),
        "n_iter_no_change": st.integers(1, 3),
        "tol": st.floats(0, 1),
        "random_state": st.integers(0, 2**32 - 1),
        "dtype": st.sampled_from(["float32", "float64"]),
    },
)


@st.composite
def arrays(draw, min_rows=1):
    """Series side by side, or a single one, of many dtypes."""
    columns = draw(st.sampled_from([(), (1,), (2,), (3,)]))
    shape = (draw(st.integers(min_rows, 60)), *columns)
    dtype = draw(st.sampled_from(["f8", "f4", "i8", "i2", "u1"]))
    elements = values if dtype.startswith("f") else None
    return draw(hnp.arrays(dtype, shape, elements=elements))


@st.composite
def indexes(draw, rows):
    """Time indexes of all kinds, the given number of rows long."""
    day = draw(st.dates(pd.Timestamp("1990-01-01").date(), pd.Timestamp("2040-01-01").date()))
    freq = draw(st.sampled_from(FREQUENCIES))
    kind = draw(st.sampled_from(["dates", "zoned", "periods", "counts"]))
    if kind == "counts":
        start, step = draw(st.integers(-100, 100)), draw(st.integers(1, 5))
        return pd.RangeIndex(start, start + rows * step, step)
    if kind == "periods":
        return pd.period_range(day, periods=rows, freq=draw(st.sampled_from("DMQYh")))
    zone = draw(st.sampled_from(["Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata"]))
    return pd.date_range(day, periods=rows, freq=freq, tz=zone if kind == "zoned" else None)


def what_is_missing(rows, options):
    """The words of the error that a series too short for the parameters must give, or None."""
    horizon = options.get("horizon", 1)
    lookback = options.get("lookback", 6)
    block = horizon if options.get("strategy") != "recursive" else 1
    if lookback is None:
        lookback = max(1, min(max(2 * horizon, 24), rows // 3, rows - horizon))
    windows = rows - lookback - block + 1
    if windows < 1:
        return [f"{rows} rows" if rows > 1 else "1 sample", f"need {lookback + block}"]
    validation = max(1, round(windows * options.get("validation_fraction", 0.1)))
    if options.get("early_stopping") and windows - validation - block + 1 < 1:
        return ["early_stopping", f"{windows} windows"]
    return None


@given(y=arrays(), options=parameters)
@quick
def test_any_series_and_parameters(y, options):
    before, forecaster = y.copy(), small(**options)
    missing = what_is_missing(len(y), options)
    if missing:
        with pytest.raises(ValueError, match=says(*missing)):
            forecaster.fit(y)
        assert not hasattr(forecaster, "params_")
        return
    forecast = forecaster.fit(y).predict()
    assert forecast.shape == (options.get("horizon", 1), *y.shape[1:])
    assert np.isfinite(forecast).all()
    assert np.isfinite(forecaster.loss_curve_).all()
    assert 1 <= forecaster.n_iter_ <= options.get("max_epochs", 1)
    np.testing.assert_array_equal(forecaster.predict(history=y), forecast)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(forecaster)).predict(), forecast)
    np.testing.assert_array_equal(forecaster.fit(y).predict(), forecast)
    np.testing.assert_array_equal(y, before)


@given(data=st.data(), past=st.integers(7, 40), steps=st.integers(1, 15))
@quick
def test_any_index_goes_on(data, past, steps):
    index = data.draw(indexes(past + steps))
    columns = data.draw(st.sampled_from([None, ["a"], ["a", "b"]]))
    y = wave(past, len(columns or []))
    y = pd.Series(y, index[:past]) if columns is None else pd.DataFrame(y, index[:past], columns)
    forecaster = small(horizon=data.draw(st.integers(1, 4)), strategy="recursive").fit(y)
    forecast = forecaster.predict(rows_at(index[past:]))
    assert type(forecast) is type(y)
    pd.testing.assert_index_equal(forecast.index, index[past:])
    soon = forecaster.predict()
    both = min(steps, len(soon))
    assert list(soon.index[:both]) == list(forecast.index[:both])
    np.testing.assert_array_equal(soon[:both], forecast[:both])
    some = data.draw(st.lists(st.integers(0, steps - 1), max_size=20))
    expected = forecast.iloc[some]
    np.testing.assert_array_equal(forecaster.predict(rows_at(index[past:][some])), expected)


@given(
    y=hnp.arrays("f8", st.integers(20, 60), elements=st.integers(-1000, 1000)),
    exponent=st.integers(-60, 60),
    shift=st.integers(-1000, 1000),
    options=parameters.filter(
        lambda options: (options.get("lookback") or 6) + options.get("horizon", 1) < 18
    ),
)
@quick
def test_units_do_not_matter(y, exponent, shift, options):
    """Shifts by whole numbers and powers of two as factors, so that nothing is rounded."""
    options |= {"dtype": "float64", "early_stopping": False, "learning_rate": 1e-3}
    options["activation"] = "tanh"  # a constant window lies on the rectifier's kink, rounded or not
    loss = LOSSES[options.get("loss", "mse")]()
    assume(loss.numbers == 1 or np.ptp(y))  # a spread in units of a constant that is 0, or not
    if loss.units == "size":
        shift = 0  # relative errors depend on where 0 is
    factor = 2.0**exponent
    expected = small(**options).fit(y).predict()
    forecast = small(**options).fit((y + shift) * factor).predict()
    # The mean of the series is rounded all the same, and training magnifies it, mae most of all.
    spread = np.ptp(y)
    np.testing.assert_allclose(forecast / factor - shift, expected, atol=1e-3 * spread + 1e-9)


@given(y=arrays(min_rows=7), place=st.integers(0, 10**6), value=st.sampled_from([np.nan, np.inf]))
@quick
def test_a_single_bad_value_anywhere(y, place, value):
    y = y.astype(float)
    place %= y.size
    y.flat[place] = value
    words = f"1 of {y.size}, the first in row {np.unravel_index(place, y.shape)[0]}"
    with pytest.raises(ValueError, match=says(words)):
        small().fit(y)
    fitted = small().fit(np.zeros(y.shape))
    with pytest.raises(ValueError, match=says("history", words)):
        fitted.predict(history=y)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.dates()
    | st.timedeltas(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
        | st.lists(inner, max_size=4).map(lambda items: pd.Series(items, dtype=object))
    ),
    max_leaves=6,
)


@given(data=anything, rows=anything)
@quick
def test_anything_else_is_refused_in_words(data, rows):
    forecaster = small(lookback=1)
    for arguments in ((data,), (rows, wave())):
        try:
            forecaster.fit(*arguments)
        except (TypeError, ValueError) as error:
            explanation = str(error)
        else:
            explanation = "It happened to be a series."
            assert np.isfinite(forecaster.predict()).all()
        assert len(explanation) > 20


@given(rows=anything, history=anything)
@quick
def test_any_rows_are_forecast_or_refused_in_words(rows, history):
    forecaster = small(lookback=1).fit(wave())
    expected = forecaster.predict()
    for keywords in ({"X": rows}, {"history": history}):
        try:
            forecast = forecaster.predict(**keywords)
        except (TypeError, ValueError) as error:
            explanation = str(error)
        else:
            explanation = "It happened to be something to forecast."
            assert np.isfinite(forecast).all()
        assert len(explanation) > 20
    np.testing.assert_array_equal(forecaster.predict(), expected)


@given(options=st.dictionaries(st.sampled_from(sorted(small().get_params())), anything, max_size=3))
@quick
def test_any_parameters_fit_or_are_refused_in_words(options):
    sizes = ("hidden_size", "num_layers", "windows_per_epoch", "max_epochs", "horizon")
    for name in sizes:  # what is large but possible takes its time
        if isinstance(options.get(name), int) and options[name] > 9:
            del options[name]
    options["verbose"] = 0
    try:
        forecast = small(**options).fit(wave()).predict()
    except (TypeError, ValueError, FloatingPointError) as error:
        explanation = str(error)
        if isinstance(error, FloatingPointError):
            assert options["learning_rate"] > 1  # it may well diverge
    else:
        explanation = "They happened to be parameters."
        assert len(forecast) == options.get("horizon", 1)
    assert len(explanation) > 20
