"""The whole network in plain NumPy: slow, readable, and the judge of the fast kernels.

Arrays are time-major: ``(T, N, .)`` for T steps and N windows. A gradient carries a ``d``.
"""

import numpy as np

from tsrnn.kernels.architecture import Architecture, parameter_suffix
from tsrnn.kernels.cells import Cell
from tsrnn.kernels.dropout import random_bits
from tsrnn.kernels.elementary import relu, slope_of_relu
from tsrnn.kernels.windows import Batch


class Reference:
    """One network, that forecasts once a window.

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
        """Normalised forecasts, shape (windows, numbers * horizon * targets)."""
        return self._forward(batch, 0.0, 0)[0].reshape(batch.count, -1)

    def loss_and_gradient(self, batch: Batch, loss, dropout: float = 0.0, seed: int = 0):
        """Mean loss, and its gradient by parameter."""
        predicted, tape = self._forward(batch, dropout, seed)
        targets = self.architecture.columns.targets
        truth = _targets(batch, self.architecture.horizon, targets)
        output, scale = tuple(np.moveaxis(predicted, 1, 0)), _scales(batch)
        weights = _weights(batch, self.architecture.horizon)
        value = loss.value(output, truth, scale) * weights
        slopes = np.stack(loss.slope(output, truth, scale), axis=1)
        return value.mean(), self._backward(batch, slopes * weights[:, None] / truth.size, tape)

    def _forward(self, batch: Batch, dropout: float, seed: int):
        """Predictions (N, numbers, horizon, targets), and what the backward pass needs."""
        architecture, steps = self.architecture, batch.windows.steps
        assert batch.windows.origins == 1
        x = self._inputs(batch, np.arange(steps), 0)
        future = self._inputs(batch, steps - 1 + np.arange(architecture.horizon), 1)
        segments, mask = None, 1.0
        if architecture.segment:
            segments = (
                Segments(self, x, "segment.weight", "segment.bias", rectified=True),
                Segments(self, future, "known.weight", "position.weight", rectified=False),
            )
            x, future = (part.outputs for part in segments)
        encoder = Stack(self, "", x, architecture.directions, dropout, seed)
        decoder = None
        if architecture.decoder:
            place = architecture.directions * architecture.num_layers * len(x)
            decoder = Stack(
                *(self, "decoder.", future, 1, dropout, seed),
                first=encoder.last_states(),
                first_place=place,
                parallel=architecture.segment > 0,
            )
            if architecture.segment and dropout > 0:
                place += architecture.num_layers * architecture.positions
                mask = _dropout_mask(decoder.outputs, place, dropout, seed)
            features = (decoder.outputs * mask).transpose(1, 0, 2)  # (N, positions, H)
        else:
            features = np.concatenate(encoder.last_hidden(), axis=1)  # (N, D H)
        predicted = features @ self.parameters["head.weight"].T + self.parameters["head.bias"]
        # (N, positions, numbers * outputs) so far, or without positions
        predicted = predicted.reshape(batch.count, -1, architecture.numbers, architecture.outputs)
        predicted = predicted.transpose(0, 2, 1, 3)
        shape = batch.count, architecture.numbers, architecture.horizon, -1
        predicted = predicted.reshape(shape)
        if "head.known_weight" in self.parameters:
            predicted = predicted + np.einsum("knf,pkcf->npkc", future, self._known_weight())
        if architecture.skip:
            predicted[:, 0] += self._skip(batch)
        return predicted, (encoder, decoder, features, mask, future, segments)

    def _skip(self, batch: Batch) -> np.ndarray:
        """What the skip path makes of the last rows, (N, horizon, targets)."""
        skip, targets = self.architecture.skip, self.architecture.columns.targets
        rows = _rows(batch, batch.windows.steps - skip + np.arange(skip))
        lags = _normalised(batch, rows[:, :, :targets])
        weight = self.parameters["skip.weight"].reshape(-1, targets, skip)
        bias = self.parameters["skip.bias"].reshape(-1, targets)
        return np.einsum("tnc,kct->nkc", lags, weight) + bias

    def _known_weight(self) -> np.ndarray:
        """(numbers, horizon, targets, future inputs)."""
        weight, architecture = self.parameters["head.known_weight"], self.architecture
        shape = architecture.numbers, architecture.horizon, -1, weight.shape[1]
        return weight.reshape(shape)

    def _backward(self, batch: Batch, dpredicted: np.ndarray, tape) -> dict[str, np.ndarray]:
        encoder, decoder, features, mask, future, segments = tape
        steps = batch.windows.steps
        shape = *dpredicted.shape[:2], -1, self.architecture.outputs
        by_position = dpredicted.reshape(shape).transpose(0, 2, 1, 3)
        flat = by_position.reshape(-1, self.architecture.head_rows)
        gradient = {
            "head.weight": flat.T @ features.reshape(len(flat), -1),
            "head.bias": flat.sum(axis=0),
        }
        dfeatures = (flat @ self.parameters["head.weight"]).reshape(features.shape)
        dfuture = np.zeros_like(future)
        if "head.known_weight" in self.parameters:
            dknown = np.einsum("npkc,knf->pkcf", dpredicted, future)
            gradient["head.known_weight"] = dknown.reshape(-1, dknown.shape[3])
            dfuture = np.einsum("npkc,pkcf->knf", dpredicted, self._known_weight())
        if decoder is not None:
            doutputs = dfeatures.transpose(1, 0, 2) * mask
            dfuture, dstates = decoder.backward(gradient, doutputs=doutputs)
            dx, _ = encoder.backward(gradient, dlast_states=dstates)
        else:
            dx, _ = encoder.backward(gradient, dlast_hidden=dfeatures)
        if segments is not None:
            dx, dfuture = (
                part.backward(gradient, derivatives)
                for part, derivatives in zip(segments, (dx, dfuture), strict=True)
            )
        gradient |= {
            f"embedding.{i}": np.zeros_like(self.parameters[f"embedding.{i}"])
            for i in range(len(self.architecture.columns.categories))
        }
        if self.architecture.skip:  # which is not trained
            names = ("skip.weight", "skip.bias")
            gradient |= {name: np.zeros_like(self.parameters[name]) for name in names}
        self._unread(batch, np.arange(steps), 0, dx, gradient)
        self._unread(batch, steps - 1 + np.arange(len(dfuture)), 1, dfuture, gradient)
        return gradient

    def _inputs(self, batch: Batch, rows: np.ndarray, future: int) -> np.ndarray:
        """What is read of these rows of each window, or what is known of the next: (T, N, I)."""
        columns, values = self.architecture.columns, _rows(batch, rows)
        parts = [values[:, :, columns.targets + columns.past : columns.numbers]]
        if not future:
            past = values[:, :, columns.targets : columns.targets + columns.past]
            parts = [_normalised(batch, values[:, :, : columns.targets]), past, *parts]
        for lag in self.architecture.lags:
            earlier = _rows(batch, rows + 1 - lag)
            parts.append(_normalised(batch, earlier[:, :, : columns.targets]))
        for i, codes in self._codes(values, future):
            table = self.parameters[f"embedding.{i}"]
            parts.append(np.where(codes[:, :, None] < 0, 0, table[np.maximum(codes, 0)]))
        return np.concatenate(parts, axis=2).astype(batch.windows.series.dtype)

    def _codes(self, values: np.ndarray, future: int):
        """Number and values (T, N) of each column of categories."""
        columns = self.architecture.columns
        for i in range(len(columns.past_categories) * future, len(columns.categories)):
            yield i, values[:, :, columns.numbers + i].astype(int)

    def _unread(self, batch, rows, future, dx, gradient) -> None:
        """The derivatives of what was read, to those of the tables."""
        first = dx.shape[2]
        for i, codes in reversed(list(self._codes(_rows(batch, rows), future))):
            table = gradient[f"embedding.{i}"]
            first -= table.shape[1]
            there = codes >= 0
            np.add.at(table, codes[there], dx[:, :, first : first + table.shape[1]][there])


class Segments:
    """Rows x (T, N, I), embedded segment by segment; runs forward when it is made.

    Parameters
    ----------
    network : Reference
    x : ndarray, shape (T, N, I)
    weight, own : str
        Parameters: of the rows of a segment, if they hold anything; and what is added to each
        segment, (H,), or to one after another, (segments, H).
    rectified : bool
    """

    def __init__(self, network, x: np.ndarray, weight: str, own: str, rectified: bool):
        self.names, self.rectified, rows = (weight, own), rectified, network.architecture.segment
        steps, count, inputs = x.shape
        x = x.reshape(steps // rows, rows, count, inputs).transpose(0, 2, 1, 3)
        self.shape, self.x = x.shape, x.reshape(steps // rows, count, rows * inputs)
        hidden = network.architecture.hidden_size
        self.weight = network.parameters.get(weight, np.zeros((hidden, 0), x.dtype))
        self.own = network.parameters[own]
        outputs = self.x @ self.weight.T + (self.own if self.own.ndim == 1 else self.own[:, None])
        self.outputs = relu(outputs) if rectified else outputs  # (segments, N, H)

    def backward(self, gradient, doutputs: np.ndarray) -> np.ndarray:
        """Adds its part to ``gradient``; returns the derivatives of x."""
        if self.rectified:
            doutputs = doutputs * slope_of_relu(self.outputs)
        weight, own = self.names
        gradient[own] = doutputs.sum(axis=(0, 1) if self.own.ndim == 1 else 1)
        if self.weight.size:
            gradient[weight] = np.einsum("snh,sni->hi", doutputs, self.x)
        dx = (doutputs @ self.weight).reshape(self.shape).transpose(0, 2, 1, 3)
        return dx.reshape(dx.shape[0] * dx.shape[1], *dx.shape[2:])


class Stack:
    """Recurrent layers along x (T, N, I); runs forward when it is made.

    Parameters
    ----------
    network : Reference
    prefix : str
        Of the names of its parameters.
    x : ndarray, shape (T, N, I)
    directions : int
    dropout, seed
        As in training.
    first : list of tuple of ndarray, default=None
        The states to begin with, by layer; None for zeros.
    first_place : int, default=0
        Dropout's number for the first layer and step.
    parallel : bool, default=False
        Whether each step begins with ``first``, instead of the states after the one before.
    """

    def __init__(
        self,
        network,
        prefix,
        x,
        directions,
        dropout,
        seed,
        first=None,
        first_place=0,
        parallel=False,
    ):
        self.prefix, self.hidden = prefix, network.architecture.hidden_size
        cell, self.layers = network.architecture.equations, []
        self.residual, below = network.architecture.residual, 0
        for layer in range(network.architecture.num_layers):
            mask = np.ones_like(x)
            if layer > 0 and dropout > 0:
                mask = _dropout_mask(x, first_place + layer * len(x), dropout, seed)
            x = x * mask + below
            runs = []
            for direction in range(directions):
                suffix = parameter_suffix(layer, direction)
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                weights = {name: network.parameters[prefix + name + suffix] for name in names}
                states = None if first is None else first[layer]
                runs.append(Run(cell, weights, x, direction, states, parallel))
            self.layers.append((mask, runs))
            below = x if self.residual and layer > 0 else 0
            x = np.concatenate([run.outputs() for run in runs], axis=2)
        self.outputs = x + below

    def last_hidden(self) -> list[np.ndarray]:
        """What each direction of the top layer hands up after its last step."""
        forward, *reverse = np.split(self.outputs, len(self.layers[-1][1]), axis=2)
        return [forward[-1], *(part[0] for part in reverse)]

    def last_states(self) -> list[tuple[np.ndarray, ...]]:
        """Of every layer, summed over directions."""
        return [
            tuple(sum(states) for states in zip(*(run.after[-1] for run in runs), strict=True))
            for _, runs in self.layers
        ]

    def backward(self, gradient, doutputs=None, dlast_hidden=None, dlast_states=None):
        """Adds its part to ``gradient``; returns the derivatives of x and of the first states."""
        dfirst = []
        if dlast_hidden is not None:
            doutputs = self._doutputs(dlast_hidden)
        dx = doutputs
        for layer in reversed(range(len(self.layers))):
            mask, runs = self.layers[layer]
            # What is handed up beside the outputs.
            dx = dx if self.residual and layer > 0 and dx is not None else np.zeros_like(mask)
            dstates = []
            for direction, run in enumerate(runs):
                part = slice(direction * self.hidden, (direction + 1) * self.hidden)
                dlast = [np.zeros_like(state) for state in run.after[0]]
                if dlast_states is not None:
                    dlast = dlast_states[layer]
                own = None if doutputs is None else doutputs[:, :, part]
                dx_run, dstate, weights = run.backward(tuple(dlast), own)
                dx, dstates = dx + dx_run, [*dstates, dstate]
                suffix = parameter_suffix(layer, direction)
                named = {self.prefix + name + suffix: values for name, values in weights.items()}
                gradient |= named
            dfirst.insert(0, dstates[0])
            doutputs = dx * mask
        return doutputs, dfirst

    def _doutputs(self, dlast_hidden: np.ndarray) -> np.ndarray:
        """Derivatives of all outputs from those of ``last_hidden``."""
        doutputs = np.zeros_like(self.outputs)
        doutputs[-1, :, : self.hidden] = dlast_hidden[:, : self.hidden]
        doutputs[0, :, self.hidden :] = dlast_hidden[:, self.hidden :]
        return doutputs


class Run:
    """One layer in one direction along a window; runs forward when it is made.

    Parameters
    ----------
    cell : Cell
    weights : dict of str to ndarray
    x : ndarray, shape (T, N, I)
    direction : int
        1 runs from the window's end to its beginning.
    first : tuple of ndarray, default=None
        The state to begin with; None for zeros.
    parallel : bool, default=False
        Whether each step begins with it.
    """

    def __init__(
        self, cell: Cell, weights, x: np.ndarray, direction: int, first=None, parallel=False
    ):
        self.cell, self.weights, self.direction = cell, weights, direction
        self.parallel = parallel
        self.x = x[::-1] if direction else x
        steps, count, _ = x.shape
        self.hidden = weights["weight_hh"].shape[1]
        state = first or (np.zeros((count, self.hidden), x.dtype),) * cell.states
        self.before, self.after, self.saved = [], [], []
        for s in range(steps):
            self.before.append(self.after[-1] if self.after and not parallel else state)
            saved, after = cell.forward(self._preactivations(s), self.before[s])
            self.saved.append(saved)
            self.after.append(after)

    def _preactivations(self, s: int) -> tuple[np.ndarray, ...]:
        """Blocks of input and recurrent products; see ``cells`` for which gate goes where."""
        w, h = self.weights, self.before[s][0]
        from_x = np.split(self.x[s] @ w["weight_ih"].T + w["bias_ih"], self.cell.gates, axis=1)
        from_h = np.split(h @ w["weight_hh"].T + w["bias_hh"], self.cell.gates, axis=1)
        blocks = [np.zeros_like(h) for _ in range(self.cell.blocks)]
        for gate in range(self.cell.gates):
            blocks[self.cell.input_blocks[gate]] += from_x[gate]
            blocks[self.cell.hidden_blocks[gate]] += from_h[gate]
        return tuple(blocks)

    def outputs(self) -> np.ndarray:
        """Hidden states in the order of time, shape (T, N, H)."""
        h = np.stack([state[0] for state in self.after])
        return h[::-1] if self.direction else h

    def backward(self, dstate: tuple[np.ndarray, ...], doutputs: np.ndarray | None):
        """To the derivatives of x, first state and weights from those of last state and outputs."""
        w, steps = self.weights, len(self.saved)
        dx = np.zeros_like(self.x)
        gradient = {name: np.zeros_like(values) for name, values in w.items()}
        dfirst = nothing = tuple(np.zeros_like(d) for d in dstate)
        for s in reversed(range(steps)):
            if doutputs is not None:
                t = steps - 1 - s if self.direction else s
                dstate = (dstate[0] + doutputs[t], *dstate[1:])
            dz, dstate = self.cell.backward(self.saved[s], self.before[s], self.after[s], dstate)
            dx_gates = np.concatenate([dz[block] for block in self.cell.input_blocks], axis=1)
            dh_gates = np.concatenate([dz[block] for block in self.cell.hidden_blocks], axis=1)
            gradient["weight_ih"] += dx_gates.T @ self.x[s]
            gradient["bias_ih"] += dx_gates.sum(axis=0)
            gradient["weight_hh"] += dh_gates.T @ self.before[s][0]
            gradient["bias_hh"] += dh_gates.sum(axis=0)
            dx[s] = dx_gates @ w["weight_ih"]
            dstate = (dstate[0] + dh_gates @ w["weight_hh"], *dstate[1:])
            if self.parallel:
                dfirst = tuple(d + more for d, more in zip(dfirst, dstate, strict=True))
                dstate = nothing
        dfirst = dfirst if self.parallel else dstate
        return (dx[::-1] if self.direction else dx), dfirst, gradient


def _rows(batch: Batch, steps: np.ndarray) -> np.ndarray:
    """These rows of each window, copied: (T, N, columns)."""
    starts = batch.windows.starts[batch.first : batch.first + batch.count]
    return batch.windows.series[starts + steps[:, None]]


def _normalised(batch: Batch, targets: np.ndarray) -> np.ndarray:
    """Targets (T, N, C) freed from the level and scale of their windows."""
    windows, part = batch.windows, slice(batch.first, batch.first + batch.count)
    return (targets - windows.location[part]) * windows.inverse_scale[part]


def _targets(batch: Batch, horizon: int, targets: int) -> np.ndarray:
    """What follows the windows, normalised like them: (N, horizon, C)."""
    rows = _rows(batch, batch.windows.steps + np.arange(horizon))
    return _normalised(batch, rows[:, :, :targets]).transpose(1, 0, 2)


def _scales(batch: Batch) -> np.ndarray:
    """What the targets of each window were divided by: (N, 1, C)."""
    windows, part = batch.windows, slice(batch.first, batch.first + batch.count)
    return 1 / windows.inverse_scale[part, None]


def _weights(batch: Batch, horizon: int) -> np.ndarray:
    """How much each step of a forecast counts: (N, horizon, 1)."""
    windows = batch.windows
    starts = windows.starts[batch.first : batch.first + batch.count, None]
    if windows.weights is None:
        return np.ones((batch.count, horizon, 1), windows.series.dtype)
    return windows.weights[starts + windows.steps + np.arange(horizon)][:, :, None]


def _dropout_mask(x: np.ndarray, place: int, dropout: float, seed: int) -> np.ndarray:
    """0 or 1 / (1 - dropout) for each input of a layer; elements counted (place, N, unit)."""
    _, count, units = x.shape
    first = place * count * units
    element = np.arange(first, first + x.size, dtype=np.uint64).reshape(x.shape)
    kept = random_bits(np.uint64(seed), element) >= np.uint64(int(dropout * 2.0**63))
    return (kept / (1 - dropout)).astype(x.dtype)
