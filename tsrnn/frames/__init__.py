"""pandas in and out: what users hand in as flat arrays, and forecasts as what was handed in."""

from tsrnn.frames.covariates import CovariateEncoder
from tsrnn.frames.future import read_future
from tsrnn.frames.panels import Future, Panel, Roles
from tsrnn.frames.reading import read_history, read_training

__all__ = [
    "CovariateEncoder",
    "Future",
    "Panel",
    "Roles",
    "read_future",
    "read_history",
    "read_training",
]
