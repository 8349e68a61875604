from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.exports.har import HarWriter, format_started
from replay.readers.entry import Entry
from replay.readers.har import read_har
from replay.readers.source import Source, TraceFile
from switchboard.event import EARLIEST_NS, LATEST_NS, MAX_MS, Event, EventError

NOON = 1_584_273_600_000_000_000


class ListSink:
    needs_whole = True

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, line: int, entry: Entry) -> None:
        self.entries.append(entry)
        assert line == len(self.entries)

    def add_request(self, *_: object) -> None:
        raise AssertionError("the reader of HARs has no fast way")

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        raise AssertionError(f"{line}: {reason}")

    def note(self, text: str, count: int = 1) -> None:
        raise AssertionError(text)


def written(*events: Event) -> bytes:
    out = io.BytesIO()
    writer = HarWriter(out)
    for event in events:
        writer.write(event)
    writer.close()
    assert writer.rows == len(events)
    return out.getvalue()


def read_again(folder: Path, data: bytes) -> list[Event]:
    path = folder / "a.har"
    path.write_bytes(data)
    sink = ListSink()
    with Source(TraceFile(path, "a.har")) as source:
        read_har(source, sink)
    # Whoever an exported event was of is in the event: the file is not one person's.
    assert {entry.client for entry in sink.entries} <= {None}
    return [entry.event for entry in sink.entries]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
NAMES = st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Accept", "Cookie", "cookie", "Set-Cookie", "Location", "", ":path"])
        | st.sampled_from(["Content-Type", "Content-Encoding", "Connection", "Content-Length"])
        | TEXT,
        TEXT | st.sampled_from(["a=b; c", "a=b; HttpOnly; Secure", "x-a", "\r\nX: y"]),
    ),
    max_size=4,
).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
WAITS = st.none() | st.floats(0, MAX_MS) | st.integers(0, int(MAX_MS))
EVENTS = st.builds(
    Event,
    ts_ns=st.integers(EARLIEST_NS, LATEST_NS - 1),
    delay_ms=st.none(),
    method=st.sampled_from(["GET", "POST", "PROPFIND", "HEAD"]),
    url=VISIBLE.map(lambda rest: f"/{rest}")
    | st.tuples(st.sampled_from(["http://a", "https://b.example:8", "HTTP://u:p@c"]), VISIBLE).map(
        "/".join
    ),
    user=NAMES,
    session=NAMES,
    service=NAMES,
    headers=HEADERS,
    body=st.binary(max_size=20) | TEXT.map(str.encode),
    status=st.none() | st.integers(100, 999),
    wait_ms=WAITS,
    response_headers=HEADERS,
    response_body=st.none() | st.binary(max_size=20) | TEXT.map(str.encode),
    extra=st.dictionaries(TEXT, JSON, max_size=2),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, max_size=4))
def test_what_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    data = written(*events)
    check_har(json.loads(data))
    assert read_again(tmp_path_factory.getbasetemp(), data) == events


EVENT = Event(NOON, None, "GET", "/")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (EVENT._replace(ts_ns=None), "no ts"),
        (EVENT._replace(ts_ns=5), "ts outside 1990..2100"),
        (EVENT._replace(url="*"), "asterisk target"),
        (EVENT._replace(url="ftp://a"), "bad url"),
        (EVENT._replace(url="/a b"), "bad url"),
        (EVENT._replace(method="CONNECT"), "bad method"),
        (EVENT._replace(method="get"), "bad event"),
        (EVENT._replace(user=""), "bad event"),
        (EVENT._replace(user="a\nb"), "bad user"),
        (EVENT._replace(wait_ms=float("nan")), "bad wait"),
        (EVENT._replace(headers=(("a", "\ud800"),)), "text that no JSON holds"),
        (EVENT._replace(extra={"a": object()}), "text that no JSON holds"),
        (EVENT._replace(extra={"a": 2**70}), "text that no JSON holds"),
    ],
)
def test_what_no_har_holds_is_refused(event: Event, reason: str) -> None:
    out = io.BytesIO()
    writer = HarWriter(out)
    with pytest.raises(EventError) as caught:
        writer.write(event)
    writer.close()
    assert caught.value.reason == reason
    assert writer.rows == 0
    assert json.loads(out.getvalue())["log"]["entries"] == []


