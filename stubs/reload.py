"""Hot reload: a definition that was edited is taken, a broken edit changes nothing and is told.

What to do is decided by plain values; looking at the folders is one small function. A file is read
only when two looks agree, so that one half written is not taken for a broken one.
Floor 1. Read next: `serve.py`, which looks twice a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

LOOK_S: Final = 0.5
SUFFIXES: Final = (".yml", ".yaml")
MAX_FILES: Final = 1_000

Look = Mapping[str, tuple[int, int, int]]
"""Modification time, size and inode of each file by its path."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of the folders. served: the look whose files were read, well or not.
    last: the look before this one."""

    served: Look
    last: Look

    def decide(self, now: Look) -> tuple[Watch, bool]:
        """The watch after this look, and whether the files are to be read now."""
        is_settled = now == self.last
        if is_settled and now != self.served:
            return Watch(now, now), True
        return replace(self, last=now), False


def look_at(folders: Iterable[str]) -> Look:
    """What lies in the folders. One that cannot be read has nothing in it."""
    seen: dict[str, tuple[int, int, int]] = {}
    for folder in folders:
        for path in definition_files(Path(folder)):
            try:
                found = path.stat()
            except OSError:
                continue  # gone since; the next look says so
            seen[str(path)] = (found.st_mtime_ns, found.st_size, found.st_ino)
    return seen


def definition_files(folder: Path) -> list[Path]:
    """The files with definitions in a folder, in order of their names; hidden ones are not."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    named = [e for e in entries if e.suffix in SUFFIXES and not e.name.startswith(".")]
    return named[:MAX_FILES]
