"""Covariates known in advance: the electricity demand of the next two days, by half hours.

The decoder of ``strategy="seq2seq"`` goes through the steps to come, and at each of them reads the
calendar, whether it is a working day, the temperature (the true one, where a weather forecast would
stand), and all of this and the demand a week before. Fitted once on January to October 2014, it
forecasts from each midnight after that. The data need ``pip install "tsrnn[examples]"``.
"""

import argparse

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from tsrnn import CalendarFeatures, RNNForecaster
from tsrnn.datasets import load_electricity_demand
from tsrnn.metrics import mae, mape

DAY, WEEK, HORIZON = 48, 7 * 48, 2 * 48
# Chosen by the error in September and October, after a fit on January to August.
SHAPE = {"cell": "gru", "lookback": DAY, "hidden_size": 32, "strategy": "seq2seq"}
TRAINING = {"normalize": None, "loss": "mae", "learning_rate": 3e-3, "windows_per_epoch": 2048}


def linear(X: pd.DataFrame, y: np.ndarray, origins: range) -> np.ndarray:
    """Least squares from the last day and the covariates of all steps; fitted before the first."""
    known = sliding_window_view(X, HORIZON, axis=0)[DAY:]  # (windows, columns, steps)
    past, ahead = sliding_window_view(y[:-HORIZON], DAY), sliding_window_view(y[DAY:], HORIZON)
    inputs = np.hstack([past, known.reshape(len(known), -1)])
    train = origins[0] - DAY - HORIZON + 1
    return Ridge().fit(inputs[:train], ahead[:train]).predict(inputs[np.array(origins) - DAY])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch, and the last week only")
    args = parser.parse_args()
    epochs, held_out = (1, 7 * DAY) if args.quick else (20, 61 * DAY)
    table = load_electricity_demand().tz_localize("Etc/GMT-10").tz_convert("Australia/Melbourne")
    X = table.drop(columns="demand").join(table.shift(WEEK).add_suffix("_week_before"))[WEEK:]
    y = table["demand"][WEEK:]
    start = len(y) - held_out
    origins = range(start, len(y) - HORIZON + 1, DAY)

    settings = {"horizon": HORIZON, "max_epochs": epochs, "random_state": 0, **SHAPE, **TRAINING}
    alone = RNNForecaster(**settings).fit(y[:start])
    calendar = CalendarFeatures(["time_of_day", "weekday"])
    informed = make_pipeline(calendar, RNNForecaster(**settings)).fit(X[:start], y[:start])
    seen = informed[:-1].transform(X)  # a pipeline does so with X, not with X_history
    with_covariates = [
        informed.predict(X[at : at + HORIZON], history=y[:at], X_history=seen[:at])
        for at in origins
    ]
    forecasts = {
        "GRU, with covariates": with_covariates,
        "linear, with covariates": linear(seen, y.to_numpy(), origins),
        "the week before": [X["demand_week_before"][at : at + HORIZON] for at in origins],
        "GRU, without covariates": [alone.predict(history=y[:at]) for at in origins],
    }
    truth = np.concatenate([y[at : at + HORIZON] for at in origins])
    print(f"{len(origins)} forecasts of 96 half hours; mean absolute error in GW and in percent")
    for name, parts in forecasts.items():
        forecast = np.concatenate(parts)
        print(f"{name:24} {mae(truth, forecast):.3f} {mape(truth, forecast):6.2f} %")


if __name__ == "__main__":
    main()
