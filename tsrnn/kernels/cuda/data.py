"""Windows in, predictions out: between the flat arrays and a tile's matrices.

An operation is ``operation(arrays, context, call, me, threads)``: all threads of a block work on
it, each on every so-manieth element. ``arrays`` are ``Arrays``; the context, and the call
with its numbers from 1 on, are those of ``tape``, where numbers and the order of each call's
arguments are explained beside the CPU's kernel of the same name. A buffer is a place in an array.

A bare 1 divided by a number of single precision would be one of double precision, in Numba's rules.
"""

from typing import Any, NamedTuple

from tsrnn.kernels.cuda.device import LANES, function, integer, split, unsigned
from tsrnn.kernels.cuda.waiting import sync
from tsrnn.kernels.dropout import random_bits
from tsrnn.kernels.tape import context as c


class Arrays(NamedTuple):
    """What device code works on, all but the last as pointers: see ``program``."""

    series: Any
    state: Any
    scratch: Any
    fixed: Any
    starts: Any
    held: Any
    """Weights, in the block's own memory."""
    partial: Any
    """A tile of a product for each warp, there too."""
    now: Any
    """An array: blocks count in it."""


_bits = function(random_bits)


@function
def at(start, panel, row, column):
    """The place of an element of a matrix in panels."""
    before, inside = split(column, LANES)
    return start + before * panel + row * LANES + inside


@function
def window_of(context, row):
    """Rows that only fill the tile repeat the last window."""
    return context[c.FIRST] + min(row, context[c.COUNT] - 1)


@function
def read_inputs(arrays, context, call, me, threads):
    """The normalised targets in one row of each window."""
    series, state, scratch, starts = arrays.series, arrays.state, arrays.scratch, arrays.starts
    row, rows, targets, width = call[1], call[2], call[3], call[4]
    inputs, panel, first = context[c.WORKSPACE] + call[5], call[6], call[7]
    for e in range(me, rows * targets, threads):
        b, target = split(e, targets)
        window = window_of(context, b)
        n = window * targets + target
        value = series[(starts[context[c.STARTS] + window] + row) * width + target]
        level = state[context[c.LOCATION] + n]
        scale = state[context[c.INVERSE_SCALE] + n]
        scratch[at(inputs, panel, b, first + target)] = (value - level) * scale


@function
def read_numbers(arrays, context, call, me, threads):
    """Numbers of one row of each window, as they are."""
    series, scratch, starts = arrays.series, arrays.scratch, arrays.starts
    row, rows, width, source, count = call[1], call[2], call[3], call[4], call[5]
    inputs, panel, first = context[c.WORKSPACE] + call[6], call[7], call[8]
    for e in range(me, rows * count, threads):
        b, j = split(e, count)
        start = starts[context[c.STARTS] + window_of(context, b)]
        scratch[at(inputs, panel, b, first + j)] = series[(start + row) * width + source + j]


@function
def look_up(arrays, context, call, me, threads):
    """The vector of the category in one row of each window; zeros for an unknown one."""
    series, scratch, starts = arrays.series, arrays.scratch, arrays.starts
    row, rows, width, source = call[1], call[2], call[3], call[4]
    table, size = context[c.WEIGHTS] + call[5], call[6]
    inputs, panel, first = context[c.WORKSPACE] + call[7], call[8], call[9]
    for e in range(me, rows * size, threads):
        b, j = split(e, size)
        start = starts[context[c.STARTS] + window_of(context, b)]
        category = integer(series[(start + row) * width + source])
        to = at(inputs, panel, b, first + j)
        scratch[to] = 0
        if category >= 0:
            scratch[to] = scratch[table + category * size + j]


