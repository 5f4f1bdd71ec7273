"""How far a forecast is from what came: the usual error measures of forecasting.

Every function takes the truth first and the forecast second, as arrays (or anything NumPy reads
as one) of the same shape, and returns one number, the mean over all elements. Percentages are in
percent. Elements are compared by position; two pandas objects with other dates or keys, or with
other columns, are refused. Whole numbers in an index only count rows, and may differ.

References
----------
Hyndman and Koehler (2006), "Another look at measures of forecast accuracy", International
Journal of Forecasting 22(4), 679-688.
Makridakis, Spiliotis and Assimakopoulos (2020), "The M4 Competition: 100,000 time series and 61
forecasting methods", International Journal of Forecasting 36(1), 54-74.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tsrnn.counts import check_count

__all__ = ["mae", "mape", "mase", "rmse", "smape"]


def mae(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Mean absolute error, in the units of the series.

    Parameters
    ----------
    y_true, y_pred : array-like of the same shape
        The truth and the forecast of it.

    Returns
    -------
    float
        The mean of ``|y_true - y_pred|``.

    Raises
    ------
    ValueError
        If the shapes differ, or a value is missing or infinite, or there is none.
    TypeError
        If a value is no real number.

    Examples
    --------
    >>> mae([100, 200], [110, 180])
    15.0
    """
    truth, forecast = _pair(y_true, y_pred)
    return float(np.abs(truth - forecast).mean())


