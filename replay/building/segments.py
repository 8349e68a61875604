"""Parts of a trace for several processes, alike in size and in the order of the trace.

Files go to one part or another as they are, and where a large one lies across a border it is cut at
the end of a line. Only formats whose every line stands alone are cut, and only where the file lies
there as it is read: no archive, no other encoding. Neither are files of events with delays, whose
times need every event before them, or with answers, whose values may come back in a later one.
Read next: `reading.py` (a piece), `build_workers.py` (who reads the parts).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

from replay.building.reading import Piece
from replay.building.stretch import Stretch
from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.readers.head import Head
from replay.readers.opening import open_source
from replay.readers.sniff import sniff
from replay.readers.source import BLOCK, MAX_LINE, TraceFile
from switchboard.errors import TraceError

LINE_FORMATS: Final = frozenset(
    {"alb", "caddy", "combined", "common", "envoy", "envoy_json", "haproxy", "nginx_json", "ops"}
)
"""Formats whose every line stands alone."""
LEAST_BYTES: Final = 4 * MAX_LINE
"""A trace of less is read by one process: starting another takes longer. Also, a file this long is
never read as one object."""
_BOM: Final = b"\xef\xbb\xbf"


def plan_parts(pieces: Sequence[Piece], workers: int, forced: Format | None) -> list[list[Piece]]:
    """The pieces of each part, in order; one part where more would gain nothing.

    Raises TraceError when a file cannot be read.
    """
    sizes = [piece.file.size() or 0 for piece in pieces]
    total = sum(sizes)
    if workers < 2 or total < LEAST_BYTES:
        return [list(pieces)]
    borders = [total * part // workers for part in range(1, workers)]
    parts: list[list[Piece]] = [[] for _ in range(workers)]
    at = 0
    for piece, size in zip(pieces, sizes, strict=True):
        inside = [border - at for border in borders if at < border < at + size]
        first = sum(border <= at for border in borders)
        for number, cut in enumerate(_cut(piece, size, inside, forced)):
            parts[first + number].append(cut)
        at += size
    planned = [part for part in parts if part]
    return planned if len(planned) > 1 else [list(pieces)]


def _cut(piece: Piece, size: int, borders: Sequence[int], forced: Format | None) -> Iterator[Piece]:
    """The piece, cut near the borders if it can be."""
    found = _format_to_cut(piece.file, forced) if borders and size >= LEAST_BYTES else None
    if found is None:
        yield piece
        return
    with piece.file.path.open("rb", buffering=0) as file:
        start = len(_BOM) if file.read(len(_BOM)) == _BOM else 0
        line = 1
        for border in (*borders, size):
            end = _line_after(file, border, size)
            if end > start:
                yield replace(piece, stretch=Stretch(found, start, end, line))
                line += _count_lines(file, start, end) if end < size else 0
                start = end


def _format_to_cut(file: TraceFile, forced: Format | None) -> str | None:
    if file.elsewhere is not None:
        return None
    with open_source(file) as source:
        data = source.head()
    head = Head(data)
    found = forced or sniff(head)
    if not isinstance(found, Format) or FORMATS.get(found.name) is not found:
        return None
    if found.name not in LINE_FORMATS or not _lies_as_read(file.path, data):
        return None
    # Only a look at the start: should one come later after all, the parts are given up.
    return None if b'"delay"' in data or b'"response_' in data else found.name


def _lies_as_read(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(head) + len(_BOM)).removeprefix(_BOM)[: len(head)] == head


def _line_after(file: IO[bytes], border: int, size: int) -> int:
    """Where the first line begins that does so at the border or after it."""
    at = border - 1
    file.seek(at)
    while at < size and (block := file.read(BLOCK)):
        found = block.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(block)
    return size


def _count_lines(file: IO[bytes], start: int, end: int) -> int:
    file.seek(start)
    lines, left = 0, end - start
    while left and (block := file.read(min(BLOCK, left))):
        lines += block.count(b"\n")
        left -= len(block)
    if left:
        raise TraceError("a file became shorter while it was read")
    return lines
