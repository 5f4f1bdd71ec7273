"""A forecaster in a file, and back: every kind of data, and files that hold nonsense."""

import copy
import pickle
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_series_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from small import daily, daily_frame, small, wave
from test_sklearn import assert_same_forecast

import tsrnn
from tsrnn import RNNForecaster
from tsrnn.persistence import ModelFileError, read_model, write_model
from tsrnn.saving import to_parts


def covariates(rows):
    index = daily(rows).index
    frame = pd.DataFrame({"price": 1 + wave(rows), "holiday": index.day_of_week >= 5}, index)
    frame["shop"] = pd.Categorical(np.where(np.arange(rows) % 3, "open", "shut"))
    frame["note"] = np.where(np.arange(rows) % 2, "a", "b")
    return frame


def long_frame(lengths=(30, 45, 22)):
    parts = [daily(rows).rename("y").rename_axis("ds").reset_index() for rows in lengths]
    return pd.concat(parts, keys=[f"s{k}" for k in range(len(lengths))], names=["unique_id", "row"])


def panel(lengths=(30, 45, 22)):
    return long_frame(lengths).reset_index("unique_id").reset_index(drop=True)


CASES = {
    "series": (daily(), None),
    "frame": (daily_frame(), None),
    "array": (wave(), None),
    "matrix": (wave(columns=2), None),
    "periods": (daily().to_period(), None),
    "zone": (daily().tz_localize("Europe/Berlin"), None),
    "business days": (daily().set_axis(pd.bdate_range("2024-01-01", periods=60)), None),
    "long frame": (panel(), None),
    "two levels": (panel().set_index(["unique_id", "ds"]), None),
    "covariates": (covariates(60), daily()),
    "array of covariates": (1 + wave(columns=3), wave()),
}
each_case = pytest.mark.parametrize(("X", "y"), CASES.values(), ids=CASES)


def future_of(y):
    return covariates(len(y) + 4).iloc[len(y) :]


@each_case
@pytest.mark.parametrize("strategy", ["direct", "seq2seq"])
def test_a_loaded_forecaster_is_the_one_that_was_saved(tmp_path, X, y, strategy):
    options = {"strategy": strategy, "past_covariates": None}
    forecaster = small(horizon=2, **options).fit(X, y)
    ahead = None
    if y is not None:
        ahead = wave(4, 3) if isinstance(X, np.ndarray) else future_of(y)
    forecaster.save(tmp_path / "model")
    loaded = tsrnn.load(tmp_path / "model")
    assert_same_forecast(loaded.predict(ahead), forecaster.predict(ahead))
    assert loaded.get_params() == forecaster.get_params()
    fitted = {name for name in vars(forecaster) if name.endswith("_")}
    assert fitted == {name for name in vars(loaded) if name.endswith("_")}
    for name in fitted - {"params_", "feature_names_in_"}:
        assert getattr(loaded, name) == getattr(forecaster, name), name
    # and it goes on learning as the other does
    for each in (loaded, forecaster):
        each.partial_fit(X, y)
    assert_same_forecast(loaded.predict(ahead), forecaster.predict(ahead))


@each_case
def test_copies_and_pickles(X, y):
    forecaster = small(horizon=2, past_covariates=None).fit(X, y)
    ahead = None
    if y is not None:
        ahead = wave(2, 3) if isinstance(X, np.ndarray) else future_of(y)
    for other in (copy.deepcopy(forecaster), pickle.loads(pickle.dumps(forecaster))):
        assert_same_forecast(other.predict(ahead), forecaster.predict(ahead))


def test_only_a_fitted_forecaster_can_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        small().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_parameter_that_cannot_be_saved_leaves_the_old_file(tmp_path):
    forecaster = small().fit(daily())
    forecaster.save(tmp_path / "model")
    with pytest.raises(TypeError, match="object"):
        forecaster.set_params(freq=object()).save(tmp_path / "model")
    assert_same_forecast(tsrnn.load(tmp_path / "model").predict(), forecaster.predict())


def test_the_error_names_the_parameter(tmp_path):
    forecaster = small().fit(daily()).set_params(seasonal_lags={7: "a week"})
    with pytest.raises(TypeError, match="Parameter seasonal_lags: A dict with key 7"):
        forecaster.save(tmp_path / "model")
    forecaster = small().fit(daily().rename(Decimal(1)))
    with pytest.raises(TypeError, match="Names of columns: Decimal"):
        forecaster.save(tmp_path / "model")
    intervals = pd.DataFrame({"part": pd.cut(wave(), 3)}, daily().index)
    with pytest.raises(TypeError, match="Categories of column 'part': Interval"):
        small().fit(intervals, daily()).save(tmp_path / "model")


