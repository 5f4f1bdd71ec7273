"""What losses have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import astuple
from typing import Any, ClassVar, Literal, Self

import numpy as np

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
    squares : bool
        Whether errors count by their squares, so that a huge one outweighs all others.
    """

    numbers: int = 1
    units: ClassVar[Units] = "standard"
    needs_scale: ClassVar[bool] = False
    squares: ClassVar[bool] = False

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

    def start(self, error: np.ndarray) -> tuple:
        """Numbers that say 0, and how large errors of that are to be expected: they begin so."""
        return (np.zeros_like(error),)

    def point(self, parameters: tuple) -> Any:
        """The forecast itself."""
        return parameters[0]


class Distribution(Loss):
    """A loss whose numbers say how a value is distributed."""

    @abstractmethod
    def quantile(self, parameters: tuple, level: Any) -> Any:
        """What the value is below with a probability of ``level``; the arrays broadcast."""


def softplus_inverse(y: np.ndarray) -> np.ndarray:
    """What the softplus is ``y`` of; of a small number in place of 0."""
    y = np.maximum(y, 1e-3)
    return y + np.log(-np.expm1(-y))
