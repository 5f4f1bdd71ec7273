"""Losses: the value and the slope of each, written once; what the head's numbers mean.

The head gives ``numbers`` numbers for each value that it forecasts. ``value`` and ``slope`` take
them as a tuple, with the truth and the scale of its window, as NumPy arrays, and as what stands for
vectors and numbers in kernels. A new loss is a dataclass of its settings, all numbers, with the two
methods, and a line in ``LOSSES``. One that knows a distribution also has ``quantile``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from tsrnn.kernels.elementary import digamma_difference, log_gamma_ratio, sigmoid, softplus, tanh

# Scales, means and spreads that a network gives are larger than this part of their window's scale:
# no forecast is so sure of itself that one error outweighs all others.
SMALLEST = 1e-4

Units = Literal["standard", "naive", "size", "counts"]


class Loss(ABC):
    """What they have in common.

    Attributes
    ----------
    numbers : int
        That the head gives for each value. The first is about where the value is.
    units : {"standard", "naive", "size", "counts"}
        What series are measured in: see ``SeriesScaler``.
    needs_scale : bool
        Whether ``value`` and ``slope`` want the scale by which a window's truth was divided.
    """

    numbers: int = 1
    units: ClassVar[Units] = "standard"
    needs_scale: ClassVar[bool] = False

    @property
    def keeps_zero(self) -> bool:
        """Whether 0 stays 0: windows are divided by their own size, whatever ``normalize`` says."""
        return self.units in ("size", "counts")

    @property
    def settings(self) -> tuple[float, ...]:
        """The numbers that ``of`` makes it from."""
        return astuple(self)  # type: ignore[call-overload]  # subclasses are dataclasses

    @classmethod
    def of(cls, settings: tuple) -> Self:
        """The loss with these settings; in a kernel they are vectors."""
        return cls(*settings)

    @abstractmethod
    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""

    @abstractmethod
    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Derivatives of the loss with respect to the numbers of ``output``."""

    def parameters(self, output: tuple) -> tuple:
        """What the numbers say: forecasts, quantiles, or parameters of a distribution."""
        return output

    def moved(self, parameters: tuple, location: Any, scale: Any) -> tuple:
        """Those of ``location + scale * value``."""
        return tuple(each * scale + location for each in parameters)

    def point(self, parameters: tuple) -> Any:
        """The forecast itself."""
        return parameters[0]


class ErrorLoss(Loss):
    """A loss of the error, ``forecast - truth``."""

    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""
        return self.value_of(output[0] - truth)

    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Its derivative."""
        return (self.slope_of(output[0] - truth),)

    @abstractmethod
    def value_of(self, error: Any) -> Any:
        """Loss of each error."""

    @abstractmethod
    def slope_of(self, error: Any) -> Any:
        """Derivative of the loss with respect to each error; 0 at a kink."""


@dataclass(frozen=True)
class SquaredError(ErrorLoss):
    """``error ** 2``: the forecast is the mean."""

    def value_of(self, error: Any) -> Any:
        """Loss of each error."""
        return error * error

    def slope_of(self, error: Any) -> Any:
        """Derivative of the loss with respect to each error; 0 at a kink."""
        return 2.0 * error


@dataclass(frozen=True)
class AbsoluteError(ErrorLoss):
    """``|error|``: the forecast is the median; outliers weigh little."""

    def value_of(self, error: Any) -> Any:
        """Loss of each error."""
        return np.absolute(error)

    def slope_of(self, error: Any) -> Any:
        """Derivative of the loss with respect to each error; 0 at a kink."""
        return np.sign(error)


@dataclass(frozen=True)
class Huber(ErrorLoss):
    """Squared for small errors, absolute for large ones (Huber, 1964).

    Attributes
    ----------
    delta : float
        Where the one becomes the other, in units of the normalised series.
    """

    delta: Any = 1.0

    def value_of(self, error: Any) -> Any:
        """Loss of each error."""
        size = np.absolute(error)
        inner = np.minimum(size, self.delta)
        return inner * (size - 0.5 * inner)

    def slope_of(self, error: Any) -> Any:
        """Derivative of the loss with respect to each error; 0 at a kink."""
        return np.maximum(np.minimum(error, self.delta), -self.delta)


@dataclass(frozen=True)
class LogCosh(ErrorLoss):
    """``log cosh(error)``: smooth everywhere, like half the square, then like the absolute."""

    def value_of(self, error: Any) -> Any:
        """Loss of each error."""
        size = np.absolute(error)  # cosh itself would soon be infinite
        return size + np.log1p(np.exp(-2.0 * size)) - math.log(2)

    def slope_of(self, error: Any) -> Any:
        """Derivative of the loss with respect to each error."""
        return tanh(error)


@dataclass(frozen=True)
class ScaledError(Loss):
    """The absolute error over that of the seasonal naive forecast of its series in training.

    MASE of Hyndman & Koehler (2006). The series' unit is that error; what a window was divided by
    is multiplied in again.
    """

    units: ClassVar[Units] = "naive"
    needs_scale: ClassVar[bool] = True

    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""
        return scale * np.absolute(output[0] - truth)

    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Its derivative; 0 at the kink."""
        return (scale * np.sign(output[0] - truth),)


