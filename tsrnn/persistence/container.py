"""The model file: named arrays, then facts as JSON, then a checksum.

It is a safetensors file, which other tools can open: the length of a header (8 bytes), the header
in JSON (type, shape and place of each array), and the arrays' bytes one after another. Everything
about the file follows from its first bytes, so a file cut short can say how much is missing, and
nothing is allocated that the file does not hold. (A zip archive, as `numpy.savez` writes, keeps its
directory at the end, twice, and compresses.) The facts are an array of bytes too, and so is the
SHA-256 of all that stands before it, at the end.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from importlib.metadata import PackageNotFoundError, version
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tsrnn.persistence.plain import ModelFileError, from_plain, to_plain
from tsrnn.persistence.replacing import replacing

SCHEMA = 1  # of the file; a reader knows its own and all before
_MARK = b'{"__metadata__":{"format":"tsrnn",'  # how every header begins
_FACTS, _CHECKSUM, _RESERVED = "__facts__", "__sha256__", "__metadata__"
_LONGEST_HEADER = 2**22  # bytes
_LONGEST_FACTS = 2**26
_MOST_PARTS = 2**22  # lists and objects in JSON, which take up far more memory than their text
_MOST_DIMENSIONS = 32  # of an array, in every NumPy
_BYTES = "U8"  # of facts and checksum only
_DTYPES: dict[str, np.dtype] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "U32": np.dtype("<u4"),
    "U64": np.dtype("<u8"),
    "BOOL": np.dtype("?"),
    _BYTES: np.dtype("u1"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items() if code != _BYTES}


class _Entry(NamedTuple):
    """What the header says of an array."""

    name: str
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def write_model(
    path: str | os.PathLike[str], arrays: dict[str, np.ndarray], facts: dict[str, Any]
) -> None:
    """Save arrays and facts as one file, which `read_model` reads.

    The file is there as a whole or not at all: whatever was at `path` stays until the new file is
    complete and on the disk.

    Parameters
    ----------
    path : str or path-like
        Where to; a file that is there is replaced.
    arrays : dict of str to ndarray
        Of float32, float64, int32, int64, uint32, uint64 or bool.
    facts : dict of str to object
        Everything else; `to_plain` says of which types.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError, ValueError
        If an array or a fact is of a type that has no place in the file, or too large for it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_model(folder + "/model", {"weights": np.ones(3)}, {"names": ("a", "b")})
    ...     arrays, facts = read_model(folder + "/model")
    >>> arrays["weights"], facts["names"]
    (array([1., 1., 1.]), ('a', 'b'))
    """
    arrays = {name: _on_disk(name, array) for name, array in arrays.items()}
    text = json.dumps(to_plain(facts), allow_nan=False, separators=(",", ":")).encode()
    _check_size(text)
    entries = [_Entry(name, array.dtype, array.shape) for name, array in arrays.items()]
    header = _header(entries, len(text))
    digest = hashlib.sha256()
    with replacing(path) as file:
        # ravel copies nothing here, and a view of bytes is what a file takes from any array
        contents: Any = [array.ravel().view(np.uint8) for array in arrays.values()]
        for part in [header, *contents, text]:
            file.write(part)
            digest.update(part)
        file.write(digest.digest())


def _on_disk(name: str, array: np.ndarray) -> np.ndarray:
    """The array as it lies in the file: in C order, little-endian."""
    if name in (_FACTS, _CHECKSUM, _RESERVED):
        raise ValueError(f"{name!r} cannot be the name of an array: it is taken.")
    array = np.asarray(array)
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _CODES:
        known = ", ".join(str(each.newbyteorder("=")) for each in _CODES)
        raise TypeError(f"Array {name!r} has dtype {array.dtype}; a model file holds {known}.")
    return np.asarray(array, dtype=dtype, order="C")


def _header(entries: list[_Entry], facts: int) -> bytes:
    """The first part of the file: length and text of the header."""
    description: dict[str, dict] = {
        _RESERVED: {"format": "tsrnn", "schema": str(SCHEMA), "tsrnn": _own_version()}
    }
    end = 0
    byte, size = _DTYPES[_BYTES], hashlib.sha256().digest_size
    for entry in [*entries, _Entry(_FACTS, byte, (facts,)), _Entry(_CHECKSUM, byte, (size,))]:
        begin, end = end, end + entry.nbytes
        code = _CODES.get(entry.dtype, _BYTES)
        offsets = [begin, end]
        description[entry.name] = {"dtype": code, "shape": entry.shape, "data_offsets": offsets}
    text = json.dumps(description, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers lie as a processor likes them
    if len(text) > _LONGEST_HEADER:
        raise ValueError(
            f"{len(entries):,} arrays need a header of {len(text):,} bytes; {_LONGEST_HEADER:,} "
            "is the most."
        )
    return len(text).to_bytes(8, "little") + text


def read_model(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and facts of a file that `write_model` wrote.

    Nothing in the file is run, and nothing larger than the file is allocated for its arrays, so
    a file from anywhere may be read.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    arrays : dict of str to ndarray
        In the byte order of this machine, and writable.
    facts : dict of str to object
        Of the types that they had.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ModelFileError
        If the file is not one of tsrnn, of a newer tsrnn, cut short or damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_model(folder + "/model", {}, {"steps": (1, 2), "scale": float("inf")})
    ...     read_model(folder + "/model")
    ({}, {'steps': (1, 2), 'scale': inf})
    """
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a folder has an error of its own
        raise ModelFileError(f"{os.fspath(path)} is no ordinary file, so no model is in it.")
    with Path(path).open("rb") as file:
        try:
            return _read(file)
        except ModelFileError as error:
            raise ModelFileError(f"{os.fspath(path)} {error}") from error.__cause__


