"""The model file: everything comes back as it was, and the file is there whole or not at all."""

import datetime as dt
import json
import os
from time import perf_counter
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hostile import fingerprint, kill_while_saving, parts_of, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pandas.tseries.frequencies import to_offset
from processes import run
from small import says

from tsrnn.persistence import container, from_plain, read_model, to_plain, write_model

quick = settings(deadline=None, max_examples=100)
OFFSETS = [
    *[to_offset(each) for each in ("D", "3h", "ME", "W-WED", "QS-FEB")],
    *[pd.offsets.DateOffset(2, months=1, normalize=True), pd.offsets.DateOffset(days=1)],
    pd.offsets.DateOffset(months=1, day=30),
    *[pd.offsets.Week(), pd.offsets.MonthEnd(normalize=True), pd.offsets.LastWeekOfMonth()],
    pd.offsets.BusinessDay(2, offset=dt.timedelta(hours=1)),
    pd.offsets.BusinessHour(start=["09:00", "13:00"], end=["12:00", "17:30"]),
    pd.offsets.CustomBusinessDay(weekmask="Sun Mon Tue", holidays=["2024-01-01", "2024-01-06"]),
    pd.offsets.CustomBusinessHour(weekmask="1110000", start="08:00"),
    pd.offsets.CustomBusinessMonthEnd(holidays=[dt.date(2024, 1, 31)]),
]
ZONES = [None, dt.UTC, ZoneInfo("Europe/Berlin"), dt.timezone(dt.timedelta(minutes=-90))]
PERIODS = ["D", "M", "Q-NOV", "Y-DEC", "2h", "W-SUN"]

# Values of every kind

units = st.sampled_from(["s", "ms", "us", "ns"])
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "+05:30"]) | st.none()
names = st.none() | st.text() | st.integers() | st.tuples(st.text(), st.integers())
ticks = st.integers(-(2**30), 2**31)  # in seconds about now
dates = st.datetimes(pd.Timestamp("1970-01-02"), pd.Timestamp("2200-01-01"))


@st.composite
def stamps(draw):
    stamp = pd.Timestamp(np.datetime64(draw(ticks), "s")).as_unit(draw(units))
    zone = draw(zones)
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


labels = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text()
    | stamps()
    | st.builds(pd.Timedelta, st.integers(-(2**33), 2**33), unit=st.just("s"))
    | st.builds(pd.Period, dates, freq=st.sampled_from(PERIODS))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.builds(dt.datetime.replace, dates, tzinfo=st.sampled_from(ZONES), fold=st.just(0))
    | st.sampled_from([pd.NaT, pd.NA])
)


@st.composite
def date_indexes(draw):
    freq = draw(st.sampled_from(["D", "h", "ME", "B", "W-WED", "QS", "2h"]))
    zone = draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]) | st.none())
    span = {"periods": draw(st.integers(0, 9)), "unit": draw(units), "name": draw(names)}
    index = pd.date_range(draw(dates).date(), freq=freq, tz=zone, **span)
    return index if draw(st.booleans()) else index[draw(st.permutations(range(len(index))))]


@st.composite
def flat_indexes(draw, *more_kinds):
    name = draw(names)
    kind = draw(st.sampled_from(["numbers", "text", "rows", "periods", "categories", *more_kinds]))
    if kind == "numbers":
        dtypes = ("i1", "i8", "u2", "u8", "f4", "f8", "?")
        values = draw(hnp.arrays(st.sampled_from(dtypes), st.integers(0, 5)))
        return pd.Index(values, name=name)
    if kind == "text":
        dtype = draw(st.sampled_from([None, object, "string"]))
        return pd.Index(draw(st.lists(st.text(st.characters(codec="utf-8")))), dtype, name=name)
    if kind == "labels":
        values = draw(st.lists(labels | st.tuples(labels, labels)))
        return pd.Index(values, dtype=object, name=name, tupleize_cols=False)
    if kind == "rows":
        start, stop = draw(st.integers(-50, 50)), draw(st.integers(-50, 50))
        return pd.RangeIndex(start, stop, draw(st.sampled_from([-2, 1, 7])), name=name)
    if kind == "periods":
        freq = draw(st.sampled_from(PERIODS))
        return pd.period_range(draw(dates), periods=draw(st.integers(0, 4)), freq=freq, name=name)
    values = draw(st.lists(st.sampled_from("abc") | st.none()))
    return pd.CategoricalIndex(values, list("cab"), ordered=draw(st.booleans()), name=name)


@st.composite
def indexes(draw):
    if draw(st.booleans()):
        return draw(flat_indexes("labels") | date_indexes())
    level = flat_indexes() | date_indexes()
    columns = [draw(level), draw(level)]
    rows = min(map(len, columns))
    return pd.MultiIndex.from_arrays([column[:rows] for column in columns])


