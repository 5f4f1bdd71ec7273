"""Training steps in native code: as in NumPy; several networks together as each alone."""

import numba
import numpy as np
import pytest
from conftest import named

from tsrnn.kernels import Turn, WindowSet, make_engine
from tsrnn.kernels.reference import Reference
from tsrnn.kernels.tape import batches
from tsrnn.losses import SquaredError
from tsrnn.optimizers import OPTIMIZERS, Adam

pytestmark = pytest.mark.kernels

SIZE, LOSS = 3, SquaredError()


@pytest.fixture
def masked_threads():
    """Lets Numba use so many threads."""
    before = numba.get_num_threads()

    def mask(threads):
        if threads > numba.config.NUMBA_NUM_THREADS:
            pytest.skip(f"{threads} threads; Numba has {numba.config.NUMBA_NUM_THREADS}")
        numba.set_num_threads(threads)

    yield mask
    numba.set_num_threads(before)


def adam_at(first, count, rate=0.01):
    return Adam().at(np.arange(first, first + count), rate)


def train(engine, window_sets, clip_norm=np.inf, dropout=0.0, first=1, memory=None):
    """Batches of three windows for each network; the losses and norms before each step."""
    turns = {}
    for number, windows in enumerate(window_sets):
        count = -(-len(windows) // SIZE)
        turns[number] = Turn(windows, adam_at(first, count), np.arange(count) + 100 * number)
    memory = engine.optimizer_memory(Adam()) if memory is None else memory
    return engine.train(turns, SIZE, LOSS, memory, clip_norm, dropout)


def shuffled(windows, seed):
    order = np.random.default_rng(seed).permutation(len(windows))
    where = windows.starts[order], windows.location[order], windows.scale[order]
    return WindowSet(windows.series, *where, windows.steps)


@pytest.mark.parametrize("clip_norm", [np.inf, 0.05])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("skip", [0, 5])
def test_steps_are_those_of_numpy(problem, clip_norm, dropout, skip):
    """Seven windows: two batches of three and a last one of one."""
    engine, batch = problem("lstm", layers=2, count=7, skip=skip)
    architecture, windows, seeds = engine.architecture, batch.windows, np.arange(3)
    weights = engine.parameters[0].copy()
    losses, norms = train(engine, [windows], clip_norm, dropout)
    memory = (0.0, 0.0)
    for step, (first, count) in enumerate([(0, 3), (3, 3), (6, 1)]):
        reference = Reference(architecture, named(architecture, weights))
        part = windows.batch(first, count), LOSS, dropout, int(seeds[step])
        loss, gradient = reference.loss_and_gradient(*part)
        gradient = np.concatenate([gradient[n].ravel() for n in architecture.parameter_shapes()])
        norm = np.linalg.norm(gradient)
        assert losses[0, step] == pytest.approx(loss, rel=1e-10)
        assert norms[0, step] == pytest.approx(norm, rel=1e-10)
        gradient *= min(1.0, clip_norm / norm)
        weights, memory = Adam().at(step + 1, 0.01).update(weights, gradient, memory)
    np.testing.assert_allclose(engine.parameters[0], weights, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("hidden", "horizon", "rest"), [(2, 1, 1), (1, 1, 2), (2, 3, 3)])
def test_the_norm_is_that_of_all_derivatives(problem, hidden, horizon, rest):
    """Their squares are summed four at a time; some are left over."""
    engine, batch = problem("rnn_tanh", inputs=1, hidden=hidden, horizon=horizon, count=SIZE)
    assert engine.architecture.n_trainable % 4 == rest
    engine.loss_and_gradient({0: batch}, LOSS)
    norm = np.linalg.norm(engine.gradient)
    assert train(engine, [batch.windows])[1][0, 0] == pytest.approx(norm, rel=1e-10)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("threads", [1, 2])
def test_several_networks_have_the_bits_of_each_alone(problem, cell, threads, masked_threads):
    """Forecasts, losses, gradients and steps of three networks, each with windows of its own."""
    masked_threads(threads)
    one, batch = problem(cell, layers=2, dtype="float32", count=8, skip=3)
    together = make_engine(one.architecture, "float32", "cpu", networks=3)
    random = np.random.default_rng(1)
    together.parameters[:] = random.normal(0, 0.4, together.parameters.shape)
    sets = [shuffled(batch.windows, seed) for seed in range(3)]
    memory, start = together.optimizer_memory(Adam()), together.parameters.copy()
    batches = {number: windows.batch() for number, windows in enumerate(sets)}
    found = [together.predict(batches), together.loss(batches, LOSS)]
    together.loss_and_gradient(batches, LOSS)
    found += [together.gradient.copy(), *train(together, sets, dropout=0.2, memory=memory)]
    for number in range(3):
        alone = make_engine(one.architecture, "float32", "cpu")
        alone.parameters[:] = start[number]
        only = {0: batches[number]}
        wanted = [alone.predict(only), alone.loss(only, LOSS)]
        alone.loss_and_gradient(only, LOSS)
        wanted += [alone.gradient.copy()]
        turn = Turn(sets[number], adam_at(1, 3), np.arange(3) + 100 * number)
        own_memory = alone.optimizer_memory(Adam())
        wanted += alone.train({0: turn}, SIZE, LOSS, own_memory, np.inf, 0.2)
        for some, expected in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(some[number], expected[0])
        np.testing.assert_array_equal(together.parameters[number], alone.parameters[0])
        np.testing.assert_array_equal(memory[number], own_memory[0])


def test_a_network_that_has_no_turn_stays_as_it_is(problem):
    one, batch = problem("gru", count=6)
    engine = make_engine(one.architecture, "float64", "cpu", networks=3)
    engine.parameters[:] = one.parameters
    before = engine.parameters.copy()
    turns = {number: Turn(batch.windows, adam_at(1, 2), np.zeros(2, int)) for number in (0, 2)}
    engine.train(turns, SIZE, LOSS, engine.optimizer_memory(Adam()), np.inf)
    assert (engine.parameters[1] == before[1]).all()
    assert (engine.parameters[0] != before[0]).any()
    np.testing.assert_array_equal(engine.parameters[0], engine.parameters[2])


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_bits_do_not_depend_on_how_many_steps_a_call_takes(problem, monkeypatch, seconds):
    fits = []
    for limit in (0.1, seconds):
        monkeypatch.setattr(batches, "_SECONDS_IN_A_CALL", limit)
        engine, batch = problem("gru", layers=2, dtype="float32", count=38)
        results = train(engine, [batch.windows], clip_norm=0.1, dropout=0.2)
        fits.append([*results, engine.parameters.copy()])
    for one, other in zip(*fits, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loss_that_is_not_finite_ends_the_steps_before_its_own(problem):
    engine, batch = problem("gru", count=9)
    series, location, scale = batch.windows.series, batch.windows.location, batch.windows.scale
    windows = WindowSet(series, np.arange(9), location, scale, batch.windows.steps)
    start = engine.parameters.copy()
    train(engine, [WindowSet(series, np.arange(3), location[:3], scale[:3], windows.steps)])
    after_one_step = engine.parameters.copy()
    engine.parameters[:] = start
    series[12] = np.inf  # no target of the first three windows
    losses, norms = train(engine, [windows])
    assert np.isfinite(losses + norms).tolist() == [[True, False, False]]
    np.testing.assert_array_equal(engine.parameters, after_one_step)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("targets", [1, 2, 3])
def test_the_skip_path_stays_as_it_is(problem, name, targets):
    """Weights decay, all but those of the path, which begin in the middle of a vector."""
    engine, batch = problem("gru", inputs=targets, skip=6, count=9, hidden=4)
    trained = engine.architecture.n_trainable
    assert trained % 16 != 0
    before, optimizer = engine.parameters[0].copy(), OPTIMIZERS[name](weight_decay=0.5)
    turn = Turn(batch.windows, optimizer.at(np.arange(1, 4), 0.01), np.zeros(3, int))
    memory = engine.optimizer_memory(optimizer)
    norms = engine.train({0: turn}, SIZE, LOSS, memory, clip_norm=np.inf)[1]
    assert (norms > 0).all()
    assert (engine.parameters[0, :trained] != before[:trained]).all()
    np.testing.assert_array_equal(engine.parameters[0, trained:], before[trained:])


def test_calls_take_as_long_as_ctrl_c_may_wait(monkeypatch):
    """The pace is found once and kept; after a slow call there is a short one."""
    pace, now, each = batches.Pace(), [0.0], 0.006
    monkeypatch.setattr(batches.time, "perf_counter", lambda: now[0])
    turn = Turn(WindowSet(np.zeros((99, 1)), np.arange(64), *np.ones((2, 64, 1)), 2), None, None)

    def epoch():
        found = []
        for _, count, _ in batches.calls({0: turn}, 2, pace):
            with pace.timed(count):
                now[0] += each * count
            found.append(count)
        return found

    assert epoch() == [1, 2, 4, 8, 16, 1]
    assert epoch() == [16, 16]
    each = 0.06
    assert epoch()[:3] == [16, 1, 1]
