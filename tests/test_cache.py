"""The cache of compiled kernels: right after any change, and no trouble where there is none."""

import os
import pwd
import random
import resource
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from processes import PACKAGE, finish, fit_and_fingerprint, run, start

LSTM, GRU = {"cell": "lstm"}, {"cell": "gru", "dtype": "float64"}


# Work for other processes


def observe(work):
    """What work gives, which functions were compiled for it, and what it warned of."""
    from numba.core import event

    with (
        warnings.catch_warnings(record=True) as caught,
        event.install_recorder("numba:run_pass") as passes,
    ):
        warnings.simplefilter("always")
        result = work()
    return {
        "result": result,
        "compiled": sorted({record.data["qualname"] for _, record in passes.buffer}),
        "warnings": [str(each.message) for each in caught if each.category is UserWarning],
    }


def observe_fits(*options):
    return observe(lambda: [fit_and_fingerprint(**each) for each in options])


def compile_two():
    """Two kernels that compile quickly."""
    from numba import types

    from tsrnn.kernels.cpu import data
    from tsrnn.kernels.cpu.native import kernel

    def work():
        for make in (data.fill, data.copy):
            kernel(make, types.float32).compile()

    return observe(work)


def compile_product(transposed):
    from numba import types

    from tsrnn.kernels.cpu.products import multiply

    multiply(transposed, types.float32).compile()


def compile_two_with_a_full_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    return compile_two()


def compile_two_as_nobody(folder):
    """In ``folder``, as a user that the system does not know; with what has appeared there."""

    def unknown(user):
        raise KeyError(f"getpwuid(): uid not found: {user}")

    pwd.getpwuid = unknown
    os.chdir(folder)
    return compile_two() | {"files": [each.name for each in Path().iterdir()]}


def compute_twice():
    """A loss, its gradient and the weights after a step, by the kernels and by NumPy."""
    from conftest import named

    from tsrnn.kernels import Architecture, Columns, Turn, WindowSet, make_engine
    from tsrnn.kernels.reference import Reference
    from tsrnn.losses import SquaredError
    from tsrnn.optimizers import Adam

    random = np.random.default_rng(0)
    architecture = Architecture("lstm", Columns(1), 5, 1, 1, 2)
    engine = make_engine(architecture, "float32", "cpu")
    weights = random.normal(0, 0.5, engine.parameters.size).astype("float32")
    engine.parameters[:] = weights
    series, starts = random.normal(size=(30, 1)).astype("float32"), np.arange(8)
    batch = WindowSet(series, starts, np.zeros((8, 1)), np.ones((8, 1)), 5).batch()
    loss, optimizer = SquaredError(), Adam().at(1, 0.01)

    by_kernels = [engine.loss_and_gradient({0: batch}, loss)[0], *engine.gradient[0].tolist()]
    turns = {0: Turn(batch.windows, optimizer, np.zeros(1, np.int64))}
    engine.train(turns, 8, loss, engine.optimizer_memory(optimizer), np.inf)
    by_kernels += engine.parameters[0].tolist()

    reference = Reference(architecture, named(architecture, weights))
    value, gradient = reference.loss_and_gradient(batch, loss)
    gradient = np.concatenate([gradient[name].ravel() for name in architecture.parameter_shapes()])
    by_numpy = [float(value), *gradient.tolist()]
    by_numpy += optimizer.update(weights, gradient, (0.0, 0.0))[0].tolist()
    return by_kernels, by_numpy


# Helpers


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache folder with all that one fit needs, and the fingerprint of that fit."""
    folder = tmp_path_factory.mktemp("filled")
    seen = run(observe_fits, LSTM, NUMBA_CACHE_DIR=folder)
    assert seen["compiled"]
    assert not seen["warnings"]
    return folder, seen["result"]


@pytest.fixture
def folder(filled, tmp_path):
    """A copy of the filled cache."""
    return shutil.copytree(filled[0], tmp_path / "cache")


@pytest.fixture
def package(tmp_path):
    """A copy of the package."""
    ignore = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(PACKAGE, tmp_path / "copy" / "tsrnn", ignore=ignore)


@pytest.fixture
def locked():
    """Takes the right to write in a folder, and all below it, for the time of the test."""
    modes = {}

    def lock(folder):
        for path in [folder, *folder.rglob("*")]:
            modes[path] = path.stat().st_mode
            path.chmod(0o555 if path.is_dir() else 0o444)
        return folder

    yield lock
    for path, mode in modes.items():
        path.chmod(mode)


def state(folder):
    """Names and times of all files."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def replace(path, old, new):
    """Change a source without changing its size or time."""
    text, before = path.read_text(), path.stat()
    assert text.count(old) == 1
    assert len(old) == len(new)
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


# Warm


