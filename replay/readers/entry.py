"""What a reader hands over for one line: an event and what only the reader knows of it.

A reader is a function `read_x(lines, sink)`: for every line it calls `sink.add` or `sink.skip`,
exactly once, so that the account adds up. Read next: `ops.py`, the plainest reader.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from switchboard.event import Event


class Entry(NamedTuple):
    """One usable entry of a trace."""

    event: Event
    json_body: bytes | None = None
    """A body that was recorded as JSON, encoded; it takes the place of `event.body`."""
    client: str | None = None
    """Tells clients apart where the event names no user. It never lands in a tape."""
    coarse: bool = False
    """The stamp has one-second steps, and users are inferred: split sessions at idle gaps."""
    body_unknown: bool = False
    """The request had a body of which nothing was recorded."""


class Sink(Protocol):
    """Takes what a reader found, line by line."""

    def add(self, entry: Entry) -> None:
        """A usable entry. Raises EventError when it turns out not to be replayable."""

    def add_request(
        self,
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
    ) -> None:
        """A usable entry that its reader has taken apart already; raises EventError as `add` does.

        target: visible ASCII without a fragment. lines: header lines that are safe to send.
        """

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        """An entry that cannot be used; the reason is short and stable.

        gap_ms: its delay, where delays add up, so that the entries after it keep their times.
        """
