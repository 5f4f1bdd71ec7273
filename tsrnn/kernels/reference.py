"""The whole network in plain NumPy: slow, readable, and the judge of the fast kernels.

Arrays are time-major: ``(T, N, .)`` for T steps and N windows. A gradient carries a ``d``.
"""

import numpy as np

from tsrnn.kernels.architecture import Architecture, parameter_suffix
from tsrnn.kernels.cells import Cell
from tsrnn.kernels.dropout import random_bits
from tsrnn.kernels.windows import Batch


class Reference:
    """One network, with the interface of an engine.

    Parameters
    ----------
    architecture : Architecture
    parameters : dict of str to ndarray
        By name, as in ``architecture.parameter_shapes()``.
    """

    def __init__(self, architecture: Architecture, parameters: dict[str, np.ndarray]):
        self.architecture = architecture
        self.parameters = parameters

    def predict(self, batch: Batch) -> np.ndarray:
        """Normalised forecasts, shape (windows, outputs)."""
        return self._forward(_inputs(batch), 0.0, 0)[0]

    def loss_and_gradient(self, batch: Batch, loss, dropout: float = 0.0, seed: int = 0):
        """Mean loss, and its gradient by parameter."""
        predicted, tape = self._forward(_inputs(batch), dropout, seed)
        error = predicted - _targets(batch, predicted.shape[1])
        gradient = self._backward(loss.slope(error) / error.size, tape)
        return loss.value(error).mean(), gradient

    def _forward(self, x: np.ndarray, dropout: float, seed: int):
        """x (T, N, I) to predictions (N, outputs), and what the backward pass needs."""
        architecture, layers = self.architecture, []
        for layer in range(architecture.num_layers):
            mask = np.ones_like(x)
            if layer > 0 and dropout > 0:
                mask = _dropout_mask(x, layer, dropout, seed)
            x = x * mask
            runs = []
            for direction in range(architecture.directions):
                run = Run(architecture.equations, self._weights(layer, direction), x, direction)
                runs.append(run)
            layers.append((mask, runs))
            x = np.concatenate([run.outputs() for run in runs], axis=2)
        features = np.concatenate([run.last_hidden() for run in layers[-1][1]], axis=1)
        predicted = features @ self.parameters["head.weight"].T + self.parameters["head.bias"]
        return predicted, (layers, features)

    def _backward(self, dpredicted: np.ndarray, tape) -> dict[str, np.ndarray]:
        layers, features = tape
        hidden = self.architecture.hidden_size
        gradient = {
            "head.weight": dpredicted.T @ features,
            "head.bias": dpredicted.sum(axis=0),
        }
        dfeatures = dpredicted @ self.parameters["head.weight"]
        doutputs = None
        for layer in reversed(range(self.architecture.num_layers)):
            mask, runs = layers[layer]
            dx = np.zeros_like(mask)
            for direction, run in enumerate(runs):
                part = slice(direction * hidden, (direction + 1) * hidden)
                dlast = dfeatures[:, part] if doutputs is None else None
                own = None if doutputs is None else doutputs[:, :, part]
                dx_run, weights = run.backward(dlast, own)
                dx += dx_run
                suffix = parameter_suffix(layer, direction)
                gradient |= {name + suffix: values for name, values in weights.items()}
            doutputs = dx * mask
        return gradient

    def _weights(self, layer: int, direction: int) -> dict[str, np.ndarray]:
        suffix = parameter_suffix(layer, direction)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return {name: self.parameters[name + suffix] for name in names}


