"""Blocks that work on one network at the same time: what comes of it, and that nobody races.

On a GPU every test of a large enough batch does that; here Numba's simulator is made to, and tells
who touched a number too early (see ``blocks_at_once``).
"""

import numpy as np
import pytest
from test_cuda import LOSS, assert_like_reference, reason_without
from test_steps import shuffled, train

from tsrnn.kernels import Turn
from tsrnn.optimizers import Adam

pytestmark = pytest.mark.cuda


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """The simulator, with blocks that run at the same time."""
    reason = reason_without()
    if reason is not None:
        pytest.skip(reason)
    from tsrnn.kernels.cuda.device import SIMULATED

    if not SIMULATED:
        pytest.skip("a GPU runs its blocks at once anyway")
    from blocks_at_once import run_at_once

    run_at_once(monkeypatch)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_tiles_of_a_batch_are_spread_over_blocks(problem, cell):
    engine, batch = problem(cell, 2, 1, device="cuda", steps=2, count=21, hidden=3)
    assert_like_reference(engine, batch, 1e-10)
    assert next(iter(engine._programs.values())).blocks == 4


def steps(problem, device, **more):
    """Three steps of Adam: what is left."""
    engine, batch = problem("gru", device=device, count=13, steps=2, **more)
    memory = engine.optimizer_memory(Adam())
    turn = Turn(batch.windows, Adam().at(np.arange(1, 4), 0.01), np.arange(3))
    losses, norms = engine.train({0: turn}, 5, LOSS, memory, 0.05, 0.2)
    return losses, norms, engine.parameters, engine.remembered(memory)


def test_steps_of_the_optimizer_follow_each_other(problem):
    cpu, gpu = (steps(problem, device, hidden=3, layers=2) for device in ("cpu", "cuda"))
    for wanted, found in zip(cpu, gpu, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_each_of_several_networks_has_a_block(problem):
    engine, batch = problem("lstm", networks=5, device="cuda", count=6, steps=2, hidden=3)
    sets = [shuffled(batch.windows, seed) for seed in range(5)]
    losses, _ = train(engine, sets)
    assert np.isfinite(losses).all()


def test_a_race_is_noticed(problem, monkeypatch):
    """Blocks that do not wait for each other: the tests above would see it."""
    from tsrnn.kernels.cuda import steps as kernel

    monkeypatch.setattr(kernel, "sync", lambda *_: None)
    engine, batch = problem("gru", device="cuda", count=13, steps=2, hidden=3)
    from blocks_at_once import Race

    with pytest.raises(Race, match="comes too"):
        engine.loss_and_gradient({0: batch}, LOSS)
