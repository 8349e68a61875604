"""The records of a GoReplay recording, out of a stream of bytes.

A record ends with a line that holds three monkeys and nothing else; the line feed before that line
belongs to it. A body may hold anything but such a line. Memory is bounded by one record.
Read next: `gor.py`, which reads what a record says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from replay.readers.source import Stream

MONKEYS: Final = "🐵🙈🙉\n".encode()
SEPARATOR: Final = b"\n" + MONKEYS
MAX_RECORD: Final = 64 * 1024 * 1024
OVERLONG: Final = "record longer than 64 MiB"


def iter_records(stream: Stream, limit: int = MAX_RECORD) -> Iterator[tuple[bytes | None, bool]]:
    """Every record without its separator (None where it was too long), and whether it had one."""
    held = bytearray()
    searched = 0
    passing = False
    while block := stream.read():
        held += block
        start = 0
        while (found := _end_of(held, start, max(start, searched))) is not None:
            end, after = found
            yield (None if passing or end - start > limit else bytes(held[start:end])), True
            start, passing = after, False
        if passing or len(held) - start > limit:
            start, passing = max(start, len(held) - len(SEPARATOR)), True
        del held[:start]
        searched = max(0, len(held) - len(SEPARATOR))
    if passing:
        yield None, False
    elif held.strip():
        held += b"\n"  # an editor may have taken away the very last one
        found = _end_of(held, 0, max(0, len(held) - len(SEPARATOR)))
        yield bytes(held[: -1 if found is None else found[0]]), found is not None


def _end_of(held: bytearray, start: int, search_from: int) -> tuple[int, int] | None:
    """Where the record that starts at `start` ends, and where the next one starts."""
    if held.startswith(MONKEYS, start):  # nothing stands between two lines of monkeys
        return start, start + len(MONKEYS)
    at = held.find(SEPARATOR, search_from)
    return None if at < 0 else (at, at + len(SEPARATOR))
