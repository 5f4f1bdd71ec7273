"""The network: its architecture, its named parameters, and forecasts with them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tsrnn.blas import blas_on_one_thread
from tsrnn.kernels import Architecture, WindowSet, at_hand, make_engine
from tsrnn.scaling import location_and_scale


class Network:
    """A recurrent network with a linear head that forecasts some steps of a series at once.

    Parameters
    ----------
    architecture : Architecture
    lookback, normalize
        As in ``RNNForecaster``.
    dtype : {"float32", "float64"}
    device : {"cpu", "cuda"}
    precision : {"ieee", "tf32"}
        Of matrix products on a GPU.
    n_members : int, default=1
        Networks of this architecture, whose median forecast counts.
    n_series : int, default=None
        Series that have networks of their own. None: all have the same.

    Attributes
    ----------
    parameters : dict of str to ndarray
        Views of the engine's, in PyTorch's names, layout and gate order; with an axis for series
        that have their own, and one for several members.
    """

    def __init__(
        self,
        architecture: Architecture,
        lookback: int,
        normalize: str | None,
        dtype: str,
        device: str,
        precision: str = "ieee",
        n_members: int = 1,
        n_series: int | None = None,
    ):
        self.architecture = architecture
        self.lookback = lookback
        self.normalize = normalize
        self.dtype = dtype
        self.device = device
        self.precision = precision
        self.n_members, self.n_series = n_members, n_series
        count = n_members * (n_series or 1)
        self.engine = make_engine(architecture, dtype, device, count, precision)
        axes = [] if n_series is None else [n_series]
        axes += [] if n_members == 1 else [n_members]
        self._by_network = _views(self.engine.parameters, architecture.parameter_shapes())
        self.parameters = {
            name: values.reshape(*axes, *values.shape[1:])
            for name, values in self._by_network.items()
        }

    @property
    def rows_read(self) -> int:
        """Rows that a forecast needs: the lookback, and those in front of it for seasonal lags."""
        return self.lookback + self.architecture.lead

    def __reduce__(self) -> tuple:
        """Pickled by its parameters: an engine is bound to the memory of its process."""
        settings = self.lookback, self.normalize, self.dtype, self.device, self.precision
        arguments = (self.architecture, *settings, self.n_members, self.n_series)
        return _restore, (arguments, self.engine.parameters.copy())

    def copy(self, device: str | None = None, precision: str | None = None) -> "Network":
        """The same network with memory of its own, perhaps on another device."""
        settings = self.lookback, self.normalize, self.dtype
        machine = device or self.device, precision or self.precision
        copy = Network(self.architecture, *settings, *machine, self.n_members, self.n_series)
        copy.engine.parameters[:] = self.engine.parameters
        return copy

    def copy_parameters(self) -> dict[str, np.ndarray]:
        """The named parameters, in memory of their own."""
        return {name: values.copy() for name, values in self.parameters.items()}

    def load_parameters(self, values: Mapping[str, ArrayLike]) -> None:
        """Take over some or all of the named parameters."""
        arrays = {}
        for name, numbers in values.items():
            if name not in self.parameters:
                raise ValueError(f"There is no parameter {name!r}; there are {[*self.parameters]}.")
            try:
                array = arrays[name] = np.asarray(numbers, self.dtype)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name} is no array of numbers: {error}.") from error
            if array.shape != self.parameters[name].shape:
                cell, size = self.architecture.cell.partition("_")[0], self.architecture.hidden_size
                of = f", with cell={cell!r} and hidden_size={size}" * ("_ih_" in name)
                raise ValueError(
                    f"{name} has shape {array.shape}; the network's has "
                    f"{self.parameters[name].shape}{of}."
                )
            if not np.isfinite(array).all():
                raise ValueError(f"{name} has values that are NaN or infinite.")
        for name, array in arrays.items():
            self.parameters[name][:] = array

    def take_over(self, other: "Network") -> None:
        """The weights of another network of the same architecture."""
        self.engine.parameters[:] = other.engine.parameters

    def initialize(self, random: list[np.random.Generator]) -> None:
        """Glorot input weights, orthogonal recurrent weights, no biases, but 1 for forgetting.

        Glorot & Bengio (2010); Saxe et al. (2014); Jozefowicz et al. (2015). Vectors of categories
        and positions have about the length 1. Each network has a generator of its own. A skip path
        is 0.
        """
        with blas_on_one_thread():
            for name, networks in self._by_network.items():
                for values, each in zip(networks, random, strict=True):
                    self._initialize(name, values, each)

    def start_at(self, linear_models: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Forecast what the skip path does with these parameters: the head begins with zeros.

        There are weights and biases for each series that has networks of its own, or for all.
        """
        weights, biases = (self._by_network[f"skip.{name}"] for name in ("weight", "bias"))
        for number in range(len(weights)):
            weights[number], biases[number] = linear_models[self.series_of(number)]
        for name, values in self.parameters.items():
            if name.startswith("head"):
                values[:] = 0

    def parameters_of(self, number: int) -> dict[str, np.ndarray]:
        """The named parameters of one of the engine's networks."""
        return {name: values[number] for name, values in self._by_network.items()}

    def _initialize(self, name: str, values: np.ndarray, random: np.random.Generator) -> None:
        hidden = self.architecture.hidden_size
        if values.ndim == 1 or name.startswith("skip"):
            values[:] = 0
            if self.architecture.cell == "lstm" and "bias_ih" in name:
                values[hidden : 2 * hidden] = 1
        elif name.startswith(("embedding", "position")):
            values[:] = random.standard_normal(values.shape) / np.sqrt(values.shape[1])
        elif name.startswith("head"):
            values[:] = _glorot(random, values.shape)
        else:
            make = _orthogonal if "weight_hh" in name else _glorot
            shape = (hidden, values.shape[1])
            for gate in range(0, len(values), hidden):
                values[gate : gate + hidden] = make(random, shape)

    def windows(
        self,
        series: np.ndarray,
        starts: np.ndarray,
        weights: np.ndarray | None = None,
        origins: int = 1,
        burn_in: int | None = None,
    ) -> WindowSet:
        """The windows that begin at ``starts``, with their normalisation; see ``WindowSet``.

        With several origins, the first of which is at the end of a lookback, what is known there is
        what the whole window is normalised by; only the last ``burn_in`` steps up to it are read.
        """
        targets = series[:, : self.architecture.columns.targets]
        location, scale = location_and_scale(targets, starts, self.lookback, self.normalize)
        burn_in = burn_in or self.lookback
        first, steps = starts + self.lookback - burn_in, burn_in + origins - 1
        return WindowSet(series, first, location, scale, steps, weights, origins)

    def forecast(
        self,
        history: np.ndarray,
        known: np.ndarray,
        steps: int,
        series: np.ndarray,
        loss: Any,
        draw: Callable[[tuple], np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Forecast ``steps`` steps of some paths, in blocks as long as the network's horizon.

        A block is fed with the forecast before; what is not forecast stays as it was last.

        Parameters
        ----------
        history : ndarray, shape (paths, rows_read, columns)
            The last rows, of the network's dtype; see ``Columns`` for what a row holds. Each series
            has as many paths, one after another.
        known : ndarray, shape (paths, steps, known columns)
            What is known of the steps to come, numbers and categories.
        steps : int
        series : ndarray of int, shape (series,)
            Which of the series that have networks of their own each one is.
        loss : Loss
            What the network was trained with.
        draw : callable, default=None
            Makes of the parameters of a block what is fed to the next one. None: the forecast.

        Returns
        -------
        parameters : ndarray, shape (numbers, paths, steps, targets)
            See ``Loss.parameters``.
        values : ndarray, shape (paths, steps, targets)
            What was fed.
        """
        draw = draw or loss.point
        columns, block = self.architecture.columns, self.architecture.horizon
        blocks, past = -(-steps // block), self.rows_read
        shape = (len(history), past + blocks * block, columns.width)
        rolled = np.empty(shape, history.dtype)
        rolled[:, :past] = history
        rolled[:, past:] = history[:, -1:]
        # A row holds what is known of the next one.
        rolled[:, past - 1 : past - 1 + steps, columns.known_places] = known
        rows = rolled.reshape(-1, columns.width)
        ahead = np.empty((loss.numbers, len(rolled), blocks * block, columns.targets), rows.dtype)
        for first in range(0, blocks * block, block):
            starts = np.arange(len(rolled)) * shape[1] + self.architecture.lead + first
            windows = self.windows(rows, starts)
            found = self._parameters(windows, series, loss)
            found = loss.moved(found, windows.location[:, None], windows.scale[:, None])
            end = first + past
            ahead[:, :, first : first + block] = found
            rolled[:, end : end + block, : columns.targets] = draw(found)
        values = rolled[:, past : past + steps, : columns.targets]
        return ahead[:, :, :steps], values

    def _parameters(self, windows: WindowSet, series: np.ndarray, loss: Any) -> tuple:
        """What the loss makes of the output, the median over members: (windows, steps, targets)."""
        members, n_series = range(self.n_members), len(series)
        if self.n_series is None:
            by_member = self.engine.predict(dict.fromkeys(members, windows.batch()))
        else:
            of_each = len(windows) // n_series
            batches = {
                number * self.n_members + member: windows.batch(i * of_each, of_each)
                for i, number in enumerate(series)
                for member in members
            }
            by_network = self.engine.predict(batches)
            by_member = by_network.reshape(n_series, self.n_members, of_each, -1).swapaxes(0, 1)
        architecture = self.architecture
        values = architecture.horizon, architecture.columns.targets
        output = by_member.reshape(self.n_members, len(windows), architecture.numbers, *values)
        parameters = loss.parameters(tuple(np.moveaxis(output, 2, 0)))
        return tuple(np.median(each, axis=0) for each in parameters)

    def series_of(self, number: int) -> int:
        """Which series one of the engine's networks belongs to; 0 if they are for all."""
        return number // self.n_members


def _restore(arguments: tuple, parameters: np.ndarray) -> Network:
    """On the device where it was, or on the CPU."""
    architecture, lookback, normalize, dtype, device, precision, *counts = arguments
    machine = at_hand(device, precision), precision
    network = Network(architecture, lookback, normalize, dtype, *machine, *counts)
    network.engine.parameters[:] = parameters
    return network


def _views(rows: np.ndarray, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Parameters by name, with an axis of networks in front."""
    views, start = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        views[name] = rows[:, start : start + size].reshape(len(rows), *shape)
        start += size
    return views


def _glorot(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    limit = np.sqrt(6 / sum(shape))
    return random.uniform(-limit, limit, shape)


def _orthogonal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    q, r = np.linalg.qr(random.standard_normal(shape))
    return q * np.sign(np.diagonal(r))