def test_categories_that_are_tuples_are_saved(tmp_path):
    tuples = pd.Index([("a", 1), ("b", 2)], tupleize_cols=False)
    column = pd.Categorical.from_codes(np.arange(60) % 2, categories=tuples)
    X = pd.DataFrame({"kind": column}, daily().index)
    forecaster = small().fit(X, daily())
    forecaster.save(tmp_path / "model")
    ahead = X[:1].set_axis(future_of(daily()).index[:1])
    loaded = tsrnn.load(tmp_path / "model")
    assert_same_forecast(loaded.predict(ahead), forecaster.predict(ahead))


@pytest.mark.parametrize(
    "container", [set, tuple, pd.Index, pd.Series, np.array, pd.array, dict.fromkeys], ids=str
)
@pytest.mark.parametrize("parameter", ["target_col", "past_covariates", "static_covariates"])
def test_names_in_any_container_are_saved(tmp_path, container, parameter):
    frame = daily_frame().assign(kind="open").set_axis(["a", "b", "kind"], axis=1)
    names = {"target_col": ["a", "b"], "past_covariates": ["b"], "static_covariates": ["kind"]}
    given = {"target_col": ["a"]} | {parameter: container(names[parameter])}
    forecaster = small(missing="ffill", **given).fit(frame)
    assert forecaster.get_params()[parameter] is given[parameter]
    forecaster.save(tmp_path / "model")
    loaded = tsrnn.load(tmp_path / "model")
    assert list(loaded.get_params()[parameter]) == names[parameter]
    assert loaded._roles == forecaster._roles


@pytest.mark.parametrize("container", [tuple, pd.Index, pd.Series, np.array, pd.array], ids=str)
def test_numbers_in_any_container_are_saved(tmp_path, container):
    given = {"quantiles": container([0.25, 0.5]), "seasonal_lags": container([7, 14])}
    forecaster = small(loss="quantile", **given).fit(daily())
    forecaster.save(tmp_path / "model")
    loaded = tsrnn.load(tmp_path / "model")
    assert_same_forecast(loaded.predict(), forecaster.predict())
    assert_same_forecast(clone(loaded).fit(daily()).predict(), forecaster.predict())


@pytest.mark.parametrize("form", ["column", "level", "categories", "targets"])
def test_keys_and_names_that_arrow_keeps_are_saved(tmp_path, form):
    arrow = pd.ArrowDtype(pytest.importorskip("pyarrow").string())
    data = panel()
    if form == "targets":
        data = daily_frame().set_axis(pd.Index(["a", "b"], dtype=arrow), axis=1)
    else:
        data["unique_id"] = data["unique_id"].astype(arrow)
    if form == "level":
        data = data.set_index(["unique_id", "ds"])
    if form == "categories":
        data["unique_id"] = data["unique_id"].astype("category")
    forecaster = small().fit(data)
    forecaster.save(tmp_path / "model")
    loaded = tsrnn.load(tmp_path / "model")
    assert_same_forecast(loaded.predict(), forecaster.predict())
    assert_same_forecast(loaded.predict(history=data), forecaster.predict())


def test_reasons_of_a_suggestion_are_saved(tmp_path):
    quick = {"max_epochs": 1, "windows_per_epoch": 8, "n_members": 1}
    forecaster = RNNForecaster.suggest(daily(), horizon=3, **quick).fit(daily())
    forecaster.save(tmp_path / "model")
    assert tsrnn.load(tmp_path / "model").why == forecaster.why
    small().fit(daily()).save(tmp_path / "model")
    assert not hasattr(tsrnn.load(tmp_path / "model"), "why")