def _read(file: BufferedReader) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    size = os.fstat(file.fileno()).st_size
    head = _read_header(file, size)
    entries = _entries(_parse(head[8:], "header"))
    whole = len(head) + sum(entry.nbytes for entry in entries)
    if size < whole:
        raise ModelFileError(f"is cut short: {size:,} bytes where {whole:,} are expected.")
    if size > whole:
        raise ModelFileError(f"is too long: {size:,} bytes where {whole:,} are expected.")
    digest = hashlib.sha256(head)
    arrays = {entry.name: _read_array(file, entry, digest) for entry in entries[:-1]}
    if file.read(digest.digest_size) != digest.digest():
        raise ModelFileError("is damaged: its contents do not have the checksum they should have.")
    text = arrays.pop(_FACTS).tobytes()
    facts = from_plain(_parse(text, "facts"))
    if not isinstance(facts, dict):
        raise ModelFileError(f"is damaged: its facts are a {type(facts).__name__}, not a dict.")
    return arrays, facts


def _read_header(file: BufferedReader, size: int) -> bytes:
    """Length and text of the header."""
    start = file.read(8 + len(_MARK))
    length = int.from_bytes(start[:8], "little")
    if start[8:] != _MARK[: max(len(start) - 8, 0)] or len(start) < 9:
        kind = f"it begins with {start[:16]!r}" if start else "it is empty"
        raise ModelFileError(f"is no model file of tsrnn: {kind}.")
    if not len(_MARK) <= length <= _LONGEST_HEADER:
        raise ModelFileError(
            f"is damaged: it claims a header of {length:,} bytes; {_LONGEST_HEADER:,} is the most."
        )
    if size < 8 + length:
        raise ModelFileError(
            f"is cut short: {size:,} bytes where more than {8 + length:,} are expected."
        )
    return start + file.read(length - len(_MARK))


def _entries(header: Any) -> list[_Entry]:
    """What the header says of each array, once it is clear that it can be true."""
    _check_schema(header.pop(_RESERVED))
    end = 0
    entries = []
    for name, about in header.items():
        entry = _entry(name, about)
        if about["data_offsets"] != [end, end + entry.nbytes]:
            raise ModelFileError(
                f"is damaged: array {name!r:.80} of dtype {about['dtype']} and shape {entry.shape} "
                f"should lie at bytes {[end, end + entry.nbytes]}, not {about['data_offsets']}."
            )
        end += entry.nbytes
        entries.append(entry)
    names = [entry.name for entry in entries]
    if names[-2:] != [_FACTS, _CHECKSUM] or entries[-1].nbytes != hashlib.sha256().digest_size:
        raise ModelFileError("is damaged: its header does not end with facts and a checksum.")
    return entries


def _check_schema(about: Any) -> None:
    """Refuse a file whose layout this version cannot know."""
    match about:
        case {"schema": str(schema), "tsrnn": str(writer)} if schema.isdecimal():
            newer = len(schema) > len(str(SCHEMA)) or int(schema) > SCHEMA
        case _:
            raise ModelFileError("is damaged: its header does not say how it was written.")
    if newer:
        raise ModelFileError(
            f"was written by tsrnn {writer:.40} in version {schema:.40} of the file format; this "
            f"is tsrnn {_own_version()}, which reads version {SCHEMA}: upgrade it."
        )


def _entry(name: str, about: Any) -> _Entry:
    """One line of the header."""
    match about:
        case {"dtype": str(code), "shape": list(shape), "data_offsets": [int(), int()]}:
            known = code in _CODES.values() or (code == _BYTES and name in (_FACTS, _CHECKSUM))
            fits = len(shape) <= _MOST_DIMENSIONS and all(
                type(length) is int and 0 <= length < 2**63 for length in shape
            )
            if known and fits:
                return _Entry(name, _DTYPES[code], tuple(shape))
    raise ModelFileError(f"is damaged: its header does not describe array {name!r:.80} rightly.")


def _read_array(file: BufferedReader, entry: _Entry, digest: Any) -> np.ndarray:
    """The next array of the file, which is known to be long enough."""
    try:
        array = np.empty(entry.shape, entry.dtype)
    except ValueError as error:
        raise ModelFileError(f"is damaged: array {entry.name!r:.80}: {error}.") from error
    data: Any = array.ravel().view(np.uint8)
    if file.readinto(data) < len(data):
        raise ModelFileError(f"became shorter while array {entry.name!r:.80} was read.")
    digest.update(data)
    if entry.dtype == np.bool_ and data.max(initial=0) > 1:
        raise ModelFileError(f"is damaged: array {entry.name!r:.80} is neither true nor false.")
    return array.astype(entry.dtype.newbyteorder("="), copy=False)


def _parse(text: bytes, part: str) -> Any:
    """Strict JSON, in the ASCII it was written in: no name twice, no NaN or Infinity."""
    try:
        _check_size(text)
        return json.loads(
            text.decode("ascii"), object_pairs_hook=_distinct, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"is damaged: its {part} cannot be read as JSON: {error}.") from error


def _check_size(text: bytes) -> None:
    """Refuse facts that would take too much memory, before they are read or written."""
    parts = text.count(b"[") + text.count(b"{")
    if len(text) > _LONGEST_FACTS or parts > _MOST_PARTS:
        raise ValueError(
            f"JSON of {len(text):,} bytes with {parts:,} brackets is too much; "
            f"{_LONGEST_FACTS:,} and {_MOST_PARTS:,} are the most"
        )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same name twice")
    return members


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed")


def _own_version() -> str:
    try:
        return version("tsrnn")
    except PackageNotFoundError:  # run from its sources
        return "of an unknown version"
