"""The kernels against central differences, against the reference, and against PyTorch."""

import numpy as np
import pytest
from conftest import CELLS_OF_PYTORCH, named

from tsrnn.kernels.cells import CELLS
from tsrnn.kernels.reference import Reference
from tsrnn.losses import LOSSES, SquaredError

pytestmark = pytest.mark.kernels

SHAPES = [(1, 1), (1, 2), (2, 1), (3, 2)]  # layers, directions
each_cell = pytest.mark.parametrize("cell", CELLS)
each_shape = pytest.mark.parametrize(("layers", "directions"), SHAPES)
each_dtype = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)]
)


def relative(found, wanted):
    return np.abs(found - wanted).max() / np.abs(wanted).max()


def assert_slope(engine, batch, loss):
    """The gradient against central differences of the loss, in four directions of training."""
    engine.loss_and_gradient({0: batch}, loss)[0]
    gradient, start = engine.gradient[0].copy(), engine.parameters[0].copy()
    random, size = np.random.default_rng(1), 1e-5
    for _ in range(4):  # a direction tests all parameters at once
        direction = random.normal(size=gradient.size)
        direction[engine.architecture.n_trainable :] = 0
        direction /= np.linalg.norm(direction)
        losses = []
        for side in (2, 1, -1, -2):
            engine.parameters[:] = start + side * size * direction
            losses.append(engine.loss({0: batch}, loss)[0])
        engine.parameters[:] = start
        slope = (-losses[0] + 8 * losses[1] - 8 * losses[2] + losses[3]) / (12 * size)
        assert abs(gradient @ direction - slope) <= 1e-7 * np.linalg.norm(gradient)


@each_cell
@each_shape
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_is_the_slope_of_the_loss(problem, cell, layers, directions, loss):
    loss = LOSSES[loss]()
    options = {"numbers": loss.numbers, "counts": loss.units == "counts"}
    engine, batch = problem(cell, layers, directions, **options)
    assert_slope(engine, batch, loss)


@each_cell
@each_shape
@each_dtype
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_kernels_agree_with_the_reference(
    problem, cell, layers, directions, dtype, tolerance, dropout
):
    engine, batch = problem(cell, layers, directions, dtype)
    reference = Reference(engine.architecture, named(engine.architecture, engine.parameters[0]))
    loss = engine.loss_and_gradient({0: batch}, SquaredError(), dropout, seed=7)[0]
    wanted_loss, wanted = reference.loss_and_gradient(batch, SquaredError(), dropout, seed=7)
    assert relative(loss, wanted_loss) <= tolerance
    found = named(engine.architecture, engine.gradient[0])
    for name, values in wanted.items():
        assert relative(found[name], values) <= tolerance, name
    assert relative(engine.predict({0: batch})[0], reference.predict(batch)) <= tolerance


@each_cell
@pytest.mark.parametrize("count", [1, 8, 15, 33, 63, 64, 70, 129])
def test_every_size_of_batch(problem, cell, count):
    engine, batch = problem(cell, 2, 2, count=count)
    reference = Reference(engine.architecture, named(engine.architecture, engine.parameters[0]))
    engine.loss_and_gradient({0: batch}, SquaredError(), 0.3, seed=3)[0]
    _, wanted = reference.loss_and_gradient(batch, SquaredError(), 0.3, seed=3)
    found = named(engine.architecture, engine.gradient[0])
    for name, values in wanted.items():
        assert relative(found[name], values) <= 1e-10, name


@pytest.mark.parametrize("hidden", [1, 2, 7, 8, 16, 17, 33, 64])
@pytest.mark.parametrize("inputs", [1, 3, 7, 15, 16, 20])
def test_every_width(problem, hidden, inputs):
    engine, batch = problem("gru", 2, 1, inputs=inputs, hidden=hidden, horizon=2, steps=3)
    reference = Reference(engine.architecture, named(engine.architecture, engine.parameters[0]))
    engine.loss_and_gradient({0: batch}, SquaredError())[0]
    _, wanted = reference.loss_and_gradient(batch, SquaredError())
    found = named(engine.architecture, engine.gradient[0])
    for name, values in wanted.items():
        assert relative(found[name], values) <= 1e-10, name


@pytest.mark.parametrize("cell", CELLS_OF_PYTORCH)
@each_shape
@each_dtype
@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_kernels_agree_with_pytorch(problem, cell, layers, directions, dtype, tolerance, loss):
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    engine, batch = problem(cell, layers, directions, dtype)
    architecture = engine.architecture
    kind = getattr(torch.nn, cell.split("_")[0].upper())
    options = {"nonlinearity": cell.split("_")[1]} if cell.startswith("rnn") else {}
    net = kind(
        architecture.inputs,
        architecture.hidden_size,
        layers,
        bidirectional=directions == 2,
        dtype=torch.float64,
        **options,
    )
    head = torch.nn.Linear(architecture.features, architecture.outputs, dtype=torch.float64)
    theirs = dict(net.named_parameters())
    theirs |= {f"head.{name}": values for name, values in head.named_parameters()}
    ours = named(architecture, engine.parameters[0])
    assert list(theirs) == list(ours)
    with torch.no_grad():
        for name, values in ours.items():
            theirs[name].copy_(torch.from_numpy(values.astype("float64")))
    x, y = _normalised(batch, architecture.outputs)
    _, last = net(torch.from_numpy(x))
    last = last[0] if cell == "lstm" else last
    predicted = head(torch.cat(list(last[-directions:]), dim=1))
    function = {
        "mse": torch.nn.functional.mse_loss,
        "mae": torch.nn.functional.l1_loss,
        "huber": torch.nn.functional.huber_loss,
    }[loss]
    wanted_loss = function(predicted, torch.from_numpy(y))
    wanted_loss.backward()
    found_loss = engine.loss_and_gradient({0: batch}, LOSSES[loss]())[0]
    assert relative(found_loss, wanted_loss.item()) <= tolerance
    largest = max(float(values.grad.abs().max()) for values in theirs.values())
    found = named(architecture, engine.gradient[0])
    for name, values in theirs.items():
        assert np.abs(found[name] - values.grad.numpy()).max() <= tolerance * largest, name
    assert relative(engine.predict({0: batch})[0], predicted.detach().numpy()) <= tolerance


def _normalised(batch, outputs):
    """Time-major inputs and flat targets, in float64."""
    windows, steps = batch.windows, batch.windows.steps
    x, y = [], []
    for n, start in enumerate(windows.starts):
        values = windows.series[start : start + steps + outputs // windows.targets]
        values = (values.astype("float64") - windows.location[n]) * windows.inverse_scale[n]
        x.append(values[:steps])
        y.append(values[steps:].ravel())
    return np.stack(x, axis=1), np.stack(y)
