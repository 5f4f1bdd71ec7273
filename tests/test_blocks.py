"""Several blocks that work on one network: what comes of it, and that a race would be noticed."""

import threading

import numpy as np
import pytest
from test_cuda import ALL, LOSS, after_several_steps, assert_like_reference
from test_steps import shuffled, train

from tsrnn.kernels import Turn
from tsrnn.kernels.cells import CELLS
from tsrnn.optimizers import Adam

pytestmark = [pytest.mark.cuda, pytest.mark.usefixtures("gpu")]


@pytest.fixture
def race(gpu):
    """What a thread fails with that does not wait for others."""
    if gpu == "real":  # there it would end in wrong numbers, perhaps, or in none at all
        pytest.skip("a GPU does not tell who races; the simulator does")
    from blocks_at_once import Race

    return Race


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_tiles_of_a_batch_are_spread_over_blocks(problem, cell):
    engine, batch = problem(cell, 2, 1, device="cuda", steps=2, count=21, hidden=3)
    assert_like_reference(engine, batch, 1e-10)
    assert next(iter(engine._programs.values())).blocks > 1


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


def test_bits_do_not_depend_on_how_many_blocks_there_are(problem, monkeypatch):
    """As many as have room: a kernel that can do more may need more of each."""
    from tsrnn.kernels.cuda import device

    most, found = device.Kernel.most_blocks, []
    for blocks in (3, 2):
        monkeypatch.setattr(
            device.Kernel, "most_blocks", lambda *what, blocks=blocks: min(most(*what), blocks)
        )
        options = {"count": 24, "steps": 1, "hidden": 12, "dtype": "float32"}
        engine, batch = problem("gru", device="cuda", **options)
        memory, turn = engine.optimizer_memory(Adam()), Turn(batch.windows, Adam(), np.arange(1))
        losses, norms = engine.train({0: turn}, 24, LOSS, memory, 0.05)
        assert next(iter(engine._programs.values())).blocks == blocks
        found.append([losses, norms, engine.parameters])
    for some, others in zip(*found, strict=True):
        np.testing.assert_array_equal(some, others)


def test_each_of_several_networks_has_a_block(problem):
    engine, batch = problem("lstm", networks=5, device="cuda", count=6, steps=2, hidden=3)
    sets = [shuffled(batch.windows, seed) for seed in range(5)]
    losses, _ = train(engine, sets)
    assert np.isfinite(losses).all()


def test_a_race_is_noticed(problem, race, monkeypatch):
    """Blocks that do not wait for each other: the tests above would see it."""
    from tsrnn.kernels.cuda import steps as kernel

    monkeypatch.setattr(kernel, "sync", lambda *_: None)
    engine, batch = problem("gru", device="cuda", count=13, steps=2, hidden=3)
    with pytest.raises(race, match="comes too"):
        engine.loss_and_gradient({0: batch}, LOSS)


