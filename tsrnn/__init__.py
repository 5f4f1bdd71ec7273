"""Recurrent time-series forecasting at the speed of the hardware, as a scikit-learn estimator."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from tsrnn.kernels import forks as _forks  # noqa: F401 - takes note of forks from now on

__all__ = [
    "CalendarFeatures",
    "ModelFileError",
    "RNNForecaster",
    "__version__",
    "load",
    "show_config",
]
__version__ = "0.1.0"

if TYPE_CHECKING:
    from tsrnn.calendar import CalendarFeatures
    from tsrnn.config import show_config
    from tsrnn.forecaster import RNNForecaster
    from tsrnn.loading import load
    from tsrnn.persistence import ModelFileError
else:  # pandas and scikit-learn take a second to import: not before a name is used
    _HOMES = {
        "CalendarFeatures": "calendar",
        "ModelFileError": "persistence",
        "RNNForecaster": "forecaster",
        "load": "loading",
        "show_config": "config",
    }

    def __getattr__(name):
        if name not in _HOMES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=sys.modules[__name__])
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
