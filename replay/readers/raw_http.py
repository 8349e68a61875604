"""One HTTP/1.x message out of the bytes that were captured of it, read strictly (RFC 9112).

Pure. What two readers could understand in two ways (a length and chunks, two lengths, a header
folded over lines, a lone CR or LF) is no message here but an EventError with a short reason: what
cannot be sent legally is never sent. What is merely strange is carried as it stands.
Read next: `raw_body.py` (chunks and codings), `gor.py` (who captures such bytes).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from replay.readers.raw_body import Pairs, decode_body, join_chunks
from switchboard.event import EventError

MAX_HEAD: Final = 256 * 1024
HEAD_TOO_LONG: Final = "head longer than 256 KiB"
FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
"""Headers that say where a message ends: the bytes have been taken apart, so they are dropped."""
MAX_INTERIM: Final = 8

_REQUEST_LINE: Final = re.compile(rb"([!-~]{1,32}) ([!-~\x80-\xff]+) HTTP/1\.([01])")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d)(?: [^\0\r\n]*)?")
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ENDS: Final = re.compile(rb"[\r\n\0]")
_NON_ASCII: Final = re.compile(rb"[\x80-\xff]")


class RawRequest(NamedTuple):
    """A request without its framing: `body` is what the chunks held."""

    method: str
    target: str
    host: str | None
    headers: Pairs
    body: bytes


class RawAnswer(NamedTuple):
    """An answer without its framing; `body` is None where none was recorded or it is broken."""

    status: int
    headers: Pairs
    body: bytes | None


def parse_request(data: bytes) -> RawRequest:
    """The request in these bytes, all of them. Raises EventError with a short reason."""
    found, pairs, rest = _split_head(data, _REQUEST_LINE, "bad request line")
    chunked, length = _framing(pairs)
    if chunked and found[3] == b"0":  # RFC 9112, 6.1: its framing is faulty
        raise EventError("chunks in HTTP/1.0")
    target = percent_encode(found[2])
    body = join_chunks(rest) if chunked else _counted(rest, length or 0)
    headers = tuple(pair for pair in pairs if pair[0].lower() not in FRAMING)
    return RawRequest(found[1].decode("ascii"), target, _host(pairs), headers, body)


def parse_answer(data: bytes, method: str, *, with_body: bool = True) -> RawAnswer:
    """The answer in these bytes to a request of that method; raises EventError for a bad head.

    Interim answers (`100 Continue`) before it are passed over. A body that is broken or does not
    fit its length counts as not recorded; a coded one is decoded, as far as it stays bounded.
    """
    status, pairs, rest = _split_answer(data)
    for _ in range(MAX_INTERIM):
        if not (status < 200 and status != 101 and rest):
            break
        status, pairs, rest = _split_answer(rest)
    headers = tuple(pair for pair in pairs if pair[0].lower() not in FRAMING)
    if not with_body or method == "HEAD" or status < 200 or status in (204, 304):
        return RawAnswer(status, headers, None)
    try:
        body = _answer_body(pairs, rest)
    except EventError:
        return RawAnswer(status, headers, None)  # its status still tells what became of it
    return RawAnswer(status, *decode_body(headers, body))


def build_url(target: str, host: str | None) -> str:
    """The URL that a request line and a Host header ask for; a scheme is not recorded: http."""
    return f"http://{host}{target}" if host and target.startswith("/") else target


def percent_encode(target: bytes) -> str:
    """A target as text: bytes that no URL may hold become what they are in one."""
    return _NON_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], target).decode("ascii")


def parse_header(name: bytes, value: bytes) -> tuple[str, str]:
    """A header as text. Raises EventError for what could end it early."""
    if _NAME.fullmatch(name) is None or _ENDS.search(value) is not None:
        raise EventError("bad header")
    return name.decode("ascii"), decode_text(value.strip(b" \t"))


def decode_text(value: bytes) -> str:
    """UTF-8, or else what old clients send."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def is_host(text: str) -> bool:
    """True for a name or an address, with a port or without, that can only be read in one way."""
    return _HOST.fullmatch(text) is not None


def _split_answer(data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    found, pairs, rest = _split_head(data, _STATUS_LINE, "bad status line")
    return int(found[1]), pairs, rest


def _split_head(
    data: bytes, first: re.Pattern[bytes], reason: str
) -> tuple[re.Match[bytes], list[tuple[str, str]], bytes]:
    """First line, headers, and the bytes after the head."""
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
    if end < 0:
        raise EventError(HEAD_TOO_LONG if len(data) > MAX_HEAD else "head without an end")
    line, *lines = data[:end].split(b"\r\n")
    for text in (line, *lines):
        if _ENDS.search(text) is not None:
            raise EventError("lone CR, LF or NUL in the head")
    found = first.fullmatch(line)
    if found is None:
        raise EventError(reason)
    return found, [_header(text) for text in lines], data[end + 4 :]


def _header(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if line[:1] in (b" ", b"\t"):
        raise EventError("folded header")
    if not colon:
        raise EventError("bad header")
    return parse_header(name, value)


def _framing(pairs: list[tuple[str, str]]) -> tuple[bool, int | None]:
    """Whether the body is chunked, and its length if that is said; only one of them may be."""
    codings = [value for name, value in pairs if name.lower() == "transfer-encoding"]
    lengths = [value for name, value in pairs if name.lower() == "content-length"]
    if codings and lengths:
        raise EventError("both a length and chunks")
    if len(lengths) > 1:
        raise EventError("two lengths")
    if lengths and _LENGTH.fullmatch(lengths[0]) is None:
        raise EventError("bad length")
    if codings and [coding.lower() for coding in codings] != ["chunked"]:
        raise EventError("unknown transfer-encoding")
    return bool(codings), int(lengths[0]) if lengths else None


def _counted(rest: bytes, length: int) -> bytes:
    if len(rest) < length:
        raise EventError("body shorter than its length")
    if len(rest) > length:
        raise EventError("bytes after the message")
    return rest


def _answer_body(pairs: list[tuple[str, str]], rest: bytes) -> bytes | None:
    """What follows the head; without a length all of it, and None when nothing follows."""
    chunked, length = _framing(pairs)
    if chunked:
        return join_chunks(rest)
    return _counted(rest, length) if length is not None else rest or None


def _host(pairs: list[tuple[str, str]]) -> str | None:
    """What the Host header says; None when it is missing or empty."""
    hosts = [value for name, value in pairs if name.lower() == "host"]
    if len(hosts) > 1:
        raise EventError("two hosts")
    if not hosts or not hosts[0]:
        return None
    if not is_host(hosts[0]):
        raise EventError("bad host")
    return hosts[0]
