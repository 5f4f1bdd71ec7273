"""What is traced into SIMD instructions computes what the same Python computes on NumPy arrays."""

import platform

import numpy as np
import pytest
from conftest import named
from numba import types
from numba.core import config
from numba.extending import intrinsic

from tsrnn.kernels import Turn
from tsrnn.kernels.cells import CELLS
from tsrnn.kernels.cpu import passes, vectors
from tsrnn.kernels.cpu.engine import aligned
from tsrnn.kernels.cpu.native import Kernel, kernel
from tsrnn.kernels.cpu.passes import optimizer_pass
from tsrnn.kernels.cpu.vectors import INT64, Memory, lanes, lanes_of, machine
from tsrnn.kernels.elementary import relu, sigmoid, slope_of_relu
from tsrnn.kernels.tape import context as c
from tsrnn.losses import LOSSES, Huber, Quantiles, SquaredError
from tsrnn.optimizers import OPTIMIZERS, Adam

pytestmark = pytest.mark.kernels

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.625, -0.625, 7.9, 7.91, 20.0, 40.0]


EACH_LOSS = [
    *(make() for make in LOSSES.values()),
    Huber(delta=0.3),
    Quantiles((0.2, 0.4, 0.7, 0.8)),
]


@pytest.fixture
def vectorised(monkeypatch, tmp_path):
    """Evaluates a function of numbers on arrays, a vector at a time."""
    # The cache knows the sources of the package alone, not those of a test.
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))

    def evaluate(function, *arrays):
        name = (
            f"test-{getattr(function, '__module__', 'numpy')}-{function.__name__}-{arrays[0].dtype}"
        )
        count = -(-len(arrays[0]) // 64) * 64
        buffer = np.zeros((len(arrays) + 1, count), arrays[0].dtype)
        for row, values in zip(buffer, arrays, strict=False):
            row[: len(values)] = values
        compiled = kernel(elementwise, function, name, len(arrays), numba_type(buffer.dtype))
        compiled.call(buffer.ctypes.data, count)
        return buffer[-1, : len(arrays[0])]

    return evaluate


def elementwise(function, name, inputs, real) -> Kernel:
    """``buffer[inputs] = function(*buffer[:inputs])`` for rows of ``count`` numbers."""

    @intrinsic
    def apply(typing_context, buffer, i, count):
        def codegen(context, builder, signature, arguments):
            pointer, i, count = arguments
            memory = Memory(builder, pointer, lanes_of(buffer))
            result = function(*memory.load_all(i, count, inputs))
            memory.store(result, builder.add(i, builder.mul(count, INT64(inputs))))
            return context.get_dummy_value()

        return types.void(buffer, types.int64, types.int64), codegen

    def run(buffer, count):
        for i in range(0, count, lanes(buffer)):
            apply(buffer, i, count)

    return Kernel(run, name, (types.CPointer(real), types.int64))


def numba_type(dtype):
    return getattr(types, np.dtype(dtype).name)


def numbers(dtype):
    """Of every sign and size, denormal ones too; many near 0; and the special ones."""
    bits = np.random.default_rng(0).integers(0, 2**64, 200_000, np.uint64)
    everywhere = bits.astype(np.uint32).view(np.float32) if dtype == "float32" else bits.view(dtype)
    info = np.finfo(dtype)
    edges = np.array([info.max / 2, info.tiny, info.eps, 0.625, 7.9], dtype)
    edges = np.concatenate([np.nextafter(edges, -edges), edges, np.nextafter(edges, 2 * edges)])
    pieces = [
        everywhere,
        np.linspace(-25, 25, 400_001),
        np.linspace(-1, 1, 200_001),
        info.smallest_subnormal * np.arange(-50, 51),
        edges,
        -edges,
        SPECIAL,
    ]
    return np.concatenate([np.asarray(piece, dtype) for piece in pieces])


def pairs(dtype):
    """Every special number with every other, and many at random."""
    random = np.random.default_rng(1)
    x, y = np.meshgrid(np.asarray(SPECIAL, dtype), np.asarray(SPECIAL, dtype))
    more = random.normal(size=(2, 10_000)).astype(dtype)
    return np.append(x.ravel(), more[0]), np.append(y.ravel(), more[1])


def assert_same(found, wanted):
    """The same numbers to the last bit, but for the signs of zeros."""
    np.testing.assert_array_equal(found, wanted.astype(found.dtype))


# Functions


@each_dtype
def test_tanh(vectorised, dtype):
    x = numbers(dtype)
    with np.errstate(all="ignore"):  # of signalling NaNs
        wanted = np.tanh(x.astype(np.longdouble))
    found = vectorised(np.tanh, x)
    assert np.array_equal(np.isnan(found), np.isnan(x))
    error = np.nanmax(np.abs(found - wanted))
    assert error <= {"float32": 3e-7, "float64": 4e-16}[dtype]
    assert np.nanmax(np.abs(found)) <= 1


@each_dtype
def test_tanh_is_odd_and_accurate_near_zero(vectorised, dtype):
    smallest = np.log10(np.finfo(dtype).tiny) + 6  # intermediate results are smaller still
    exponents = np.linspace(smallest, -1, 100_000)
    x = (10**exponents).astype(dtype)
    found = vectorised(np.tanh, x)
    relative = np.abs(found / np.tanh(x.astype(np.longdouble)) - 1).max()
    assert relative <= {"float32": 4e-7, "float64": 4e-16}[dtype]
    assert_same(vectorised(np.tanh, -x), -found)


@each_dtype
def test_sigmoid(vectorised, dtype):
    x = numbers(dtype)
    with np.errstate(all="ignore"):
        wanted = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    found = vectorised(sigmoid, x)
    assert np.array_equal(np.isnan(found), np.isnan(x))
    assert np.nanmax(np.abs(found - wanted)) <= {"float32": 3e-7, "float64": 4e-16}[dtype]


def ulps(found, wanted):
    """Errors in units in the last place, of results that the type can hold in full."""
    info = np.finfo(found.dtype)
    held = np.isfinite(wanted) & (np.abs(wanted) >= info.tiny) & (np.abs(wanted) <= info.max)
    return np.abs(found[held] / wanted[held] - 1).max() / info.eps


@each_dtype
@pytest.mark.parametrize("function", [np.exp, np.log, np.log1p], ids=lambda f: f.__name__)
def test_exponential_and_logarithms(vectorised, dtype, function):
    x = numbers(dtype)
    ends = np.log([float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)])
    more = np.linspace(*ends, 100_000), np.geomspace(1e-9, 1e9, 10_000)
    x = np.concatenate([x, *(each.astype(dtype) for each in more)])
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.longdouble))
        wanted = function(x)
    found = vectorised(function, x)
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    assert np.array_equal(np.isinf(found), np.isinf(wanted))
    assert np.array_equal(np.sign(found[wanted == 0]), wanted[wanted == 0])
    assert ulps(found, exact) <= 2.5


