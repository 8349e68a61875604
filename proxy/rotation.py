"""A file of whole lines that starts anew when it is full: `day.ndjson`, then `day.1.ndjson` and on.

The file that is written to always keeps its name. A full one gets the next number, so the natural
order of the names, with the bare name last, is the order of time, and no file is renamed twice.
Floor 1. Read next: `recorder.py`, whose writer thread is the only one that calls this.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

from switchboard.errors import EsrError

PRIVATE = 0o600
"""A recording holds what people sent: only its owner may read it."""


class RecordingError(EsrError):
    """The recording cannot be begun; the sentence names the file."""


def part_path(path: Path, number: int) -> Path:
    """`day.3.ndjson` for `day.ndjson`."""
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def part_numbers(path: Path) -> list[int]:
    """The numbers of the parts that lie there, ascending."""
    shape = re.compile(rf"{re.escape(path.stem)}\.([1-9][0-9]{{0,8}}){re.escape(path.suffix)}")
    found = (shape.fullmatch(each.name) for each in path.parent.iterdir())
    return sorted(int(match[1]) for match in found if match is not None)


class RotatingFile:
    """Grows by whole lines, at most `max_files` files of `max_bytes` each. For one thread."""

    def __init__(self, path: Path, max_bytes: int, max_files: int) -> None:
        """Raises RecordingError when it cannot be opened."""
        self.path = path
        self.rotations = 0
        self.removed = 0
        """Oldest files that had to make room."""
        self._max_bytes = max_bytes
        self._max_files = max_files
        try:
            self._file = _open(path)
        except OSError as error:
            reason = error.strerror or error
            raise RecordingError(f"cannot record into {path}: {reason}; name a file") from error

    def append(self, lines: bytes) -> None:
        """Add lines that each end in a line feed, or nothing of them. Raises OSError."""
        self._follow()
        size = os.fstat(self._file).st_size
        if size and size + len(lines) > self._max_bytes:
            self._rotate()
            size = 0
        _append_whole(self._file, lines, size)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _follow(self) -> None:
        """Somebody may have moved the file away (logrotate does): write where the name is."""
        try:
            there = os.stat(self.path)  # noqa: PTH116  # a descriptor is beside it
        except FileNotFoundError:
            self._reopen()
            return
        if not os.path.samestat(there, os.fstat(self._file)):
            self._reopen()

    def _rotate(self) -> None:
        numbers = part_numbers(self.path)
        numbers.append(numbers[-1] + 1 if numbers else 1)
        self.path.rename(part_path(self.path, numbers[-1]))
        self._reopen()
        self.rotations += 1
        for number in numbers[: max(0, len(numbers) + 1 - self._max_files)]:
            part_path(self.path, number).unlink()
            self.removed += 1

    def _reopen(self) -> None:
        fresh = _open(self.path)
        os.close(self._file)
        self._file = fresh


def _open(path: Path) -> int:
    if path.exists() and not path.is_file():
        raise OSError(0, "it is not a regular file")  # a pipe would wait for its reader
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE)
    try:
        _end_torn_line(file)
    except OSError:
        os.close(file)
        raise
    return file


def _end_torn_line(file: int) -> None:
    """What a killed process left half stays a bad line of its own and spoils no good one."""
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode) or not facts.st_size:
        return
    if os.pread(file, 1, facts.st_size - 1) != b"\n":
        os.write(file, b"\n")


def _append_whole(file: int, data: bytes, size: int) -> None:
    """A full disk takes part of a write: that part is cut off again."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, size)
        raise
