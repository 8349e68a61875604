"""The leak gate: tells of every identifier that a tape would hold of a real person or system.

It stands last before the tape and judges what lands there: the target and the headers without
their credentials, the body, the user and the session. Client addresses only tell clients apart and
land nowhere, and recorded answers do not either, so neither is looked at.
Read next: `identifiers/inspector.py`; docs/leak-gate.md says what is found and how to allow it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from replay.fields.headers import parse_lines
from replay.gate.findings import Findings
from replay.identifiers.inspector import Inspector, kind_of
from replay.readers.entry import Entry, Sink
from replay.readers.through import Through
from switchboard.credentials import header_lines, safe_target
from switchboard.event import EventError
from switchboard.routes import split_url

JSON: Final = "application/json"


class LeakGate(Through):
    """Passes everything on, and writes down what it found in it.

    allowed: kinds of findings that stop nothing.   file_of: names the file that is being read.
    """

    def __init__(
        self, end: Sink, findings: Findings, allowed: frozenset[str], file_of: Callable[[], str]
    ) -> None:
        super().__init__(end)
        self._findings = findings
        self._allowed = allowed
        self._file_of = file_of
        self._line = 0
        self._inspector = Inspector(self._write_down)
        self._pass_on = end.add_request

    def add(self, line: int, entry: Entry) -> None:
        self.end.add(line, entry)
        event, json_body = entry.event, entry.json_body
        body = event.body if json_body is None else json_body
        try:
            target = split_url(event.url)[1]
        except EventError:
            target = event.url
        lines = header_lines(event.headers)
        if json_body is not None:
            lines += f"content-type: {JSON}\r\n"
        self._inspect(line, target, event.user, event.session, lines, body)

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
        self._pass_on(
            line, ts_ns, method, authority, target, user, session, service, lines, body, status,
            wait_ms, client, marks,
        )  # fmt: skip
        self._inspect(line, target, user, session, lines, body)

    def _inspect(
        self,
        line: int,
        target: str,
        user: str | None,
        session: str | None,
        lines: str,
        body: bytes,
    ) -> None:
        inspector = self._inspector
        self._line = line
        if not inspector.is_clean(target):
            inspector.target(safe_target(target))
        if lines:
            inspector.lines(lines)
        if body:
            inspector.body(body, lambda: kind_of(tuple(parse_lines(lines))))
        if user is not None:
            inspector.name("user", user)
        if session is not None:
            inspector.name("session", session)

    def _write_down(self, path: str, kind: str, text: str) -> None:
        self._findings.add(
            self._file_of(), self._line, path, kind, text, is_allowed=kind in self._allowed
        )
