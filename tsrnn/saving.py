"""A fitted forecaster as named arrays and plain facts, and back."""

from __future__ import annotations

import math
from collections.abc import Sized
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from tsrnn.frames import CovariateEncoder, Panel, Roles
from tsrnn.frames.timeline import Timeline, make_timeline
from tsrnn.frames.values import is_number, members
from tsrnn.kernels import Architecture, Columns, at_hand
from tsrnn.kernels.cells import CELLS
from tsrnn.losses import LOSSES, levels_of, name_of
from tsrnn.model import Model
from tsrnn.network import Network
from tsrnn.optimizers import OPTIMIZERS
from tsrnn.persistence import ModelFileError, to_plain
from tsrnn.scaling import NORMALIZATIONS, SeriesScaler
from tsrnn.training import Memory

# What a fit leaves behind that a user reads, and is no array.
_ATTRIBUTES = ("loss_curve_", "validation_scores_", "best_loss_", "n_iter_", "n_features_in_")
# What goes wrong in code that takes a file's contents for granted.
_BROKEN = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


def to_parts(forecaster: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Everything that a forecaster knows."""
    model, memory = forecaster._model, forecaster._memory
    arrays = {f"params.{name}": values for name, values in model.network.parameters.items()}
    arrays |= {"scaler.mean": model.scaler.mean, "scaler.deviation": model.scaler.deviation}
    if model.scaler.pattern is not None:
        arrays["scaler.pattern"] = model.scaler.pattern
    arrays |= {"encoder.mean": model.encoder.mean, "encoder.deviation": model.encoder.deviation}
    arrays["optimizer.memory"] = memory.values
    history = _history_to_parts(model.history, arrays)
    facts = {
        "parameters": {
            name: _parameter(name, value)
            for name, value in forecaster.get_params(deep=False).items()
        },
        "attributes": {name: getattr(forecaster, name) for name in _ATTRIBUTES},
        "feature_names": _names_of(forecaster),
        "why": getattr(forecaster, "why", None),  # of one that was suggested
        "roles": asdict(forecaster._roles),
        "architecture": _architecture_to_plain(model.network.architecture),
        "network": [getattr(model.network, name) for name in ("lookback", "normalize", "dtype")],
        "machine": [model.network.device, model.network.precision],
        "networks": [model.network.n_members, model.network.n_series],
        "horizon": model.horizon,
        "loss": [name_of(model.loss), list(model.loss.settings)],
        "encoder": {name: getattr(model.encoder, name) for name in CovariateEncoder.KINDS},
        "categories": [list(model.encoder.categories.items()), model.encoder.handle_unknown],
        "history": history,
        "optimizer": memory.optimizer,
        "optimizer_step": memory.steps.tolist(),
        "random": [random.bit_generator.state for random in forecaster._random],
    }
    return arrays, facts


def from_parts(forecaster: Any, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> None:
    """Make an unfitted forecaster the one that ``to_parts`` was asked about.

    Raises
    ------
    ModelFileError
        If the parts do not make up a forecaster.
    """
    try:
        forecaster.set_params(**facts["parameters"])
        forecaster._validate_params()
        model = _model_of(arrays, facts)
        forecaster._memory = _memory_of(arrays, facts, model.network)
        forecaster._random = [_generator(state) for state in facts["random"]]
        networks = len(model.network.engine.parameters)
        _check(len(forecaster._random) == networks, "the random generators")
        roles = Roles(**facts["roles"])
        attributes = {name: facts["attributes"][name] for name in _ATTRIBUTES}
        names, why = facts["feature_names"], facts["why"]
    except ModelFileError:  # which says what is wrong
        raise
    except _BROKEN as error:
        raise ModelFileError(f"holds no forecaster: {error!r}") from error
    if why is not None:
        _check(type(why) is dict and {*map(type, why.values())} <= {str}, "the reasons")
        forecaster.why = why
    forecaster._model, forecaster._roles = model, roles
    for name, value in attributes.items():
        setattr(forecaster, name, value)
    forecaster.lookback_ = model.network.lookback
    forecaster.history_length_ = model.network.rows_read
    forecaster.params_ = model.network.copy_parameters()
    if names is not None:
        forecaster.feature_names_in_ = np.asarray(names, dtype=object)


def _parameter(name: str, value: Any) -> Any:
    """A parameter's value, that of any container but a dict or tuple as a list."""
    if isinstance(value, Sized) and not isinstance(value, str | dict | tuple):
        value = members(value)
    return _savable(f"Parameter {name}", value)


def _savable(what: str, value: Any) -> Any:
    """The value, if it can be saved; otherwise the error says what it is the value of."""
    try:
        to_plain(value)
    except TypeError as error:
        raise TypeError(f"{what}: {error}") from error
    return value


def _memory_of(arrays: dict[str, np.ndarray], facts: dict[str, Any], network: Network) -> Memory:
    values, steps = arrays["optimizer.memory"], np.array(facts["optimizer_step"])
    name = facts["optimizer"]
    shape = (
        len(network.engine.parameters),
        max(OPTIMIZERS[name].memories, 1),
        network.architecture.n_trainable,
    )
    _check(steps.shape == shape[:1] and steps.dtype == np.int64, "the optimizer's steps")
    _check(values.shape == shape and values.dtype == network.dtype, "the optimizer's memory")
    return Memory(values, steps, name)


def _generator(state: dict[str, Any]) -> np.random.Generator:
    random = np.random.default_rng()
    random.bit_generator.state = state
    return random


def _names_of(forecaster: Any) -> list[str] | None:
    names = getattr(forecaster, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _architecture_to_plain(architecture: Architecture) -> dict[str, Any]:
    return {**architecture._asdict(), "columns": architecture.columns._asdict()}


def _model_of(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Model:
    network = _network_of(arrays, facts)
    name, settings = facts["loss"]
    loss = LOSSES[name].of(levels_of(settings) if name == "quantile" else tuple(settings))
    _check(bool(np.isfinite(loss.settings).all()), "the loss")
    _check(loss.numbers == network.architecture.numbers, "the loss")
    columns = network.architecture.columns
    encoder = _encoder_of(arrays, facts, columns)
    history = _history_of(arrays, facts["history"])
    held = () if history.covariates is None else history.covariates.columns
    labels = [label for name in CovariateEncoder.KINDS for label in getattr(encoder, name)]
    _check(set(labels) == set(held), "the covariates")
    pattern = arrays.get("scaler.pattern")
    scaler = SeriesScaler(arrays["scaler.mean"], arrays["scaler.deviation"], pattern)
    _check(columns.targets in (1, history.n_targets), "the targets")
    n_series = history.n_series * (history.n_targets // columns.targets)
    _check(network.n_series in (None, n_series), "the networks of series")
    shape = (history.n_series, history.n_targets)
    _check(scaler.mean.shape == scaler.deviation.shape == shape, "the scales")
    if pattern is not None:
        _check(pattern.ndim == 3 and pattern.shape[1] > 0, "the seasons")
        _check((pattern.shape[0], pattern.shape[2]) == shape, "the seasons")
        _check(bool(np.isfinite(pattern).all()), "the seasons")
    _check(bool((history.lengths >= network.rows_read).all()), "the last rows")
    return Model(network, encoder, scaler, history, int(facts["horizon"]), loss)


def _encoder_of(
    arrays: dict[str, np.ndarray], facts: dict[str, Any], columns: Columns
) -> CovariateEncoder:
    kinds = {name: list(facts["encoder"][name]) for name in CovariateEncoder.KINDS}
    categories, handle_unknown = facts["categories"]
    encoder = CovariateEncoder(
        **kinds,
        categories={label: _objects(index) for label, index in categories},
        mean=arrays["encoder.mean"],
        deviation=arrays["encoder.deviation"],
        handle_unknown=handle_unknown,
    )
    _check(encoder.columns(columns.targets) == columns, "the covariates")
    numbers = (columns.past + columns.known,)
    _check(encoder.mean.shape == encoder.deviation.shape == numbers, "the scales of covariates")
    return encoder


def _network_of(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Network:
    plain = facts["architecture"]
    architecture = Architecture(**{**plain, "columns": Columns(**plain["columns"])})
    lookback, normalize, dtype = facts["network"]
    n_members, n_series = facts["networks"]
    columns = architecture.columns
    sizes = [*columns[:3], *columns.categories, *architecture[2:6]]
    sizes += [architecture.skip, architecture.segment, lookback, facts["horizon"]]
    _check(all(type(size) is int and size >= 0 for size in sizes), "the sizes")
    networks = [n_members] if n_series is None else [n_members, n_series]
    _check(all(type(size) is int and size > 0 for size in networks), "the sizes")
    _check(min(columns.targets, *architecture[2:6], lookback) > 0, "the sizes")
    _check(type(architecture.numbers) is int and architecture.numbers > 0, "the sizes")
    _check(architecture.skip in (0, lookback), "the sizes")
    _check(architecture.cell in CELLS, "the network")
    switches = architecture.decoder, architecture.residual
    _check(all(type(switch) is bool for switch in switches), "the network")
    segment = architecture.segment or 1
    _check(lookback % segment == architecture.horizon % segment == 0, "the segments")
    _check(architecture.decoder or not architecture.segment, "the segments")
    lags = architecture.lags
    _check(all(type(lag) is int and lag >= architecture.horizon for lag in lags), "the lags")
    _check(normalize in (*NORMALIZATIONS, "size"), "the normalisation")
    _check(dtype in ("float32", "float64"), "the precision")
    # before anything of this size is allocated
    parameters = {name[7:]: values for name, values in arrays.items() if name[:7] == "params."}
    held = sum(values.size for values in parameters.values())
    _check(architecture.n_parameters * math.prod(networks) == held, "the number of parameters")
    device, precision = facts["machine"]
    _check(device in ("cpu", "cuda") and precision in ("ieee", "tf32"), "the device")
    _check(precision == "ieee" or dtype == "float32", "the precision")
    settings = normalize, dtype, at_hand(device, precision), precision
    network = Network(architecture, lookback, *settings, n_members, n_series)
    _check(parameters.keys() == network.parameters.keys(), "the names of parameters")
    network.load_parameters(parameters)
    return network


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ModelFileError(f"holds no forecaster: {what} do not fit the rest.")


def _objects(values: Any) -> pd.Index:
    """An index of them; tuples are values like others."""
    dtype = None if isinstance(values, pd.Index) else object
    return pd.Index(values, dtype=dtype, tupleize_cols=False)


# The last rows


def _history_to_parts(history: Panel, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The facts; rows go to ``arrays``."""
    arrays |= {"history.targets": history.targets, "history.offsets": history.offsets}
    timeline, covariates = history.timeline, []
    frame = pd.DataFrame() if history.covariates is None else history.covariates
    for place, label in enumerate(frame):
        name, column = f"history.covariates.{place}", frame[label]
        if is_number(column):
            arrays[name], labels = column.to_numpy(dtype=np.float64), None
        else:
            arrays[name], found = pd.factorize(column)
            labels = list(pd.Index(found).astype(object))
        values = _savable(f"Categories of column {label!r}", labels)
        covariates.append((_savable("Names of columns", label), values))
    return {
        "kind": history.kind,
        "columns": _savable("Names of columns", history.columns),
        "ids": _savable("Keys of series", history.ids),
        "long_names": history.long_names,
        "past": history.past,
        "static": history.static,
        "timeline": None if timeline is None else _timeline_to_plain(timeline),
        "covariates": covariates,
        "covariates_by_place": isinstance(frame.columns, pd.RangeIndex),
    }


def _timeline_to_plain(timeline: Timeline) -> list:
    """Its three attributes, the time zone as that of an index without stamps."""
    return [timeline.anchors, timeline.rule, pd.DatetimeIndex([], tz=timeline.tz)]


def _history_of(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Panel:
    targets, offsets = arrays["history.targets"], arrays["history.offsets"]
    _check(targets.ndim == 2 and offsets.ndim == 1 and len(offsets) > 1, "the last rows")
    _check(bool((np.diff(offsets) > 0).all()), "the series")
    _check(offsets[0] == 0 and offsets[-1] == len(targets), "the series")
    ids, timeline = facts["ids"], facts["timeline"]
    _check(ids is None or len(ids) == len(offsets) - 1, "the keys of series")
    if timeline is not None:
        anchors, rule, zone = timeline
        timeline = make_timeline(anchors, rule, zone.tz)
        _check(len(timeline.anchors) == len(offsets) - 1, "the time stamps")
    columns = {}
    for place, (label, labels) in enumerate(facts["covariates"]):
        values = arrays[f"history.covariates.{place}"]
        _check(values.shape == (len(targets),), "the covariates")
        columns[label] = values if labels is None else _objects(labels).take(values)
    covariates = pd.DataFrame(columns) if columns else None
    if covariates is not None:
        by_place, names = facts["covariates_by_place"], list(columns)
        covariates.columns = pd.RangeIndex(len(names)) if by_place else pd.Index(names)
    return Panel(
        targets,
        offsets,
        facts["kind"],
        facts["columns"],
        timeline,
        ids,
        facts["long_names"],
        covariates,
        tuple(facts["past"]),
        tuple(facts["static"]),
    )
