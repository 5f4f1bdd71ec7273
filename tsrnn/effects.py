"""Where a network with a linear path starts: the path, effects beside it, and how far it errs.

Effects are what covariates that are known in advance add to the path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tsrnn.blas import blas_on_one_thread
from tsrnn.kernels import Architecture, Columns, WindowSet
from tsrnn.linear import MOST_WINDOWS, Equations, Path, chosen, read_windows, ridge
from tsrnn.losses import Distribution, Loss
from tsrnn.network import Network
from tsrnn.windows import spread_out

# The path is solved for again without these effects, and they without what the path explains: so
# often, which is enough where both hardly say the same.
_TURNS = 3
_MOST = 256  # effects; equations of more would take longer than a network learns
_CHUNK = 1 << 20  # numbers of rows that are written out at a time


class LinearModel(NamedTuple):
    """Where a network with a skip path starts."""

    path: Path
    effects: np.ndarray
    """(targets, effects) of what is known of a step, as ``Known`` lists it; alike for all steps."""
    errors: np.ndarray
    """(horizon, targets): how large errors are to be expected, the root of their mean square.

    0 for a loss that knows no distribution."""


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
    loss: Loss,
    season: int = 1,
    weights: np.ndarray | None = None,
) -> LinearModel:
    """The path of ``linear.ridge``, and effects of what is known of each step beside it.

    Both are solved for in turns, each of what the other leaves (backfitting; Breiman & Friedman,
    1985). An effect is the same at all steps to come, so all of them tell it; effects are held back
    from 0 as the path's weights are from the naive forecast. With a decoder, which reads what is
    known itself, there are none.

    Parameters are those of ``linear.ridge``, and the loss to be trained with.

    Returns
    -------
    LinearModel
    """
    architecture = network.architecture
    known, targets = Known(architecture.columns), range(architecture.columns.targets)
    path, added = ridge(network, series, starts, season, weights), None
    effects, errors = np.zeros((len(targets), 0)), np.zeros((architecture.horizon, len(targets)))
    turns = 0 if architecture.decoder or not known.width or not len(starts) else _TURNS
    spread = isinstance(loss, Distribution)
    if not turns and not spread:
        return LinearModel(path, effects, errors)
    if len(starts) > MOST_WINDOWS:
        starts = starts[spread_out(len(starts), MOST_WINDOWS)]
    windows = network.windows(series, starts, weights)
    with blas_on_one_thread():
        for _ in range(turns):
            effects = np.stack([_effects(known, windows, target, path) for target in targets])
            ahead = np.concatenate([rows @ effects.T for rows in _in_parts(known, series)])
            added = np.roll(ahead, 1, axis=0)
            path = ridge(network, series, starts, season, weights, added)
        for target in targets if spread else ():
            errors[:, target] = _errors(windows, target, path, added)
    return LinearModel(path, effects, errors)


def start_at(network: Network, linear_models: list[LinearModel], loss: Loss) -> None:
    """Have an untrained network forecast what the linear model does, of each series or of all.

    Effects of categories become the first numbers of their vectors. A distribution is as wide as
    the errors are to be expected.
    """
    network.start_at([model.path[:2] for model in linear_models])
    with blas_on_one_thread():
        for number in range(network.engine.networks):
            model = linear_models[network.series_of(number)]
            parameters = network.parameters_of(number)
            if model.effects.size:
                _put(model.effects, parameters, network.architecture)
            by_position = model.errors.reshape(network.architecture.positions, -1)
            error = np.sqrt(np.square(by_position).mean(axis=0))
            parameters["head.bias"][:] = np.concatenate(loss.start(error))


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


def _left(
    windows: WindowSet, target: int, path: Path
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What the path leaves of one target, some windows at a time.

    Yields the row of each step to come, and what is left, both (windows, horizon); and how much
    each window counts.
    """
    weight, bias = path.weight[target :: windows.targets], path.bias[target :: windows.targets]
    steps = np.arange(len(bias))
    for starts, x, y, counts in read_windows(windows, target, steps):
        yield starts + windows.steps + steps, y - x @ weight.T - bias, counts


def _errors(windows: WindowSet, target: int, path: Path, added: np.ndarray | None) -> np.ndarray:
    """Of one target: how large they are to be expected where nothing was learned, by step."""
    total, squares = 0.0, np.zeros(len(path.bias) // windows.targets)
    for rows, rest, counts in _left(windows, target, path):
        error = rest if added is None else rest - added[rows, target]
        squares += counts @ np.square(error)
        total += counts.sum()
    return np.sqrt(squares / (total or 1.0)) / path.freedom[target]


def _effects(known: Known, windows: WindowSet, target: int, path: Path) -> np.ndarray:
    """Of one target: ridge regression of what the path leaves of the rows that are forecast."""
    horizon, rows = len(path.bias) // windows.targets, len(windows.series)
    times, left, squares = np.zeros(rows), np.zeros(rows), 0.0
    for forecast, rest, counts in _left(windows, target, path):
        before = forecast.ravel() - 1  # which hold what is known
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
    return equations.solution(chosen(equations)[0])[0][0]
