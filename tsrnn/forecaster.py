"""The estimator: parameters, fit, predict."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from tsrnn.frames import Target, read_target, steps_after
from tsrnn.kernels import Architecture
from tsrnn.losses import LOSSES
from tsrnn.network import Network
from tsrnn.optimizers import OPTIMIZERS
from tsrnn.scaling import NORMALIZATIONS, SeriesScaler
from tsrnn.schedules import SCHEDULES
from tsrnn.training import Settings, Trainer
from tsrnn.windows import split_validation, window_starts

# An epoch of a short series passes over it again and again, an epoch of a long one samples it.
SHORTEST_EPOCH, LONGEST_EPOCH = 1024, 16384
# What is more than this is a mistake, or too much for a machine.
LARGEST_NETWORK = 2**30  # parameters
LARGEST_EPOCH = 2**27  # windows
LARGEST_RATE = 3e38  # of single precision
LONGEST_FORECAST = 10**7  # steps
STEP_TOLERANCE = 1.2  # months differ in length, and are still months


class RNNForecaster(RegressorMixin, BaseEstimator):
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
    strategy : {"direct", "recursive"}, default="direct"
        All steps of the horizon at once, or one step at a time, each fed with the forecast before.
    normalize : {"last", "mean", "standard", "robust"} or None, default="standard"
        What each window is freed from, before the network sees it, and its forecast given back:
        its last value; its mean; mean and standard deviation; median and interquartile range. The
        series as a whole is always brought to mean 0 and standard deviation 1 first.
    loss : {"mse", "mae", "huber"}, default="mse"
        What training makes small.
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
    random_state : int, RandomState or None, default=None
        Seeds the weights, the order of the windows and dropout. The same seed and data give the
        same bits, on any number of threads.
    device : {"cpu", "auto"}, default="cpu"
        Where to compute.
    dtype : {"float32", "float64"}, default="float32"
        Precision.
    freq : str or offset, default=None
        Frequency of a DatetimeIndex, where its stamps leave it open.
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

    _parameter_constraints: ClassVar[dict] = {
        "cell": [StrOptions({"lstm", "gru", "rnn"})],
        "lookback": [Interval(Integral, 1, None, closed="left"), None],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "num_layers": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"tanh", "relu"})],
        "bidirectional": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "strategy": [StrOptions({"direct", "recursive"})],
        "normalize": [StrOptions({how for how in NORMALIZATIONS if how}), None],
        "loss": [StrOptions(set(LOSSES))],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "learning_rate": [Interval(Real, 0, LARGEST_RATE, closed="neither")],
        "lr_schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "windows_per_epoch": [Interval(Integral, 1, None, closed="left"), None],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "device": [StrOptions({"cpu", "auto"})],
        "dtype": [StrOptions({"float32", "float64"})],
        "verbose": ["verbose"],
    }

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
        random_state: Any = None,
        device: str = "cpu",
        dtype: str = "float32",
        freq: Any = None,
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
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.freq = freq
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> RNNForecaster:
        """Learn to forecast.

        Parameters
        ----------
        X : Series, DataFrame, array or list of numbers
            What to forecast, one row a time step, one column a target; or, with ``y`` given, a
            frame without columns whose index holds the time stamps.
        y : Series, DataFrame, array or list of numbers, default=None
            What to forecast, if not ``X`` itself.

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
        self._validate_params()
        target = _read_training_data(X, y, self.freq)
        lookback = int(self.lookback or self._default_lookback(target))
        block = int(self.horizon) if self.strategy == "direct" else 1
        starts = window_starts(target.n_rows, lookback, block)
        training, validation = starts, None
        if self.early_stopping:
            training, validation = split_validation(starts, self.validation_fraction, block)
        architecture = self._architecture(target.n_targets, block)
        scaler = SeriesScaler(target.values)

        seed = check_random_state(self.random_state).randint(2**31 - 1, size=2)
        network = Network(architecture, lookback, self.normalize, self.dtype, self.device)
        network.initialize(np.random.default_rng(seed[0]))
        series = scaler.transform(target.values, self.dtype)
        trainer = Trainer(
            network,
            series,
            training,
            validation,
            self._settings(len(training)),
            np.random.default_rng(seed[1]),
        )
        history = trainer.run()

        self._network, self._scaler, self._history = network, scaler, target.tail(lookback)
        self._horizon, self._freq = int(self.horizon), self.freq
        self.lookback_ = lookback
        self.params_ = {name: values.copy() for name, values in network.parameters.items()}
        self.loss_curve_ = history.loss_curve
        self.validation_scores_ = history.validation_scores if self.early_stopping else None
        self.best_loss_ = history.best_loss
        self.n_iter_ = len(history.loss_curve)
        self._note_features(X)
        if history.failure:
            raise FloatingPointError(history.failure)
        return self

    def predict(self, X: Any = None, *, history: Any = None) -> Any:
        """Forecast what follows the training data, or another history.

        Parameters
        ----------
        X : Series, DataFrame, array or list, default=None
            The rows to forecast: only their time stamps, or their number, count. They may begin
            later than the step after the history, and go beyond ``horizon``, in blocks of which
            each is fed with the forecast before. None: the next ``horizon`` steps.
        history : Series, DataFrame, array or list of numbers, default=None
            What to forecast from, at least ``lookback_`` rows of the same targets at the same
            frequency; columns of a frame are found by name. None: the training data.

        Returns
        -------
        Series, DataFrame or ndarray
            One row a step, of the type of the history and with its columns and kind of index;
            float64.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        ValueError, TypeError
            If the history or ``X`` cannot be used.
        """
        check_is_fitted(self)
        past = self._history if history is None else self._read_history(history)
        if X is None:
            _check_reach(self._horizon, "horizon")
            ahead = np.arange(self._horizon)
        else:
            ahead = steps_after(past, X)
        steps = int(ahead.max(initial=-1)) + 1
        _check_reach(steps, "X")
        if hasattr(X, "iloc") and past.columns is not None:
            index = X.index
        else:
            future = past.future_index(steps)
            index = None if future is None else future[ahead] if X is not None else future
        values = self._scaler.transform(past.values[-self.lookback_ :], self._network.dtype)
        forecast = self._scaler.inverse(self._network.forecast(values, steps)[ahead])
        if not np.isfinite(forecast).all():
            raise ValueError(
                "The history has values too large for the network, which learned from values of "
                f"about {np.abs(self._scaler.mean).max():.3g}: the largest is "
                f"{np.abs(past.values[-self.lookback_ :]).max():.3g}."
            )
        return past.wrap(forecast, index)

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

        truth = X if y is None else y
        return r2_score(truth, self.predict(X), sample_weight=sample_weight)

    def _default_lookback(self, target: Target) -> int:
        horizon = int(self.horizon)
        wanted = max(2 * target.season, 2 * horizon)
        return max(1, min(wanted, target.n_rows // 3, target.n_rows - horizon))

    def _architecture(self, n_targets: int, block: int) -> Architecture:
        cell = f"rnn_{self.activation}" if self.cell == "rnn" else self.cell
        directions = 2 if self.bidirectional else 1
        architecture = Architecture(
            cell,
            int(n_targets),
            int(self.hidden_size),
            int(self.num_layers),
            directions,
            int(block * n_targets),
        )
        if architecture.n_parameters > LARGEST_NETWORK:
            raise ValueError(
                f"The network would have {architecture.n_parameters:,} parameters "
                f"(hidden_size {self.hidden_size}, num_layers {self.num_layers}, horizon "
                f"{self.horizon}, {n_targets} targets); {LARGEST_NETWORK:,} is the most."
            )
        return architecture

    def _settings(self, n_windows: int) -> Settings:
        per_epoch = self.windows_per_epoch
        if per_epoch is None:
            per_epoch = min(max(n_windows, SHORTEST_EPOCH), LONGEST_EPOCH)
        if per_epoch > LARGEST_EPOCH:
            raise ValueError(f"windows_per_epoch is {per_epoch}; {LARGEST_EPOCH} is the most.")
        return Settings(
            loss=self.loss,
            optimizer=self.optimizer,
            learning_rate=float(self.learning_rate),
            lr_schedule=self.lr_schedule,
            weight_decay=float(self.weight_decay),
            batch_size=int(self.batch_size),
            max_epochs=int(self.max_epochs),
            windows_per_epoch=int(per_epoch),
            clip_norm=self.clip_norm,
            dropout=float(self.dropout) if self.num_layers > 1 else 0.0,
            n_iter_no_change=int(self.n_iter_no_change),
            tol=float(self.tol),
            verbose=int(self.verbose),
        )

    def _read_history(self, history: Any) -> Target:
        past = read_target(history, name="history", freq=self._freq)
        if past.n_targets != self._history.n_targets:
            raise ValueError(
                f"history has {past.n_targets} columns; the forecaster was fitted on "
                f"{self._history.n_targets}."
            )
        if past.n_rows < self.lookback_:
            raise ValueError(
                f"history has {past.n_rows} rows; the network reads the last {self.lookback_}."
            )
        known = self._history
        step, known_step = past.usual_step, known.usual_step
        if step and known_step and not 1 / STEP_TOLERANCE < step / known_step < STEP_TOLERANCE:
            raise ValueError(
                f"history has a row every {step}; the forecaster was fitted on a row every "
                f"{known_step}. Bring it to the same frequency first, history.resample(...), or "
                "hand in its values alone, history.to_numpy()."
            )
        if past.kind == known.kind == "frame" and past.n_targets > 1:
            return past.ordered_like(known)
        return past

    def _note_features(self, X: Any) -> None:
        shape = np.shape(X)
        self.n_features_in_ = shape[1] if len(shape) == 2 else 1
        self.__dict__.pop("feature_names_in_", None)
        names = getattr(X, "columns", None)
        if names is not None and all(isinstance(name, str) for name in names):
            self.feature_names_in_ = np.asarray(names, dtype=object)


def _check_reach(steps: int, name: str) -> None:
    if steps > LONGEST_FORECAST:
        raise ValueError(
            f"{name} reaches {steps} steps beyond the history; {LONGEST_FORECAST} is the most."
        )


def _read_training_data(X: Any, y: Any, freq: Any) -> Target:
    """The target: ``y``, or ``X`` where there is no ``y``."""
    if y is None:
        return read_target(X, name="X", freq=freq)
    dated = hasattr(y, "iloc")
    target = read_target(y, freq=freq if dated or X is None else None)
    if X is None:
        return target
    _check_no_covariates(X)
    if len(X) != target.n_rows:
        raise ValueError(f"X has {len(X)} rows, y has {target.n_rows}; both need the same rows.")
    if not hasattr(X, "iloc"):
        return target
    if not dated:
        return target.dated(X, freq, "X")
    if not X.index.equals(target.index):
        raise ValueError("X and y have different indexes; align them first: X = X.loc[y.index].")
    return target


def _check_no_covariates(X: Any) -> None:
    """Beside a target, ``X`` brings time stamps, or nothing but its length."""
    if not (hasattr(X, "iloc") or isinstance(X, np.ndarray | list | tuple)):
        raise TypeError(
            f"X must be a frame without columns, for its index, when y is given; not {type(X)}."
        )
    shape = np.shape(X)
    if len(shape) != 2 or shape[1] > 0:
        columns = shape[1] if len(shape) == 2 else 1
        raise ValueError(
            f"X has {columns} columns, and forecasting with covariates is not possible in this "
            "release: leave X out, fit(y), or pass a frame that has an index but no columns."
        )
