"""Optimizers: one step for one parameter, written once, in PyTorch's conventions.

They take NumPy arrays, and what stands for vectors and numbers in kernels. A new optimizer is a
dataclass of its numbers with ``memories``, how many vectors it remembers, ``update``, and a line in
``OPTIMIZERS``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np


@dataclass(frozen=True)
class Optimizer(ABC):
    """What they have in common.

    Attributes
    ----------
    rate : float
        Learning rate.
    weight_decay : float
        Pull toward 0; added to the gradient unless the optimizer says otherwise.
    """

    rate: Any = 1e-3
    weight_decay: Any = 0.0

    memories: ClassVar[int] = 0

    def at(self, step: Any, rate: float) -> Self:
        """The optimizer as it stands at a step or some, counted from 1, at this learning rate."""
        return replace(self, rate=rate)

    @abstractmethod
    def update(self, weight: Any, gradient: Any, memory: tuple) -> tuple[Any, tuple]:
        """The weight and the memory after one step."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent."""

    def update(self, weight: Any, gradient: Any, memory: tuple) -> tuple[Any, tuple]:
        """The weight and the memory after one step."""
        return weight - self.rate * (gradient + self.weight_decay * weight), ()


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with Polyak's heavy ball (1964)."""

    momentum: Any = 0.9

    memories: ClassVar[int] = 1

    def update(self, weight: Any, gradient: Any, memory: tuple) -> tuple[Any, tuple]:
        """The weight and the memory after one step."""
        (velocity,) = memory
        velocity = self.momentum * velocity + (gradient + self.weight_decay * weight)
        return weight - self.rate * velocity, (velocity,)


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Gradient descent with Nesterov's momentum (Sutskever et al., 2013)."""

    def update(self, weight: Any, gradient: Any, memory: tuple) -> tuple[Any, tuple]:
        """The weight and the memory after one step."""
        (velocity,) = memory
        gradient = gradient + self.weight_decay * weight
        velocity = self.momentum * velocity + gradient
        return weight - self.rate * (gradient + self.momentum * velocity), (velocity,)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradients by their running size (Hinton, lecture 6e, 2012)."""

    alpha: Any = 0.99
    epsilon: Any = 1e-8

    memories: ClassVar[int] = 1

    def update(self, weight: Any, gradient: Any, memory: tuple) -> tuple[Any, tuple]:
        """The weight and the memory after one step."""
        (square,) = memory
        gradient = gradient + self.weight_decay * weight
        square = self.alpha * square + (1.0 - self.alpha) * gradient * gradient
        return weight - self.rate * gradient / (np.sqrt(square) + self.epsilon), (square,)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Kingma & Ba (2015)."""

    beta1: Any = 0.9
    beta2: Any = 0.999
    epsilon: Any = 1e-8
    # The running means start at 0; these factors make up for it.
    correction1: Any = 1.0
    correction2: Any = 1.0

    memories: ClassVar[int] = 2

    def at(self, step: Any, rate: float) -> Self:
        """The optimizer as it stands at a step or some, counted from 1, at this learning rate."""
        first, second = 1 / (1 - self.beta1**step), 1 / (1 - self.beta2**step)
        return replace(self, rate=rate, correction1=first, correction2=second)

    def update(self, weight: Any, gradient: Any, memory: tuple) -> tuple[Any, tuple]:
        """The weight and the memory after one step."""
        return self._step(weight, gradient + self.weight_decay * weight, memory)

    def _step(self, weight: Any, gradient: Any, memory: tuple) -> tuple[Any, tuple]:
        mean, square = memory
        mean = self.beta1 * mean + (1.0 - self.beta1) * gradient
        square = self.beta2 * square + (1.0 - self.beta2) * gradient * gradient
        size = np.sqrt(square * self.correction2) + self.epsilon
        return weight - self.rate * (mean * self.correction1) / size, (mean, square)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weights that decay apart from the gradient (Loshchilov & Hutter, 2019)."""

    def update(self, weight: Any, gradient: Any, memory: tuple) -> tuple[Any, tuple]:
        """The weight and the memory after one step."""
        return self._step(weight - self.rate * self.weight_decay * weight, gradient, memory)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
