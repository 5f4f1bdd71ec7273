"""Values so far from all others that one may be a mistake, and outweighs the rest if it is not."""

from __future__ import annotations

import warnings

import numpy as np

from tsrnn.frames.panels import Panel

_TIMES = 10  # as far as any other value
_SHARE = 100  # one row of so many, at most: what is there more often is no accident


def warn_of_outliers(panel: Panel, loss: str, stacklevel: int) -> None:
    """Name the value that squared errors make most of, if it is no part of what series do.

    Then it is ``_TIMES`` as far from those a season before and after it, from the nearer one, as
    all others of the series but a few like it. Heavy tails, and demand that is mostly 0, have no
    such gap.
    """
    found = [
        (row, column, times)
        for column in range(panel.n_targets)
        for row, times in _outliers(panel, column)
    ]
    if not found:
        return
    row, column, times = max(found, key=lambda each: each[2])
    of = f", column {(panel.names or range(panel.n_targets))[column]!r}," * (panel.n_targets > 1)
    near = "a row" if panel.season == 1 else f"{panel.season} rows"
    more = f" (and {len(found) - 1} others like it)" * (len(found) > 1)
    warnings.warn(
        f"{panel.where(row)}{of} holds {panel.targets[row, column]:g}, {times:.0f} times as far "
        f"from the values {near} before and after as any other{more}, and loss={loss!r} squares "
        "that. If it is a mistake, make it NaN, and missing='interpolate' fills it; if it is none, "
        "loss='huber' or 'mae' bears it better.",
        stacklevel=stacklevel,
    )


def _outliers(panel: Panel, column: int) -> list[tuple[int, float]]:
    """Rows of one target, and how many times as far each is as what is no outlier."""
    starts, ends = panel.offsets[:-1], panel.offsets[1:]
    distance = _distance(panel.targets[:, column], panel.offsets, panel.season)
    mean = np.add.reduceat(distance, starts) / panel.lengths
    found = []
    # With a smaller share of the largest it cannot be: so much the few may add to a mean.
    for number in np.flatnonzero(np.maximum.reduceat(distance, starts) > (_TIMES - 1) * mean):
        own = distance[starts[number] : ends[number]]
        order = np.argsort(-own)[: max(1, len(own) // _SHARE) + 1]
        far = own[order]
        gaps = np.flatnonzero(far[:-1] >= _TIMES * far[1:])
        if len(gaps) and np.median(own) > 0:
            count = gaps[-1] + 1
            found += [(int(starts[number] + row), own[row] / far[count]) for row in order[:count]]
    return found


def _distance(values: np.ndarray, offsets: np.ndarray, season: int) -> np.ndarray:
    """Of each value from that a season before or after, the nearer one; 0 if there is neither."""
    change = np.abs(values[season:] - values[:-season])
    for first in offsets[1:-1]:  # of two series
        change[max(0, first - season) : first] = np.inf
    nearer = np.full(len(values), np.inf, values.dtype)
    nearer[season:] = change
    np.minimum(nearer[: len(change)], change, out=nearer[: len(change)])
    nearer[np.isinf(nearer)] = 0
    return nearer
