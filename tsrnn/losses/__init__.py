"""Losses: the value and the slope of each, written once; what the head's numbers mean.

The head gives ``numbers`` numbers for each value that it forecasts. ``value`` and ``slope`` take
them as a tuple, with the truth and the scale of its window, as NumPy arrays, and as what stands for
vectors and numbers in kernels. A new loss is a dataclass of its settings, all numbers, with the two
methods, and a line in ``LOSSES``. One that knows a distribution also has ``quantile``; ``base`` has
the rest of what a loss may say of itself.
"""

from tsrnn.losses.base import Distribution, Loss
from tsrnn.losses.distributions import Gaussian, NegativeBinomial, Poisson, StudentT
from tsrnn.losses.errors import (
    AbsoluteError,
    Huber,
    LogCosh,
    RelativeError,
    ScaledError,
    SquaredError,
)
from tsrnn.losses.quantiles import Quantiles, levels_of

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "Distribution",
    "Gaussian",
    "Huber",
    "LogCosh",
    "Loss",
    "NegativeBinomial",
    "Poisson",
    "Quantiles",
    "RelativeError",
    "ScaledError",
    "SquaredError",
    "StudentT",
    "levels_of",
    "name_of",
]

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