def test_exp_inside_tanh(vectorised):
    x = np.linspace(0, 40, 1_000_001)
    found = vectorised(vectors._exp_double, x)
    assert np.abs(found / np.exp(x.astype(np.longdouble)) - 1).max() <= 4e-16


@each_dtype
@pytest.mark.parametrize("function", [np.sqrt, np.absolute, np.sign, relu, slope_of_relu])
def test_exact_functions(vectorised, dtype, function):
    x = numbers(dtype)
    with np.errstate(all="ignore"):
        wanted = function(x)
    assert_same(vectorised(function, x), wanted)


@each_dtype
@pytest.mark.parametrize("function", [np.sqrt, np.absolute])
def test_signs_of_zeros(vectorised, dtype, function):
    zeros = np.array([0.0, -0.0], dtype)
    assert np.array_equal(np.signbit(vectorised(function, zeros)), np.signbit(function(zeros)))


@each_dtype
@pytest.mark.parametrize("function", [np.maximum, np.minimum])
def test_larger_and_smaller_of_two(vectorised, dtype, function):
    x, y = pairs(dtype)
    assert_same(vectorised(function, x, y), function(x, y))


def arithmetic(x, y):
    return 2.0 / (1.0 - x) + (3.0 * y - x) / y * 0.25 - (-x)


