from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.fields.event import map_entry, map_event
from replay.readers.entry import Entry
from switchboard.event import Event, parse_event
from tests.replay.fields.seen import leave, replacing, shown

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


def test_every_place_of_an_event_is_shown() -> None:
    event = parse_event(
        {
            "ts": 1_584_273_600_000_000_000,
            "method": "POST",
            "url": "/citizens/77?a=77",
            "user": "77",
            "session": "77",
            "headers": {"Cookie": "c=77", "Content-Type": "text/plain", "X-A": "77"},
            "body": "77",
            "response_headers": {"Set-Cookie": "c=77", "Location": "/77", "Content-Type": "x/json"},
            "response_body": {"a": [77]},
            "note": {"b": "77"},
        }
    )
    places = [path for path, _, text in shown(lambda visit: map_event(event, visit)) if "7" in text]
    assert sorted(places) == [
        "answer.body.$.a[0]", "answer.cookie.c", "answer.header.location.path[0]", "body.text",
        "cookie.c", "extra.$.note.b", "header.x-a", "session", "url.path[1]", "url.query.a", "user",
    ]  # fmt: skip
    mapped = map_event(event, replacing({"77": "8"}))
    assert "77" not in repr(tuple(mapped))
    gone = map_event(event, replacing({"77": None}))
    assert (gone.user, gone.session, gone.body, gone.url) == (None, None, b"", "/citizens/-?")
    assert gone.extra == {"note": {"b": None}}


def test_a_length_that_was_true_stays_true() -> None:
    headers = (("content-length", "2"), ("X-A", "1"))
    event = Event(1, None, "POST", "/a", headers=headers, body=b"77", response_body=b"77")
    answered = event._replace(response_headers=(("Content-Length", "2"),))
    mapped = map_event(answered, replacing({"77": "1234"}))
    assert mapped.headers == (("content-length", "4"), ("X-A", "1"))
    assert mapped.response_headers == (("Content-Length", "4"),)
    false = event._replace(headers=(("content-length", "3"),))
    assert map_event(false, replacing({"77": "1234"})).headers == false.headers


def test_a_user_cannot_hold_control_characters() -> None:
    event = Event(1, None, "GET", "/a", user="77")
    assert map_event(event, replacing({"77": "a\r\nb"})).user == "a  b"


def test_extras_that_are_too_deep_are_one_text() -> None:
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    event = Event(1, None, "GET", "/a", extra={"x": deep})
    assert map_event(event, leave) is event
    assert map_event(event, lambda leaf: leaf.text + "!").extra == {}


@pytest.mark.parametrize(
    "unit",
    ["<", "<!--", "<a b=", "=", "a&", "ssn1=1&", "%25", "{", '{"a":', "[1,", "\\", '"', "/;",
     "a;b=", "https://a?b=&", "QUFB", "--x\r\n\r\n", "&amp;", " ", "é", "<a ",
     "name=\"", "ssn_a=1;"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["", "text/html", "multipart/form-data; boundary=x"])
def test_a_long_hostile_event_takes_no_longer_than_its_length(unit: str, kind: str) -> None:
    text = unit * (32_768 // len(unit)) + "\x00"
    headers = (("Content-Type", kind), ("Cookie", text), ("Set-Cookie", text), ("Referer", text))
    event = Event(1, None, "POST", f"/{text}", headers=headers, body=text.encode())
    assert map_event(event, leave) is event


def test_extras_may_hold_integers_of_any_size() -> None:
    event = Event(1, None, "GET", "/a", extra={"n": -(2**70), "s": "77"})
    assert map_event(event, leave) is event
    assert map_event(event, replacing({"77": "8"})).extra == {"n": -(2**70), "s": "8"}
