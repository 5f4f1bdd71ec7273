"""Windows in, predictions out: between the caller's arrays and a tile's matrices."""

from numba import types

from tsrnn.kernels.cpu.buffers import INT, buffer, network_call
from tsrnn.kernels.cpu.native import Kernel, part_of_kernel
from tsrnn.kernels.cpu.vectors import lanes
from tsrnn.kernels.dropout import random_bits
from tsrnn.kernels.tape import context as c


def _windows(real):
    """Series, and starts, locations and inverse scales of the tile's windows, from the context."""

    @part_of_kernel
    def windows(context, targets):
        first = context[c.FIRST]
        return (
            buffer(real, context, c.SERIES, 0),
            buffer(INT, context, c.STARTS, first),
            buffer(real, context, c.LOCATION, first * targets),
            buffer(real, context, c.INVERSE_SCALE, first * targets),
        )

    return windows


def read_inputs(real) -> Kernel:
    """The normalised targets in one row of each window; no copy of a window is kept.

    Arguments: the row's place in the window, rows of the tile, targets, width of a row of the
    series; where the panel with the first input begins, its panel, the first input's lane.
    """
    windows = _windows(real)

    def run(context, arguments):
        row, rows, targets, width = arguments[0], arguments[1], arguments[2], arguments[3]
        inputs, panel, first = arguments[4], arguments[5], arguments[6]
        ws = buffer(real, context, c.WORKSPACE, 0)
        series, starts, location, scale = windows(context, targets)
        L = lanes(ws)
        for b in range(rows):
            window = min(b, context[c.COUNT] - 1)  # rows that only fill the tile repeat the last
            point = (starts[window] + row) * width
            for target in range(targets):
                n, column = window * targets + target, first + target
                at = inputs + column // L * panel + b * L + column % L
                ws[at] = (series[point + target] - location[n]) * scale[n]

    return network_call(run, "read-inputs", real)