def test_a_warm_process_compiles_nothing_and_writes_nothing(filled, folder, locked):
    """Not even into a folder that it may not write to, as in a container image."""
    before = state(folder)
    seen = run(observe_fits, LSTM, NUMBA_CACHE_DIR=locked(folder), superuser=False)
    assert seen == {"result": filled[1], "compiled": [], "warnings": []}
    assert state(folder) == before


def test_files_can_be_read_by_other_users(filled):
    """A container image is filled by its superuser and run by another."""
    mask = os.umask(0)
    os.umask(mask)
    for path in state(filled[0]):
        assert path.stat().st_mode & 0o444 == 0o444 & ~mask


def test_two_processes_compile_at_once(filled, tmp_path):
    both = [start(observe_fits, LSTM, NUMBA_CACHE_DIR=tmp_path) for _ in range(2)]
    assert [finish(each)["result"] for each in both] == [filled[1]] * 2
    before = state(tmp_path)
    seen = run(observe_fits, LSTM, NUMBA_CACHE_DIR=tmp_path)
    assert seen == {"result": filled[1], "compiled": [], "warnings": []}
    assert state(tmp_path) == before
    assert len(before) == len(state(filled[0]))


def test_cells_and_precisions_do_not_mix(filled, folder, tmp_path):
    uncached = start(observe_fits, GRU, NUMBA_CACHE_DIR=tmp_path / "empty")
    cached = finish(start(observe_fits, GRU, NUMBA_CACHE_DIR=folder))
    wanted = finish(uncached)["result"]
    assert cached["result"] == wanted
    both = run(observe_fits, LSTM, GRU, LSTM, NUMBA_CACHE_DIR=folder)
    assert both["result"] == [*filled[1], *wanted, *filled[1]]
    assert not both["compiled"]


def test_kernels_of_several_processes_do_not_mix(filled, tmp_path):
    """Numba counts what a process compiles, and names the parts of kernels by the count."""
    for transposed in (False, True):
        run(compile_product, transposed, NUMBA_CACHE_DIR=tmp_path)
    assert run(observe_fits, LSTM, NUMBA_CACHE_DIR=tmp_path)["result"] == filled[1]


def test_another_processor_has_kernels_of_its_own(folder):
    before = state(folder)
    compiled = run(compile_two, NUMBA_CACHE_DIR=folder, NUMBA_CPU_NAME="x86-64")["compiled"]
    assert len(compiled) == 2
    assert len(state(folder)) == len(before) + 2


# Changed sources


def test_a_changed_cell_is_compiled_again(filled, folder, package, tmp_path):
    options = {"package": package, "PYTHONDONTWRITEBYTECODE": 1}
    unchanged = run(observe_fits, LSTM, NUMBA_CACHE_DIR=folder, **options)
    assert unchanged == {"result": filled[1], "compiled": [], "warnings": []}
    replace(package / "kernels/cells.py", "(o * tanh(c), c)", "(o *     (c), c)")
    places = folder, tmp_path / "empty"
    started = [start(observe_fits, LSTM, NUMBA_CACHE_DIR=each, **options) for each in places]
    changed, uncached = (finish(each)["result"] for each in started)
    assert changed != filled[1]
    assert changed == uncached


SLOPE = ("losses/errors.py", "return 2.0 * error", "return 3.0 * error")
STEP = ("optimizers.py", "(1.0 - self.beta1) * gradient", "(3.0 - self.beta1) * gradient")
TANH = ("kernels/elementary.py", "return np.tanh(x)\n", "return np.sign(x)\n")


@pytest.mark.parametrize("edits", [[SLOPE, STEP], [TANH]], ids=["losses, optimizers", "elementary"])
def test_what_is_compiled_is_what_the_sources_say(folder, package, edits):
    for file, old, new in edits:
        replace(package / file, old, new)
    by_kernels, by_numpy = run(compute_twice, package=package, NUMBA_CACHE_DIR=folder)
    np.testing.assert_allclose(by_kernels, by_numpy, rtol=1e-4, atol=1e-5)


def compute_after_a_change(file, old, new):
    """By a process that had imported the package before it."""
    import tsrnn
    from tsrnn.optimizers import Adam

    assert Adam
    replace(Path(tsrnn.__file__).parent / file, old, new)
    return compute_twice()


@pytest.mark.parametrize("edit", [SLOPE, STEP, TANH], ids=["losses", "optimizers", "elementary"])
def test_sources_that_change_while_a_process_lives(folder, package, edit, tmp_path):
    """It computes what it had imported, and keeps nothing of it for those who come later."""
    shutil.rmtree(folder)
    arguments = {"package": package, "NUMBA_CACHE_DIR": folder, "PYTHONDONTWRITEBYTECODE": 1}
    for work in ((compute_after_a_change, *edit), (compute_twice,)):
        by_kernels, by_numpy = run(*work, **arguments)
        np.testing.assert_allclose(by_kernels, by_numpy, rtol=1e-4, atol=1e-5)


