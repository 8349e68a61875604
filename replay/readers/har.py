"""HAR 1.2, what the browsers' own tools save: one JSON object with a list of entries.

Streaming: each entry is cut out of the text and decoded alone, so a HAR may be longer than memory,
and one that is broken somewhere keeps all its other entries. Several HARs may follow one another,
one a line as a rule. A stamp is the start of its request, and a file is one person's browser.
Read next: `har_entry.py` (what an entry becomes), `json_stream.py` (how it is cut out).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from replay.readers.entry import Sink
from replay.readers.format import START, Format
from replay.readers.har_entry import NO_OFFSET, has_offset, parse_har_entry
from replay.readers.head import Head
from replay.readers.json_stream import NOT_JSON, JsonBroken, JsonCursor, JsonCut, parse_json
from replay.readers.source import Source
from switchboard.event import EventError

MAX_ENTRY: Final = 64 * 1024 * 1024
OVERLONG_ENTRY: Final = "entry longer than 64 MiB"
TRUNCATED: Final = "file ends early (truncated JSON)"
NO_ENTRIES: Final = "a HAR without entries"
_LOG_KEYS: Final = frozenset({"version", "creator", "browser", "pages", "entries", "comment"})


def read_har(source: Source, sink: Sink) -> None:
    """Every entry becomes a request for the sink, or a skip with its reason."""
    reader = _Reader(source, sink)
    cursor = JsonCursor(source.stream())
    try:
        while cursor.peek():
            reader.read_one(cursor)
    except JsonBroken:
        reader.end_early(NOT_JSON)
    except JsonCut:
        reader.end_early(TRUNCATED)
    reader.note()


class _Reader:
    """The HARs of one file, one after the other."""

    def __init__(self, source: Source, sink: Sink) -> None:
        self._source = source
        self._sink = sink
        self._hars = 0
        self._entries = 0
        self._without_zone = 0
        self._is_overlong = False
        """The file ended inside an entry that was too long already."""

    def read_one(self, cursor: JsonCursor) -> None:
        """All entries of the HAR that comes next."""
        self._hars += 1
        found = False
        for key in cursor.members():
            if key == "log" and cursor.peek() == b"{":
                found = self._read_log(cursor) or found
            else:
                cursor.pass_over()
        if not found:
            self._entries += 1
            self._sink.skip(self._entries, NO_ENTRIES)

    def end_early(self, reason: str) -> None:
        """The rest cannot be read: one skip, be it here or by whoever opened a damaged file."""
        if self._source.damage is not None:
            self._source.damaged_line = self._entries + 1
            return
        self._sink.skip(self._entries + 1, OVERLONG_ENTRY if self._is_overlong else reason)

    def note(self) -> None:
        if self._without_zone:
            self._sink.note(NO_OFFSET, self._without_zone)

    def _read_log(self, cursor: JsonCursor) -> bool:
        found = False
        for key in cursor.members():
            if key == "entries" and cursor.peek() == b"[":
                found = True
                for _ in cursor.items():
                    self._read_entry(cursor)
            else:
                cursor.pass_over()
        return found

    def _read_entry(self, cursor: JsonCursor) -> None:
        try:
            text = cursor.take(MAX_ENTRY)
        except JsonCut as cut:
            self._is_overlong = cut.is_overlong
            raise
        self._entries += 1
        if text is None:
            self._sink.skip(self._entries, OVERLONG_ENTRY)
            return
        try:
            self._add(text)
        except EventError as error:
            self._sink.skip(self._entries, error.reason)

    def _add(self, text: bytes) -> None:
        value = parse_json(text)
        # One person's browser, whose name never leaves the reader.
        client = f"har {self._hars} {self._source.name}"
        entry = parse_har_entry(value, client, with_answer=self._sink.needs_whole)
        self._sink.add(self._entries, entry)
        self._without_zone += not has_offset(value["startedDateTime"])


def _recognises(head: Head) -> bool:
    """An object with a `log` that begins as a HAR's does."""
    cursor = JsonCursor(io.BytesIO(head.data))
    try:
        for key in cursor.members():
            if key == "log" and cursor.peek() == b"{":
                return any(inner in _LOG_KEYS or inner[:1] == "_" for inner in _keys(cursor))
            cursor.pass_over()
    except (JsonBroken, JsonCut):
        return False
    return False


def _keys(cursor: JsonCursor) -> Iterator[str]:
    for key in cursor.members():
        yield key
        cursor.pass_over()


HAR: Final = Format(
    "har", "HAR 1.2 (what a browser's network panel saves)", START, _recognises, read_har
)
