"""The lines that make up nearly all of an access log, taken apart without an Event of each.

Floor 1. `take` knows one shape: `address - - [stamp] "request" status bytes "referer" "agent"`
without an escape in it. Anything else it leaves to `access_log.parse_line`, and so it does with
whatever it meets for the first time: what it then remembers are the answers of that way, so the
two cannot differ (a property test says so too).
Read next: `access_log.py`.
"""

from __future__ import annotations

from typing import Final

from replay.readers.entry import Sink
from replay.readers.logged import HAS_BODY, split_request
from replay.readers.stamps import ClfCache
from switchboard.credentials import header_lines
from switchboard.event import EventError, parse_event

_COARSE_INFERRED: Final = 3
"""The marks of a row: `Entry.coarse` and `Entry.inferred`."""
_HELD: Final = 8_192
_HELD_LENGTH: Final = 400
_ADDRESS_BYTES: Final = b"0123456789abcdefABCDEF.:"


class FastAccessLog:
    """Hands lines of the common shape to a sink."""

    def __init__(self, sink: Sink) -> None:
        self._add = sink.add_request
        self._stamp = ClfCache().find
        self._requests: dict[bytes, tuple[str, str]] = {}
        self._agents: dict[bytes, str] = {}
        self._statuses: dict[bytes, int] = {b"%d" % code: code for code in range(100, 1_000)}

    def take(self, line: int, text: bytes | None) -> bool:
        """Hand the line over. False, and nothing done, when it needs a closer look.

        Raises EventError as the sink does.
        """
        if text is None or b"\\" in text or not text.isascii():
            return False
        parts = text.split(b'"')
        if len(parts) != 7 or parts[4] != b" " or parts[6] not in (b"", b"\r"):
            return False
        before, agent = parts[0], parts[5]
        # `address - - [stamp] `: the stamp without a fraction is 26 bytes long.
        address = before[:-34]
        if before[-34:-28] != b" - - [" or before[-2:] != b"] " or address == b"-":
            return False
        if address.translate(None, _ADDRESS_BYTES) or not address:
            return False
        result = parts[2]
        status = self._statuses.get(result[1:4])
        size = result[5:-1]
        if status is None or result[:1] + result[4:5] + result[-1:] != b"   ":
            return False
        if size != b"-" and not size.isdigit():
            return False
        request = self._requests.get(parts[1]) or self._learn_request(parts[1])
        lines = self._agents.get(agent)
        if lines is None:
            lines = self._learn_agent(agent)
        stamp = self._stamp(before[-28:-2])
        if request is None or stamp is None:
            return False
        self._add(
            line,
            stamp,
            request[0],
            "",
            request[1],
            None,
            None,
            None,
            lines,
            b"",
            status,
            None,
            f"{address.decode()}\0{'' if agent == b'-' else agent.decode()}",
            _COARSE_INFERRED,
        )
        return True

    def _learn_request(self, text: bytes) -> tuple[str, str] | None:
        """Method and target of a plain request line, remembered."""
        try:
            method, target = split_request(text.decode("ascii"))
            event = parse_event({"delay": 0, "method": method, "url": target})
        except EventError:
            return None
        known = (event.method, event.url)
        if event.url[:1] != "/" or "#" in event.url or event.method in HAS_BODY:
            return None
        if len(text) <= _HELD_LENGTH:
            if len(self._requests) >= _HELD:
                self._requests.clear()
            self._requests[text] = known
        return known

    def _learn_agent(self, text: bytes) -> str:
        """The header line of a user agent, remembered."""
        agent = text.decode("ascii")
        lines = header_lines((("user-agent", agent),)) if agent not in ("", "-") else ""
        if len(text) <= _HELD_LENGTH:
            if len(self._agents) >= _HELD:
                self._agents.clear()
            # Only what is kept is remembered: a secret must not live on in a cache.
            if lines or agent in ("", "-"):
                self._agents[text] = lines
        return lines
