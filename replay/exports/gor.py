"""Requests and recorded answers as a GoReplay recording (`.gor`).

What the format has no place for (user, session, service, a URL that a request line and a Host
header cannot say) travels in `X-Esr-*` headers, which our reader puts back. The id of a record
names a TCP connection: here there is one for each session, or for each user who has none. Framing
is written anew (Host, Content-Length, no chunks).
Not held: a wait or an answer without a status, the body of an answer that has none by HTTP (to
HEAD, 204, 304), blanks around a header's value, unknown keys.
Read next: `replay/readers/gor.py`, which reads it back.
"""

from __future__ import annotations

from hashlib import sha256
from http import HTTPStatus
from typing import Final

from replay.building.heads import LENGTH_EXPECTED
from replay.exports.out import Out
from replay.readers.carried import carry, is_carrier
from replay.readers.gor_records import MAX_RECORD, OVERLONG, SEPARATOR
from replay.readers.raw_body import Pairs
from replay.readers.raw_http import FRAMING, HEAD_TOO_LONG, MAX_HEAD, build_url, is_host
from switchboard.event import Event, EventError, parse_event
from switchboard.headers import is_token
from switchboard.routes import split_url

_OURS: Final = FRAMING | {"host"}
_ACKS: Final = 1 << 32
_BLANKS: Final = " \t"


class GorWriter:
    """Writes events to `out`; `rows` is how many it has accepted."""

    def __init__(self, out: Out) -> None:
        self.rows = 0
        self._out = out

    def write(self, event: Event) -> None:
        """Write the event and its answer. Raises EventError for what the format cannot hold."""
        if event.ts_ns is None:
            raise EventError("no ts")
        request = _request(event)
        record_id = _record_id(event, self.rows)
        records = _record(1, record_id, event.ts_ns, request)
        if event.status is not None:
            answered_ns = event.ts_ns + round((event.wait_ms or 0) * 1e6)
            records += _record(2, record_id, answered_ns, _answer(event, event.status))
        self._out.write(records)
        self.rows += 1

    def close(self) -> None:
        """Nothing is held back: every record is written with its end."""


def _record(kind: int, record_id: str, ts_ns: int, message: bytes) -> bytes:
    data = b"%d %s %d 0\n%s%s" % (kind, record_id.encode("ascii"), ts_ns, message, SEPARATOR)
    end = len(data) - len(SEPARATOR)
    if end > MAX_RECORD:
        raise EventError(OVERLONG)
    if data.find(SEPARATOR) != end:
        raise EventError("the body holds the end of a record")
    return data


def _record_id(event: Event, row: int) -> str:
    """24 hex digits, the first 16 of which name a connection; 40, which name none, for nobody."""
    who = event.session or event.user
    if who is None:
        return sha256(b"row %d" % row).hexdigest()[:40]
    kind = "session" if event.session else "user"
    return f"{sha256(f'{kind} {who}'.encode()).hexdigest()[:16]}{row % _ACKS:08x}"


def _request(event: Event) -> bytes:
    fields = ("method", "url", "user", "session", "service")
    parse_event({"delay": 0, **{name: getattr(event, name) for name in fields}})
    authority, target = split_url(event.url)
    if authority and not is_host(authority):
        raise EventError("bad host")
    plain = build_url(target, authority)
    own = [("Host", authority)] if authority else []
    own += carry(event, with_url=plain != event.url)
    if event.body or event.method in LENGTH_EXPECTED:
        own.append(("Content-Length", str(len(event.body))))
    return _head(f"{event.method} {target} HTTP/1.1", own, event.headers) + event.body


def _answer(event: Event, status: int) -> bytes:
    has_body = event.method != "HEAD" and status >= 200 and status not in (204, 304)
    body = event.response_body if has_body else None
    own = [] if body is None else [("Content-Length", str(len(body)))]
    line = f"HTTP/1.1 {status} {_phrase(status)}"
    return _head(line, own, event.response_headers) + (body or b"")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _head(line: str, own: list[tuple[str, str]], given: Pairs) -> bytes:
    kept = [pair for pair in given if pair[0].lower() not in _OURS and not is_carrier(pair[0])]
    lines = [_line(name, text) for name, text in (*own, *kept)]
    head = b"%s\r\n%s\r\n" % (line.encode("ascii"), b"".join(lines))
    if len(head) > MAX_HEAD:
        raise EventError(HEAD_TOO_LONG)
    return head


def _line(name: str, value: str) -> bytes:
    if not is_token(name) or any(char in value for char in "\r\n\0"):
        raise EventError("bad header")
    try:
        return f"{name}: {value.strip(_BLANKS)}\r\n".encode()
    except UnicodeEncodeError:
        raise EventError("bad header") from None