@function
def add_to_table(arrays, context, call, me, threads):
    """The derivatives of the vectors that ``look_up`` found; a thread has a column, in order."""
    series, scratch, starts = arrays.series, arrays.scratch, arrays.starts
    row, width, source, size = call[1], call[2], call[3], call[5]
    table = context[c.GRADIENT] + call[4]
    derivatives, panel, first = context[c.WORKSPACE] + call[6], call[7], call[8]
    for j in range(me, size, threads):
        for b in range(context[c.COUNT]):
            start = starts[context[c.STARTS] + context[c.FIRST] + b]
            category = integer(series[(start + row) * width + source])
            if category >= 0:
                scratch[table + category * size + j] += scratch[
                    at(derivatives, panel, b, first + j)
                ]


@function
def clear_gradient(arrays, context, call, me, threads):
    """Zeros in part of the tile's gradient."""
    scratch, start = arrays.scratch, context[c.GRADIENT] + call[1]
    for i in range(me, call[2], threads):
        scratch[start + i] = 0


@function
def read_targets(arrays, context, call, me, threads):
    """TARGET: the rows after each window, normalised like it."""
    series, state, scratch, starts = arrays.series, arrays.state, arrays.scratch, arrays.starts
    first, ahead, targets, width = call[1], call[2], call[3], call[4]
    positions, outputs = call[5], call[6]
    to, panel, step = context[c.WORKSPACE] + call[7], call[8], call[9]
    for e in range(me, context[c.COUNT] * positions * outputs, threads):
        before, o = split(e, outputs)
        b, p = split(before, positions)
        window = context[c.FIRST] + b
        later, target = split(o, targets)
        point = starts[context[c.STARTS] + window] + first + p * ahead + later
        n = window * targets + target
        level = state[context[c.LOCATION] + n]
        scale = state[context[c.INVERSE_SCALE] + n]
        value = series[point * width + target]
        scratch[at(to + p * step, panel, b, o)] = (value - level) * scale


@function
def read_weights(arrays, context, call, me, threads):
    """WEIGHT: how much the rows after each window count."""
    series, scratch, starts = arrays.series, arrays.scratch, arrays.starts
    first, ahead, targets = call[1], call[2], call[3]
    positions, outputs = call[4], call[5]
    weight, panel, step = context[c.WORKSPACE] + call[6], call[7], call[8]
    for e in range(me, context[c.COUNT] * positions * outputs, threads):
        before, o = split(e, outputs)
        b, p = split(before, positions)
        later, _ = split(o, targets)
        point = starts[context[c.STARTS] + context[c.FIRST] + b] + first + p * ahead + later
        scratch[at(weight + p * step, panel, b, o)] = series[context[c.ROW_WEIGHTS] + point]


@function
def read_lags(arrays, context, call, me, threads):
    """One normalised target in some rows of each window, side by side."""
    series, state, scratch, starts = arrays.series, arrays.state, arrays.scratch, arrays.starts
    first, lags, rows = call[1], call[2], call[3]
    target, targets, width = call[4], call[5], call[6]
    to, panel = context[c.WORKSPACE] + call[7], call[8]
    for e in range(me, rows * lags, threads):
        b, t = split(e, lags)
        window = window_of(context, b)
        n = window * targets + target
        value = series[(starts[context[c.STARTS] + window] + first + t) * width + target]
        level = state[context[c.LOCATION] + n]
        scale = state[context[c.INVERSE_SCALE] + n]
        scratch[at(to, panel, b, t)] = (value - level) * scale


@function
def add_skipped(arrays, context, call, me, threads):
    """What the skip path makes of one target, on top of the first numbers in PREDICTED."""
    scratch = arrays.scratch
    target, targets, positions, outputs = call[1], call[2], call[3], call[4]
    skipped, skipped_panel = context[c.WORKSPACE] + call[5], call[6]
    predicted, panel, step = context[c.WORKSPACE] + call[7], call[8], call[9]
    ahead, _ = split(outputs, targets)
    for e in range(me, context[c.COUNT] * positions * ahead, threads):
        b, k = split(e, positions * ahead)
        p, i = split(k, ahead)
        to = at(predicted + p * step, panel, b, i * targets + target)
        scratch[to] += scratch[at(skipped, skipped_panel, b, k)]


