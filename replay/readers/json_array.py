"""A file that is one JSON array of objects, read as though each of them stood on a line of its own.

What logs are turned into by `jq -s`, by consoles and by export buttons. `array_lines` puts a source
before the sniffer that gives such lines, so that every reader of JSON lines reads arrays too and
knows nothing of it; a line's number is the number of the item.
Read next: `json_stream.py` (how items are cut out), `source.py` (what is stood in for).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from replay.account import SourceFile
from replay.readers.head import LINES_TRIED
from replay.readers.json_stream import SPACES, JsonBroken, JsonCursor, JsonCut
from replay.readers.source import BLOCK, MAX_LINE, OVERLONG, Source, Stream

TRUNCATED_ARRAY: Final = "file ends early (truncated JSON array)"
DAMAGED_ARRAY: Final = "file ends early (damaged JSON array)"

Batch = tuple[int, list[bytes | None]]


def array_lines(source: Source) -> Source | None:
    """The source of an array's items as lines; None when the file does not begin as such an array.

    The source that was given is read through it, and still to be closed by whoever opened it.
    """
    start = source.head().lstrip(SPACES)
    is_array = start[:1] == b"[" and start[1:].lstrip(SPACES)[:1] == b"{"
    return ArrayLines(source) if is_array else None


class ArrayLines(Source):
    """A source whose lines are the items of one array, or of several that follow one another."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self.path = source.path
        self.damage = None
        self.damaged_line = 0
        self._source = source
        self._held: list[Batch] = []
        """What was looked at already, and stays to be read."""
        self._unread = self._read_batches()

    def close(self) -> None:
        self._source.close()

    def source_file(self) -> SourceFile:
        return self._source.source_file()

    def head(self) -> bytes:
        """The first items, a line each."""
        if not self._held:
            self._held.extend(islice(self._unread, 1))
        return _text_of(self._held[0]) if self._held else b""

    def whole(self, limit: int) -> bytes | None:
        self.head()
        texts = [_text_of(batch) for batch in self._held]
        size = sum(map(len, texts))
        while size <= limit:
            batch = next(self._unread, None)
            if batch is None:
                return b"".join(texts)
            self._held.append(batch)
            texts.append(_text_of(batch))
            size += len(texts[-1])
        return None

    def batches(self) -> Iterator[Batch]:
        while self._held:
            yield self._held.pop(0)
        yield from self._unread

    def stream(self) -> Stream:
        return Stream(map(_text_of, self.batches()))

    def as_file(self) -> Path:
        return self._source.as_file()

    def _read_batches(self) -> Iterator[Batch]:
        """Items by the block; the first are few, for they are only looked at."""
        first, items, size = 1, list[bytes | None](), 0
        for item in self._items():
            items.append(item)
            size += len(item or b"")
            if size >= BLOCK or (first == 1 and len(items) == LINES_TRIED):
                yield first, items
                first, items, size = first + len(items), [], 0
        if items:
            yield first, items

    def _items(self) -> Iterator[bytes | None]:
        cursor = JsonCursor(self._source.stream())
        number = 1
        try:
            while cursor.peek():
                for _ in cursor.items():
                    item = cursor.take(MAX_LINE)
                    number += 1
                    # No line feed can stand in a text of JSON: between values one blank is another.
                    yield item if item is None else item.replace(b"\n", b"\r")
        except JsonCut as cut:
            self.damage = OVERLONG if cut.is_overlong else TRUNCATED_ARRAY
        except JsonBroken:
            self.damage = DAMAGED_ARRAY
        self.damage = self._source.damage or self.damage
        self.damaged_line = number


def _text_of(batch: Batch) -> bytes:
    """The lines as a file would hold them; one that is too long is a blank one."""
    return b"".join((line or b"") + b"\n" for line in batch[1])
