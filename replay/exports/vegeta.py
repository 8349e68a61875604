"""Requests as vegeta's JSON targets, and their times in a second file.

vegeta knows no times and no users: the times go into a file of their own, one integer a line, and
user, session and service into `X-Esr-*` headers; our reader puts both back. vegeta itself sends
those headers along, and needs to know the host of every URL: one without a host goes to localhost,
and what it was goes into a header too.
Not held: answers, unknown keys, and how headers of different names were mixed: headers of one name
stand together.
Read next: `replay/readers/vegeta_json.py`, which reads both files.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson

from replay.exports.out import Out
from replay.readers.carried import STAND_IN, carry, is_carrier
from replay.readers.source import MAX_LINE, OVERLONG
from switchboard.event import Event, EventError, parse_event
from switchboard.headers import is_token


class VegetaWriter:
    """Writes targets to `out` and their times to `times`; `rows` is how many it has accepted."""

    def __init__(self, out: Out, times: Out | None = None) -> None:
        self.rows = 0
        self._out = out
        self._times = times

    def write(self, event: Event) -> None:
        """Write the request. Raises EventError for what vegeta could not send."""
        if event.ts_ns is None:
            raise EventError("no ts")
        line = _encode(_target(event))
        self._out.write(line + b"\n")
        if self._times is not None:
            self._times.write(b"%d\n" % event.ts_ns)
        self.rows += 1

    def close(self) -> None:
        """Nothing is held back."""


def _target(event: Event) -> dict[str, Any]:
    if event.url == "*":
        raise EventError("url without a host")
    has_host = event.url[:1] != "/"
    fields = ("method", "url", "user", "session", "service")
    parse_event({"delay": 0, **{name: getattr(event, name) for name in fields}})
    url = event.url if has_host else f"{STAND_IN}{event.url}"
    target: dict[str, Any] = {"method": event.method, "url": url}
    if event.body:
        target["body"] = b64encode(event.body).decode("ascii")
    headers: dict[str, list[str]] = {}
    own = [pair for pair in event.headers if not is_carrier(pair[0])]
    for name, value in (*own, *carry(event, with_url=not has_host)):
        if not is_token(name) or any(char in value for char in "\r\n\0"):
            raise EventError("bad header")
        headers.setdefault(name, []).append(value)
    if headers:
        target["header"] = headers
    return target


def _encode(target: dict[str, Any]) -> bytes:
    try:
        line = orjson.dumps(target)
    except orjson.JSONEncodeError:  # half of a character
        raise EventError("bad header") from None
    if len(line) > MAX_LINE:
        raise EventError(OVERLONG)
    return line
