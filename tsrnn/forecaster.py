"""The estimator: parameters, fit, predict."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from tsrnn.fitting import (
    examples_of,
    following,
    lookback_of,
    new_model,
    roles_of,
    settings_of,
    to_forecast,
    trainable,
)
from tsrnn.frames import Panel, read_training
from tsrnn.model import Model
from tsrnn.parameters import CONSTRAINTS
from tsrnn.persistence import write_model
from tsrnn.probabilistic import Probabilistic
from tsrnn.saving import to_parts
from tsrnn.training import Settings, Trainer


class RNNForecaster(Probabilistic, RegressorMixin, BaseEstimator):
    """Forecast one or several time series with a recurrent network.

    The network reads the last ``lookback`` steps, and a linear layer on its last hidden state gives
    the next ``horizon`` steps of all targets at once. See Hewamalage, Bergmeir & Bandara (2021),
    "Recurrent neural networks for time series forecasting: current status and future directions",
    International Journal of Forecasting 37(1), for how well such networks do, and when.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="lstm"
        Long short-term memory, gated recurrent unit, or plain (Elman) recurrence.
    lookback : int, default=None
        Steps that the network reads. None: two seasons, or twice the horizon if that is more; a
        third of the series at most. The season follows from the frequency of the time index: 12
        for months, 24 for hours, 7 for days, and so on.
    horizon : int, default=1
        Steps that it forecasts.
    hidden_size : int, default=64
        Hidden units of a layer (and direction).
    num_layers : int, default=1
        Recurrent layers, each reading the hidden states of the one below.
    activation : {"tanh", "relu"}, default="tanh"
        Of the plain RNN. The other cells have tanh.
    bidirectional : bool, default=False
        Read the window backward as well, with weights of its own.
    dropout : float in [0, 1), default=0.0
        Share of a layer's outputs hidden from the layer above while training; nothing to do with
        one layer.
    strategy : {"direct", "recursive", "seq2seq"}, default="direct"
        All steps of the horizon at once; one step at a time, each fed with the forecast before; or
        a second network, the decoder, that starts from the states of the first and goes through
        the steps to come (Sutskever et al., 2014; Cho et al., 2014). With covariates known in
        advance, a step of "direct" depends on those of its own step in a linear way; a decoder
        reads them step by step, so that their effect may depend on anything.
    normalize : {"last", "mean", "standard", "robust"} or None, default="standard"
        What each window is freed from, before the network sees it, and its forecast given back:
        its last value; its mean; mean and standard deviation; median and interquartile range. The
        series as a whole is always brought to mean 0 and standard deviation 1 first.
    loss : {"mse", "mae", "huber", "logcosh", "smape", "mase", "quantile", "gaussian", \
            "student_t", "poisson", "negative_binomial"}, default="mse"
        What training makes small: the squared, absolute, Huber's or log-cosh error; the error
        relative to forecast and truth, or to that of the seasonal naive forecast; the pinball loss
        of ``quantiles``; or minus the log-likelihood (Student's t has 5 degrees of freedom). The
        last five know a distribution (``predict_quantiles``, ``sample``), and forecast the median
        of the quantiles, the mean of others. "smape", "poisson" and "negative_binomial" divide
        windows by 1 plus their mean size, so that 0 stays 0, whatever ``normalize`` says.
    quantiles : list of float, default=(0.1, 0.5, 0.9)
        Probabilities, increasing, of the quantiles that "quantile" learns; they never cross.
    optimizer : {"adam", "adamw", "rmsprop", "nesterov", "momentum", "sgd"}, default="adam"
        How it does so.
    learning_rate : float, default=1e-3
        Size of its first steps.
    lr_schedule : {"constant", "step", "cosine", "plateau"}, default="cosine"
        How the learning rate falls: not; to a tenth after each third of the epochs; like half a
        cosine wave, to 0; to half whenever five epochs in a row brought nothing.
    weight_decay : float, default=0.0
        Pull of the weights toward 0.
    batch_size : int, default=32
        Windows in a step of the optimizer.
    max_epochs : int, default=20
        Epochs, at most.
    windows_per_epoch : int, default=None
        Windows in an epoch: a random sample if there are more, several passes if there are fewer.
        None: all windows once, but 1024 at least and 16384 at most.
    clip_norm : float or None, default=1.0
        Longest gradient; longer ones are shortened to it (Pascanu et al., 2013).
    early_stopping : bool, default=False
        Set aside the end of the series, stop when the loss there no longer falls, and keep the
        weights that did best there.
    validation_fraction : float in (0, 1), default=0.1
        Share of the windows set aside.
    n_iter_no_change : int, default=10
        Epochs without an improvement by ``tol`` before training stops early.
    tol : float, default=1e-4
        Smallest improvement that counts.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before.
    random_state : int, RandomState or None, default=None
        Seeds the weights, the order of the windows and dropout. The same seed and data give the
        same bits, on any number of threads.
    device : {"cpu", "auto"}, default="cpu"
        Where to compute.
    dtype : {"float32", "float64"}, default="float32"
        Precision.
    past_covariates : list of labels, default=None
        Columns of ``X`` that are known only up to now. All others are known in advance. Numbers
        are standardised; strings, booleans and pandas' categories get a learned vector each.
    static_covariates : list of labels, default=None
        Columns that never change within a series.
    id_col, time_col, target_col : str, default="unique_id", "ds", "y"
        Columns of a long frame: which series a row belongs to, its time, and the target (a list
        for several targets).
    freq : str or offset, default=None
        Frequency of the time stamps, where they leave it open.
    missing : {"raise", "ffill", "interpolate", "mask"}, default="raise"
        What to do with missing values, and with rows that the time index lacks: refuse them; carry
        the last value forward; draw a straight line; or carry forward, but never train on a
        forecast of what was missing.
    short_series : {"raise", "drop", "pad"}, default="raise"
        What to do with series of a panel that are shorter than lookback and horizon: refuse them;
        leave them out, of the forecasts too; or repeat their first row in front.
    handle_unknown : {"error", "ignore"}, default="error"
        What to do with a category that was not there in training: refuse it, or read it as none.
    verbose : int, default=0
        1 shows a progress bar while training (needs the extra ``tsrnn[progress]``).

    Attributes
    ----------
    params_ : dict of str to ndarray
        Weights and biases in PyTorch's names, layout and gate order: ``weight_ih_l0``, ...,
        ``head.bias``.
    lookback_ : int
        Steps that the network reads.
    loss_curve_ : list of float
        Mean loss of each epoch, in units of the normalised windows.
    validation_scores_ : list of float or None
        Loss on the validation windows after each epoch; None without early stopping.
    best_loss_ : float
        Lowest of the validation scores, or of the loss curve without early stopping.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
        Columns of ``X``.
    feature_names_in_ : ndarray of str
        Their names, if they have any.

    Examples
    --------
    >>> from tsrnn import RNNForecaster
    >>> from tsrnn.datasets import load_air_passengers
    >>> y = load_air_passengers()
    >>> forecaster = RNNForecaster(horizon=3, hidden_size=16, max_epochs=5, random_state=0)
    >>> forecaster.fit(y).predict().index.strftime("%Y-%m").to_list()
    ['1961-01', '1961-02', '1961-03']
    """

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS
    _model: Model
    _memory: tuple[np.ndarray, int]
    loss_curve_: list[float]

    def __init__(
        self,
        *,
        cell: str = "lstm",
        lookback: int | None = None,
        horizon: int = 1,
        hidden_size: int = 64,
        num_layers: int = 1,
        activation: str = "tanh",
        bidirectional: bool = False,
        dropout: float = 0.0,
        strategy: str = "direct",
        normalize: str | None = "standard",
        loss: str = "mse",
        quantiles: Any = (0.1, 0.5, 0.9),
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        lr_schedule: str = "cosine",
        weight_decay: float = 0.0,
        batch_size: int = 32,
        max_epochs: int = 20,
        windows_per_epoch: int | None = None,
        clip_norm: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        device: str = "cpu",
        dtype: str = "float32",
        past_covariates: Any = None,
        static_covariates: Any = None,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: str | list[str] = "y",
        freq: Any = None,
        missing: str = "raise",
        short_series: str = "raise",
        handle_unknown: str = "error",
        verbose: int = 0,
    ):
        self.cell = cell
        self.lookback = lookback
        self.horizon = horizon
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.activation = activation
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.strategy = strategy
        self.normalize = normalize
        self.loss = loss
        self.quantiles = quantiles
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.windows_per_epoch = windows_per_epoch
        self.clip_norm = clip_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.past_covariates = past_covariates
        self.static_covariates = static_covariates
        self.id_col = id_col
        self.time_col = time_col
        self.target_col = target_col
        self.freq = freq
        self.missing = missing
        self.short_series = short_series
        self.handle_unknown = handle_unknown
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> RNNForecaster:
        """Learn to forecast.

        Parameters
        ----------
        X : Series, DataFrame, array or list of numbers
            Without ``y`` what to forecast, one row a time step, one column a target; or a panel of
            many series, as a long frame (columns ``id_col``, ``time_col`` and ``target_col``; the
            others are covariates) or with a MultiIndex of series and time. With ``y`` the
            covariates, one row a time step; perhaps a frame without columns, for its index.
        y : Series, DataFrame, array or list of numbers, default=None
            What to forecast, if ``X`` does not hold it.
        sample_weight : array of shape (rows,), default=None
            How much the forecast of each row counts in the loss. Only ratios matter: the mean
            over all forecasts is brought to 1.

        Returns
        -------
        RNNForecaster
            The forecaster itself.

        Raises
        ------
        ValueError, TypeError
            If the data cannot be used, or a parameter is out of range. What was fitted before
            stays as it was.
        FloatingPointError
            If the loss becomes infinite or NaN. The weights are those from before.
        """
        panel, model, random = self._prepare(X, y, sample_weight)
        if self.warm_start and hasattr(self, "_model"):
            model.go_on_from(self._model)
        self._train(model, panel, settings_of(self), random)
        self._note_features(X)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> RNNForecaster:
        """Go on learning, for one epoch; the first call begins afresh.

        Scales and categories stay as they are; only a new series of a panel brings its own scale.
        The learning rate is constant, and ``predict`` follows on these data.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.

        Returns
        -------
        RNNForecaster
            The forecaster itself.

        Raises
        ------
        ValueError, TypeError
            As ``fit``; or with ``early_stopping``, which one epoch leaves no room for.
        FloatingPointError
            As ``fit``.
        """
        if self.early_stopping:
            raise ValueError("partial_fit cannot stop early; set early_stopping=False.")
        going_on = hasattr(self, "_model")
        panel, model, random = self._prepare(X, y, sample_weight, going_on)
        settings = replace(settings_of(self), max_epochs=1, lr_schedule="constant")
        self._train(model, panel, settings, random, going_on)
        self._note_features(X)
        return self

    def predict(self, X: Any = None, *, history: Any = None, X_history: Any = None) -> Any:
        """Forecast what follows the training data, or another history.

        Parameters
        ----------
        X : Series, DataFrame, array or list, default=None
            The rows to forecast, with the covariates that are known in advance. Rows are found by
            their time stamps (and series); they may go beyond ``horizon``, in blocks of which
            each is fed with the forecast before, and without covariates also begin later. Past
            covariates and targets in it are never read. None: the next ``horizon`` steps.
        history : Series, DataFrame, array or list of numbers, default=None
            What to forecast from, of the same form and frequency as the training data, at least
            ``lookback_`` rows of each series; columns of a frame are found by name. Its series
            may be new. None: the training data.
        X_history : DataFrame or array, default=None
            The covariates of the history's rows, if they are not in it.

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
        """
        check_is_fitted(self)
        past, future = to_forecast(self, X, history, X_history)
        parameters, task = self._model.forecast(past, future)
        return past.wrap(self._model.loss.point(tuple(parameters)), *task.rows)

    def load_params(self, params: Mapping[str, Any]) -> RNNForecaster:
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
            For a name or a shape that the network does not have, or values that are not finite.

        Examples
        --------
        >>> import numpy as np
        >>> forecaster = RNNForecaster(cell="gru", lookback=3, hidden_size=2, max_epochs=1)
        >>> forecaster = forecaster.fit([1.0, 2.0, 4.0, 3.0, 5.0, 6.0])
        >>> forecaster.load_params({"head.bias": [0.5]}).params_["head.bias"]
        array([0.5], dtype=float32)
        """
        check_is_fitted(self)
        self._model.network.load_parameters(params)
        self.params_ = self._model.network.copy_parameters()
        return self

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R² of ``predict(X)``.

        Parameters
        ----------
        X : Series, DataFrame, array or list
            Rows that follow the training data; with ``y`` left out, also what came true.
        y : Series, DataFrame, array or list, default=None
            What came true, if not ``X`` itself.
        sample_weight : array of shape (rows,), default=None
            Weight of each row.
        """
        from sklearn.metrics import r2_score

        forecast = self.predict(X)
        if y is None:
            y, forecast = self._model.history.truth(X, forecast)
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
        >>> forecaster = RNNForecaster(lookback=2, max_epochs=1).fit([1.0, 2.0, 4.0, 3.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     forecaster.save(folder + "/model.tsrnn")
        ...     loaded = tsrnn.load(folder + "/model.tsrnn")
        >>> bool(loaded.predict() == forecaster.predict())
        True
        """
        check_is_fitted(self)
        write_model(path, *to_parts(self))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = self.missing != "raise"
        # Not from the covariates of a row alone, which is what scikit-learn's checks try.
        tags.regressor_tags.poor_score = True
        return tags

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, going_on: bool = False
    ) -> tuple[Panel, Model, np.random.Generator]:
        """What to learn from, the network that is to learn it, and what orders its windows."""
        self._validate_params()
        panel = read_training(X, y, roles_of(self), sample_weight)
        lookback = self.lookback_ if going_on else lookback_of(self, panel)
        panel = trainable(self, panel, lookback)
        if going_on:
            return panel, following(self, self._model, panel), deepcopy(self._random)
        seed = check_random_state(self.random_state).randint(2**31 - 1, size=2)
        model = new_model(self, panel, lookback, np.random.default_rng(seed[0]))
        return panel, model, np.random.default_rng(seed[1])

    def _train(
        self,
        model: Model,
        panel: Panel,
        settings: Settings,
        random: np.random.Generator,
        going_on: bool = False,
    ) -> None:
        """Train, then keep what came of it."""
        examples = examples_of(self, model, panel)
        memory = self._memory if going_on else None
        trainer = Trainer(model.network, examples, settings, [random], memory)
        history = trainer.run()
        before = self.loss_curve_ if going_on else []
        self._model, self._roles, self._random = model, roles_of(self), random
        self._memory = trainer.memory, trainer.step
        self.lookback_ = model.network.lookback
        self.params_ = model.network.copy_parameters()
        self.loss_curve_ = before + history.loss_curve
        self.validation_scores_ = history.validation_scores if self.early_stopping else None
        self.best_loss_ = min(history.best_loss, *before) if before else history.best_loss
        self.n_iter_ = len(self.loss_curve_)
        if history.failure:
            raise FloatingPointError(history.failure)

    def _note_features(self, X: Any) -> None:
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
        self.n_features_in_ = shape[1] if len(shape) == 2 else 1
        self.__dict__.pop("feature_names_in_", None)
        names = getattr(X, "columns", None)
        if names is not None and all(isinstance(name, str) for name in names):
            self.feature_names_in_ = np.asarray(names, dtype=object)
