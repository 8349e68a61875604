"""The sink of the readers: entries in, rows and request bytes out to disk, a batch at a time.

Read next: `timeline.py`, `places.py`, `people.py` and `heads.py`, which give a row its time and its
numbers; `arrange.py`, which turns what was spilled into columns.
"""

from __future__ import annotations

from typing import Final

from replay.account import Tally
from replay.building.heads import CONTENT_TYPE_JSON, LENGTH_EXPECTED, LINE_AROUND, has_content_type
from replay.building.people import CLIENT_SALT, SESSION_SALT, Names
from replay.building.places import Places
from replay.building.row_file import CLIENT, ROWS, SESSION, Part, pack_row
from replay.building.spill_files import SpillFiles
from replay.building.timeline import Timeline
from replay.linking.link import LinkSpill
from replay.readers.entry import Entry
from replay.tape import BLOB, UNKNOWN_WAIT
from switchboard.credentials import header_lines
from switchboard.event import EventError
from switchboard.routes import split_url

_MAX_WAIT_MS: Final = (UNKNOWN_WAIT - 1) / 1_000
_BLOB_HELD: Final = 1 << 20


class Rows:
    """Takes entries, and spills rows and request bytes through a tape's writer."""

    def __init__(self, writer: SpillFiles, tally: Tally, places: Places | None = None) -> None:
        self.tally = tally
        self.file = ""
        """The name of the file that is being read, for the account."""
        self.places = Places() if places is None else places
        self.links = LinkSpill()
        self.blob_size = 0
        self._bodies = self._body_bytes = self._largest_body = 0
        self.has_answers = False
        """Recorded answers were met: a later part of the trace may repeat values of them."""
        self.lead_rows = 0
        """The first rows that had only delays, before there was a stamp."""
        self._writer = writer
        self._timeline = Timeline()
        self._names = Names()
        self._rows: list[bytes] = []
        self._spilled = 0
        self._blob = bytearray()

    needs_whole = False

    @property
    def rows(self) -> int:
        """How many entries were accepted so far: the number that the next row gets."""
        return self._spilled + len(self._rows)

    @property
    def is_anchored(self) -> bool:
        """An absolute stamp has been seen."""
        return self._timeline.is_anchored

    @property
    def has_lead(self) -> bool:
        """Entries came before the first stamp, with delays alone."""
        return self._timeline.has_lead

    def bodies(self) -> dict[str, int]:
        """As `TapeInfo.bodies` has it."""
        return {
            "requests": self._bodies,
            "bytes": self._body_bytes,
            "largest": self._largest_body,
        }

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.tally.skip(self.file, line, reason)
        if gap_ms:
            self._timeline.pass_by(gap_ms)

    def note(self, text: str, count: int = 0) -> None:
        self.tally.note(text, count)

    def add_link(self, from_row: int, to_row: int, answer: str, request: str) -> None:
        """What stands at `answer` in the answer of one row is at `request` in a later one.

        Rows count from 0 in the order of the trace, as `rows` does.
        """
        self.links.add(from_row, to_row, answer, request)

    def add(self, line: int, entry: Entry) -> None:
        event, json_body, client, coarse, body_unknown, inferred, _ = entry
        if event.ts_ns is not None and not self._timeline.is_anchored:
            self._anchor(event.ts_ns)
        ts_ns = self._timeline.time_of(event.ts_ns, event.delay_ms)
        authority, target = _split(event.url)
        lines = header_lines(event.headers)
        if json_body is not None and not has_content_type(lines):
            lines += CONTENT_TYPE_JSON
        self.add_request(
            line,
            ts_ns,
            event.method,
            authority,
            target,
            event.user,
            event.session,
            event.service,
            lines,
            event.body if json_body is None else json_body,
            event.status,
            event.wait_ms,
            client,
            coarse | inferred << 1,
            event.ts_ns is not None,
        )
        self._timeline.reach(ts_ns)
        self.tally.bodies_unknown += body_unknown

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
        absolute: bool = True,
    ) -> None:
        if absolute:
            timeline = self._timeline
            if not timeline.is_anchored:
                self._anchor(ts_ns)
            timeline.now_ns = ts_ns
        host, route, target = self.places.locate(authority, service, method, target)
        size = len(body)
        if size:
            self._bodies += 1
            self._body_bytes += size
            if size > self._largest_body:
                self._largest_body = size
        length = f"Content-Length: {size}\r\n" if size or method in LENGTH_EXPECTED else ""
        head = f"{method} {target} HTTP/1.1\r\n{lines}{length}\r\n".encode("ascii")
        if wait_ms is None:
            wait_us = UNKNOWN_WAIT
        else:
            wait_us = int(wait_ms * 1_000) if wait_ms < _MAX_WAIT_MS else UNKNOWN_WAIT - 1
        # Who it was: by name, else by session, else by client; key 0 is a user of one request.
        if user is not None:
            names = self._names
            key = names.users.get(user) or names.new_user(user)
        elif session is not None:
            names = self._names
            key = names.sessions.get(session) or names.new_session(session)
            marks |= SESSION
        elif client is not None:
            key = hash(client) ^ CLIENT_SALT
            marks |= CLIENT
        else:
            key = 0
        self._rows.append(
            pack_row(
                ts_ns,
                key,
                0 if session is None else hash(session) ^ SESSION_SALT,
                len(head) + size,
                wait_us,
                len(method) + len(target) + LINE_AROUND,
                host,
                route,
                status or 0,
                marks,
            )
        )
        blob = self._blob
        blob += head
        blob += body
        if len(blob) >= _BLOB_HELD:
            self.spill()

    def spill(self) -> None:
        """Write out what is held."""
        self._writer.append_bytes(ROWS, b"".join(self._rows))
        self.tally.used += len(self._rows)
        self._spilled += len(self._rows)
        self._rows.clear()
        self._writer.append_bytes(BLOB, self._blob)
        self.blob_size += len(self._blob)
        self._blob.clear()
        self._names.spill(self._writer)
        self.links.spill(self._writer)

    def close(self) -> None:
        """Write out everything, and let the caches go."""
        self.spill()
        self._names.spill(self._writer, everything=True)
        self._names = Names()

    def part(self) -> Part:
        """What was spilled, for `arrange`."""
        return Part(self._writer.path, lead_rows=self.lead_rows, lead_ns=self._timeline.lead_ns)

    def _anchor(self, ts_ns: int) -> None:
        """Rows read so far have only delays: the last of them moves to where this stamp is."""
        self._timeline.anchor(ts_ns)
        self.lead_rows = self.rows


def _split(url: str) -> tuple[str, str]:
    """Authority ("" for a path) and target of a URL."""
    if url[0] == "/" and "#" not in url:
        return "", url
    if url == "*":
        raise EventError("asterisk target")
    return split_url(url)
