from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.head import Head
from replay.readers.ops import OPS
from replay.readers.sniff import sniff
from replay.readers.vegeta_json import NO_TIME, VEGETA_JSON
from replay.readers.vegeta_results import VEGETA_RESULTS
from replay.readers.vegeta_targets import NO_TIMES
from tests.replay.readers.collecting import Collector, read_bytes, read_file

GET = b'{"method":"GET","url":"http://h/a"}\n'
POST = (
    b'{"method":"POST","url":"http://h/b?x=1","body":"aGk=",'
    b'"header":{"Content-Type":["text/plain"],"A":["1","2"]}}\n'
)
TS = 1_584_273_600_123_456_789


def read(data: bytes) -> Collector:
    return read_bytes(data, VEGETA_JSON)


def read_with(folder: Path, data: bytes, times: bytes, name: str = "t.json") -> Collector:
    (folder / name).write_bytes(data)
    (folder / "t.json.times").write_bytes(times)
    return read_file(folder / name, VEGETA_JSON)


def test_targets_as_vegeta_writes_them() -> None:
    found = read(GET + b"\n" + POST)
    assert found.skips == []
    assert found.notes == {NO_TIMES: 0}
    (first, get), (second, post) = found.entries
    assert (first, second) == (1, 3)
    assert (get.event.method, get.event.url, get.event.delay_ms) == ("GET", "http://h/a", 1.0)
    assert post.event.body == b"hi"
    assert post.event.headers == (("Content-Type", "text/plain"), ("A", "1"), ("A", "2"))


def test_times_lie_beside(tmp_path: Path) -> None:
    found = read_with(tmp_path, GET + b"\nnot JSON\n" + POST, b"%d\n5\n%d\n" % (TS, TS + 7))
    assert [entry.event.ts_ns for _, entry in found.entries] == [TS, TS + 7]
    assert found.skips == [(3, "not JSON")]
    assert found.gaps_ms == [0.0]
    assert found.notes == {}


def test_times_lie_beside_what_is_packed(tmp_path: Path) -> None:
    found = read_with(tmp_path, gzip.compress(GET), b"%d\n" % TS, "t.json.gz")
    assert [entry.event.ts_ns for _, entry in found.entries] == [TS]


@pytest.mark.parametrize(
    ("times", "reasons", "notes"),
    [
        (b"", [NO_TIME, NO_TIME], 0),
        (b"%d\n" % TS, [NO_TIME], 0),
        (b"%d" % TS, [NO_TIME], 0),
        (b"x\n%d\n" % TS, [NO_TIME], 0),
        (b"-5\n%d\n" % TS, [NO_TIME], 0),
        (b"5\n%d\n" % TS, ["ts outside 1990..2100"], 0),
        (b"%d\n%d\n%d\n" % (TS, TS, TS), [], 1),
        (b"%d\r\n%d\r\n" % (TS, TS), [], 0),
        (b"9" * 5_000, ["ts outside 1990..2100"] * 2, 1),
        ("١٢\n".encode() + b"%d\n" % TS, [NO_TIME], 0),
        (b"\xff\n%d\n" % TS, [NO_TIME], 0),
    ],
)
def test_times_that_do_not_fit(
    tmp_path: Path, times: bytes, reasons: list[str], notes: int
) -> None:
    found = read_with(tmp_path, GET + POST, times)
    assert found.reasons == reasons
    assert len(found.notes) == notes


def test_times_that_are_no_file_are_none(tmp_path: Path) -> None:
    (tmp_path / "t.json.times").mkdir()
    (tmp_path / "t.json").write_bytes(GET)
    assert read_file(tmp_path / "t.json", VEGETA_JSON).notes == {NO_TIMES: 0}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[]", "not an object"),
        (b"{}", "no method"),
        (b'{"method":"GET"}', "no url"),
        (b'{"method":"GET","url":5}', "bad url"),
        (b'{"method":["GET"],"url":"http://h/"}', "bad method"),
        (b'{"method":"G T","url":"http://h/"}', "bad method"),
        (b'{"method":"GET","url":"h/"}', "bad url"),
        (b'{"method":"GET","url":"http://h/\\r\\nA: b"}', "bad url"),
        (b'{"method":"GET","url":"http://h/","body":"%"}', "bad body"),
        (b'{"method":"GET","url":"http://h/","body":{}}', "bad body"),
        (b'{"method":"GET","url":"http://h/","header":[1]}', "bad headers"),
        (b'{"method":"GET","url":"http://h/","header":{"A":[["b"]]}}', "bad headers"),
        (b'{"method":"GET","url":"http://h/","header":{"X-Esr-User":["%00"]}}', "bad user"),
        (b" " * (9 << 20) + b"{}", "line longer than 8 MiB"),
    ],
)
def test_bad_lines(line: bytes, reason: str) -> None:
    found = read(line + b"\n" + GET)
    assert found.skips == [(1, reason)]
    assert found.gaps_ms == [1.0]
    assert len(found.entries) == 1


@pytest.mark.parametrize(
    ("line", "format_"),
    [
        (GET, VEGETA_JSON),
        (POST, VEGETA_JSON),
        (b'{"method":"GET","url":"/a","header":null}\n', VEGETA_JSON),
        (b'{"ts":1,"method":"GET","url":"http://h/a"}\n', OPS),
        (b'{"delay":1,"method":"GET","url":"http://h/a","body":"aGk="}\n', OPS),
        (b'{"method":"GET","url":"/a","headers":{}}\n', OPS),
        (
            b'{"attack":"","seq":0,"code":200,"timestamp":"2020-03-15T12:00:00Z","latency":5,'
            b'"method":"GET","url":"http://h/a"}\n',
            VEGETA_RESULTS,
        ),
    ],
)
def test_told_from_what_looks_alike(line: bytes, format_: object) -> None:
    assert sniff(Head(line)) is format_


def check(data: bytes) -> None:
    found = read(data)
    assert len(found.entries) + len(found.skips) == sum(
        1 for line in data.split(b"\n") if line.strip()
    )


def test_cut_at_every_byte() -> None:
    for end in range(0, len(GET + POST), 2):
        check((GET + POST)[:end])


@settings(max_examples=60)
@given(st.integers(0, len(POST)), st.integers(0, 20), st.binary(max_size=20))
def test_mutations(at: int, length: int, data: bytes) -> None:
    check(GET + POST[:at] + data + POST[at + length :] + GET)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=60)
@given(
    st.fixed_dictionaries(
        {"method": JSON | st.just("GET"), "url": JSON | st.just("http://h/")},
        optional={"body": JSON, "header": JSON},
    )
)
def test_any_values(value: object) -> None:
    check(json.dumps(value).encode() + b"\n")
