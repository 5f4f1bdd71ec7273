"""Elementwise passes: the equations of cells, losses and optimizers, applied number by number.

Each factory makes the operation for one cell, loss or optimizer. The equations run while it is
compiled, on ``Scalar``; the loops around them are Numba's. The numbers of an equation stand in a
small array of the thread, in registers: those it is given, then in their place what it gives.
"""

from dataclasses import fields

from tsrnn.kernels.cells import CELLS
from tsrnn.kernels.cuda.data import at
from tsrnn.kernels.cuda.device import LANES, cuda, equations, function, split
from tsrnn.kernels.elementary import relu, slope_of_relu
from tsrnn.kernels.tape import context as c


def step_forward(name: str, real):
    """One step of a cell: pre-activations to activations, in place, and the new states."""
    cell = CELLS[name]
    blocks, size = cell.blocks, cell.blocks + cell.states

    def both(*values):
        saved, state = cell.forward(values[:blocks], values[blocks:])
        return (*saved, *state)

    apply = equations(both, size)

    @function
    def run(arrays, context, call, me, threads):
        scratch, ws = arrays.scratch, context[c.WORKSPACE]
        units, all_units, z = call[2], call[3], ws + call[4]
        before, after, panel = ws + call[5], ws + call[6], call[7]
        h, h_new, h_panel = ws + call[8], ws + call[9], call[10]
        block = all_units * panel
        width = call[1] * LANES
        values = cuda.local.array(size, real)
        for u in range(units):
            rest = me
            while rest < width:
                here, here_h = u * panel + rest, u * h_panel + rest
                for i in range(blocks):
                    values[i] = scratch[z + here + i * block]
                values[blocks] = scratch[h + here_h]
                for i in range(blocks + 1, size):
                    values[i] = scratch[before + here + (i - blocks - 1) * block]
                apply(values)
                for i in range(blocks):
                    scratch[z + here + i * block] = values[i]
                scratch[h_new + here_h] = values[blocks]
                for i in range(blocks + 1, size):
                    scratch[after + here + (i - blocks - 1) * block] = values[i]
                rest += threads

    return run


def step_backward(name: str, real):
    """The same step backward: activations to DZ; DSTATE goes from after to before."""
    cell = CELLS[name]
    blocks, states = cell.blocks, cell.states
    size = blocks + 3 * states  # activations; state before, after, derivatives

    def both(*values):
        saved, state = values[:blocks], values[blocks : blocks + states]
        new_state, dnew_state = values[blocks + states : -states], values[-states:]
        dz, dstate = cell.backward(saved, state, new_state, dnew_state)
        return (*dz, *dstate)

    apply = equations(both, size)

    @function
    def run(arrays, context, call, me, threads):
        scratch, ws = arrays.scratch, context[c.WORKSPACE]
        units, all_units, z = call[2], call[3], ws + call[4]
        before, after, panel = ws + call[5], ws + call[6], call[7]
        h, h_new, h_panel = ws + call[8], ws + call[9], call[10]
        block = all_units * panel
        dstate, dz, dz_panel = ws + call[11], ws + call[12], call[13]
        width = call[1] * LANES
        values = cuda.local.array(size, real)
        for u in range(units):
            rest = me
            while rest < width:
                here, here_h, here_dz = u * panel + rest, u * h_panel + rest, u * dz_panel + rest
                for i in range(blocks):
                    values[i] = scratch[z + here + i * block]
                values[blocks] = scratch[h + here_h]
                values[blocks + states] = scratch[h_new + here_h]
                for i in range(1, states):
                    values[blocks + i] = scratch[before + here + (i - 1) * block]
                    values[blocks + states + i] = scratch[after + here + (i - 1) * block]
                for i in range(states):
                    values[blocks + 2 * states + i] = scratch[dstate + here + i * block]
                apply(values)
                for i in range(blocks):
                    scratch[dz + here_dz + i * all_units * dz_panel] = values[i]
                for i in range(states):
                    scratch[dstate + here + i * block] = values[blocks + i]
                rest += threads

    return run


def rectify(real):
    """X to relu(X), in place."""
    apply = equations(lambda x: (relu(x),), 1)

    @function
    def run(arrays, context, call, me, threads):
        scratch, x, panel = arrays.scratch, context[c.WORKSPACE] + call[3], call[4]
        width = call[1] * LANES
        values = cuda.local.array(1, real)
        for j in range(call[2]):
            rest = me
            while rest < width:
                here = x + j * panel + rest
                values[0] = scratch[here]
                apply(values)
                scratch[here] = values[0]
                rest += threads

    return run


