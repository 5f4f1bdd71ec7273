"""Processes of their own, for tests of what only a fresh process shows, and work to do in them."""

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tsrnn

HERE = Path(__file__).parent
PACKAGE = Path(tsrnn.__file__).parent
TIMEOUT = 240  # seconds: compiling everything, on a busy machine
# To a superuser every file is writable; PR_CAPBSET_DROP takes CAP_DAC_OVERRIDE and _READ_SEARCH.
GIVE_UP_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def start(
    work: Callable,
    *arguments: Any,
    package: Path = PACKAGE,
    superuser: bool = True,
    **environment: Any,
) -> subprocess.Popen:
    """Start ``work(*arguments)`` in a new process.

    Parameters
    ----------
    work : callable
        A function of a test module, without what it closes over.
    arguments : number, str, ...
        What can be written down.
    package : Path
        The copy of tsrnn to import.
    superuser : bool
        Whether a superuser keeps the right to write everywhere.
    environment : str, Path or None
        Variables to set; None unsets one.
    """
    call = f"import json; from {work.__module__} import {work.__name__} as work"
    call = f"{call}; print(json.dumps(work(*{arguments!r})))"
    command = [sys.executable, "-c", call]
    if not superuser and os.geteuid() == 0:
        command = [sys.executable, "-c", GIVE_UP_RIGHTS, *command]
    path = os.pathsep.join(map(str, [HERE, package.parent]))
    variables = os.environ | {"PYTHONPATH": path} | environment
    return subprocess.Popen(
        command,
        cwd=HERE,
        env={name: str(value) for name, value in variables.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen, timeout: float = TIMEOUT) -> Any:
    """What the work gave; neither it nor any process that it started may fail or hang."""
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        raise AssertionError(f"hung for {timeout} s\n{output}\n{errors}") from None
    assert process.returncode == 0, f"exit status {process.returncode}\n{output}\n{errors}"
    return json.loads(output.splitlines()[-1])


def run(work: Callable, *arguments: Any, timeout: float = TIMEOUT, **options: Any) -> Any:
    """``start``, then ``finish``."""
    return finish(start(work, *arguments, **options), timeout)


def forked(work: Callable, *arguments: Any) -> Any:
    """What ``work(*arguments)`` gives in a child forked from this process."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=lambda: sender.send(work(*arguments)))
    child.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        child.join()


def fit(seed: int = 0, **options: Any) -> tsrnn.RNNForecaster:
    """A forecaster that takes a moment to fit, in batches of two tiles and a part of one."""
    settings = {
        "lookback": 6,
        "horizon": 3,
        "hidden_size": 9,
        "max_epochs": 10,
        "batch_size": 45,
        "windows_per_epoch": 100,
        "random_state": seed,
    }
    series = np.sin(np.arange(80) * 0.5) + 0.02 * np.arange(80)
    return tsrnn.RNNForecaster(**settings | options).fit(series)


def fingerprint(forecaster: tsrnn.RNNForecaster) -> str:
    """Of all bits of weights, losses and forecast."""
    digest = hashlib.sha256()
    curves = forecaster.loss_curve_, forecaster.validation_scores_ or []
    for values in [*forecaster.params_.values(), *curves, forecaster.predict()]:
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def fit_and_fingerprint(seed: int = 0, **options: Any) -> str:
    return fingerprint(fit(seed, **options))
