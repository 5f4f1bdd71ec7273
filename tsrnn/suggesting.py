"""Parameters for those who do not want to choose: what the data say about them, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from tsrnn.examples import check_learnable
from tsrnn.fitting import (
    block_of,
    lags_of,
    lookback_of,
    loss_of,
    roles_of,
    season_told,
    segments_in,
    suits_path,
    trainable,
)
from tsrnn.frames import Panel, read_training
from tsrnn.kernels.architecture import lead_of
from tsrnn.losses import Loss

# So many series of a panel, and last rows of a series, tell what all are like.
_SERIES, _ROWS = 100, 20_000
_LONGEST_SEASON = 400  # that is looked for where the index tells none
_REPEATS = 0.3  # changes correlate so much with those a season before, or there is no season
_NEARLY = 0.9  # as strong as the strongest
_MORE = 0.05  # correlation, by which a week has to tell more than a day
_ORIGINS = 24  # of forecasts that try whether the last value tells the level
_STEPS = 24  # whose mean is tried, and that are read, at least, without a season
_SEGMENTS = range(48, 3, -1)  # lengths that are tried, the best first
_FEW, _MANY = 2_000, 50_000  # forecasts to learn from


class Nature(NamedTuple):
    """What some series are like."""

    n_series: int
    n_targets: int
    length: int
    """Rows of a usual one."""
    shortest: int
    windows: int
    """Forecasts to learn from, in all."""
    season: int
    """Steps after which they repeat themselves; 1 if they do not."""
    found: bool
    """Whether the season was found in the values, as the index told none."""
    week: int | None
    """Steps in a week, if the season is a day and there are three weeks."""
    weekly: bool
    """Whether a week tells more than a day."""
    wanders: bool
    """Whether the last value tells the level of what comes better than the last season's mean."""
    sparse: bool
    """Whether at least a third of the values are 0, as of demand for what is seldom sold."""


