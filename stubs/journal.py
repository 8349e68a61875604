"""The journal: what was asked of the gateway and how it fared, the newest few thousand requests.

A ring, bounded in entries and in bytes. Adding one is cheap, because nothing is parsed or copied
but a long body's beginning; who reads it pays. Secrets are kept as they came, so that a test can
ask how often a token was used, and are taken out wherever an entry is shown: see `masking.py`.
Floor 1, no clock. Read next: `verification.py`, which asks it questions.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from itertools import islice
from typing import Final

from stubs.service import LONGEST_TEXT

ENTRIES: Final = 10_000
MOST_BYTES: Final = 32 * 1024 * 1024
BODY_BYTES: Final = 2048
"""How much of a body is kept."""
HEADER_BYTES: Final = 8192
"""Of longer heads only the headers that fit are kept."""
TARGET_CHARS: Final = 2048
NO_ROUTE: Final = "(no such route)"
CALLBACK_ROUTE: Final = "(callback)"
"""The route of an entry for a request that a stub made itself."""

_ENTRY_BYTES: Final = 600
"""About what an entry takes besides its texts."""
_STATUS: Final = re.compile(r"[1-5](?:[0-9]{2}|xx)|0")


@dataclass(slots=True)  # one is made for each request
class Entry:
    """One request and its end. Of one that is held, status and ending are set later.

    at_ms: recorded time at which it was due or came.   wall_ns: Unix time at which it came.
    route: as `StubRoute.name` says it, or `NO_ROUTE`.   target: path and query, as sent.
    status: 0 when no answer began.   wait_ms: what the stub's latency and faults made of it.
    faults: ids of those that touched it.   ending: `answered`, `reset`, `closed`, `held`, `gone`;
    of a callback `sent`, `refused`, `failed`, `dropped`.   body: all of it or its beginning.
    note: a sentence for people.   number: its place among all that were ever added, from 1; the
    journal gives it.
    """

    at_ms: float
    wall_ns: int
    service: str
    route: str
    method: str
    target: str
    status: int
    wait_ms: float
    request_id: int
    attempt: int
    faults: tuple[str, ...]
    ending: str
    headers: Mapping[bytes, bytes]
    body: bytes
    body_bytes: int = -1
    note: str = ""
    number: int = 0

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are meant; None and "" take all of them.

    service: `svc` also takes `svc-profile`.   status: `404` or `4xx`.   path: a glob, `*` crosses
    slashes.   since_ms: recorded time.   after: entries with a greater number.
    Raises ValueError that says what would be right.
    """

    service: str = ""
    route: str = ""
    method: str = ""
    status: str = ""
    path: str = ""
    request_id: int | None = None
    fault: str = ""
    ending: str = ""
    since_ms: float | None = None
    after: int = 0
    _takes_path: Callable[[str], object] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.status and not _STATUS.fullmatch(self.status):
            raise ValueError("status must be like 404 or 4xx")
        if len(self.path) > LONGEST_TEXT:
            raise ValueError(f"path must be a glob of at most {LONGEST_TEXT} characters")
        object.__setattr__(self, "_takes_path", re.compile(translate(self.path or "*")).match)

    def takes(self, entry: Entry) -> bool:
        """Whether this entry is meant."""
        return (
            entry.number > self.after
            and (self.since_ms is None or entry.at_ms >= self.since_ms)
            and (self.request_id is None or entry.request_id == self.request_id)
            and self._takes_place(entry)
            and (not self.fault or self.fault in entry.faults)
            and (not self.ending or entry.ending == self.ending)
            and _takes_status(self.status, entry.status)
        )

    def _takes_place(self, entry: Entry) -> bool:
        return (
            (not self.service or _takes_service(self.service, entry.service))
            and (not self.route or entry.route == self.route)
            and (not self.method or entry.method == self.method)
            and (not self.path or self._takes_path(entry.path) is not None)
        )


ALL: Final = Filters()


class Journal:
    """The ring. `size` 0 keeps nothing: ask `is_on` before an entry is made."""

    def __init__(self, size: int = ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self.is_on = size > 0
        self._size = size
        self._most_bytes = most_bytes
        self._kept: deque[tuple[Entry, int]] = deque()
        self._bytes = 0
        self._last = 0
        self.crowded_out = 0
        """Entries that made room for newer ones since it was last emptied."""

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Entry]:
        """The oldest first."""
        return (entry for entry, _ in self._kept)

    @property
    def last_number(self) -> int:
        """Of the newest entry that was ever added; what to ask `after` for whatever comes next."""
        return self._last

    @property
    def first_number(self) -> int:
        """Of the oldest entry that is still here; one more than the last when there is none."""
        return self._kept[0][0].number if self._kept else self._last + 1

    @property
    def kept_bytes(self) -> int:
        return self._bytes

    def add(self, entry: Entry) -> None:
        """Keep an entry and forget the oldest where there is no more room."""
        if not self.is_on:
            return
        self._last += 1
        entry.number = self._last
        size = _bounded(entry)
        kept = self._kept
        kept.append((entry, size))
        self._bytes += size
        while len(kept) > self._size or (self._bytes > self._most_bytes and len(kept) > 1):
            self._bytes -= kept.popleft()[1]
            self.crowded_out += 1

    def select(self, filters: Filters = ALL, limit: int = 100) -> list[Entry]:
        """At most `limit` entries in order: the first ones after `after`, else the newest."""
        if filters.after:
            return list(islice(filter(filters.takes, self), limit))
        newest = (entry for entry, _ in reversed(self._kept))
        return list(islice(filter(filters.takes, newest), limit))[::-1]

    def count(self, filters: Filters = ALL) -> int:
        """How many of the entries that are still here are meant."""
        return len(self._kept) if filters is ALL else sum(map(filters.takes, self))

    def remove(self, filters: Filters = ALL) -> int:
        """Forget them; how many there were. Numbers go on from where they were."""
        left = [] if filters is ALL else [pair for pair in self._kept if not filters.takes(pair[0])]
        removed = len(self._kept) - len(left)
        if filters is ALL:
            self.crowded_out = 0
        self._kept = deque(left)
        self._bytes = sum(size for _, size in left)
        return removed


def _takes_service(wanted: str, service: str) -> bool:
    return service == wanted or ("-" not in wanted and service.startswith(f"{wanted}-"))


def _takes_status(wanted: str, status: int) -> bool:
    if wanted.endswith("xx"):
        return status // 100 == int(wanted[0])
    return not wanted or status == int(wanted)


def _bounded(entry: Entry) -> int:
    """About how many bytes the entry takes, after what is too long was cut."""
    headers, body = entry.headers, entry.body
    if entry.body_bytes < 0:
        entry.body_bytes = len(body)
    if len(body) > BODY_BYTES:
        entry.body = body = bytes(body[:BODY_BYTES])
    if len(entry.target) > TARGET_CHARS:
        entry.target = entry.target[:TARGET_CHARS]
    size = sum(map(len, headers)) + sum(map(len, headers.values()))
    if size > HEADER_BYTES:
        entry.headers, size = _fitting(headers)
    return _ENTRY_BYTES + size + len(body) + len(entry.target)


def _fitting(headers: Mapping[bytes, bytes]) -> tuple[Mapping[bytes, bytes], int]:
    """The headers up to the limit, and their size."""
    kept: dict[bytes, bytes] = {}
    size = 0
    for name, value in headers.items():
        if size + len(name) + len(value) <= HEADER_BYTES:
            kept[name] = value
            size += len(name) + len(value)
    return kept, size
