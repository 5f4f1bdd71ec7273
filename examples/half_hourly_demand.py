"""One fit, many forecasts: the electricity demand of England and Wales, three hours ahead.

Demand mostly repeats the week before, so that is taken off first, and a GRU forecasts what it
leaves unexplained. Fitted once, on all but the last three weeks, it walks through these three
hours at a time, each time reading every half hour before. Beside it stands the week before by
itself. The series needs ``pip install "tsrnn[examples]"``.
"""

import argparse

import numpy as np

from tsrnn import RNNForecaster
from tsrnn.baselines import seasonal_naive
from tsrnn.datasets import load_taylor_demand
from tsrnn.metrics import mae

DAY, WEEK, HORIZON = 48, 7 * 48, 6
# Chosen by the error in the two weeks before the last three, after a fit on what lies before.
SETTINGS = {"cell": "gru", "lookback": DAY, "hidden_size": 32, "normalize": "last", "loss": "mae"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch, and the last day only")
    args = parser.parse_args()
    epochs, held_out = (1, DAY) if args.quick else (20, 3 * WEEK)

    demand = load_taylor_demand()
    changes = demand.diff(WEEK).iloc[WEEK:]  # against the same half hour a week before
    forecaster = RNNForecaster(horizon=HORIZON, max_epochs=epochs, random_state=0, **SETTINGS)
    forecaster.fit(changes.iloc[:-held_out])

    forecasts, naive = [], []
    for rows_left in range(held_out, 0, -HORIZON):
        week_before = seasonal_naive(demand.iloc[:-rows_left], HORIZON, season=WEEK)
        change = forecaster.predict(history=changes.iloc[:-rows_left])
        naive.append(week_before)
        forecasts.append(week_before + change.to_numpy())

    truth = demand.iloc[-held_out:]
    print(f"{len(forecasts)} forecasts of three hours; mean absolute error in MW")
    print(f"GRU on the week before  {mae(truth, np.concatenate(forecasts)):.0f}")
    print(f"the week before         {mae(truth, np.concatenate(naive)):.0f}")


if __name__ == "__main__":
    main()
