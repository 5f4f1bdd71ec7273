"""The names of the package, which are fetched when they are first used."""

import os
import subprocess
import sys

import pytest

import tsrnn


@pytest.mark.parametrize("name", tsrnn.__all__)
def test_every_name_is_there(name):
    assert getattr(tsrnn, name) is not None
    assert name in dir(tsrnn)


def test_a_name_that_is_not_there_is_an_ordinary_mistake():
    with pytest.raises(
        AttributeError, match="module 'tsrnn' has no attribute 'RNNForcaster'"
    ) as at:
        tsrnn.RNNForcaster  # noqa: B018 - asking for it is the test
    assert (at.value.name, at.value.obj) == ("RNNForcaster", tsrnn)  # Python guesses from these
    with pytest.raises(ImportError, match="cannot import name 'RNNForcaster' from 'tsrnn'"):
        from tsrnn import RNNForcaster  # noqa: F401 - asking for it is the test


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_configuration_of_a_forked_process():
    program = (
        "import os, tsrnn\n"
        "if os.fork() == 0:\n"
        "    tsrnn.show_config()\n"
        "else:\n"
        "    assert os.wait()[1] == 0\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "threads          1, as in every forked process" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forks_are_noted_from_the_first_import_on():
    program = """
import os, tsrnn

child = os.fork()
if not child:
    from tsrnn.kernels.forks import State
    os._exit(0 if State.threads_lost else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True)
