"""Where each window starts. A window is a place in a series, never a copy of it.

Series lie one after another; ``offsets`` says where each begins, and where the last one ends.
"""

import numpy as np


def window_starts(offsets: np.ndarray, lookback: int, horizon: int) -> np.ndarray:
    """Starts of all windows whose inputs and targets lie in one series.

    Parameters
    ----------
    offsets : ndarray of int64, shape (series + 1,)
    lookback, horizon : int
        Steps in a window's input, in its target.

    Returns
    -------
    ndarray of int64
        Series by series; a series shorter than ``lookback + horizon`` has none.

    Examples
    --------
    >>> window_starts(np.array([0, 10, 19]), lookback=6, horizon=2)
    array([ 0,  1,  2, 10, 11])
    """
    counts = np.maximum(np.diff(offsets) - (lookback + horizon - 1), 0)
    first = np.repeat(offsets[:-1] - (np.cumsum(counts) - counts), counts)
    return first + np.arange(len(first))


def without_gaps(starts: np.ndarray, gaps: np.ndarray, lookback: int, horizon: int) -> np.ndarray:
    """The windows that have no gap in their target.

    Parameters
    ----------
    starts : ndarray of int64
    gaps : ndarray of bool, shape (rows,)
    lookback, horizon : int

    Examples
    --------
    >>> gaps = np.array([True, False, False, False, True])
    >>> without_gaps(np.array([0, 1, 2]), gaps, lookback=1, horizon=2)
    array([0, 1])
    """
    before = np.concatenate([[0], np.cumsum(gaps)])
    first = starts + lookback
    return starts[before[first + horizon] == before[first]]


def split_validation(
    starts: np.ndarray, offsets: np.ndarray, fraction: float, horizon: int, whose: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """The latest windows of each series for validation, and those whose targets end before.

    Parameters
    ----------
    starts : ndarray of int64
        All windows, in order.
    offsets : ndarray of int64, shape (series + 1,)
    fraction : float
        Share of a series' windows for validation, rounded; of all windows at least one.
    horizon : int
        Windows in between, ``horizon - 1`` in each series, belong to neither: their targets
        overlap.
    whose : str, default=""
        What the message adds to say which series they are.

    Returns
    -------
    training, validation : ndarray of int64

    Raises
    ------
    ValueError
        If no window is left to train on.

    Examples
    --------
    >>> split_validation(np.arange(10), np.array([0, 12]), fraction=0.2, horizon=3)
    (array([0, 1, 2, 3, 4, 5]), array([8, 9]))
    """
    ends = np.searchsorted(starts, offsets[1:])
    counts = np.diff(ends, prepend=0)
    validating = np.round(counts * fraction).astype(np.int64)
    if not validating.any():
        validating[np.argmax(counts)] = 1
    training = np.maximum(counts - validating - np.where(validating, horizon - 1, 0), 0)
    if not training.any():
        raise ValueError(
            f"early_stopping leaves nothing to train on{whose}: {len(starts)} windows, less "
            f"{validating.sum()} for validation (validation_fraction {fraction:g}) and "
            f"{horizon - 1} that overlap them (horizon {horizon} - 1). Use a longer series, a "
            "shorter lookback, or early_stopping=False."
        )
    place = np.arange(len(starts)) - np.repeat(ends - counts, counts)
    return (
        starts[place < np.repeat(training, counts)],
        starts[place >= np.repeat(counts - validating, counts)],
    )


def coverage(begun: np.ndarray, steps: int) -> np.ndarray:
    """How many stretches of so many steps hold each row, when so many begin at each.

    Examples
    --------
    >>> coverage(np.array([1, 1, 0, 0, 2, 0]), steps=2)
    array([1, 2, 1, 0, 2, 2])
    """
    total = np.cumsum(begun)
    total[steps:] -= total[:-steps].copy()
    return total


def spread_out(length: int, count: int) -> np.ndarray:
    """Places of `count` among `length` windows, evenly spread.

    Not at a constant distance, which may be that of a season: one window in each of as many equal
    parts, by chance, but always the same ones. Of fewer windows than `count` all, some repeatedly.

    Examples
    --------
    >>> spread_out(3, 6), spread_out(10, 10)
    (array([0, 0, 1, 1, 2, 2]), array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    >>> spread_out(1000, 4) // 250
    array([0, 1, 2, 3])
    """
    edges = np.arange(count + 1) * length // count
    if length <= count:
        return edges[:-1]
    return np.random.default_rng(0).integers(edges[:-1], edges[1:])


def most_origins(starts: np.ndarray) -> int:
    """How many windows may follow each other in a run, so that runs hold nine tenths of them all.

    Parameters
    ----------
    starts : ndarray of int64
        Windows, in order; at least one.

    Examples
    --------
    >>> most_origins(np.array([0, 1, 2, 7, 12, 13]))
    1
    >>> most_origins(np.array([*range(12), 20, 30, 31, 32, 33, 34, 35, 36]))
    7
    """
    first = np.append(0, np.flatnonzero(np.diff(starts) != 1) + 1)
    unbroken = np.sort(np.diff(first, append=len(starts)))
    in_shorter = np.cumsum(unbroken) - unbroken
    return int(unbroken[10 * in_shorter <= len(starts)].max())


def sequences(starts: np.ndarray, origins: int) -> np.ndarray:
    """The windows that so many, themselves among them, follow each other from.

    Parameters
    ----------
    starts : ndarray of int64
        Windows, in order.
    origins : int

    Examples
    --------
    >>> sequences(np.array([0, 1, 2, 7, 12, 13]), origins=2)
    array([ 0,  1, 12])
    """
    first, last = starts[: max(0, len(starts) - origins + 1)], starts[origins - 1 :]
    return first[last == first + origins - 1]


def windows_of(runs: np.ndarray, origins: int) -> np.ndarray:
    """All windows that so many follow each other from, each once, in order.

    Parameters
    ----------
    runs : ndarray of int64
        As ``sequences`` gives them.
    origins : int

    Examples
    --------
    >>> windows_of(np.array([0, 1, 12]), origins=2)
    array([ 0,  1,  2, 12, 13])
    """
    if origins == 1:
        return runs
    first = runs.min()
    begun = np.bincount(runs - first, minlength=np.ptp(runs) + origins)
    return first + np.flatnonzero(coverage(begun, origins))
