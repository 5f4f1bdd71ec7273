"""The few functions that the equations of cells, losses and optimizers are made of.

They take NumPy arrays, and whatever else answers NumPy's functions: the CPU kernels hand in objects
that stand for SIMD vectors and answer ``np.tanh`` with the instructions that compute it.
"""

import numpy as np


def tanh(x):
    return np.tanh(x)


def sigmoid(x):
    return np.tanh(x * 0.5) * 0.5 + 0.5


def relu(x):
    return np.maximum(x, 0.0)


def slope_of_tanh(y):
    """The derivative of tanh where its value is ``y``."""
    return 1.0 - y * y


def slope_of_sigmoid(y):
    """The derivative of the sigmoid where its value is ``y``."""
    return y * (1.0 - y)


def slope_of_relu(y):
    """The derivative of the rectifier where its value is ``y``; 0 at the kink."""
    return np.sign(y)


def zero(x):
    return x * 0.0
