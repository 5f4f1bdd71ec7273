"""Elementwise passes: the equations of cells, losses and optimizers, applied vector by vector.

Each factory makes the kernel for one cell, loss or optimizer in one precision. The equations run
while the kernel is compiled, on ``Lanes``; the loops around them are Numba's.
"""

from dataclasses import fields
from functools import cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tsrnn.kernels.cells import CELLS, Cell
from tsrnn.kernels.cpu.context import (
    COUNT,
    FLOATS,
    INT,
    LOSS_SETTINGS,
    LOSSES,
    TILE,
    WINDOWS,
    WORKSPACE,
    buffer,
    network_call,
)
from tsrnn.kernels.cpu.native import Kernel
from tsrnn.kernels.cpu.vectors import INT64, Memory, lanes, lanes_of

FLOAT = types.float64


def step_forward(cell: str, real) -> Kernel:
    """One step of a cell: pre-activations to activations, in place, and the new states.

    Arguments: rows, units (in vectors), Z, its panel, C before and after, its panel, h before and
    after in XH, its width.
    """
    apply = _forward_vector(CELLS[cell])

    def run(context, arguments):
        rows, units, z, z_panel = arguments[0], arguments[1], arguments[2], arguments[3]
        c, c_new, c_panel = arguments[4], arguments[5], arguments[6]
        h, h_new, width = arguments[7], arguments[8], arguments[9]
        ws = buffer(real, context, WORKSPACE, 0)
        L = lanes(ws)
        for u in range(units):
            for b in range(rows):
                at_z = u * z_panel + b * L
                at_c = u * c_panel + b * L
                at_h = b * width + u * L
                apply(
                    ws,
                    z + at_z,
                    units * z_panel,
                    c + at_c,
                    c_new + at_c,
                    units * c_panel,
                    h + at_h,
                    h_new + at_h,
                )

    return network_call(run, f"forward-{cell}", real)


def step_backward(cell: str, real) -> Kernel:
    """The same step backward: activations to the derivatives of the pre-activations.

    They go to Z in place and, row by row, to DZ; DSTATE goes from after to before. Arguments: as
    forward, then DSTATE, its panel, DZ.
    """
    apply = _backward_vector(CELLS[cell])
    blocks = CELLS[cell].blocks

    def run(context, arguments):
        rows, units, z, z_panel = arguments[0], arguments[1], arguments[2], arguments[3]
        c, c_new, c_panel = arguments[4], arguments[5], arguments[6]
        h, h_new, width = arguments[7], arguments[8], arguments[9]
        dstate, d_panel, dz = arguments[10], arguments[11], arguments[12]
        ws = buffer(real, context, WORKSPACE, 0)
        L = lanes(ws)
        for u in range(units):
            for b in range(rows):
                at_z = u * z_panel + b * L
                at_c = u * c_panel + b * L
                at_h = b * width + u * L
                apply(
                    ws,
                    z + at_z,
                    units * z_panel,
                    c + at_c,
                    c_new + at_c,
                    units * c_panel,
                    h + at_h,
                    h_new + at_h,
                    dstate + u * d_panel + b * L,
                    units * d_panel,
                    dz + (b * blocks * units + u) * L,
                    units * L,
                )

    return network_call(run, f"backward-{cell}", real)


def _forward_vector(cell: Cell):
    @intrinsic
    def apply(typing_context, ws, z, z_block, c, c_new, c_state, h, h_new):
        def codegen(context, builder, signature, arguments):
            ws_, z, z_block, c, c_new, c_state, h, h_new = arguments
            memory = Memory(builder, ws_, lanes_of(ws))
            state = (memory.load(h), *memory.load_all(c, c_state, cell.states - 1))
            saved, new_state = cell.forward(memory.load_all(z, z_block, cell.blocks), state)
            memory.store_all(saved, z, z_block)
            memory.store(new_state[0], h_new)
            memory.store_all(new_state[1:], c_new, c_state)
            return context.get_dummy_value()

        return types.void(ws, *[INT] * 7), codegen

    return apply


def _backward_vector(cell: Cell):
    @intrinsic
    def apply(
        typing_context, ws, z, z_block, c, c_new, c_state, h, h_new, dstate, d_state, dz, dz_block
    ):
        def codegen(context, builder, signature, arguments):
            ws_, z, z_block, c, c_new, c_state, h, h_new, dstate, d_state, dz, dz_block = arguments
            memory = Memory(builder, ws_, lanes_of(ws))
            others = cell.states - 1
            saved = memory.load_all(z, z_block, cell.blocks)
            state = (memory.load(h), *memory.load_all(c, c_state, others))
            new_state = (memory.load(h_new), *memory.load_all(c_new, c_state, others))
            dnew_state = memory.load_all(dstate, d_state, cell.states)
            dblocks, dold_state = cell.backward(saved, state, new_state, dnew_state)
            memory.store_all(dblocks, z, z_block)
            memory.store_all(dblocks, dz, dz_block)
            memory.store_all(dold_state, dstate, d_state)
            return context.get_dummy_value()

        return types.void(ws, *[INT] * 11), codegen

    return apply


