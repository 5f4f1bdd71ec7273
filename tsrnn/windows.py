"""Where each window starts. A window is a place in the series, never a copy of it."""

import numpy as np


def window_starts(n_rows: int, lookback: int, horizon: int) -> np.ndarray:
    """Starts of all windows whose inputs and targets lie in the series.

    Parameters
    ----------
    n_rows, lookback, horizon : int
        Steps in the series, in a window's input, in its target.

    Returns
    -------
    ndarray of int64, shape (n_rows - lookback - horizon + 1,)

    Raises
    ------
    ValueError
        If there is not a single window.

    Examples
    --------
    >>> window_starts(10, lookback=6, horizon=2)
    array([0, 1, 2])
    """
    need = lookback + horizon
    if n_rows < need:
        raise ValueError(
            f"The series is too short: {n_rows} rows; "
            f"lookback {lookback} + horizon {horizon} need {need}."
        )
    return np.arange(n_rows - need + 1)


def split_validation(
    starts: np.ndarray, fraction: float, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """The latest windows for validation, and those for training whose targets end before.

    Parameters
    ----------
    starts : ndarray of int64
        All windows, in order.
    fraction : float
        Share of them for validation, rounded up to one window at least.
    horizon : int
        Windows in between, ``horizon - 1`` of them, belong to neither: their targets overlap.

    Returns
    -------
    training, validation : ndarray of int64

    Raises
    ------
    ValueError
        If no window is left to train on.
    """
    n_validation = max(1, round(len(starts) * fraction))
    n_training = len(starts) - n_validation - (horizon - 1)
    if n_training < 1:
        raise ValueError(
            f"early_stopping leaves nothing to train on: {len(starts)} windows, less "
            f"{n_validation} for validation (validation_fraction {fraction:g}) and "
            f"{horizon - 1} that overlap them (horizon {horizon} - 1). Use a longer series, a "
            "shorter lookback, or early_stopping=False."
        )
    return starts[:n_training], starts[-n_validation:]
