"""The body of a captured message: chunks joined, a coded answer decoded so that it can be read.

Pure, and bounded: what a small body says it is when decoded may be huge.
Read next: `raw_http.py`, which finds the body.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from switchboard.event import EventError

Pairs = tuple[tuple[str, str], ...]
MAX_DECODED: Final = 8 * 1024 * 1024
MAX_CHUNK_LINE: Final = 4_096
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\0]*)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}:[^\r\n\0]*")
# Window bits: gzip, zlib, and deflate without a wrapper, which some send under the same name.
_WINDOWS: Final = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


def join_chunks(data: bytes) -> bytes:
    """What the chunks hold; trailers are dropped. Raises EventError unless it ends with them."""
    parts: list[bytes] = []
    at = 0
    while True:
        line, at = _line(data, at)
        found = _SIZE.fullmatch(line)
        if found is None:
            raise EventError("bad chunk")
        end = at + int(found[1], 16)
        if end == at:
            _pass_trailers(data, at)
            return b"".join(parts)
        if data[end : end + 2] != b"\r\n":
            raise EventError("bad chunk")
        parts.append(data[at:end])
        at = end + 2


def _pass_trailers(data: bytes, at: int) -> None:
    while True:
        line, at = _line(data, at)
        if not line:
            break
        if _TRAILER.fullmatch(line) is None:
            raise EventError("bad chunk")
    if at != len(data):
        raise EventError("bytes after the message")


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\r\n", at, at + MAX_CHUNK_LINE)
    if end < 0:
        raise EventError("bad chunk")
    return data[at:end], end + 2


def decode_body(headers: Pairs, body: bytes | None) -> tuple[Pairs, bytes | None]:
    """Headers and body without gzip or deflate; both as they were when that cannot be undone.

    A body that would be longer than 8 MiB counts as not recorded.
    """
    codings = [value.lower() for name, value in headers if name.lower() == "content-encoding"]
    if not body or len(codings) != 1:
        return headers, body
    for window in _WINDOWS.get(codings[0], ()):
        plain = _inflate(body, window)
        if plain is not None:
            rest = tuple(pair for pair in headers if pair[0].lower() != "content-encoding")
            return rest, plain if len(plain) <= MAX_DECODED else None
    return headers, body


def _inflate(body: bytes, window: int) -> bytes | None:
    """At most one byte more than `MAX_DECODED`; None for what is damaged, cut or not so coded."""
    coder = zlib.decompressobj(window)
    try:
        plain = coder.decompress(body, MAX_DECODED + 1)
    except zlib.error:
        return None
    too_long = len(plain) > MAX_DECODED
    return plain if too_long or (coder.eof and not coder.unused_data) else None
