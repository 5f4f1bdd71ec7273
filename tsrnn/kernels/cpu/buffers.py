"""The CPU's view of a context: its fields are addresses of buffers, and numbers.

Every kernel that is part of a network is ``kernel(context, arguments)``, both pointers to integers.
"""

from numba import types
from numba.extending import intrinsic

from tsrnn.kernels.cpu.native import Kernel

INT = types.int64
INTS = types.CPointer(types.int64)
FLOATS = types.CPointer(types.float64)


def network_call(function, name: str, real) -> Kernel:
    """A kernel that takes a context and arguments, for buffers of type ``real``."""
    return Kernel(function, f"{name}-{real}", (INTS, INTS))


@intrinsic
def buffer(typing_context, kind, context, field, offset):
    """The buffer at ``context[field]``, from ``offset`` on, as numbers of type ``kind``."""
    target = types.CPointer(kind.instance_type)

    def codegen(context, builder, signature, values):
        _, row, field, offset = values
        address = builder.load(builder.gep(row, [field]))
        start = builder.inttoptr(address, context.get_value_type(target))
        return builder.gep(start, [offset])

    return target(kind, INTS, INT, INT), codegen


@intrinsic
def advance(typing_context, pointer, offset):
    """The pointer, ``offset`` numbers further on."""

    def codegen(context, builder, signature, values):
        return builder.gep(values[0], [values[1]])

    return pointer(pointer, INT), codegen
