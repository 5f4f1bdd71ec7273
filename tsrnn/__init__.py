"""Recurrent time-series forecasting at the speed of the hardware, as a scikit-learn estimator."""

from tsrnn.calendar import CalendarFeatures
from tsrnn.config import show_config
from tsrnn.forecaster import RNNForecaster
from tsrnn.loading import load
from tsrnn.persistence import ModelFileError

__all__ = [
    "CalendarFeatures",
    "ModelFileError",
    "RNNForecaster",
    "__version__",
    "load",
    "show_config",
]
__version__ = "0.1.0"
