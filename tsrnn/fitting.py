"""From a panel and the forecaster's parameters to a network, and to how it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tsrnn.counts import is_count
from tsrnn.frames import CovariateEncoder, Future, Panel, Roles, read_future, read_history
from tsrnn.frames.outliers import warn_of_outliers
from tsrnn.frames.reading import check_step
from tsrnn.frames.values import members
from tsrnn.kernels import Architecture, Columns, choose_device
from tsrnn.kernels.architecture import lead_of
from tsrnn.losses import LOSSES, Loss, Quantiles, levels_of
from tsrnn.model import Model, new_scaler
from tsrnn.network import Network
from tsrnn.training import Settings

# What is more than this is a mistake, or too much for a machine.
LARGEST_NETWORK = 2**30  # parameters
LARGEST_EPOCH = 2**27  # windows
LARGEST_COUNT = 10**9  # beyond which likelihoods in single precision are noise
_SHOWN = 3  # series that a message lists
_UNKNOWN_SEASON = 24  # steps of lookback, at least, where the index tells no season
_LONGEST_UNASKED = 1024  # lookback that is taken, and whose linear model is solved for


def lookback_of(forecaster: Any, panel: Panel) -> int:
    """The lookback asked for, or the default for series like these."""
    segment = int(forecaster.segment_length or 1)
    if forecaster.lookback is not None:
        _check_segments("lookback", int(forecaster.lookback), segment)
        return int(forecaster.lookback)
    if forecaster.warm_start and hasattr(forecaster, "_model"):
        return forecaster.lookback_  # that of the weights to go on from
    horizon = int(forecaster.horizon)
    rows = int(np.median(panel.lengths)) - lead_of(lags_of(forecaster))
    known = 1 < panel.season <= _LONGEST_UNASKED
    seasons = 2 * panel.season if known else _UNKNOWN_SEASON
    wanted = min(max(seasons, 2 * horizon), _LONGEST_UNASKED)
    most = max(rows // 3, season_told(panel.season, rows))
    return segments_in(min(wanted, most, rows - horizon), segment)


def season_told(season: int, rows: int) -> int:
    """The season of so many rows; 1 where they do not hold it twice, as nothing says it is one."""
    return season if rows >= 2 * season else 1


def segments_in(rows: int, segment: int) -> int:
    """The steps of the whole segments in some rows, of one at least."""
    return max(1, rows // segment) * segment


def _check_segments(name: str, rows: int, segment: int) -> None:
    whole, rest = divmod(rows, segment)
    if rest:
        fitting = [str(count * segment) for count in (whole, whole + 1) if count]
        raise ValueError(
            f"{name}={rows} is no multiple of segment_length={segment}: {rows} = {whole} * "
            f"{segment} + {rest}. The nearest: {' and '.join(fitting)}."
        )


def block_of(forecaster: Any) -> int:
    """Steps that the network forecasts at once."""
    return 1 if forecaster.strategy == "recursive" else int(forecaster.horizon)


def lags_of(forecaster: Any) -> tuple[int, ...]:
    """The seasonal lags; what lies so far back is known of every step that is forecast at once."""
    lags = () if forecaster.seasonal_lags is None else tuple(members(forecaster.seasonal_lags))
    block = block_of(forecaster)
    for lag in lags:
        if not is_count(lag):
            raise TypeError(f"seasonal_lags are whole numbers of steps; got {lag!r}.")
        if lag < block:
            fitting = -(-block // max(1, int(lag))) * max(1, int(lag))
            raise ValueError(
                f"seasonal_lags has {lag}, and the network forecasts {block} steps at once: of the "
                f"last one the value {lag} steps before is not known yet. Use {fitting}, or a "
                "shorter horizon."
            )
    if len(set(lags)) < len(lags):
        raise ValueError(f"seasonal_lags has the same lag twice: {[*lags]}.")
    return tuple(map(int, lags))


def roles_of(forecaster: Any) -> Roles:
    """What the columns of the data mean, and what is done about gaps."""
    past, static = (
        () if labels is None else tuple(members(labels))
        for labels in (forecaster.past_covariates, forecaster.static_covariates)
    )
    target = forecaster.target_col
    if not isinstance(target, str):
        target = members(target)
        if not target:
            raise ValueError("target_col is empty: it names the columns to forecast, one at least.")
    columns = forecaster.id_col, forecaster.time_col, target
    return Roles(past, static, *columns, forecaster.freq, forecaster.missing)


def trainable(forecaster: Any, panel: Panel, lookback: int) -> Panel:
    """The series that windows fit into; ``short_series`` says what becomes of the others."""
    block, lead = block_of(forecaster), lead_of(lags_of(forecaster))
    total, before = lead + lookback + block, f"seasonal lag {lead + 1} - 1 + " if lead else ""
    needs = f"{before}lookback {lookback} + horizon {block} need {total}"
    return _long_enough(panel, "series", total, needs, forecaster.short_series)


def to_forecast(
    forecaster: Any, X: Any, history: Any, X_history: Any
) -> tuple[Model, Panel, Future | None]:
    """What forecasts, what it forecasts from, and the rows to forecast, if any were named."""
    model, roles = _heeding(forecaster)
    past = model.history
    if history is not None:
        past = read_history(history, X_history, past, roles)
        rows = forecaster.history_length_
        needs = f"the network reads the last {rows}"
        past = _long_enough(past, "history", rows, needs, forecaster.short_series)
    elif X_history is not None:
        raise ValueError("X_history goes with a history; history is missing.")
    return model, past, None if X is None else read_future(X, past, roles)


def _heeding(forecaster: Any) -> tuple[Model, Roles]:
    """What was fitted, with parameters that were set since then, perhaps as a message advised."""
    model, roles = forecaster._model, forecaster._roles
    now = forecaster.missing, forecaster.handle_unknown
    if now != (roles.missing, model.encoder.handle_unknown):
        forecaster._validate_params()
        encoder = replace(model.encoder, handle_unknown=now[1])
        model, roles = replace(model, encoder=encoder), replace(roles, missing=now[0])
    return model, roles


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
    ways = ["short_series='pad'"] if short_series == "drop" else ["short_series='drop' or 'pad'"]
    if what == "series":
        ways = ["a shorter lookback", *ways]
    listed = ", ".join(f"{panel.label(i)} has {lengths[i]} rows" for i in short[:_SHOWN])
    raise ValueError(
        f"{len(short)} of {panel.n_series} series are too short: {listed}"
        f"{', ...' * (len(short) > _SHOWN)}; {needs}. Use {', or '.join(ways)}."
    )


def new_model(
    forecaster: Any, panel: Panel, lookback: int, random: list[np.random.Generator]
) -> Model:
    """An untrained network for a panel, with new scales and categories.

    Each network has a generator in ``random`` that chooses its weights.
    """
    encoder, architecture = plan_of(forecaster, panel, lookback)
    loss, counts = loss_of(forecaster), networks_of(forecaster, panel)
    if loss.squares:
        warn_of_outliers(panel, forecaster.loss, stacklevel=5)
    normalize = "size" if loss.keeps_zero else _normalization(forecaster, panel)
    machine = _machine_of(forecaster, architecture, lookback, *counts)
    settings = normalize, forecaster.dtype, *machine
    network = Network(architecture, lookback, *settings, *counts)
    network.initialize(random)
    scaler = new_scaler(panel, loss, forecaster.deseasonalize)
    history = panel.tail(network.rows_read)
    return Model(network, encoder, scaler, history, int(forecaster.horizon), loss)


def plan_of(forecaster: Any, panel: Panel, lookback: int) -> tuple[CovariateEncoder, Architecture]:
    """What a network for a panel is to be; parameters that none can be made with are refused."""
    past, loss = [*panel.past, *panel.static], loss_of(forecaster)
    encoder = CovariateEncoder.fitted(panel.covariates, past, forecaster.handle_unknown)
    _check_fits(forecaster, loss, panel)
    _check_seasons(forecaster, panel)
    _check_reach(forecaster, panel)
    _check_precision(forecaster)
    columns = encoder.columns(panel.n_targets // channels_of(forecaster, panel))
    counts = networks_of(forecaster, panel)
    return encoder, _architecture(forecaster, columns, lookback, loss, *counts)


def _machine_of(
    forecaster: Any, architecture: Architecture, lookback: int, n_members: int, n_series: int | None
) -> tuple[str, str]:
    """Where to compute, and how precisely."""
    networks = n_members * (n_series or 1)
    operations = networks * int(forecaster.batch_size) * architecture.operations(lookback)
    precision = forecaster.precision
    return choose_device(forecaster.device, precision, operations), precision


def _normalization(forecaster: Any, panel: Panel) -> str | None:
    """What windows are freed from; series that share a network may differ in how much they vary."""
    if forecaster.normalize != "auto":
        return forecaster.normalize
    one = panel.n_series * channels_of(forecaster, panel) == 1
    return "last" if one or forecaster.pooling == "local" else "standard"


def networks_of(forecaster: Any, panel: Panel) -> tuple[int, int | None]:
    """Members of an ensemble, and series that have a network of their own, or an ensemble."""
    n_series = panel.n_series * channels_of(forecaster, panel)
    local = forecaster.pooling == "local" and (n_series > 1 or panel.ids is not None)
    return int(forecaster.n_members), n_series if local else None


def channels_of(forecaster: Any, panel: Panel) -> int:
    """How many series are made of one: one of each target if channels are independent."""
    return panel.n_targets if forecaster.channels == "independent" else 1


def following(forecaster: Any, panel: Panel) -> Model:
    """What was fitted, to go on learning from another panel of the same columns.

    Raises
    ------
    ValueError
        If the panel has other columns or another frequency, or the forecaster's parameters ask for
        another network.
    """
    model, _ = _heeding(forecaster)
    model.history.check_same_columns(panel)
    check_step(panel, model.history, "X", "begin afresh: fit(...) with warm_start=False")
    columns = model.encoder.columns(panel.n_targets // channels_of(forecaster, panel))
    lookback, loss = model.network.lookback, loss_of(forecaster)
    counts = networks_of(forecaster, panel)
    architecture = _architecture(forecaster, columns, lookback, loss, *counts)
    check_units(forecaster, model)
    model.check_same_network(architecture, int(forecaster.horizon), loss, *counts)
    _check_unchanged(forecaster, model)
    _check_fits(forecaster, loss, panel)
    _check_precision(forecaster)
    model.check_same_series(panel)
    network = model.network.copy(*_machine_of(forecaster, architecture, lookback, *counts))
    history, scaler = panel.tail(network.rows_read), model.scaler_of(panel)
    return replace(model, network=network, scaler=scaler, history=history, loss=loss)


def check_units(forecaster: Any, before: Model) -> None:
    """Refuse a loss to go on with that measures series in other units."""
    if loss_of(forecaster).units != before.loss.units:
        raise ValueError(
            f"loss={forecaster.loss!r} measures the series in other units than the loss that the "
            "network learned with so far. Begin afresh: fit(...) with warm_start=False."
        )


def _check_unchanged(forecaster: Any, model: Model) -> None:
    """Refuse parameters that going on would not heed."""
    network = model.network
    before = {
        "horizon": model.horizon,
        "lookback": network.lookback,
        "normalize": network.normalize,
        "dtype": network.dtype,
        "deseasonalize": model.season,
    }
    now = {name: getattr(forecaster, name) for name in before}
    if now["lookback"] is None:
        del now["lookback"]
    if now["normalize"] == "auto" or model.loss.keeps_zero:
        del now["normalize"]
    for name, value in now.items():
        if value != before[name]:
            raise ValueError(
                f"partial_fit goes on with {name}={before[name]!r}, and {name} is now {value!r}. "
                "Set it back, or begin afresh: fit(...) with warm_start=False."
            )


def loss_of(forecaster: Any) -> Loss:
    """What training makes small."""
    if forecaster.loss == "quantile":
        return Quantiles(levels_of(forecaster.quantiles))
    return LOSSES[forecaster.loss]()


def _check_fits(forecaster: Any, loss: Loss, panel: Panel) -> None:
    """Refuse what does not go with a loss: seasons taken off; for counts also a linear model."""
    if forecaster.deseasonalize is not None and loss.keeps_zero:
        raise ValueError(
            f"deseasonalize={forecaster.deseasonalize} takes the season off by differences, and "
            f"loss={forecaster.loss!r} wants 0 to stay 0. Use another loss, or seasonal_lags."
        )
    if loss.units != "counts":
        return
    if forecaster.linear_skip not in (False, "auto"):
        raise ValueError(
            "linear_skip=True adds a linear forecast to what the network gives, and with "
            f"loss={forecaster.loss!r} that is no forecast yet: a mean, above 0, is made of it. "
            "Use linear_skip='auto', or another loss, such as 'gaussian' or 'student_t'."
        )
    strange = (panel.targets < 0) | (panel.targets > LARGEST_COUNT)
    if strange.any():
        row, column = np.argwhere(strange)[0]
        of = f", column {(panel.names or range(panel.n_targets))[column]!r}," * (
            panel.n_targets > 1
        )
        raise ValueError(
            f"loss={forecaster.loss!r} is for counts, from 0 to {LARGEST_COUNT:,}: "
            f"{panel.where(int(row))}{of} holds {panel.targets[row, column]:g}. Use another loss, "
            "such as 'gaussian' or 'student_t'."
        )


def _check_seasons(forecaster: Any, panel: Panel) -> None:
    """Refuse a season that no series holds twice."""
    rows, season = int(panel.own_lengths.max()), forecaster.deseasonalize
    if season is not None and rows < 2 * season:
        raise ValueError(
            f"deseasonalize={season} takes off what two seasons have in common: {2 * season} rows, "
            f"and the longest series has {rows}. Use a shorter season, or None."
        )


def _check_reach(forecaster: Any, panel: Panel) -> None:
    """Refuse a horizon for which a network that is fed with its forecasts lacks covariates."""
    if forecaster.strategy == "recursive" and panel.past and forecaster.horizon > 1:
        raise ValueError(
            f"strategy='recursive' forecasts the horizon of {forecaster.horizon} steps one by one, "
            f"each from the one before, and past_covariates {list(panel.past)} are known of none "
            "of them. Use strategy='direct' or 'seq2seq', or horizon=1."
        )


def _check_precision(forecaster: Any) -> None:
    """Refuse tensor cores where there are none, and for numbers that they do not multiply."""
    if forecaster.precision == "ieee":
        return
    if forecaster.device == "cpu":
        raise ValueError(
            "precision='tf32' is for a GPU's tensor cores, and device='cpu' has none. Use "
            "device='cuda' or 'auto', or precision='ieee'."
        )
    if forecaster.dtype != "float32":
        raise ValueError(
            "precision='tf32' rounds numbers of dtype='float32'; dtype is "
            f"{forecaster.dtype!r}. Use precision='ieee'."
        )


def _architecture(
    forecaster: Any,
    columns: Columns,
    lookback: int,
    loss: Loss,
    n_members: int,
    n_series: int | None,
) -> Architecture:
    cell, skip = forecaster.cell, _skip_of(forecaster, lookback, loss)
    segment = int(forecaster.segment_length or 0)
    if forecaster.supervision == "sequence":
        _check_sequence(forecaster)
    if segment:
        if forecaster.strategy != "direct":
            raise ValueError(
                f"segment_length={segment} decodes all segments of the horizon in parallel, which "
                f"strategy='{forecaster.strategy}' cannot; it goes with strategy='direct'."
            )
        _check_segments("horizon", int(forecaster.horizon), segment)
    architecture = Architecture(
        f"rnn_{forecaster.activation}" if cell == "rnn" else cell,
        columns,
        int(forecaster.hidden_size),
        int(forecaster.num_layers),
        2 if forecaster.bidirectional else 1,
        block_of(forecaster),
        forecaster.strategy == "seq2seq" or segment > 0,
        skip=skip,
        segment=segment,
        numbers=loss.numbers,
        lags=lags_of(forecaster),
        residual=bool(forecaster.residual),
    )
    networks = n_members * (n_series or 1)
    n_parameters = architecture.n_parameters * networks
    if n_parameters > LARGEST_NETWORK:
        path = f", linear_skip from lookback {lookback}" if skip else ""
        raise ValueError(
            f"The network would have {n_parameters:,} parameters "
            f"(hidden_size {forecaster.hidden_size}, num_layers {forecaster.num_layers}, horizon "
            f"{forecaster.horizon}, {columns.targets} targets, {networks} networks{path}); "
            f"{LARGEST_NETWORK:,} is the most."
        )
    return architecture


def _skip_of(forecaster: Any, lookback: int, loss: Loss) -> int:
    """Steps that a linear path reads; 0 without one."""
    skip = forecaster.linear_skip
    if skip == "auto":
        skip = suits_path(loss, forecaster.strategy) and lookback <= _LONGEST_UNASKED
    return lookback if skip else 0


def suits_path(loss: Loss, strategy: str) -> bool:
    """Whether a linear path goes with a loss and a strategy.

    One that is fed with its own forecasts, step by step, may grow without end.
    """
    return loss.units != "counts" and strategy != "recursive"


def _check_sequence(forecaster: Any) -> None:
    """Refuse what does not go with supervision="sequence"."""
    reasons = {
        "bidirectional=True": (forecaster.bidirectional, "would read what it forecasts"),
        "strategy='seq2seq'": (forecaster.strategy == "seq2seq", "has a decoder for one origin"),
        "segment_length": (forecaster.segment_length is not None, "has no state after each step"),
    }
    for name, (given, reason) in reasons.items():
        if given:
            raise ValueError(
                "supervision='sequence' takes a forecast after each step of one run along the "
                f"series; {name} {reason}. Use supervision='window'."
            )


def settings_of(forecaster: Any) -> Settings:
    """How to train."""
    drops = forecaster.num_layers > 1 or forecaster.segment_length is not None
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
        dropout=float(forecaster.dropout) if drops else 0.0,
        n_iter_no_change=int(forecaster.n_iter_no_change),
        tol=float(forecaster.tol),
        verbose=int(forecaster.verbose),
    )


def note_features(forecaster: Any, X: Any) -> None:
    """How many columns were fitted, and their names if all are strings, as scikit-learn has it."""
    shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    forecaster.n_features_in_ = shape[1] if len(shape) == 2 else 1
    forecaster.__dict__.pop("feature_names_in_", None)
    names = getattr(X, "columns", None)
    if names is not None and all(isinstance(name, str) for name in names):
        forecaster.feature_names_in_ = np.asarray(names, dtype=object)