class Run:
    """One layer in one direction along a window; runs forward when it is made.

    Parameters
    ----------
    cell : Cell
    weights : dict of str to ndarray
    x : ndarray, shape (T, N, I)
    direction : int
        1 runs from the window's end to its beginning.
    """

    def __init__(self, cell: Cell, weights: dict[str, np.ndarray], x: np.ndarray, direction: int):
        self.cell, self.weights, self.direction = cell, weights, direction
        self.x = x[::-1] if direction else x
        steps, count, _ = x.shape
        self.hidden = weights["weight_hh"].shape[1]
        state = (np.zeros((count, self.hidden), x.dtype),) * cell.states
        self.states, self.saved = [state], []
        for s in range(steps):
            saved, state = cell.forward(self._preactivations(s), state)
            self.saved.append(saved)
            self.states.append(state)

    def _preactivations(self, s: int) -> tuple[np.ndarray, ...]:
        """Blocks of input and recurrent products; see ``cells`` for which gate goes where."""
        w, h = self.weights, self.states[s][0]
        from_x = np.split(self.x[s] @ w["weight_ih"].T + w["bias_ih"], self.cell.gates, axis=1)
        from_h = np.split(h @ w["weight_hh"].T + w["bias_hh"], self.cell.gates, axis=1)
        blocks = [np.zeros_like(h) for _ in range(self.cell.blocks)]
        for gate in range(self.cell.gates):
            blocks[self.cell.input_blocks[gate]] += from_x[gate]
            blocks[self.cell.hidden_blocks[gate]] += from_h[gate]
        return tuple(blocks)

    def outputs(self) -> np.ndarray:
        """Hidden states in the order of time, shape (T, N, H)."""
        h = np.stack([state[0] for state in self.states[1:]])
        return h[::-1] if self.direction else h

    def last_hidden(self) -> np.ndarray:
        return self.states[-1][0]

    def backward(self, dlast: np.ndarray | None, doutputs: np.ndarray | None):
        """From the derivatives of the last hidden state, or of all, to those of x and weights."""
        w, steps = self.weights, len(self.saved)
        dx = np.zeros_like(self.x)
        gradient = {name: np.zeros_like(values) for name, values in w.items()}
        dstate = tuple(np.zeros_like(state) for state in self.states[0])
        if dlast is not None:
            dstate = (dlast, *dstate[1:])
        for s in reversed(range(steps)):
            if doutputs is not None:
                t = steps - 1 - s if self.direction else s
                dstate = (dstate[0] + doutputs[t], *dstate[1:])
            dz, dstate = self.cell.backward(
                self.saved[s], self.states[s], self.states[s + 1], dstate
            )
            dx_gates = np.concatenate([dz[block] for block in self.cell.input_blocks], axis=1)
            dh_gates = np.concatenate([dz[block] for block in self.cell.hidden_blocks], axis=1)
            gradient["weight_ih"] += dx_gates.T @ self.x[s]
            gradient["bias_ih"] += dx_gates.sum(axis=0)
            gradient["weight_hh"] += dh_gates.T @ self.states[s][0]
            gradient["bias_hh"] += dh_gates.sum(axis=0)
            dx[s] = dx_gates @ w["weight_ih"]
            dstate = (dstate[0] + dh_gates @ w["weight_hh"], *dstate[1:])
        return (dx[::-1] if self.direction else dx), gradient


def _inputs(batch: Batch) -> np.ndarray:
    """The normalised windows, copied: (T, N, channels)."""
    return _normalised(batch, np.arange(batch.windows.steps)).transpose(1, 0, 2)


def _targets(batch: Batch, outputs: int) -> np.ndarray:
    """What follows them, normalised alike: (N, outputs), step-major, channels within."""
    windows = batch.windows
    steps = windows.steps + np.arange(outputs // windows.channels)
    return _normalised(batch, steps).reshape(batch.count, outputs)


def _normalised(batch: Batch, steps: np.ndarray) -> np.ndarray:
    windows, part = batch.windows, slice(batch.first, batch.first + batch.count)
    values = windows.series[windows.starts[part, None] + steps]
    return (values - windows.location[part, None]) * windows.inverse_scale[part, None]


def _dropout_mask(x: np.ndarray, layer: int, dropout: float, seed: int) -> np.ndarray:
    """0 or 1 / (1 - dropout) for each input of a layer; elements counted (layer, T, N, unit)."""
    steps, count, units = x.shape
    first = layer * steps * count * units
    element = np.arange(first, first + x.size, dtype=np.uint64).reshape(x.shape)
    kept = random_bits(np.uint64(seed), element) >= np.uint64(int(dropout * 2.0**63))
    return (kept / (1 - dropout)).astype(x.dtype)
