"""Links: values that first appear in an answer and come back in a later request of its session.

A sink on the way to a tape. It changes nothing: it looks at each entry after the tape has taken
it, and tells the tape which place of which answer a place of the request repeats. Replay puts
there what the sandbox answers instead. No value is kept, only places.
Read next: `link_values.py` (which values), `link_places.py` (where), `link_memory.py` (how long).
"""

from __future__ import annotations

import re
from typing import Final, Protocol, runtime_checkable

from replay.building.numbering import IDLE_NS
from replay.fields.headers import parse_lines
from replay.linking.link_memory import Key, Memory, Origin, Seen, Session, digest
from replay.linking.link_places import answer_values, request_values
from replay.linking.link_values import is_telling
from replay.readers.entry import INFERRED, Entry, Sink
from replay.readers.through import Through
from switchboard.event import Event

MAX_LINKS: Final = 64
"""Links of one request."""
_OWN: Final = re.compile(r"csrf|xsrf|sess|sid", re.IGNORECASE)
"""Cookies of such a name are the session's own, even when several sessions were given the same."""


@runtime_checkable
class LinkedRows(Protocol):
    """The end of a chain that keeps links: a tape's rows."""

    @property
    def rows(self) -> int:
        """How many entries it has taken."""

    has_answers: bool
    """Set once an answer was met: what follows, anywhere in the trace, may repeat values of it."""

    def add_link(self, from_row: int, to_row: int, answer: str, request: str) -> None:
        """What stands at `answer` in the answer of one row is at `request` in a later one."""


class Links(Through):
    """Finds links among the entries that pass, and hands them to `rows`, the end of the chain.

    An entry with a recorded answer must come by `add`; one without may come either way. Nothing is
    looked at until the first answer comes, so a trace that holds none costs nothing.
    """

    def __init__(self, end: Sink, rows: LinkedRows) -> None:
        super().__init__(end)
        self.count = 0
        """Links found."""
        self._rows = rows
        self._memory = Memory()
        self._seen = Seen()
        self._has_answers = False

    def add(self, line: int, entry: Entry) -> None:
        before = self._rows.rows
        self.end.add(line, entry)
        event = entry.event
        is_answered = bool(event.response_headers or event.response_body)
        if is_answered:
            self._has_answers = self._rows.has_answers = True
        if self._has_answers and self._rows.rows > before:
            self._look(before, event, entry.json_body, entry.client, entry.inferred)

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
        before = self._rows.rows
        self.end.add_request(
            line, ts_ns, method, authority, target, user, session, service, lines, body, status,
            wait_ms, client, marks,
        )  # fmt: skip
        if self._has_answers and self._rows.rows > before:
            headers = tuple(parse_lines(lines))
            event = Event(ts_ns, None, method, target, user, session, None, headers, body)
            self._look(before, event, None, client, bool(marks & INFERRED))

    def _look(
        self, row: int, event: Event, json_body: bytes | None, client: str | None, inferred: bool
    ) -> None:
        """What the request repeats, and then what the answer offers."""
        key = _session_key(event, client)
        if key is None:
            return
        session = self._memory.get(key)
        if inferred and _was_idle(session, event.ts_ns):
            self._memory.forget(key)
            session = self._memory.get(key)
        session.last_ns = event.ts_ns if session.last_ns is None else session.last_ns
        if event.ts_ns is not None and session.last_ns is not None:
            session.last_ns = max(session.last_ns, event.ts_ns)
        before = len(session)
        self._link(row, event, json_body, session)
        if event.response_headers or event.response_body:
            self._hold(row, event, session, digest(repr(key)))
        self._memory.grew(len(session) - before)

    def _link(self, row: int, event: Event, json_body: bytes | None, session: Session) -> None:
        left = MAX_LINKS
        brought: list[bytes] = []
        for found in request_values(event, json_body):
            if not is_telling("", found.text, is_place_of_ids=True):
                continue
            value = digest(found.text)
            origin = session.origin(value, event.ts_ns)
            if origin is None:
                brought.append(value)
            elif left and is_telling(found.name, found.text, is_place_of_ids=True):
                left -= 1
                self.count += 1
                self._rows.add_link(origin.row, row, origin.path, found.path)
        for value in brought:
            session.bring(value)

    def _hold(self, row: int, event: Event, session: Session, mark: bytes) -> None:
        end_ns = _end_ns(event)
        for found in answer_values(event):
            value = digest(found.text)
            is_common = self._seen.add(value, mark)
            if value in session.sent or (is_common and not _is_own(found.path, found.name)):
                continue
            session.hold(value, Origin(row, found.path, end_ns))


def _session_key(event: Event, client: str | None) -> Key | None:
    """What a tape tells sessions by; None for a request that is nobody's."""
    if event.user or event.session:
        return event.user, event.session, None
    return None if client is None else (None, None, client)


def _was_idle(session: Session, ts_ns: int | None) -> bool:
    last = session.last_ns
    return last is not None and ts_ns is not None and ts_ns - last > IDLE_NS


def _end_ns(event: Event) -> int | None:
    """When the answer was there; its start, where nobody measured how long it took."""
    if event.ts_ns is None:
        return None
    return event.ts_ns + int((event.wait_ms or 0.0) * 1e6)


def _is_own(path: str, name: str) -> bool:
    return path.startswith("answer.cookie.") and _OWN.search(name) is not None
