"""The examples run, from anywhere, and say what they are about."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tsrnn

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


def run(path, *arguments, folder):
    # What libraries deprecate among themselves is not about the examples; any other warning is.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(path), *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(tsrnn.__file__).parents[1])}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs(path, tmp_path):
    done = run(path, "--quick", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert not list(tmp_path.iterdir()), "an example leaves no files it was not asked for"


def test_draws(tmp_path):
    (path,) = (path for path in EXAMPLES if path.stem == "air_passengers")
    done = run(path, "--quick", "--plot", "picture.png", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
