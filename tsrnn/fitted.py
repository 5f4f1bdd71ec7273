"""What a forecaster does once it is fitted: forecast, and be scored, saved, given other weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from tsrnn.fitting import to_forecast
from tsrnn.frames import Roles
from tsrnn.model import Model
from tsrnn.persistence import write_model
from tsrnn.saving import to_parts


class FittedForecaster:
    """The half of ``RNNForecaster`` that needs a fit."""

    _model: Model
    _roles: Roles
    lookback_: int
    history_length_: int

    def predict(self, X: Any = None, *, history: Any = None, X_history: Any = None) -> Any:
        """Forecast what follows the training data, or another history.

        Parameters
        ----------
        X : Series, DataFrame, array or list, default=None
            The rows to forecast, with the covariates that are known in advance. Rows are found by
            their time stamps (and series); they may go beyond ``horizon``, in blocks of which
            each is fed with the forecast before (and which may swing ever wider: look at them
            where they are many times the horizon), and without covariates also begin later. Past
            covariates and targets in it are never read; static ones must be those of the series.
            What to forecast from is ``history``. None: the next ``horizon`` steps.
        history : Series, DataFrame, array or list of numbers, default=None
            What to forecast from, of the same form and frequency as the training data, at least
            ``history_length_`` rows of each series; several columns of a frame, and levels of keys,
            are found by name. Its series may be new. None: the training data.
        X_history : DataFrame or array, default=None
            The covariates of the history's rows, if they are not in it: in the same order, with
            the same index, or as another long frame beside a long one.

        Returns
        -------
        Series, DataFrame or ndarray
            One row a step, of the type of the history and with its columns and kind of index;
            float64. Of a long frame, another one.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        ValueError, TypeError
            If the history or ``X`` cannot be used.

        Warns
        -----
        UserWarning
            If the history has dates and the covariates in ``X`` are an array without: its rows are
            taken for the next ones.

        Examples
        --------
        >>> import pandas as pd
        >>> from tsrnn import RNNForecaster
        >>> days = pd.date_range("2024-01-01", periods=60, freq="D")
        >>> y = pd.Series([5.0, 6.0, 6.0, 7.0, 9.0, 3.0] * 10, days, name="visitors")
        >>> forecaster = RNNForecaster(horizon=3, max_epochs=1, random_state=0).fit(y)
        >>> forecaster.predict().index
        DatetimeIndex(['2024-03-01', '2024-03-02', '2024-03-03'], dtype='datetime64[us]', freq='D')
        >>> forecaster.predict(history=y[:30]).index[0]
        Timestamp('2024-01-31 00:00:00')
        """
        check_is_fitted(self)
        model, past, future = to_forecast(self, X, history, X_history)
        parameters, task = model.forecast(past, future)
        return past.wrap(model.loss.point(tuple(parameters)), *task.rows)

    def load_params(self, params: Mapping[str, Any]) -> Self:
        """Take over weights: from ``params_`` of another forecaster, or from PyTorch.

        Parameters
        ----------
        params : mapping of str to array
            Some or all of the names and shapes in ``params_``.

        Returns
        -------
        RNNForecaster
            The forecaster itself.

        Raises
        ------
        ValueError
            For a name or a shape that the network does not have, or values that are not finite
            numbers.
        TypeError
            If ``params`` is no mapping.

        Examples
        --------
        >>> from tsrnn import RNNForecaster
        >>> forecaster = RNNForecaster(cell="gru", lookback=3, hidden_size=2, max_epochs=1)
        >>> forecaster = forecaster.fit([1.0, 2.0, 4.0, 3.0, 5.0, 6.0])
        >>> forecaster.load_params({"head.bias": [0.5]}).params_["head.bias"]
        array([0.5], dtype=float32)
        """
        check_is_fitted(self)
        if not isinstance(params, Mapping):
            raise TypeError(
                f"params are arrays by name, as params_ has them, not {type(params).__name__}."
            )
        network = self._model.network.copy()  # a shallow copy of the forecaster shares this one
        network.load_parameters(params)
        self._model = replace(self._model, network=network)
        self.params_ = network.copy_parameters()
        return self

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R² of ``predict(X)``, the coefficient of determination.

        Parameters
        ----------
        X : Series, DataFrame, array or list
            Rows that follow the training data; with ``y`` left out, also what came true.
        y : Series, DataFrame, array or list, default=None
            What came true, if not ``X`` itself: its columns are found by name, and it has the
            index of the forecasts.
        sample_weight : array of shape (rows,), default=None
            Weight of each row.

        Returns
        -------
        float
            1 for perfect forecasts, 0 for those no better than the mean of ``y``; over several
            targets the mean of each one's.

        Raises
        ------
        ValueError
            If ``y`` has other rows or columns than the forecasts, and as ``predict``.

        Examples
        --------
        >>> from tsrnn import RNNForecaster
        >>> from tsrnn.datasets import load_air_passengers
        >>> y = load_air_passengers()
        >>> forecaster = RNNForecaster(horizon=12, max_epochs=1, random_state=0).fit(y[:-12])
        >>> forecaster.score(y[-12:]) < 1
        True
        """
        from sklearn.metrics import r2_score

        forecast = self.predict(X)
        y, forecast = self._model.history.truth(X, y, forecast, sample_weight)
        return r2_score(y, forecast, sample_weight=sample_weight)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted forecaster in one file, which ``tsrnn.load`` reads anywhere.

        It holds arrays and JSON in the safetensors format, and nothing that can be run.

        Parameters
        ----------
        path : str or path-like
            Where to. A file that is there is replaced, once the new one is complete.

        Raises
        ------
        OSError
            If the file cannot be written.
        TypeError
            If a parameter, column name or series' key is of a type that cannot be saved.

        Examples
        --------
        >>> import tempfile, tsrnn
        >>> forecaster = tsrnn.RNNForecaster(lookback=2, max_epochs=1).fit([1.0, 2.0, 4.0, 3.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     forecaster.save(folder + "/model.tsrnn")
        ...     loaded = tsrnn.load(folder + "/model.tsrnn")
        >>> bool(loaded.predict() == forecaster.predict())
        True
        """
        check_is_fitted(self)
        write_model(path, *to_parts(self))
