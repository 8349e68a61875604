"""Opening the files of a trace: plain, gzip or zstd, streamed as lines that stay bounded.

A file is recognised by its first bytes, never by its name. Whatever happens to it halfway (it was
cut, it is damaged, a line has no end) becomes a reason with a line number, and what stood before
is still used. Read next: `sniff.py` (which reader a file gets), `ops.py`.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import zstandard

from replay.account import SourceFile
from switchboard.errors import TraceError

MAX_LINE: Final = 8 * 1024 * 1024
BLOCK: Final = 256 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
OVERLONG: Final = "line longer than 8 MiB"
_ZSTD_SKIPPABLE: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
# A zstd block can grow 30,000 times: fed in small pieces, one piece stays within memory.
_ZSTD_PIECE: Final = 2 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_NUMBER: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A file to read, and the name it goes by in the account: no machine's paths land there."""

    path: Path
    name: str
    asked_for: bool = True
    """It was named itself, and not merely found in a folder."""


def find_files(sources: Sequence[Path], *, were_found: bool = False) -> list[TraceFile]:
    """The files of a trace in the order they are read: as given; inside a folder by name.

    were_found: nobody named the sources; they are what lay in a folder.
    Numbers in names count as numbers, so `event-9.json` comes before `event-10.json`. Files and
    folders whose name starts with a dot are left out.
    """
    # Not `resolve`: a link is known by its own name.
    roots = [Path(os.path.abspath(source)) for source in sources]  # noqa: PTH100
    paths = [path for root in roots for path in _expand(root)]
    if not paths:
        named = ", ".join(map(str, sources)) or "nothing"
        raise TraceError(f"no trace files: {named} holds no file to read")
    common = Path(os.path.commonpath([path.parent for path in paths]))
    named_itself = frozenset() if were_found else frozenset(roots)
    return [
        TraceFile(path, path.relative_to(common).as_posix(), path in named_itself) for path in paths
    ]


def _expand(source: Path) -> list[Path]:
    if source.is_dir():
        found = (Path(at) / name for at, _, names in _walk(source) for name in names)
        visible = (path for path in found if not path.name.startswith("."))
        return sorted(visible, key=lambda path: natural_key(path.relative_to(source).as_posix()))
    if not source.exists():
        raise TraceError(f"no such trace: {source}")
    if not source.is_file():
        raise TraceError(f"{source} is not a file or a folder")
    return [source]


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for at, folders, names in os.walk(folder, onerror=_cannot_list):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield at, folders, [name for name in names if (Path(at) / name).is_file()]


def _cannot_list(error: OSError) -> None:
    raise TraceError(f"cannot read {error.filename}: {error.strerror}") from error


def natural_key(name: str) -> list[list[tuple[int, int, str]]]:
    """Sorts path parts in turn, and digits inside a part by their number."""
    return [
        [(0, int(bit), bit) if bit.isdecimal() else (1, 0, bit) for bit in _NUMBER.split(part)]
        for part in name.split("/")
    ]


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
        self._path = file.path
        self._digest = hashlib.sha256()
        self._size = 0
        self._ahead: list[bytes] = []
        try:
            self._file = file.path.open("rb", buffering=0)
        except OSError as error:
            raise TraceError(f"cannot read {file.path}: {error.strerror}") from error
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

    def _all_blocks(self) -> Iterator[bytes]:
        while self._ahead:
            yield self._ahead.pop(0)
        yield from self._blocks

    def _open_blocks(self) -> Iterator[bytes]:
        first = self._read()
        if first.startswith(GZIP_MAGIC):
            yield from _gathered(self._inflate(first))
        elif first.startswith(ZSTD_MAGIC) or _ZSTD_SKIPPABLE.match(first):
            yield from _gathered(self._unzstd(first))
        else:
            yield from self._plain(first)

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
            self.damage = "file ends early (damaged gzip)"
            return
        if not member.eof:
            self.damage = "file ends early (truncated gzip)"

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
            self.damage = "file ends early (damaged zstd)"
            return
        if not frame.eof:
            self.damage = "file ends early (truncated zstd)"

    def _read(self) -> bytes:
        try:
            block = self._file.read(BLOCK)
        except OSError as error:
            raise TraceError(f"cannot read {self._path}: {error.strerror}") from error
        self._digest.update(block)
        self._size += len(block)
        if self._on_bytes is not None:
            self._on_bytes(len(block))
        return block


class Stream:
    """Blocks of bytes as a file that can only be read forward."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = b""

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, b"" at the end; without a size, one block."""
        data = self._held or next(self._blocks, b"")
        if 0 <= size < len(data):
            self._held = data[size:]
            return data[:size]
        self._held = b""
        return data


def _grow(tail: bytes, more: bytes, passing: bool) -> tuple[bytes, bool]:
    """The line so far, and whether it is past the limit and no longer held."""
    if passing or len(tail) + len(more) > MAX_LINE:
        return b"", True
    return tail + more, False


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces of any size put together, and cut, to blocks."""
    held = b""
    for piece in pieces:
        held += piece
        while len(held) >= BLOCK:
            yield held[:BLOCK]
            held = held[BLOCK:]
    if held:
        yield held