def test_a_line_moved_from_file_to_file_is_a_change(tmp_path):
    from tsrnn.kernels.sources import digest

    (tmp_path / "losses").mkdir()
    digests = []
    for texts in (("x = 1\ny = 2\n", ""), ("x = 1\n", "y = 2\n")):
        for name, text in zip(("losses/errors.py", "optimizers.py"), texts, strict=True):
            (tmp_path / name).write_text(text)
        digests.append(digest(tmp_path))
    assert digests[0] != digests[1]


def test_another_python_has_kernels_of_its_own(monkeypatch):
    from tsrnn.kernels import disk

    before = disk.compiler()
    monkeypatch.setattr(sys, "version_info", (3, 99, 0, "final", 0))
    monkeypatch.setattr(sys, "version", "3.99.0")
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert disk.compiler() != before


@pytest.mark.parametrize("name", ["OPT", "BOUNDSCHECK", "LOOP_VECTORIZE"])
def test_other_settings_of_numba_have_kernels_of_their_own(monkeypatch, name):
    from tsrnn.kernels import disk

    before = disk.compiler()
    monkeypatch.setattr(disk.config, name, 0 if getattr(disk.config, name) else 1)
    assert disk.compiler() != before


# Broken files


def noise(content):
    return random.Random(0).randbytes(len(content))


def one_bit_wrong(content):
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "last byte lost": lambda content: content[:-1],
    "text": lambda content: b"This is no kernel.\n" * 100,
    "noise": noise,
    "one bit wrong": one_bit_wrong,
    "longer": lambda content: content + content,
}


def test_damaged_files_are_written_again(filled, folder):
    files = sorted(path for path in state(folder) if not path.name.startswith("multiply"))
    damaged = {
        path: damage(path.read_bytes())
        for path, damage in zip(files, DAMAGES.values(), strict=False)
    }
    for path, content in damaged.items():
        path.write_bytes(content)
    seen = run(observe_fits, LSTM, NUMBA_CACHE_DIR=folder)
    assert seen["result"] == filled[1]
    kernels = [name for name in seen["compiled"] if name.startswith("kernel_")]  # not their parts
    assert len(kernels) == len(damaged) == len(DAMAGES)
    assert not seen["warnings"]
    assert not [path for path, content in damaged.items() if path.read_bytes() == content]
    assert state(folder).keys() == {
        folder / path.relative_to(filled[0]) for path in state(filled[0])
    }


def test_the_loop_over_threads_may_be_damaged_too(filled, folder):
    damaged = next(folder.rglob("parallel-*"))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert run(observe_fits, LSTM, NUMBA_CACHE_DIR=folder)["result"] == filled[1]


# Folders that cannot be written


def assert_one_warning(seen, *parts):
    assert len(seen["warnings"]) == 1, seen["warnings"]
    assert all(str(part) in seen["warnings"][0] for part in (*parts, "NUMBA_CACHE_DIR"))


def test_nowhere_to_write(filled, tmp_path):
    file = tmp_path / "file"
    file.touch()
    seen = run(observe_fits, LSTM, NUMBA_CACHE_DIR=file / "cache")
    assert seen["result"] == filled[1]
    assert_one_warning(seen, file)


def test_an_empty_folder_that_cannot_be_written(locked, tmp_path):
    seen = run(compile_two, NUMBA_CACHE_DIR=locked(tmp_path), superuser=False)
    assert_one_warning(seen, tmp_path)


def test_a_full_disk(tmp_path):
    assert_one_warning(run(compile_two_with_a_full_disk, NUMBA_CACHE_DIR=tmp_path), tmp_path)
    assert not state(tmp_path)


# Beside the package, and at home


@pytest.fixture
def two(package, tmp_path):
    """Compiles two kernels with a copy of the package that does not know of NUMBA_CACHE_DIR."""
    unset = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None}

    def compile_them(work=compile_two, *arguments, home=tmp_path / "home"):
        return run(work, *arguments, package=package, superuser=False, HOME=home, **unset)

    return compile_them


def test_kernels_are_kept_beside_the_package(package, locked, two, tmp_path):
    assert len(two()["compiled"]) == 2
    assert len(list((package / "__pycache__").rglob("*.bin"))) == 2
    locked(package)
    assert two() == {"result": None, "compiled": [], "warnings": []}
    assert not (tmp_path / "home").exists()


def test_a_package_that_cannot_be_written_keeps_kernels_at_home(package, locked, two, tmp_path):
    locked(package)
    first, second = two(), two()
    assert len(first["compiled"]) == 2
    assert not second["compiled"]
    assert not first["warnings"] + second["warnings"]
    assert len(state(tmp_path / "home")) == 2


def test_a_home_that_cannot_be_written(package, locked, two, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    locked(package)
    assert_one_warning(two(home=locked(home)), home)


def test_a_user_without_a_home(package, locked, two, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    locked(package)
    seen = two(compile_two_as_nobody, str(here), home=None)
    assert seen["files"] == []
    assert_one_warning(seen)
