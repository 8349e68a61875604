"""A compressed body, opened within a limit and closed again the same way everywhere.

Read next: `body.py`.
"""

from __future__ import annotations

import zlib
from typing import Final

MAX_OPENED_BYTES: Final = 8 * 1024 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_GZIP: Final = 16 + zlib.MAX_WBITS


def unpack(body: bytes, coding: str, most_bytes: int | None = None) -> tuple[bytes, str] | None:
    """What the body holds and how it was packed; None when it is not packed, or not soundly.

    coding: the `Content-Encoding`; gzip is also told by its first bytes.
    """
    limit = MAX_OPENED_BYTES if most_bytes is None else min(most_bytes, MAX_OPENED_BYTES)
    low = coding.strip().lower()
    if body.startswith(GZIP_MAGIC):
        return _inflate(body, _GZIP, "gzip", limit)
    if low != "deflate":
        return None
    wrapped = _inflate(body, zlib.MAX_WBITS, "zlib", limit)
    return wrapped or _inflate(body, -zlib.MAX_WBITS, "raw", limit)


def _inflate(body: bytes, bits: int, kind: str, limit: int) -> tuple[bytes, str] | None:
    machine = zlib.decompressobj(bits)
    try:
        data = machine.decompress(body, limit)
    except zlib.error:
        return None
    return (data, kind) if machine.eof and not machine.unused_data else None


def pack(data: bytes, kind: str) -> bytes:
    """The same bytes for the same data: there is no time and no name in a gzip head."""
    if kind == "zlib":
        return zlib.compress(data, 6)
    machine = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = machine.compress(data) + machine.flush()
    if kind == "raw":
        return packed
    check = zlib.crc32(data).to_bytes(4, "little")
    return _GZIP_HEAD + packed + check + (len(data) & 0xFFFF_FFFF).to_bytes(4, "little")
