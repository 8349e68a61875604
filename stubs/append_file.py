"""A file that grows by whole pieces, each on disk before the answer goes that it is about.

What cannot be written is counted, said once, and leaves no half piece behind. Floor 1.
Read next: `records.py` and `touches.py`, which are kept so.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path


class AppendFile:
    """Raises OSError when there can be no such file; nobody but its owner can read it."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self._path = path
        self.lost = 0
        """Pieces that did not get onto the disk."""

    def append(self, piece: bytes) -> None:
        """The whole piece, or nothing of it."""
        try:
            written = os.write(self._descriptor, piece)
        except OSError as error:
            self._lose(error)
            return
        if written != len(piece):
            # Half a row would make nonsense of every row after it.
            with suppress(OSError):
                size = os.fstat(self._descriptor).st_size
                os.ftruncate(self._descriptor, max(0, size - written))
            self._lose(None)

    def close(self) -> None:
        os.close(self._descriptor)

    def _lose(self, error: OSError | None) -> None:
        self.lost += 1
        if self.lost == 1:
            reason = "there was no room for all of it" if error is None else error.strerror
            message = "%s cannot be written (%s); what is lost is counted as `lost`"
            logging.getLogger(__name__).error(message, self._path.name, reason)
