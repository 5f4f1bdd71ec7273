"""Elementwise passes: the equations of cells, losses and optimizers, applied vector by vector.

Each factory makes the kernel for one cell, loss or optimizer in one precision. The equations run
while the kernel is compiled, on ``Lanes``; the loops around them are Numba's.
"""

from dataclasses import fields
from functools import cache

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tsrnn.kernels.cells import CELLS, Cell
from tsrnn.kernels.cpu.buffers import FLOATS, INT, buffer, network_call
from tsrnn.kernels.cpu.native import Kernel
from tsrnn.kernels.cpu.vectors import (
    INT64,
    Lanes,
    Memory,
    flush_denormals,
    lanes,
    lanes_of,
    restore_denormals,
)
from tsrnn.kernels.elementary import relu, slope_of_relu
from tsrnn.kernels.tape.context import COUNT, LOSS_SETTINGS, LOSSES, TILE, VALUE_COUNT, WORKSPACE

FLOAT = types.float64


def step_forward(cell: str, real) -> Kernel:
    """One step of a cell: pre-activations to activations, in place, and the new states.

    Arguments: rows, units to do and all (in vectors), Z, C before and after, the panel of Z and C,
    h before and after, its panel.
    """
    apply = _forward_vector(CELLS[cell])

    def run(context, arguments):
        rows, units, all_units, z = arguments[0], arguments[1], arguments[2], arguments[3]
        c, c_new, panel = arguments[4], arguments[5], arguments[6]
        h, h_new, h_panel = arguments[7], arguments[8], arguments[9]
        ws = buffer(real, context, WORKSPACE, 0)
        L = lanes(ws)
        for u in range(units):
            for b in range(rows):
                at, at_h = u * panel + b * L, u * h_panel + b * L
                apply(ws, all_units * panel, z + at, c + at, c_new + at, h + at_h, h_new + at_h)

    return network_call(run, f"forward-{cell}", real)


def step_backward(cell: str, real) -> Kernel:
    """The same step backward: activations to DZ, the derivatives of the pre-activations.

    DSTATE goes from after to before. Arguments: as forward, then DSTATE (with the panel of Z), DZ,
    its panel.
    """
    apply = _backward_vector(CELLS[cell])

    def run(context, arguments):
        rows, units, all_units, z = arguments[0], arguments[1], arguments[2], arguments[3]
        c, c_new, panel = arguments[4], arguments[5], arguments[6]
        h, h_new, h_panel = arguments[7], arguments[8], arguments[9]
        dstate, dz, dz_panel = arguments[10], arguments[11], arguments[12]
        ws = buffer(real, context, WORKSPACE, 0)
        L = lanes(ws)
        for u in range(units):
            for b in range(rows):
                at, at_h, at_dz = u * panel + b * L, u * h_panel + b * L, u * dz_panel + b * L
                places = (all_units * panel, z + at, c + at, c_new + at, h + at_h, h_new + at_h)
                apply(ws, places, dstate + at, all_units * dz_panel, dz + at_dz)

    return network_call(run, f"backward-{cell}", real)


def _forward_vector(cell: Cell):
    @intrinsic
    def apply(typing_context, ws, block, z, c, c_new, h, h_new):
        def codegen(context, builder, signature, arguments):
            ws_, block, z, c, c_new, h, h_new = arguments
            memory = Memory(builder, ws_, lanes_of(ws))
            state = (memory.load(h), *memory.load_all(c, block, cell.states - 1))
            saved, new_state = cell.forward(memory.load_all(z, block, cell.blocks), state)
            memory.store_all(saved, z, block)
            memory.store(new_state[0], h_new)
            memory.store_all(new_state[1:], c_new, block)
            return context.get_dummy_value()

        return types.void(ws, *[INT] * 6), codegen

    return apply