def lies():
    """Changes of arrays and facts that leave the file sound, and its contents nonsense."""

    def arrays(name, change):
        return lambda arrays, facts: arrays.update({name: change(arrays[name])})

    def fact(*keys, value):
        def change(arrays, facts):
            for key in keys[:-1]:
                facts = facts[key]
            facts[keys[-1]] = value

        return change

    yield fact("architecture", "hidden_size", value=2**40)
    yield fact("architecture", "horizon", value=-1)
    yield fact("architecture", "num_layers", value=2**62)
    yield fact("architecture", "cell", value="os.system")
    yield fact("architecture", "columns", "known_categories", value=(10**9,))
    yield fact("architecture", "decoder", value=1)
    yield fact("architecture", "skip", value=3)
    yield fact("architecture", "skip", value=6)
    yield fact("architecture", "lags", value=(1,))
    yield fact("architecture", "lags", value=(7.0,))
    yield fact("architecture", "numbers", value=2)
    yield fact("architecture", "numbers", value=0)
    yield fact("why", value=[])
    yield fact("why", value={"lookback": 6})
    yield fact("loss", value=["os.system", []])
    yield fact("loss", value=["mse", [1.0]])
    yield fact("loss", value=["gaussian", []])
    yield fact("loss", value=["huber", [np.nan]])
    yield fact("loss", value=["quantile", [1.5]])
    yield fact("network", value=[10**6, None, "float32"])
    yield fact("network", value=[6, None, "object"])
    yield fact("parameters", "horizon", value=0)
    yield fact("parameters", "__class__", value="x")
    yield fact("categories", value=[[], "error"])
    yield fact("history", "covariates", value=[])
    yield fact("history", "timeline", value=[1, 2, 3])
    yield fact("random", value={"bit_generator": "PCG64"})
    yield arrays("history.offsets", lambda offsets: offsets - 1)
    yield arrays("history.offsets", lambda offsets: offsets[:1])
    yield arrays("history.targets", lambda targets: targets[:2])
    yield arrays("scaler.mean", lambda mean: mean[:0])
    yield arrays("scaler.pattern", lambda pattern: pattern[:, :0])
    yield arrays("scaler.pattern", lambda pattern: pattern * np.nan)
    yield arrays("encoder.mean", lambda mean: mean[:0])
    yield arrays("params.head.weight", lambda weight: weight * np.nan)
    yield arrays("params.head.weight", lambda weight: weight[:, :1])
    yield lambda arrays, facts: arrays.pop("params.head.bias")
    yield lambda arrays, facts: facts.pop("horizon")
    yield lambda arrays, facts: facts.pop("why")
    yield lambda arrays, facts: facts.clear()


@pytest.mark.parametrize("lie", list(lies()))
def test_a_sound_file_that_holds_no_forecaster_is_refused(tmp_path, lie):
    forecaster = small(horizon=2, seasonal_lags=[7], deseasonalize=7)
    forecaster.fit(covariates(60), daily()).save(tmp_path / "model")
    arrays, facts = read_model(tmp_path / "model")
    lie(arrays, facts)
    write_model(tmp_path / "model", arrays, facts)
    with pytest.raises(ModelFileError, match="model holds no forecaster") as caught:
        tsrnn.load(tmp_path / "model")
    assert str(caught.value).count("holds no forecaster") == 1


def shops():
    days = pd.date_range("2024-03-01", periods=38, tz="Europe/Berlin")
    parts = []
    for number, shop in enumerate(["Köln", "Ulm"]):
        level = 10.0 * (number + 1)
        y = level + np.sin(np.arange(38) * 2 * np.pi / 7) + 0.05 * np.arange(38)
        part = {"unique_id": shop, "ds": days, "y": y, "open": days.day_of_week < 6}
        parts.append(pd.DataFrame({**part, "price": np.cos(np.arange(38.0)), "size": level}))
    return pd.concat(parts, ignore_index=True)


# What the release forecast for the last three days of `shops`, from the days before.
FORECASTS = {"0.1.0": [11.748636, 12.580634, 12.82385, 21.749098, 22.580838, 22.823775]}


