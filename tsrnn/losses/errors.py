"""Losses of a forecast that is one number."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tsrnn.kernels.elementary import tanh
from tsrnn.losses.base import Loss, Units


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

    squares: ClassVar[bool] = True

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
