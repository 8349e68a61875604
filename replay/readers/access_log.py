"""Apache and nginx access logs, common and combined.

`host ident user [10/Oct/2000:13:55:36 -0700] "METHOD target PROTO" status bytes` and, in the
combined layout, `"referer" "user-agent"`; what stands behind is looked at only for the client's
address (`X-Forwarded-For`) and the time taken. Stamps have one-second steps as a rule, and
Apache's mean the start while nginx's mean the end: the lines look the same, so they are taken as
the start and the account says so. The referer never travels: it may name production hosts and
people. Client address and user name only tell users apart and land nowhere.
Read next: `fast_access_log.py` (most lines go through that), `docs/trace-formats.md`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from replay.readers.entry import Entry, Sink
from replay.readers.fast_access_log import FastAccessLog
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.logged import (
    BLANK,
    CUT,
    ESCAPE,
    PADDING,
    QUOTED,
    absolute,
    build_entry,
    client_key,
    first_address,
    given,
    milliseconds,
    parse_seconds,
    parse_status,
    shown,
    split_request,
    unescape,
    without_default_port,
)
from replay.readers.source import OVERLONG, Source
from replay.readers.stamps import parse_clf, parse_iso
from switchboard.event import EventError

NOT_A_LINE: Final = "not an access log line"

# The stamp is looked for first, since what stands before it may hold anything.
_STAMP: Final = re.compile(
    rb" \[(\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d(?:[.,]\d{1,9})? [+-]\d{4}"
    rb"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z| ?[+-]\d\d:?\d\d)?)\] "
)
_REST: Final = re.compile(
    QUOTED + rb" (\d{3}|-)(?: (\d+|-))?(?: " + QUOTED + rb" " + QUOTED + rb")?(?: (.*))?",
    re.DOTALL,
)
_BEGINS: Final = re.compile(rb'\S+ \S+ [^\[]*\[|\d\d/[A-Z][a-z][a-z]/\d{4}:|.*" \d{3} ')
_TOOK: Final = re.compile(rb'(?:^| )(?:rt=|request_time=)?"?(\d{1,6}\.\d{3})"?(?= |$)')
_ADDRESS: Final = re.compile(rb"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*(?:%\w+)?")
_IPV4: Final = re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}")
_HOST_FOR_IDENT: Final = re.compile(rb"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d{1,5})?")
_FORWARDED: Final = re.compile(rb'"([0-9A-Fa-f.:, ]{3,200})"')
_LOOKED_AT: Final = 1_000
"""Of what stands behind the user agent, and before the stamp, no more is looked at."""


class Before(NamedTuple):
    """What stands before the stamp."""

    virtual_host: str | None
    address: str | None
    user: str | None


def read_access_log(lines: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    take = None if sink.needs_whole else FastAccessLog(sink).take
    for first, batch in lines.batches():
        for number, line in enumerate(batch, first):
            try:
                if take is None or not take(number, line):
                    sink.add(number, parse_line(line))
            except EventError as error:
                sink.skip(number, error.reason)


def parse_line(line: bytes | None) -> Entry:
    """The entry of one line. Raises EventError with a short reason."""
    if line is None:
        raise EventError(OVERLONG)
    found = _take_apart(line.strip(PADDING))
    if found is None:
        raise EventError(_why_not(line))
    return _build(found[0], found[1].decode("ascii"), found[2])


def _unwrap(line: bytes) -> bytes:
    """The line without the quotes that a log shipper put around all of it."""
    text = line.strip()
    if len(text) < 2 or text[:1] != b'"' or text[-1:] != b'"':
        return line
    inner = text[1:-1]
    if b'"' not in inner.replace(b'""', b""):
        return inner.replace(b'""', b'"')
    if b'"' not in ESCAPE.sub(b"", inner):
        return inner.replace(b'\\"', b'"').replace(b"\\\\", b"\\")
    return inner


def _take_apart(line: bytes) -> tuple[bytes, bytes, re.Match[bytes]] | None:
    """What stands before the stamp, the stamp, and what stands behind; None for any other line."""
    text = _unwrap(line)
    stamp = _STAMP.search(text)
    rest = _REST.fullmatch(text, stamp.end()) if stamp else None
    if stamp is None or rest is None or b" " not in text[: stamp.start()]:
        return None
    return text[: stamp.start()], stamp[1], rest


def _build(before: bytes, stamp: str, rest: re.Match[bytes]) -> Entry:
    request, status, _, _, agent_part, extra = rest.groups()
    who = _parse_before(before[:_LOOKED_AT])
    method, target = split_request(unescape(request))
    ts_ns, coarse = parse_clf(stamp) if stamp[2] == "/" else parse_iso(stamp)
    agent = given(unescape(agent_part)) if agent_part else None
    host, scheme = _split_port(who.virtual_host)
    forwarded = _FORWARDED.match(extra[:_LOOKED_AT]) if extra else None
    address = first_address(forwarded[1].decode("ascii")) if forwarded else None
    return build_entry(
        ts_ns,
        method,
        absolute(target, host, scheme),
        status=parse_status(status.decode("ascii")),
        wait_ms=_took_ms(extra),
        headers=(("user-agent", shown(agent)),) if agent else (),
        client=client_key(address or who.address, agent, who.user),
        coarse=coarse,
    )


def _parse_before(text: bytes) -> Before:
    """`host ident user`, where the user may hold spaces.

    Before it there may be a virtual host, what syslog or a container's log writes, or the addresses
    that a request was forwarded for. lighttpd writes the virtual host in the place of ident.
    """
    words = text.strip().split(b" ")
    if len(words) < 2:
        raise EventError(NOT_A_LINE)
    at = _address_at(words)
    host = words[at - 1] if at and _is_virtual_host(words[at - 1], words[at]) else None
    user = words[at + 2 :]
    named = any(word not in (b"-", b"", b'""') for word in user)
    if host is None and len(words) > at + 1 and _HOST_FOR_IDENT.fullmatch(words[at + 1]):
        host = words[at + 1]
    # Of a list of addresses the first is the client's.
    while at and (words[at - 1].endswith(b",") or _is_bare_address(words[at - 1])):
        at -= 1
    return Before(
        None if host is None else host.decode("ascii"),
        given(words[at].rstrip(b",").decode("utf-8", "replace")),
        b" ".join(user).decode("utf-8", "replace") if named else None,
    )


def _address_at(words: list[bytes]) -> int:
    """Which of the words is the address that ident and user follow."""
    if len(words) < 4:
        return 0
    at = len(words) - 3
    return at if _ADDRESS.fullmatch(words[at]) else int(_is_virtual_host(words[0], words[1]))


def _is_virtual_host(first: bytes, second: bytes) -> bool:
    """`name:443` or `name`, followed by the address that a line without it begins with."""
    name, colon, port = first.partition(b":")
    if not re.fullmatch(rb"[A-Za-z0-9._-]+", name) or (colon and not port.isdigit()):
        return False
    if not colon and _IPV4.fullmatch(name):  # whom it was forwarded for
        return False
    return bool(_ADDRESS.fullmatch(second) or (colon and second != b"-"))


def _is_bare_address(word: bytes) -> bool:
    """An address without a port: with one it may be a virtual host."""
    if word.count(b":") > 1:
        return _ADDRESS.fullmatch(word) is not None
    return _IPV4.fullmatch(word) is not None


def _split_port(host: str | None) -> tuple[str | None, str]:
    """The host without a port that its scheme implies, and the scheme that its port tells."""
    if host is None:
        return None, "http"
    scheme = "https" if host.endswith(":443") else "http"
    return without_default_port(host, scheme), scheme


def _took_ms(extra: bytes | None) -> float | None:
    """nginx's `$request_time`, which has three digits behind the point wherever it stands."""
    found = _TOOK.search(extra[:_LOOKED_AT]) if extra else None
    return milliseconds(parse_seconds(found[1].decode("ascii"))) if found else None


def _why_not(line: bytes) -> str:
    """A reason for a line that fits no layout."""
    text = line.strip(b"\0 \t\r")
    if not text:
        return "NUL bytes" if b"\0" in line else BLANK
    if text[:1] == b"#":
        return "comment"
    return CUT if _BEGINS.match(text[:_LOOKED_AT]) else NOT_A_LINE


def _recognises(head: Head, *, combined: bool) -> bool:
    """True when a line of the head is one, and has (or has not) the two parts of combined."""
    return any(_is_combined(line) is combined for line in head.lines)


def _is_combined(line: bytes) -> bool | None:
    """None when the line is none of the two."""
    if len(line) > 65_536:
        return None
    found = _take_apart(line)
    return found[2][5] is not None if found else None


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
