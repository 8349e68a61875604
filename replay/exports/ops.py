"""Events as OPS events: NDJSON, one object a line, with everything an event holds.

Read next: `switchboard/event.py` (what an event is on a line), `replay/readers/ops.py`.
"""

from __future__ import annotations

from time import gmtime, strftime

import orjson

from replay.exports.out import Out
from replay.readers.source import MAX_LINE, OVERLONG
from switchboard.event import NS_PER_S, Event, EventError, event_to_json, parse_event


class OpsWriter:
    """Writes events to `out`, their stamp as RFC 3339; `rows` is how many it has accepted."""

    def __init__(self, out: Out) -> None:
        self.rows = 0
        self._out = out
        self._second = -1
        self._stamp = ""

    def write(self, event: Event) -> None:
        """Write the event. Raises EventError for what would not be read as the same event."""
        if event.ts_ns is None:
            raise EventError("no ts")
        rest = event_to_json(event._replace(ts_ns=None))
        line = f'{{"ts":"{self._stamp_of(event.ts_ns)}",{rest[1:]}\n'.encode("ascii")
        _check(event, line)
        self._out.write(line)
        self.rows += 1

    def close(self) -> None:
        """Nothing is held back."""

    def _stamp_of(self, ts_ns: int) -> str:
        """The stamp with nine digits; most share their second with the one before."""
        second, fraction = divmod(ts_ns, NS_PER_S)
        if second != self._second:
            self._stamp = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
            self._second = second
        return f"{self._stamp}.{fraction:09d}Z"


def _check(event: Event, line: bytes) -> None:
    """Raises EventError unless the line says what the event says."""
    if len(line) > MAX_LINE:
        raise EventError(OVERLONG)
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:  # not a number, half of a character, too deep
        raise EventError("not JSON") from None
    if parse_event(value) != event:
        raise EventError("not an OPS event")
