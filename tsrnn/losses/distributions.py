"""Distributions whose parameters the network gives: of measurements, and of counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tsrnn.kernels.elementary import digamma_difference, log_gamma_ratio, sigmoid, softplus
from tsrnn.losses.base import Distribution, Units, softplus_inverse

# Scales, means and spreads that a network gives are larger than this part of their window's scale:
# no forecast is so sure of itself that one error outweighs all others.
SMALLEST = 1e-4


class _Spread(Distribution):
    """A distribution given by where it lies and by how wide it is."""

    numbers = 2
    deviation: ClassVar[float] = 1.0
    """The standard deviation where the scale is 1."""

    def start(self, error: np.ndarray) -> tuple:
        """Around 0, with that standard deviation."""
        return np.zeros_like(error), softplus_inverse(error / self.deviation - SMALLEST)

    def parameters(self, output: tuple) -> tuple:
        """Location and scale."""
        return output[0], softplus(output[1]) + SMALLEST

    def moved(self, parameters: tuple, location: Any, scale: Any) -> tuple:
        """The location moves, and both grow."""
        return parameters[0] * scale + location, parameters[1] * scale


@dataclass(frozen=True)
class Gaussian(_Spread):
    """Minus the logarithm of a normal density; the forecast is its mean."""

    squares: ClassVar[bool] = True

    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""
        mean, deviation = self.parameters(output)
        error = (mean - truth) / deviation
        return np.log(deviation) + 0.5 * error * error + 0.5 * math.log(2 * math.pi)

    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Its derivatives."""
        mean, deviation = self.parameters(output)
        error = (mean - truth) / deviation
        return error / deviation, (1.0 - error * error) / deviation * sigmoid(output[1])

    def quantile(self, parameters: tuple, level: Any) -> Any:
        """The normal quantile."""
        from scipy.special import ndtri

        return parameters[0] + parameters[1] * ndtri(level)


@dataclass(frozen=True)
class StudentT(_Spread):
    """Minus the logarithm of Student's density; the forecast is its mean and median.

    Its tails are heavy: outliers weigh little. Degrees of freedom are fixed.
    """

    DEGREES: ClassVar[float] = 5.0
    deviation: ClassVar[float] = math.sqrt(DEGREES / (DEGREES - 2))
    _CONSTANT: ClassVar[float] = (
        math.lgamma(DEGREES / 2) - math.lgamma((DEGREES + 1) / 2) + math.log(DEGREES * math.pi) / 2
    )

    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""
        location, width = self.parameters(output)
        error = (location - truth) / width
        tail = np.log1p(error * error * (1 / self.DEGREES))
        return np.log(width) + (self.DEGREES + 1) / 2 * tail + self._CONSTANT

    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Its derivatives."""
        location, width = self.parameters(output)
        error = (location - truth) / width
        pull = (self.DEGREES + 1) * error / (self.DEGREES + error * error)
        return pull / width, (1.0 - pull * error) / width * sigmoid(output[1])

    def quantile(self, parameters: tuple, level: Any) -> Any:
        """Student's quantile."""
        from scipy.special import stdtrit

        return parameters[0] + parameters[1] * stdtrit(self.DEGREES, level)


class _Counts(Distribution):
    """A distribution of counts, given by its mean first, in units of the window's scale."""

    units: ClassVar[Units] = "counts"
    needs_scale: ClassVar[bool] = True

    def moved(self, parameters: tuple, location: Any, scale: Any) -> tuple:
        """The mean grows; 0 stays 0, so nothing moves."""
        return parameters[0] * scale, *parameters[1:]


@dataclass(frozen=True)
class Poisson(_Counts):
    """Minus the logarithm of a Poisson probability; the forecast is its mean."""

    def parameters(self, output: tuple) -> tuple:
        """The mean."""
        return (softplus(output[0]) + SMALLEST,)

    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""
        mean, count = self.parameters(output)[0] * scale, truth * scale
        return mean - count * np.log(mean) + log_gamma_ratio(1.0, count)

    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Its derivative."""
        (mean,) = self.parameters(output)
        return (scale * (1.0 - truth / mean) * sigmoid(output[0]),)

    def quantile(self, parameters: tuple, level: Any) -> Any:
        """The smallest count at least as probable as that."""
        from scipy.stats import poisson

        return poisson.ppf(level, parameters[0])


@dataclass(frozen=True)
class NegativeBinomial(_Counts):
    """Minus the logarithm of a negative binomial probability; the forecast is its mean m.

    The second parameter is the dispersion a: the variance is m + a m² (Salinas et al., 2020).
    """

    numbers = 2

    def parameters(self, output: tuple) -> tuple:
        """Mean and dispersion."""
        return softplus(output[0]) + SMALLEST, softplus(output[1]) + SMALLEST

    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""
        mean, dispersion = self.parameters(output)
        mean, count, failures = mean * scale, truth * scale, 1.0 / dispersion
        ways = log_gamma_ratio(failures, count) - log_gamma_ratio(1.0, count)
        chance = count * np.log(mean) - (count + failures) * np.log1p(mean * dispersion)
        return -1.0 * (ways + chance)

    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Its derivatives."""
        mean, dispersion = self.parameters(output)
        growth = mean * scale * dispersion
        by_mean = (mean - truth) * scale / (mean * (1.0 + growth))
        failures = 1.0 / dispersion
        by_failures = digamma_difference(failures, truth * scale) - np.log1p(growth)
        by_failures = by_failures + (mean - truth) * scale * dispersion / (1.0 + growth)
        by_dispersion = by_failures * failures * failures
        return by_mean * sigmoid(output[0]), by_dispersion * sigmoid(output[1])

    def quantile(self, parameters: tuple, level: Any) -> Any:
        """The smallest count at least as probable as that."""
        from scipy.stats import nbinom

        mean, dispersion = parameters
        return nbinom.ppf(level, 1 / dispersion, 1 / (1 + mean * dispersion))