def test_an_entry_says_what_other_tools_look_for() -> None:
    event = Event(
        NOON + 1,
        None,
        "POST",
        "https://a.example/x?a=1&b=&c=%20",
        user="ann",
        headers=(("Cookie", "a=1; b=2"), ("Content-Type", "text/plain")),
        body=b"\xff",
        status=302,
        wait_ms=7.5,
        response_headers=(("Set-Cookie", "s=1; Path=/; HttpOnly"), ("location", "/y")),
        response_body=b"gone",
    )
    entry = json.loads(written(event))["log"]["entries"][0]
    assert entry["startedDateTime"] == "2020-03-15T12:00:00.000000001Z"
    assert entry["time"] == 7.5
    assert entry["_esr"] == {"user": "ann"}
    assert entry["request"]["cookies"] == [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    assert [pair["value"] for pair in entry["request"]["queryString"]] == ["1", "", " "]
    assert entry["request"]["postData"] == {
        "mimeType": "text/plain",
        "text": "/w==",
        "encoding": "base64",
    }
    assert entry["response"]["redirectURL"] == "/y"
    assert entry["response"]["statusText"] == "Found"
    assert entry["response"]["content"]["text"] == "gone"
    assert entry["response"]["cookies"] == [
        {"name": "s", "value": "1", "httpOnly": True, "secure": False}
    ]


def test_a_path_alone_gets_a_host_that_is_taken_away_again(tmp_path: Path) -> None:
    data = written(EVENT._replace(url="//a/b?c#d"))
    assert json.loads(data)["log"]["entries"][0]["request"]["url"] == "http://localhost//a/b?c#d"
    assert read_again(tmp_path, data)[0].url == "//a/b?c#d"


@given(st.integers(EARLIEST_NS, LATEST_NS - 1))
def test_a_stamp_keeps_every_nanosecond(ns: int) -> None:
    text = format_started(ns)
    assert (len(text), text[19], text[-1]) == (30, ".", "Z")
    assert int(text[20:29]) == ns % 1_000_000_000


# The structure of HAR 1.2, as its specification has it: name and type of what must be there.

PAIR = {"name": str, "value": str}
NUMBER = (int, float)
STRUCTURE: dict[str, Any] = {
    "startedDateTime": str,
    "time": NUMBER,
    "request": {
        "method": str,
        "url": str,
        "httpVersion": str,
        "cookies": [PAIR],
        "headers": [PAIR],
        "queryString": [PAIR],
        "headersSize": int,
        "bodySize": int,
    },
    "response": {
        "status": int,
        "statusText": str,
        "httpVersion": str,
        "cookies": [PAIR],
        "headers": [PAIR],
        "content": {"size": int, "mimeType": str},
        "redirectURL": str,
        "headersSize": int,
        "bodySize": int,
    },
    "cache": {},
    "timings": {"send": NUMBER, "wait": NUMBER, "receive": NUMBER},
}
LOG = {"version": str, "creator": {"name": str, "version": str}, "entries": [STRUCTURE]}


def check_har(har: Any) -> None:
    check(har, {"log": LOG}, "$")
    for entry in har["log"]["entries"]:
        timings = entry["timings"]
        assert entry["time"] == timings["send"] + timings["wait"] + timings["receive"]
        assert all(value >= 0 for value in timings.values())
        assert entry["request"]["url"].lower().startswith(("http://", "https://"))
        check(entry["request"].get("postData", {"mimeType": ""}), {"mimeType": str}, "postData")


def check(value: Any, wanted: Any, path: str) -> None:
    if isinstance(wanted, dict):
        assert isinstance(value, dict), path
        for key, inner in wanted.items():
            assert key in value, f"{path}.{key}"
            check(value[key], inner, f"{path}.{key}")
        assert all(key in wanted or key[:1] == "_" or key in OPTIONAL for key in value), path
    elif isinstance(wanted, list):
        assert isinstance(value, list), path
        for number, item in enumerate(value):
            check(item, wanted[0], f"{path}[{number}]")
    else:
        assert isinstance(value, wanted), path
        assert not isinstance(value, bool), path


OPTIONAL = {"postData", "text", "encoding", "httpOnly", "secure"}
