"""Netstrings with a type (`LENGTH:DATA` and one more byte), cut out of a stream and checked.

mitmproxy's own reader believes every length: it asks for as much memory as a file says, and a
file that lies about what stands inside what can make it take hours. So each value is cut out and
looked through here, in one pass and bounded, before it sees it.
Read next: `mitmproxy_flows.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from replay.readers.source import Stream

MAX_VALUE: Final = 64 * 1024 * 1024
MAX_ITEMS: Final = 1_000_000
MAX_DEPTH: Final = 32
ENDS_EARLY: Final = "file ends early"
NOT_ONE: Final = "the rest of the file is damaged"
TOO_LONG: Final = "flow longer than 64 MiB"

_PREFIX: Final = re.compile(rb"(0|[1-9][0-9]{0,11}):")
_LONGEST_PREFIX: Final = 13
_CONTAINERS: Final = b"]}"
_LEAVES: Final = b",;#^!~"


def iter_values(stream: Stream, limit: int = MAX_VALUE) -> Iterator[bytes | str]:
    """Every value with its length and type, or why there is none: a text.

    A value that is too long is passed over; after `ENDS_EARLY` and `NOT_ONE` nothing follows.
    """
    pull = _Pull(stream)
    while prefix := pull.peek(_LONGEST_PREFIX):
        found = _PREFIX.match(prefix)
        if found is None:
            yield ENDS_EARLY if len(prefix) < _LONGEST_PREFIX and prefix.isdigit() else NOT_ONE
            return
        size = found.end() + int(found[1]) + 1
        if size > limit:
            has_all = pull.pass_over(size)
            yield TOO_LONG if has_all else ENDS_EARLY
        else:
            value = pull.take(size)
            has_all = len(value) == size
            yield value if has_all else ENDS_EARLY
        if not has_all:
            return


def is_sound(value: bytes) -> bool:
    """True when every value inside ends where the one around it says, and there are not too many.

    value: one, or several one after the other. Each length is looked at once, however deep.
    """
    ends = [len(value)]
    at = 0
    for _ in range(MAX_ITEMS):
        while at == ends[-1]:
            ends.pop()
            if not ends:
                return True
            at += 1  # the type of what ended here
        found = _PREFIX.match(value, at, min(at + _LONGEST_PREFIX, ends[-1]))
        if found is None:
            return False
        at = found.end()
        end = at + int(found[1])
        if end >= ends[-1]:
            return False
        if value[end] in _CONTAINERS:
            ends.append(end)
            if len(ends) > MAX_DEPTH:
                return False
        elif value[end] in _LEAVES:
            at = end + 1
        else:
            return False
    return False


class _Pull:
    """Bytes of a stream, as many at a time as are asked for."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer only at the end; they stay to be taken. size: a small number."""
        while len(self._held) - self._at < size and (block := self._stream.read()):
            self._held, self._at = self._held[self._at :] + block, 0
        return self._held[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""
        return b"".join(self._pieces(size))

    def pass_over(self, size: int) -> bool:
        """Leave out the next bytes; False when the end came first."""
        return sum(map(len, self._pieces(size))) == size

    def _pieces(self, size: int) -> Iterator[bytes]:
        while size:
            if self._at == len(self._held):
                self._held, self._at = self._stream.read(), 0
                if not self._held:
                    return
            piece = self._held[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece
