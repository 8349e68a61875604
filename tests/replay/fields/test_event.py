from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from replay.fields.event import map_entry, map_event
from replay.fields.leaf import Leaf
from replay.readers.entry import Entry
from switchboard.event import Event

TEXT = st.text(max_size=30)
ASCII = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
HEADER_NAMES = st.sampled_from(
    ["Cookie", "Set-Cookie", "Referer", "Location", "Authorization", "X-A", "Content-Type",
     "Content-Encoding", "content-length"]
)  # fmt: skip
KINDS = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "text/html; charset=latin-1",
     "multipart/form-data; boundary=xx", "application/xml", "text/plain; charset=utf-16", "",
     "application/octet-stream", "application/x-ndjson", "image/png"]
)  # fmt: skip
HEADERS = st.lists(
    st.tuples(HEADER_NAMES, TEXT | ASCII)
    | st.tuples(st.just("Content-Type"), KINDS)
    | st.tuples(HEADER_NAMES, KINDS),
    max_size=4,
).map(tuple)
BODIES = st.binary(max_size=80) | st.text('{}[]<>&="\\/:,.%;- a1\r\n', max_size=60).map(str.encode)


def events() -> st.SearchStrategy[Event]:
    return st.builds(
        Event,
        ts_ns=st.just(1),
        delay_ms=st.none(),
        method=st.just("POST"),
        url=ASCII.map("/".__add__) | ASCII.map("https://h".__add__),
        user=st.none() | TEXT,
        session=st.none() | TEXT,
        headers=HEADERS,
        body=BODIES,
        response_headers=HEADERS,
        response_body=st.none() | BODIES,
        extra=st.dictionaries(TEXT, JSONISH, max_size=2),
    )


def leave(leaf: Leaf) -> str:
    return leaf.text


@settings(max_examples=100)
@given(events())
def test_a_visitor_that_leaves_everything_changes_nothing(event: Event) -> None:
    assert map_event(event, leave) is event


@settings(max_examples=100)
@given(events(), st.sampled_from(["", "x\r\nEvil: 1", "é\ud800 {<&=;\"'", None, "9"]))
def test_whatever_replaces_a_leaf_an_event_stays_sendable(event: Event, new: Any) -> None:
    mapped = map_event(event, lambda _: new)
    assert mapped.url.isascii()
    assert mapped.url.isprintable()
    assert " " not in mapped.url
    for _, value in mapped.headers + mapped.response_headers:
        assert value in {old for _, old in event.headers + event.response_headers} or not (
            {"\r", "\n", "\0"} & set(value)
        )


def test_a_json_body_comes_back_as_the_body() -> None:
    event = Event(1, None, "POST", "/a", body=b"")
    assert map_event(event, leave, json_body=b'{"a":1}').body == b'{"a":1}'
    entry = Entry(event, b'{"a":"b"}', client="c")
    assert map_entry(entry, leave) is entry
    changed = map_entry(entry, lambda leaf: "z" if leaf.name == "a" else leaf.text)
    assert changed.json_body == b'{"a":"z"}'
    assert changed.client == "c"
