"""Several quantiles at once, whatever the distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tsrnn.kernels.elementary import sigmoid, softplus
from tsrnn.losses.base import Distribution, softplus_inverse


@dataclass(frozen=True)
class Quantiles(Distribution):
    """The mean pinball loss of some quantiles (Koenker & Bassett, 1978).

    The first number is the middle quantile, the others are the widths of the gaps between
    neighbours: positive, so that quantiles never cross.

    Attributes
    ----------
    levels : tuple of float
        Probabilities, increasing.
    """

    levels: tuple = (0.1, 0.5, 0.9)

    @property
    def numbers(self) -> int:  # type: ignore[override]  # as many as there are levels
        """One for each quantile."""
        return len(self.levels)

    @property
    def settings(self) -> tuple[float, ...]:
        """The levels."""
        return self.levels

    @classmethod
    def of(cls, settings: tuple) -> Self:
        """The loss for these levels."""
        return cls(settings)

    @property
    def _middle(self) -> int:
        return len(self.levels) // 2

    @property
    def _gap(self) -> float:
        """Unit of the gaps: quantiles reach as far to begin with, however many there are."""
        return 2.0 / len(self.levels)

    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""
        total: Any = 0.0
        for level, quantile in zip(self.levels, self.parameters(output), strict=True):
            error = truth - quantile
            total = total + (level - 0.5) * error + 0.5 * np.absolute(error)
        return total * (1.0 / len(self.levels))

    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Derivatives with respect to the middle quantile and the gaps."""
        by_quantile = [
            (0.5 * np.sign(quantile - truth) + (0.5 - level)) * (1.0 / len(self.levels))
            for level, quantile in zip(self.levels, self.parameters(output), strict=True)
        ]
        slopes, below, above = [sum(by_quantile)], 0.0, 0.0
        for place in range(1, len(self.levels)):  # gap `place` lies under quantile `place`
            below = below + by_quantile[place - 1]
            above = slopes[0] - below
            moves = above if place > self._middle else -below
            slopes.append(moves * sigmoid(output[place]) * self._gap)
        return tuple(slopes)

    def parameters(self, output: tuple) -> tuple:
        """The quantiles, from the lowest to the highest."""
        quantiles = [output[0]] * len(self.levels)
        for place in range(self._middle, 0, -1):
            quantiles[place - 1] = quantiles[place] - softplus(output[place]) * self._gap
        for place in range(self._middle + 1, len(self.levels)):
            quantiles[place] = quantiles[place - 1] + softplus(output[place]) * self._gap
        return tuple(quantiles)

    def start(self, error: np.ndarray) -> tuple:
        """The quantiles of a normal distribution with that standard deviation."""
        from scipy.special import ndtri  # here, as elsewhere: SciPy takes its time to import

        scores = ndtri(np.array(self.levels))
        gaps = [softplus_inverse(gap * error / self._gap) for gap in np.diff(scores)]
        return scores[self._middle] * error, *gaps

    def point(self, parameters: tuple) -> Any:
        """The median; of a single level its quantile."""
        return self.quantile(parameters, 0.5) if len(self.levels) > 1 else parameters[0]

    def quantile(self, parameters: tuple, level: Any) -> Any:
        """Between the levels, and beyond, on straight lines in normal scores."""
        from scipy.special import ndtri

        scores, score = ndtri(np.array(self.levels)), ndtri(level)
        ends = np.array([-np.inf, *scores[1:-1], np.inf])
        result = parameters[0]
        for place in range(1, len(scores)):
            way = np.clip(score, ends[place - 1], ends[place]) - scores[place - 1]
            way = way / (scores[place] - scores[place - 1])
            result = result + (parameters[place] - parameters[place - 1]) * way
        return result


def levels_of(quantiles: Any) -> tuple[float, ...]:
    """Levels of quantiles: probabilities, from the lowest to the highest."""
    levels = np.asarray(quantiles)
    if (
        levels.ndim != 1
        or not levels.size
        or levels.dtype.kind not in "iuf"
        or not (levels > 0).all()
        or not (levels < 1).all()
        or not (np.diff(levels) > 0).all()
    ):
        raise ValueError(
            f"quantiles must be probabilities between 0 and 1 that increase, such as (0.1, 0.5, "
            f"0.9), not {_in_short(quantiles)}."
        )
    return tuple(levels.tolist())


def _in_short(quantiles: Any) -> str:
    """What was handed in; perhaps rows to forecast, where quantiles belong."""
    if np.ndim(quantiles) < 2 and np.size(quantiles) < 100:
        return repr(quantiles)
    return f"a {type(quantiles).__name__} of shape {np.shape(quantiles)}; rows to forecast are X="
