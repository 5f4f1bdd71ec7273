"""Covariates, categories, decoder, skip path, weights: kernels against differences and oracles."""

import numpy as np
import pytest
from conftest import named
from test_gradients import assert_slope, each_cell, each_dtype, each_shape, relative

from tsrnn.kernels import Columns
from tsrnn.kernels.reference import Reference
from tsrnn.losses import SquaredError

pytestmark = pytest.mark.kernels

COLUMNS = {
    "targets": Columns(2),
    "past": Columns(1, past=2),
    "known": Columns(1, known=3),
    "past categories": Columns(2, past_categories=(5,)),
    "known categories": Columns(1, known_categories=(2, 7)),
    "all": Columns(2, 1, 2, (3,), (4, 40)),
}
each_columns = pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
each_skip = pytest.mark.parametrize("skip", [0, 4])
each_strategy = pytest.mark.parametrize("decoder", [False, True], ids=["direct", "seq2seq"])


def assert_like_reference(engine, batch, tolerance, dropout=0.0, loss=None):
    reference = Reference(engine.architecture, named(engine.architecture, engine.parameters[0]))
    loss = loss or SquaredError()
    value = engine.loss_and_gradient({0: batch}, loss, dropout, seed=7)[0]
    wanted_value, wanted = reference.loss_and_gradient(batch, loss, dropout, seed=7)
    assert relative(value, wanted_value) <= tolerance
    found = named(engine.architecture, engine.gradient[0])
    assert set(found) == set(wanted)
    largest = max(np.abs(values).max(initial=0) for values in wanted.values())
    for name, values in wanted.items():
        assert np.abs(found[name] - values).max(initial=0) <= tolerance * largest, name
    assert relative(engine.predict({0: batch})[0], reference.predict(batch)) <= tolerance


@each_cell
@each_shape
@each_columns
@each_strategy
@each_skip
def test_kernels_agree_with_the_reference(
    problem, cell, layers, directions, columns, decoder, skip
):
    options = {"columns": columns, "decoder": decoder, "skip": skip, "horizon": 9}
    options["weighted"] = True
    engine, batch = problem(cell, layers, directions, **options)
    assert_like_reference(engine, batch, 1e-10, dropout=0.3)


@each_columns
@each_strategy
@each_dtype
@pytest.mark.parametrize("count", [1, 15, 70])
def test_every_size_of_batch(problem, columns, decoder, dtype, tolerance, count):
    options = {"columns": columns, "decoder": decoder, "count": count, "horizon": 20}
    engine, batch = problem("lstm", 2, 2, dtype, **options)
    assert_like_reference(engine, batch, tolerance)


@pytest.mark.parametrize("hidden", [1, 8, 17])
@pytest.mark.parametrize("horizon", [1, 5, 16, 33])
@pytest.mark.parametrize("targets", [1, 3, 16])
@each_strategy
def test_every_width_and_horizon(problem, hidden, horizon, targets, decoder):
    columns = Columns(targets, 1, 4, (3,), (6,))
    options = {"hidden": hidden, "horizon": horizon, "steps": 3}
    engine, batch = problem("gru", columns=columns, decoder=decoder, **options)
    assert_like_reference(engine, batch, 1e-10)


@pytest.mark.parametrize("skip", [1, 7, 15, 16, 40])
@pytest.mark.parametrize("horizon", [1, 5, 16, 33])
@pytest.mark.parametrize("targets", [1, 3, 16])
@each_strategy
def test_every_width_of_the_skip_path(problem, skip, horizon, targets, decoder):
    """Read from a window that is two rows longer."""
    options = {"horizon": horizon, "steps": skip + 2, "rows": 120, "count": 11}
    engine, batch = problem("gru", inputs=targets, decoder=decoder, skip=skip, **options)
    assert_like_reference(engine, batch, 1e-10)


@each_cell
@each_columns
@each_strategy
@each_skip
def test_gradient_is_the_slope_of_the_loss(problem, cell, columns, decoder, skip):
    options = {"columns": columns, "decoder": decoder, "skip": skip, "weighted": True}
    engine, batch = problem(cell, 2, 2, **options)
    assert_slope(engine, batch, SquaredError())


@each_cell
@each_columns
@each_strategy
@each_skip
@each_dtype
def test_kernels_agree_with_pytorch(problem, cell, columns, decoder, skip, dtype, tolerance):
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    options = {"columns": columns, "decoder": decoder, "skip": skip, "weighted": True}
    engine, batch = problem(cell, 2, 2, dtype, **options)
    assert_like_pytorch(torch, _forecast_with_pytorch, engine, batch, tolerance)


def assert_like_pytorch(torch, forecast, engine, batch, tolerance):
    """``forecast(torch, architecture, parameters, batch)`` gives (N, horizon, targets)."""
    theirs = {
        name: torch.from_numpy(values.astype("float64")).requires_grad_("skip" not in name)
        for name, values in named(engine.architecture, engine.parameters[0]).items()
    }
    predicted = forecast(torch, engine.architecture, theirs, batch)
    wanted_loss = _loss_with_pytorch(torch, engine.architecture, batch, predicted)
    wanted_loss.backward()
    assert (
        relative(engine.loss_and_gradient({0: batch}, SquaredError())[0], wanted_loss.item())
        < tolerance
    )
    found = named(engine.architecture, engine.gradient[0])
    slopes = {
        name: np.zeros(values.shape) if values.grad is None else values.grad.numpy()
        for name, values in theirs.items()
    }
    largest = max(np.abs(slope).max(initial=0) for slope in slopes.values())
    for name, slope in slopes.items():
        assert np.abs(found[name] - slope).max(initial=0) <= tolerance * largest, name
    flat = predicted.detach().numpy().reshape(batch.count, -1)
    assert relative(engine.predict({0: batch})[0], flat) <= tolerance


