"""Going on with a network that is no longer the one asked for: refused in parameters' names."""

import pytest
from small import daily, daily_frame, says, small
from test_panel_forecasts import long_frame

CHANGES = {
    "cell": ({"cell": "gru"}, {"cell": "lstm"}),
    "cell and activation": ({"cell": "rnn"}, {"cell": "gru"}),
    "activation": ({"activation": "tanh"}, {"activation": "relu"}),
    "hidden_size": ({"hidden_size": 4}, {"hidden_size": 8}),
    "num_layers": ({"num_layers": 1}, {"num_layers": 2}),
    "bidirectional": ({"bidirectional": False}, {"bidirectional": True}),
    "residual": ({"residual": False, "num_layers": 2}, {"residual": True}),
    "strategy": ({"strategy": "direct"}, {"strategy": "seq2seq"}),
    "block": ({"strategy": "direct"}, {"strategy": "recursive"}),
    "block and decoder": ({"strategy": "recursive"}, {"strategy": "seq2seq"}),
    "horizon": ({"horizon": 3}, {"horizon": 4}),
    "linear_skip": ({"linear_skip": False}, {"linear_skip": True}),
    "segment_length": ({"segment_length": None}, {"segment_length": 3}),
    "seasonal_lags": ({"seasonal_lags": None}, {"seasonal_lags": [7]}),
    "lags": ({"seasonal_lags": [7]}, {"seasonal_lags": [7, 14]}),
    "n_members": ({"n_members": 2}, {"n_members": 3}),
    "channels": ({"channels": "joint"}, {"channels": "independent"}),
    "loss": ({"loss": "mse"}, {"loss": "gaussian"}),
    "quantiles": ({"loss": "quantile", "quantiles": (0.5,)}, {"quantiles": (0.1, 0.5)}),
}


@pytest.mark.parametrize(("before", "now"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_what_changed_is_named(how, before, now):
    forecaster = small(**{"horizon": 3, "warm_start": True} | before).fit(daily_frame())
    ((name, value),) = now.items()
    changed = f"another shape: {name} was {before[name]!r}, now {value!r}. fit(...) begins afresh"
    # alone: what has no effect any more, or none yet, is no change
    with pytest.raises(ValueError, match=says(changed)):
        getattr(forecaster.set_params(**now), how)(daily_frame())
    getattr(forecaster.set_params(**before), how)(daily_frame())


def test_a_linear_model_fixes_the_lookback():
    forecaster = small(linear_skip=True, warm_start=True, lookback=6).fit(daily())
    with pytest.raises(ValueError, match=says("another shape: lookback was 6, now 7.")):
        forecaster.set_params(lookback=7).fit(daily())
    small(warm_start=True, lookback=6).fit(daily()).set_params(lookback=7).fit(daily())


@pytest.mark.parametrize("linear_skip", [True, False])
def test_a_lookback_that_nobody_asked_for_stays(linear_skip):
    forecaster = small(linear_skip=linear_skip, warm_start=True, lookback=None).fit(daily(30))
    lookback = forecaster.lookback_
    assert forecaster.fit(daily(60)).lookback_ == lookback
    assert forecaster.set_params(warm_start=False).fit(daily(60)).lookback_ > lookback


def test_networks_of_series():
    three, two = long_frame({"a": 60, "b": 60, "c": 60}), long_frame({"a": 60, "b": 60})
    forecaster = small(pooling="local", warm_start=True).fit(three)
    words = says("the number of series (pooling='local') was 3, now 2.")
    for going_on in (forecaster.fit, forecaster.partial_fit):
        with pytest.raises(ValueError, match=words):
            going_on(two)
    with pytest.raises(ValueError, match=says("pooling was 'local', now 'global'.")):
        forecaster.set_params(pooling="global").fit(three)


def test_a_recursive_network_of_one_step_is_the_direct_one():
    forecaster = small(strategy="recursive", horizon=3, warm_start=True).fit(daily())
    assert len(forecaster.set_params(strategy="direct", horizon=1).fit(daily()).predict()) == 1


def test_another_frequency():
    y = daily()
    forecaster = small().fit(y)
    words = "X has a row every 2 days", "fitted on a row every 1 days", "X.resample(...), or begin"
    with pytest.raises(ValueError, match=says(*words)):
        forecaster.partial_fit(y.asfreq("2D"))
    forecaster.partial_fit(y.resample("2D").mean().resample("D").ffill())


def test_weights_of_another_size():
    weights = small(hidden_size=3).fit(daily()).params_
    with pytest.raises(ValueError, match=says("has shape", "with cell='rnn' and hidden_size=4.")):
        small(hidden_size=4).fit(daily()).load_params(weights)
