"""The house rules that can be read off the sources: imports go down only, and stay in their rooms.

The order of the rooms stands in LAYERS; a new module has to be given its place there.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_FILE, MAX_BODY = 500, 60

# From top to bottom. A module imports from lower lines only, and from its own folder.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["__init__"],
    ["config", "datasets", "plotting"],
    ["calendar", "loading"],
    ["forecaster"],
    ["probabilistic"],
    ["fitted", "suggesting"],
    ["examples", "parameters", "saving"],
    ["fitting"],
    ["model"],
    ["frames"],
    ["training"],
    ["effects"],
    ["linear"],
    ["losses", "optimizers", "schedules", "windows"],
    ["network"],
    ["kernels"],
    ["baselines", "blas", "metrics", "persistence", "scaling"],
    ["counts"],
]
# Who may import what does not come with Python. Everybody may import NumPy.
ROOMS = {
    "cuda": ["kernels"],
    "llvmlite": ["kernels"],
    "matplotlib": ["plotting"],
    "numba": ["kernels"],
    "pandas": ["calendar", "cli", "datasets", "frames", "persistence", "plotting", "saving"],
    "scipy": ["kernels", "linear", "losses"],
    "threadpoolctl": ["blas"],
    "sklearn": ["calendar", "fitted", "forecaster", "parameters", "probabilistic"],
    "tqdm": ["training"],
}
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

modules = sorted((ROOT / "tsrnn").rglob("*.py"))
sources = [
    path
    for folder in ("tsrnn", "tests", "examples", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    """The file or folder directly under tsrnn that a module belongs to."""
    return path.relative_to(ROOT / "tsrnn").parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """The line and full dotted name of everything a module imports, anywhere in it."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else ()
            origin += tuple(node.module.split(".")) if node.module else ()
            yield from ((node.lineno, ".".join((*origin, alias.name))) for alias in node.names)


def room_imported(name: str) -> str:
    """The room a name below tsrnn comes from: its first part, or the package's front door."""
    first = [*name.split("."), ""][1]
    return first if first in LEVEL else "__init__"


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if has_docstring and len(function.body) > 1:
        first = function.body[1]
    return function.end_lineno - first.lineno + 1


@pytest.mark.parametrize("path", modules, ids=name_of)
def test_imports_go_down_only(path):
    room = room_of(path)
    assert room in LEVEL, f"{name_of(path)} is new: give it its place in LAYERS"
    for line, name in imports_of(path):
        if not name.startswith("tsrnn"):
            continue
        below = room_imported(name)
        assert below == room or LEVEL[below] > LEVEL[room], (
            f"{name_of(path)}:{line} imports {name}, which is not below it"
        )


@pytest.mark.parametrize("path", modules, ids=name_of)
def test_libraries_stay_in_their_rooms(path):
    room = room_of(path)
    for line, name in imports_of(path):
        library = name.split(".")[0]
        if library in {"tsrnn", "numpy", *sys.stdlib_module_names}:
            continue
        assert room in ROOMS.get(library, []), (
            f"{name_of(path)}:{line} imports {name}, which belongs to {ROOMS.get(library)}"
        )


@pytest.mark.parametrize("path", modules, ids=name_of)
def test_nobody_above_the_kernels_knows_the_device(path):
    if room_of(path) == "kernels":
        return
    devices = ("tsrnn.kernels.cpu", "tsrnn.kernels.cuda")
    known = [f"line {line}: {name}" for line, name in imports_of(path) if name.startswith(devices)]
    assert not known


@pytest.mark.parametrize("path", sources, ids=name_of)
def test_files_and_functions_are_short(path):
    text = path.read_text()
    lines = len(text.splitlines())
    assert lines <= MAX_FILE, f"{lines} lines: would two files serve better?"
    long = [
        f"line {node.lineno}: {node.name} has {body_length(node)} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_length(node) > MAX_BODY
    ]
    assert not long


@pytest.mark.parametrize(
    ("program", "later"),
    [
        ("import tsrnn", {"pandas", "scipy", "sklearn", "numba"}),
        ("from tsrnn import *", {"numba", "llvmlite", "matplotlib", "tqdm"}),
        ("from tsrnn.cli import main", {"pandas", "scipy", "sklearn", "numba", "matplotlib"}),
    ],
)
def test_what_takes_time_is_imported_later(program, later):
    program = (
        f"{program}; import sys; loaded = {later} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
