"""UTF-16 to UTF-8, block by block: what a Windows tool wrote is read like any other log.

Pure. Told by its byte order mark, or by every second byte of the head being NUL, which no text in
UTF-8 or Latin-1 has. What is no character becomes U+FFFD; a file that ends inside a character was
cut. Read next: `source.py`, which asks for it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Final

LITTLE: Final = "utf-16-le"
BIG: Final = "utf-16-be"
_LOOKED_AT: Final = 1_024
_LEAST: Final = 4
_UTF32_LITTLE: Final = b"\xff\xfe\0\0"


def utf16_of(head: bytes) -> str | None:
    """The encoding of a file that starts so, when it is UTF-16."""
    if head.startswith(b"\xff\xfe") and not head.startswith(_UTF32_LITTLE):
        return LITTLE
    if head.startswith(b"\xfe\xff"):
        return BIG
    sample = head[:_LOOKED_AT]
    if len(sample) < _LEAST:
        return None
    even, odd = sample[::2], sample[1::2]
    if _mostly_nul(odd) and 0 not in even:
        return LITTLE
    return BIG if _mostly_nul(even) and 0 not in odd else None


def _mostly_nul(sample: bytes) -> bool:
    """Letters of other alphabets have no NUL: one in ten may be of them."""
    return sample.count(0) * 10 >= len(sample) * 9


class Utf16:
    """A stream of UTF-16 as UTF-8, without its byte order mark."""

    def __init__(self, encoding: str) -> None:
        self.is_cut = False
        """It ended inside a character."""
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def transcode(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        is_first = True
        for block in blocks:
            text = self._decoder.decode(block)
            if is_first and text:
                text, is_first = text.removeprefix("\ufeff"), False
            if text:
                yield text.encode()
        self.is_cut = bool(self._decoder.getstate()[0])
