"""Apache and nginx access logs, common and combined.

`host ident user [10/Oct/2000:13:55:36 -0700] "METHOD target PROTO" status bytes` and, in the
combined layout, `"referer" "user-agent"`; further fields are passed over. Stamps have one-second
steps, and Apache's mean the start while nginx's mean the end: the lines look the same, so they
are taken as the start and the account says so. The referer never travels: it may name production
hosts and people. The client address only tells clients apart and lands nowhere.
Read next: `docs/add-a-reader.md`.
"""

from __future__ import annotations

import re
from typing import Final

from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.source import OVERLONG, Source
from switchboard.event import Event, EventError, parse_event, parse_ts

GARBAGE: Final = "garbage request"
NOT_A_LINE: Final = "not an access log line"

# Quoted parts may hold \" and \xHH. What a part may hold never overlaps with what ends it, so that
# no line can make the pattern walk back and forth.
_QUOTED: Final = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_LINE: Final = re.compile(
    rb"(\S+) (\S+) ([^\[]+) \[(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    + _QUOTED
    + rb" (\d{3}|-) (\d+|-)(?: "
    + _QUOTED
    + rb" "
    + _QUOTED
    + rb")?(?: .*)?"
)
_NON_ASCII: Final = re.compile(rb"[\x80-\xff]")
_ESCAPE: Final = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_PLAIN_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"v": b"\v"}
_PROTOCOL: Final = re.compile(r"HTTP/\d(?:\.\d)?")
_MONTHS: Final = {
    name: f"{number:02d}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_NO_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


def _recognises(head: Head, *, combined: bool) -> bool:
    """True when a line of the head is one, and has (or has not) the two parts of combined."""
    for line in head.lines:
        found = _LINE.fullmatch(line) if len(line) < 65_536 else None
        if found is not None:
            return (found[9] is not None) is combined
    return False


def read_access_log(lines: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    for first, batch in lines.batches():
        for number, line in enumerate(batch, first):
            try:
                sink.add(number, parse_line(line))
            except EventError as error:
                sink.skip(number, error.reason)


def parse_line(line: bytes | None) -> Entry:
    """The entry of one line. Raises EventError with a short reason."""
    if line is None:
        raise EventError(OVERLONG)
    found = _LINE.fullmatch(line.rstrip(b"\r"))
    if found is None:
        raise EventError(NOT_A_LINE if line.strip() else "blank line")
    host, _, _, stamp, request, status, _, _, agent = found.groups()
    method, url = _parse_request(request)
    event = Event(
        ts_ns=_parse_stamp(stamp.decode("ascii")),
        delay_ms=None,
        method=method,
        url=url,
        headers=_headers(agent),
        status=None if status == b"-" or int(status) < 100 else int(status),
    )
    return Entry(
        event,
        client=None if host == b"-" else host.decode("utf-8", "replace"),
        coarse=True,
        inferred=True,
        body_unknown=method in _NO_BODY,
    )


def _parse_request(quoted: bytes) -> tuple[str, str]:
    """Method and target of a request line; the target may hold spaces, as broken clients send.

    A request of HTTP/0.9 has no protocol; it and anything else that is no request is garbage.
    """
    text = _NON_ASCII.sub(lambda found: b"%%%02X" % found[0][0], _unescape(quoted)).decode("ascii")
    method, _, rest = text.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if not target or not _PROTOCOL.fullmatch(protocol):
        raise EventError(GARBAGE)
    try:
        # The event's own rules decide what a method and a URL may be.
        event = parse_event({"delay": 0, "method": method, "url": target.replace(" ", "%20")})
    except EventError as error:
        raise EventError(GARBAGE if error.reason == "bad method" else error.reason) from None
    return event.method, event.url


def _unescape(quoted: bytes) -> bytes:
    if b"\\" not in quoted:
        return quoted
    return _ESCAPE.sub(_plain, quoted)


def _plain(found: re.Match[bytes]) -> bytes:
    text = found[1]
    return bytes([int(text[1:], 16)]) if len(text) == 3 else _PLAIN_ESCAPES.get(text, text)


def _parse_stamp(text: str) -> int:
    """`10/Oct/2000:13:55:36 -0700` as epoch nanoseconds."""
    month = _MONTHS.get(text[3:6])
    if month is None:
        raise EventError("bad ts")
    zone = f"{text[21:24]}:{text[24:26]}"
    return parse_ts(f"{text[7:11]}-{month}-{text[0:2]}T{text[12:20]}{zone}")


def _headers(agent: bytes | None) -> tuple[tuple[str, str], ...]:
    if not agent or agent == b"-":
        return ()
    return (("user-agent", _unescape(agent).decode("utf-8", "replace")),)


COMBINED: Final = Format(
    "combined",
    "Apache or nginx access logs (combined)",
    START,
    lambda head: _recognises(head, combined=True),
    read_access_log,
)
COMMON: Final = Format(
    "common",
    "Apache or nginx access logs (common)",
    START,
    lambda head: _recognises(head, combined=False),
    read_access_log,
)
