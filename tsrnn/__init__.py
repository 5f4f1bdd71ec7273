"""Recurrent forecasting at the speed of the hardware, as an ordinary scikit-learn estimator."""

from tsrnn.config import show_config
from tsrnn.forecaster import RNNForecaster

__all__ = ["RNNForecaster", "__version__", "show_config"]
__version__ = "0.1.0"
