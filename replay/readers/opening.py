"""Opening a file of a trace: its lines, or the items of its one array, and the format they are in.

Read next: `source.py` (the bytes), `json_array.py` (arrays), `wrapped.py` (lines inside lines),
`sniff.py` (the format).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from replay.readers.files import TraceFile
from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.readers.head import Head
from replay.readers.json_array import array_lines
from replay.readers.sniff import Unreadable, sniff
from replay.readers.source import Source
from replay.readers.wrapped import unwrapped_lines
from switchboard.errors import TraceError

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes there are; 0 where nobody knows how many."""


def open_source(file: TraceFile, on_bytes: Callable[[int], None] | None = None) -> Source:
    """The file to be read; an array of objects gives each as a line, and so does what lines are
    wrapped in. Raises TraceError."""
    source = Source(file, on_bytes)
    try:
        lines = array_lines(source) or source
        return unwrapped_lines(lines) or lines
    except BaseException:
        source.close()
        raise


def find_format_of(
    source: Source, file: TraceFile, forced: Format | None
) -> Format | Unreadable | None:
    """Its format; None where there are only blank lines.

    Raises TraceError for a file that is no trace and was asked for; one that merely lay in a folder
    is Unreadable.
    """
    found = forced or sniff(Head(source.head()))
    if isinstance(found, Unreadable) and file.asked_for:
        known = "; ".join(each.title for each in FORMATS.values())
        raise TraceError(
            f"{file.shown} is not a trace this can read: it looks like {found.kind}. "
            f"It reads {known}; each plain or compressed"
        )
    return found


def count_progress(
    files: Sequence[TraceFile], on_progress: Progress | None
) -> Callable[[int], None] | None:
    """What a source is to be told its bytes by."""
    if on_progress is None:
        return None
    sizes = [file.size() for file in files]
    total = 0 if None in sizes else sum(size or 0 for size in sizes)
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        on_progress(min(done, total) if total else done, total)

    return add