def read_numbers(real) -> Kernel:
    """Numbers of one row of each window, as they are.

    Arguments: the row's place in the window, rows of the tile, width of a row of the series, its
    first column to read, how many; then as for ``read_inputs``.
    """

    def run(context, arguments):
        row, rows, width = arguments[0], arguments[1], arguments[2]
        source, count = arguments[3], arguments[4]
        inputs, panel, first = arguments[5], arguments[6], arguments[7]
        ws = buffer(real, context, c.WORKSPACE, 0)
        series = buffer(real, context, c.SERIES, source)
        starts = buffer(INT, context, c.STARTS, context[c.FIRST])
        L = lanes(ws)
        for b in range(rows):
            point = (starts[min(b, context[c.COUNT] - 1)] + row) * width
            for j in range(count):
                column = first + j
                ws[inputs + column // L * panel + b * L + column % L] = series[point + j]

    return network_call(run, "read-numbers", real)


def look_up(real) -> Kernel:
    """The vector of the category in one row of each window; zeros for an unknown one.

    Arguments: the row's place in the window, rows of the tile, width of a row of the series, the
    category's column, where the table begins, its width; then as for ``read_inputs``.
    """

    def run(context, arguments):
        row, rows, width, source = arguments[0], arguments[1], arguments[2], arguments[3]
        size, inputs, panel, first = arguments[5], arguments[6], arguments[7], arguments[8]
        ws = buffer(real, context, c.WORKSPACE, 0)
        series = buffer(real, context, c.SERIES, source)
        table = buffer(real, context, c.WEIGHTS, arguments[4])
        starts = buffer(INT, context, c.STARTS, context[c.FIRST])
        L = lanes(ws)
        for b in range(rows):
            window = starts[min(b, context[c.COUNT] - 1)]
            category = types.int64(series[(window + row) * width])
            for j in range(size):
                column = first + j
                at = inputs + column // L * panel + b * L + column % L
                if category < 0:
                    ws[at] = 0
                else:
                    ws[at] = table[category * size + j]

    return network_call(run, "look-up", real)


def add_to_table(real) -> Kernel:
    """The derivatives of the vectors that ``look_up`` found, on top of their table's.

    Arguments: the row's place in the window, width of a row of the series, the category's column,
    where the table's gradient begins, its width; the derivatives, their panel, the first's lane.
    """

    def run(context, arguments):
        row, width, source, size = arguments[0], arguments[1], arguments[2], arguments[4]
        derivatives, panel, first = arguments[5], arguments[6], arguments[7]
        ws = buffer(real, context, c.WORKSPACE, 0)
        series = buffer(real, context, c.SERIES, source)
        table = buffer(real, context, c.GRADIENT, arguments[3])
        starts = buffer(INT, context, c.STARTS, context[c.FIRST])
        L = lanes(ws)
        for b in range(context[c.COUNT]):
            category = types.int64(series[(starts[b] + row) * width])
            for j in range(size if category >= 0 else 0):
                column = first + j
                at = derivatives + column // L * panel + b * L + column % L
                table[category * size + j] += ws[at]

    return network_call(run, "add-to-table", real)


def clear_gradient(real) -> Kernel:
    """Zeros in part of the tile's gradient. Arguments: start, count."""

    def run(context, arguments):
        gradient = buffer(real, context, c.GRADIENT, arguments[0])
        for i in range(arguments[1]):
            gradient[i] = 0

    return network_call(run, "clear-gradient", real)


def read_targets(real) -> Kernel:
    """TARGET: the rows after each window, normalised like it; step-major, targets within.

    Arguments: the first such row's place, how much later that of the next position is, targets,
    width of a row of the series, positions, outputs of each; TARGET, its panel, its step from
    position to position.
    """
    windows = _windows(real)

    def run(context, arguments):
        first, ahead, targets, width = arguments[0], arguments[1], arguments[2], arguments[3]
        positions, outputs = arguments[4], arguments[5]
        target, panel, step = arguments[6], arguments[7], arguments[8]
        ws = buffer(real, context, c.WORKSPACE, 0)
        series, starts, location, scale = windows(context, targets)
        L = lanes(ws)
        for b in range(context[c.COUNT]):
            for p in range(positions):
                point = (starts[b] + first + p * ahead) * width
                row = target + p * step + b * L
                for k in range(targets):
                    level, factor = location[b * targets + k], scale[b * targets + k]
                    for s in range(outputs // targets):
                        o = s * targets + k
                        value = (series[point + s * width + k] - level) * factor
                        ws[row + o // L * panel + o % L] = value

    return network_call(run, "read-targets", real)


def read_weights(real) -> Kernel:
    """WEIGHT: how much the rows after each window count.

    Arguments: as for ``read_targets``, without the width of a row; WEIGHT, its panel, its step.
    """

    def run(context, arguments):
        first, ahead, targets = arguments[0], arguments[1], arguments[2]
        positions, outputs = arguments[3], arguments[4]
        weight, panel, step = arguments[5], arguments[6], arguments[7]
        ws = buffer(real, context, c.WORKSPACE, 0)
        weights = buffer(real, context, c.ROW_WEIGHTS, 0)
        starts = buffer(INT, context, c.STARTS, context[c.FIRST])
        L = lanes(ws)
        for b in range(context[c.COUNT]):
            for p in range(positions):
                point = starts[b] + first + p * ahead
                row = weight + p * step + b * L
                for s in range(outputs // targets):
                    for o in range(s * targets, (s + 1) * targets):
                        ws[row + o // L * panel + o % L] = weights[point + s]

    return network_call(run, "read-weights", real)


def read_lags(real) -> Kernel:
    """One normalised target in some rows of each window, side by side.

    Arguments: the first row's place in the window, how many, rows of the tile, the target, how many
    there are, width of a row of the series; LAGS, its panel.
    """
    windows = _windows(real)

    def run(context, arguments):
        first, lags, rows = arguments[0], arguments[1], arguments[2]
        target, targets, width = arguments[3], arguments[4], arguments[5]
        to, panel = arguments[6], arguments[7]
        ws = buffer(real, context, c.WORKSPACE, 0)
        series, starts, location, scale = windows(context, targets)
        L = lanes(ws)
        for b in range(rows):
            window = min(b, context[c.COUNT] - 1)
            point = (starts[window] + first) * width + target
            level, factor = location[window * targets + target], scale[window * targets + target]
            for t in range(lags):
                value = series[point + t * width]
                ws[to + t // L * panel + b * L + t % L] = (value - level) * factor

    return network_call(run, "read-lags", real)


def add_skipped(real) -> Kernel:
    """What the skip path makes of one target, on top of the first numbers in PREDICTED.

    Arguments: the target, how many there are, positions, outputs of each; SKIPPED, its panel;
    PREDICTED, its panel, its step.
    """

    def run(context, arguments):
        target, targets, positions, outputs = arguments[0], arguments[1], arguments[2], arguments[3]
        skipped, skipped_panel = arguments[4], arguments[5]
        predicted, panel, step = arguments[6], arguments[7], arguments[8]
        ws = buffer(real, context, c.WORKSPACE, 0)
        L = lanes(ws)
        ahead = outputs // targets
        for b in range(context[c.COUNT]):
            for p in range(positions):
                row = predicted + p * step + b * L
                for i in range(ahead):
                    k, o = p * ahead + i, i * targets + target
                    at = row + o // L * panel + o % L
                    ws[at] += ws[skipped + k // L * skipped_panel + b * L + k % L]

    return network_call(run, "add-skipped", real)


def read_scales(real) -> Kernel:
    """SCALE: what the targets of each window were divided by.

    Arguments: targets, positions, outputs of each; SCALE, its panel, its step.
    """
    windows = _windows(real)

    def run(context, arguments):
        targets, positions, outputs = arguments[0], arguments[1], arguments[2]
        scales, panel, step = arguments[3], arguments[4], arguments[5]
        ws = buffer(real, context, c.WORKSPACE, 0)
        inverse = windows(context, targets)[3]
        L = lanes(ws)
        for b in range(context[c.COUNT]):
            for p in range(positions):
                row = scales + p * step + b * L
                for o in range(outputs):
                    ws[row + o // L * panel + o % L] = 1 / inverse[b * targets + o % targets]

    return network_call(run, "read-scales", real)


def write_predictions(real) -> Kernel:
    """PREDICTED to the caller.

    Arguments: numbers of each value, positions, outputs of each, panels that those are; PREDICTED,
    its panel, its step.
    """

    def run(context, arguments):
        numbers, positions, outputs = arguments[0], arguments[1], arguments[2]
        panels, predicted, panel, step = arguments[3], arguments[4], arguments[5], arguments[6]
        ws = buffer(real, context, c.WORKSPACE, 0)
        size = numbers * positions * outputs
        predictions = buffer(real, context, c.PREDICTIONS, context[c.FIRST] * size)
        L = lanes(ws)
        for b in range(context[c.COUNT]):
            for n in range(numbers):
                for p in range(positions):
                    row = predicted + n * panels * panel + p * step + b * L
                    to = b * size + (n * positions + p) * outputs
                    for o in range(outputs):
                        predictions[to + o] = ws[row + o // L * panel + o % L]

    return network_call(run, "write-predictions", real)


def fill(real) -> Kernel:
    """The same number in part of a matrix. Arguments: start, rows, stride, columns, number."""

    def run(context, arguments):
        start, rows, stride = arguments[0], arguments[1], arguments[2]
        columns, number = arguments[3], arguments[4]
        ws = buffer(real, context, c.WORKSPACE, 0)
        for b in range(rows):
            for j in range(columns):
                ws[start + b * stride + j] = number

    return network_call(run, "fill", real)


def copy(real) -> Kernel:
    """Part of a matrix to another. Arguments: from, stride, to, stride, rows, columns, add."""

    def run(context, arguments):
        source, source_stride = arguments[0], arguments[1]
        target, target_stride = arguments[2], arguments[3]
        rows, columns, add = arguments[4], arguments[5], arguments[6]
        ws = buffer(real, context, c.WORKSPACE, 0)
        for b in range(rows):
            at, to = source + b * source_stride, target + b * target_stride
            if add:  # asked outside the inner loops, so that they become vectors
                for j in range(columns):
                    ws[to + j] += ws[at + j]
            else:
                for j in range(columns):
                    ws[to + j] = ws[at + j]

    return network_call(run, "copy", real)


def clear_spare_rows(real) -> Kernel:
    """Rows that only fill a tile have no say: their slopes become 0.

    Arguments: positions, rows, panels; slopes, their panel, their step.
    """

    def run(context, arguments):
        positions, rows, panels = arguments[0], arguments[1], arguments[2]
        slopes, panel, step = arguments[3], arguments[4], arguments[5]
        ws = buffer(real, context, c.WORKSPACE, 0)
        L = lanes(ws)
        for p in range(positions):
            for b in range(context[c.COUNT], rows):
                for j in range(panels):
                    for lane in range(L):
                        ws[slopes + p * step + j * panel + b * L + lane] = 0

    return network_call(run, "clear-spare-rows", real)


def drop(real) -> Kernel:
    """Dropout: some of a layer's inputs become 0, the others grow to keep the mean.

    Arguments: rows, start, panel, hidden units, then the number of the place (layer and time), of
    the first unit, and of all units. They number every element that dropout can strike in a batch,
    place by place, window by window.
    """
    bits_of = part_of_kernel(random_bits)

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
