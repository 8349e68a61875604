"""Files that grow at their end while a tape is built, kept open in one folder.

Read next: `replay/tape.py` (the writer of a tape is one), `rows.py` (who appends most).
"""

from __future__ import annotations

import os
from pathlib import Path


class SpillFiles:
    """Every failed write is an OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, int] = {}

    def append_bytes(self, file: str, data: bytes | bytearray | memoryview) -> None:
        """Add raw bytes to any file of the folder."""
        handle = self._files.get(file)
        if handle is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            handle = self._files[file] = os.open(self.path / file, flags, 0o644)
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        while view:
            view = view[os.write(handle, view) :]

    def close_files(self) -> None:
        while self._files:
            os.close(self._files.popitem()[1])