facts = st.recursive(
    labels | st.sampled_from(OFFSETS) | indexes() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.sampled_from(["$", "items"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def assert_same(one, other):
    """Of the same type and value, down to the last part."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        assert_same(list(one.values()), list(other.values()))
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for ours, theirs in zip(one, other, strict=True):
            assert_same(ours, theirs)
    elif isinstance(one, pd.Index):
        pd.testing.assert_index_equal(one, other, exact=True)
        assert getattr(one, "freq", None) == getattr(other, "freq", None)
        assert_same(list(one.names), list(other.names))
    else:
        assert one is other or one == other or (one != one and other != other)
        assert str(getattr(one, "tzinfo", None)) == str(getattr(other, "tzinfo", None))
        assert getattr(one, "unit", None) == getattr(other, "unit", None)


def through_json(value):
    return from_plain(json.loads(json.dumps(to_plain(value), allow_nan=False)))


# What comes back


@quick
@given(facts)
def test_every_value_comes_back_with_its_type(value):
    assert_same(through_json(value), value)


@pytest.mark.parametrize("offset", OFFSETS, ids=str)
def test_frequencies_come_back_and_lead_to_the_same_stamps(offset):
    back = through_json(offset)
    assert type(back) is type(offset)
    assert back == offset
    days = {"start": "2023-12-28", "periods": 20}
    pd.testing.assert_index_equal(
        pd.date_range(freq=back, **days), pd.date_range(freq=offset, **days), exact=True
    )


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        pd.RangeIndex(3, name="n"),
        pd.CategoricalDtype(list("ba"), ordered=True),
        pd.CategoricalDtype(list("ba")),
    ],
    ids=repr,
)
def test_nothing_of_a_value_is_left_out(value):
    back = through_json(value)
    assert_same(back, value)
    for part in ("fold", "ordered", "name", "start", "step"):
        assert getattr(back, part, None) == getattr(value, part, None)


def test_numpy_scalars_become_python_s():
    values = [np.float32(0.1), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.str_("a")]
    assert_same(through_json(values), [float(np.float32(0.1)), -3, 2**64 - 1, True, "a"])


def test_a_random_state_goes_on_where_it_was():
    state = np.random.RandomState(3)
    state.normal(size=5)  # one normal number is left over
    back = through_json(state)
    np.testing.assert_array_equal(back.normal(size=700), state.normal(size=700))


def test_text_gets_the_dtype_that_this_pandas_has_for_it_unless_another_was_asked_for():
    text = {"$": "Index", "labels": ["a", "b"], "dtype": None, "name": None}
    pd.testing.assert_index_equal(from_plain(text), pd.Index(["a", "b"]), exact=True)
    for dtype in ("object", "str", "string"):
        there = pd.Index(["a", "b"], dtype=dtype)
        pd.testing.assert_index_equal(from_plain(text | {"dtype": dtype}), there, exact=True)


def test_twenty_thousand_series_take_no_time_to_speak_of():
    ids = pd.Index([f"series {number}" for number in range(20_000)], name="unique_id")
    ends = pd.DatetimeIndex(np.arange(20_000) * 86_400_000, dtype="M8[ms]")
    begin = perf_counter()
    back = through_json({"ids": ids, "ends": ends})
    assert perf_counter() - begin < 1  # and a tenth of it where nothing else runs
    assert_same(back, {"ids": ids, "ends": ends})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), ["object"]),
        ({1: "a"}, ["key 1", "str"]),
        ([np.zeros(2)], ["ndarray"]),
        (pd.timedelta_range("1h", periods=2), ["TimedeltaIndex"]),
        (pd.Index([1j]), ["complex"]),
        (np.random.RandomState(np.random.PCG64(0)), ["PCG64"]),
        (pd.offsets.CustomBusinessDay(calendar=np.busdaycalendar("1111000")), ["weekmask"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_saved_is_named(value, words):
    with pytest.raises(TypeError, match=says(*words)):
        to_plain(value)


@pytest.mark.parametrize("ahead", [None, dt.timedelta(seconds=1.5)])
def test_a_time_zone_without_a_name_is_refused(ahead):
    """Unless it is a whole number of seconds ahead."""

    class Nowhere(dt.tzinfo):
        def utcoffset(self, moment):
            return ahead

    with pytest.raises(TypeError, match=says("Time zone", "tz_convert")):
        to_plain(dt.datetime(2024, 1, 1, tzinfo=Nowhere()))


# Arrays


@quick
@given(
    st.dictionaries(
        st.text().filter(lambda name: not name.startswith("__")),
        hnp.arrays(
            st.sampled_from(["<f4", ">f8", "<i4", ">i8", "<u4", ">u8", "?"]),
            hnp.array_shapes(min_dims=0, min_side=0),
        ),
    )
)
def test_arrays_come_back_bit_for_bit_in_native_order(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("arrays") / "model"
    arrays = {name: array.T for name, array in arrays.items()}  # not in C order
    write_model(path, arrays, {})
    back, _ = read_model(path)
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype.newbyteorder("=")
        assert back[name].shape == array.shape
        assert back[name].flags.writeable
        assert back[name].tobytes() == array.astype(back[name].dtype).tobytes()


def test_the_file_is_the_same_whatever_the_order_of_bytes_in_memory(tmp_path):
    little, big = tmp_path / "little", tmp_path / "big"
    write_model(little, {"a": np.arange(5, dtype="<f8")}, {})
    write_model(big, {"a": np.arange(5, dtype=">f8")}, {})
    assert little.read_bytes() == big.read_bytes()


def test_the_file_is_a_safetensors_file(tmp_path):
    arrays, facts = sample()
    write_model(tmp_path / "model", arrays, facts)
    contents = (tmp_path / "model").read_bytes()
    start = 8 + int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8:start])
    assert start % 8 == 0
    assert all(type(value) is str for value in header.pop("__metadata__").values())
    begin, end = header["of f4"]["data_offsets"]
    there = np.frombuffer(contents[start + begin : start + end], "<f4")
    np.testing.assert_array_equal(there.reshape(header["of f4"]["shape"]), arrays["of f4"])
    assert start + header["__sha256__"]["data_offsets"][1] == len(contents)


@pytest.mark.parametrize("length", range(1, 9))
def test_numbers_lie_at_multiples_of_eight_bytes(tmp_path, length):
    write_model(tmp_path / "model", {"a" * length: np.zeros(3)}, {})
    assert int.from_bytes((tmp_path / "model").read_bytes()[:8], "little") % 8 == 0


@pytest.mark.parametrize("dtype", ["object", "U3", "f2", "c16", "M8[ns]", "V3"])
def test_other_arrays_are_refused_by_name(tmp_path, dtype):
    with pytest.raises(TypeError, match=says("'weights'", "float32")):
        write_model(tmp_path / "model", {"weights": np.zeros(3, dtype)}, {})


def test_names_of_the_format_cannot_be_taken(tmp_path):
    for name in ("__metadata__", "__facts__", "__sha256__"):
        with pytest.raises(ValueError, match=name):
            write_model(tmp_path / "model", {name: np.zeros(3)}, {})


# The file as a whole


def save_over(path):
    try:
        write_model(path, {}, {"new": True})
    except PermissionError as error:
        return str(error)
    return "saved"


@pytest.fixture
def saved(tmp_path):
    write_model(tmp_path / "model", {"a": np.ones(3)}, {"old": True})
    return tmp_path / "model"


def test_a_new_file_has_the_rights_of_any_new_file_and_an_old_one_keeps_its_own(tmp_path):
    mask = os.umask(0o027)
    try:
        write_model(tmp_path / "new", {}, {})
        (tmp_path / "old").touch()
        (tmp_path / "old").chmod(0o604)
        write_model(str(tmp_path / "old"), {}, {})
    finally:
        os.umask(mask)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o604


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["fsync", "fdopen"])
def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(
    saved, monkeypatch, error, step
):
    def fail(*arguments):
        raise error("full")

    before = saved.read_bytes()
    with monkeypatch.context() as patches:
        patches.setattr(os, step, fail)
        with pytest.raises(error, match="full"):
            write_model(saved, {"a": np.zeros(9)}, {})
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_link_goes_on_pointing_where_it_pointed(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/model")
    for number in (1, 2):  # first to a file that is not there yet
        write_model(tmp_path / "link", {}, {"number": number})
        assert (tmp_path / "link").is_symlink()
        assert read_model(tmp_path / "folder" / "model") == ({}, {"number": number})


def test_a_write_protected_file_is_not_replaced(saved):
    saved.chmod(0o444)
    assert "Permission denied" in run(save_over, str(saved), superuser=False)
    assert read_model(saved)[1] == {"old": True}


def test_only_files_are_written_to(tmp_path):
    with pytest.raises(FileNotFoundError, match=says("no folder", "missing")):
        write_model(tmp_path / "missing" / "model", {}, {})
    with pytest.raises(IsADirectoryError):
        write_model(tmp_path, {}, {})
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no ordinary file"):
        write_model(tmp_path / "pipe", {}, {})


@pytest.mark.parametrize("limit", ["_LONGEST_FACTS", "_MOST_PARTS"])
def test_facts_that_could_not_be_read_again_are_not_written(saved, monkeypatch, limit):
    with monkeypatch.context() as patches:
        patches.setattr(container, limit, 100)
        with pytest.raises(ValueError, match=says("too much", "100")):
            write_model(saved, {}, {"lists": [[]] * 200})
    assert read_model(saved)[1] == {"old": True}


def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path):
    outcome = run(kill_while_saving, str(tmp_path), 20, 0)
    assert outcome["inside"] > 0, "no kill fell into a save: this test tested nothing"


def test_the_same_model_gives_the_same_file(tmp_path):
    for name in ("one", "two"):
        write_model(tmp_path / name, *sample())
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert fingerprint(read_model(tmp_path / "one")) == fingerprint(sample())
    assert b"pickle" not in b"".join(parts_of((tmp_path / "one").read_bytes()))