def nature_of(panel: Panel, horizon: int) -> Nature:
    """Lengths, seasons and levels of the series in a panel."""
    every = -(-panel.n_series // _SERIES)
    bounds = [*zip(panel.offsets[:-1], panel.offsets[1:], strict=True)][::every]
    series = [
        values - values.mean()
        for first, end in bounds
        for values in panel.targets[max(first, end - _ROWS) : end].T.astype(np.float64)
    ]
    length, season, week = int(np.median(panel.lengths)), panel.season, None
    step = None if panel.timeline is None else panel.timeline.usual_step
    if season == 1:
        season = _found_season(series)
    elif step is not None and step * season == np.timedelta64(1, "D") and length >= 21 * season:
        week = 7 * season
    weekly = week is not None and _repeats(series, week) > _repeats(series, season) + _MORE
    windows = int(np.maximum(panel.lengths - horizon - season, 1).sum())
    return Nature(
        *(panel.n_series, panel.n_targets, length, int(panel.lengths.min()), windows),
        *(season, panel.season == 1 and season > 1, week, weekly),
        _wanders(series, week if week and weekly else season, horizon),
        bool((panel.targets == 0).mean() >= 1 / 3),
    )


def _repeats(series: list[np.ndarray], lag: int) -> float:
    """The usual correlation of changes with those so many steps before."""
    found = [0.0]
    for values in series:
        changes = np.diff(values)
        if len(changes) > 2 * lag:
            now, before = changes[lag:], changes[:-lag]
            size = np.sqrt((now @ now) * (before @ before))
            found.append(float(now @ before / size) if size else 0.0)
    return float(np.median(found[1:] or found))


def _found_season(series: list[np.ndarray]) -> int:
    """The shortest lag at which changes repeat themselves most; 1 if there is none.

    Where changes are smooth they are alike at the first lags, and at those around the season.
    """
    longest = min(_LONGEST_SEASON, max(map(len, series)) // 3)
    strengths = np.array([1.0, *(_repeats(series, lag) for lag in range(1, longest + 1))])
    unlike = np.flatnonzero(strengths < strengths[2:].max(initial=0) / 2)
    if not len(unlike) or strengths[unlike[0] :].max() < _REPEATS:
        return 1
    strengths[: unlike[0]] = 0
    strong = np.append(strengths > _NEARLY * strengths.max(), False)
    first = int(np.argmax(strong))  # of a peak, and not of a multiple of it
    end = first + int(np.argmin(strong[first:]))
    return first + int(np.argmax(strengths[first:end]))


def _wanders(series: list[np.ndarray], season: int, horizon: int) -> bool:
    """Whether last values tell the level of what comes better than means of some steps do.

    Each is tried at some origins: with a season by its change since the season before, which is
    repeated on that level.
    """
    steps = season if season > 1 else max(2 * horizon, _STEPS)
    ahead, errors = np.arange(horizon), np.zeros(2)
    for values in series:
        size, last = values.std() or 1.0, len(values) - horizon
        first = max(2 * steps, last // 2)
        for origin in np.unique(np.linspace(first, max(first, last), _ORIGINS, dtype=int)):
            if origin > last:
                break
            before, now = np.split(values[origin - 2 * steps : origin], 2)
            levels = np.array([now[-1], now.mean()])
            repeated = np.zeros(horizon)
            if season > 1:
                levels -= [before[-1], before.mean()]
                repeated = now[ahead % season]
            error = repeated + levels[:, None] - values[origin : origin + horizon]
            errors += np.abs(error).mean(axis=1) / size
    return bool(errors[0] <= errors[1])


class Choice(NamedTuple):
    """A parameter's value, and why it is that."""

    value: Any
    why: str


def choices(
    nature: Nature, horizon: int, settled: Mapping[str, Any], loss: Loss, block: int
) -> dict[str, Choice]:
    """Parameters for series of this nature, that go with those that are settled.

    ``block`` are the steps that the network forecasts at once.
    """
    if "deseasonalize" in settled or loss.keeps_zero:
        nature = nature._replace(weekly=False)
    chosen = {"horizon": Choice(horizon, "as asked")}
    segment = _segment(nature, horizon, settled)
    runs = settled.get("supervision") == "sequence"
    least = settled.get("burn_in") if runs else None
    chosen["lookback"] = _lookback(nature, horizon, segment, least or 1)
    if segment is None:
        chosen["cell"] = Choice("gru", "learns as well as an LSTM on most series, and is smaller")
    else:
        chosen["cell"] = Choice("gru", "the cell of SegRNN")
        chosen["segment_length"] = Choice(
            segment, f"the horizon of {horizon} steps is read and forecast in segments of {segment}"
        )
    need = (settled.get("lookback") or chosen["lookback"].value) + block
    if nature.n_series > 1 and nature.shortest < need:
        why = f"the shortest series has {nature.shortest} rows, {need} are needed"
        chosen["short_series"] = Choice("pad", why)
    if nature.weekly:
        chosen["deseasonalize"] = Choice(
            nature.week, f"a week of {nature.week} steps tells more than a day of {nature.season}"
        )
    if nature.n_targets > 1:
        chosen["channels"] = Choice(
            "independent", f"one network learns from all {nature.n_targets} columns"
        )
    if loss.units != "counts":
        chosen["normalize"] = _level(nature)
    if suits_path(loss, settled.get("strategy", "direct")):
        why = "a linear model is hard to beat, and the place to start"
        chosen["linear_skip"] = Choice(True, why)
    chosen["loss"] = Choice("mae", "outliers weigh little")
    if nature.sparse:
        why = "a third of the values or more are 0, so their median would be too little"
        chosen["loss"] = Choice("mse", why)
    return chosen | _sizes(nature, segment is not None)


def _level(nature: Nature) -> Choice:
    """What windows are freed from."""
    if nature.wanders:
        how, level = "last", "the last value"
    else:
        level = "the mean of a season"
        how = "standard" if nature.n_series > 1 else "mean"
    why = f"{level} tells the level of what comes best"
    if how == "standard":
        why += ", and series may differ in how much they vary"
    return Choice(how, why)


def _segment(nature: Nature, horizon: int, settled: Mapping[str, Any]) -> int | None:
    """The longest that divides the horizon, up to a season, and fits twice; None if too short.

    Nor are there any for so few windows that they hardly correct the linear model.
    """
    if "segment_length" in settled:
        return settled["segment_length"]
    plain = nature.windows < _FEW or nature.weekly
    whole = settled.get("strategy", "direct") == "direct"
    if plain or not whole or settled.get("supervision", "window") != "window":
        return None
    lookback = settled.get("lookback") or 0  # of the length of some segments, too
    most = min(horizon, _room(nature, horizon) // 2)
    if nature.season > 1:
        most = min(most, nature.season)
    fitting = (
        size for size in _SEGMENTS if size <= most and not (horizon % size or lookback % size)
    )
    return next(fitting, None)


def _room(nature: Nature, horizon: int) -> int:
    """The longest lookback: as many windows are left to learn from, but a season is read."""
    rows = nature.length - horizon
    return max(1, rows // 2, min(season_told(nature.season, nature.length), rows))


def _lookback(nature: Nature, horizon: int, segment: int | None, least: int) -> Choice:
    season, length = nature.season, nature.length
    few = nature.windows < _FEW
    seasons = 7 if nature.week and not nature.weekly else 4 if season <= 12 and not few else 2
    wanted = max(seasons * season, 2 * horizon, _STEPS if season == 1 else 0)
    unit = segment or 1
    steps = segments_in(min(wanted, _room(nature, horizon)), unit)
    why = f"{seasons} seasons of {season} steps"
    if season == 1:
        why = f"twice the horizon, and {_STEPS} steps at least, as no season is known"
    elif 2 * horizon > seasons * season:
        why = f"twice the horizon, which is more than {why}"
    if nature.found:
        why += " (the season was found in the values: the index tells none)"
    if steps < least:
        return Choice(least, f"burn_in reads {least} steps")
    if steps < wanted - unit:
        why += f"; but at most half of what {length} rows leave, or one season"
    return Choice(steps, why)


def _sizes(nature: Nature, segments: bool) -> dict[str, Choice]:
    """How large, how many, how long."""
    rows = f"{nature.windows:,} forecasts to learn from"
    few, many = nature.windows < _FEW, nature.windows > _MANY
    chosen = {
        "hidden_size": Choice(128 if many else 64 if not few else 32, rows),
        "batch_size": Choice(32 if few else 128, rows),
    }
    if not many:
        chosen["n_members"] = Choice(5, f"{rows}: the median of several steadies few")
    if segments and not few:
        chosen["dropout"] = Choice(0.2, "SegRNN learns better so")
    return chosen


if TYPE_CHECKING:
    _OfClass = classmethod  # mypy knows no other
else:

    class _OfClass(classmethod):
        """A method of the class alone: a forecaster's own parameters would not count."""

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is not None:
                raise AttributeError(
                    "suggest makes a new forecaster, and heeds no parameters of this one. Ask the "
                    "class: RNNForecaster.suggest(y, horizon=12, random_state=0)."
                )
            return super().__get__(instance, owner)


class Suggesting:
    """The part of ``RNNForecaster`` that chooses its parameters."""

    @_OfClass
    def suggest(cls, X: Any, y: Any = None, *, horizon: int = 1, **parameters: Any) -> Self:
        """A forecaster with parameters that suit the data, not fitted yet.

        Looks at the length and number of the series, at their season, and at whether their last
        value or their mean tells the level of what comes. ``docs/suggest.md`` says how the rules
        were chosen, and on which data.

        Parameters
        ----------
        X, y
            What is to be fitted, as in ``fit``.
        horizon : int, default=1
            Steps to forecast.
        **parameters
            Parameters that are settled already, such as ``past_covariates`` or ``random_state``.

        Returns
        -------
        RNNForecaster
            Its attribute ``why`` says in words, by parameter, why it was chosen.

        Raises
        ------
        ValueError, TypeError
            As ``fit``, if the data cannot be used, are too few, or a parameter is out of range.

        Examples
        --------
        >>> from tsrnn import RNNForecaster
        >>> from tsrnn.datasets import load_air_passengers
        >>> forecaster = RNNForecaster.suggest(load_air_passengers(), horizon=12)
        >>> forecaster.lookback, forecaster.why["lookback"]
        (24, '2 seasons of 12 steps')
        """
        forecaster: Any = cls(**{"horizon": horizon, **parameters})
        forecaster._validate_params()
        panel = read_training(X, y, roles_of(forecaster), calls=1)
        nature, lead = nature_of(panel, horizon), lead_of(lags_of(forecaster))
        nature = nature._replace(length=nature.length - lead, shortest=nature.shortest - lead)
        loss, block = loss_of(forecaster), block_of(forecaster)
        found = choices(nature, horizon, parameters, loss, block)
        chosen = {name: each for name, each in found.items() if name not in parameters}
        forecaster.set_params(**{name: each.value for name, each in chosen.items()})
        forecaster.why = {name: each.why for name, each in chosen.items()}
        lookback = lookback_of(forecaster, panel)
        check_learnable(forecaster, trainable(forecaster, panel, lookback), lookback)
        return forecaster
