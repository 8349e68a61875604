"""Which faults touched which requests: one fixed-width row each, on disk before the answer goes.

The blame for a failed request is read from here, so a row is written at once: a gateway that is
killed a moment later has said what it did. Floor 1. `scorecard/blame.py` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from struct import Struct
from typing import Final

from stubs.append_file import AppendFile

TOUCHES_FILE: Final = "touches.rows"
"""What a run calls it in its folder."""

ROW: Final = Struct("<QqHBB4x")
"""request id, recorded time in microseconds, fault's number in the timetable, attempt, 0."""


class TouchLog:
    """Appends rows to a file. Raises OSError when it cannot be made; later losses are counted."""

    def __init__(self, path: Path) -> None:
        self._file = AppendFile(path)
        self.close = self._file.close

    @property
    def lost(self) -> int:
        """How often rows did not get onto the disk."""
        return self._file.lost

    def add(self, request_id: int, at_ms: float, numbers: Iterable[int], attempt: int) -> None:
        """One row for each of the faults, by their numbers."""
        at_us = int(at_ms * 1000)
        tried = min(attempt, 255)
        self._file.append(
            b"".join(ROW.pack(request_id, at_us, number, tried, 0) for number in numbers)
        )
