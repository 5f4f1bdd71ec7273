"""Windows in, predictions out: between the caller's arrays and a tile's matrices."""

from numba import types
from numba.extending import register_jitable

from tsrnn.kernels.cpu import context as c
from tsrnn.kernels.cpu.context import INT, buffer, network_call
from tsrnn.kernels.cpu.native import Kernel
from tsrnn.kernels.cpu.vectors import lanes
from tsrnn.kernels.dropout import random_bits


def _windows(real):
    """Series, and starts, locations and inverse scales of the tile's windows, from the context."""

    @register_jitable
    def windows(context, channels):
        first = context[c.FIRST]
        return (
            buffer(real, context, c.SERIES, 0),
            buffer(INT, context, c.STARTS, first),
            buffer(real, context, c.LOCATION, first * channels),
            buffer(real, context, c.INVERSE_SCALE, first * channels),
        )

    return windows


def read_inputs(real) -> Kernel:
    """The normalised inputs of one step of each window; no copy of a window is kept.

    Arguments: the step's place in the window, rows, channels, where the panel with the first input
    begins, its panel, the first input's lane.
    """
    windows = _windows(real)

    def run(context, arguments):
        step, rows, channels = arguments[0], arguments[1], arguments[2]
        inputs, panel, first = arguments[3], arguments[4], arguments[5]
        ws = buffer(real, context, c.WORKSPACE, 0)
        series, starts, location, scale = windows(context, channels)
        L = lanes(ws)
        for b in range(rows):
            window = min(b, context[c.COUNT] - 1)  # rows that only fill the tile repeat the last
            point = (starts[window] + step) * channels
            for channel in range(channels):
                n, column = window * channels + channel, first + channel
                at = inputs + column // L * panel + b * L + column % L
                ws[at] = (series[point + channel] - location[n]) * scale[n]

    return network_call(run, "read-inputs", real)


def read_targets(real) -> Kernel:
    """TARGET: the steps after each window, normalised like it; step-major, channels within.

    Arguments: steps, channels, outputs, TARGET, its panel.
    """
    windows = _windows(real)

    def run(context, arguments):
        steps, channels, outputs = arguments[0], arguments[1], arguments[2]
        target, panel = arguments[3], arguments[4]
        ws = buffer(real, context, c.WORKSPACE, 0)
        series, starts, location, scale = windows(context, channels)
        L = lanes(ws)
        for b in range(context[c.COUNT]):
            point = (starts[b] + steps) * channels
            for o in range(outputs):
                n = b * channels + o % channels
                at = target + o // L * panel + b * L + o % L
                ws[at] = (series[point + o] - location[n]) * scale[n]

    return network_call(run, "read-targets", real)


def write_predictions(real) -> Kernel:
    """PREDICTED to the caller. Arguments: outputs, PREDICTED, its panel."""

    def run(context, arguments):
        outputs, predicted, panel = arguments[0], arguments[1], arguments[2]
        ws = buffer(real, context, c.WORKSPACE, 0)
        predictions = buffer(real, context, c.PREDICTIONS, context[c.FIRST] * outputs)
        L = lanes(ws)
        for b in range(context[c.COUNT]):
            for o in range(outputs):
                predictions[b * outputs + o] = ws[predicted + o // L * panel + b * L + o % L]

    return network_call(run, "write-predictions", real)


def fill(real) -> Kernel:
    """The same number in part of a matrix. Arguments: start, rows, stride, columns, number."""

    def run(context, arguments):
        start, rows, stride = arguments[0], arguments[1], arguments[2]
        ws = buffer(real, context, c.WORKSPACE, 0)
        for b in range(rows):
            for j in range(arguments[3]):
                ws[start + b * stride + j] = arguments[4]

    return network_call(run, "fill", real)


def copy(real) -> Kernel:
    """Part of a matrix to another. Arguments: from, stride, to, stride, rows, columns, add."""

    def run(context, arguments):
        source, source_stride = arguments[0], arguments[1]
        target, target_stride = arguments[2], arguments[3]
        ws = buffer(real, context, c.WORKSPACE, 0)
        for b in range(arguments[4]):
            for j in range(arguments[5]):
                value = ws[source + b * source_stride + j]
                at = target + b * target_stride + j
                ws[at] = ws[at] + value if arguments[6] else value

    return network_call(run, "copy", real)


def clear_spare_rows(real) -> Kernel:
    """Rows that only fill a tile have no say: their slopes become 0.

    Arguments: rows, panels, slopes, their panel.
    """

    def run(context, arguments):
        rows, panels = arguments[0], arguments[1]
        slopes, panel = arguments[2], arguments[3]
        ws = buffer(real, context, c.WORKSPACE, 0)
        L = lanes(ws)
        for b in range(context[c.COUNT], rows):
            for p in range(panels):
                for j in range(L):
                    ws[slopes + p * panel + b * L + j] = 0

    return network_call(run, "clear-spare-rows", real)


def drop(real) -> Kernel:
    """Dropout: some of a layer's inputs become 0, the others grow to keep the mean.

    Arguments: rows, start, panel, hidden units, then the number of the place (layer and time), of
    the first unit, and of all units. They number every element that dropout can strike in a batch,
    place by place, window by window.
    """
    bits_of = register_jitable(random_bits)

    def run(context, arguments):
        rows, start, panel, hidden = arguments[0], arguments[1], arguments[2], arguments[3]
        place, unit, units = arguments[4], arguments[5], arguments[6]
        ws = buffer(real, context, c.WORKSPACE, 0)
        L = lanes(ws)
        limit = context[c.DROPOUT_LIMIT]
        seed = types.uint64(context[c.DROPOUT_SEED])
        grow = 1.0 / (1.0 - limit / 9223372036854775808.0)
        for b in range(rows):
            window = place * context[c.WINDOWS] + context[c.FIRST] + b
            for j in range(hidden):
                at = start + j // L * panel + b * L + j % L
                element = types.uint64(window * units + unit + j)
                if types.int64(bits_of(seed, element)) < limit:
                    ws[at] = 0
                else:
                    ws[at] *= grow

    return network_call(run, "drop", real)
