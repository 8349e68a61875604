from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.account import Tally
from replay.building.rows import Rows
from replay.readers.entry import Entry
from replay.readers.ops import LATIN1, FastOps, parse_entry, read_ops
from replay.readers.source import Source, TraceFile
from replay.tape import TapeWriter
from switchboard.event import EventError

TS = "2020-03-15T12:00:00.123Z"
EVENT = {"ts": TS, "method": "GET", "url": "/a"}


class ScriptedWriter(TapeWriter):
    """Keeps what would go to disk."""

    def __init__(self) -> None:
        self.written: dict[str, bytes] = {}

    def append_bytes(self, file: str, data: bytes | bytearray | memoryview) -> None:
        self.written[file] = self.written.get(file, b"") + bytes(data)


def outcome(events: list[Any], *, fast: bool) -> tuple[dict[str, bytes], dict[str, int], object]:
    """What lands on disk, what is skipped, and which places are known, by one of the two ways."""
    writer = ScriptedWriter()
    rows = Rows(writer, Tally())
    quick = FastOps(rows)
    for number, event in enumerate(events):
        value = orjson.loads(orjson.dumps(event))
        try:
            if not (fast and quick.take(number, value)):
                rows.add(number, parse_entry(value))
        except EventError as error:
            rows.skip(number, error.reason)
    rows.close()
    places = (rows.places.hosts(), rows.places.routes(), rows.lead_rows)
    return writer.written, rows.tally.skipped, places


NAMES = st.sampled_from(["ann", "", "a\tb", "a\u00a0b", "é", 5, 1.5, None, ["x"], {"y": 1}, True])
HEADERS: st.SearchStrategy[Any] = st.one_of(
    st.dictionaries(
        st.sampled_from(
            [
                "Accept",
                "accept",
                "Content-Type",
                "content-type",
                "X-Content-Type",
                "Authorization",
                "X-Request-Id",
                "Connection",
                "connection",
                "bad name",
                "User-Agent",
                "Host",
                "",
            ]
        ),
        st.sampled_from(
            [
                "a",
                "Bearer abc",
                "close",
                "Accept, X-Request-Id",
                "keep-alive",
                "0123-abcdef",
                "application/json",
                " a ",
                "a\r\nb",
                "é",
                "/x?token=1",
                "",
                5,
                None,
                ["a", "b"],
                {"a": "b"},
            ]
        ),
        max_size=5,
    ),
    st.sampled_from([None, [], [["Accept", "a"]], "x", 5, {}, [["a"]]]),
)
URLS = st.sampled_from(
    [
        "/",
        "/a/1/22?x=1#frag",
        "/a/77",
        "/a/1/22",
        "/a b",
        "/é",
        "/a\x7f",
        "//x/y",
        "*",
        "",
        None,
        5,
        "a/b",
        "https://SVC.hms.example/a/1",
        "https://svc.hms.example/a/2?token=abc",
        "http://u:p@svc.hms.example:80/a/3;jsessionid=x",
        "http://h?x=/y",
        "http://h#f/y",
        "https:///x",
        "ftp://h/x",
        "http://h",
        "/eyJhbGciOiJIUzI1NiJ9.e30.x",
        "/12/AKIA0123456789ABCDEF",
    ]
)
STAMPS: st.SearchStrategy[Any] = st.sampled_from(
    [
        TS,
        "2020-03-15T12:00:00Z",
        "2020-03-15T12:00:00.000001Z",
        "2020-03-15T12:00:00.1Z",
        "2020-03-15T12:00:00.123456789Z",
        "2020-03-15T12:00:00.123+00:00",
        "2020-03-15T12:00:00.123+01:00",
        "2020-03-15T12:00:00.12३Z",
        "2020-03-15T12:00:00.123",
        "2020-03-15T12:00:00,123Z",
        "2020-03-15 12:00:00.123Z",
        "9999-03-15T12:00:00.123Z",
        "",
        "Z",
        1_584_273_600_000_000_000,
        1_584_273_600,
        1.5,
        True,
        None,
        [],
    ]
)
BODIES: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "text", "é", {"a": [1, 2.5, "x"]}, [], 0, False, 1e16, {"a": "\u2028"}]
)
EVENTS = st.fixed_dictionaries(
    {
        "ts": STAMPS,
        "method": st.sampled_from(["GET", "POST", "get", "TRACE", "", 5, None, "é", []]),
    },
    optional={
        "url": URLS,
        "delay": st.sampled_from([None, 0, 5.5, -1, "x", 1e12]),
        "user": NAMES,
        "session": NAMES,
        "service": NAMES,
        "headers": HEADERS,
        "body": BODIES,
        "body_b64": st.sampled_from([None, "aGk=", "?", 5]),
        "status": st.sampled_from([None, 200, 99, 1000, "200", 2.0, True]),
        "wait_ms": st.sampled_from([None, 1, 0.5, -1, 1e9, 1e300, "x", True]),
        "response_body": BODIES,
        "more": st.just([1]),
    },
)
PLAIN = st.fixed_dictionaries(
    {
        "ts": st.sampled_from([TS, "2020-03-15T12:00:00.5Z", 1_584_273_600_000_000_000]),
        "method": st.sampled_from(["GET", "POST"]),
        "url": URLS.filter(lambda url: isinstance(url, str) and url[:1] in ("/", "h")),
    },
    optional={"user": st.sampled_from(["ann", "bo"]), "headers": HEADERS, "body": BODIES},
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(EVENTS, PLAIN, PLAIN), min_size=1, max_size=8))
def test_the_fast_way_gives_what_the_defining_way_gives(events: list[Any]) -> None:
    # Twice, so that the second time everything is in the caches.
    events = events + events
    assert outcome(events, fast=True) == outcome(events, fast=False)


