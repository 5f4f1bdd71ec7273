"""From a panel and the forecaster's parameters to a network, what it learns from, and how."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tsrnn.frames import CovariateEncoder, Panel, Roles
from tsrnn.kernels import Architecture, Columns
from tsrnn.linear import ridge
from tsrnn.model import Model
from tsrnn.network import Network
from tsrnn.scaling import SeriesScaler
from tsrnn.training import Examples, Settings
from tsrnn.windows import split_validation, window_starts, without_gaps

# What is more than this is a mistake, or too much for a machine.
LARGEST_NETWORK = 2**30  # parameters
LARGEST_EPOCH = 2**27  # windows
_SHOWN = 3  # series that a message lists


def lookback_of(forecaster: Any, panel: Panel) -> int:
    """The lookback asked for, or the default for series like these."""
    if forecaster.lookback is not None:
        return int(forecaster.lookback)
    horizon, rows = int(forecaster.horizon), int(np.median(panel.lengths))
    wanted = max(2 * panel.season, 2 * horizon)
    return max(1, min(wanted, rows // 3, rows - horizon))


def block_of(forecaster: Any) -> int:
    """Steps that the network forecasts at once."""
    return 1 if forecaster.strategy == "recursive" else int(forecaster.horizon)


def roles_of(forecaster: Any) -> Roles:
    """What the columns of the data mean, and what is done about gaps."""
    past, static = (
        () if labels is None else tuple(labels)
        for labels in (forecaster.past_covariates, forecaster.static_covariates)
    )
    columns = forecaster.id_col, forecaster.time_col, forecaster.target_col
    return Roles(past, static, *columns, forecaster.freq, forecaster.missing)


def trainable(forecaster: Any, panel: Panel, lookback: int) -> Panel:
    """The series that windows fit into; ``short_series`` says what becomes of the others."""
    block = block_of(forecaster)
    needs = f"lookback {lookback} + horizon {block} need {lookback + block}"
    return _long_enough(panel, "series", lookback + block, needs, forecaster.short_series)


def readable(forecaster: Any, history: Panel, lookback: int) -> Panel:
    """The series that the network can read to forecast what follows them."""
    needs = f"the network reads the last {lookback}"
    return _long_enough(history, "history", lookback, needs, forecaster.short_series)


def _long_enough(panel: Panel, what: str, need: int, needs: str, short_series: str) -> Panel:
    lengths = panel.lengths
    short = np.flatnonzero(lengths < need)
    if not len(short):
        return panel
    if short_series == "pad":
        return panel.pad(need)
    if short_series == "drop" and len(short) < panel.n_series:
        return panel.drop_shorter(need)
    if panel.ids is None:
        rows = f"{panel.n_rows} rows" if panel.n_rows > 1 else "1 sample"
        raise ValueError(f"The {what} is too short: {rows}; {needs}.")
    listed = ", ".join(f"{panel.label(i)} has {lengths[i]} rows" for i in short[:_SHOWN])
    raise ValueError(
        f"{len(short)} of {panel.n_series} series are too short: {listed}"
        f"{', ...' * (len(short) > _SHOWN)}; {needs}. Use a shorter lookback, or "
        "short_series='drop' or 'pad'."
    )


def new_model(forecaster: Any, panel: Panel, lookback: int, random: Any) -> Model:
    """An untrained network for a panel, with new scales and categories."""
    past = [*panel.past, *panel.static]
    encoder = CovariateEncoder(panel.covariates, past, forecaster.handle_unknown)
    architecture = _architecture(forecaster, encoder.columns(panel.n_targets), lookback)
    network = Network(
        architecture, lookback, forecaster.normalize, forecaster.dtype, forecaster.device
    )
    network.initialize([random])
    scaler = SeriesScaler(panel.targets, panel.offsets)
    return Model(network, encoder, scaler, panel.tail(lookback), int(forecaster.horizon))


def following(forecaster: Any, model: Model, panel: Panel) -> Model:
    """The model, to go on learning from another panel of the same columns.

    Raises
    ------
    ValueError
        If the panel has other columns, or the forecaster's parameters ask for another network.
    """
    model.history.check_same_columns(panel)
    columns = model.encoder.columns(panel.n_targets)
    network = model.network.copy()
    network.check_same(_architecture(forecaster, columns, network.lookback))
    history = panel.tail(network.lookback)
    return replace(model, network=network, scaler=model.scaler_of(panel), history=history)


def _architecture(forecaster: Any, columns: Columns, lookback: int) -> Architecture:
    cell = forecaster.cell
    architecture = Architecture(
        f"rnn_{forecaster.activation}" if cell == "rnn" else cell,
        columns,
        int(forecaster.hidden_size),
        int(forecaster.num_layers),
        2 if forecaster.bidirectional else 1,
        block_of(forecaster),
        forecaster.strategy == "seq2seq",
        lookback if forecaster.linear_skip else 0,
    )
    if architecture.n_parameters > LARGEST_NETWORK:
        skip = f", linear_skip from lookback {lookback}" if forecaster.linear_skip else ""
        raise ValueError(
            f"The network would have {architecture.n_parameters:,} parameters "
            f"(hidden_size {forecaster.hidden_size}, num_layers {forecaster.num_layers}, horizon "
            f"{forecaster.horizon}, {columns.targets} targets{skip}); {LARGEST_NETWORK:,} is the "
            "most."
        )
    return architecture


def examples_of(forecaster: Any, model: Model, panel: Panel) -> Examples:
    """The windows to learn from, and those to validate on."""
    lookback, block = model.network.lookback, model.network.architecture.horizon
    targets = model.scaler.transform(panel.targets, panel.offsets, model.network.dtype)
    series = model.encoder.rows(targets, panel.covariates, panel.where)
    training, validation = window_starts(panel.offsets, lookback, block), None
    if forecaster.early_stopping:
        fraction = float(forecaster.validation_fraction)
        training, validation = split_validation(training, panel.offsets, fraction, block)
    if panel.gaps is not None:
        training = without_gaps(training, panel.gaps, lookback, block)
        if validation is not None:
            validation = without_gaps(validation, panel.gaps, lookback, block)
        if not len(training) or (validation is not None and not len(validation)):
            raise ValueError(
                f"No window is left whose target (horizon {block}) has no gap: "
                f"{panel.gaps.sum()} of {panel.n_rows} rows are missing. Use "
                "missing='interpolate', or a shorter horizon."
            )
    weights = None
    if panel.weights is not None:
        weights = _relative_weights(panel.weights, training + lookback, block, "learn from")
        if validation is not None:
            _relative_weights(panel.weights, validation + lookback, block, "validate on")
        weights = weights.astype(model.network.dtype)
    return Examples(series, training, validation, weights)


def start_at_linear_model(network: Network, examples: Examples) -> None:
    """With a skip path, have an untrained network forecast what the linear model does."""
    if network.architecture.skip:
        network.start_at(*ridge(network, examples.series, examples.training, examples.weights))


def _relative_weights(
    weights: np.ndarray, firsts: np.ndarray, block: int, purpose: str
) -> np.ndarray:
    """Weights of the rows whose mean is 1 over all forecasts, which begin at the rows `firsts`."""
    rows = len(weights) + 1
    change = np.bincount(firsts, minlength=rows) - np.bincount(firsts + block, minlength=rows)
    times = change.cumsum()[:-1]  # that each row is forecast
    largest = weights[times > 0].max()
    if not largest:
        raise ValueError(
            f"sample_weight is 0 in all {(times > 0).sum()} rows that there are to {purpose} "
            f"(of {len(weights)}; the others are not forecast)."
        )
    weights = weights / largest  # whose sum is finite, whatever the unit
    return weights / np.average(weights, weights=times)


def settings_of(forecaster: Any) -> Settings:
    """How to train."""
    per_epoch = forecaster.windows_per_epoch
    if per_epoch is not None and per_epoch > LARGEST_EPOCH:
        raise ValueError(f"windows_per_epoch is {per_epoch}; {LARGEST_EPOCH} is the most.")
    return Settings(
        loss=forecaster.loss,
        optimizer=forecaster.optimizer,
        learning_rate=float(forecaster.learning_rate),
        lr_schedule=forecaster.lr_schedule,
        weight_decay=float(forecaster.weight_decay),
        batch_size=int(forecaster.batch_size),
        max_epochs=int(forecaster.max_epochs),
        windows_per_epoch=None if per_epoch is None else int(per_epoch),
        clip_norm=forecaster.clip_norm,
        dropout=float(forecaster.dropout) if forecaster.num_layers > 1 else 0.0,
        n_iter_no_change=int(forecaster.n_iter_no_change),
        tol=float(forecaster.tol),
        verbose=int(forecaster.verbose),
    )
