"""Losses: the value and the slope of the error ``forecast - truth``, each written once.

They take NumPy arrays, and the vectors of the CPU kernels alike. A new loss is a dataclass of its
settings, all numbers, with the two methods, and a line in ``LOSSES``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SquaredError:
    """``error ** 2``: the forecast is the mean."""

    def value(self, error: Any) -> Any:
        """Loss of each error."""
        return error * error

    def slope(self, error: Any) -> Any:
        """Derivative of the loss with respect to each error; 0 at a kink."""
        return 2.0 * error


@dataclass(frozen=True)
class AbsoluteError:
    """``|error|``: the forecast is the median; outliers weigh little."""

    def value(self, error: Any) -> Any:
        """Loss of each error."""
        return np.absolute(error)

    def slope(self, error: Any) -> Any:
        """Derivative of the loss with respect to each error; 0 at a kink."""
        return np.sign(error)


@dataclass(frozen=True)
class Huber:
    """Squared for small errors, absolute for large ones (Huber, 1964).

    Attributes
    ----------
    delta : float
        Where the one becomes the other, in units of the normalised series.
    """

    delta: Any = 1.0

    def value(self, error: Any) -> Any:
        """Loss of each error."""
        size = np.absolute(error)
        inner = np.minimum(size, self.delta)
        return inner * (size - 0.5 * inner)

    def slope(self, error: Any) -> Any:
        """Derivative of the loss with respect to each error; 0 at a kink."""
        return np.maximum(np.minimum(error, self.delta), -self.delta)


LOSSES = {"mse": SquaredError, "mae": AbsoluteError, "huber": Huber}