@each_dtype
def test_arithmetic_with_numbers_on_either_side(vectorised, dtype):
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        wanted = arithmetic(x, y)
    found = vectorised(arithmetic, x, y)
    tame = np.isfinite(wanted) & (np.abs(wanted) < 100)  # products and sums may be fused
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_allclose(found[tame], wanted[tame], atol=200 * np.finfo(dtype).eps)


def test_what_has_no_instruction_is_refused(vectorised):
    with pytest.raises(TypeError, match="arctan"):
        vectorised(np.arctan, np.zeros(1, np.float32))


# Denormal numbers


@each_dtype
def test_derivatives_that_vanish_are_zero_and_the_caller_keeps_denormals(problem, dtype):
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("only x86 is told to flush denormals")
    tiny = np.finfo(dtype).tiny
    engine, batch = problem("rnn_tanh", dtype=dtype)
    named(engine.architecture, engine.parameters[0])["head.weight"][:] = tiny / 100
    engine.loss_and_gradient({0: batch}, SquaredError())[0]
    gradient = named(engine.architecture, engine.gradient[0])
    assert gradient["head.weight"].all()
    assert not gradient["weight_ih_l0"].any()
    gradient, memory = aligned((64,), dtype), aligned((2, 64), dtype)
    gradient[:] = tiny**0.51
    optimize(Adam(), aligned((64,), dtype), gradient, memory, 64)
    assert memory[0].all()
    assert not memory[1].any()
    assert np.array([tiny], dtype) * np.array([0.5], dtype) > 0


# Passes


class Workspace:
    """Arrays side by side in one buffer, for a kernel that takes a context and arguments."""

    def __init__(self, dtype, **arrays):
        sizes = [values.size for values in arrays.values()]
        starts = np.cumsum([0, *sizes])
        self.buffer = np.concatenate([values.ravel() for values in arrays.values()], dtype=dtype)
        self.at = dict(zip(arrays, starts.tolist(), strict=False))
        self.arrays = {
            name: self.buffer[start : start + values.size].reshape(values.shape)
            for (name, values), start in zip(arrays.items(), starts, strict=False)
        }

    def __getitem__(self, name):
        return self.arrays[name]

    def call(self, make, *what, arguments, **fields):
        context = np.zeros(c.SIZE, np.int64)
        context[c.WORKSPACE] = self.buffer.ctypes.data
        for name, value in fields.items():
            context[getattr(c, name)] = value
        arguments = np.array(arguments, np.int64)
        compiled = kernel(make, *what, numba_type(self.buffer.dtype))
        compiled.call(context.ctypes.data, arguments.ctypes.data)


