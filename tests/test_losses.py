"""The losses themselves: against differences, PyTorch and SciPy; and in the kernels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special
from test_covariate_gradients import COLUMNS, assert_like_reference
from test_gradients import assert_slope, each_dtype

from tsrnn.kernels.elementary import digamma_difference, log_gamma_ratio, softplus
from tsrnn.losses import LOSSES, Huber, Quantiles, RelativeError

DECILES = Quantiles(tuple(np.arange(0.1, 0.95, 0.1).tolist()))
EACH_LOSS = [make() for make in LOSSES.values()] + [Huber(0.3), DECILES, Quantiles((0.3,))]
each_loss = pytest.mark.parametrize("loss", EACH_LOSS, ids=str)


def examples(loss, count=2000):
    """Numbers of the network, truths and scales; counts where those are wanted."""
    random = np.random.default_rng(0)
    output = tuple(random.normal(0, 2, (loss.numbers, count)))
    truth, scale = random.normal(0, 2, count), random.uniform(0.5, 3, count)
    if loss.units == "counts":
        truth = random.poisson(3, count) / scale
    return output, truth, scale


@each_loss
def test_slopes_are_those_of_the_value(loss):
    output, truth, scale = examples(loss)
    size = 1e-4
    for place, slope in enumerate(loss.slope(output, truth, scale)):
        values = []
        for side in (2, 1, -1, -2):
            moved = list(output)
            moved[place] = output[place] + side * size
            values.append(loss.value(tuple(moved), truth, scale))
        wanted = (-values[0] + 8 * values[1] - 8 * values[2] + values[3]) / (12 * size)
        smooth = np.abs(slope - wanted) <= 1e-7 * (1 + np.abs(wanted))
        assert smooth.mean() > 0.995  # the others have a kink within four steps
        assert smooth.all() or type(loss).__name__ in KINKED


KINKED = {"AbsoluteError", "Huber", "RelativeError", "ScaledError", "Quantiles"}


@each_loss
def test_losses_agree_with_pytorch(loss):
    torch = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed")
    output, truth, scale = examples(loss)
    theirs = [torch.from_numpy(each).requires_grad_() for each in output]
    values = with_pytorch(torch, loss, theirs, torch.from_numpy(truth), torch.from_numpy(scale))
    values.sum().backward()
    found = loss.value(output, truth, scale)
    np.testing.assert_allclose(found, values.detach().numpy(), rtol=1e-9, atol=1e-10)
    for slope, each in zip(loss.slope(output, truth, scale), theirs, strict=True):
        np.testing.assert_allclose(slope, each.grad.numpy(), rtol=1e-8, atol=1e-9)


def with_pytorch(torch, loss, output, truth, scale):
    first, error, count = output[0], output[0] - truth, (truth * scale).round()
    positive = [torch.nn.functional.softplus(each) + 1e-4 for each in output]
    kind, distributions = type(loss).__name__, torch.distributions
    if kind == "Quantiles":
        return pinball(torch, loss.levels, output, truth)
    if kind == "Huber":
        return torch.nn.functional.huber_loss(first, truth, reduction="none", delta=loss.delta)
    if kind == "NegativeBinomial":
        mean, dispersion = positive[0] * scale, positive[1]
        logits = torch.log(mean * dispersion)
        return -distributions.NegativeBinomial(1 / dispersion, logits=logits).log_prob(count)
    if kind in ("Gaussian", "StudentT", "Poisson"):
        distribution = {
            "Gaussian": lambda: distributions.Normal(first, positive[1]),
            "StudentT": lambda: distributions.StudentT(loss.DEGREES, first, positive[1]),
            "Poisson": lambda: distributions.Poisson(positive[0] * scale),
        }[kind]()
        return -distribution.log_prob(count if kind == "Poisson" else truth)
    return {
        "SquaredError": lambda: error**2,
        "AbsoluteError": error.abs,
        "LogCosh": lambda: error.cosh().log(),
        "ScaledError": lambda: scale * error.abs(),
        "RelativeError": lambda: error.abs() / (first.abs() + truth.abs() + loss.least),
    }[kind]()


def pinball(torch, levels, output, truth):
    """By hand: quantiles left and right of the middle one, then the larger of two lines."""
    middle, gaps = (
        len(levels) // 2,
        torch.nn.functional.softplus(torch.stack(output[:1] + output[1:])),
    )
    gaps = gaps * 2 / len(levels)
    quantiles = [output[0]] * len(levels)
    for place in range(middle + 1, len(levels)):
        quantiles[place] = quantiles[place - 1] + gaps[place]
    for place in reversed(range(middle)):
        quantiles[place] = quantiles[place + 1] - gaps[place + 1]
    total = 0
    for level, quantile in zip(levels, quantiles, strict=True):
        total = total + torch.maximum(level * (truth - quantile), (level - 1) * (truth - quantile))
    return total / len(levels)


@each_loss
@pytest.mark.parametrize("far", [1e4, -1e4, 80.0, -80.0])
def test_no_forecast_is_too_far_off_for_a_finite_slope(loss, far):
    output = tuple(np.full(4, far, np.float32) for _ in range(loss.numbers))
    truth = np.array([0, 1, 30, 1000], np.float32)
    with np.errstate(over="ignore", under="ignore"):
        results = [loss.value(output, truth), *loss.slope(output, truth)]
    assert all(np.isfinite(each).all() for each in results)


def test_log_cosh_is_half_the_square_and_then_the_size():
    loss = LOSSES["logcosh"]()
    small, large = np.array([-1e-3, 1e-3]), np.array([-1e30, 1e30])
    np.testing.assert_allclose(loss.value_of(small), small**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(loss.value_of(large), np.abs(large))


def test_huber_is_squared_inside_and_absolute_outside():
    error = np.array([-3.0, -1.0, 0.0, 0.5, 2.0])
    huber = Huber(delta=1.0)
    np.testing.assert_allclose(huber.value_of(error), [2.5, 0.5, 0, 0.125, 1.5])
    np.testing.assert_allclose(huber.slope_of(error), [-1, -1, 0, 0.5, 1])


def test_a_relative_error_of_nothing_is_nothing():
    zeros = np.zeros(1)
    assert RelativeError().value((zeros,), zeros) == 0
    assert RelativeError().slope((zeros,), zeros) == (0,)


# Functions they are made of


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softplus(dtype):
    x = np.array([-1e4, -80, -1, 0, 1, 80, 1e4], dtype)
    wanted = np.logaddexp(0, x.astype(np.float64))
    np.testing.assert_allclose(softplus(x), wanted, rtol=3 * np.finfo(dtype).eps)


@given(st.floats(1e-6, 1e6), st.floats(0, 1e6))
@settings(deadline=None)
def test_logarithms_of_gamma(x, y):
    wanted = special.gammaln(x + y) - special.gammaln(x) - y * np.log(x)
    scale = 1 + abs(special.gammaln(x + y)) + abs(special.gammaln(x)) + abs(y * np.log(x))
    assert abs(log_gamma_ratio(x, y) - wanted) <= 1e-13 * scale
    wanted = special.digamma(x + y) - special.digamma(x)
    scale = abs(special.digamma(x + y)) + abs(special.digamma(x))
    assert abs(digamma_difference(x, y) - wanted) <= 1e-13 * scale


def test_factorials():
    counts = np.array([0, 1, 2, 10, 170])
    np.testing.assert_allclose(
        log_gamma_ratio(1.0, counts), special.gammaln(counts + 1), atol=1e-13
    )


# Quantiles


@given(
    hnp.arrays("f4", (7, 9), elements=st.floats(-1e6, 1e6, width=32)),
    hnp.arrays("f8", 9, elements=st.floats(1e-6, 1e6)),
    st.lists(st.floats(0.001, 0.999), min_size=2, max_size=9, unique=True),
)
@settings(deadline=None)
def test_quantiles_never_cross(output, scale, levels):
    loss = Quantiles((0.01, 0.1, 0.25, 0.5, 0.6, 0.9, 0.99))
    learned = np.stack(loss.moved(loss.parameters(tuple(output)), 3.0, scale))
    assert (np.diff(learned, axis=0) >= 0).all()
    others = np.stack([loss.quantile(tuple(learned), level) for level in sorted(levels)])
    assert (np.diff(others, axis=0) >= 0).all()


def test_quantiles_lie_on_straight_lines_in_normal_scores():
    """Exact for a normal distribution, between those that were learned and beyond them."""
    loss = Quantiles((0.1, 0.4, 0.9))
    normal = tuple(5 + 2 * special.ndtri(np.array(loss.levels)))
    for level in (0.01, 0.1, 0.3, 0.5, 0.9, 0.99):
        assert loss.quantile(normal, level) == pytest.approx(5 + 2 * special.ndtri(level))


@pytest.mark.parametrize("name", ["gaussian", "student_t", "poisson", "negative_binomial"])
def test_likelihoods_find_the_distribution_that_the_truth_is_from(name):
    """Where its mean loss is least, its parameters are those of what was drawn from it."""
    loss, random = LOSSES[name](), np.random.default_rng(0)
    output = tuple(np.array([[2.0], [0.5]])[: loss.numbers])
    parameters = loss.parameters(output)
    truth = loss.quantile(parameters, random.uniform(size=200_000))
    assert truth.mean() == pytest.approx(parameters[0][0], rel=0.01)
    slopes = loss.slope(output, truth)
    for slope in slopes:
        assert abs(slope.mean()) < 4 * slope.std() / np.sqrt(slope.size)


def test_student_has_five_degrees_of_freedom():
    """The 95 % quantile is in every table."""
    assert LOSSES["student_t"]().quantile((1.0, 2.0), 0.95) == pytest.approx(
        1 + 2 * 2.015, rel=1e-4
    )


# In the kernels


each_network = pytest.mark.parametrize(
    "network",
    [{}, {"skip": 4}, {"decoder": True}, {"decoder": True, "skip": 6}, {"segment": 2}],
    ids=["direct", "skip", "seq2seq", "seq2seq-skip", "segments"],
)


@pytest.mark.kernels
@each_loss
@each_dtype
@each_network
def test_kernels_agree_with_the_reference(problem, loss, dtype, tolerance, network):
    """One block of the head for each number; 20 outputs are more than a vector holds."""
    options = {"columns": COLUMNS["all"], "weighted": True, "horizon": 10, **network}
    options |= {"numbers": loss.numbers, "counts": loss.units == "counts"}
    engine, batch = problem("gru", 1, 1, dtype, **options)
    assert_like_reference(engine, batch, tolerance, loss=loss)


@pytest.mark.kernels
@each_loss
@each_network
def test_gradient_is_the_slope_of_the_loss(problem, loss, network):
    options = {"columns": COLUMNS["all"], "weighted": True, "horizon": 4, **network}
    options |= {"numbers": loss.numbers, "counts": loss.units == "counts"}
    engine, batch = problem("lstm", 2, 1, **options)
    assert_slope(engine, batch, loss)
