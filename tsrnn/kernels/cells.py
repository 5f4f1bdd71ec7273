"""The recurrent cells: one step forward and one step backward, each written once.

A cell is a pair of functions on *numbers*. The same functions run on SIMD vectors (on a CPU), on
single numbers (in a GPU's threads) and on NumPy arrays (in the reference): they only use ``+ - *``
and the functions of ``elementary``.

Notation, per time step and hidden unit:

- ``z``: the pre-activations, one entry a block: input product + recurrent product + biases,
- ``state``: the state before the step, hidden state first: ``(h,)`` or ``(h, c)``,
- ``saved``: what the backward step needs of the activated blocks,
- a leading ``d``: the derivative of the loss with respect to the thing named after it.

``forward(z, state) -> saved, new_state`` and
``backward(saved, state, new_state, dnew_state) -> dz, dstate``, where ``dstate`` leaves out what
reaches the hidden state through the recurrent product (the kernel adds ``dz @ W_hh``).

A block is a column of pre-activations. The GRU needs the two products of its candidate apart, so it
has four blocks for its three gates. Input products fill the first ``gates`` blocks, recurrent
products the last ``gates``; ``input_blocks`` and ``hidden_blocks`` say in which block each of
PyTorch's gates lies.
"""

from collections.abc import Callable
from typing import NamedTuple

from tsrnn.kernels.elementary import (
    relu,
    sigmoid,
    slope_of_relu,
    slope_of_sigmoid,
    slope_of_tanh,
    tanh,
    zero,
)


class Cell(NamedTuple):
    """What the kernels need to know of a cell; see the module's text for the meaning."""

    input_blocks: tuple[int, ...]
    hidden_blocks: tuple[int, ...]
    blocks: int
    states: int
    forward: Callable
    backward: Callable

    @property
    def gates(self) -> int:
        return len(self.input_blocks)


def lstm_forward(z, state):
    """Hochreiter & Schmidhuber (1997), with forget gate (Gers et al., 2000)."""
    z_i, z_f, z_g, z_o = z
    _, c = state
    i, f, g, o = sigmoid(z_i), sigmoid(z_f), tanh(z_g), sigmoid(z_o)
    c = f * c + i * g
    return (i, f, g, o), (o * tanh(c), c)


def lstm_backward(saved, state, new_state, dnew_state):
    i, f, g, o = saved
    _, c_before = state
    _, c = new_state
    dh, dc = dnew_state
    tanh_c = tanh(c)
    dc = dc + dh * o * slope_of_tanh(tanh_c)
    dz_i = dc * g * slope_of_sigmoid(i)
    dz_f = dc * c_before * slope_of_sigmoid(f)
    dz_g = dc * i * slope_of_tanh(g)
    dz_o = dh * tanh_c * slope_of_sigmoid(o)
    return (dz_i, dz_f, dz_g, dz_o), (zero(dh), dc * f)


def gru_forward(z, state):
    """Cho et al. (2014), with the reset gate after the product, as cuDNN and PyTorch have it."""
    z_input, z_r, z_z, z_hidden = z
    (h,) = state
    r, update = sigmoid(z_r), sigmoid(z_z)
    n = tanh(z_input + r * z_hidden)
    return (n, r, update, z_hidden), (n + update * (h - n),)


def gru_backward(saved, state, new_state, dnew_state):
    n, r, update, z_hidden = saved
    (h,) = state
    (dh,) = dnew_state
    dz_input = (dh - dh * update) * slope_of_tanh(n)
    dz_r = dz_input * z_hidden * slope_of_sigmoid(r)
    dz_z = dh * (h - n) * slope_of_sigmoid(update)
    dz_hidden = dz_input * r
    return (dz_input, dz_r, dz_z, dz_hidden), (dh * update,)


def rnn_tanh_forward(z, state):
    """Elman (1990)."""
    h = tanh(z[0])
    return (h,), (h,)


def rnn_tanh_backward(saved, state, new_state, dnew_state):
    (dh,) = dnew_state
    return (dh * slope_of_tanh(saved[0]),), (zero(dh),)


def rnn_relu_forward(z, state):
    """Elman (1990), with the rectifier."""
    h = relu(z[0])
    return (h,), (h,)


def rnn_relu_backward(saved, state, new_state, dnew_state):
    (dh,) = dnew_state
    return (dh * slope_of_relu(saved[0]),), (zero(dh),)


CELLS = {
    "lstm": Cell((0, 1, 2, 3), (0, 1, 2, 3), 4, 2, lstm_forward, lstm_backward),
    "gru": Cell((1, 2, 0), (1, 2, 3), 4, 1, gru_forward, gru_backward),
    "rnn_tanh": Cell((0,), (0,), 1, 1, rnn_tanh_forward, rnn_tanh_backward),
    "rnn_relu": Cell((0,), (0,), 1, 1, rnn_relu_forward, rnn_relu_backward),
}
# What users call them: "rnn" has an activation besides.
KINDS = tuple(dict.fromkeys(name.partition("_")[0] for name in CELLS))