@dataclass(frozen=True)
class RelativeError(Loss):
    """``|error| / (|forecast| + |truth|)``, half the sMAPE (Makridakis, 1993).

    Attributes
    ----------
    least : float
        Added to the denominator, in units of the window's size: 0 / 0 is 0.
    """

    least: Any = 1e-3

    units: ClassVar[Units] = "size"

    def value(self, output: tuple, truth: Any, scale: Any = 1.0) -> Any:
        """Loss of each forecast."""
        return np.absolute(output[0] - truth) / self._size(output[0], truth)

    def slope(self, output: tuple, truth: Any, scale: Any = 1.0) -> tuple:
        """Its derivative; 0 at the kink."""
        size = self._size(output[0], truth)
        relative = np.absolute(output[0] - truth) / size
        return ((np.sign(output[0] - truth) - relative * np.sign(output[0])) / size,)

    def _size(self, forecast: Any, truth: Any) -> Any:
        return np.absolute(forecast) + np.absolute(truth) + self.least


class Distribution(Loss):
    """A loss whose numbers say how a value is distributed."""

    @abstractmethod
    def quantile(self, parameters: tuple, level: Any) -> Any:
        """What the value is below with a probability of ``level``; the arrays broadcast."""


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

    def point(self, parameters: tuple) -> Any:
        """The median; of a single level its quantile."""
        return self.quantile(parameters, 0.5) if len(self.levels) > 1 else parameters[0]

    def quantile(self, parameters: tuple, level: Any) -> Any:
        """Between the levels, and beyond, on straight lines in normal scores."""
        from scipy.special import ndtri  # here, as elsewhere: SciPy takes its time to import

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


class _Spread(Distribution):
    """A distribution given by where it lies and by how wide it is."""

    numbers = 2

    def parameters(self, output: tuple) -> tuple:
        """Location and scale."""
        return output[0], softplus(output[1]) + SMALLEST

    def moved(self, parameters: tuple, location: Any, scale: Any) -> tuple:
        """The location moves, and both grow."""
        return parameters[0] * scale + location, parameters[1] * scale


@dataclass(frozen=True)
class Gaussian(_Spread):
    """Minus the logarithm of a normal density; the forecast is its mean."""

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


LOSSES: dict[str, type[Loss]] = {
    "mse": SquaredError,
    "mae": AbsoluteError,
    "huber": Huber,
    "logcosh": LogCosh,
    "smape": RelativeError,
    "mase": ScaledError,
    "quantile": Quantiles,
    "gaussian": Gaussian,
    "student_t": StudentT,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
}


def name_of(loss: Loss) -> str:
    """What the parameter ``loss`` calls it."""
    return next(name for name, kind in LOSSES.items() if kind is type(loss))
