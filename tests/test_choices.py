"""What does and what does not make a difference to a forecast: units, strategies, networks."""

import numpy as np
import pandas as pd
import pytest
from small import SMALL, daily, small, wave

from tsrnn import RNNForecaster

# How much is read, and how far ahead


@pytest.mark.parametrize(
    ("n_rows", "freq", "horizon", "lookback"),
    [
        (144, "MS", 1, 24),
        (144, "MS", 20, 40),
        (60, "MS", 12, 20),
        (200, "D", 1, 14),
        (200, "h", 1, 48),
        (200, None, 5, 24),
        (200, None, 20, 40),
        (60, "YS", 1, 20),
        (100, "YS", 1, 24),
        (100, "QS", 1, 8),
        (4, None, 1, 1),
        (9, None, 8, 1),
        (2, "D", 1, 1),
    ],
)
def test_default_lookback(n_rows, freq, horizon, lookback):
    y = wave(n_rows)
    if freq:
        y = pd.Series(y, pd.date_range("2020-01-01", periods=n_rows, freq=freq))
    forecaster = small(lookback=None, horizon=horizon).fit(y)
    assert forecaster.lookback_ == lookback
    assert forecaster.lookback is None
    assert len(forecaster.predict()) == horizon


def test_the_default_lookback_leaves_room_for_lags():
    forecaster = small(lookback=None, seasonal_lags=[21]).fit(daily())
    assert forecaster.lookback_ == (60 - 20) // 3


def test_the_default_lookback_is_that_of_the_usual_series():
    parts = [daily(rows).rename("y").rename_axis("ds").reset_index() for rows in (20, 60, 60)]
    frame = pd.concat([part.assign(unique_id=k) for k, part in enumerate(parts)])
    assert small(lookback=None).fit(frame).lookback_ == 14


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_one_step_is_one_step_in_both_strategies(cell):
    direct, recursive = (
        small(cell=cell, strategy=strategy).fit(daily()) for strategy in ("direct", "recursive")
    )
    pd.testing.assert_series_equal(direct.predict(), recursive.predict())
    assert direct.loss_curve_ == recursive.loss_curve_


@pytest.mark.parametrize("columns", [0, 3])
def test_a_recursive_network_knows_one_step(columns):
    y = wave(columns=columns)
    forecaster = small(horizon=5, strategy="recursive").fit(y)
    one = small(horizon=1).fit(y)
    for name, values in one.params_.items():
        np.testing.assert_array_equal(forecaster.params_[name], values)
    np.testing.assert_array_equal(forecaster.predict(), one.predict(np.zeros((5, 0))))


# Units


@pytest.mark.parametrize("normalize", [None, "last", "mean", "standard", "robust"])
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize(("factor", "shift"), [(1, 1e4), (37, 0), (1e-9, 0), (1e100, -3e101)])
def test_units_do_not_matter(normalize, strategy, factor, shift):
    options = {"normalize": normalize, "strategy": strategy, "dtype": "float64", "horizon": 3}
    expected = small(**options).fit(wave()).predict()
    forecast = small(**options).fit(wave() * factor + shift).predict()
    np.testing.assert_allclose((forecast - shift) / factor, expected, rtol=1e-6)


def test_units_hardly_matter_in_single_precision():
    expected = small(horizon=3, max_epochs=5).fit(wave()).predict()
    forecast = small(horizon=3, max_epochs=5).fit(wave() * 1.7 + 5e3).predict()
    np.testing.assert_allclose((forecast - 5e3) / 1.7, expected, rtol=1e-3)


@pytest.mark.parametrize("normalize", ["last", "mean", "standard", "robust"])
def test_a_history_on_another_level_is_forecast_there(normalize):
    forecaster = small(normalize=normalize, horizon=3, dtype="float64").fit(daily())
    moved = forecaster.predict(history=daily() + 500)
    np.testing.assert_allclose(moved, forecaster.predict() + 500, rtol=1e-9)


@pytest.mark.parametrize("normalize", ["standard", "robust"])
def test_a_history_in_other_units_is_forecast_in_them(normalize):
    forecaster = small(normalize=normalize, horizon=3, dtype="float64").fit(daily())
    larger = forecaster.predict(history=daily() * 1000)
    np.testing.assert_allclose(larger, forecaster.predict() * 1000, rtol=1e-9)


def test_a_season_with_a_trend_is_learnt():
    y = wave(300)
    forecaster = RNNForecaster(lookback=14, horizon=7, hidden_size=16, random_state=0)
    forecast = forecaster.set_params(cell="rnn", max_epochs=20).fit(y[:-7]).predict()
    naive = y[-14:-7]
    assert np.abs(forecast - y[-7:]).mean() < 0.8 * np.abs(naive - y[-7:]).mean()


