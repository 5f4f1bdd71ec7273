"""From a panel and the forecaster's parameters to a network, what it learns from, and how."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tsrnn.frames import CovariateEncoder, Future, Panel, Roles, read_future, read_history
from tsrnn.kernels import Architecture, Columns
from tsrnn.losses import LOSSES, Loss, Quantiles, levels_of
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


def to_forecast(
    forecaster: Any, X: Any, history: Any, X_history: Any
) -> tuple[Panel, Future | None]:
    """What is forecast from, and the rows to forecast, if any were named."""
    past, roles = forecaster._model.history, forecaster._roles
    if history is not None:
        past = read_history(history, X_history, past, roles)
        past = readable(forecaster, past, forecaster.lookback_)
    elif X_history is not None:
        raise ValueError("X_history goes with a history; history is missing.")
    return past, None if X is None else read_future(X, past, roles)


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
    loss = loss_of(forecaster)
    _check_fits(loss, forecaster.loss, panel)
    architecture = _architecture(forecaster, encoder.columns(panel.n_targets), loss)
    normalize = "size" if loss.units in ("size", "counts") else forecaster.normalize
    network = Network(architecture, lookback, normalize, forecaster.dtype, forecaster.device)
    network.initialize([random])
    scaler = SeriesScaler(panel.targets, panel.offsets, loss.units, panel.season)
    return Model(network, encoder, scaler, panel.tail(lookback), int(forecaster.horizon), loss)


def following(forecaster: Any, model: Model, panel: Panel) -> Model:
    """The model, to go on learning from another panel of the same columns.

    Raises
    ------
    ValueError
        If the panel has other columns, or the forecaster's parameters ask for another network.
    """
    model.history.check_same_columns(panel)
    columns = model.encoder.columns(panel.n_targets)
    network, loss = model.network.copy(), loss_of(forecaster)
    network.check_same(_architecture(forecaster, columns, loss))
    if loss.units != model.loss.units:
        raise ValueError(
            f"loss={forecaster.loss!r} measures the series in other units than the loss that the "
            "network learned with so far. Begin afresh: fit(...) with warm_start=False."
        )
    _check_fits(loss, forecaster.loss, panel)
    history, scaler = panel.tail(network.lookback), model.scaler_of(panel)
    return replace(model, network=network, scaler=scaler, history=history, loss=loss)


def loss_of(forecaster: Any) -> Loss:
    """What training makes small."""
    if forecaster.loss == "quantile":
        return Quantiles(levels_of(forecaster.quantiles))
    return LOSSES[forecaster.loss]()


def _check_fits(loss: Loss, name: str, panel: Panel) -> None:
    """Refuse negative numbers where counts are wanted."""
    if loss.units != "counts" or not (panel.targets < 0).any():
        return
    row, column = np.argwhere(panel.targets < 0)[0]
    raise ValueError(
        f"loss={name!r} is for counts, from 0 on: {panel.where(int(row))} holds "
        f"{panel.targets[row, column]:g}. Use another loss, such as 'gaussian' or 'student_t'."
    )


def _architecture(forecaster: Any, columns: Columns, loss: Loss) -> Architecture:
    cell = forecaster.cell
    architecture = Architecture(
        f"rnn_{forecaster.activation}" if cell == "rnn" else cell,
        columns,
        int(forecaster.hidden_size),
        int(forecaster.num_layers),
        2 if forecaster.bidirectional else 1,
        block_of(forecaster),
        forecaster.strategy == "seq2seq",
        numbers=loss.numbers,
    )
    if architecture.n_parameters > LARGEST_NETWORK:
        raise ValueError(
            f"The network would have {architecture.n_parameters:,} parameters "
            f"(hidden_size {forecaster.hidden_size}, num_layers {forecaster.num_layers}, horizon "
            f"{forecaster.horizon}, {columns.targets} targets); {LARGEST_NETWORK:,} is the most."
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
        loss=loss_of(forecaster),
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
