"""datasets.py: the bundled series, and the one another package brings."""

import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from tsrnn.datasets import load_air_passengers, load_interstate_traffic


def test_air_passengers():
    y = load_air_passengers()
    months = pd.date_range("1949-01-01", "1960-12-01", freq="MS", name="month")
    pd.testing.assert_index_equal(y.index, months, exact=False)
    assert y.index.freq == months.freq
    assert y.name == "passengers"
    assert y.dtype == np.int64
    assert y.iloc[:12].tolist() == [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118]
    assert y.iloc[-12:].tolist() == [417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432]
    assert y.sum() == 40363


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("tsrnn.datasets.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "tsrnn\[examples\]"'):
        load_interstate_traffic()


def test_missing_hours_are_filled_on_a_line(monkeypatch, tmp_path):
    folder = tmp_path / "autots" / "datasets" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "autots" / "__init__.py").write_text("raise RuntimeError('imported')")
    hours = pd.date_range("2016-10-01", periods=5, freq="h", name="datetime")
    table = pd.DataFrame({"temp": 1.0, "traffic_volume": [1.0, 2, np.nan, np.nan, 8]}, hours)
    table.to_csv(folder / "traffic_hourly.zip")
    monkeypatch.delitem(sys.modules, "autots", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    y = load_interstate_traffic()
    assert y.tolist() == [1, 2, 4, 6, 8]
    assert y.index.freq == "h"


@pytest.mark.skipif(find_spec("autots") is None, reason="needs the extra examples")
def test_interstate_traffic():
    y = load_interstate_traffic()
    hours = pd.date_range("2016-10-01", "2018-09-30 23:00", freq="h", name="datetime")
    pd.testing.assert_index_equal(y.index, hours, exact=False)
    assert y.name == "traffic_volume"
    assert y.notna().all()
    assert y.between(0, 8000).all()
    assert (y % 1 == 0).mean() > 0.995
    assert "autots" not in sys.modules
