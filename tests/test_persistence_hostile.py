"""Model files cut short, damaged or made by an enemy: an error that says so, and nothing worse."""

import io
import json
import os
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hostile import forged, parts_of, read_mutations, sample, sealed
from processes import run
from small import says

from tsrnn.persistence import ModelFileError, from_plain, read_model, to_plain, write_model

MARGIN = 2**20  # bytes for what does not grow with the file


@pytest.fixture
def refused(tmp_path):
    """The message with which a file of these bytes is refused, within memory of its own size."""

    def read(contents: bytes, room: int = 3) -> str:
        path = tmp_path / "model"
        path.write_bytes(contents)
        tracemalloc.start()
        try:
            with pytest.raises(ModelFileError) as caught:
                read_model(path)
            assert tracemalloc.get_traced_memory()[1] < room * len(contents) + MARGIN
        finally:
            tracemalloc.stop()
        assert sorted(tmp_path.iterdir()) == [path]
        assert str(caught.value).startswith(str(path))
        return str(caught.value)

    return read


@pytest.fixture
def contents(tmp_path):
    write_model(tmp_path / "model", *sample())
    return (tmp_path / "model").read_bytes()


def entry(shape, offsets, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def zip_of_zeros():
    """A hundred million zeros in a hundred kilobytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.zeros(10**8, dtype=np.uint8))
    return buffer.getvalue()


def object_array(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap(tmp_path / "sprung")], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def test_no_mutated_file_is_misread_or_takes_more_than_its_share(tmp_path):
    outcomes = run(read_mutations, str(tmp_path), 500, 0)
    assert sum(outcomes.values()) == 500
    assert outcomes["refused"] > 400
    assert outcomes["another model"] > 0, "no attack passed the checksum: this tested too little"


def test_other_files_are_told_apart(refused, tmp_path):
    for other in [b"", b"a,b\n1,2\n", zip_of_zeros(), object_array(tmp_path), bytes(100)]:
        assert "is no model file of tsrnn" in refused(other)
    assert "is no model file of tsrnn" in refused(pickle.dumps(Trap(tmp_path / "sprung")))


def test_what_is_no_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_model(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        read_model(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="no ordinary file"):
        read_model(tmp_path / "pipe")


def test_a_file_cut_short_says_how_much_is_missing(refused, contents):
    size = len(contents)
    assert f"{size - 1:,} bytes where {size:,} are expected" in refused(contents[:-1])
    assert "cut short: 100 bytes where more than" in refused(contents[:100])
    assert f"too long: {size + 1:,} bytes where {size:,}" in refused(contents + b"\n")


def test_every_flipped_bit_is_found(refused, contents):
    for place in [*range(60), *range(60, len(contents), 97), len(contents) - 1]:
        flipped = bytearray(contents)
        flipped[place] ^= 1 << place % 8
        refused(bytes(flipped), room=8)  # the messages quote some of it


def test_a_newer_format_asks_for_an_upgrade(refused):
    message = refused(forged(schema="2"))
    assert says("written by tsrnn 9.9", "version 2", "reads version 1", "upgrade").search(message)
    refused(forged(schema="9" * 5000))
    refused(forged(schema="-1"))


@pytest.mark.parametrize(
    "about",
    [
        entry([10**12], [0, 8]),
        entry([10**12], [0, 4 * 10**12]),
        entry([2**62, 2**62], [0, 8]),
        entry([-2], [0, 8]),
        entry([-2, -1], [0, 8]),
        entry([2.0], [0, 8]),
        entry([True, 2], [0, 8]),
        entry([[2]], [0, 8]),
        entry([0, 2**62], [0, 0]),
        entry([1] * 65, [0, 4]),
        entry([2], [0, 4]),
        entry([2], [4, 12]),
        entry([2], [-8, 0]),
        entry([2], [8, 0]),
        entry([2], [0, 8, 16]),
        entry([8], [0, 8], "U8"),
        entry([1], [0, 8], "OBJECT"),
        entry([1], [0, 8], "|O"),
        entry([8], [0, 8], "BOOL"),
        {"dtype": "F32", "shape": [2]},
        {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]},
        [],
        None,
    ],
    ids=str,
)
def test_a_lying_header_is_found_before_anything_is_allocated(refused, about):
    refused(forged(arrays=b"\7" * 8, a=about))


def test_arrays_cannot_overlap_or_leave_holes(refused):
    both = {"a": entry([2], [0, 8]), "b": entry([2], [4, 12])}
    assert "should lie at bytes [8, 16], not [4, 12]" in refused(forged(arrays=bytes(12), **both))
    assert "should lie" in refused(forged(arrays=bytes(12), a=entry([1], [8, 12])))


def test_a_name_that_comes_twice_is_refused(refused):
    header, facts, _ = parts_of(forged(b'{"a":1,"a":2}', a=entry([0], [0, 0])))
    assert "same name twice" in refused(sealed(header, facts))
    doubled = header.replace(
        b'"a":{', b'"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{'
    )
    assert "same name twice" in refused(sealed(doubled, facts))


def test_a_name_is_never_a_path(tmp_path):
    names = ["../../model", "/etc/passwd", "a/b", "", "\0", "C:\\a"]
    (tmp_path / "folder").mkdir()
    write_model(tmp_path / "folder" / "model", {name: np.ones(1) for name in names}, {})
    assert list(read_model(tmp_path / "folder" / "model")[0]) == names
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "model"]


def test_a_header_without_facts_or_checksum_is_refused(refused):
    header = json.loads(parts_of(forged())[0])
    for missing in ("__facts__", "__sha256__"):
        part = json.dumps({name: each for name, each in header.items() if name != missing})
        refused(sealed(part.replace(" ", "").encode(), b"{}"))


# Facts


@pytest.mark.parametrize(
    "facts",
    [
        b"",
        b"[]",
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a":' + b'{"$":"tuple","items":[' * 400 + b"]}" * 400 + b"}",
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda facts: facts[:20],
)
def test_strange_json_is_refused(refused, facts):
    refused(forged(facts), room=40)  # Python's objects are larger than their text


def test_facts_of_more_parts_than_memory_has_room_for_are_not_parsed(refused):
    for part in (b"[]", b"{}"):
        many = b'{"a":[' + b",".join([part] * 2**22) + b"]}"
        assert "too much" in refused(forged(many), room=4)


def index(**fields):
    kind = {"$": "Index", "labels": ["a"], "dtype": None, "name": None}
    return kind | fields


def dates(**fields):
    kind = {"$": "DatetimeIndex", "ticks": [0, 1], "unit": "s", "tz": None, "freq": None}
    return kind | {"name": None} | fields


def random_state(**fields):
    return to_plain(np.random.RandomState(0)) | fields


def offset(kind, n=1, **arguments):
    items = {"class": kind, "n": n, "normalize": False, "arguments": arguments}
    return {"$": "offset", "items": items}


def levels(codes, names=("a",)):
    return {"$": "MultiIndex", "levels": [index()], "codes": codes, "names": list(names)}


ROWS = {"$": "RangeIndex", "start": 0, "stop": 3, "step": 1, "name": None}
HOSTILE = [
    float("nan"),
    {"$": "os.system", "command": "true"},
    {"$": ["tuple"], "items": []},
    {"$": "tuple"},
    {"$": "tuple", "items": [], "more": 1},
    {"$": "tuple", "items": "ab"},
    {"$": "float", "value": "1"},
    {"$": "date", "value": "2024-13-01"},
    {"$": "Timestamp", "ticks": 2**63, "unit": "s", "tz": None},
    {"$": "Timestamp", "ticks": True, "unit": "s", "tz": None},
    {"$": "Timestamp", "ticks": 0, "unit": "s", "tz": "../../../etc/passwd"},
    {"$": "Timestamp", "ticks": 0, "unit": "s", "tz": "dateutil//etc/passwd"},
    {"$": "Timestamp", "ticks": 0, "unit": "s", "tz": "Europe"},
    {"$": "Timestamp", "ticks": 0, "unit": "s", "tz": 10**9},
    {"$": "Timestamp", "ticks": 0, "unit": "generic", "tz": None},
    {"$": "Period", "ordinal": 10**30, "freq": "M"},
    {"$": "Period", "ordinal": 0, "freq": "a" * 10**6},
    {"$": "timedelta", "microseconds": 10**40},
    {"$": "offset", "items": {"name": "import os"}},
    {"$": "offset", "items": {"name": "D", "n": 1}},
    offset("to_offset"),
    offset("__class__"),
    offset("DateOffset", months="1"),
    offset("DateOffset", __init__=1),
    offset("DateOffset", n=10**40, months=1),
    offset("CustomBusinessDay", weekmask="0000000"),
    offset("CustomBusinessDay", holidays=[{"a": 1}]),
    offset("CustomBusinessDay", calendar=1),
    offset("BusinessHour", start={"$": "tuple", "items": ["eval"]}),
    index(dtype="int64"),
    index(dtype="category"),
    index(dtype=["object"]),
    index(labels=[[]]),
    index(labels=[{"$": "tuple", "items": [[]]}], dtype="object"),
    index(name=[]),
    ROWS | {"step": 0},
    ROWS | {"stop": 2**63},
    dates(ticks=[0, "1"]),
    dates(ticks=[0, 0.5]),
    dates(ticks=[0, 2**63]),
    dates(freq=1),
    dates(freq=to_plain(pd.offsets.Day())),
    dates(freq=to_plain(pd.offsets.Easter())),
    {"$": "CategoricalDtype", "categories": index(labels=["a", "a"]), "ordered": False},
    {"$": "CategoricalDtype", "categories": ["a"], "ordered": False},
    {"$": "CategoricalIndex", "codes": [5], "dtype": index(), "name": None},
    levels([[1]]),
    levels([[-2]]),
    levels([[0], [0]]),
    levels([[2**63]]),
    levels([0]),
    levels([[0]], ["a", "b"]),
    levels([[0]], [[]]),
    random_state(pos=10**6),
    random_state(pos=-1),
    random_state(key=[0]),
    random_state(key=[2**32] * 624),
    random_state(has_gauss=7),
]


@pytest.mark.parametrize("plain", HOSTILE, ids=lambda plain: str(plain)[:60])
def test_a_value_that_cannot_be_is_refused(plain):
    for nested in (plain, [plain], {"a": plain}, {"$": "tuple", "items": [plain]}):
        with pytest.raises(ModelFileError):
            from_plain(nested)


@pytest.mark.parametrize("value", [(), {1}, b"bytes", np.float64(1), object])
def test_what_never_comes_out_of_json_is_refused(value):
    with pytest.raises(ModelFileError):
        from_plain(value)


def test_a_long_range_takes_no_memory():
    tracemalloc.start()
    try:
        rows = from_plain(ROWS | {"stop": 2**62})
        assert tracemalloc.get_traced_memory()[1] < MARGIN
    finally:
        tracemalloc.stop()
    assert len(rows) == 2**62