def assert_close(found, wanted):
    tolerance = {"float32": 2e-6, "float64": 4e-15}[found.dtype.name]
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@each_dtype
@pytest.mark.parametrize("cell", CELLS)
def test_cells(dtype, cell):
    random = np.random.default_rng(0)
    equations, units, rows, width = CELLS[cell], 2, 3, machine().lanes(dtype)
    blocks, states = equations.blocks, equations.states

    def some(count):
        return random.normal(0, 2, (count, units, rows, width)).astype(dtype)

    z, state, dstate = some(blocks), some(states), some(states)
    # Panels of h are twice as long as those of z, and those of dz thrice: steps lie side by side.
    h = np.stack([state[0], np.zeros_like(state[0])], axis=1)
    new_c, dz = np.zeros_like(state[1:]), np.zeros((blocks, units, 3, rows, width), dtype)
    ws = Workspace(dtype, z=z, h=h, c=state[1:], new_c=new_c, dstate=dstate, dz=dz)
    panel, at = rows * width, ws.at

    def step(unit):  # each on its own, as crews do them
        numbers = [rows, 1, units, *(at[name] + unit * panel for name in ("z", "c", "new_c"))]
        h = at["h"] + unit * 2 * panel
        return [*numbers, panel, h, h + panel, 2 * panel]

    for unit in range(units):
        ws.call(passes.step_forward, cell, arguments=step(unit))
    saved, new_state = equations.forward(tuple(z), tuple(state))
    assert_close(ws["z"], np.stack(saved))
    assert_close(ws["h"][:, 1], new_state[0])
    for found, wanted in zip(ws["new_c"], new_state[1:], strict=True):
        assert_close(found, wanted)

    for unit in range(units):
        back = [at["dstate"] + unit * panel, at["dz"] + panel + unit * 3 * panel, 3 * panel]
        ws.call(passes.step_backward, cell, arguments=step(unit) + back)
    dblocks, dold = equations.backward(saved, tuple(state), new_state, tuple(dstate))
    assert_close(ws["z"], np.stack(saved))
    assert_close(ws["dz"][:, :, 1], np.stack(dblocks))
    assert not ws["dz"][:, :, [0, 2]].any()
    assert_close(ws["dstate"], np.stack(dold))


