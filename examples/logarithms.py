"""A series that grows by a share of itself: its logarithm is learned, and comes back as passengers.

scikit-learn's ``TransformedTargetRegressor`` takes the logarithm before ``fit`` and undoes it after
``predict``. It hands on arrays, so the dates come from the index of ``X``, which has no columns
here. Beside it stands the same network on the passengers themselves, and what
``RNNForecaster.suggest`` would do.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor

from tsrnn import RNNForecaster
from tsrnn.datasets import load_air_passengers
from tsrnn.metrics import mape

HORIZON = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two epochs and two members")
    args = parser.parse_args()
    quick = {"max_epochs": 2, "n_members": 2} if args.quick else {}

    passengers = load_air_passengers()
    past, truth = passengers.iloc[:-HORIZON], passengers.iloc[-HORIZON:]
    # What repeats every year is taken off; five networks, of whose forecasts the median counts.
    settings = {"cell": "gru", "normalize": "last", "deseasonalize": 12, "n_members": 5, **quick}
    forecaster = RNNForecaster(horizon=HORIZON, random_state=0, **settings)
    logarithms = TransformedTargetRegressor(forecaster, func=np.log, inverse_func=np.exp)
    logarithms.fit(pd.DataFrame(index=past.index), past)

    suggested = RNNForecaster.suggest(past, horizon=HORIZON, random_state=0)
    for name, why in suggested.why.items():
        print(f"{name}={getattr(suggested, name)!r}: {why}")
    suggested.set_params(**quick)

    forecasts = {
        "of logarithms": logarithms.predict(pd.DataFrame(index=truth.index)),
        "of passengers": forecaster.fit(past).predict(),
        "as suggested": suggested.fit(past).predict(),
    }
    print(f"\nmean error in the last {HORIZON} months")
    for name, forecast in forecasts.items():
        print(f"{name}: {mape(truth, forecast):.1f} %")


if __name__ == "__main__":
    main()
