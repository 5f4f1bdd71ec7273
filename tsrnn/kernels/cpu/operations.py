"""Which kernel each operation of a tape is."""

from tsrnn.kernels.cpu import data, passes
from tsrnn.kernels.cpu.native import Kernel, kernel
from tsrnn.kernels.cpu.products import DEPTH, GROUP, ROWS, UNROLL, multiply
from tsrnn.kernels.cpu.vectors import machine
from tsrnn.kernels.tape.calls import Operation
from tsrnn.kernels.tape.layout import Sizes

OPERATIONS = {
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
    "fill": data.fill,
    "copy": data.copy,
    "drop": data.drop,
    "rectify": passes.rectify,
    "rectify_backward": passes.rectify_backward,
    "multiply": multiply,
    "step_forward": passes.step_forward,
    "step_backward": passes.step_backward,
    "loss": passes.loss_pass,
}


def kernel_of(operation: Operation, real) -> Kernel:
    """The kernel, for buffers of numbers of type ``real``."""
    return kernel(OPERATIONS[operation.name], *operation.of, real)


def sizes_of(dtype) -> Sizes:
    """Of the products on this processor."""
    return Sizes(machine().lanes(dtype), ROWS, UNROLL, GROUP, DEPTH)