def _backward_vector(cell: Cell):
    @intrinsic
    def apply(typing_context, ws, places, dstate, dz_block, dz):
        def codegen(context, builder, signature, arguments):
            ws_, packed, dstate, dz_block, dz = arguments
            block, z, c, c_new, h, h_new = (
                builder.extract_value(packed, i) for i in range(len(places))
            )
            memory = Memory(builder, ws_, lanes_of(ws))
            others = cell.states - 1
            saved = memory.load_all(z, block, cell.blocks)
            state = (memory.load(h), *memory.load_all(c, block, others))
            new_state = (memory.load(h_new), *memory.load_all(c_new, block, others))
            dnew_state = memory.load_all(dstate, block, cell.states)
            dblocks, dold_state = cell.backward(saved, state, new_state, dnew_state)
            memory.store_all(dblocks, dz, dz_block)
            memory.store_all(dold_state, dstate, block)
            return context.get_dummy_value()

        return types.void(ws, places, INT, INT, INT), codegen

    return apply


def rectify(real) -> Kernel:
    """X to relu(X), in place. Arguments: rows, panels, X, its panel."""
    apply = _rectify_vector()

    def run(context, arguments):
        rows, panels, x, panel = arguments[0], arguments[1], arguments[2], arguments[3]
        ws = buffer(real, context, WORKSPACE, 0)
        L = lanes(ws)
        for j in range(panels):
            for b in range(rows):
                apply(ws, x + j * panel + b * L)

    return network_call(run, "rectify", real)


def rectify_backward(real) -> Kernel:
    """The derivatives of relu's values X to those of what it was applied to, in place.

    Arguments: rows, panels, X, the derivatives, the panel of both.
    """
    apply = _rectify_backward_vector()

    def run(context, arguments):
        rows, panels = arguments[0], arguments[1]
        x, dx, panel = arguments[2], arguments[3], arguments[4]
        ws = buffer(real, context, WORKSPACE, 0)
        L = lanes(ws)
        for j in range(panels):
            for b in range(rows):
                at = j * panel + b * L
                apply(ws, x + at, dx + at)

    return network_call(run, "rectify-backward", real)


def _rectify_vector():
    @intrinsic
    def apply(typing_context, ws, x):
        def codegen(context, builder, signature, arguments):
            memory = Memory(builder, arguments[0], lanes_of(ws))
            memory.store(relu(memory.load(arguments[1])), arguments[1])
            return context.get_dummy_value()

        return types.void(ws, INT), codegen

    return apply


def _rectify_backward_vector():
    @intrinsic
    def apply(typing_context, ws, x, dx):
        def codegen(context, builder, signature, arguments):
            ws_, x, dx = arguments
            memory = Memory(builder, ws_, lanes_of(ws))
            memory.store(memory.load(dx) * slope_of_relu(memory.load(x)), dx)
            return context.get_dummy_value()

        return types.void(ws, INT, INT), codegen

    return apply


def loss_pass(loss: type, settings: int, weighted: bool, real) -> Kernel:
    """The summed loss of a tile's predictions, and its slope, over the size of the batch, instead.

    ``settings`` is how many numbers the loss is made of. Arguments: positions, outputs of each, how
    many panels they are; PREDICTED, TARGET, WEIGHT, SCALE, their panel, their step from position to
    position.
    """
    apply = _loss_vector(loss, settings, weighted)

    def run(context, arguments):
        positions, outputs, panels = arguments[0], arguments[1], arguments[2]
        predicted, target, weight = arguments[3], arguments[4], arguments[5]
        scale, panel, step = arguments[6], arguments[7], arguments[8]
        ws = buffer(real, context, WORKSPACE, 0)
        settings = buffer(FLOAT, context, LOSS_SETTINGS, 0)
        factor = 1.0 / context[VALUE_COUNT]
        total = 0.0
        L = lanes(ws)
        for p in range(positions):
            for j in range(panels):
                there = outputs - j * L
                for b in range(context[COUNT]):
                    at = p * step + j * panel + b * L
                    places = (predicted + at, panels * panel, target + at, weight + at, scale + at)
                    total += apply(ws, settings, places, there, factor)
        buffer(FLOAT, context, LOSSES, context[TILE])[0] = total

    name = f"loss-{loss.__name__}-{settings}{'-weighted' * weighted}"
    return network_call(run, name, real)


