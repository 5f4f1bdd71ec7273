"""One fit, many forecasts: hourly traffic on a motorway, three hours ahead.

Traffic mostly repeats the week before, so that is taken off first, and a GRU forecasts what it
leaves unexplained. Fitted once, on all but the last twelve weeks, it walks through these three
hours at a time, each time reading every hour before. Beside it stands the week before by itself.
The series needs ``pip install "tsrnn[examples]"``.
"""

import argparse

import numpy as np

from tsrnn import RNNForecaster
from tsrnn.baselines import seasonal_naive
from tsrnn.datasets import load_interstate_traffic
from tsrnn.metrics import mae

DAY, WEEK, HORIZON = 24, 7 * 24, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch, and the last day only")
    args = parser.parse_args()
    epochs, held_out = (1, DAY) if args.quick else (10, 12 * WEEK)

    traffic = load_interstate_traffic()
    changes = traffic.diff(WEEK).iloc[WEEK:]  # against the same hour a week before
    forecaster = RNNForecaster(
        cell="gru",
        lookback=DAY,
        horizon=HORIZON,
        hidden_size=32,
        normalize=None,
        loss="mae",
        max_epochs=epochs,
        windows_per_epoch=4096,
        random_state=0,
    ).fit(changes.iloc[:-held_out])

    forecasts, naive = [], []
    for hours_left in range(held_out, 0, -HORIZON):
        week_before = seasonal_naive(traffic.iloc[:-hours_left], HORIZON, season=WEEK)
        change = forecaster.predict(history=changes.iloc[:-hours_left])
        naive.append(week_before)
        forecasts.append(week_before + change.to_numpy())

    truth = traffic.iloc[-held_out:]
    print(f"{len(forecasts)} forecasts of {HORIZON} hours; mean absolute error in cars an hour")
    print(f"GRU on the week before  {mae(truth, np.concatenate(forecasts)):.0f}")
    print(f"the week before         {mae(truth, np.concatenate(naive)):.0f}")


if __name__ == "__main__":
    main()