@pytest.mark.parametrize("release", FORECASTS)
def test_files_of_every_release_can_be_read(release):
    """They stay in tests/files for good. A new release adds one, saved like this:

    RNNForecaster(
        horizon=3, lookback=7, hidden_size=3, cell="gru", strategy="seq2seq", max_epochs=2,
        windows_per_epoch=32, past_covariates=["price"], static_covariates=["size"], random_state=0,
    ).fit(shops()[lambda frame: frame.ds < "2024-04-05"]).save("tests/files/RELEASE.tsrnn")
    """
    forecaster = tsrnn.load(Path(__file__).parent / "files" / f"{release}.tsrnn")
    ahead = shops()[lambda frame: frame.ds >= "2024-04-05"]
    forecast = forecaster.predict(ahead)
    assert forecast["ds"].tolist() == ahead["ds"].tolist()
    np.testing.assert_allclose(forecast["y"], FORECASTS[release], rtol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_weights_go_to_pytorch_and_back(cell):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    forecaster = small(cell=cell, num_layers=2, bidirectional=True, normalize=None).fit(wave())
    network = getattr(torch.nn, cell.upper())(1, 4, 2, bidirectional=True)
    names = dict(network.named_parameters())
    weights = {name: torch.from_numpy(forecaster.params_[name]) for name in names}
    network.load_state_dict(weights)
    y = wave()
    window = torch.from_numpy(((y[-6:] - y.mean()) / y.std()).astype("float32"))
    _, last = network(window[:, None, None])
    last = last[0] if cell == "lstm" else last
    with torch.no_grad():
        features = last[-2:].reshape(-1).numpy()
    ahead = forecaster.params_["head.weight"] @ features + forecaster.params_["head.bias"]
    np.testing.assert_allclose(ahead * y.std() + y.mean(), forecaster.predict(), rtol=1e-5)
    # and back, from a network that PyTorch has changed
    with torch.no_grad():
        for values in network.parameters():
            values.mul_(0.5)
    back = {name: values.detach().numpy() for name, values in network.named_parameters()}
    forecaster.load_params(back)
    for name, values in back.items():
        np.testing.assert_array_equal(forecaster.params_[name], values)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"head.bais": [0.0]}, "no parameter 'head.bais'"),
        ({"head.bias": [0.0, 1.0]}, r"shape \(2,\).* \(1,\)"),
        ({"head.bias": [np.nan]}, "NaN"),
        ({"head.bias": "abc"}, "head.bias is no array of numbers"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(params, words):
    forecaster = small().fit(daily())
    before = forecaster.params_
    with pytest.raises(ValueError, match=words):
        forecaster.load_params({"weight_hh_l0": np.zeros((4, 4)), **params})
    for name, values in forecaster.load_params({}).params_.items():
        np.testing.assert_array_equal(values, before[name])


def test_a_shallow_copy_has_weights_of_its_own():
    forecaster = small().fit(wave())
    before = forecaster.predict()
    copy.copy(forecaster).load_params({"head.bias": [9.0]})
    assert forecaster.predict() == before


def test_weights_that_were_read_belong_to_the_reader():
    """Other ones do not change them, nor do they change the forecaster."""
    forecaster = small().fit(wave())
    before = forecaster.params_
    kept = {name: values.copy() for name, values in before.items()}
    forecaster.load_params({"head.bias": [9.0]}).load_params({"head.bias": [7.0]})
    for name, values in before.items():
        np.testing.assert_array_equal(values, kept[name])
    forecast = forecaster.predict()
    forecaster.params_["head.bias"][:] = 5
    assert forecaster.predict() == forecast


def test_after_a_divergence_a_forecaster_can_be_saved(tmp_path):
    forecaster = small(learning_rate=1e30, clip_norm=None, max_epochs=3)
    with pytest.raises(FloatingPointError):
        forecaster.fit(daily())
    forecaster.save(tmp_path / "model")
    assert_series_equal(tsrnn.load(tmp_path / "model").predict(), forecaster.predict())


def test_what_the_optimizer_remembers_has_no_padding():
    """It is the same on a machine with longer vectors."""
    forecaster = small(optimizer="adam").fit(daily())
    parameters = sum(values.size for values in forecaster.params_.values())
    assert to_parts(forecaster)[0]["optimizer.memory"].shape == (1, 2, parameters)


def test_another_optimizer_begins_anew():
    """Momentum remembers as many numbers as RMSprop does, but others."""
    forecaster = small(optimizer="momentum").fit(daily()).set_params(optimizer="rmsprop")
    twin = copy.deepcopy(forecaster)
    twin._memory.values[:] = 0
    one, other = (each.partial_fit(daily()).predict() for each in (forecaster, twin))
    assert_same_forecast(one, other)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "quantile", "quantiles": np.array([0.1, 0.5, 0.9])},
        {"seasonal_lags": range(7, 9)},
        {"seasonal_lags": np.array([7])},
        {"seasonal_lags": [1]},  # as long as the horizon
    ],
    ids=str,
)
def test_parameters_that_are_arrays(tmp_path, options):
    forecaster = small(**options).fit(daily())
    forecaster.save(tmp_path / "model")
    loaded = tsrnn.load(tmp_path / "model")
    pd.testing.assert_series_equal(loaded.predict(), forecaster.predict())
    for name, value in options.items():
        assert list(getattr(loaded, name)) == list(getattr(forecaster, name)) == list(value)