def rectify_backward(real):
    """The derivatives of relu's values X to those of what it was applied to, in place."""
    apply = equations(lambda x, dx: (dx * slope_of_relu(x),), 2)

    @function
    def run(arrays, context, call, me, threads):
        scratch, ws = arrays.scratch, context[c.WORKSPACE]
        x, dx, panel, width = ws + call[3], ws + call[4], call[5], call[1] * LANES
        values = cuda.local.array(2, real)
        for j in range(call[2]):
            rest = me
            while rest < width:
                here = j * panel + rest
                values[0], values[1] = scratch[x + here], scratch[dx + here]
                apply(values)
                scratch[dx + here] = values[0]
                rest += threads

    return run


def loss_pass(loss: type, settings: int, weighted: bool, real):
    """The summed loss of a tile's predictions; their slopes, over the size of the batch, instead.

    Each thread leaves the sum of its part in ``scratch``, from LOSSES on, a row for each tile.
    """
    count = loss.numbers if settings == 0 else loss.of((0.0,) * settings).numbers
    size = settings + count + 4  # settings; numbers; truth, scale, weight, factor

    def both(*values):
        bound = loss.of(values[:settings])
        output, (truth, scale, weight, factor) = values[settings:-4], values[-4:]
        known = (truth, scale) if loss.needs_scale else (truth,)
        value, slopes = bound.value(output, *known), bound.slope(output, *known)
        if weighted:
            value, slopes = value * weight, [slope * weight for slope in slopes]
        return (value, *(slope * factor for slope in slopes))

    apply = equations(both, size)

    @function
    def run(arrays, context, call, me, threads):
        state, scratch = arrays.state, arrays.scratch
        ws, windows = context[c.WORKSPACE], context[c.COUNT]
        positions, outputs, panels = call[1], call[2], call[3]
        predicted, target, weight = ws + call[4], ws + call[5], ws + call[6]
        scale, panel, step = ws + call[7], call[8], call[9]
        row = panels * LANES
        total, factor = real(0), real(1) / real(context[c.VALUE_COUNT])
        values = cuda.local.array(size, real)
        for e in range(me, positions * windows * row, threads):
            before, j = split(e, row)
            p, b = split(before, windows)
            here = at(p * step, panel, b, j)
            if j >= outputs:
                for i in range(count):
                    scratch[predicted + here + i * panels * panel] = 0
                continue
            for i in range(settings):
                values[i] = state[context[c.LOSS_SETTINGS] + i]
            for i in range(count):
                values[settings + i] = scratch[predicted + here + i * panels * panel]
            values[size - 4] = scratch[target + here]
            values[size - 3] = scratch[scale + here]
            values[size - 2] = scratch[weight + here]
            values[size - 1] = factor
            apply(values)
            total += values[0]
            for i in range(count):
                scratch[predicted + here + i * panels * panel] = values[1 + i]
        scratch[context[c.LOSSES] + context[c.TILE] * threads + me] = total

    return run


def optimizer_pass(optimizer: type, real):
    """One step of an optimizer, for every ``threads``-th of the trained parameters from ``me`` on.

    ``update(arrays, context, settings, scale, me, threads)``: the place of the optimizer's numbers
    in ``state``, and what gradients are multiplied by.
    """
    settings, memories = len(fields(optimizer)), optimizer.memories
    size = settings + 2 + memories  # settings; weight, gradient; memory

    def both(*values):
        bound, (weight, gradient) = optimizer(*values[:settings]), values[settings : settings + 2]
        weight, memory = bound.update(weight, gradient, values[settings + 2 :])
        return (weight, *memory)

    apply = equations(both, size)

    @function
    def update(arrays, context, place, scale, me, threads):
        state, scratch = arrays.state, arrays.scratch
        parameters, memory = context[c.PARAMETERS], context[c.MEMORY]
        derivatives, stride = context[c.DERIVATIVES], context[c.MEMORY_STRIDE]
        values = cuda.local.array(size, real)
        for e in range(me, context[c.TRAINABLE_COUNT], threads):
            for i in range(settings):
                values[i] = state[place + i]
            values[settings] = state[parameters + e]
            values[settings + 1] = scratch[derivatives + e] * scale
            for i in range(memories):
                values[settings + 2 + i] = state[memory + i * stride + e]
            apply(values)
            state[parameters + e] = values[0]
            for i in range(memories):
                state[memory + i * stride + e] = values[1 + i]

    return update
