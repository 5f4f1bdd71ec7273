"""Forecasters and series that take a moment, for tests of everything around the kernels."""

import re
from typing import Any

import numpy as np
import pandas as pd

from tsrnn import RNNForecaster

SMALL: dict[str, Any] = {
    "cell": "rnn",
    "lookback": 6,
    "hidden_size": 4,
    "max_epochs": 1,
    "windows_per_epoch": 64,
    "linear_skip": False,  # which has tests of its own
    "normalize": "standard",
    "random_state": 0,
}


def small(**parameters: Any) -> RNNForecaster:
    """A forecaster that fits within milliseconds."""
    return RNNForecaster(**SMALL | parameters)


def wave(rows: int = 60, columns: int = 0) -> np.ndarray:
    """A season, a trend and noise; with columns, each on a level and scale of its own."""
    time = np.arange(rows)
    noise = np.random.default_rng(1).normal(size=rows)
    vector = 20 + 0.1 * time + 3 * np.sin(time * 2 * np.pi / 7) + 0.3 * noise
    if not columns:
        return vector
    return np.stack([vector * 10**k + k for k in range(columns)], axis=1)


def daily(rows: int = 60, name: str = "sales") -> pd.Series:
    return pd.Series(wave(rows), pd.date_range("2024-01-01", periods=rows, name="day"), name=name)


def daily_frame(rows: int = 60, columns: str = "ab") -> pd.DataFrame:
    return pd.DataFrame(wave(rows, len(columns)), daily(rows).index, columns=list(columns))


def rows_at(index: pd.Index) -> pd.DataFrame:
    """A frame without columns."""
    return pd.DataFrame(index=index)


def says(*words: str) -> re.Pattern:
    """A pattern for messages that hold all these words."""
    return re.compile("".join(f"(?=.*{re.escape(word)})" for word in words), re.DOTALL)


def assert_as_alone(found: Any, wanted: Any, name: str = "") -> None:
    """What one of several networks has learned: on a CPU the same bits as if it had been alone.

    A GPU cuts the batches of several networks into other tiles, and sums up in another order.
    """
    tolerance = 0.0 if SMALL["device"] == "cpu" else 1e-4
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=name)
