"""The same recurrent network in PyTorch and in Keras on JAX, each in its own fastest forms.

Both get their native layout (time-major in PyTorch, batch-major in Keras). One layer, a linear head
of 12 outputs on the last hidden state, mean squared error, gradients clipped by global norm, Adam.
Where it depends on the shape which form is the fastest, all of them are measured, by name.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
LEARNING_RATE = 1e-3
EPSILON = 1e-8
CLIP_NORM = 1.0
UNROLL_LIMIT = 24
Call = Callable[[], object]
Variants = dict[str, Call]  # the first word of a name is the peer


@dataclass(frozen=True)
class Problem:
    """One network and one batch of fixed random data."""

    cell: str
    batch: int
    steps: int
    inputs: int
    hidden: int
    outputs: int = 12

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Batch, steps, inputs, hidden."""
        return self.batch, self.steps, self.inputs, self.hidden

    def forward_flops(self) -> int:
        """Operations of the input and recurrent products, forward; backward has twice as many."""
        gates = GATES[self.cell] * self.hidden
        return 2 * self.batch * self.steps * gates * (self.inputs + self.hidden)

    def data(self) -> tuple[Any, Any]:
        """x of shape (steps, batch, inputs) and y of shape (batch, outputs), float32."""
        import numpy as np

        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.steps, self.batch, self.inputs), dtype=np.float32)
        return x, rng.standard_normal((self.batch, self.outputs), dtype=np.float32)


# PyTorch -----------------------------------------------------------------------------------------


class TorchNetwork:
    """torch.nn.LSTM, GRU or RNN with a linear head."""

    def __init__(self, problem: Problem, device: str = "cpu") -> None:
        import torch

        torch.manual_seed(0)
        layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[problem.cell]
        self.recurrent = layer(problem.inputs, problem.hidden).to(device)
        self.head = torch.nn.Linear(problem.hidden, problem.outputs).to(device)
        self.parameters = [*self.recurrent.parameters(), *self.head.parameters()]
        self.x, self.y = (torch.from_numpy(each).to(device) for each in problem.data())

    def forward(self) -> Any:
        """The outputs, shape (batch, outputs)."""
        _, state = self.recurrent(self.x)
        hidden = state[0] if isinstance(state, tuple) else state
        return self.head(hidden[-1])

    def loss(self) -> Any:
        """The mean squared error of the batch."""
        import torch

        return torch.nn.functional.mse_loss(self.forward(), self.y)

    def backward(self) -> None:
        """Fresh gradients of the loss."""
        for parameter in self.parameters:
            parameter.grad = None
        self.loss().backward()


def torch_train_step(problem: Problem) -> Variants:
    """One step of eager PyTorch on the CPU."""
    return _with_and_without_onednn(problem, torch_step(problem))


def torch_step(problem: Problem, device: str = "cpu") -> Call:
    """The same on any device, with the fused Adam: the others take up to twice as long."""
    import torch

    network = TorchNetwork(problem, device)
    adam = torch.optim.Adam(network.parameters, lr=LEARNING_RATE, eps=EPSILON, fused=True)

    def step() -> None:
        network.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters, CLIP_NORM)
        adam.step()

    return step


def torch_inference(problem: Problem) -> Variants:
    """A forward pass of eager PyTorch in inference mode."""
    import torch

    network = TorchNetwork(problem)

    def forward() -> None:
        with torch.inference_mode():
            network.forward()

    return _with_and_without_onednn(problem, forward)


def _with_and_without_onednn(problem: Problem, call: Call) -> Variants:
    """PyTorch computes an LSTM by oneDNN, which is not at every shape faster than its own code."""
    if problem.cell != "lstm":
        return {"torch": call}
    import torch

    def plain() -> None:
        with torch.backends.mkldnn.flags(enabled=False):
            call()

    # Entering the flags warns, once, that there is no Intel GPU.
    warnings.filterwarnings("ignore", message="TF32 acceleration on top of oneDNN")
    return {"torch": call, "torch without oneDNN": plain}


# Keras on JAX ------------------------------------------------------------------------------------


def keras_model(problem: Problem, unroll: bool = False) -> Any:
    """keras.layers.LSTM, GRU or SimpleRNN with a Dense head, for a fixed batch."""
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import keras

    layers = keras.layers
    layer = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}[problem.cell]
    return keras.Sequential(
        [
            keras.Input((problem.steps, problem.inputs), batch_size=problem.batch),
            layer(problem.hidden, unroll=unroll),
            layers.Dense(problem.outputs),
        ]
    )


