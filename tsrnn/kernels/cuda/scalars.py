"""Numbers: Python objects that stand for one number of a thread while a kernel is being compiled.

The functions of ``cells``, ``losses`` and ``optimizers`` run once, at compile time, on ``Scalar``;
every ``+`` or ``np.tanh`` they meet emits the instruction, as ``Lanes`` do on the CPU. A bare 0.5
stays in the precision of what it meets: in Numba's own arithmetic it would turn float32 to float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from scipy.special import expit

from tsrnn.kernels.emitting import Emitted

# Of NVIDIA's library of device functions (libdevice), without the f of single precision.
_FUNCTIONS: dict[np.ufunc, str] = {
    np.tanh: "tanh",
    np.exp: "exp",
    np.log: "log",
    np.log1p: "log1p",
    np.sqrt: "sqrt",
    np.absolute: "fabs",
}


class Scalar(Emitted):
    """A number in a function that is being built; arithmetic on it emits instructions."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder = builder
        self.value = value

    def _coerce(self, other: Any) -> Scalar:
        if isinstance(other, Scalar):
            return other
        number = float(other)
        if isinstance(self.value.type, ir.FloatType):
            number = float(np.float32(number))
        return Scalar(self.builder, ir.Constant(self.value.type, number))

    def _emit(self, instruction: str, left: Any, right: Any) -> Scalar:
        left, right = self._coerce(left), self._coerce(right)
        return Scalar(self.builder, getattr(self.builder, instruction)(left.value, right.value))

    def __array_ufunc__(self, ufunc, method, *inputs):
        if method != "__call__":
            return NotImplemented
        numbers = [self._coerce(number) for number in inputs]
        if ufunc in _FUNCTIONS:
            return self._call(_FUNCTIONS[ufunc], *numbers)
        return _WRITTEN[ufunc](*numbers) if ufunc in _WRITTEN else NotImplemented

    def _call(self, name: str, *numbers: Scalar) -> Scalar:
        kind, module = self.value.type, self.builder.module
        name = f"__nv_{name}{'f' if isinstance(kind, ir.FloatType) else ''}"
        function = module.globals.get(name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [kind] * len(numbers)), name)
        values = [number.value for number in numbers]
        return Scalar(self.builder, self.builder.call(function, values))


def _sign(x: Scalar) -> Scalar:
    zero, one = x._coerce(0.0), x._coerce(1.0)
    return x.choose(">", zero, one, x.choose("<", zero, -one, x))


# A NaN in either operand of the last two stays, as in NumPy.
_WRITTEN = {
    expit: lambda x: x._call("tanh", x * 0.5) * 0.5 + 0.5,
    np.sign: _sign,
    np.maximum: lambda x, y: y.choose("==", y, x.choose("<", y, y, x), y),
    np.minimum: lambda x, y: y.choose("==", y, x.choose(">", y, y, x), y),
}