@pytest.mark.parametrize("value", [None, 5, "x", [], [1]])
def test_what_is_no_object_is_skipped(value: Any) -> None:
    assert outcome([value], fast=True)[1] == {"not an object": 1}


def test_a_common_event_goes_the_fast_way() -> None:
    quick = FastOps(Rows(ScriptedWriter(), Tally()))
    event = {
        "ts": TS,
        "method": "POST",
        "url": "https://svc.hms.example/a/1?x=2",
        "user": "u",
        "headers": {"Accept": "*/*"},
        "body": {"a": 1},
        "status": 200,
        "wait_ms": 3.5,
    }
    assert [quick.take(1, event) for _ in range(3)] == [False, False, True]


def read(path: Path) -> Tally:
    rows = Rows(ScriptedWriter(), Tally())
    with Source(TraceFile(path, path.name)) as source:
        read_ops(source, rows)
    rows.close()
    return rows.tally


@pytest.mark.parametrize(
    ("text", "used", "skipped"),
    [
        (json.dumps(EVENT), 1, {}),
        (json.dumps(EVENT, indent=2), 1, {}),
        ("\n\n" + json.dumps(EVENT, indent=2) + "\n\n", 1, {}),
        (json.dumps(EVENT) + "\n\n" + json.dumps(EVENT) + "\r\n", 2, {"blank line": 1}),
        ('{"a": \n' + json.dumps(EVENT), 1, {"not JSON": 1}),
        ('{"ts": 1e400}\n{"a": NaN}\n"\\ud800"', 0, {"not JSON": 3}),
        ("[" * 100_000, 0, {"not JSON": 1}),
        ("[]\n1\nnull", 0, {"not an object": 3}),
    ],
    ids=[
        "one line",
        "pretty",
        "pretty with blank lines",
        "blank line between",
        "damaged first line",
        "numbers and text that JSON cannot hold",
        "deep nesting",
        "no objects",
    ],
)
def test_every_line_is_read_or_counted(
    tmp_path: Path, text: str, used: int, skipped: dict[str, int]
) -> None:
    (tmp_path / "x").write_text(text)
    tally = read(tmp_path / "x")
    assert (tally.used, tally.skipped) == (used, skipped)


def test_a_body_deeper_than_the_fast_encoder_goes_is_kept(tmp_path: Path) -> None:
    deep = "[" * 400 + "]" * 400
    (tmp_path / "x").write_text(
        '{"ts": 1584273600000000000, "method": "POST", "url": "/", "body": ' + deep + "}"
    )
    assert read(tmp_path / "x").used == 1


class Collected(Rows):
    """Rows that keep the entries that came to them whole."""

    def __init__(self) -> None:
        super().__init__(ScriptedWriter(), Tally())
        self.entries: list[Entry] = []

    def add(self, line: int, entry: Entry) -> None:
        self.entries.append(entry)
        super().add(line, entry)


def collect(path: Path, content: bytes) -> Collected:
    path.write_bytes(content)
    rows = Collected()
    with Source(TraceFile(path, path.name)) as source:
        read_ops(source, rows)
    rows.close()
    return rows


def test_an_event_with_an_answer_comes_whole(tmp_path: Path) -> None:
    answered = {
        **EVENT,
        "body": {"a": 1},
        "response_headers": {"Location": "/a/7"},
        "response_body": {"id": 7},
    }
    rows = collect(tmp_path / "x", json.dumps(answered).encode() + b"\n")
    (entry,) = rows.entries
    assert entry.json_body == b'{"a":1}'
    assert entry.event.response_headers == (("Location", "/a/7"),)
    assert entry.event.response_body == b'{"id":7}'


@pytest.mark.parametrize(
    "answer",
    [{"response_body_b64": "?"}, {"response_headers": 5}, {"response_headers": {"a": None}}],
    ids=["no base64", "no headers", "no text"],
)
def test_an_answer_that_cannot_be_read_costs_no_request(
    tmp_path: Path, answer: dict[str, Any]
) -> None:
    line = json.dumps({**EVENT, **answer}).encode()
    rows = collect(tmp_path / "x", line)
    assert rows.entries[0].event.response_body is None
    assert (rows.tally.used, read(tmp_path / "x").used) == (1, 1)


@pytest.mark.parametrize("indent", [None, 2], ids=["a line", "pretty"])
def test_latin1_is_read_and_told(tmp_path: Path, indent: int | None) -> None:
    event = {**EVENT, "method": "POST", "body": {"name": "José"}}
    text = json.dumps(event, ensure_ascii=False, indent=indent)
    rows = collect(tmp_path / "x", text.encode("latin-1"))
    assert rows.entries[0].json_body == '{"name":"José"}'.encode()
    closed = rows.tally.close(trace_format="", stamps="", out_of_order=0, notes=())
    assert (closed.skipped, closed.notes) == ({}, (f"{LATIN1} (1)",))


def test_lines_in_latin1_are_counted(tmp_path: Path) -> None:
    line = json.dumps({**EVENT, "user": "José"}, ensure_ascii=False)
    content = f"{json.dumps(EVENT)}\n{line}\n{line}\n".encode("latin-1")
    (tmp_path / "x").write_bytes(content + b'\xe9\n{"a": "\0"}\n')
    tally = read(tmp_path / "x")
    assert (tally.used, tally.skipped) == (3, {"not JSON": 2})
    closed = tally.close(trace_format="", stamps="", out_of_order=0, notes=())
    assert closed.notes == (f"{LATIN1} (2)",)
