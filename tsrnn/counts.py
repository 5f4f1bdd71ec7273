"""Whole numbers of steps, rows and the like, as parameters of functions."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np


def is_count(value: Any) -> bool:
    """Whether something is a whole number of type int (NumPy's too), which bool is not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_count(name: str, value: Any, unit: str) -> int:
    """The value of a parameter that is a whole number of something, from 1 on.

    Parameters
    ----------
    name : str
        What messages call the parameter.
    value : any
        Of NumPy's types too.
    unit : str
        What is counted.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        For anything but a whole number.
    ValueError
        For one below 1.

    Examples
    --------
    >>> check_count("season", 7.0, "rows")
    Traceback (most recent call last):
    TypeError: season is a whole number of rows, at least 1, not 7.0 (of type float); pass 7.
    """
    if not is_count(value):
        whole = isinstance(value, float | np.floating) and value.is_integer()
        advice = f"; pass {int(value)}" if whole else ""
        raise TypeError(
            f"{name} is a whole number of {unit}, at least 1, not {value!r} (of type "
            f"{type(value).__name__}){advice}."
        )
    if value < 1:
        raise ValueError(f"{name} is a number of {unit}, at least 1, not {value}.")
    return int(value)
