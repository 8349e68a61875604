"""What the logs of web servers and proxies have in common, whatever their layout.

Pure. A reader of such a log finds the fields of a line; what they mean as an entry is here: the
request, who sent it, when it began. Read next: `stamps.py`, `nginx_json.py`, `alb.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from replay.readers.entry import Entry, Sink
from replay.readers.source import OVERLONG, Source
from switchboard.event import MAX_MS, NS_PER_S, EventError, parse_event

GARBAGE: Final = "garbage request"
CUT: Final = "cut line"
BLANK: Final = "blank line"
PADDING: Final = b"\0\r"
"""What may stand around a line and is no part of it: hosts that crash leave runs of NULs."""
HAS_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose body a log that holds none has lost."""

# Quoted parts may hold \" and \xHH. What a part may hold never overlaps with what ends it, so that
# no line can make the pattern walk back and forth.
QUOTED: Final = rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
ESCAPE: Final = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_PLAIN_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"v": b"\v"}
# A quote that nothing closes goes on to the end of the line.
_FIELD: Final = re.compile(rb'"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)|([^\s"]\S*)', re.DOTALL)
_PROTOCOL: Final = re.compile(r"(?:HTTP|http)/\d(?:\.\d)?")
_AUTHORITY: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_SECONDS: Final = re.compile(r"\d{1,9}(?:\.\d{1,12})?", re.ASCII)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}
_NO_HOSTS: Final = frozenset({"_", "-", ".", "default"})
"""What servers call the host that takes all other names."""
_MISSING: Final = frozenset({"", "-"})
# Half of a pair (`"\\ud800"` in JSON) is no text at all; what stands for a byte (PEP 383) is left.
_HALF: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_SAFE: Final = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"


def read_lines(lines: Source, sink: Sink, parse_line: Callable[[bytes], Entry]) -> None:
    """Every line of a file becomes an entry for the sink, or a skip with its reason.

    parse_line: raises EventError. It is never given the NULs that a crash left around a line.
    """
    for first, batch in lines.batches():
        for number, line in enumerate(batch, first):
            try:
                if line is None:
                    raise EventError(OVERLONG)
                sink.add(number, parse_line(line.strip(PADDING)))
            except EventError as error:
                sink.skip(number, error.reason)


def given(text: str | None) -> str | None:
    """The text; None for an empty one or the `-` that logs write instead."""
    return None if text is None or text in _MISSING else text


def split_request(line: str) -> tuple[str, str]:
    """Method and target of a request line; the target may hold spaces, as broken clients send.

    A request of HTTP/0.9 has no protocol; it and anything else that is no request is garbage.
    """
    method, _, rest = line.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if not target or not _PROTOCOL.fullmatch(protocol):
        raise EventError(GARBAGE)
    return method, encoded(target)


def encoded(target: str) -> str:
    """The target as it can stand in a request line: spaces and what is no ASCII percent-encoded.

    Bytes that were no UTF-8 come as surrogates (PEP 383), and leave as the bytes they were.
    """
    if target.isascii():
        return target.replace(" ", "%20") if " " in target else target
    try:
        return quote(target.encode("utf-8", "surrogateescape"), safe=_SAFE)
    except UnicodeEncodeError:
        raise EventError("bad url") from None


def absolute(target: str, host: str | None, scheme: str = "http") -> str:
    """The target with its host, where it is a path and the host is one; else as it is."""
    if host is None or target[:1] != "/" or host in _NO_HOSTS or not _AUTHORITY.fullmatch(host):
        return target
    return f"{scheme}://{without_default_port(host, scheme)}{target}"


def without_default_port(authority: str, scheme: str) -> str:
    return authority.removesuffix(_DEFAULT_PORTS.get(scheme, ":80"))


def client_key(address: str | None, agent: str | None, user: str | None = None) -> str | None:
    """What tells clients apart: the user that the log names, else address and user agent."""
    if user is not None:
        return f"user\0{user}"
    return None if address is None else f"{address}\0{agent or ''}"


def first_address(forwarded: str | None) -> str | None:
    """The first of the addresses in an X-Forwarded-For, which is the client."""
    return None if forwarded is None else given(forwarded[:200].partition(",")[0].strip())


def parse_status(text: str) -> int | None:
    """The status; None where it is not one of three digits (nginx's 000, or none at all)."""
    return int(text) if len(text) == 3 and text.isdecimal() and text >= "100" else None


def parse_seconds(text: str | None) -> float | None:
    """Seconds of a text; None where they are not given (`-`, `-1`) or are no number."""
    if text is None or not _SECONDS.fullmatch(text):
        return None
    return float(text)


def milliseconds(seconds: float | None) -> float | None:
    """A wait that is believable, to the microsecond."""
    if seconds is None or not (math.isfinite(seconds) and 0 <= seconds * 1_000 <= MAX_MS):
        return None
    return round(seconds * 1_000, 3)


def start_of(end_ns: int, seconds: float | None, *, coarse: bool) -> int:
    """When a request began that ended then and took so long.

    Of a stamp with one-second steps only the second in which it most likely began is told.
    """
    if seconds is None:
        return end_ns
    took_ns = round(seconds * NS_PER_S)
    if not coarse:
        return end_ns - took_ns
    return (end_ns - took_ns + NS_PER_S // 2) // NS_PER_S * NS_PER_S


def split_fields(line: bytes) -> list[tuple[bytes, bool]]:
    """The fields of a line that spaces part, and whether each was in quotes, which are gone."""
    return [(plain or quoted, not plain) for quoted, plain in _FIELD.findall(line)]


def unescape(quoted: bytes) -> str:
    """What a quoted part says; bytes that are no UTF-8 become surrogates (PEP 383)."""
    data = ESCAPE.sub(_plain, quoted) if b"\\" in quoted else quoted
    return data.decode("utf-8", "surrogateescape")


def _plain(found: re.Match[bytes]) -> bytes:
    text = found[1]
    return bytes([int(text[1:], 16)]) if len(text) == 3 else _PLAIN_ESCAPES.get(text, text)


def shown(text: str) -> str:
    """A text without surrogates: what was no UTF-8 becomes a replacement character."""
    if text.isascii():
        return text
    return without_halves(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def without_halves(text: str) -> str:
    """Replacement characters where only half of a character was written."""
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", text)


def build_entry(
    ts_ns: int,
    method: str,
    url: str,
    *,
    status: int | None = None,
    wait_ms: float | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    client: str | None = None,
    connection: str | None = None,
    coarse: bool = False,
) -> Entry:
    """The entry; the event's own rules decide what a method and a URL may be."""
    value = {"ts": ts_ns, "method": method, "url": url, "status": status, "wait_ms": wait_ms}
    try:
        event = parse_event(value)
    except EventError as error:
        raise EventError(GARBAGE if error.reason == "bad method" else error.reason) from None
    return Entry(
        event._replace(headers=headers) if headers else event,
        client=client,
        coarse=coarse,
        inferred=client is not None,
        body_unknown=event.method in HAS_BODY,
        connection=connection,
    )
