"""From the files of a trace to rows on disk, in this process.

Read next: `rows.py` (where entries end), `twins.py` (files that are there twice), `segments.py` and
`build_workers.py` (the same in several processes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from replay.account import SourceFile, Tally
from replay.building.places import Places, RouteKey
from replay.building.row_file import Part
from replay.building.rows import Rows
from replay.building.spill_files import SpillFiles
from replay.building.stretch import Stretch, StretchOfFile
from replay.building.twins import Duplicate, is_told_by_time
from replay.readers.entry import Sink
from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.readers.head import Head
from replay.readers.opening import find_format_of, open_source
from replay.readers.ops import OPS
from replay.readers.sniff import Unreadable
from replay.readers.source import Source, TraceFile

if TYPE_CHECKING:
    from replay.gate.findings import Findings

Chain = Callable[[Rows, Tally, "Findings"], Sink]
"""Builds what stands between the readers and the rows."""
OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """A file to read, or a stretch of one.

    place: the file's among all of the trace.   stretch: None for the whole of it.
    twin: the name of a file before it that is the same byte for byte.
    """

    file: TraceFile
    place: int
    twin: str | None = None
    stretch: Stretch | None = None


@dataclass(slots=True)
class Reading:
    """What was read of a trace, and where its rows lie."""

    tally: Tally
    hosts: tuple[str, ...]
    route_keys: tuple[RouteKey, ...]
    parts: list[Part]
    is_anchored: bool = False
    formats: set[str] = field(default_factory=set)
    stamps: set[str] = field(default_factory=set)
    blob_size: int = 0
    bodies: dict[str, int] = field(default_factory=dict)
    links: int = 0
    links_left_out: int = 0


class Reader:
    """Reads pieces of a trace, one after the other, into one folder of spill files."""

    def __init__(
        self,
        files: SpillFiles,
        *,
        chain: Chain | None = None,
        findings: Findings | None = None,
        forced: Format | None = None,
        on_bytes: OnBytes | None = None,
        places: Places | None = None,
    ) -> None:
        self.rows = Rows(files, Tally(), places)
        self.found: set[Format] = set()
        self.sources: list[tuple[int, SourceFile]] = []
        """Of the files that were read whole, and the place of each."""
        self._forced = forced
        self._on_bytes = on_bytes
        self._sink: Sink = self.rows
        if chain is not None and findings is not None:
            self._sink = chain(self.rows, self.rows.tally, findings)

    def read(self, pieces: Iterable[Piece]) -> None:
        """Raises TraceError for a file that is no trace and was asked for."""
        for piece in pieces:
            self.rows.file = piece.file.name
            if piece.stretch is None:
                self._read_file(piece)
            else:
                with StretchOfFile(piece.file, piece.stretch, self._on_bytes) as source:
                    found = FORMATS[piece.stretch.format]
                    self.found.add(found)
                    self._read_as(found, source, piece)
        self.rows.close()

    def result(self) -> Reading:
        """All that is known now but for the sources."""
        rows = self.rows
        return Reading(
            rows.tally,
            rows.places.hosts(),
            rows.places.route_keys(),
            [rows.part()],
            rows.is_anchored,
            {each.name for each in self.found},
            {each.stamp for each in self.found},
            rows.blob_size,
            rows.bodies(),
            rows.links.count,
            rows.links.left_out,
        )

    def _read_file(self, piece: Piece) -> None:
        """A file that is no trace is refused if it was asked for itself, and counted if found."""
        with open_source(piece.file, self._on_bytes) as source:
            found = find_format_of(source, piece.file, self._forced)
            if isinstance(found, Unreadable):
                self.rows.skip(1, f"not a trace: {found.kind}")
            else:
                if found is not None:
                    self.found.add(found)
                # A file of blank lines is in no format; reading it counts them.
                self._read_as(found or OPS, source, piece)
            if source.damage is not None:
                self.rows.skip(max(source.damaged_line, 1), source.damage)
            self.sources.append((piece.place, source.source_file()))

    def _read_as(self, found: Format, source: Source, piece: Piece) -> None:
        if piece.twin is not None and is_told_by_time(found, Head(source.head())):
            if piece.stretch is None or piece.stretch.first_line == 1:
                again = f"{piece.file.name} is {piece.twin} again, byte for byte: it was left out"
                self.rows.note(again)
            found.read(source, Duplicate(self.rows))
            return
        found.read(source, self._sink)


def pieces_of(files: Sequence[TraceFile], twins: dict[int, int]) -> list[Piece]:
    """Every file as one piece."""
    return [
        Piece(file, place, files[twins[place]].name if place in twins else None)
        for place, file in enumerate(files)
    ]
