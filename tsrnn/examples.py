"""What a forecaster learns from: the windows of a panel, and what each forecast counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsrnn.effects import linear_model, start_at
from tsrnn.fitting import networks_of, plan_of, settings_of
from tsrnn.frames import Panel
from tsrnn.kernels import Architecture
from tsrnn.model import Model
from tsrnn.training import Examples
from tsrnn.windows import (
    coverage,
    most_origins,
    sequences,
    split_validation,
    window_starts,
    windows_of,
    without_gaps,
)


def start(forecaster: Any, model: Model, panel: Panel, *, afresh: bool, validate: bool) -> Examples:
    """The windows to learn from, and perhaps some to validate on.

    A new network with a skip path starts at the linear model of them.
    """
    examples = _examples_of(forecaster, model, panel, validate)
    if afresh and model.network.architecture.skip:
        _start_at_linear_model(model, panel, examples)
    return examples


def _examples_of(forecaster: Any, model: Model, panel: Panel, validate: bool) -> Examples:
    network = model.network
    lookback, block = network.lookback, network.architecture.horizon
    plan = network.architecture, lookback, network.n_series
    parts, training, validation = _all_windows(forecaster, panel, *plan, validate)
    origins, burn_in = 1, None
    if forecaster.supervision == "sequence":
        burn_in = _burn_in_of(forecaster, lookback)
        longest = max(burn_in, lookback - burn_in)  # a run of a lookback, or of two burn-ins
        origins = min(longest, *map(most_origins, training))
        training = [sequences(some, origins) for some in training]
    weights = None
    if panel.weights is not None:
        given = np.tile(panel.weights, model.channels)
        weights = np.zeros(len(given), network.dtype)
        for (whose, part), learned, validated in zip(parts, training, validation, strict=True):
            own = slice(part[0], part[-1])
            both = (learned, origins, "learn from"), (validated, 1, "validate on")
            for some, run, purpose in both:  # of other rows each
                begun = np.bincount(some + lookback - part[0], minlength=len(given[own]))
                times = coverage(coverage(begun, run), block)
                weights[own] += _relative(given[own], times, whose, purpose)
    series = model.rows(panel, model.scaler)
    return Examples(series, training, validation if validate else None, weights, origins, burn_in)


def check_learnable(forecaster: Any, panel: Panel, lookback: int) -> None:
    """Refuse what a fit would refuse, before there is a network to be trained.

    Raises
    ------
    ValueError, TypeError
        As ``fit``.
    """
    settings_of(forecaster)
    _, architecture = plan_of(forecaster, panel, lookback)
    plan = architecture, lookback, networks_of(forecaster, panel)[1]
    _all_windows(forecaster, panel, *plan, validate=forecaster.early_stopping)
    if forecaster.supervision == "sequence":
        _burn_in_of(forecaster, lookback)


def _all_windows(
    forecaster: Any,
    panel: Panel,
    architecture: Architecture,
    lookback: int,
    n_series: int | None,
    validate: bool,
) -> tuple[list[tuple[str, np.ndarray]], list[np.ndarray], list[np.ndarray]]:
    """For each network its series, and its windows: to learn from, to validate on."""
    channels = panel.n_targets // architecture.columns.targets
    firsts = np.arange(channels) * panel.n_rows
    offsets = np.append((firsts[:, None] + panel.offsets[:-1]).ravel(), channels * panel.n_rows)
    gaps: Any = panel.gaps
    if gaps is not None:  # of each channel by itself, or of any target
        gaps = gaps.T.ravel() if channels > 1 else gaps.any(axis=1)
    parts = _parts(offsets, panel, n_series)
    steps = architecture.lead, lookback, architecture.horizon
    pairs = [_starts_of(forecaster, part, gaps, steps, validate, whose) for whose, part in parts]
    training, validation = map(list, zip(*pairs, strict=True))
    return parts, training, validation


def _burn_in_of(forecaster: Any, lookback: int) -> int:
    """Steps of a run along the series up to its first forecast."""
    burn_in = lookback if forecaster.burn_in is None else int(forecaster.burn_in)
    if burn_in > lookback:
        raise ValueError(
            f"burn_in={burn_in} is longer than lookback {lookback}, which is all that a forecast "
            "reads; take at most that."
        )
    return burn_in


def _parts(offsets: np.ndarray, panel: Panel, n_series: int | None) -> list[tuple[str, np.ndarray]]:
    """What each network learns from: all series, or its own; for messages, and by offsets."""
    if n_series is None:
        return [("", offsets)]
    labels = [f" of {panel.label(number)}" for number in range(panel.n_series)]
    return [
        (labels[number % panel.n_series], offsets[number : number + 2])
        for number in range(n_series)
    ]


def _starts_of(
    forecaster: Any,
    offsets: np.ndarray,
    gaps: np.ndarray | None,
    steps: tuple[int, int, int],
    validate: bool,
    whose: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Starts of the windows of some series: to learn from, to validate on (perhaps none).

    ``steps`` are those in front of a window, in it, and of its forecast; ``whose`` is for messages.
    """
    lead, lookback, block = steps
    training = window_starts(offsets, lead + lookback, block) + lead
    validation = training[:0]
    if validate:
        fraction = float(forecaster.validation_fraction)
        training, validation = split_validation(training, offsets, fraction, block, whose)
    if gaps is not None:
        training = without_gaps(training, gaps, lookback, block)
        validation = without_gaps(validation, gaps, lookback, block)
        if not len(training) or (validate and not len(validation)):
            gaps = gaps[offsets[0] : offsets[-1]]
            raise ValueError(
                f"No window{whose} is left whose target (horizon {block}) has no gap: "
                f"{gaps.sum()} of {len(gaps)} rows are missing. Use "
                "missing='interpolate', or a shorter horizon."
            )
    return training, validation


def _start_at_linear_model(model: Model, panel: Panel, examples: Examples) -> None:
    """Have an untrained network forecast what the linear model does."""
    network, season = model.network, panel.season if model.season is None else 1
    series, weights = examples.series, examples.weights
    training = [windows_of(runs, examples.origins) for runs in examples.training]
    given = model.loss, season, weights
    each = [linear_model(network, series, starts, *given) for starts in training]
    start_at(network, each, model.loss)


def _relative(weights: np.ndarray, times: np.ndarray, whose: str, purpose: str) -> np.ndarray:
    """Weights whose mean over all forecasts, so many of each row, is 1; 0 where there is none."""
    relative, forecast = np.zeros(len(weights)), times > 0
    own = weights[forecast]
    if len(own) and not own.any():
        raise ValueError(
            f"sample_weight is 0 in all {len(own)} rows{whose} that there are to {purpose} "
            f"(of {len(weights)}; the others are not forecast)."
        )
    if len(own):
        own = own / own.max()  # then their sum is finite, whatever the unit
        relative[forecast] = own / np.average(own, weights=times[forecast])
    return relative
