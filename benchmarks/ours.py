"""Every use that the benchmarks make of tsrnn. Imports of it stay inside the functions.

A worker process decides its threads first and imports afterwards, and the peers' processes never
load tsrnn at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

BATCHES_PER_EPOCH = 50


STEPS_SIZE = 10**6  # batch * time steps * hidden units in a call, if there are several steps


def train_step(
    cell: str,
    batch: int,
    steps: int,
    inputs: int,
    hidden: int,
    outputs: int = 12,
    threads: int = 1,
    at_once: int | None = None,
    **where: Any,
) -> Callable[[], object]:
    """One training step of tsrnn on fixed random data, as a call without arguments.

    The same work as the peers': forward, backward, mean squared error, gradients clipped to a
    global norm of 1, Adam at 1e-3; one layer, float32, a linear head on the last hidden state.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
    batch, steps, inputs, hidden, outputs : int
        Windows in the batch, time steps in each, features of a step, hidden units, outputs.
    threads : int
        The number of threads; the process is confined to as many cores already.
    at_once : int, default=None
        Steps in a call; as many as an epoch takes on the CPU.
    **where
        ``device`` and ``precision`` of the network; how many ``networks`` take a step.

    Returns
    -------
    callable
        Each call does ``steps_in_a_call`` steps, as an epoch does, and changes the weights.
    """
    import numpy as np

    from tsrnn.kernels import Turn, WindowSet
    from tsrnn.losses import SquaredError
    from tsrnn.optimizers import Adam

    sizes = cell, batch, steps, inputs, hidden, outputs
    engine, windows = _engine_and_windows(*sizes, threads, **where)
    loss, adam = SquaredError(), Adam()
    memory, taken = engine.optimizer_memory(adam), 0
    at_once = at_once or max(1, STEPS_SIZE // (batch * steps * hidden))
    once = windows.windows
    parts = (np.concatenate([part] * at_once) for part in (once.starts, once.location, once.scale))
    epoch, seeds = WindowSet(once.series, *parts, steps), np.zeros(at_once, np.int64)

    def train() -> None:
        nonlocal taken
        turn = Turn(epoch, adam.at(taken + np.arange(1, at_once + 1), 1e-3), seeds)
        turns = dict.fromkeys(range(engine.networks), turn)
        engine.train(turns, batch, loss, memory, clip_norm=1.0)
        taken += at_once

    train.steps_in_a_call = at_once  # type: ignore[attr-defined]  # for harness
    return train


def inference(
    cell: str,
    batch: int,
    steps: int,
    inputs: int,
    hidden: int,
    outputs: int = 12,
    threads: int = 1,
) -> Callable[[], object]:
    """A forward pass of tsrnn on fixed random data; arguments as for :func:`train_step`."""
    engine, windows = _engine_and_windows(cell, batch, steps, inputs, hidden, outputs, threads)
    return lambda: engine.predict({0: windows})


def _engine_and_windows(
    cell: str,
    batch: int,
    steps: int,
    inputs: int,
    hidden: int,
    outputs: int,
    threads: int,
    device: str = "cpu",
    precision: str = "ieee",
    networks: int = 1,
) -> tuple[Any, Any]:
    """A network with random weights, and windows of a random series for it.

    The targets of a window are the ``outputs // inputs`` steps after it, rounded up to whole steps:
    with 8 inputs the network has 16 outputs, a little more work than the peers'.
    """
    import numba
    import numpy as np

    from tsrnn.kernels import Architecture, Columns, WindowSet
    from tsrnn.network import Network

    numba.set_num_threads(threads)
    horizon = -(-outputs // inputs)
    name = "rnn_tanh" if cell == "rnn" else cell
    architecture = Architecture(name, Columns(inputs), hidden, 1, 1, horizon)
    settings = None, "float32", device, precision
    network = Network(architecture, steps, *settings, n_members=networks)
    random = np.random.default_rng(0)
    network.initialize([random] * networks)
    series = random.normal(size=(batch + steps + horizon, inputs)).astype("float32")
    starts = random.permutation(batch)
    level, scale = np.zeros((batch, inputs), "float32"), np.ones((batch, inputs), "float32")
    return network.engine, WindowSet(series, starts, level, scale, steps).batch()


class Learner:
    """A network that learns from one flat series, epoch by epoch, in an order that is given."""

    def __init__(
        self,
        series: Any,
        lookback: int,
        horizon: int,
        clip: float,
        cell: str,
        hidden_size: int,
        segment_length: int = 0,
    ):
        import numpy as np

        from tsrnn.kernels import Architecture, Columns
        from tsrnn.losses import AbsoluteError
        from tsrnn.network import Network
        from tsrnn.optimizers import Adam

        sizes = hidden_size, 1, 1, horizon, segment_length > 0
        architecture = Architecture(cell, Columns(1), *sizes, segment=segment_length)
        self.network = Network(architecture, lookback, "last", "float32", "cpu")
        self.network.initialize([np.random.default_rng(0)])
        self.series, self.clip, self.taken = series[:, None], clip, 0
        self.loss, self.adam = AbsoluteError(), Adam()
        self.memory = self.network.engine.optimizer_memory(self.adam)

    def weights(self) -> dict[str, Any]:
        """By name, copied."""
        return self.network.copy_parameters()

    def epoch(self, order: Any, batch: int, rate: float) -> None:
        """Train on these windows."""
        import numpy as np

        from tsrnn.kernels import Turn

        steps = -(-len(order) // batch)
        adam = self.adam.at(self.taken + np.arange(1, steps + 1), rate)
        windows = self.network.windows(self.series, order)
        turn = Turn(windows, adam, np.zeros(steps, np.int64))
        self.network.engine.train({0: turn}, batch, self.loss, self.memory, self.clip)
        self.taken += steps

    def score(self, starts: Any) -> float:
        """The mean loss on these windows."""
        batch = self.network.windows(self.series, starts).batch()
        return float(self.network.engine.loss({0: batch}, self.loss)[0])


def batches(count: int, batch_size: int = 32) -> dict[str, int]:
    """The settings of a fit that takes exactly ``count`` batches, a multiple of 50."""
    if count % BATCHES_PER_EPOCH:
        raise ValueError(f"{count} batches are not a multiple of {BATCHES_PER_EPOCH}")
    return {
        "batch_size": batch_size,
        "windows_per_epoch": batch_size * BATCHES_PER_EPOCH,
        "max_epochs": count // BATCHES_PER_EPOCH,
    }


def forecaster(seed: int = 0, **settings: Any) -> Any:
    """An unfitted RNNForecaster, a network alone unless it is asked for more, on the CPU."""
    from tsrnn import RNNForecaster

    alone = {"linear_skip": False, "normalize": "standard"}
    return RNNForecaster(**{**alone, "device": "cpu", "random_state": seed, **settings})


class OfLogarithms:
    """A forecaster of log(1 + y), asked for and answering in y."""

    def __init__(self, forecaster: Any):
        self.forecaster = forecaster

    def fit(self, data: Any) -> OfLogarithms:
        """Learn from y."""
        self.forecaster.fit(self._with(data, "log1p"))
        return self

    def predict(self, history: Any = None) -> Any:
        """Forecast y."""
        history = None if history is None else self._with(history, "log1p")
        return self._with(self.forecaster.predict(history=history), "expm1")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.forecaster, name)

    def _with(self, data: Any, function: str) -> Any:
        """A table of numbers, or a long frame, whose other columns stay."""
        import numpy as np

        if "y" not in getattr(data, "columns", ()):
            return getattr(np, function)(data)
        return data.assign(y=getattr(np, function)(data["y"]))


def suggested(data: Any, horizon: int, seed: int) -> Any:
    """The presets of tsrnn."""
    from tsrnn import RNNForecaster

    return RNNForecaster.suggest(data, horizon=horizon, random_state=seed)


def r_table(package: str, name: str) -> Any:
    """A table of one of R's packages, read as tsrnn reads its own data sets."""
    from tsrnn.datasets import _r_table

    return _r_table(package, name)


