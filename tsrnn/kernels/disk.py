"""Compiled functions on disk, of the CPU and of GPUs.

Numba's own caches know the source of one function, not of what it calls, and two processes that
compile at once can give one function the code of another. Here every compiled function has a file
of its own, named after everything that it depends on, which appears whole or not at all.
"""

import contextlib
import hashlib
import os
import pickle
import sys
import uuid
import warnings
from abc import abstractmethod
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.caching import _Cache

from tsrnn.kernels import sources

# Of Numba's settings those that change what is compiled, beside the processor's.
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT")
_CHECKSUM_SIZE = hashlib.sha256().digest_size


class DiskCache(_Cache):
    """What Numba asks of a cache, for one function.

    Parameters
    ----------
    name : str
        That its file begins with.
    *details
        Tell the function from every other one of that name, made by the same source.
    """

    def __init__(self, name: str, *details: Any):
        self.name, self._details = name, details

    @abstractmethod
    def reduce(self, compiled: Any) -> Any:
        """What can be pickled of a compiled function."""

    @abstractmethod
    def rebuild(self, target_context: Any, reduced: Any) -> Any:
        """The compiled function again."""

    def key(self, *more) -> str:
        """Changes with the function, its signature, and all that it is compiled from and by."""
        details = map(str, (*self._details, *more))
        parts = (self.name, *details, sources.IMPORTED, compiler())
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    @property
    def cache_path(self) -> str:
        return str(cache_folders()[0])

    def load_overload(self, sig, target_context):
        file = self._file(sig, target_context)
        for folder in cache_folders():
            payload = _read(folder / file)
            if payload is not None:
                return self.rebuild(target_context, pickle.loads(payload))
        return None

    def save_overload(self, sig, data):
        if sources.digest() != sources.IMPORTED:
            return  # nobody knows which of them this process has imported
        file, payload = self._file(sig, data.target_context), pickle.dumps(self.reduce(data))
        reasons = []
        for folder in cache_folders():
            try:
                _write(folder / file, payload)
            except OSError as error:
                reasons.append(f"{folder} ({error.strerror})")
            else:
                return
        _warn_uncached(" and ".join(reasons))

    def _file(self, sig, target_context) -> str:
        return f"{self.name}-{self.key(sig, target_context.codegen().magic_tuple())}.bin"

    def enable(self):
        """Always on."""

    def disable(self):
        """Always on."""

    def flush(self):
        """Nothing is held back."""


def cache_folders() -> list[Path]:
    """Where compiled kernels may lie; they are kept in the first that can be written.

    ``NUMBA_CACHE_DIR`` if it is set; else beside the package, then in the user's own cache.
    """
    if config.CACHE_DIR:
        return [Path(config.CACHE_DIR) / "tsrnn"]
    folders = [sources.PACKAGE / "__pycache__" / "kernels"]
    caches = os.environ.get("XDG_CACHE_HOME")
    if caches:
        folders.append(Path(caches) / "tsrnn")
    else:
        with contextlib.suppress(RuntimeError):  # a user without a home
            folders.append(Path.home() / ".cache" / "tsrnn")
    return folders


def _read(path: Path) -> bytes | None:
    """What was written, if it is there and as it was."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, payload = content[:_CHECKSUM_SIZE], content[_CHECKSUM_SIZE:]
    return payload if hashlib.sha256(payload).digest() == checksum else None


def _write(path: Path, payload: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        beside.write_bytes(hashlib.sha256(payload).digest() + payload)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def compiler() -> tuple[str | None, ...]:
    """What the sources are compiled by, and as which settings of Numba want it."""
    tag = sys.implementation.cache_tag
    settings = [f"{name}={getattr(config, name)}" for name in _SETTINGS]
    return tag, numba.__version__, llvmlite.__version__, np.__version__, *settings


@cache
def _warn_uncached(where: str) -> None:
    warnings.warn(
        f"Compiled kernels cannot be kept in {where}; every process compiles them again. Set "
        "NUMBA_CACHE_DIR to a folder that can be written.",
        stacklevel=2,
    )
