"""Bodies on their way: counted, kept for a recorder, their links mapped. Never held as a whole.

mitmproxy calls these with each piece, and with `b""` at the end. They give back a list, because an
empty piece would end a chunked body. Read next: `passage.py`.
"""

from __future__ import annotations

import zlib
from typing import Final, Protocol

from switchboard.link_mapper import LinkMapper

_GZIP: Final = 16 + zlib.MAX_WBITS
_ENCODINGS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}


class Decoder(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class Tap:
    """Counts a body, and keeps it if it is no longer than `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self.size = 0
        self._most = most_bytes
        self._kept: list[bytes] = []

    def __call__(self, data: bytes) -> list[bytes]:
        self.size += len(data)
        if self.size <= self._most:
            self._kept.append(data)
        return [data] if data else []

    @property
    def body(self) -> bytes | None:
        """What was kept; None when nothing is kept, or when it was too much."""
        return b"".join(self._kept) if self._most and self.size <= self._most else None


class Links:
    """Maps the links of a body and then taps it."""

    def __init__(self, mapper: LinkMapper, decoder: Decoder, tap: Tap) -> None:
        self._mapper = mapper
        self._decoder = decoder
        self._tap = tap

    def __call__(self, data: bytes) -> list[bytes]:
        if data:
            return self._tap(self._mapper.feed(self._decoder.decompress(data)))
        rest = self._mapper.feed(self._decoder.flush()) + self._mapper.flush()
        return [*self._tap(rest)]


class _Plain:
    def decompress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def decoder_of(content_encoding: str) -> Decoder | None:
    """What undoes an encoding; None for one that is not known here, such as br."""
    name = content_encoding.strip().lower()
    if name in ("", "identity"):
        return _Plain()
    bits = _ENCODINGS.get(name)
    return zlib.decompressobj(bits) if bits is not None else None


class Instead:
    """Gives one body in place of another, which is let run into nothing."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.is_given = False

    def __call__(self, data: bytes) -> list[bytes]:
        if self.is_given:
            return []
        self.is_given = True
        return [self._body] if self._body else []

    def take(self) -> bytes:
        """The body, for whoever gives it another way."""
        self.is_given = True
        return self._body
