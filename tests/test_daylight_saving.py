"""Forecasts over the changes to and from summer time: at pandas' own stamps, each once."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from small import rows_at, says, small, wave

from tsrnn import CalendarFeatures

# The days on which clocks change, in spring and in autumn
CHANGES = {
    "Europe/Berlin": ["2024-03-31", "2024-10-27"],
    "America/New_York": ["2024-03-10", "2024-11-03"],
    "Australia/Sydney": ["2024-10-06", "2024-04-07"],
    "Australia/Lord_Howe": ["2024-10-06", "2024-04-07"],  # by half an hour
}
STEPS_A_DAY = {"30min": 48, "h": 24, "D": 1}
DAYS_AHEAD = 3

every_change = pytest.mark.parametrize(
    ("zone", "day"), [(zone, day) for zone, days in CHANGES.items() for day in days]
)
every_freq = pytest.mark.parametrize("freq", STEPS_A_DAY)


def stamps(zone, day, freq):
    """Those of the past, which ends before the change, and those to come, which go beyond it."""
    first = pd.Timestamp(day) - pd.Timedelta(days=8 if freq != "D" else 30)
    last = first + pd.Timedelta(days=7 if freq != "D" else 28)
    past = pd.date_range(first, last, freq=freq, tz=zone, name="ds")
    steps = DAYS_AHEAD * STEPS_A_DAY[freq] + 1
    return past, pd.date_range(past[-1], periods=steps + 1, freq=freq, name="ds")[1:]


def series(index):
    return pd.Series(wave(len(index)), index, name="y")


def assert_only(found, expected):
    """Exactly these stamps, and each once."""
    assert list(found) == list(expected)
    assert list(found.strftime("%F %T%z")) == list(expected.strftime("%F %T%z"))
    assert found.is_unique
    assert found.tz == expected.tz


@every_change
@every_freq
def test_one_series(zone, day, freq):
    past, ahead = stamps(zone, day, freq)
    assert pd.Timestamp(day, tz=zone) not in past
    assert ahead[0].utcoffset() != ahead[-1].utcoffset()
    forecaster = small(horizon=len(ahead)).fit(series(past))
    forecast = forecaster.predict()
    assert_only(forecast.index, ahead)
    pd.testing.assert_series_equal(forecaster.predict(rows_at(ahead)), forecast, check_freq=False)
    later = ahead[len(ahead) // 2 :]
    pd.testing.assert_series_equal(
        forecaster.predict(rows_at(later)), forecast.loc[later], check_freq=False
    )


@every_change
@every_freq
def test_fitted_over_the_change(zone, day, freq):
    """The change is neither a gap nor a duplicate."""
    past, ahead = stamps(zone, day, freq)
    whole = past.append(ahead)
    after = pd.date_range(whole[-1], periods=6, freq=freq)[1:]
    forecast = small(horizon=5).fit(series(whole)).predict()
    assert_only(forecast.index, after)


@every_change
@every_freq
def test_a_panel_whose_series_end_on_both_sides(zone, day, freq):
    past, ahead = stamps(zone, day, freq)
    whole = past.append(ahead)
    ends = {"before": len(past), "on": len(past) + len(ahead) // 2, "after": len(whole)}
    parts = {key: series(whole[:rows]) for key, rows in ends.items()}
    frame = pd.concat(parts, names=["unique_id", "ds"]).reset_index()
    forecaster = small(horizon=len(ahead)).fit(frame)
    forecast = forecaster.predict()
    for key, rows in ends.items():
        expected = pd.date_range(whole[rows - 1], periods=len(ahead) + 1, freq=freq)[1:]
        own = forecast[forecast["unique_id"] == key]
        assert_only(pd.DatetimeIndex(own["ds"]), expected)
    shuffled = forecast[["unique_id", "ds"]].sample(frac=1, random_state=0)
    again = forecaster.predict(shuffled).sort_index()
    pd.testing.assert_frame_equal(again, forecast, check_exact=True)


@every_change
@every_freq
def test_calendar_features_in_a_pipeline(zone, day, freq):
    past, ahead = stamps(zone, day, freq)
    features = ["hour", "weekday"] if freq != "D" else ["weekday"]
    pipeline = make_pipeline(CalendarFeatures(features), small(horizon=4))
    forecast = pipeline.fit(rows_at(past), series(past)).predict(rows_at(ahead))
    assert_only(forecast.index, ahead)
    assert np.isfinite(forecast).all()


@pytest.mark.parametrize("at", ["02:30", "02:00", "03:00"])
@pytest.mark.parametrize("day", CHANGES["Europe/Berlin"])
def test_daily_at_an_hour_that_is_skipped_or_comes_twice(day, at):
    """pandas gives 03:00 for the skipped one, and the first of the two."""
    wall = pd.date_range(pd.Timestamp(f"{day} {at}") - pd.Timedelta(days=28), periods=31)
    whole = wall.tz_localize(
        "Europe/Berlin", ambiguous=np.ones(31, bool), nonexistent="shift_forward"
    )
    for rows in (27, 29):  # fitted before the change, and over it
        forecast = small(horizon=31 - rows).fit(series(whole[:rows])).predict()
        assert_only(forecast.index, whole[rows:])


@pytest.mark.parametrize("tz", [None, "UTC", "Asia/Kolkata", "+02:00"])
def test_where_clocks_do_not_change(tz):
    past = pd.date_range("2024-03-25", periods=120, freq="h", tz=tz)
    forecast = small(horizon=60).fit(series(past)).predict()
    assert_only(forecast.index, pd.date_range(past[-1], periods=61, freq="h")[1:])


def test_business_hours_of_a_clock_that_changes():
    whole = pd.date_range("2024-03-25", periods=60, freq="bh", tz="Europe/Berlin")
    forecast = small(horizon=20).fit(series(whole[:40])).predict()
    assert_only(forecast.index, whole[40:])


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
@pytest.mark.parametrize("freq", ["h", "30min", "15min"])
def test_local_times_of_no_zone_bring_advice_where_clocks_change(zone, freq):
    year = pd.date_range("2024-01-01", "2024-12-31", freq=freq, tz=zone)
    y = pd.Series(np.sin(np.arange(len(year))), year.tz_localize(None))
    changes = np.flatnonzero(np.diff(y.index) != pd.Timedelta(year.freq))
    forward, back = sorted(changes, key=lambda row: y.index[row] >= y.index[row + 1])
    for change, problem in ((forward, "There are gaps"), (back, "There are duplicate time stamps")):
        part = y[change - 100 : change + 100]
        advice = "local times and clocks were changed", ".tz_localize("
        with pytest.raises(ValueError, match=says(problem, *advice)):
            small().fit(part)
        localized = part.set_axis(part.index.tz_localize(zone, ambiguous="infer"))
        assert len(small(freq=freq).fit(localized).predict()) == 1


def test_on_other_days_there_is_no_such_advice():
    hourly = pd.Series(np.sin(np.arange(400)), pd.date_range("2024-01-05", periods=400, freq="h"))
    gaps = hourly.drop(hourly.index[[50, 51, 200]])  # the first of them in the night of a Sunday
    for other in (gaps, hourly.iloc[[*range(99), 98, *range(99, 400)]]):
        with pytest.raises(ValueError, match=r"^(?!.*clocks)"):
            small().fit(other)
