"""Access logs of an AWS Application Load Balancer: 12 to 34 fields, spaces between, some quoted.

The second field is when the answer was sent (for a WebSocket: when it was closed), field 22 when
the request came in. That one is taken; lines of before it existed, and lines without it, are put
where the three processing times say. The request holds the whole URL, and field 30 the connection.
Read next: `logged.py`.
"""

from __future__ import annotations

import re
from typing import Final

from replay.readers.entry import Entry, Sink
from replay.readers.format import END, Format
from replay.readers.head import Head
from replay.readers.logged import (
    BLANK,
    CUT,
    GARBAGE,
    build_entry,
    client_key,
    given,
    milliseconds,
    parse_seconds,
    parse_status,
    read_lines,
    shown,
    split_fields,
    split_request,
    unescape,
    without_default_port,
)
from replay.readers.source import Source
from replay.readers.stamps import parse_iso
from switchboard.event import EventError

NOT_A_LINE: Final = "not an ALB line"
_FEWEST: Final = 12
_SCHEMES: Final = {"ws": "http", "wss": "https"}
_BEGINS: Final = re.compile(
    rb"(?:https?|h2|grpcs|wss?) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z \S+ \S+ "
)
_URL: Final = re.compile(r"(https?|wss?)://([^/?]{0,300})(.*)", re.DOTALL)


def read_alb(lines: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    read_lines(lines, sink, parse_line)


def parse_line(line: bytes) -> Entry:
    """The entry of one line. Raises EventError with a short reason."""
    fields = split_fields(line)
    if not fields:
        raise EventError(BLANK)
    if not _BEGINS.match(line):
        raise EventError(NOT_A_LINE)
    if len(fields) <= _FEWEST or not fields[12][1]:
        raise EventError(CUT)
    if len(fields) == _FEWEST + 1 and not line.endswith(b'"'):  # in the middle of the request
        raise EventError(CUT)
    texts = [text for text, _ in fields]
    method, target = split_request(unescape(texts[12]))
    took = _sum_seconds(texts[5:8])
    agent = _at(texts, 14)
    return build_entry(
        _start_ns(texts, took),
        method,
        _shorter_url(target),
        status=parse_status(texts[8].decode("ascii", "replace")),
        wait_ms=milliseconds(took),
        headers=(("user-agent", agent),) if agent else (),
        client=client_key(_address_of(_at(texts, 4)), agent),
        connection=_at(texts, 30),
    )


def _at(texts: list[bytes], number: int) -> str | None:
    """A field by its number in AWS's own list, which begins with 1."""
    return given(shown(unescape(texts[number - 1]))) if len(texts) >= number else None


def _sum_seconds(texts: list[bytes]) -> float | None:
    """The three processing times; None where one of them is -1: the answer never came."""
    parts = [parse_seconds(text.decode("ascii", "replace")) for text in texts]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == 3 else None


def _start_ns(texts: list[bytes], took: float | None) -> int:
    created = _at(texts, 22)
    if created is not None:
        return parse_iso(created)[0]
    end_ns, _ = parse_iso(texts[1].decode("ascii"))
    return end_ns - round((took or 0) * 1_000_000) * 1_000


def _shorter_url(target: str) -> str:
    """The URL without the port that its scheme implies; WebSockets begin as a request of HTTP."""
    found = _URL.fullmatch(target)
    if found is None:
        return target
    scheme = _SCHEMES.get(found[1], found[1])
    authority = without_default_port(found[2], scheme)
    if authority in ("", "-"):
        raise EventError(GARBAGE)
    return f"{scheme}://{authority}{found[3] or '/'}"


def _address_of(client: str | None) -> str | None:
    """The address of `address:port`, whichever kind it is."""
    return None if client is None else client.rpartition(":")[0] or client


def _recognises(head: Head) -> bool:
    return any(_BEGINS.match(line) and len(split_fields(line)) > _FEWEST for line in head.lines)


ALB: Final = Format("alb", "AWS ALB access logs", END, _recognises, read_alb)
