"""Arithmetic that is written down as instructions: what stands for numbers in a kernel compiled."""

from typing import Any


class Emitted:
    """A value in a function that is being built; ``+ - * /`` on it emit instructions.

    Subclasses say how: ``_emit(instruction, left, right)`` makes one, of operands that may also be
    plain numbers.
    """

    def __add__(self, other: Any):
        return self._emit("fadd", self, other)

    def __radd__(self, other: Any):
        return self._emit("fadd", other, self)

    def __sub__(self, other: Any):
        return self._emit("fsub", self, other)

    def __rsub__(self, other: Any):
        return self._emit("fsub", other, self)

    def __mul__(self, other: Any):
        return self._emit("fmul", self, other)

    def __rmul__(self, other: Any):
        return self._emit("fmul", other, self)

    def __truediv__(self, other: Any):
        return self._emit("fdiv", self, other)

    def __rtruediv__(self, other: Any):
        return self._emit("fdiv", other, self)

    def __neg__(self):
        return 0.0 - self

    def choose(self, predicate: str, other: Any, yes: Any, no: Any):
        """``yes`` where ``self predicate other``; ``no`` elsewhere and at NaN."""
        condition = self.builder.fcmp_ordered(predicate, self.value, other.value)
        return type(self)(self.builder, self.builder.select(condition, yes.value, no.value))
