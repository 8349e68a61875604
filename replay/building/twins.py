"""Files of a trace that are the same byte for byte: the second one must not be played again.

Only files of one length are looked into at all, and read whole only where they begin alike.
Read next: `reading.py`, which counts every entry of such a file as skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Final

from replay.readers.entry import Entry
from replay.readers.format import Format
from replay.readers.head import Head
from replay.readers.source import TraceFile
from replay.readers.through import Through

DUPLICATE: Final = "in a duplicate file"
_START_BYTES: Final = 64 * 1024
_WITHOUT_TIMES: Final = frozenset({"vegeta_targets", "vegeta_json"})


def find_twins(files: Sequence[TraceFile]) -> dict[int, int]:
    """For each file that has been there before, by its place: the place of the first such file."""
    groups = _alike(range(len(files)), lambda place: _size_of(files[place]))
    for what in (_hash_start, _hash_all):
        groups = [
            group
            for larger in groups
            for group in _alike(larger, lambda place, what=what: what(files[place].path))  # type: ignore[misc]
        ]
    return {place: group[0] for group in groups for place in group[1:]}


def is_told_by_time(found: Format, head: Head) -> bool:
    """Its entries say when they were, so that being there twice can only be a mistake.

    An event with a delay is as much later than the one before it, and two of them may well be
    alike; so may targets that no time is known of.
    """
    if found.name == "ops":
        return b'"ts"' in head.data and b'"delay"' not in head.data
    return found.name not in _WITHOUT_TIMES


class Duplicate(Through):
    """Counts every entry of a file as skipped, whatever is in it."""

    needs_whole = False

    def add(self, line: int, entry: Entry) -> None:
        self.end.skip(line, DUPLICATE)

    def add_request(self, line: int, *_: object) -> None:
        self.end.skip(line, DUPLICATE)

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.end.skip(line, DUPLICATE)

    def note(self, text: str, count: int = 0) -> None:
        """What there is to know of the file has been said of the first one."""


def _alike(places: Iterable[int], key: Callable[[int], Hashable | None]) -> list[list[int]]:
    """Places of equal keys, two or more; those of key None are like no other."""
    found: dict[Hashable, list[int]] = {}
    for place in places:
        value = key(place)
        if value is not None:
            found.setdefault(value, []).append(place)
    return [group for group in found.values() if len(group) > 1]


def _size_of(file: TraceFile) -> int | None:
    """Of a file that lies here and is not empty."""
    return (file.size() or None) if file.elsewhere is None else None


def _hash_start(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(_START_BYTES)).digest()
    except OSError:  # who reads it says why
        return None


def _hash_all(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