def _rows_with_pytorch(torch, batch, steps):
    """(N, steps, width)."""
    series = torch.from_numpy(batch.windows.series.astype("float64"))
    return series[torch.from_numpy(batch.windows.starts)[:, None] + steps]


def _normalised_with_pytorch(torch, batch, rows):
    """The targets in rows."""
    location, scale = (
        torch.from_numpy(values.astype("float64"))[:, None]
        for values in (batch.windows.location, batch.windows.inverse_scale)
    )
    return (rows[:, :, : batch.windows.targets] - location) * scale


def _loss_with_pytorch(torch, architecture, batch, predicted):
    after = batch.windows.steps + torch.arange(architecture.horizon)
    target = _normalised_with_pytorch(torch, batch, _rows_with_pytorch(torch, batch, after))
    weights = torch.from_numpy(batch.windows.weights.astype("float64"))
    weights = weights[torch.from_numpy(batch.windows.starts)[:, None] + after][..., None]
    return (weights * (predicted - target) ** 2).mean()


def inputs_with_pytorch(torch, architecture, parameters, batch):
    """What is read of each row of the windows (N, steps, I), and known of the steps to come."""
    columns, steps = architecture.columns, batch.windows.steps

    def vectors(values, tables):
        found = []
        for i in tables:
            codes = values[:, :, columns.numbers + i].long()
            vector = torch.nn.functional.embedding(codes.clamp(min=0), parameters[f"embedding.{i}"])
            found.append(torch.where(codes[..., None] < 0, torch.zeros_like(vector), vector))
        return found

    def lagged(places):
        rows = [_rows_with_pytorch(torch, batch, places + 1 - lag) for lag in architecture.lags]
        return [_normalised_with_pytorch(torch, batch, some) for some in rows]

    tables = range(len(columns.categories))
    first_known = columns.targets + columns.past
    here, ahead = torch.arange(steps), steps - 1 + torch.arange(architecture.horizon)
    past = _rows_with_pytorch(torch, batch, here)
    y = _normalised_with_pytorch(torch, batch, past)
    numbers = past[:, :, columns.targets : columns.numbers]
    x = [y, numbers, *lagged(here), *vectors(past, tables)]
    future = _rows_with_pytorch(torch, batch, ahead)
    known = [*lagged(ahead), *vectors(future, tables[len(columns.past_categories) :])]
    known = torch.cat([future[:, :, first_known : columns.numbers], *known], dim=2)
    return torch.cat(x, dim=2), known


def _forecast_with_pytorch(torch, architecture, parameters, batch):
    x, known = inputs_with_pytorch(torch, architecture, parameters, batch)
    _, states = run_with_pytorch(torch, architecture, parameters, "", x)
    weight, bias = parameters["head.weight"], parameters["head.bias"]
    if architecture.decoder:
        states = tuple(state.unflatten(0, (2, 2)).sum(dim=1) for state in states)
        h, _ = run_with_pytorch(torch, architecture, parameters, "decoder.", known, states)
        predicted = h @ weight.T + bias
    else:
        last = torch.cat(list(states[0][-2:]), dim=1)
        sizes = architecture.horizon, architecture.columns.targets
        predicted = (last @ weight.T + bias).unflatten(1, sizes)
        if known.shape[2]:
            own = parameters["head.known_weight"].reshape(*sizes, -1)
            predicted = predicted + torch.einsum("nkf,kcf->nkc", known, own)
    if architecture.skip:
        predicted = predicted + _skip_with_pytorch(torch, architecture, parameters, batch)
    return predicted


def _skip_with_pytorch(torch, architecture, parameters, batch):
    """A linear layer for each target, of its own last values: (N, horizon, targets)."""
    skip, targets = architecture.skip, architecture.columns.targets
    last = batch.windows.steps - skip + torch.arange(skip)
    lags = _normalised_with_pytorch(torch, batch, _rows_with_pytorch(torch, batch, last))
    paths = []
    for target in range(targets):
        weight, bias = (parameters[f"skip.{name}"][target::targets] for name in ("weight", "bias"))
        paths.append(torch.nn.functional.linear(lags[:, :, target], weight, bias))
    return torch.stack(paths, dim=2)


def run_with_pytorch(torch, architecture, parameters, prefix, x, states=None):
    kind = architecture.cell.split("_")[0].upper()
    options = {"nonlinearity": architecture.cell[4:]} if kind == "RNN" else {}
    if not x.shape[2]:  # PyTorch wants inputs; zeros do nothing
        x = torch.zeros(*x.shape[:2], 1, dtype=torch.float64)
        parameters = dict(parameters)
        name = prefix + "weight_ih_l0"
        parameters[name] = torch.zeros(len(parameters[name]), 1, dtype=torch.float64)
    net = getattr(torch.nn, kind)(
        x.shape[2],
        architecture.hidden_size,
        architecture.num_layers,
        batch_first=True,
        bidirectional=architecture.directions == 2 and not prefix,
        dtype=torch.float64,
        **options,
    )
    own = {name: parameters[prefix + name] for name, _ in net.named_parameters()}
    if states is not None:
        states = states if kind == "LSTM" else states[0]
    arguments = (x,) if states is None else (x, states)
    outputs, last = torch.func.functional_call(net, own, arguments)
    return outputs, last if kind == "LSTM" else (last,)
