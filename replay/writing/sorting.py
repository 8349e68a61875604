"""Entries of a trace in order of time, in flat memory however long the trace is.

What is held is sorted and written to a temporary file when it grows too large; at the end all such
files are read side by side. Entries of one time keep the order in which they came. The files lie in
a folder that nobody else can read, and are gone when this is closed.
Read next: `trace_writer.py`, which asks for it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from heapq import merge
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from switchboard.errors import TraceError
from switchboard.event import Event

HELD_BYTES: Final = 64 * 1024 * 1024
MAX_FILES: Final = 48
"""Files read side by side; as many of one size are first made one."""
MAX_SAME: Final = 100_000
"""Different entries of one moment among which duplicates are looked for."""
_BESIDE: Final = 600
"""Bytes that an entry takes besides its texts."""
_when: Final = attrgetter("ns")


class Placed(NamedTuple):
    """An event and its place: when, where it stood, and the how manieth it was.

    client: the number of whoever it was of, where nothing but a client is known; else 0.
    """

    ns: int
    event: Event
    file: str = ""
    line: int = 0
    row: int = 0
    coarse: bool = False
    client: int = 0
    inferred: bool = False


class Sorter:
    """Takes entries in any order and gives them back in order of time, once.

    folder: where temporary files may lie (the system's own place by default).
    Raises TraceError when there is no room for them.
    """

    def __init__(self, folder: Path | None = None, held_bytes: int = HELD_BYTES) -> None:
        self._folder = folder
        self._most = held_bytes
        self._held: list[Placed] = []
        self._size = 0
        self._files: list[tuple[int, Path]] = []
        self._made = 0
        self._stack = ExitStack()
        self._place: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Everything it wrote is gone."""
        self._stack.close()
        self._held.clear()

    def add(self, placed: Placed) -> None:
        self._held.append(placed)
        self._size += _size_of(placed.event)
        if self._size >= self._most:
            self._held.sort(key=_when)
            self._write(0, self._held)
            self._held, self._size = [], 0
            self._join()

    def in_order(self) -> Iterator[Placed]:
        """All of them, the earliest first."""
        self._held.sort(key=_when)
        with ExitStack() as stack:
            files = [_read(path, stack) for _, path in self._files]
            yield from merge(*files, self._held, key=_when)

    def _join(self) -> None:
        """Of the newest files, those of one size become one of the next, so that few stay open."""
        while len(self._files) >= MAX_FILES:
            level = self._files[-1][0]
            same = [path for each, path in self._files[-MAX_FILES:] if each == level]
            if len(same) < MAX_FILES:
                return
            del self._files[-MAX_FILES:]
            with ExitStack() as stack:
                parts = [_read(path, stack) for path in same]
                self._write(level + 1, merge(*parts, key=_when))
            for path in same:
                path.unlink()

    def _write(self, level: int, entries: Iterable[Placed]) -> None:
        if self._place is None:
            self._place = Path(self._stack.enter_context(self._new_folder()))
        path = self._place / f"{self._made}"
        self._made += 1
        try:
            with path.open("w", encoding="ascii") as file:
                file.writelines(map(_encode, entries))
        except OSError as error:
            raise TraceError(
                f"no room to sort the trace in {self._place}: {error.strerror}"
            ) from error
        self._files.append((level, path))

    def _new_folder(self) -> tempfile.TemporaryDirectory[str]:
        try:
            return tempfile.TemporaryDirectory(prefix="esr-sort-", dir=self._folder)
        except OSError as error:
            raise TraceError(f"no place to sort the trace: {error.strerror}") from error


class Echoes:
    """Finds what a copy of a file says once more.

    An entry is an echo when a file says the same of the same moment no more often than another did
    before it. What one file says twice was asked twice.
    """

    def __init__(self) -> None:
        self._ns: int | None = None
        self._kept: dict[bytes, int] = {}
        self._said: dict[tuple[bytes, str], int] = {}

    def is_echo(self, placed: Placed) -> bool:
        """To be asked of each entry, in order of time."""
        if placed.ns != self._ns:
            self._ns = placed.ns
            self._kept.clear()
            self._said.clear()
        said_of = [placed.client, *_event_out(placed.event)]
        key = blake2b(json.dumps(said_of).encode(), digest_size=16).digest()
        if key not in self._kept and len(self._kept) >= MAX_SAME:
            return False
        said = self._said[key, placed.file] = self._said.get((key, placed.file), 0) + 1
        kept = self._kept.get(key, 0)
        if said <= kept:
            return True
        self._kept[key] = kept + 1
        return False


def _size_of(event: Event) -> int:
    texts = sum(len(name) + len(value) + 120 for name, value in event.headers)
    texts += sum(len(name) + len(value) + 120 for name, value in event.response_headers)
    bodies = len(event.body) + len(event.response_body or b"")
    extra = len(json.dumps(dict(event.extra))) * 4 if event.extra else 0
    return _BESIDE + len(event.url) + texts + bodies + extra


def _encode(placed: Placed) -> str:
    _, event, *place = placed
    return json.dumps([placed.ns, _event_out(event), *place], separators=(",", ":")) + "\n"


def _read(path: Path, stack: ExitStack) -> Iterator[Placed]:
    file = stack.enter_context(path.open(encoding="ascii"))
    for line in file:
        ns, event, *place = json.loads(line)
        yield Placed(ns, _event_in(event), *place)


def _event_out(event: Event) -> list[Any]:
    """As JSON holds it exactly: bytes as the characters of the same numbers."""
    answer = None if event.response_body is None else event.response_body.decode("latin-1")
    changed = event._replace(extra=dict(event.extra))
    values: dict[str, Any] = changed._asdict()
    return list({**values, "body": event.body.decode("latin-1"), "response_body": answer}.values())


def _event_in(values: list[Any]) -> Event:
    event = Event(*values)
    body: Any = event.body
    answer: Any = event.response_body
    return event._replace(
        headers=tuple((name, value) for name, value in event.headers),
        body=body.encode("latin-1"),
        response_headers=tuple((name, value) for name, value in event.response_headers),
        response_body=None if answer is None else answer.encode("latin-1"),
    )
