"""Quantiles and draws of what is to come."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from tsrnn.counts import check_count
from tsrnn.fitted import FittedForecaster
from tsrnn.fitting import to_forecast
from tsrnn.losses import LOSSES, Distribution, Quantiles, levels_of, name_of


class Probabilistic(FittedForecaster):
    """What a fitted forecaster knows of the distribution of a forecast."""

    quantiles: Any

    def predict_quantiles(
        self,
        quantiles: Any = None,
        X: Any = None,
        *,
        history: Any = None,
        X_history: Any = None,
    ) -> Any:
        """Forecast what each value to come is below with given probabilities.

        Each step and target for itself. With ``strategy="recursive"``, and for steps beyond
        ``horizon``, forecasts take those before for granted, so that later ones seem too sure;
        ``sample`` does not.

        Parameters
        ----------
        quantiles : list of float, default=None
            Probabilities, increasing. None: those that the network learned, if its loss is
            "quantile", else the parameter ``quantiles``. After learning with "quantile", others
            are read off straight lines in normal scores through those that were learned.
        X, history, X_history
            As in ``predict``.

        Returns
        -------
        DataFrame or ndarray
            One row a step, with the index that ``predict`` gives; one column a probability, or for
            several targets a column for each pair of them; float64. Of a long frame another one,
            with a column for each probability (or ``target_probability``) beside key and time. Of
            an array one with the probabilities as its last axis.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        ValueError, TypeError
            If the loss knows no distribution, a probability is none, or as ``predict``.

        Examples
        --------
        >>> from tsrnn import RNNForecaster
        >>> from tsrnn.datasets import load_air_passengers
        >>> forecaster = RNNForecaster(loss="gaussian", horizon=3, max_epochs=1)
        >>> forecaster.fit(load_air_passengers()).predict_quantiles([0.1, 0.9]).shape
        (3, 2)
        """
        loss = self._distribution("predict_quantiles")
        learned = loss.levels if isinstance(loss, Quantiles) else levels_of(self.quantiles)
        levels = learned if quantiles is None else levels_of(quantiles)
        if len(learned) == 1 and isinstance(loss, Quantiles) and levels != learned:
            raise ValueError(
                f"The network learned the quantile {learned[0]:g} alone, which says nothing of "
                f"{[*levels]}. Refit with quantiles={sorted({*learned, *levels})}."
            )
        model, past, future = to_forecast(self, X, history, X_history)
        parameters, task = model.forecast(past, future)
        values = np.stack([loss.quantile(tuple(parameters), level) for level in levels], axis=-1)
        return past.wrap_several(values, *task.rows, "quantile", levels)

    def sample(
        self,
        n_samples: int = 100,
        X: Any = None,
        *,
        history: Any = None,
        X_history: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Draw what may come.

        Steps and targets that are forecast at once are drawn independently of each other. What is
        beyond (``strategy="recursive"``, and steps beyond ``horizon``) is forecast from what was
        drawn before, so that each draw is a path.

        Parameters
        ----------
        n_samples : int, default=100
            How many draws.
        X, history, X_history
            As in ``predict``.
        random_state : int, RandomState or None, default=None
            Chooses the draws.

        Returns
        -------
        DataFrame or ndarray
            As of ``predict_quantiles``, with draws, numbered from 0, instead of probabilities.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        ValueError, TypeError
            If the loss knows no distribution, ``n_samples`` is none, or as ``predict``.

        Examples
        --------
        >>> from tsrnn import RNNForecaster
        >>> from tsrnn.datasets import load_air_passengers
        >>> forecaster = RNNForecaster(loss="student_t", horizon=3, max_epochs=1)
        >>> forecaster.fit(load_air_passengers()).sample(50, random_state=0).shape
        (3, 50)
        """
        loss = self._distribution("sample")
        if isinstance(loss, Quantiles) and loss.numbers == 1:
            raise ValueError(
                f"The network learned the quantile {loss.levels[0]:g} alone, which nothing can be "
                "drawn from. Refit with several, such as quantiles=(0.1, 0.5, 0.9)."
            )
        count = check_count("n_samples", n_samples, "draws")
        model, past, future = to_forecast(self, X, history, X_history)
        random = check_random_state(random_state)
        values, task = model.sample(past, future, count, random)
        return past.wrap_several(values, *task.rows, "sample", range(count))

    def _distribution(self, what: str) -> Distribution:
        """The loss of the network, if it can say how values are distributed."""
        check_is_fitted(self)
        loss = self._model.loss
        if not isinstance(loss, Distribution):
            knowing = [name for name, kind in LOSSES.items() if issubclass(kind, Distribution)]
            raise ValueError(
                f"A network that learned with loss={name_of(loss)!r} knows of no distribution, "
                f"which {what} is asked for. Fit with one of the losses {knowing}."
            )
        return loss
