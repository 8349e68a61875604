"""Opening the files of a trace, plain or packed (gzip, bzip2, xz, zstd), as lines that are bounded.

A file is recognised by its first bytes, never by its name, and UTF-16 becomes UTF-8 on the way.
Whatever happens to it halfway (it was cut, it is damaged, a line has no end) becomes a reason with
a line number, and what stood before is still used.
Read next: `files.py` (which files there are), `sniff.py` (which reader a file gets), `ops.py`.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

import zstandard

from replay.account import SourceFile
from replay.readers.files import Named as Named
from replay.readers.files import TraceFile as TraceFile
from replay.readers.files import find_files as find_files
from replay.readers.files import identity as identity
from replay.readers.files import natural_key as natural_key
from replay.readers.remote import Remote
from replay.readers.transcode import Utf16, utf16_of
from switchboard.errors import TraceError

MAX_LINE: Final = 8 * 1024 * 1024
BLOCK: Final = 256 * 1024
MAX_SPOOLED: Final = 64 * 1024**3
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
OVERLONG: Final = "line longer than 8 MiB"
_ZSTD_SKIPPABLE: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
# The first block's own mark, or that of an empty file: a line of text does not begin so.
_BZIP2: Final = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_XZ_MAGIC: Final = b"\xfd7zXZ\0"
_XZ_MEMORY: Final = 128 * 1024 * 1024
"""`xz -9` needs 65 MiB to be undone; a header may ask for 4 GiB."""
# Four bytes of zstd can become 128 KiB: fed in small pieces, what comes out at once stays small.
_ZSTD_PIECE: Final = 256
_BOM: Final = b"\xef\xbb\xbf"


class Source:
    """One open file of a trace: decompressed on the way, hashed as it is read.

    A reader takes it in one of three ways: `batches` (lines with the number of the first; a line is
    None where it was longer than `MAX_LINE` and has been passed over), `stream` (bytes), or `whole`
    and then one of the two. `damage` says afterwards why it ended early, and `damaged_line` where.
    """

    def __init__(self, file: TraceFile, on_bytes: Callable[[int], None] | None = None) -> None:
        self.name = file.name
        self.path = file.path
        self.damage: str | None = None
        self.damaged_line = 0
        self._on_bytes = on_bytes
        self._trace_file = file
        self._digest = hashlib.sha256()
        self._size = 0
        self._as_it_lies = False
        self._is_broken = False
        self._ahead: list[bytes] = []
        self._spooled: IO[bytes] | None = None
        self._file = file.open()
        self._blocks = self._open_blocks()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        if self._spooled is not None:
            self._spooled.close()

    def source_file(self) -> SourceFile:
        """Size and hash of the whole file; what no reader asked for is read here."""
        while self._read():
            pass
        return SourceFile(self.name, self._size, self._digest.hexdigest())

    def head(self) -> bytes:
        """The first block, which stays to be read."""
        if not self._ahead:
            block = next(self._blocks, b"")
            self._ahead.append(block.removeprefix(_BOM))
        return self._ahead[0]

    def whole(self, limit: int) -> bytes | None:
        """Everything, when it is no longer than `limit`; what was read stays to be read again."""
        self.head()
        size = sum(map(len, self._ahead))
        while size <= limit:
            block = next(self._blocks, b"")
            if not block:
                return b"".join(self._ahead)
            self._ahead.append(block)
            size += len(block)
        return None

    def batches(self) -> Iterator[tuple[int, list[bytes | None]]]:
        """Lines without their line feed, block by block."""
        self.head()
        first, tail, passing = 1, b"", False
        for block in self._all_blocks():
            lines = cast("list[bytes | None]", block.split(b"\n"))
            start, end = lines[0] or b"", lines.pop() or b""
            if not lines:  # no line ends in this block
                tail, passing = _grow(tail, end, passing)
                continue
            joined, passing = _grow(tail, start, passing)
            lines[0] = None if passing else joined
            yield first, lines
            first += len(lines)
            tail, passing = end, False
        if self.damage is not None:
            self.damaged_line = first
        elif tail or passing:
            yield first, [None if passing else tail]

    def stream(self) -> Stream:
        """All of it as bytes, for a format that has no lines."""
        self.head()
        return Stream(self._all_blocks())

    def as_file(self) -> Path:
        """A file that can be read anywhere in: its own, or a copy that goes when this is closed.

        For a format that starts at the end of a file. What was packed lies there unpacked.
        """
        self.head()
        if self._as_it_lies and self._trace_file.elsewhere is None:
            return self.path
        if self._spooled is None:
            self._spooled = tempfile.NamedTemporaryFile(prefix="esr-")  # noqa: SIM115  # see close
            self._spool(self._spooled)
        return Path(self._spooled.name)

    def _spool(self, file: IO[bytes]) -> None:
        size = 0
        try:
            for block in self._all_blocks():
                size += len(block)
                if size > MAX_SPOOLED:
                    raise TraceError(f"{self._trace_file.shown} is longer than 64 GiB")
                file.write(block)
            file.flush()
        except OSError as error:
            raise TraceError(f"cannot keep a copy of {self.name}: {error.strerror}") from error

    def _all_blocks(self) -> Iterator[bytes]:
        while self._ahead:
            yield self._ahead.pop(0)
        yield from self._blocks

    def _open_blocks(self) -> Iterator[bytes]:
        blocks = self._unpacked(self._read())
        head = next(blocks, b"")
        encoding = utf16_of(head)
        blocks = chain([head], blocks)
        if encoding is None:
            yield from blocks
            return
        self._as_it_lies = False
        text = Utf16(encoding)
        yield from _gathered(text.transcode(blocks))
        if text.is_cut:
            self._cut("inside a UTF-16 character")

    def _unpacked(self, first: bytes) -> Iterator[bytes]:
        if first.startswith(GZIP_MAGIC):
            return _gathered(self._inflate(first))
        if first.startswith(ZSTD_MAGIC) or _ZSTD_SKIPPABLE.match(first):
            return _gathered(self._unzstd(first))
        if _BZIP2.match(first):
            return _gathered(self._unpack(first, bz2.BZ2Decompressor, "bzip2"))
        if first.startswith(_XZ_MAGIC):
            return _gathered(self._unpack(first, _xz_stream, "xz"))
        self._as_it_lies = True
        return self._plain(first)

    def _plain(self, block: bytes) -> Iterator[bytes]:
        while block:
            yield block
            block = self._read()

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        """All members of a gzip file. zlib stops at the block size, so a bomb stays small."""
        member = zlib.decompressobj(31)
        try:
            while data or (data := self._read()):
                if member.eof:
                    if not data.strip(b"\0"):  # padding, as tapes of old leave it
                        data = b""
                        continue
                    member = zlib.decompressobj(31)
                yield member.decompress(data, BLOCK)
                data = member.unconsumed_tail or member.unused_data
                while not data and not member.eof and (held := member.decompress(b"", BLOCK)):
                    yield held
        except zlib.error:
            self._cut("damaged gzip")
            return
        if not member.eof:
            self._cut("truncated gzip")

    def _unpack(
        self,
        data: bytes,
        begin: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor],
        kind: str,
    ) -> Iterator[bytes]:
        """All streams of a file, a block's worth at a time: a bomb stays small."""
        stream = begin()
        try:
            while data or (data := self._read()):
                if stream.eof:
                    if not data.strip(b"\0"):
                        data = b""
                        continue
                    stream = begin()
                yield stream.decompress(data, BLOCK)
                while not stream.needs_input and not stream.eof:
                    yield stream.decompress(b"", BLOCK)
                data = stream.unused_data
        except (OSError, lzma.LZMAError):
            self._cut(f"damaged {kind}")
            return
        if not stream.eof:
            self._cut(f"truncated {kind}")

    def _unzstd(self, data: bytes) -> Iterator[bytes]:
        frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            while data or (data := self._read()):
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                piece, data = data[:_ZSTD_PIECE], data[_ZSTD_PIECE:]
                yield frame.decompress(piece)
                data = frame.unused_data + data if frame.eof else data
        except zstandard.ZstdError:
            self._cut("damaged zstd")
            return
        if not frame.eof:
            self._cut("truncated zstd")

    def _cut(self, why: str) -> None:
        if self.damage is None:  # the first reason is the one that led to the others
            self.damage = f"file ends early ({why})"

    def _read(self) -> bytes:
        if self._is_broken:
            return b""
        try:
            block = self._file.read(BLOCK)
        except OSError as error:
            away = self._trace_file.elsewhere
            if isinstance(away, Remote) or (self._size and away is not None):
                self._is_broken = True
                self._cut("the connection broke")
                return b""
            why = error.strerror or str(error)
            raise TraceError(f"cannot read {self._trace_file.shown}: {why}") from error
        self._digest.update(block)
        self._size += len(block)
        if self._on_bytes is not None:
            self._on_bytes(len(block))
        return block