def keras_data(problem: Problem) -> tuple[Any, Any]:
    """x of shape (batch, steps, inputs) and y, on the device."""
    import jax

    x, y = problem.data()
    return jax.numpy.asarray(x.transpose(1, 0, 2).copy()), jax.numpy.asarray(y)


def keras_loss(model: Any) -> Callable[..., Any]:
    """The loss as a pure function of (trainable, non-trainable variables, x, y)."""

    def loss(trainable: Any, fixed: Any, x: Any, y: Any) -> Any:
        output, _ = model.stateless_call(trainable, fixed, x, training=True)
        return ((output - y) ** 2).mean()

    return loss


def keras_train_step(problem: Problem) -> Variants:
    """One jitted step with donated buffers; train_on_batch adds 0.5 to 3 ms of Python to it.

    The time loop stays a scan: unrolled, 24 steps compile for 20 s and then run slower.
    """
    model = keras_model(problem)
    import jax
    import keras

    adam = keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON, global_clipnorm=CLIP_NORM)
    adam.build(model.trainable_variables)
    gradient = jax.value_and_grad(keras_loss(model))
    x, y = keras_data(problem)

    def pure(trainable: Any, slots: Any, fixed: Any) -> Any:
        loss, gradients = gradient(trainable, fixed, x, y)
        trainable, slots = adam.stateless_apply(slots, gradients, trainable)
        return loss, trainable, slots

    compiled = jax.jit(pure, donate_argnums=(0, 1))
    fixed = [v.value for v in model.non_trainable_variables]
    trainable = [jax.numpy.array(v.value) for v in model.trainable_variables]
    slots = [jax.numpy.array(v.value) for v in adam.variables]

    def step() -> None:
        nonlocal trainable, slots
        loss, trainable, slots = compiled(trainable, slots, fixed)
        loss.block_until_ready()

    return {"keras": step}


def keras_inference(problem: Problem) -> Variants:
    """A jitted forward pass; where the steps are few, unrolled too, which compiles for long."""
    variants = {"keras": _keras_forward(problem, unroll=False)}
    if problem.steps <= UNROLL_LIMIT:
        variants["keras unrolled"] = _keras_forward(problem, unroll=True)
    return variants


def _keras_forward(problem: Problem, unroll: bool) -> Call:
    model = keras_model(problem, unroll)
    import jax

    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    x, _ = keras_data(problem)
    compiled = jax.jit(lambda weights, x: model.stateless_call(weights, fixed, x)[0])
    return lambda: compiled(trainable, x).block_until_ready()


# Do they compute the same? -----------------------------------------------------------------------


def compare_losses(problem: Problem) -> tuple[float, float, float]:
    """PyTorch's loss, Keras' with the same weights, and the largest gap of their gradients.

    The gap is that of the recurrent weights' gradients, relative to the largest of them.
    """
    network = TorchNetwork(problem)
    network.backward()
    model = keras_model(problem)
    import jax
    import numpy as np

    model.set_weights(keras_weights(problem.cell, network))
    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    x, y = keras_data(problem)
    loss, gradients = jax.value_and_grad(keras_loss(model))(trainable, fixed, x, y)
    ours = _to_keras_order(problem.cell, network.recurrent.weight_hh_l0.grad.numpy()).T
    gap = np.abs(np.asarray(gradients[1]) - ours).max() / np.abs(ours).max()
    return float(network.loss()), float(loss), float(gap)


def keras_weights(cell: str, network: TorchNetwork) -> list[Any]:
    """The weights of a PyTorch network in the order and layout of Keras."""
    import numpy as np

    named = {name: p.detach().numpy() for name, p in network.recurrent.named_parameters()}
    ordered = {name: _to_keras_order(cell, array) for name, array in named.items()}
    biases = np.stack([ordered["bias_ih_l0"], ordered["bias_hh_l0"]])
    head = [p.detach().numpy() for p in network.head.parameters()]
    return [
        ordered["weight_ih_l0"].T,
        ordered["weight_hh_l0"].T,
        biases if cell == "gru" else biases.sum(axis=0),
        head[0].T,
        head[1],
    ]


def _to_keras_order(cell: str, array: Any) -> Any:
    """Gates along the first axis: only the GRU's differ, r z n in PyTorch and z r n in Keras."""
    import numpy as np

    if cell != "gru":
        return array
    reset, update, new = np.split(array, 3)
    return np.concatenate([update, reset, new])
