"""HAProxy's HTTP log (`option httplog`), without what syslog put before it.

`ADDRESS:PORT [10/Oct/2000:13:55:36.123] frontend backend/server Tq/Tw/Tc/Tr/Ta status bytes ...
"METHOD target PROTO"`. The stamp is the start, in milliseconds and without a zone: it is taken for
UTC, and the account says so. Captured headers stand in the line without their names, and are left
out. Read next: `logged.py`; `wrapped.py`, which takes syslog's part away.
"""

from __future__ import annotations

import re
from typing import Final

from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.logged import (
    BLANK,
    CUT,
    GARBAGE,
    build_entry,
    client_key,
    milliseconds,
    parse_seconds,
    parse_status,
    read_lines,
    split_request,
)
from replay.readers.source import Source
from replay.readers.stamps import parse_clf
from switchboard.event import EventError

NOT_A_LINE: Final = "not an HAProxy line"
NO_ZONE: Final = "stamps of HAProxy have no zone: they were taken for UTC"
_LINE: Final = re.compile(
    rb"([0-9A-Fa-f.:]{2,45}):(\d{1,5}) \[(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] "
    rb"[!-~]{1,255} [!-~]{1,512} (?:-?\d{1,9}/){4}\+?(-?\d{1,9}) (-?\d{1,3}) \+?\d{1,19} "
)
_REQUEST: Final = re.compile(rb' "([^"]*+)("?)(?: |\Z)')
_ESCAPED: Final = re.compile(rb"#([0-9A-F]{2})")
"""What cannot be printed, and a quote; a `#` of its own is in no target."""


def read_haproxy(lines: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    sink.note(NO_ZONE)
    read_lines(lines, sink, parse_line)


def parse_line(line: bytes) -> Entry:
    """The entry of one line. Raises EventError with a short reason."""
    text = line.strip()
    if not text:
        raise EventError(BLANK)
    found = _LINE.match(text)
    if found is None:
        raise EventError(NOT_A_LINE)
    address, port, stamp, took_ms, status = (part.decode("ascii") for part in found.groups())
    method, target = split_request(_request_of(text, found.end()))
    took = parse_seconds(took_ms)  # -1 where the request was never answered
    return build_entry(
        parse_clf(stamp)[0],
        method,
        target,
        status=parse_status(status),
        wait_ms=None if took is None else milliseconds(took / 1_000),
        client=client_key(address, None),
        connection=f"{address}:{port}",
    )


def _request_of(text: bytes, start: int) -> str:
    """The request line behind the counts and what was captured, where quotes are escaped."""
    found = _REQUEST.search(text, start - 1)
    if found is None or not found[2]:
        raise EventError(CUT)
    if found[1] == b"<BADREQ>":
        raise EventError(GARBAGE)
    plain = _ESCAPED.sub(lambda escape: bytes([int(escape[1], 16)]), found[1])
    return plain.decode("utf-8", "surrogateescape")


def _recognises(head: Head) -> bool:
    return any(map(_LINE.match, head.lines))


HAPROXY: Final = Format("haproxy", "HAProxy's HTTP log", START, _recognises, read_haproxy)
