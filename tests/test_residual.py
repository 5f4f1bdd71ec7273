"""``residual``: from the second layer on, what a layer reads is handed up beside what it gives."""

import pytest
from small import daily, says, small, wave
from test_covariate_gradients import (
    assert_like_pytorch,
    assert_like_reference,
    each_strategy,
    inputs_with_pytorch,
)
from test_gradients import assert_slope, each_cell, each_dtype

import tsrnn
from tsrnn.kernels import Columns
from tsrnn.losses import SquaredError

COLUMNS = Columns(2, 1, 2, (3,), (4,))
each_depth = pytest.mark.parametrize("layers", [1, 2, 4])
each_direction = pytest.mark.parametrize("directions", [1, 2])


@pytest.mark.kernels
@each_cell
@each_depth
@each_direction
@each_strategy
def test_gradient_is_the_slope_of_the_loss(problem, cell, layers, directions, decoder):
    options = {"columns": COLUMNS, "decoder": decoder, "residual": True}
    engine, batch = problem(cell, layers, directions, **options)
    assert_slope(engine, batch, SquaredError())


@pytest.mark.kernels
@each_depth
@each_direction
@pytest.mark.parametrize("more", [{}, {"decoder": True}, {"segment": 3}, {"skip": 4}])
@pytest.mark.parametrize("count", [1, 70])
def test_kernels_agree_with_the_reference(problem, layers, directions, more, count):
    options = {"columns": COLUMNS, "count": count, "residual": True, "weighted": True, **more}
    engine, batch = problem("lstm", layers, directions, **options)
    assert_like_reference(engine, batch, 1e-10, dropout=0.3)


@pytest.mark.kernels
@each_cell
@each_depth
@each_direction
@each_dtype
def test_kernels_agree_with_pytorch(problem, cell, layers, directions, dtype, tolerance):
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    options = {"columns": COLUMNS, "residual": True, "weighted": True}
    engine, batch = problem(cell, layers, directions, dtype, **options)
    assert_like_pytorch(torch, forecast_with_pytorch, engine, batch, tolerance)


def forecast_with_pytorch(torch, architecture, parameters, batch):
    """Layer by layer, each a network of PyTorch's of its own."""
    kind = architecture.cell.split("_")[0].upper()
    options = {"nonlinearity": architecture.cell[4:]} if kind == "RNN" else {}
    options |= {"bidirectional": architecture.directions == 2, "dtype": torch.float64}
    x, known = inputs_with_pytorch(torch, architecture, parameters, batch)
    for layer in range(architecture.num_layers):
        sizes = x.shape[2], architecture.hidden_size
        net = getattr(torch.nn, kind)(*sizes, batch_first=True, **options)
        names = {name: name.replace("_l0", f"_l{layer}") for name, _ in net.named_parameters()}
        own = {name: parameters[ours] for name, ours in names.items()}
        outputs, _ = torch.func.functional_call(net, own, (x,))
        x = outputs + x if layer > 0 else outputs
    forward, *reverse = x.split(architecture.hidden_size, dim=2)
    last = torch.cat([forward[:, -1], *(part[:, 0] for part in reverse)], dim=1)
    sizes = architecture.horizon, architecture.columns.targets
    predicted = (last @ parameters["head.weight"].T + parameters["head.bias"]).unflatten(1, sizes)
    known_weight = parameters["head.known_weight"].reshape(*sizes, -1)
    return predicted + torch.einsum("nkf,kcf->nkc", known, known_weight)


def test_it_is_another_network_only_with_several_layers():
    for num_layers, same in ((1, True), (2, False)):
        plain, residual = (
            small(num_layers=num_layers, residual=residual).fit(wave()).predict()
            for residual in (False, True)
        )
        assert (plain == residual).all() == same


@pytest.mark.parametrize(
    "more", [{"supervision": "sequence"}, {"segment_length": 3}, {"strategy": "seq2seq"}]
)
def test_it_goes_with_other_switches_and_is_saved(more, tmp_path):
    settings = {"num_layers": 3, "residual": True, "dropout": 0.2, "horizon": 3}
    forecaster = small(**settings, **more).fit(daily())
    forecaster.save(tmp_path / "model")
    assert tsrnn.load(tmp_path / "model").predict().equals(forecaster.predict())


def test_a_network_that_has_learned_stays_what_it_is():
    forecaster = small(num_layers=2).partial_fit(daily())
    with pytest.raises(ValueError, match=says("residual was False, now True")):
        forecaster.set_params(residual=True).partial_fit(daily())
