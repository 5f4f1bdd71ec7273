"""The shortest way from a monthly series to a forecast, and how good it is.

Fits all but the last year of the airline passengers, 1949 to 1960, with everything left at its
default, and puts the forecast of that year beside what came and beside the year before it. With
``--plot FILE.png`` it also draws the three (needs ``pip install "tsrnn[plot]"``).
"""

import argparse
from pathlib import Path

import pandas as pd

from tsrnn import RNNForecaster
from tsrnn.baselines import seasonal_naive
from tsrnn.datasets import load_air_passengers
from tsrnn.metrics import mae, mape

HORIZON = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="two epochs: fast, and a poor forecast"
    )
    parser.add_argument("--plot", metavar="FILE.png", type=Path)
    args = parser.parse_args()

    passengers = load_air_passengers()
    train, truth = passengers.iloc[:-HORIZON], passengers.iloc[-HORIZON:]

    settings = {"max_epochs": 2} if args.quick else {}
    forecaster = RNNForecaster(horizon=HORIZON, random_state=0, **settings).fit(train)
    forecast = forecaster.predict()

    naive = pd.Series(seasonal_naive(train, HORIZON, season=12), truth.index)
    print(pd.DataFrame({"truth": truth, "forecast": forecast.round(1), "year before": naive}))
    for name, prediction in (("forecast", forecast), ("year before", naive)):
        error = f"MAE {mae(truth, prediction):.1f}, MAPE {mape(truth, prediction):.2f} %"
        print(f"{name}: {error}")

    if args.plot:
        from tsrnn.plotting import plot_forecast

        future = forecaster.predict(history=passengers)
        plot_forecast(passengers, future, [forecast]).savefig(args.plot)
        print(f"drawn in {args.plot}")


if __name__ == "__main__":
    main()
