"""Which code each operation of a tape is."""

from collections.abc import Callable

from tsrnn.kernels.cuda import data, passes
from tsrnn.kernels.cuda.device import LANES, TILE_ROWS, UNROLL
from tsrnn.kernels.cuda.products import hold, multiply
from tsrnn.kernels.tape.calls import Operation
from tsrnn.kernels.tape.layout import Sizes

# As they are, and made for what an operation is made from.
_PLAIN: dict[str, Callable] = {
    "read_inputs": data.read_inputs,
    "read_numbers": data.read_numbers,
    "read_targets": data.read_targets,
    "read_weights": data.read_weights,
    "read_scales": data.read_scales,
    "look_up": data.look_up,
    "add_to_table": data.add_to_table,
    "clear_gradient": data.clear_gradient,
    "read_lags": data.read_lags,
    "add_skipped": data.add_skipped,
    "write_predictions": data.write_predictions,
    "clear_spare_rows": data.clear_spare_rows,
    "wait": data.wait,
    "fill": data.fill,
    "copy": data.copy,
    "drop": data.drop,
}
_MADE: dict[str, Callable] = {
    "rectify": passes.rectify,
    "rectify_backward": passes.rectify_backward,
    "step_forward": passes.step_forward,
    "step_backward": passes.step_backward,
    "loss": passes.loss_pass,
}
# Rows whose derivatives stay in the cache until the gradient of the weights is taken.
_DEPTH = 256
SIZES = Sizes(LANES, TILE_ROWS, UNROLL, LANES, _DEPTH)


def code_of(operation: Operation, real, precision: str) -> Callable:
    """What a block does, for numbers of type ``real``."""
    if operation.name in _PLAIN:
        return _PLAIN[operation.name]
    if operation.name == "multiply":
        return multiply(*operation.of, real, precision)
    if operation.name == "hold":
        return hold(precision)
    if operation.name == "multiply_held":
        return multiply(False, real, precision, held=True)
    return _MADE[operation.name](*operation.of, real)
