"""Writing a file so that there is always a whole one: the old or the new."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_NEW_FILE = 0o666  # less the umask, as for any other new file


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` when all has been written.

    Whatever happens meanwhile, at `path` lies the old file or the new one, whole. An old file keeps
    its permissions, a symbolic link goes on pointing where it pointed.

    Raises
    ------
    OSError
        As :func:`check_replaceable`; or if the disk is full, for instance.
    """
    mode = check_replaceable(path)
    target = Path(path).resolve()
    temporary = target.with_name(f".tsrnn-{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _NEW_FILE)
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)
            yield file
            file.flush()
            os.fsync(descriptor)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def check_replaceable(path: str | os.PathLike[str]) -> int | None:
    """Find out whether a file can be written at `path`, which may be before there is one to write.

    Returns
    -------
    int or None
        The permissions of the file that will be replaced; None if there is nothing.

    Raises
    ------
    OSError
        If there is no such folder, or what lies at `path` is write-protected or no ordinary file.
    """
    mode, folder = _mode(path), Path(path).resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, f"There is no folder {folder} to save a file in", os.fspath(path)
        )
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            errno.EACCES, f"The folder {folder} may not be written to", os.fspath(path)
        )
    return mode


def _mode(path: str | os.PathLike[str]) -> int | None:
    """The permissions of what will be replaced; None if there is nothing."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Is no ordinary file, and is not replaced", os.fspath(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
    return stat.S_IMODE(mode)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, after the contents."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