# The network


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_parameters_are_named_and_shaped_as_in_pytorch(cell):
    forecaster = small(cell=cell, num_layers=2, bidirectional=True, horizon=3)
    shapes = {name: p.shape for name, p in forecaster.fit(wave(columns=2)).params_.items()}
    rows = {"lstm": 16, "gru": 12, "rnn": 4}[cell]
    expected = {}
    for layer, inputs in enumerate([2, 8]):
        for suffix in (f"_l{layer}", f"_l{layer}_reverse"):
            expected[f"weight_ih{suffix}"] = (rows, inputs)
            expected[f"weight_hh{suffix}"] = (rows, 4)
            expected[f"bias_ih{suffix}"] = expected[f"bias_hh{suffix}"] = (rows,)
    expected |= {"head.weight": (6, 8), "head.bias": (6,)}
    assert shapes == expected


STILL = {"optimizer": "sgd", "learning_rate": 1e-30}  # weights stay where they began


@pytest.mark.parametrize("strategy", ["direct", "seq2seq"])
def test_at_first_an_lstm_forgets_little(strategy):
    """All biases are 0, but those of the gates that forget."""
    options = {"cell": "lstm", "num_layers": 2, "strategy": strategy, "horizon": 2}
    params = small(**options, **STILL).fit(wave()).params_
    assert ("decoder.bias_ih_l0" in params) == (strategy == "seq2seq")
    for name, values in params.items():
        if "bias" in name:
            wanted = np.zeros(len(values))
            if "bias_ih" in name:
                wanted[4:8] = 1
            np.testing.assert_allclose(values, wanted, atol=1e-20, err_msg=name)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_at_first_recurrent_weights_are_orthogonal(cell):
    params = small(cell=cell, num_layers=2, dtype="float64", **STILL).fit(wave()).params_
    for layer in (0, 1):
        for gate in params[f"weight_hh_l{layer}"].reshape(-1, 4, 4):
            np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-12)


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 1), (3, 2), (40, 20), (70, 32)])
def test_vectors_of_categories(count, size):
    """Half as long as there are categories, 32 at most; at first of about the length 1."""
    y = daily(80)
    X = pd.DataFrame({"kind": [f"kind {k % count}" for k in range(80)]}, y.index)
    vectors = small(**STILL).fit(X, y).params_["embedding.0"]
    assert vectors.shape == (count, size)
    if count >= 40:
        assert np.linalg.norm(vectors, axis=1).mean() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision(dtype):
    forecaster = small(dtype=dtype).fit(daily())
    assert {p.dtype for p in forecaster.params_.values()} == {np.dtype(dtype)}
    assert forecaster.predict().dtype == np.float64


@pytest.mark.parametrize(
    "other",
    [
        {"cell": "gru"},
        {"cell": "lstm"},
        {"activation": "relu"},
        {"bidirectional": True},
        {"num_layers": 2},
        {"hidden_size": 5},
        {"lookback": 7},
        {"normalize": None},
        {"normalize": "last"},
        {"normalize": "mean"},
        {"normalize": "robust"},
        {"random_state": 1},
    ],
    ids=str,
)
def test_each_choice_makes_a_difference(other):
    plain = small(horizon=3).fit(daily()).predict()
    forecast = small(horizon=3, **other).fit(daily()).predict()
    assert np.isfinite(forecast).all()
    assert not np.allclose(forecast, plain, rtol=1e-6)


def test_the_activation_of_other_cells_is_fixed():
    tanh, relu = (small(cell="gru", activation=a).fit(daily()) for a in ("tanh", "relu"))
    pd.testing.assert_series_equal(tanh.predict(), relu.predict())


def test_auto_is_the_cpu_where_there_is_nothing_else():
    forecast = small(device="auto").fit(daily()).predict()
    pd.testing.assert_series_equal(forecast, small(device="cpu").fit(daily()).predict())


def test_sizes_may_be_numpy_integers():
    sizes = {"lookback": 6, "horizon": 100, "hidden_size": 4, "max_epochs": 1, "batch_size": 32}
    y = wave(400)
    expected = RNNForecaster(**SMALL | sizes).fit(y).predict()
    for kind in (np.int8, np.uint8, np.int64, np.uint64):
        forecaster = small(**{name: kind(size) for name, size in sizes.items()})
        np.testing.assert_array_equal(forecaster.fit(y).predict(), expected)
    assert small(lookback=None, horizon=np.int8(100)).fit(wave(1200)).lookback_ == 200