@pytest.mark.parametrize("missing", [1, 1000], ids=["one less", "asked once"])
def test_a_wait_that_is_too_short_is_noticed(problem, race, monkeypatch, missing):
    """It asks, but not for all blocks."""
    from blocks_at_once import Atomic

    from tsrnn.kernels.cuda import steps as kernel

    def sync(now, counter, team):
        me, atomic = threading.current_thread(), Atomic()
        me.syncthreads()
        if me.threadIdx.x == 0:
            waited_for = (atomic.add(now, counter, 1) // team + 1) * team - missing
            while atomic.add(now, counter, 0) < waited_for:
                pass
        me.syncthreads()

    monkeypatch.setattr(kernel, "sync", sync)
    engine, batch = problem("gru", device="cuda", count=13, steps=2, hidden=3)
    memory = engine.optimizer_memory(Adam())
    turn = Turn(batch.windows, Adam().at(np.arange(1, 4), 0.01), np.arange(3))
    with pytest.raises(race, match="comes too"):
        engine.train({0: turn}, 5, LOSS, memory, 0.05, 0.2)


def test_a_wait_for_nobody_is_noticed(problem, race, monkeypatch):
    from tsrnn.kernels.cuda import steps as kernel

    sync = kernel.sync
    monkeypatch.setattr(kernel, "sync", lambda now, counter, team: sync(now, counter, team + 1))
    engine, batch = problem("gru", device="cuda", count=13, steps=2, hidden=3)
    with pytest.raises(AssertionError, match="wait for one that"):
        engine.loss_and_gradient({0: batch}, LOSS)


@pytest.fixture
def crew(monkeypatch, request):
    """So many blocks for every tile, of as many panels of hidden units."""
    from tsrnn.kernels.cuda import program

    size = getattr(request, "param", 2)
    monkeypatch.setattr(program, "crew_size", lambda *_: size)
    return size


def crewed(problem, crew, cell="gru", layers=1, directions=1, **more):
    from tsrnn.kernels.cuda.device import LANES

    options = {"steps": 2, "count": 9, "hidden": crew * LANES - 1, **more}
    return problem(cell, layers, directions, device="cuda", **options)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("crew", [4], indirect=True)
def test_crews_of_every_cell(problem, crew, cell, gpu):
    dtype, tolerance = "float64", 1e-10
    if gpu == "real":  # whose warps are wider: weights in double precision do not fit a block
        dtype, tolerance = "float32", 1e-5
    engine, batch = crewed(problem, crew, cell, dtype=dtype)
    assert_like_reference(engine, batch, tolerance)
    for program in engine._programs.values():
        assert program.crew == crew
        assert program.blocks % crew == 0
        assert program.held_bytes > 0


@pytest.mark.parametrize(
    "more",
    [
        {"layers": 2, "directions": 2, "cell": "lstm", "steps": 3},
        {"layers": 3, "residual": True},
        {"columns": ALL, "weighted": True, "skip": 2},
        {"columns": ALL, "layers": 2, "decoder": True, "lags": (3,), "horizon": 2},
        {"columns": ALL, "segment": 2, "steps": 4, "horizon": 4},
        {"layers": 2, "segment": 2, "steps": 4, "horizon": 4},
    ],
    ids=lambda more: "-".join(map(str, more)),
)
def test_crews_of_every_network(problem, crew, more):
    engine, batch = crewed(problem, crew, **more)
    assert_like_reference(engine, batch, 1e-10, dropout=0.3)


@pytest.mark.parametrize("layers", [1, 2])
def test_crews_with_tensor_cores(problem, crew, layers, gpu):
    """They round what they multiply to 10 bits, where they are."""
    options = {"layers": layers, "dtype": "float32", "precision": "tf32"}
    engine, batch = crewed(problem, crew, "lstm", **options)
    assert_like_reference(engine, batch, 1e-5 if gpu == "simulated" else 1e-2)


def test_crews_without_room_for_weights(problem, crew, monkeypatch):
    from tsrnn.kernels.cuda import device

    monkeypatch.setattr(device, "most_held", lambda _: 0)
    engine, batch = crewed(problem, crew, "lstm", dtype="float32")
    assert_like_reference(engine, batch, 1e-5)
    assert all(program.held_bytes == 0 for program in engine._programs.values())


def test_crews_take_one_tile_after_the_other(problem, crew, monkeypatch):
    """The last one is smaller, and there is a forecast after every step."""
    from tsrnn.kernels.cuda import program
    from tsrnn.kernels.cuda.device import LANES

    monkeypatch.setattr(program, "_CREW_ROWS", program.TILE_ROWS)
    engine = after_several_steps(problem, 2, steps=2, count=19, hidden=crew * LANES - 1)
    assert next(iter(engine._programs.values())).tiles > 1


def test_crews_take_steps_of_the_optimizer(problem, crew):
    from tsrnn.kernels.cuda.device import LANES

    cpu, gpu = (steps(problem, device, hidden=crew * LANES - 1) for device in ("cpu", "cuda"))
    for wanted, found in zip(cpu, gpu, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_crews_in_windows_of_several_chunks(problem, crew, monkeypatch):
    """DZ holds some steps; the weights' gradient is taken before it is written again."""
    from tsrnn.kernels.cuda import engine as gpu

    monkeypatch.setattr(gpu, "SIZES", gpu.SIZES._replace(depth=2 * gpu.SIZES.tile_rows))
    engine, batch = crewed(problem, crew, steps=7, count=5)
    assert_like_reference(engine, batch, 1e-10)


def test_a_crew_that_does_not_wait_is_noticed(problem, crew, race, monkeypatch):
    from tsrnn.kernels.tape.recorder import Recorder

    monkeypatch.setattr(Recorder, "wait", lambda _: None)
    engine, batch = crewed(problem, crew)
    with pytest.raises(race, match="comes too"):
        engine.loss_and_gradient({0: batch}, LOSS)


@pytest.mark.parametrize(
    ("hidden", "dtype", "size"),
    [
        *((32, "float32", 1), (64, "float32", 1), (128, "float32", 4), (256, "float32", 8)),
        *((64, "float64", 2), (96, "float32", 3), (33 * 32, "float32", 33)),
    ],
)
def test_how_large_a_crew_is(monkeypatch, hidden, dtype, size):
    """Weights of more than 128 KiB are shared out, by panels of 32 hidden units."""
    from tsrnn.kernels import Architecture, Columns
    from tsrnn.kernels.cuda import device, program
    from tsrnn.kernels.tape.layout import Layout, Sizes

    monkeypatch.setattr(device, "multiprocessors", lambda: 132)
    architecture = Architecture("lstm", Columns(8), hidden, 1, 1, 12)
    layout = Layout(architecture, Sizes(32, 8, 8, 32, 256))
    assert program.crew_size(layout, dtype) == size
