"""The sink of the readers: entries in, rows and request bytes out to disk, a batch at a time.

What an entry means in time is decided here: an absolute stamp counts, and a delay counts from the
entry before, whatever file that was in. Read next: `places.py`, `people.py` and `heads.py`, which
give a row its numbers; `arrange.py`, which turns what was spilled into columns.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from replay.account import Tally
from replay.arrange import MOVED, SPILLED, Leading
from replay.heads import CONTENT_TYPE_JSON, has_content_type, request_head
from replay.people import NONE, UserRefs
from replay.places import Places
from replay.readers.entry import Entry
from replay.tape import BLOB, UNKNOWN_WAIT, TapeWriter
from switchboard.credentials import header_lines
from switchboard.event import LATEST_NS, Event, EventError
from switchboard.routes import split_url

_ROW: Final = np.dtype(
    [
        ("time", "<i8"),
        ("user", "<u4"),
        ("session", "<u4"),
        ("length", "<u4"),
        ("wait_us", "<u4"),
        ("split", "<u2"),
        ("host", "<u2"),
        ("route", "<u2"),
        ("status", "<u2"),
        ("marks", "u1"),
    ]
)
_pack_row: Final = struct.Struct("<qIIIIHHHHB").pack
_MAX_WAIT_MS: Final = (UNKNOWN_WAIT - 1) / 1_000
_BLOB_HELD: Final = 1 << 20


class Rows:
    """Takes entries, and spills rows and request bytes through a tape's writer."""

    def __init__(self, writer: TapeWriter, tally: Tally) -> None:
        self.tally = tally
        self.file = ""
        """The name of the file that is being read, for the account."""
        self.places = Places()
        self.blob_size = 0
        self.is_anchored = False
        """An absolute stamp has been seen."""
        self.leading = Leading(0, 0)
        self._writer = writer
        self._people = UserRefs()
        self._rows: list[bytes] = []
        self._blob = bytearray()
        self._now_ns = 0

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.tally.skip(self.file, line, reason)
        later = self._now_ns + int(gap_ms * 1e6)
        if later < LATEST_NS:
            self._now_ns = later

    needs_whole = False

    def add(self, line: int, entry: Entry) -> None:
        event, json_body, client, coarse, body_unknown, inferred, _ = entry
        ts_ns = self._time_of(event)
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
        self._now_ns = ts_ns
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
            if not self.is_anchored:
                self._anchor(ts_ns)
            self._now_ns = ts_ns
        host, route, target = self.places.locate(authority, service, method, target)
        head, split = request_head(method, target, lines, len(body))
        if wait_ms is None:
            wait_us = UNKNOWN_WAIT
        else:
            wait_us = int(wait_ms * 1_000) if wait_ms < _MAX_WAIT_MS else UNKNOWN_WAIT - 1
        people = self._people
        self._rows.append(
            _pack_row(
                ts_ns,
                people.user(user, session, client),
                NONE if session is None else people.session(session),
                len(head) + len(body),
                wait_us,
                split,
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
        rows = np.frombuffer(b"".join(self._rows), _ROW)
        for name in SPILLED:
            self._writer.append_bytes(f"{name}.spill", np.ascontiguousarray(rows[name]).data)
        for name in MOVED:
            self._writer.append(name, rows[name])
        self.tally.used += len(self._rows)
        self._rows.clear()
        self._writer.append_bytes(BLOB, self._blob)
        self.blob_size += len(self._blob)
        self._blob.clear()
        self._people.spill(self._writer)

    def close(self) -> None:
        """Write out everything, and let the caches go."""
        self.spill()
        self._people.spill(self._writer, everything=True)
        self._people = UserRefs()

    def _anchor(self, ts_ns: int) -> None:
        """Rows read so far have only delays: the last of them moves to where this stamp is."""
        self.is_anchored = True
        self.leading = Leading(self.tally.used + len(self._rows), ts_ns - self._now_ns)

    def _time_of(self, event: Event) -> int:
        """An absolute time is kept even if the event is skipped later; a delay by `skip`."""
        if event.ts_ns is not None:
            if not self.is_anchored:
                self._anchor(event.ts_ns)
            self._now_ns = event.ts_ns
            return event.ts_ns
        now = self._now_ns + int((event.delay_ms or 0) * 1e6)
        if now >= LATEST_NS:
            raise EventError("delays add up past the year 2100")
        return now


def _split(url: str) -> tuple[str, str]:
    """Authority ("" for a path) and target of a URL."""
    if url[0] == "/" and "#" not in url:
        return "", url
    if url == "*":
        raise EventError("asterisk target")
    return split_url(url)
