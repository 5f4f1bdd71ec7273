"""What each parameter of the forecaster may be; scikit-learn checks it before a fit."""

from __future__ import annotations

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, StrOptions

from tsrnn.kernels.cells import KINDS
from tsrnn.losses import LOSSES
from tsrnn.optimizers import OPTIMIZERS
from tsrnn.scaling import NORMALIZATIONS
from tsrnn.schedules import SCHEDULES

LARGEST_RATE = 3e38  # of single precision

COUNT = Interval(Integral, 1, None, closed="left")
LABELS = ["array-like", None]

CONSTRAINTS: dict[str, list] = {
    "cell": [StrOptions(set(KINDS))],
    "lookback": [COUNT, None],
    "horizon": [COUNT],
    "hidden_size": [COUNT],
    "num_layers": [COUNT],
    "activation": [StrOptions({"tanh", "relu"})],
    "bidirectional": ["boolean"],
    "residual": ["boolean"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "strategy": [StrOptions({"direct", "recursive", "seq2seq"})],
    "linear_skip": ["boolean", StrOptions({"auto"})],
    "segment_length": [COUNT, None],
    "seasonal_lags": LABELS,
    "deseasonalize": [Interval(Integral, 2, None, closed="left"), None],
    "supervision": [StrOptions({"window", "sequence"})],
    "burn_in": [COUNT, None],
    "normalize": [StrOptions({"auto", *(how for how in NORMALIZATIONS if how)}), None],
    "loss": [StrOptions(set(LOSSES))],
    "quantiles": ["array-like"],
    "optimizer": [StrOptions(set(OPTIMIZERS))],
    "learning_rate": [Interval(Real, 0, LARGEST_RATE, closed="neither")],
    "lr_schedule": [StrOptions(set(SCHEDULES))],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "batch_size": [COUNT],
    "max_epochs": [COUNT],
    "windows_per_epoch": [COUNT, None],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [COUNT],
    "tol": [Interval(Real, 0, None, closed="left")],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "device": [StrOptions({"cpu", "cuda", "auto"})],
    "dtype": [StrOptions({"float32", "float64"})],
    "precision": [StrOptions({"ieee", "tf32"})],
    "past_covariates": LABELS,
    "static_covariates": LABELS,
    "id_col": [str],
    "time_col": [str],
    "target_col": [str, "array-like"],
    "missing": [StrOptions({"raise", "ffill", "interpolate", "mask"})],
    "short_series": [StrOptions({"raise", "drop", "pad"})],
    "handle_unknown": [StrOptions({"error", "ignore"})],
    "n_members": [COUNT],
    "channels": [StrOptions({"joint", "independent"})],
    "pooling": [StrOptions({"global", "local"})],
    "refit": ["boolean"],
    "verbose": ["verbose"],
}
