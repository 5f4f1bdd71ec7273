"""One network for several series with gaps: temperatures at New York's airports, a day ahead.

A long frame holds the three airports one below the other; hours that nobody recorded are absent,
and ``missing="interpolate"`` fills them. Humidity, pressure and wind are known up to now only, the
station never changes, and the hour of the day is known in advance. Fitted once on January to
October 2013, the network forecasts the 24 hours from each noon after that, also those in which
the clocks go back. The data need ``pip install "tsrnn[examples]"``.
"""

import argparse

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from tsrnn import CalendarFeatures, RNNForecaster
from tsrnn.datasets import load_airport_weather
from tsrnn.metrics import mae

AIRPORTS, KEYS, TARGET = ["EWR", "JFK", "LGA"], ["airport", "time"], "temperature"
DAY = pd.Timedelta(hours=24)
COLUMNS = {"id_col": "airport", "time_col": "time", "target_col": TARGET, "missing": "interpolate"}
ROLES = {
    "past_covariates": ["humidity", "pressure", "wind_speed"],
    "static_covariates": ["station"],
}
# Chosen by the error in September and October, after a fit on January to August.
SHAPE = {"cell": "gru", "lookback": 24, "horizon": 24, "hidden_size": 32, "strategy": "seq2seq"}
TRAINING = {"normalize": "last", "windows_per_epoch": 4096, "random_state": 0}


def linear(seen: pd.DataFrame, noons: pd.DatetimeIndex) -> np.ndarray:
    """Least squares from the last day of all numbers, for each airport; fitted before all noons."""
    forecasts = []
    for airport in AIRPORTS:
        rows = seen[seen["airport"] == airport].set_index("time")
        hourly = rows.drop(columns=["airport", "station"]).asfreq("h").ffill()
        inputs = sliding_window_view(hourly[:-24], 24, axis=0).reshape(len(hourly) - 47, -1)
        ahead, origins = sliding_window_view(hourly[TARGET][24:], 24), hourly.index[24:-23]
        train = origins + DAY <= noons[0]
        model = Ridge().fit(inputs[train], ahead[train])
        forecasts.append(model.predict(inputs[origins.isin(noons)]))
    return np.stack(forecasts, axis=1).ravel()  # noons, airports, hours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch, and the last week only")
    epochs, start = (1, "2013-12-23") if parser.parse_args().quick else (20, "2013-11-01")

    frame = load_airport_weather().assign(station=lambda table: table["airport"])
    noons = pd.date_range(start + " 12:00", "2013-12-29 12:00", tz="America/New_York")
    network = RNNForecaster(max_epochs=epochs, **COLUMNS, **ROLES, **SHAPE, **TRAINING)
    pipeline = make_pipeline(CalendarFeatures(["hour"], time_col="time"), network)
    pipeline.fit(frame[frame["time"] < noons[0]])
    seen = pipeline[:-1].transform(frame)  # a pipeline does so with X, not with history

    hours = [pd.date_range(noon, periods=24, freq="h") for noon in noons]
    days = [pd.MultiIndex.from_product([AIRPORTS, day], names=KEYS) for day in hours]
    forecasts = [
        pipeline.predict(day.to_frame(index=False), history=seen[seen["time"] < noon])
        for day, noon in zip(days, noons, strict=True)
    ]
    table = pd.concat(forecasts).rename(columns={TARGET: "GRU"})
    table["linear"] = linear(seen, noons)
    truth = frame[[*KEYS, TARGET]]
    day_before = truth.assign(time=truth["time"] + DAY).rename(columns={TARGET: "the day before"})
    table = table.merge(truth, on=KEYS).merge(day_before, on=KEYS).dropna()

    print(f"{len(noons)} days at 3 airports; mean absolute error in degrees Fahrenheit")
    for name in ("GRU", "linear", "the day before"):
        print(f"{name:15} {mae(table[TARGET], table[name]):.2f}")


if __name__ == "__main__":
    main()
