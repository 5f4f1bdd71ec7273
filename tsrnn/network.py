"""The network: its architecture, its named parameters, and forecasts with them."""

import numpy as np

from tsrnn.kernels import Architecture, WindowSet, make_engine
from tsrnn.scaling import location_and_scale


class Network:
    """A recurrent network with a linear head that forecasts some steps of a series at once.

    Parameters
    ----------
    architecture : Architecture
    lookback, normalize
        As in ``RNNForecaster``.
    dtype : {"float32", "float64"}
    device : {"cpu", "cuda", "auto"}

    Attributes
    ----------
    parameters : dict of str to ndarray
        Views of one flat vector, in PyTorch's names, layout and gate order.
    """

    def __init__(
        self,
        architecture: Architecture,
        lookback: int,
        normalize: str | None,
        dtype: str,
        device: str,
    ):
        self.architecture = architecture
        self.lookback = lookback
        self.normalize = normalize
        self.dtype = dtype
        self.device = device
        self.engine = make_engine(architecture, dtype, device)
        self.parameters = _views(self.engine.parameters, architecture.parameter_shapes())

    def __reduce__(self) -> tuple:
        """Pickled by its parameters: an engine is bound to the memory of its process."""
        arguments = (self.architecture, self.lookback, self.normalize, self.dtype, self.device)
        return _restore, (arguments, self.engine.parameters.copy())

    def initialize(self, random: np.random.Generator) -> None:
        """Glorot input weights, orthogonal recurrent weights, no biases, but 1 for forgetting.

        Glorot & Bengio (2010); Saxe et al. (2014); Jozefowicz et al. (2015).
        """
        hidden = self.architecture.hidden_size
        for name, values in self.parameters.items():
            if values.ndim == 1:
                values[:] = 0
                if self.architecture.cell == "lstm" and name.startswith("bias_ih"):
                    values[hidden : 2 * hidden] = 1
            elif name == "head.weight":
                values[:] = _glorot(random, values.shape)
            else:
                make = _orthogonal if name.startswith("weight_hh") else _glorot
                shape = (hidden, values.shape[1])
                for gate in range(0, len(values), hidden):
                    values[gate : gate + hidden] = make(random, shape)

    def windows(self, series: np.ndarray, starts: np.ndarray) -> WindowSet:
        """The windows of a series that begin at ``starts``, with their normalisation."""
        location, scale = location_and_scale(series, starts, self.lookback, self.normalize)
        return WindowSet(series, starts, location, scale, self.lookback)

    def forecast(self, history: np.ndarray, steps: int) -> np.ndarray:
        """Forecast ``steps`` steps, in blocks as long as the network's, each fed with the last.

        Parameters
        ----------
        history : ndarray, shape (rows, channels)
            At least ``lookback`` rows, of the network's dtype.
        steps : int

        Returns
        -------
        ndarray, shape (steps, channels)
        """
        channels = history.shape[1]
        block = self.architecture.outputs // channels
        blocks = -(-steps // block)
        rolled = np.empty((self.lookback + blocks * block, channels), history.dtype)
        rolled[: self.lookback] = history[-self.lookback :]
        for first in range(0, blocks * block, block):
            start = np.array([first])
            location, scale = location_and_scale(rolled, start, self.lookback, self.normalize)
            windows = WindowSet(rolled, start, location, scale, self.lookback)
            ahead = self.engine.predict(windows.batch()).reshape(block, channels)
            end = first + self.lookback
            rolled[end : end + block] = ahead * scale + location
        return rolled[self.lookback : self.lookback + steps]


def _restore(arguments: tuple, parameters: np.ndarray) -> Network:
    network = Network(*arguments)
    network.engine.parameters[:] = parameters
    return network


def _views(flat: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    views, start = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        views[name] = flat[start : start + size].reshape(shape)
        start += size
    return views


def _glorot(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    limit = np.sqrt(6 / sum(shape))
    return random.uniform(-limit, limit, shape)


def _orthogonal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    q, r = np.linalg.qr(random.standard_normal(shape))
    return q * np.sign(np.diagonal(r))
