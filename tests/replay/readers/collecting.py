"""A sink that keeps what a reader hands over, and a way to read bytes with one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from replay.readers.entry import Entry
from replay.readers.format import Format
from replay.readers.source import Source, TraceFile


class Collector:
    """Takes entries only whole, and counts everything."""

    needs_whole = True

    def __init__(self) -> None:
        self.entries: list[tuple[int, Entry]] = []
        self.skips: list[tuple[int, str]] = []
        self.gaps_ms: list[float] = []
        self.notes: dict[str, int] = {}

    def add(self, line: int, entry: Entry) -> None:
        self.entries.append((line, entry))

    def add_request(self, *given: object) -> None:
        raise AssertionError("the fast way is not asked for")

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.skips.append((line, reason))
        self.gaps_ms.append(gap_ms)

    def note(self, text: str, count: int = 1) -> None:
        self.notes[text] = self.notes.get(text, 0) + count

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason in self.skips]


def read_file(path: Path, format: Format) -> Collector:  # noqa: A002  # as everywhere
    """What the reader of that format makes of a file; its damage is a skip, as in a tape."""
    sink = Collector()
    with Source(TraceFile(path, path.name)) as source:
        format.read(source, sink)
        if source.damage is not None:
            sink.skip(max(source.damaged_line, 1), source.damage)
    return sink


def read_bytes(data: bytes, format: Format) -> Collector:  # noqa: A002
    """What the reader of that format makes of these bytes, in a file of their own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace"
        path.write_bytes(data)
        return read_file(path, format)