def _xz_stream() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


class Stream:
    """Blocks of bytes as a file that can only be read forward."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = b""
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """`size` bytes, fewer only where the file ends; without a size, what is left of a block."""
        end = self._at + size
        if size >= 0 and end <= len(self._held):  # many formats read a few bytes at a time
            data = self._held[self._at : end]
            self._at = end
            return data
        if size < 0:
            data = self._held[self._at :] or next(self._blocks, b"")
            self._held, self._at = b"", 0
            return data
        return self._read_on(size)

    def _read_on(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size > 0:
            if self._at >= len(self._held):
                self._held, self._at = next(self._blocks, b""), 0
                if not self._held:
                    break
            piece = self._held[self._at : self._at + size]
            pieces.append(piece)
            self._at += len(piece)
            size -= len(piece)
        return b"".join(pieces)


def _grow(tail: bytes, more: bytes, passing: bool) -> tuple[bytes, bool]:
    """The line so far, and whether it is past the limit and no longer held."""
    if passing or len(tail) + len(more) > MAX_LINE:
        return b"", True
    return tail + more, False


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces of any size put together, and cut, to blocks."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size < BLOCK:
            continue
        data = b"".join(held)
        size %= BLOCK
        cut = len(data) - size
        for at in range(0, cut, BLOCK):
            yield data[at : at + BLOCK]
        held = [data[cut:]]
    if size:
        yield b"".join(held)