def _loss_vector(loss: type, count: int, weighted: bool):
    """Values and slopes in the lanes that are ``there``; the others stand for nothing."""

    @intrinsic
    def apply(typing_context, ws, settings, places, there, factor):
        def codegen(context, builder, signature, arguments):
            ws_, settings, packed, there, factor = arguments
            predicted, block, target, weight, scale = (
                builder.extract_value(packed, i) for i in range(len(places))
            )
            memory = Memory(builder, ws_, lanes_of(ws))
            bound = loss.of(numbers_at(settings, count, memory))
            output = memory.load_all(predicted, block, bound.numbers)
            known = (memory.load(target), *[memory.load(scale)] * bound.needs_scale)
            value = bound.value(output, *known).first(there)
            slopes = [each * memory.splat(factor) for each in bound.slope(output, *known)]
            if weighted:
                weights = memory.load(weight)
                value, slopes = value * weights, [each * weights for each in slopes]
            memory.store_all([each.first(there) for each in slopes], predicted, block)
            return value.total()

        return types.float64(ws, FLOATS, places, INT, FLOAT), codegen

    return apply


def optimizer_pass(optimizer: type, real) -> Kernel:
    """One step of an optimizer for ``count`` parameters, their gradients multiplied by ``scale``.

    ``memory`` holds what the optimizer remembers: ``optimizer.memories`` vectors, ``stride`` apart.
    Parameters that fill no vector go one by one: what follows the last is not trained.
    """
    apply, apply_one = _optimizer_step(optimizer), _optimizer_step(optimizer, width=1)

    def run(parameters, gradients, memory, settings, count, stride, scale):
        L = lanes(parameters)
        whole = count - count % L
        before = flush_denormals()
        for i in range(0, whole, L):
            apply(parameters, gradients, memory, settings, i, stride, scale)
        for i in range(whole, count):
            apply_one(parameters, gradients, memory, settings, i, stride, scale)
        restore_denormals(before)

    pointer = types.CPointer(real)
    arguments = (pointer, pointer, pointer, FLOATS, INT, INT, FLOAT)
    return Kernel(run, f"optimizer-{optimizer.__name__}-{real}", arguments)


def _optimizer_step(optimizer: type, width: int | None = None):
    """For ``width`` parameters at once, or as many as fill a vector."""

    @intrinsic
    def apply(typing_context, parameters, gradients, memory, settings, i, stride, scale):
        def codegen(context, builder, signature, arguments):
            parameters_, gradients_, memory_, settings, i, stride, scale = arguments
            at_once = width or lanes_of(parameters)
            weights, slopes, remembered = (
                Memory(builder, pointer, at_once) for pointer in (parameters_, gradients_, memory_)
            )
            bound = optimizer(*numbers_at(settings, len(field_names(optimizer)), weights))
            gradient = slopes.load(i) * weights.splat(scale)
            old = remembered.load_all(i, stride, optimizer.memories)
            weight, new = bound.update(weights.load(i), gradient, old)
            weights.store(weight, i)
            remembered.store_all(new, i, stride)
            return context.get_dummy_value()

        pointer = parameters
        return types.void(pointer, pointer, pointer, FLOATS, INT, INT, FLOAT), codegen

    return apply


def numbers_at(settings: ir.Value, count: int, memory: Memory) -> tuple[Lanes, ...]:
    """So many numbers, each in all lanes."""
    builder = memory.builder
    places = [builder.gep(settings, [ir.Constant(INT64, i)]) for i in range(count)]
    return tuple(memory.splat(builder.load(place)) for place in places)


@cache
def field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
