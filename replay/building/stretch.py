"""A stretch of a file of lines, read as if it were the whole file, with the numbers of its lines.

Read next: `segments.py`, which chooses stretches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from replay.readers.source import BLOCK, Source, TraceFile
from switchboard.errors import TraceError


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes from `start` to `end` of a file in that format; both are where a line begins.

    first_line: the number of the first line in it.
    """

    format: str
    start: int
    end: int
    first_line: int


class StretchOfFile(Source):
    """The head is that of the file; the lines are those of the stretch."""

    def __init__(
        self, file: TraceFile, stretch: Stretch, on_bytes: Callable[[int], None] | None = None
    ) -> None:
        super().__init__(file)
        self._stretch = stretch
        self._tell = on_bytes

    def whole(self, limit: int) -> bytes | None:
        """A file that is cut is longer than any that is read whole."""
        return None

    def batches(self) -> Iterator[tuple[int, list[bytes | None]]]:
        before = self._stretch.first_line - 1
        for first, lines in super().batches():
            yield first + before, lines

    def _all_blocks(self) -> Iterator[bytes]:
        left = self._stretch.end - self._stretch.start
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self._stretch.start)
                while left and (block := file.read(min(BLOCK, left))):
                    left -= len(block)
                    if self._tell is not None:
                        self._tell(len(block))
                    yield block
        except OSError as error:
            raise TraceError(f"cannot read {self.path}: {error.strerror}") from error