def loss_pass(loss: type, real) -> Kernel:
    """The summed loss of a tile's predictions, and its slope, over the size of the batch, instead.

    Arguments: outputs, panels, PREDICTED, TARGET, the panel of both, DPREDICTED (row by row).
    """
    apply = _loss_vector(loss)

    def run(context, arguments):
        outputs, panels, predicted = arguments[0], arguments[1], arguments[2]
        target, panel, dpredicted = arguments[3], arguments[4], arguments[5]
        ws = buffer(real, context, WORKSPACE, 0)
        settings = buffer(FLOAT, context, LOSS_SETTINGS, 0)
        factor = 1.0 / (context[WINDOWS] * outputs)
        total = 0.0
        L = lanes(ws)
        for p in range(panels):
            for b in range(context[COUNT]):
                at = p * panel + b * L
                slopes = dpredicted + (b * panels + p) * L
                total += apply(ws, settings, predicted + at, target + at, slopes, factor)
        buffer(FLOAT, context, LOSSES, context[TILE])[0] = total

    return network_call(run, f"loss-{loss.__name__}", real, loss)


def _loss_vector(loss: type):
    @intrinsic
    def apply(typing_context, ws, settings, predicted, target, dpredicted, factor):
        def codegen(context, builder, signature, arguments):
            ws_, settings, predicted, target, dpredicted, factor = arguments
            memory = Memory(builder, ws_, lanes_of(ws))
            bound = with_fields(loss, memory, settings)
            error = memory.load(predicted) - memory.load(target)
            slope = bound.slope(error) * memory.splat(factor)
            memory.store(slope, predicted)
            memory.store(slope, dpredicted)
            return bound.value(error).total()

        return types.float64(ws, FLOATS, INT, INT, INT, FLOAT), codegen

    return apply


def optimizer_pass(optimizer: type, real) -> Kernel:
    """One step of an optimizer for ``count`` parameters, their gradients multiplied by ``scale``.

    ``memory`` holds what the optimizer remembers: ``optimizer.memories`` vectors of ``count``.
    """
    apply = _optimizer_vector(optimizer)

    def run(parameters, gradients, memory, settings, count, scale):
        L = lanes(parameters)
        for i in range(0, count, L):
            apply(parameters, gradients, memory, settings, i, count, scale)

    pointer = types.CPointer(real)
    arguments = (pointer, pointer, pointer, FLOATS, INT, FLOAT)
    return Kernel(run, f"optimizer-{optimizer.__name__}-{real}", arguments, optimizer)


def _optimizer_vector(optimizer: type):
    @intrinsic
    def apply(typing_context, parameters, gradients, memory, settings, i, count, scale):
        def codegen(context, builder, signature, arguments):
            parameters_, gradients_, memory_, settings, i, count, scale = arguments
            width = lanes_of(parameters)
            weights, slopes, remembered = (
                Memory(builder, pointer, width) for pointer in (parameters_, gradients_, memory_)
            )
            bound = with_fields(optimizer, weights, settings)
            gradient = slopes.load(i) * weights.splat(scale)
            old = remembered.load_all(i, count, optimizer.memories)
            weight, new = bound.update(weights.load(i), gradient, old)
            weights.store(weight, i)
            remembered.store_all(new, i, count)
            return context.get_dummy_value()

        pointer = parameters
        return types.void(pointer, pointer, pointer, FLOATS, INT, INT, FLOAT), codegen

    return apply


def with_fields(kind: type, memory: Memory, settings: ir.Value):
    """The dataclass ``kind`` with each of its numbers, read from ``settings``, in all lanes."""
    builder = memory.builder
    numbers = [
        builder.load(builder.gep(settings, [ir.Constant(INT64, i)]))
        for i in range(len(field_names(kind)))
    ]
    return kind(*(memory.splat(number) for number in numbers))


def settings_of(instance) -> np.ndarray:
    """The numbers of a loss or optimizer, as ``with_fields`` reads them."""
    return np.array([getattr(instance, name) for name in field_names(type(instance))], np.float64)


@cache
def field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
