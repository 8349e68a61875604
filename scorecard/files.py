"""Files of a run, written so that no write error can stop the run.

A full disk loses records, never the run: the first error is told at once in one sentence, what is
lost afterwards is counted, and writing goes on in case there is room again. JSON files change
atomically; appended files never keep half a record that this process wrote.
Floor 2. Read next: `store.py`, which keeps outcomes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

_JSON_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY

Say = Callable[[str], None]


def say_nothing(_sentence: str) -> None:
    """For those who only read the counts."""


class Losses:
    """What could not be written. All writers of one run share one.

    say: called once, with the sentence about the first error.
    """

    def __init__(self, say: Say = say_nothing) -> None:
        self._say = say
        self.first: str | None = None
        """The sentence about the first error, None while there was none."""
        self.counts: dict[str, int] = {}
        """How many of what was lost: outcomes, timeline entries, or files by name."""

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(self, what: str, count: int, path: Path, error: Exception) -> None:
        """`count` of `what` did not get into `path`."""
        self.counts[what] = self.counts.get(what, 0) + count
        if self.first is None:
            self.first = f"cannot write {path}: {explain(error)}; the run goes on without it"
            self._say(self.first)

    def describe(self) -> str | None:
        """One sentence for the end of a run; None when everything was written."""
        if not self.counts:
            return None
        lost = ", ".join(f"{what}: {count:,}" for what, count in sorted(self.counts.items()))
        return f"not everything was written ({lost}); {self.first}"


def explain(error: Exception) -> str:
    """What went wrong, without the path, on one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:300] or type(error).__name__


def write_json(path: Path, value: object, losses: Losses) -> bool:
    """Replace `path` by `value` as JSON, all or nothing. False when that failed.

    There is no fsync: this is called while requests are due, and a killed process loses nothing.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_bytes(orjson.dumps(value, option=_JSON_OPTIONS))
        aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        losses.add(path.name, 1, path, error)
        return False
    return True


class AppendFile:
    """A file that grows by whole records. Opened at the first append; close it at the end."""

    def __init__(self, path: Path, what: str, losses: Losses) -> None:
        self.path = path
        self._what = what
        self._losses = losses
        self._file: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, data: bytes | memoryview, count: int = 1) -> bool:
        """Add `data`, which holds `count` records, or nothing of it. False when that failed."""
        try:
            if self._file is None:
                self._file = _open_to_append(self.path)
            _append_whole(self._file, data)
        except OSError as error:
            self._losses.add(self._what, count, self.path, error)
            return False
        return True

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _open_to_append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _append_whole(file: int, data: bytes | memoryview) -> None:
    """A full disk takes part of a write: that part is cut off again, so records stay aligned."""
    size = os.fstat(file).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, size)
        raise


class Timeline:
    """timeline.ndjson: what happened to the run and when, a JSON object a line.

    wall_ns: the clock of the wall stamps, epoch nanoseconds.
    """

    def __init__(self, path: Path, wall_ns: Callable[[], int], losses: Losses) -> None:
        self._file = AppendFile(path, "timeline entries", losses)
        self._wall_ns = wall_ns

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, t_s: float, event: str, **fields: Any) -> bool:
        """Add an event at `t_s` seconds of the run. False when it could not be written."""
        entry = {"t_s": round(t_s, 3), "wall": rfc3339(self._wall_ns()), "event": event, **fields}
        return self._file.append(orjson.dumps(entry) + b"\n")

    def close(self) -> None:
        self._file.close()


def rfc3339(wall_ns: int) -> str:
    """Epoch nanoseconds as UTC with milliseconds: 2020-03-15T09:30:00.250Z."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    stamp = datetime.fromtimestamp(seconds, UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000_000:03d}Z"


def read_timeline(path: Path) -> list[Mapping[str, Any]]:
    """The entries of a timeline; a line that a killed process left half is passed over.

    Raises OSError.
    """
    entries: list[Mapping[str, Any]] = []
    for line in path.read_bytes().splitlines():
        with contextlib.suppress(orjson.JSONDecodeError):
            entry = orjson.loads(line)
            if isinstance(entry, dict):
                entries.append(entry)
    return entries