@function
def read_scales(arrays, context, call, me, threads):
    """SCALE: what the targets of each window were divided by."""
    state, scratch = arrays.state, arrays.scratch
    targets, positions, outputs = call[1], call[2], call[3]
    scales, panel, step = context[c.WORKSPACE] + call[4], call[5], call[6]
    for e in range(me, context[c.COUNT] * positions * outputs, threads):
        before, o = split(e, outputs)
        b, p = split(before, positions)
        _, target = split(o, targets)
        n = (context[c.FIRST] + b) * targets + target
        inverse = state[context[c.INVERSE_SCALE] + n]
        scratch[at(scales + p * step, panel, b, o)] = inverse / (inverse * inverse)


@function
def write_predictions(arrays, context, call, me, threads):
    """PREDICTED to the caller."""
    state, scratch = arrays.state, arrays.scratch
    numbers, positions, outputs, panels = call[1], call[2], call[3], call[4]
    predicted, panel, step = context[c.WORKSPACE] + call[5], call[6], call[7]
    size = numbers * positions * outputs
    to = context[c.PREDICTIONS] + context[c.FIRST] * size
    for e in range(me, context[c.COUNT] * size, threads):
        before, o = split(e, outputs)
        before, p = split(before, positions)
        b, n = split(before, numbers)
        source = predicted + n * panels * panel + p * step
        state[to + e] = scratch[at(source, panel, b, o)]


@function
def wait(arrays, context, call, me, threads):
    """For the other blocks of the crew."""
    sync(arrays.now, context[c.CREW_BARRIER], context[c.CREW])


@function
def fill(arrays, context, call, me, threads):
    """The same number in part of a matrix."""
    scratch, start = arrays.scratch, context[c.WORKSPACE] + call[1]
    rows, stride, columns, number = call[2], call[3], call[4], call[5]
    for e in range(me, rows * columns, threads):
        b, j = split(e, columns)
        scratch[start + b * stride + j] = number


@function
def copy(arrays, context, call, me, threads):
    """Part of a matrix to another, perhaps on top of what is there."""
    scratch = arrays.scratch
    source, source_stride = context[c.WORKSPACE] + call[1], call[2]
    target, target_stride = context[c.WORKSPACE] + call[3], call[4]
    rows, columns, add = call[5], call[6], call[7]
    for e in range(me, rows * columns, threads):
        b, j = split(e, columns)
        value, to = scratch[source + b * source_stride + j], target + b * target_stride + j
        scratch[to] = scratch[to] + value if add else value


@function
def clear_spare_rows(arrays, context, call, me, threads):
    """Rows that only fill a tile have no say: their slopes become 0."""
    scratch = arrays.scratch
    positions, rows, panels = call[1], call[2], call[3]
    slopes, panel, step = context[c.WORKSPACE] + call[4], call[5], call[6]
    spare = (rows - context[c.COUNT]) * LANES
    for e in range(me, positions * panels * spare, threads):
        before, rest = split(e, spare)
        p, j = split(before, panels)
        scratch[slopes + p * step + j * panel + context[c.COUNT] * LANES + rest] = 0


@function
def drop(arrays, context, call, me, threads):
    """Dropout: some of a layer's inputs become 0, the others grow to keep the mean."""
    state, scratch = arrays.state, arrays.scratch
    rows, start, panel, hidden = call[1], context[c.WORKSPACE] + call[2], call[3], call[4]
    place, unit, units = call[5], call[6], call[7]
    grow = state[context[c.DROPOUT_GROWTH]]
    for e in range(me, rows * hidden, threads):
        b, j = split(e, hidden)
        window = place * context[c.WINDOWS] + context[c.FIRST] + b
        bits = _bits(unsigned(context[c.DROPOUT_SEED]), unsigned(window * units + unit + j))
        to = at(start, panel, b, j)
        if integer(bits) < context[c.DROPOUT_LIMIT]:
            scratch[to] = 0
        else:
            scratch[to] *= grow
