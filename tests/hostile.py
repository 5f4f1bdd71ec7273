"""Model files that are broken on purpose, and processes killed while they save."""

import hashlib
import json
import os
import random
import re
import resource
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsrnn.persistence import ModelFileError, read_model, to_plain, write_model

ROOM = 2**28  # bytes that reading broken files may take beyond what the process has
TIME = 5.0  # seconds that one may take
ODD_NUMBERS = (
    *("-1", "0", "1", "255", "2147483648", "9223372036854775808", "-9223372036854775808"),
    *("1" * 400, "1" * 5000, "1.5", "1e999", "-1e-999", "NaN", "Infinity", "-Infinity"),
    *("true", "null", '"1"', "[]", "{}", "[[1]]", '{"$":"float","value":"nan"}'),
)


def sample() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays of all dtypes and facts of all kinds."""
    numbers = np.arange(12).reshape(3, 4)
    dtypes = ("f4", "f8", "i4", "i8", "u4", "u8", "?")
    arrays = {f"of {dtype}": (numbers % 5).astype(dtype) for dtype in dtypes}
    ids = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["shop", None])
    facts = {
        "text": "Zürich",
        "numbers": [1, 2.5, -0.0, float("nan")],
        "labels": ("a", 1, None, pd.Timestamp("2024-03-01", tz="Europe/Berlin")),
        "index": pd.date_range("2024-03-29", periods=4, freq="D", tz="Europe/Berlin"),
        "periods": pd.period_range("2024", periods=3, freq="M"),
        "rows": pd.RangeIndex(3, 9, 2),
        "ids": ids,
        "categories": pd.CategoricalDtype(["x", "y"], ordered=True),
        "freq": pd.offsets.CustomBusinessDay(holidays=["2024-01-01"]),
        "random_state": np.random.RandomState(0),
    }
    return arrays, facts


def fingerprint(model: tuple[dict[str, np.ndarray], dict[str, Any]]) -> str:
    """Of everything in a model."""
    arrays, facts = model
    parts = [(name, str(each.dtype), each.shape, each.tobytes()) for name, each in arrays.items()]
    return hashlib.sha256(repr((parts, json.dumps(to_plain(facts)))).encode()).hexdigest()


# Files


def parts_of(contents: bytes) -> tuple[bytes, bytes, bytes]:
    """The texts of header and facts, and the arrays between them."""
    start = 8 + int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8:start])
    begin, end = header["__facts__"]["data_offsets"]
    return contents[8:start], contents[start + begin : start + end], contents[start : start + begin]


def sealed(header: bytes, facts: bytes, arrays: bytes = b"") -> bytes:
    """A file with these parts, whatever they are, and a length and checksum that are right."""
    contents = len(header).to_bytes(8, "little") + header + arrays + facts
    return contents + hashlib.sha256(contents).digest()


def forged(facts: bytes = b"{}", arrays: bytes = b"", schema: str = "1", **entries: Any) -> bytes:
    """A sealed file whose header has these entries beside the ones that every header has."""
    begin, end = len(arrays), len(arrays) + len(facts)
    header = {
        "__metadata__": {"format": "tsrnn", "schema": schema, "tsrnn": "9.9"},
        **entries,
        "__facts__": {"dtype": "U8", "shape": [len(facts)], "data_offsets": [begin, end]},
        "__sha256__": {"dtype": "U8", "shape": [32], "data_offsets": [end, end + 32]},
    }
    return sealed(json.dumps(header, separators=(",", ":")).encode(), facts, arrays)


# Mutations


def _flip(text: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 1, 1, 10])):
        text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)


def _cut(text: bytearray, rng: random.Random) -> None:
    del text[rng.randrange(len(text)) :]


def _extend(text: bytearray, rng: random.Random) -> None:
    text += rng.randbytes(rng.randrange(1, 100))


def _splice(text: bytearray, rng: random.Random) -> None:
    begin, where = rng.randrange(len(text)), rng.randrange(len(text))
    text[where:where] = text[begin : begin + rng.randrange(1, 200)]


def _drop(text: bytearray, rng: random.Random) -> None:
    begin = rng.randrange(len(text))
    del text[begin : begin + rng.randrange(1, 50)]


def _zero(text: bytearray, rng: random.Random) -> None:
    begin = rng.randrange(len(text))
    end = min(begin + rng.randrange(1, 200), len(text))
    text[begin:end] = bytes(end - begin)


def _renumber(text: bytearray, rng: random.Random) -> None:
    """Something else in the place of a number."""
    number = rng.choice(list(re.finditer(rb"-?\d+(\.\d+)?", text)))
    text[number.start() : number.end()] = rng.choice(ODD_NUMBERS).encode()


def _rename(text: bytearray, rng: random.Random) -> None:
    """Another of its strings in the place of a string."""
    strings = list(re.finditer(rb'"[^"]*"', text))
    string, other = rng.choice(strings), rng.choice(strings).group()
    text[string.start() : string.end()] = other


MUTATIONS = (_flip, _cut, _extend, _splice, _drop, _zero)
TEXT_MUTATIONS = (_flip, _splice, _drop, _renumber, _renumber, _rename, _rename)


def mutated(contents: bytes, rng: random.Random) -> tuple[str, bytes]:
    """What was done to the file, and the file.

    Half of the files are as an accident leaves them. In the other half the texts were changed and
    the checksum made right again, as an attacker would.
    """
    if rng.random() < 0.5:
        text, mutate = bytearray(contents), rng.choice(MUTATIONS)
        mutate(text, rng)
        return f"accident {mutate.__name__}", bytes(text)
    header, facts, arrays = parts_of(contents)
    text, mutate = bytearray(rng.choice([header, facts, facts])), rng.choice(TEXT_MUTATIONS)
    in_header = text == header
    mutate(text, rng)
    if in_header:
        return f"attack {mutate.__name__} header", sealed(bytes(text), facts, arrays)
    size = len(arrays) + len(text)
    about = json.loads(header)
    about["__facts__"] |= {"shape": [len(text)], "data_offsets": [len(arrays), size]}
    about["__sha256__"]["data_offsets"] = [size, size + 32]
    header = json.dumps(about, separators=(",", ":")).encode()
    return f"attack {mutate.__name__} facts", sealed(header, bytes(text), arrays)


def read_mutations(folder: str, count: int, seed: int) -> dict[str, int]:
    """How many mutated files were refused, or read; an AssertionError if one was misread.

    For a process of its own, whose memory this limits.
    """
    path = Path(folder) / "model"
    write_model(path, *sample())
    contents, original = path.read_bytes(), fingerprint(read_model(path))
    limit_memory()
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        how, broken = mutated(contents, rng)
        path.write_bytes(broken)
        begin = time.perf_counter()
        try:
            model = read_model(path)
        except ModelFileError:
            outcomes["refused"] += 1
        else:
            arrays, facts = model
            same = fingerprint(model) == original
            assert same or how.startswith("attack"), (number, how)
            assert isinstance(facts, dict), (number, how)
            assert sum(array.nbytes for array in arrays.values()) <= len(broken), (number, how)
            outcomes["same" if same else "another model"] += 1
        assert time.perf_counter() - begin < TIME, (number, how)
    return dict(outcomes)


def limit_memory() -> None:
    """Let this process have little more memory than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


# Kills


def _numbered(number: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A model that shows whether all of it is of one save."""
    return {"number": np.full(100_000, number)}, {"number": [number] * 1000}


def _save_again_and_again(path: Path) -> None:
    number = 0
    while True:
        number += 1
        write_model(path, *_numbered(number))


def kill_while_saving(folder: str, kills: int, seed: int) -> dict[str, int]:
    """How many kills there were, and how many fell into a save; an AssertionError for a torn file.

    Forks, so it is for a process of its own.
    """
    rng = random.Random(seed)
    path = Path(folder) / "model"
    inside = 0
    for _ in range(kills):
        write_model(path, *_numbered(0))
        child = os.fork()
        if child == 0:
            _save_again_and_again(path)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        arrays, facts = read_model(path)
        number = facts["number"][0]
        assert fingerprint((arrays, facts)) == fingerprint(_numbered(number))
        leftovers = [each for each in Path(folder).iterdir() if each != path]
        inside += len(leftovers)
        for leftover in leftovers:
            leftover.unlink()
    return {"kills": kills, "inside": inside}