def default_forecast(series: Any, horizon: int, **settings: Any) -> Any:
    """The forecast of RNNForecaster with all its defaults, but perhaps some."""
    from tsrnn import RNNForecaster

    return RNNForecaster(horizon=horizon, **settings).fit(series).predict()


def forecast_from(fitted: Any, values: Any, origins: Sequence[int]) -> list[Any]:
    """The forecast from each origin (the position of its first target), reading all before it."""
    return [fitted.predict(history=values[:origin]) for origin in origins]


def seasonal_naive(values: Any, origins: Sequence[int], horizon: int, season: int) -> list[Any]:
    """tsrnn's seasonal naive forecast from each origin, reading all before it."""
    from tsrnn.baselines import seasonal_naive

    return [seasonal_naive(values[:origin], horizon, season) for origin in origins]


def with_calendar(X: Any) -> Any:
    """Covariates, and the hour, weekday and month of their index as categories."""
    from tsrnn import CalendarFeatures

    features = ["hour", "weekday", "month"]
    return CalendarFeatures(features, encoding="category").fit_transform(X)


def read_panel(frame: Any) -> Any:
    """A long frame as the flat arrays that the network is trained on."""
    from tsrnn.frames import Roles, read_training

    return read_training(frame, None, Roles())


def wrap_forecasts(panel: Any, values: Any, series: Any, steps: Any) -> Any:
    """Forecasts of a panel as a long frame."""
    return panel.wrap(values, series, steps)


def mae(truth: Any, forecast: Any) -> float:
    """Mean absolute error."""
    from tsrnn.metrics import mae

    return mae(truth, forecast)


def mape(truth: Any, forecast: Any) -> float:
    """Mean absolute percentage error, in percent."""
    from tsrnn.metrics import mape

    return mape(truth, forecast)


def mase(truth: Any, forecast: Any, past: Any, season: int) -> float:
    """Mean absolute scaled error."""
    from tsrnn.metrics import mase

    return mase(truth, forecast, past, season)


def airline() -> Any:
    """The bundled monthly airline passengers, 1949 to 1960, as a pandas Series."""
    from tsrnn.datasets import load_air_passengers

    return load_air_passengers()
