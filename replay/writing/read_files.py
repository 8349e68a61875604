"""Files of a trace, each through its own reader, into one chain of sinks that ends in a file.

A file that was asked for itself must be a trace; one that merely lay in a folder is counted when it
is none. Read next: `replay/readers/sniff.py` (which format a file has), `trace_writer.py`;
`replay/building/reading.py` is the same for a tape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from replay.account import Tally
from replay.building.twins import Duplicate, is_told_by_time
from replay.readers.entry import Sink
from replay.readers.format import Format
from replay.readers.head import Head
from replay.readers.opening import find_format_of, open_source
from replay.readers.ops import OPS
from replay.readers.sniff import Unreadable
from replay.readers.source import Source, TraceFile


class End(Sink, Protocol):
    """Where the chain of sinks ends."""

    file: str
    tally: Tally


def read_file(
    file: TraceFile,
    sink: Sink,
    end: End,
    forced: Format | None,
    on_bytes: Callable[[int], None] | None = None,
    twin: str | None = None,
) -> Format | None:
    """One file into the sink; the format it had, None when none. Raises TraceError.

    end: what the sink's chain ends in; it learns the file's name, and what became of the file.
    twin: the name of a file before it that is the same byte for byte.
    """
    with open_source(file, on_bytes) as source:
        end.file = source.name
        found = find_format_of(source, file, forced)
        if isinstance(found, Unreadable):
            end.skip(1, f"not a trace: {found.kind}")
        else:
            # A file of blank lines is in no format; reading it counts them.
            _read_as(found or OPS, source, sink, end, twin)
        if source.damage is not None:
            end.skip(max(source.damaged_line, 1), source.damage)
        end.tally.add_source(source.source_file())
    return found if isinstance(found, Format) else None


def _read_as(found: Format, source: Source, sink: Sink, end: End, twin: str | None) -> None:
    if twin is None or not is_told_by_time(found, Head(source.head())):
        found.read(source, sink)
        return
    end.note(f"{source.name} is {twin} again, byte for byte: it was left out")
    found.read(source, Duplicate(end))
