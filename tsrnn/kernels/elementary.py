"""The few functions that the equations of cells, losses and optimizers are made of.

They take NumPy arrays, and whatever else answers NumPy's functions: kernels hand in objects that
stand for vectors or numbers, and answer ``np.tanh`` with the instructions that compute it.
"""

import numpy as np


def tanh(x):
    return np.tanh(x)


def sigmoid(x):
    from scipy.special import expit  # here, as elsewhere: SciPy takes its time to import

    return expit(x)


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


def softplus(x):
    """log(1 + exp(x)), whose derivative is the sigmoid: positive, and about x where x is large."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.absolute(x)))


# Stirling's series: log Γ(x) = (x - 1/2) log x - x + log(2π)/2 + 1/(12 x) - 1/(360 x^3) + ...,
# and what its derivative leaves of log x; from the last term to the first, at x >= _FAR.
_FAR = 8
_LOG_GAMMA = (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)
_DIGAMMA = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)


def log_gamma_ratio(x, y):
    """log(Γ(x + y) / (Γ(x) x^y)) for x > 0 and y >= 0; for x = 1 the logarithm of y!."""
    far, products = x + _FAR, [1.0, 1.0]
    for i in range(_FAR):  # Γ(x) = Γ(x + 8) / (x (x + 1) ... (x + 7)); half of them is finite
        products[i % 2] = products[i % 2] * (1.0 + y / (x + i))
    ratio = (far + y - 0.5) * np.log1p(y / far) - y + y * np.log1p(_FAR / x)
    ratio = ratio + _stirling(far + y) - _stirling(far)
    return ratio - np.log(products[0]) - np.log(products[1])


def digamma_difference(x, y):
    """The derivative of log(Γ(x + y) / Γ(x)) with respect to x, for x > 0 and y >= 0."""
    far = x + _FAR
    total = np.log1p(y / far) + 0.5 * y / (far * (far + y))
    total = total - _digamma_rest(far + y) + _digamma_rest(far)
    for i in range(_FAR):
        total = total + y / ((x + i) * (x + i + y))
    return total


def _stirling(x):
    return polynomial(1.0 / (x * x), _LOG_GAMMA) / x


def _digamma_rest(x):
    square = 1.0 / (x * x)
    return polynomial(square, _DIGAMMA) * square


def polynomial(x, coefficients):
    """Horner's rule, highest power first."""
    result = coefficients[0]
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result