def rmse(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Root of the mean squared error, in the units of the series.

    Parameters
    ----------
    y_true, y_pred : array-like of the same shape
        The truth and the forecast of it.

    Returns
    -------
    float
        The square root of the mean of ``(y_true - y_pred) ** 2``.

    Raises
    ------
    ValueError
        If the shapes differ, or a value is missing or infinite, or there is none.
    TypeError
        If a value is no real number.

    Examples
    --------
    >>> rmse([10, 20], [13, 16])
    3.5355339059327378
    """
    truth, forecast = _pair(y_true, y_pred)
    return float(np.sqrt(np.square(truth - forecast).mean()))


def mape(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Mean absolute percentage error, in percent of the truth.

    Parameters
    ----------
    y_true, y_pred : array-like of the same shape
        The truth, nowhere zero, and the forecast of it.

    Returns
    -------
    float
        The mean of ``100 |y_true - y_pred| / |y_true|``: 5.0 is five percent
        (scikit-learn's ``mean_absolute_percentage_error`` says 0.05).

    Raises
    ------
    ValueError
        If ``y_true`` is zero somewhere, or the shapes differ, or a value is missing or infinite,
        or there is none.
    TypeError
        If a value is no real number.

    References
    ----------
    Hyndman and Koehler (2006), section 2.2.

    Examples
    --------
    >>> mape([100, 200], [110, 180])
    10.0
    """
    truth, forecast = _pair(y_true, y_pred)
    _check_divisor(truth, "mape divides by y_true, which is 0", "use mae, rmse or mase")
    return float(100 * np.abs((truth - forecast) / truth).mean())


def smape(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Symmetric mean absolute percentage error as the M4 competition defines it: 0 to 200.

    Parameters
    ----------
    y_true, y_pred : array-like of the same shape
        The truth and the forecast of it, nowhere both zero.

    Returns
    -------
    float
        The mean of ``200 |y_true - y_pred| / (|y_true| + |y_pred|)``.

    Raises
    ------
    ValueError
        If truth and forecast are both zero somewhere, or the shapes differ, or a value is missing
        or infinite, or there is none.
    TypeError
        If a value is no real number.

    References
    ----------
    Makridakis, Spiliotis and Assimakopoulos (2020), section 3.

    Examples
    --------
    >>> smape([100, 0], [300, 5])
    150.0
    """
    truth, forecast = _pair(y_true, y_pred)
    size = np.abs(truth) + np.abs(forecast)
    _check_divisor(
        size, "smape divides by |y_true| + |y_pred|, which is 0", "use mae, rmse or mase"
    )
    return float(200 * (np.abs(truth - forecast) / size).mean())


def mase(y_true: ArrayLike, y_pred: ArrayLike, y_train: ArrayLike, season: int = 1) -> float:
    """Mean absolute scaled error: below 1, better than the seasonal naive on the training data.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (horizon,) or (horizon, targets)
        The truth and the forecast of it.
    y_train : array-like of shape (rows,) or (rows, targets)
        What the forecaster was fitted on, more than ``season`` rows of it.
    season : int, default 1
        The number of rows after which the series repeats: 12 for monthly data with a yearly
        pattern; 1 compares with the last value.

    Returns
    -------
    float
        The mean absolute error over that of ``y_train[t - season]`` as a forecast of
        ``y_train[t]``. With several targets each is scaled by its own, then averaged.

    Raises
    ------
    ValueError
        If ``y_train`` is too short, or repeats itself exactly so that there is no error to scale
        by, or the shapes differ, or a value is missing or infinite, or there is none.
    TypeError
        If a value is no real number, or ``season`` no whole one.

    References
    ----------
    Hyndman and Koehler (2006), section 3.

    Examples
    --------
    >>> mase([5, 6], [5, 8], y_train=[1, 2, 3, 4])
    1.0
    >>> mase([5, 6], [5, 8], y_train=[1, 2, 3, 4], season=2)
    0.5
    """
    truth, forecast = _pair(y_true, y_pred)
    train = _finite("y_train", y_train)
    season = check_count("season", season, "rows")
    if len(train) <= season:
        raise ValueError(
            f"y_train has {len(train)} rows; season {season} needs at least {season + 1}."
        )
    if train.shape[1:] != truth.shape[1:]:
        raise ValueError(
            f"y_train of shape {train.shape} and y_true of shape {truth.shape} "
            "differ in more than their rows."
        )
    scale = np.abs(train[season:] - train[:-season]).mean(axis=0)
    _check_divisor(scale, f"y_train repeats itself exactly every {season} rows", "use mae or rmse")
    return float((np.abs(truth - forecast) / scale).mean())


def _pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Truth and forecast as two finite arrays of one shape."""
    _check_labels(y_true, y_pred)
    truth, forecast = _finite("y_true", y_true), _finite("y_pred", y_pred)
    if truth.shape != forecast.shape:
        raise ValueError(
            f"y_true has the shape {truth.shape} and y_pred {forecast.shape}; "
            "they must be of the same shape."
        )
    return truth, forecast


def _check_labels(y_true: Any, y_pred: Any) -> None:
    """Refuse pandas objects of the same size whose labels say that they are of other rows."""
    if not (hasattr(y_true, "iloc") and hasattr(y_pred, "iloc")):
        return
    if y_true.shape != y_pred.shape:
        return  # of which more is said
    for axis, other, what in zip(y_true.axes, y_pred.axes, ("rows", "columns"), strict=False):
        numbers = what == "rows" and {axis.dtype.kind, other.dtype.kind} <= set("iu")
        if numbers or axis.equals(other):
            continue
        pairs = enumerate(zip(axis, other, strict=True))
        place = next((i for i, (one, another) in pairs if one != another), None)
        if place is None:  # dates in other units, unequal to older versions of pandas
            continue
        raise ValueError(
            f"y_true and y_pred have other {what}: at position {place} {axis[place]!r} and "
            f"{other[place]!r}. Bring them into one order, y_pred.reindex_like(y_true), or compare "
            "by position, y_pred.to_numpy()."
        )


def _finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """``values`` as an array of at least one dimension and one element, all of them finite."""
    try:
        dates = np.asarray(values).dtype.kind in "mM"  # which NumPy would take for numbers
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold real numbers: {error}.") from error
    if dates:
        raise TypeError(f"{name} must hold real numbers, not dates or times.")
    if array.size == 0:
        raise ValueError(f"{name} is empty: there is nothing to measure.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is missing or infinite{_where(~np.isfinite(array))}.")
    return array


def _check_divisor(divisor: NDArray[np.float64], problem: str, advice: str) -> None:
    if (divisor == 0).any():
        raise ValueError(f"{problem}{_where(divisor == 0)}; {advice}.")


def _where(bad: NDArray[np.bool_]) -> str:
    """In words, the first place where ``bad`` holds; nothing for a single number."""
    if bad.ndim == 0:
        return ""
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    return f" at position {first[0] if len(first) == 1 else first}"
