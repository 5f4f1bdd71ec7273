"""Long frames of several series, and forecasts of them, for the tests of panels."""

import numpy as np
import pandas as pd

from tsrnn.frames.panels import Roles

ROLES = Roles()


def indexes(freq="MS", tz=None, lengths=(5, 3, 8), start="2024-01-05"):
    """A time index for each of some series, which begin and end at different times."""
    whole = pd.date_range(start, periods=max(lengths) + 20, freq=freq, tz=tz)
    return {f"s{k}": whole[k : k + n] for k, n in enumerate(lengths)}


def long_frame(stamps):
    frames = [pd.DataFrame({"unique_id": key, "ds": index}) for key, index in stamps.items()]
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(y=np.arange(len(frame)) / 8, price=np.arange(len(frame)) % 3 + 0.5)


def ahead(panel, steps):
    return np.repeat(np.arange(panel.n_series), steps), np.tile(np.arange(steps), panel.n_series)


def forecasts(panel, steps):
    """Forecasts that count up, dressed."""
    series, step = ahead(panel, steps)
    values = np.arange(len(series) * panel.n_targets, dtype=float).reshape(-1, panel.n_targets)
    return panel.wrap(values, series, step)


def assert_same(left, right):
    np.testing.assert_array_equal(left.targets, right.targets)
    np.testing.assert_array_equal(left.offsets, right.offsets)
    assert (left.timeline.anchors == right.timeline.anchors).all()
    assert left.ids.to_list() == right.ids.to_list()
    if left.covariates is not None:
        pd.testing.assert_frame_equal(left.covariates, right.covariates)


LONG = long_frame(indexes())
LEVELS = LONG.set_index(["unique_id", "ds"])
