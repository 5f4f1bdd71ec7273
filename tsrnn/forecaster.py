"""The estimator: its parameters, and fit."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, check_random_state

from tsrnn.examples import start
from tsrnn.fitting import (
    check_units,
    following,
    lookback_of,
    networks_of,
    new_model,
    note_features,
    roles_of,
    settings_of,
    trainable,
)
from tsrnn.frames import Panel, read_training
from tsrnn.model import Model
from tsrnn.parameters import CONSTRAINTS
from tsrnn.probabilistic import Probabilistic
from tsrnn.suggesting import Suggesting
from tsrnn.training import Memory, Outcome, Settings, Trainer


class RNNForecaster(Suggesting, Probabilistic, RegressorMixin, BaseEstimator):
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
        Steps that the network reads. None: two seasons, or twice the horizon if that is more; at
        most 1024, and a third of the series, or a season if it holds two. The season follows from
        the frequency: 12 for months, 24 for hours, 7 for days, and so on. Where that tells none
        (arrays, numbered rows, years), or over 1024 (minutes), 24 steps replace the two seasons.
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
    residual : bool, default=False
        From the second layer on, hand up what a layer reads beside what it gives: the layer above,
        or the head, reads their sum (Wu et al., 2016). Deep networks are easier to train so.
    dropout : float in [0, 1), default=0.0
        Share of a layer's outputs hidden from the layer above while training; nothing to do with
        one layer, except with ``segment_length``, where the head is the layer above.
    strategy : {"direct", "recursive", "seq2seq"}, default="direct"
        All steps of the horizon at once; one step at a time, each fed with the forecast before; or
        a second network, the decoder, that starts from the states of the first and goes through
        the steps to come (Sutskever et al., 2014; Cho et al., 2014). With covariates known in
        advance, a step of "direct" depends on those of its own step in a linear way; a decoder
        reads them step by step, so that their effect may depend on anything.
    linear_skip : bool or "auto", default="auto"
        Add to the network's forecast of a target a linear function of its window (Lai et al., 2018,
        LSTNet), fixed before training, which starts there: the seasonal naive forecast, corrected
        as far as the data tell, with "direct" by known covariates too. It is hard to beat (Zeng et
        al., 2023); ``early_stopping`` keeps it if the network is no better. Counts ("poisson",
        "negative_binomial") cannot have it. "auto": if not, unless recursive, up to lookback 1024.
    segment_length : int, default=None
        Read the window in segments of so many steps, each through a linear layer with ReLU, one
        recurrent step a segment; forecast the horizon in such segments too, in parallel, each from
        a learned vector of its position (Lin et al., 2023, "SegRNN"). For strategy "direct", and
        lookbacks and horizons that are multiples of it; the default lookback is rounded to one.
    seasonal_lags : list of int, default=None
        Also read, for every step, the targets so many steps before it: ``[168]`` for what was a
        week ago of hourly data. Lags are as long as the horizon at least, so that they are known
        of each step to come, and read like a covariate known in advance. They reach back behind
        the lookback, at the price of that many more rows that a forecast needs.
    deseasonalize : int, default=None
        Take the mean pattern of a season of so many steps off each series before anything else,
        and put it back on forecasts: the indices of the classical decomposition, each series' own
        (of several targets, each one's). For series whose seasons differ, or are too long to read;
        of logarithms it makes them factors. Those shorter than two seasons keep theirs. Arrays can
        be fitted, but have no dates that would tell the step of the season of another ``history``.
    supervision : {"window", "sequence"}, default="window"
        Learn from one window a forecast; or run along the series, and learn from the forecasts
        after every step but the first ones (``burn_in``): nearly the work of two windows for as
        many forecasts as the lookback has steps. Where gaps or short series would so leave out more
        than a tenth of all windows, runs are shorter.
    burn_in : int, default=None
        Steps of such a run up to its first forecast, at most the lookback (None); windows ignore
        it. As many follow, or the rest of a lookback if that is more. Half of it halves the work of
        a step of the optimizer; less leaves more for forecasts, made of less than will be read.
    normalize : {"auto", "last", "mean", "standard", "robust"} or None, default="auto"
        What each window is freed from, before the network sees it, and its forecast given back:
        its last value; its mean; mean and standard deviation; median and interquartile range (the
        whole series is always standardised first). "auto": "standard" for several series that one
        network learns from, else "last".
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
        None: all windows once, 16384 at most, and without a linear path 1024 at least; of runs
        along the series as many as have so many forecasts, but eight batches at least.
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
    refit : bool, default=False
        With ``early_stopping``, whether to train again, on all windows, for as many epochs as did
        best on those set aside.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before.
    random_state : int, RandomState or None, default=None
        Seeds the weights, the order of the windows and dropout. The same seed and data give the
        same bits, on any number of threads.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to compute. "cuda" is a GPU of NVIDIA's, with the extra ``tsrnn[cuda]``; "auto" takes
        it if there is one and a batch is work enough: 5e7 operations of the recurrent layers of all
        networks, as with 256 windows of 24 steps and 32 LSTM units. The same network and loop on
        either: results agree to rounding, not to the bit.
    dtype : {"float32", "float64"}, default="float32"
        Of all numbers of the network.
    precision : {"ieee", "tf32"}, default="ieee"
        Of matrix products on a GPU, in float32: "tf32" has tensor cores take them, which round what
        they multiply to 10 bits, and needs a compute capability of 8.0.
    past_covariates : list of labels, default=None
        Columns of ``X`` that are known only up to now. All others are known in advance. Numbers
        are standardised; strings, booleans and pandas' categories get a learned vector each.
    static_covariates : list of labels, default=None
        Columns that never change within a series.
    id_col, time_col, target_col : str, default="unique_id", "ds", "y"
        Columns of a long frame: which series a row belongs to, its time, and the target (a list
        for several targets). Of a frame with dates as its index all columns are targets, unless
        ``target_col`` names some; the others are covariates then. ``["y"]`` names one called "y".
    freq : str or offset, default=None
        Frequency of the time stamps, where they leave it open.
    missing : {"raise", "ffill", "interpolate", "mask"}, default="raise"
        What to do with missing values, and with rows that the time index lacks: refuse them; carry
        the last value forward; draw a straight line; or carry forward, but never train on a
        forecast of what was missing. A series begins with its first value, whatever is in front.
    short_series : {"raise", "drop", "pad"}, default="raise"
        What to do with series of a panel that are shorter than lookback and horizon: refuse them;
        leave them out, of the forecasts too; or repeat their first row in front.
    handle_unknown : {"error", "ignore"}, default="error"
        What to do with a category that was not there in training: refuse it, or read it as none.
        It may be set after the fit, as may ``missing`` and ``short_series``.
    n_members : int, default=1
        Networks that are trained side by side, on all processor cores, from weights and orders of
        their own (Hansen & Salamon, 1990). The forecast is their median, as is each quantile or
        parameter of a distribution.
    channels : {"joint", "independent"}, default="joint"
        Several targets as one row that the network reads and forecasts; or each as a series of its
        own, with the same covariates, whose forecast depends on no other target (as in Nie et al.,
        2023).
    pooling : {"global", "local"}, default="global"
        One network for all series of a panel; or one for each, which only learns from its own and
        cannot forecast others. They are trained side by side as well.
    verbose : int, default=0
        From 1 on, training shows on the standard error how far it is: a progress bar with the
        extra ``tsrnn[progress]``, a line after each epoch without.

    Attributes
    ----------
    params_ : dict of str to ndarray
        Weights and biases in PyTorch's names, layout and gate order: ``weight_ih_l0``, ...,
        ``head.bias``. With ``pooling="local"`` the first axis is that of the series; with several
        members the next one is theirs.
    lookback_ : int
        Steps that the network reads.
    history_length_ : int
        Rows that a forecast needs: the lookback, and those in front of it for ``seasonal_lags``.
    loss_curve_ : list of float
        Mean loss of each epoch, in units of the normalised windows; of several members the mean
        over those that were still training.
    validation_scores_ : list of float or None
        Loss on the validation windows after each epoch, likewise; None without early stopping.
    best_loss_ : float
        Lowest of the validation scores (of the linear model's too, with ``linear_skip``), or of the
        loss curve without early stopping; of several networks, the mean of each one's lowest.
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
    _memory: Memory
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
        residual: bool = False,
        dropout: float = 0.0,
        strategy: str = "direct",
        linear_skip: bool | str = "auto",
        segment_length: int | None = None,
        seasonal_lags: Any = None,
        deseasonalize: int | None = None,
        supervision: str = "window",
        burn_in: int | None = None,
        normalize: str | None = "auto",
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
        refit: bool = False,
        warm_start: bool = False,
        random_state: Any = None,
        device: str = "cpu",
        dtype: str = "float32",
        precision: str = "ieee",
        past_covariates: Any = None,
        static_covariates: Any = None,
        id_col: str = "unique_id",
        time_col: str = "ds",
        target_col: Any = "y",
        freq: Any = None,
        missing: str = "raise",
        short_series: str = "raise",
        handle_unknown: str = "error",
        n_members: int = 1,
        channels: str = "joint",
        pooling: str = "global",
        verbose: int = 0,
    ):
        self.cell = cell
        self.lookback = lookback
        self.horizon = horizon
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.activation = activation
        self.bidirectional = bidirectional
        self.residual = residual
        self.dropout = dropout
        self.strategy = strategy
        self.linear_skip = linear_skip
        self.segment_length = segment_length
        self.seasonal_lags = seasonal_lags
        self.deseasonalize = deseasonalize
        self.supervision = supervision
        self.burn_in = burn_in
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
        self.refit = refit
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.precision = precision
        self.past_covariates = past_covariates
        self.static_covariates = static_covariates
        self.id_col = id_col
        self.time_col = time_col
        self.target_col = target_col
        self.freq = freq
        self.missing = missing
        self.short_series = short_series
        self.handle_unknown = handle_unknown
        self.n_members = n_members
        self.channels = channels
        self.pooling = pooling
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
            A column that holds what ``y`` does is refused, unless in ``past_covariates``: one of
            the same name, and from 20 rows on, where they tell, one of any name.
        y : Series, DataFrame, array or list of numbers, default=None
            What to forecast, if ``X`` does not hold it.
        sample_weight : array of shape (rows,), default=None
            How much the forecast of each row counts in the loss. Only ratios matter: the mean
            over all forecasts that are learned from is brought to 1, and that over those of the
            validation part too. A row of 0 is still read. A Series has the index of the rows.

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
            If the loss becomes infinite or NaN. What was learned before that epoch is kept.
        ImportError, RuntimeError, MemoryError
            With ``device="cuda"``: without numba-cuda; without a driver or device, or one without
            tensor cores for "tf32"; if the memory of the device is full. Likewise.

        Warns
        -----
        UserWarning
            If ``y`` has dates and the covariates are an array without: rows are then matched in
            the order they come. If a covariate holds numbers as text, last values are missing, or
            a value is so far from all others that it outweighs them.

        Examples
        --------
        >>> RNNForecaster(horizon=3, max_epochs=2).fit([5.0, 6.0, 9.0, 3.0] * 15).n_iter_
        2
        """
        panel, model, random = self._prepare(X, y, sample_weight)
        warm = self.warm_start and hasattr(self, "_model")
        if warm:
            check_units(self, self._model)
            model.go_on_from(self._model)
        self._train(X, model, panel, settings_of(self), random, afresh=not warm)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> RNNForecaster:
        """Go on learning, for one epoch; the first call begins afresh.

        Scales, categories and the linear path stay as they are; only a new series of a panel brings
        its own scale, and so does one that was missing from the call before: it was forgotten.
        The learning rate is constant, and ``predict`` follows on these data. Windows do not reach
        back into those of earlier calls: each call needs at least ``lookback`` + ``horizon`` rows.

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
            As ``fit``; with ``early_stopping``, which one epoch leaves no room for; if a parameter
            has changed that the network cannot change with any more.
        FloatingPointError
            As ``fit``.
        """
        if self.early_stopping:
            raise ValueError("partial_fit cannot stop early; set early_stopping=False.")
        going_on = hasattr(self, "_model")
        panel, model, random = self._prepare(X, y, sample_weight, going_on)
        settings = replace(settings_of(self), max_epochs=1, lr_schedule="constant")
        memory = self._memory if going_on else None
        self._train(X, model, panel, settings, random, afresh=not going_on, memory=memory)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = self.missing != "raise"
        # Not from the covariates of a row alone, which is what scikit-learn's checks try.
        tags.regressor_tags.poor_score = True
        return tags

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, going_on: bool = False
    ) -> tuple[Panel, Model, list[np.random.Generator]]:
        """What to learn from, the network to learn it, and what orders each member's windows."""
        self._validate_params()
        panel = read_training(X, y, roles_of(self), sample_weight)
        lookback = self.lookback_ if going_on else lookback_of(self, panel)
        panel = trainable(self, panel, lookback)
        if going_on:
            return panel, following(self, panel), deepcopy(self._random)
        n_members, n_series = networks_of(self, panel)
        size = n_members * (n_series or 1), 2
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=size)
        weights, order = ([*map(np.random.default_rng, column)] for column in seeds.T)
        return panel, new_model(self, panel, lookback, weights), order

    def _train(
        self,
        X: Any,
        model: Model,
        panel: Panel,
        settings: Settings,
        random: list[np.random.Generator],
        *,
        afresh: bool,
        memory: Memory | None = None,
    ) -> None:
        """Train, then keep what came of it; with a memory, in addition to what came before."""
        refit = self.refit and self.early_stopping
        again = (model.network.copy(), deepcopy(random)) if refit else None
        examples = start(self, model, panel, afresh=afresh, validate=self.early_stopping)
        trainer = Trainer(model.network, examples, settings, random, memory)
        outcome = trainer.run()
        if again and not (outcome.failure or trainer.interrupted):
            model.network.take_over(again[0])
            examples = start(self, model, panel, afresh=afresh, validate=False)
            epochs = trainer.best_epochs
            trainer = Trainer(model.network, examples, settings, again[1], epochs=epochs)
            last = trainer.run()
            outcome = replace(outcome, loss_curve=last.loss_curve, failure=last.failure)
        # Where nothing was learned, what was fitted before is better than that.
        if outcome.loss_curve or not outcome.failure or memory or not hasattr(self, "_model"):
            self._keep(X, model, trainer, outcome, [] if memory is None else self.loss_curve_)
        if outcome.failure:
            raise FloatingPointError(outcome.failure)

    def _keep(
        self, X: Any, model: Model, trainer: Trainer, outcome: Outcome, before: list[float]
    ) -> None:
        """What was learned, after losses ``before``."""
        self._model, self._roles, self._random = model, roles_of(self), trainer.random
        self._memory = trainer.memory
        self.lookback_, self.history_length_ = model.network.lookback, model.network.rows_read
        self.params_ = model.network.copy_parameters()
        self.loss_curve_ = before + outcome.loss_curve
        self.validation_scores_ = outcome.validation_scores if self.early_stopping else None
        self.best_loss_ = min([outcome.best_loss, *before])
        self.n_iter_ = len(self.loss_curve_)
        note_features(self, X)
