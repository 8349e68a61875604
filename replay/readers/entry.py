"""What a reader hands over for one entry: an event and what only the reader knows of it.

A reader is a function `read_x(source, sink)`: for every entry of the file it calls `sink.add` or
`sink.skip`, exactly once, so that the account adds up. Between a reader and the tape there may be
other sinks, each of which does one thing to what passes: see `through.py`.
Read next: `ops.py`, the plainest reader.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from switchboard.event import Event

COARSE: Final = 1
"""A mark of `add_request`: the stamp has one-second steps."""
INFERRED: Final = 2
"""A mark of `add_request`: `client` is a guess at who it was, so a long silence ends a session."""


class Entry(NamedTuple):
    """One usable entry of a trace."""

    event: Event
    json_body: bytes | None = None
    """A body that was recorded as JSON, encoded; it takes the place of `event.body`."""
    client: str | None = None
    """Tells clients apart where the event names no user: an address and a user agent, say, or a
    connection. It never lands in a tape."""
    coarse: bool = False
    """The stamp has one-second steps: requests are spread inside their second."""
    body_unknown: bool = False
    """The request had a body of which nothing was recorded."""
    inferred: bool = False
    """`client` is a guess at who it was: a long silence ends a session."""
    connection: str | None = None
    """The TCP connection that the request came on, where the format says so."""


class Sink(Protocol):
    """Takes what a reader found, entry by entry.

    line: where in the file the entry stands: a line, or its number where a format has no lines.
    """

    @property
    def needs_whole(self) -> bool:
        """Every entry must come through `add`: somebody on the way looks at all of the event."""

    def add(self, line: int, entry: Entry) -> None:
        """A usable entry. Raises EventError when it turns out not to be replayable."""

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
        """A usable entry that its reader has taken apart already; raises EventError as `add` does.

        target: visible ASCII without a fragment. lines: header lines that are safe to send.
        client: as in `Entry`. marks: `COARSE` and `INFERRED`, added up.
        """

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        """An entry that cannot be used; the reason is short and stable.

        gap_ms: its delay, where delays add up, so that the entries after it keep their times.
        """

    def note(self, text: str, count: int = 0) -> None:
        """Something a person should know of how entries were read; counted by its text.

        text: short and stable, with nothing of the trace in it.
        count: how often; 0 where a number says nothing.
        """
