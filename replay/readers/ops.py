"""OPS events: NDJSON with one object a line, or one object (also pretty-printed) a file.

Two ways lead through here and give equal results (a property test says so). `parse_entry` goes
through `switchboard.event.parse_event`, which defines what an event may say. `FastOps` takes the
common shape of an event apart in place and hands anything else to the first way: it is what lets
a core read more than 100,000 events a second.
Read next: `switchboard/event.py`, `entry.py`.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from replay.heads import CONTENT_TYPE_JSON, HeaderCache, has_content_type
from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.source import MAX_LINE, OVERLONG, Source
from switchboard.event import (
    EARLIEST_NS,
    LATEST_NS,
    MAX_MS,
    EventError,
    parse_event,
    parse_ts,
)
from switchboard.routes import split_url

NOT_JSON: Final = "not JSON"
_JSON_LINE: Final = "\nContent-Type: application/json\r"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HELD: Final = 4_096
_STEPS: Final[dict[int, int]] = {digits: 10 ** (9 - digits) for digits in (3, 6, 9)}
"""Nanoseconds of the last digit of a fraction of a second, by how many digits it has."""


def read_ops(lines: Source, sink: Sink) -> None:
    """Every line becomes a request for the sink, or a skip with its reason."""
    whole = _whole_object(lines)
    if whole is not None:
        _take_whole(sink, *whole)
        return
    loads = orjson.loads
    fast = FastOps(sink)
    for first, batch in lines.batches():
        for number, line in enumerate(batch, first):
            try:
                value = loads(line)  # type: ignore[arg-type]  # None is a JSONDecodeError too
            except orjson.JSONDecodeError:
                sink.skip(number, _why_not_json(line))
                continue
            try:
                if not fast.take(number, value):
                    sink.add(number, parse_entry(value))
            except EventError as error:
                sink.skip(number, error.reason, _gap_ms(value))


class FastOps:
    """Reads events of the common shape without making an Event of each."""

    def __init__(self, sink: Sink) -> None:
        self._add = sink.add_request
        self._headers = HeaderCache()
        self._seconds: dict[str, int] = {}
        self._authorities: dict[str, str] = {}

    def take(self, line: int, value: Any) -> bool:  # noqa: C901  # flat because it is hot
        """Hand the event to the sink. False, and nothing done, when it needs a closer look.

        Raises EventError as the sink does.
        """
        if type(value) is not dict:
            return False
        get = value.get
        ts, method, url = get("ts"), get("method"), get("url")
        if type(method) is not str or type(url) is not str:
            return False
        if type(ts) is str:
            second = self._seconds.get(ts[:19])
            if second is None:
                return self._learn_second(ts)
            digits = ts[20:-1] if ts[-1] == "Z" else ts[20:-6] if ts[-6:] == "+00:00" else ""
            step = _STEPS.get(len(digits))
            if step is None or ts[19] != "." or not (digits.isdigit() and digits.isascii()):
                return False
            stamp = second + int(digits) * step
        elif type(ts) is int and EARLIEST_NS <= ts < LATEST_NS:
            stamp = ts
        else:
            return False
        if url[:1] == "/":
            authority, target = "", url
        else:
            cut = url.find("/", 8)
            known = self._authorities.get(url[:cut])
            if known is None or cut < 0:
                return self._learn_authority(url, cut)
            authority, target = known, url[cut:]
        if not (target.isascii() and target.isprintable()) or " " in target or "#" in target:
            return False
        user, session, service = get("user"), get("session"), get("service")
        try:
            # As a rule all three are plain texts, and one look at them together is enough.
            together: Any = user + session + service  # type: ignore[operator]
            if not together.isprintable() or not (user and session and service):
                return False
        except (TypeError, AttributeError):
            if not _are_names(user, session, service):
                return False
        status, wait = get("status"), get("wait_ms")
        if status is not None and (type(status) is not int or not 100 <= status <= 999):
            return False
        if wait is not None and (
            (type(wait) is not float and type(wait) is not int) or not 0 <= wait <= MAX_MS
        ):
            return False
        if method not in _METHODS or "delay" in value or "body_b64" in value:
            return False
        headers, body = get("headers"), get("body")
        lines = "" if headers is None else self._headers.lines(headers)
        if lines is None:
            return False
        if body is None:
            data = b""
        elif type(body) is str:
            data = body.encode()
        else:
            data = _encode(body)
            if not (_JSON_LINE in lines or has_content_type(lines)):
                lines += CONTENT_TYPE_JSON
        self._add(
            line,
            stamp,
            method,
            authority,
            target,
            user,
            session,
            service,
            lines,
            data,
            status,
            wait,
        )
        return True

    def _learn_second(self, ts: str) -> bool:
        """Remember the second of a stamp that `parse_ts` accepts; its event goes the long way."""
        try:
            stamp = parse_ts(f"{ts[:19]}Z")
        except EventError:
            return False
        if len(self._seconds) >= _HELD:
            self._seconds.clear()
        self._seconds[ts[:19]] = stamp
        return False

    def _learn_authority(self, url: str, cut: int) -> bool:
        """Remember the host of a URL that `parse_event` accepts; its event goes the long way."""
        root = url[:cut]
        if cut < 0 or "?" in root or "#" in root:
            return False
        try:
            known = parse_event({"delay": 0, "method": "GET", "url": root})
        except EventError:
            return False
        if len(self._authorities) >= _HELD:
            self._authorities.clear()
        self._authorities[root] = split_url(known.url)[0]
        return False


def _are_names(*names: object) -> bool:
    """True when each is None or a plain text; anything else is looked at more closely."""
    return all(
        name is None or (isinstance(name, str) and name != "" and name.isprintable())
        for name in names
    )


def _take_whole(sink: Sink, number: int, value: Any) -> None:
    try:
        sink.add(number, parse_entry(value))
    except EventError as error:
        sink.skip(number, error.reason, _gap_ms(value))


def _gap_ms(value: Any) -> float:
    """The delay of an event that is skipped: what follows still stands that much later."""
    delay = value.get("delay") if type(value) is dict and value.get("ts") is None else None
    if type(delay) is not float and type(delay) is not int:
        return 0.0
    return delay if 0 < delay <= MAX_MS else 0.0


def parse_entry(value: Any) -> Entry:
    """The entry of one decoded object. Raises EventError with a short reason."""
    if type(value) is not dict:
        raise EventError("not an object")
    if type(value.get("method")) in (list, dict):  # cannot even be looked up
        raise EventError("bad method")
    # What was answered is of no use to a tape, and JSON bodies are encoded in one way only.
    needed = {k: v for k, v in value.items() if k not in ("response_body", "response_headers")}
    body = needed.get("body")
    if body is None or type(body) is str or needed.get("body_b64") is not None:
        return Entry(parse_event(needed))
    del needed["body"]
    return Entry(parse_event(needed), _encode(body))


def _encode(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # deeper than orjson goes
        try:
            return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise EventError("bad body") from None


def _why_not_json(line: bytes | None) -> str:
    if line is None:
        return OVERLONG
    return NOT_JSON if line.strip() else "blank line"


def _whole_object(lines: Source) -> tuple[int, Any] | None:
    """The one object that a file holds over several lines, and the line it starts on."""
    head = lines.head()
    start = head.lstrip()
    if not start.startswith(b"{") or _is_json(start.split(b"\n", 1)[0]):
        return None
    text = lines.whole(MAX_LINE)
    try:
        value = orjson.loads(text) if text is not None else None
    except orjson.JSONDecodeError:
        return None
    return (head[: len(head) - len(start)].count(b"\n") + 1, value) if value is not None else None


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _recognises(head: Head) -> bool:
    """A line that is an object; or a pretty-printed one, or one too long to be seen whole."""
    return bool(head.objects) or (bool(head.lines) and head.lines[0].lstrip().startswith(b"{"))


OPS: Final = Format(
    "ops",
    "OPS events (NDJSON, one JSON object a line or a file)",
    START,
    _recognises,
    read_ops,
)
