"""tsrnn in scikit-learn: choose the lookback and the cell by cross-validation over time.

``TimeSeriesSplit`` trains on what came before each test year; ``GridSearchCV`` needs to know
nothing of time series beyond that. The year after the series is then forecast by the best.
"""

import argparse

from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from tsrnn import RNNForecaster
from tsrnn.datasets import load_air_passengers

HORIZON = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two epochs and two candidates only")
    args = parser.parse_args()

    epochs = 2 if args.quick else 30
    choices = {"cell": ["gru", "lstm"], "lookback": [24] if args.quick else [12, 24]}
    search = GridSearchCV(
        RNNForecaster(horizon=HORIZON, hidden_size=16, max_epochs=epochs, random_state=0),
        choices,
        cv=TimeSeriesSplit(n_splits=2, test_size=HORIZON),
    ).fit(load_air_passengers())

    for rank, candidate, score in zip(
        search.cv_results_["rank_test_score"],
        search.cv_results_["params"],
        search.cv_results_["mean_test_score"],
        strict=True,
    ):
        print(f"{rank}.  R² {score:6.3f}  {candidate}")
    print(search.best_estimator_.predict().round(1))


if __name__ == "__main__":
    main()
