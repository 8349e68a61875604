"""A sink that passes on what it is given: the base of whatever stands between reader and tape.

A chain of them is what a trace goes through: keys of sessions, filters, links, the anonymiser, the
leak gate. Each overrides what it needs. An entry that one of them refuses is an EventError, which
reaches the reader and becomes a skip; one that it merely leaves out is for it to count.
Read next: `entry.py`.
"""

from __future__ import annotations

from replay.readers.entry import Entry, Sink


class Through:
    """Passes everything on to `end`."""

    def __init__(self, end: Sink) -> None:
        self.end = end

    @property
    def needs_whole(self) -> bool:
        return self.end.needs_whole

    def add(self, line: int, entry: Entry) -> None:
        self.end.add(line, entry)

    def add_request(
        self,
        line: int,
        ts_ns: int,
        method: str,
        authority: str,
        target: str,
        user: str | None,
        session: str | None,
        service: str | None,
        lines: str,
        body: bytes,
        status: int | None,
        wait_ms: float | None,
        client: str | None = None,
        marks: int = 0,
    ) -> None:
        self.end.add_request(
            line, ts_ns, method, authority, target, user, session, service, lines, body, status,
            wait_ms, client, marks,
        )  # fmt: skip

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.end.skip(line, reason, gap_ms)

    def note(self, text: str, count: int = 0) -> None:
        self.end.note(text, count)
