"""What covariates that are known in advance add to the linear model of a window, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tsrnn.blas import blas_on_one_thread
from tsrnn.kernels import Architecture, Columns, WindowSet
from tsrnn.linear import MOST_WINDOWS, Equations, penalty_of, read_windows, ridge
from tsrnn.network import Network
from tsrnn.windows import spread_out

# The path is solved for again without these effects, and they without what the path explains: so
# often, which is enough where both hardly say the same.
_TURNS = 3
_MOST = 256  # effects; equations of more would take longer than a network learns
_CHUNK = 1 << 20  # numbers of rows that are written out at a time


class LinearModel(NamedTuple):
    """Where a network with a skip path starts."""

    weight: np.ndarray
    """(horizon * targets, lookback), as the parameter ``skip.weight``."""
    bias: np.ndarray
    """(horizon * targets,)"""
    effects: np.ndarray
    """(targets, effects) of what is known of a step, as ``Known`` lists it; alike for all steps."""


class Known:
    """What a row holds of the next one, known in advance: numbers, then a 1 for each category.

    Of long lists of categories there is nothing, and of what they would make too many.

    Attributes
    ----------
    numbers : list of int
        Their columns in the series.
    categories : dict of int to slice
        Of each column of categories, by its number among all such: its effects.
    width : int
        Effects in all.
    """

    def __init__(self, columns: Columns):
        self._columns = columns
        self.numbers = [*range(columns.targets + columns.past, columns.numbers)][:_MOST]
        self.categories: dict[int, slice] = {}
        self.width = len(self.numbers)
        for place, count in enumerate(columns.categories):
            if place >= len(columns.past_categories) and self.width + count <= _MOST:
                self.categories[place] = slice(self.width, self.width + count)
                self.width += count

    def read(self, series: np.ndarray) -> np.ndarray:
        """Of some rows: shape (rows, width)."""
        parts = [series[:, self.numbers].astype(np.float64)]
        for place, effects in self.categories.items():
            codes = series[:, self._columns.numbers + place, None]
            parts.append((codes == np.arange(effects.stop - effects.start)).astype(np.float64))
        return np.concatenate(parts, axis=1)


def linear_model(
    network: Network,
    series: np.ndarray,
    starts: np.ndarray,
    season: int = 1,
    weights: np.ndarray | None = None,
) -> LinearModel:
    """The path of ``linear.ridge``, and effects of what is known of each step beside it.

    Both are solved for in turns, each of what the other leaves (backfitting; Breiman & Friedman,
    1985). An effect is the same at all steps to come, so all of them tell it; effects are held back
    from 0 as the path's weights are from the naive forecast. With a decoder, which reads what is
    known itself, there are none.

    Parameters are those of ``linear.ridge``.

    Returns
    -------
    LinearModel
    """
    architecture = network.architecture
    known, targets = Known(architecture.columns), architecture.columns.targets
    path = ridge(network, series, starts, season, weights)
    if architecture.decoder or not known.width or not len(starts):
        return LinearModel(*path, np.zeros((targets, 0)))
    if len(starts) > MOST_WINDOWS:
        starts = starts[spread_out(len(starts), MOST_WINDOWS)]
    windows = network.windows(series, starts, weights)
    with blas_on_one_thread():
        for _ in range(_TURNS):
            effects = np.stack(
                [_effects(known, windows, target, *path) for target in range(targets)]
            )
            ahead = np.concatenate([rows @ effects.T for rows in _in_parts(known, series)])
            path = ridge(network, series, starts, season, weights, np.roll(ahead, 1, axis=0))
    return LinearModel(*path, effects)


def start_at(network: Network, linear_models: list[LinearModel]) -> None:
    """Have an untrained network forecast what the linear model does, of each series or of all.

    Effects of categories become the first numbers of their vectors.
    """
    network.start_at([(model.weight, model.bias) for model in linear_models])
    with blas_on_one_thread():
        for number in range(network.engine.networks):
            effects = linear_models[network.series_of(number)].effects
            if effects.size:
                _put(effects, network.parameters_of(number), network.architecture)


def _put(
    effects: np.ndarray, parameters: dict[str, np.ndarray], architecture: Architecture
) -> None:
    """Effects to the weights of the head, those of categories to their vectors too."""
    columns = architecture.columns
    known, values = Known(columns), architecture.horizon * columns.targets
    weights = parameters["head.known_weight"][:values]
    weights = weights.reshape(architecture.horizon, columns.targets, -1)
    weights[..., : len(known.numbers)] = effects[:, : len(known.numbers)]
    first = columns.known + architecture.lagged
    for place in range(len(columns.past_categories), len(columns.categories)):
        size = architecture.embedding_sizes[place]
        if place in known.categories:
            # of length 1 on average, as vectors are
            left, sizes, right = np.linalg.svd(effects[:, known.categories[place]].T)
            length, count = np.sqrt(len(left)), min(size, len(sizes))
            if sizes[0] > 0:
                parameters[f"embedding.{place}"][:, :count] = left[:, :count] * length
                weights[..., first : first + count] = right[:count].T * sizes[:count] / length
        first += size


def _in_parts(known: Known, series: np.ndarray) -> Iterator[np.ndarray]:
    at_once = max(1, _CHUNK // known.width)
    for first in range(0, len(series), at_once):
        yield known.read(series[first : first + at_once])


def _effects(
    known: Known, windows: WindowSet, target: int, weight: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """Of one target: ridge regression of what the path leaves of the rows that are forecast."""
    horizon, rows = len(bias) // windows.targets, len(windows.series)
    weight, bias = weight[target :: windows.targets], bias[target :: windows.targets]
    steps = np.arange(horizon)
    times, left, squares = np.zeros(rows), np.zeros(rows), 0.0
    for starts, x, y, counts in read_windows(windows, target, steps):
        rest = y - x @ weight.T - bias
        before = (starts + windows.steps + steps - 1).ravel()  # which hold what is known
        each = np.repeat(counts, horizon) / horizon  # a window counts as one, not as its steps
        np.add.at(times, before, each)
        np.add.at(left, before, each * rest.ravel())
        squares += each @ np.square(rest.ravel())
    products, first = np.zeros((known.width + 1, known.width + 2)), 0
    for part in _in_parts(known, windows.series):
        here = slice(first, first + len(part))
        first += len(part)
        one = np.column_stack([part, np.ones(len(part))])
        products += one.T @ np.column_stack([one * times[here, None], left[here]])
    equations = Equations.of(products, squares)
    return equations.solution(penalty_of(equations))[0][0]