@each_dtype
@pytest.mark.parametrize("loss", EACH_LOSS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(dtype, loss, weighted):
    """The last vector stands for two outputs; what else is in it counts for nothing."""
    random = np.random.default_rng(0)
    panels, positions, rows, count, width = 3, 2, 4, 3, machine().lanes(dtype)
    windows, outputs = 70, (panels - 1) * width + 2
    shape = (loss.numbers + 3, panels, positions, rows, width)
    *predicted, target, weight, scale = random.normal(size=shape).astype(dtype)
    predicted = np.stack(predicted)
    weight, scale = np.abs(weight), np.abs(scale)
    if loss.units == "counts":
        target = np.abs(target)
    predicted[0, 0, 0, :2] = target[0, 0, :2]  # at the kinks
    ws = Workspace(dtype, predicted=predicted, target=target, weight=weight, scale=scale)
    total, settings = np.full(2, np.nan), np.array(loss.settings)
    ws.call(
        passes.loss_pass,
        type(loss),
        len(settings),
        weighted,
        arguments=[
            *(positions, outputs, panels),
            *(ws.at["predicted"], ws.at["target"], ws.at["weight"], ws.at["scale"]),
            *(positions * rows * width, rows * width),
        ],
        COUNT=count,
        VALUE_COUNT=windows * positions * outputs,
        TILE=1,
        LOSSES=total.ctypes.data,
        LOSS_SETTINGS=settings.ctypes.data,
    )
    exact = [values.astype(np.float64) for values in (predicted, target, scale)]
    counts = weight * (np.arange(panels * width) < outputs).reshape(panels, 1, 1, width)
    counts = counts[:, :, :count] if weighted else counts[:, :, :count] / weight[:, :, :count]
    output, *known = (values[..., :count, :] for values in exact)
    wanted = counts * np.stack(loss.slope(tuple(output), *known)) / (windows * positions * outputs)
    value = (counts * loss.value(tuple(output), *known)).sum()
    tolerance = {"float32": 2e-5, "float64": 1e-13}[dtype]
    np.testing.assert_allclose(total[1], value, rtol=tolerance)
    limit = tolerance * np.abs(wanted).max()
    np.testing.assert_allclose(ws["predicted"][..., :count, :], wanted, rtol=tolerance, atol=limit)
    assert np.isnan(total[0])
    assert np.array_equal(ws["predicted"][..., count:, :], predicted[..., count:, :])


@each_dtype
@pytest.mark.parametrize("loss", LOSSES)
def test_a_forecast_that_is_nan_has_a_loss_and_a_slope_that_are_nan(vectorised, dtype, loss):
    loss, output = LOSSES[loss](), np.array([np.nan, 1.0], dtype)
    truth = np.array([2.0, 2.0], dtype)

    def value(*arguments):
        *outputs, truth = arguments
        return loss.value(tuple(outputs), truth)

    def slope(*arguments):
        *outputs, truth = arguments
        return loss.slope(tuple(outputs), truth)[0]

    for function in (value, slope):
        function.__name__ += type(loss).__name__  # LLVM tells kernels apart by name
        found = vectorised(function, *[output] * loss.numbers, truth)
        assert np.isnan(found).tolist() == [True, False]


# Optimizers

STEPS = 5
OPTIMIZERS_OF_PYTORCH = {
    "sgd": "SGD",
    "momentum": "SGD",
    "nesterov": "SGD",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamw": "AdamW",
}
NOT_TRAINED = 7.0  # what a pull toward 0 would show in


def optimizer_of(name):
    return OPTIMIZERS[name](weight_decay=0.1)


def weights_and_gradients(dtype):
    random = np.random.default_rng(0)
    return random.normal(size=33).astype(dtype), random.normal(size=(STEPS, 33)).astype(dtype)


def optimize(optimizer, weights, gradient, memory, count, scale=1.0):
    """One step by the kernel for the first ``count`` weights; arrays are aligned."""
    settings = Turn(None, optimizer, np.zeros(1)).settings
    real = types.float32 if weights.itemsize == 4 else types.float64
    buffers = (weights, gradient, memory, settings)
    addresses = [array.ctypes.data for array in buffers]
    sizes = count, memory.shape[1]
    kernel(optimizer_pass, type(optimizer), real).call(*addresses, *sizes, scale)


def kernel_steps(name, dtype, scale=1.0):
    """The weights after each step that the kernel makes."""
    start, gradients = weights_and_gradients(dtype)
    size, count = 48, len(start)
    weights, gradient = aligned((size,), dtype), aligned((size,), dtype)
    weights[:count], weights[count:] = start, NOT_TRAINED
    optimizer = optimizer_of(name)
    memory, found = aligned((max(optimizer.memories, 1), size), dtype), []
    for step, slopes in enumerate(gradients, 1):
        gradient[:count] = slopes
        optimize(optimizer.at(step, 0.01 / step), weights, gradient, memory, count, scale)
        found.append(weights[:count].copy())
        np.testing.assert_array_equal(weights[count:], NOT_TRAINED)
    return np.stack(found)


def numpy_steps(name, dtype, scale=1.0):
    """The same, by the same functions on arrays."""
    weights, gradients = weights_and_gradients("float64")
    weights = weights.astype(dtype).astype("float64")
    optimizer = optimizer_of(name)
    memory, found = (0.0,) * optimizer.memories, []
    for step, gradient in enumerate(gradients.astype(dtype).astype("float64"), 1):
        now = optimizer.at(step, 0.01 / step)
        weights, memory = now.update(weights, gradient * scale, memory)
        found.append(weights)
    return np.stack(found)


def torch_steps(name, dtype, scale=1.0):
    """The same, by PyTorch."""
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    more = {"momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9, "nesterov": True}}
    weights, gradients = weights_and_gradients(dtype)
    parameter = torch.nn.Parameter(torch.from_numpy(weights.copy()))
    kind = getattr(torch.optim, OPTIMIZERS_OF_PYTORCH[name])
    optimizer, found = kind([parameter], lr=0.01, weight_decay=0.1, **more.get(name, {})), []
    for step, gradient in enumerate(gradients, 1):
        optimizer.param_groups[0]["lr"] = 0.01 / step
        parameter.grad = torch.from_numpy(gradient * gradient.dtype.type(scale))
        optimizer.step()
        found.append(parameter.detach().numpy().copy())
    return np.stack(found)


@each_dtype
@pytest.mark.parametrize(
    ("oracle", "name"),
    [(numpy_steps, name) for name in OPTIMIZERS]
    + [(torch_steps, name) for name in OPTIMIZERS_OF_PYTORCH],
)
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_optimizers(name, dtype, scale, oracle):
    found, wanted = kernel_steps(name, dtype, scale), oracle(name, dtype, scale)
    tolerance = {"float32": 1e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)
