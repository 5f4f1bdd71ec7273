"""neuralforecast's LSTM and GRU with the network and the number of steps that ours has.

One layer of 64 units over 24 months, direct forecast, Adam at 1e-3, batches of 32 windows, and only
windows that the series fills (by default most of a window may be padding, which costs it a third of
its accuracy here). What has no equivalent keeps the library's default: its decoder (two layers of
128 units), the mean absolute error as the loss, the robust scaling of each window. Logger,
checkpoints, progress bar and summary are off.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

LOOKBACK, HIDDEN, STEPS, BATCH = 24, 64, 500, 32


def fit(cell: str, series: Any, horizon: int, seed: int = 1, **settings: Any) -> Any:
    """A fitted NeuralForecast for a monthly pandas Series; ``settings`` go to the model."""
    from neuralforecast import NeuralForecast
    from neuralforecast.models import GRU, LSTM

    quiet()
    model = {"lstm": LSTM, "gru": GRU}[cell](
        h=horizon,
        **{
            "input_size": LOOKBACK,
            "encoder_hidden_size": HIDDEN,
            "encoder_n_layers": 1,
            "max_steps": STEPS,
            "windows_batch_size": BATCH,
            "training_data_availability_threshold": 1.0,
            "random_seed": seed,
            **settings,
        },
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    fitted = NeuralForecast(models=[model], freq="MS")
    fitted.fit(long_frame(series))
    return fitted


def forecast(fitted: Any) -> Any:
    """The forecast as an array of shape (horizon,)."""
    frame = fitted.predict()
    return frame[frame.columns[-1]].to_numpy()


def long_frame(series: Any) -> Any:
    """The frame of columns unique_id, ds, y that neuralforecast reads."""
    import pandas as pd

    index = series.index
    stamps = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    return pd.DataFrame({"unique_id": 0, "ds": stamps, "y": series.to_numpy(dtype=float)})


def quiet() -> None:
    """Keep the trainer's banners and warnings, and nobody else's, out of the tables."""
    warnings.filterwarnings("ignore", module="(pytorch_)?lightning|neuralforecast|torch")
    for name in ("pytorch_lightning", "lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
