"""A chunked body, read strictly and without ever holding more than was fed.

Floor 1, pure. Extensions and trailers are dropped and bounded; a size that is no plain hexadecimal
number, or a line that ends in a bare CR or LF, is refused. Bodies are chunked anew by `chunk_of`,
so nothing of the sender's own framing is passed on. Read next: `request_head.py`.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.gateway.lines import BadMessage

LAST: Final = b"0\r\n\r\n"
MOST_SIZE_DIGITS: Final = 12
MOST_LINE_BYTES: Final = 1_024
MOST_EXTENSION_BYTES: Final = 65_536
MOST_TRAILER_BYTES: Final = 8_192
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,%d})(?:[ \t]*;[\t\x20-\x7e]*)?" % MOST_SIZE_DIGITS)
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}:[\t\x20-\x7e\x80-\xff]*")

_LINE, _DATA, _AFTER, _TRAILERS, _DONE = range(5)


def chunk_of(data: bytes) -> bytes:
    """One chunk with this in it; nothing for nothing, since that would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


class ChunkDecoder:
    """Reads one chunked body. After `is_done`, `rest` is what came behind it.

    rule: what a malformed body is refused as.
    """

    __slots__ = ("_extension_bytes", "_held", "_left", "_rule", "_state", "_trailer_bytes", "rest")

    def __init__(self, rule: str = "bad-request") -> None:
        self._rule = rule
        self._state = _LINE
        self._held = b""
        self._left = 0
        self._extension_bytes = 0
        self._trailer_bytes = 0
        self.rest = b""

    @property
    def is_done(self) -> bool:
        return self._state == _DONE

    def feed(self, data: bytes) -> bytes:
        """The bytes of the body in this piece. Raises BadMessage."""
        data = self._held + data if self._held else data
        self._held = b""
        out: list[bytes] = []
        at, end = 0, len(data)
        while at < end and self._state != _DONE:
            if self._state == _DATA:
                taken = min(self._left, end - at)
                out.append(data[at : at + taken])
                at += taken
                self._left -= taken
                if not self._left:
                    self._state = _AFTER
                continue
            line, after = self._line(data, at)
            if line is None:
                break
            at = after
            self._take_line(line)
        if self._state == _DONE:
            self.rest = data[at:]
        else:
            self._held = data[at:]
        return out[0] if len(out) == 1 else b"".join(out)

    def _line(self, data: bytes, at: int) -> tuple[bytes | None, int]:
        """The line that starts there and where the next one does; None when it is not whole."""
        end = data.find(b"\n", at, at + MOST_LINE_BYTES)
        if end < 0:
            if len(data) - at >= MOST_LINE_BYTES:
                raise self._bad("a line of it is too long")
            if b"\r" in data[at:-1]:
                raise self._bad("a line of it ends in a bare CR")
            return None, at
        if end == at or data[end - 1] != 13:
            raise self._bad("a line of it ends in a bare LF")
        return data[at : end - 1], end + 1

    def _take_line(self, line: bytes) -> None:
        if self._state == _LINE:
            self._take_size(line)
        elif self._state == _AFTER:
            if line:
                raise self._bad("a chunk is longer than its size")
            self._state = _LINE
        elif not line:
            self._state = _DONE
        else:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MOST_TRAILER_BYTES or _TRAILER.fullmatch(line) is None:
                raise self._bad("its trailers are malformed or too long")

    def _take_size(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        if found is None:
            raise self._bad("the size of a chunk is no plain hexadecimal number")
        self._extension_bytes += len(line) - len(found[1])
        if self._extension_bytes > MOST_EXTENSION_BYTES:
            raise self._bad("its chunk extensions are too long")
        self._left = int(found[1], 16)
        self._state = _DATA if self._left else _TRAILERS

    def _bad(self, detail: str) -> BadMessage:
        return BadMessage(self._rule, f"the chunked body is malformed: {detail}")
