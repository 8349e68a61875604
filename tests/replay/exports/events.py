"""Events of every shape that `parse_event` accepts, and a way to write and read them back."""

from __future__ import annotations

import io
import string
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from hypothesis import strategies as st

from replay.exports.out import Out
from replay.readers.format import Format
from switchboard.event import EARLIEST_NS, LATEST_NS, Event, parse_event
from tests.replay.readers.collecting import Collector, read_bytes


class Writer(Protocol):
    """What every export is."""

    rows: int

    def write(self, event: Event) -> None: ...

    def close(self) -> None: ...


VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
TARGETS = st.builds(
    "/{}".format,
    st.text(VISIBLE, max_size=12)
    | st.sampled_from(["", "a?x=1", "/x", "a#b", "%0d%0a", "<'\"|^`>"]),
)
HOSTS = st.sampled_from(["h", "svc.hms.example", "SVC.HMS.example:8443", "[::1]:80", "127.0.0.1"])
URLS = st.one_of(
    TARGETS,
    st.builds("{}://{}{}".format, st.sampled_from(["http", "https", "HTTP"]), HOSTS, TARGETS),
    st.sampled_from(["*", "http://h", "https://u:p@h?x=1", "http://h#f", "http://h/#"]),
)
NAMES = st.none() | st.text(
    st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8
) | st.sampled_from(["ann", " a ", "100%", "%41", "é"])  # fmt: skip
TOKENS = st.text(st.sampled_from(string.ascii_letters + "0123456789-_!~."), min_size=1, max_size=8)
TEXTS = st.text(
    st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=10
) | st.sampled_from(["text/plain", " a ", "\t", "close", "é", "Bearer x"])  # fmt: skip
HEADER_NAMES = TOKENS | st.sampled_from(
    ["Host", "content-length", "Transfer-Encoding", "Connection", "A", "a", "X-Esr-User"]
)
HEADERS = st.lists(st.tuples(HEADER_NAMES, TEXTS), max_size=5).map(tuple)
BODIES = st.binary(max_size=30) | st.sampled_from(
    [
        b"",
        b'{"a":1}',
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"1 a 1\n",
        "x🐵🙈🙉\n".encode(),
        "\n🐵🙈🙉x".encode(),
    ]
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "PURGE", "M-SEARCH"])
EXTRA = st.dictionaries(
    st.sampled_from(["trace", "labels", "x"]),
    st.none() | st.integers(-9, 9) | st.text(max_size=4) | st.lists(st.booleans(), max_size=2),
    max_size=2,
)


@st.composite
def _events(draw: st.DrawFn) -> Event:
    names = {name: draw(NAMES) for name in ("user", "session", "service")}
    event = parse_event({"ts": draw(STAMPS), "method": draw(METHODS), "url": draw(URLS), **names})
    event = event._replace(headers=draw(HEADERS), body=draw(BODIES), extra=draw(EXTRA))
    if draw(st.booleans()):
        event = event._replace(
            status=draw(st.integers(100, 999)),
            wait_ms=draw(st.none() | st.sampled_from([0.0, 0.1, 1.5, 12_345.678, 250])),
            response_headers=draw(HEADERS),
            response_body=draw(st.none() | BODIES),
        )
    return event


STAMPS = st.integers(EARLIEST_NS, LATEST_NS - 1)
EVENTS = _events()


def written(make: Callable[[Out], Writer], events: Iterable[Event]) -> tuple[bytes, int]:
    """The bytes of an export, and how many events it says it has taken."""
    out = io.BytesIO()
    writer = make(out)
    for event in events:
        writer.write(event)
    writer.close()
    return out.getvalue(), writer.rows


def read_back(data: bytes, format: Format) -> tuple[list[Event], Collector]:  # noqa: A002
    """The events of an export; nothing of it may be skipped."""
    found = read_bytes(data, format)
    assert found.skips == []
    return [_whole(entry) for _, entry in found.entries], found


def _whole(entry: Any) -> Event:
    event: Event = entry.event
    return event if entry.json_body is None else event._replace(body=entry.json_body)
