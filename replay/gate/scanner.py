"""Scans a trace as it lies there: every field, credentials, cookies and recorded answers too.

It stands where a tape would: a reader hands its entries to it, and it keeps nothing but findings.
What a reader uses only to tell clients apart (an address, say) is no field and not looked at.
Read next: `leak_gate.py`, which judges what a tape would hold.
"""

from __future__ import annotations

import json

import orjson

from replay.account import Tally
from replay.gate.findings import Findings
from replay.gate.leak_gate import JSON
from replay.identifiers.inspector import Inspector, kind_of
from replay.readers.entry import Entry
from switchboard.event import Event


class Scanner:
    """The end of a chain that looks at everything; `findings` says what is there."""

    needs_whole = True

    def __init__(
        self, tally: Tally, findings: Findings, allowed: frozenset[str] = frozenset()
    ) -> None:
        self.tally = tally
        self.findings = findings
        self.file = ""
        """The name of the file that is being read."""
        self.rows = 0
        self._allowed = allowed
        self._line = 0
        self._inspector = Inspector(self._write_down)

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.tally.skip(self.file, line, reason)

    def note(self, text: str, count: int = 0) -> None:
        self.tally.note(text, count)

    def look(self, file: str, line: int, event: Event) -> None:
        """At an event that somebody else is about to write down."""
        self.file, self._line = file, line
        self._inspect(event, None)

    def add(self, line: int, entry: Entry) -> None:
        self._line = line
        self._inspect(entry.event, entry.json_body)
        self.rows += 1
        self.tally.used += 1
        self.tally.bodies_unknown += entry.body_unknown

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
        """Nobody calls it, since a request that was taken apart has lost its credentials."""
        raise NotImplementedError("a scanner needs whole entries")

    def _inspect(self, event: Event, json_body: bytes | None) -> None:
        inspector = self._inspector
        inspector.target(event.url)
        inspector.pairs(event.headers)
        body = event.body if json_body is None else json_body
        if body:
            kind = kind_of(event.headers)
            inspector.body(body, lambda: kind if kind[0] or json_body is None else (JSON, kind[1]))
        if event.user is not None:
            inspector.name("user", event.user)
        if event.session is not None:
            inspector.name("session", event.session)
        if event.response_headers:
            inspector.pairs(event.response_headers, "answer.header")
        if event.response_body:
            inspector.body(
                event.response_body, lambda: kind_of(event.response_headers), "answer.body"
            )
        if event.extra:
            inspector.body(self._extra(event), lambda: (JSON, ""), "extra")

    def _extra(self, event: Event) -> bytes:
        """What an OPS event holds besides what is known."""
        try:
            return orjson.dumps(dict(event.extra), default=str)
        except TypeError:  # deeper than orjson goes
            try:
                return json.dumps(dict(event.extra), default=str).encode()
            except RecursionError:
                self.tally.note("fields beside the known ones are nested too deep to look into", 1)
                return b""

    def _write_down(self, path: str, kind: str, text: str) -> None:
        self.findings.add(self.file, self._line, path, kind, text, is_allowed=kind in self._allowed)
