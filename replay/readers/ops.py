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

from replay.building.heads import CONTENT_TYPE_JSON, HeaderCache, has_content_type
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
LATIN1: Final = "lines that are not UTF-8 were read as Latin-1"
_JSON_LINE: Final = "\nContent-Type: application/json\r"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NUMBERS: Final = frozenset({int, float})
_ANSWER: Final = frozenset({"response_headers", "response_body", "response_body_b64"})
_HELD: Final = 4_096
_STEPS: Final[dict[int, int]] = {digits: 10 ** (9 - digits) for digits in (3, 6, 9)}
"""Nanoseconds of the last digit of a fraction of a second, by how many digits it has."""


def read_ops(lines: Source, sink: Sink) -> None:
    """Every line becomes a request for the sink, or a skip with its reason."""
    reader = FastOps(sink)
    whole = _whole_object(lines, sink)
    if whole is not None:
        _take_whole(sink, *whole)
        return
    loads, take = orjson.loads, reader.take
    needs_whole = sink.needs_whole
    for first, batch in lines.batches():
        for number, line in enumerate(batch, first):
            try:
                value = loads(line)  # type: ignore[arg-type]  # None is a JSONDecodeError too
            except orjson.JSONDecodeError:
                _take_odd(sink, number, line)
                continue
            try:
                if needs_whole or not take(number, value):
                    sink.add(number, parse_entry(value))
            except EventError as error:
                sink.skip(number, error.reason, _gap_ms(value))


def _take_odd(sink: Sink, number: int, line: bytes | None) -> None:
    """A line that is no JSON as it stands: in Latin-1 it may be."""
    value = _read_latin1(line or b"")
    if value is None:
        sink.skip(number, _why_not_json(line))
        return
    sink.note(LATIN1, 1)
    _take_whole(sink, number, value)


def _take_whole(sink: Sink, number: int, value: Any) -> None:
    try:
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
        url, user, session, service = get("url"), get("user"), get("session"), get("service")
        if type(url) is not str:
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
        if user is not None and not (type(user) is str and user and user.isprintable()):
            return False
        if session is not None and not (type(session) is str and session and session.isprintable()):
            return False
        if service is not None and not (type(service) is str and service and service.isprintable()):
            return False
        stamp = self._stamp(get("ts"))
        if not stamp or not _is_plain(value):
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
            line, stamp, value["method"], authority, target, user, session, service, lines, data,
            get("status"), get("wait_ms"),
        )  # fmt: skip
        return True

    def _stamp(self, ts: Any) -> int:
        """Nanoseconds since 1970; 0 for what needs a closer look."""
        if type(ts) is not str:
            return ts if type(ts) is int and EARLIEST_NS <= ts < LATEST_NS else 0
        second = self._seconds.get(ts[:19])
        if second is None:
            return self._learn_second(ts)
        digits = ts[20:-1] if ts[-1] == "Z" else ts[20:-6] if ts[-6:] == "+00:00" else ""
        step = _STEPS.get(len(digits))
        if step is None or ts[19] != "." or not (digits.isdigit() and digits.isascii()):
            return 0
        return second + int(digits) * step

    def _learn_second(self, ts: str) -> int:
        """Remember the second of a stamp that `parse_ts` accepts; its event goes the long way."""
        try:
            stamp = parse_ts(f"{ts[:19]}Z")
        except EventError:
            return 0
        if len(self._seconds) >= _HELD:
            self._seconds.clear()
        self._seconds[ts[:19]] = stamp
        return 0

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


def _is_plain(value: dict[str, Any]) -> bool:
    """Method, status and wait are such as most events have, and no rarer key stands beside them."""
    get = value.get
    method, status, wait = get("method"), get("status"), get("wait_ms")
    return (
        type(method) is str
        and method in _METHODS
        and (status is None or (type(status) is int and 100 <= status <= 999))
        and (wait is None or (type(wait) in _NUMBERS and 0 <= wait <= MAX_MS))
        and "delay" not in value
        and "body_b64" not in value
        # Who looks for what comes back of an answer is to see all of it.
        and "response_body" not in value
        and "response_headers" not in value
        and "response_body_b64" not in value
    )


def _gap_ms(value: Any) -> float:
    """The delay of an event that is skipped: what follows still stands that much later."""
    delay = value.get("delay") if type(value) is dict and value.get("ts") is None else None
    if type(delay) is not float and type(delay) is not int:
        return 0.0
    return delay if 0 < delay <= MAX_MS else 0.0


def parse_entry(value: Any) -> Entry:
    """The entry of one decoded object. Raises EventError with a short reason.

    An answer that cannot be read is left out: it costs no request.
    """
    if type(value) is not dict:
        raise EventError("not an object")
    if type(value.get("method")) in (list, dict):  # cannot even be looked up
        raise EventError("bad method")
    try:
        return _parse_whole(value)
    except EventError as error:
        if not error.reason.startswith("bad response"):
            raise
    return _parse_whole({k: v for k, v in value.items() if k not in _ANSWER})


def _parse_whole(value: dict[str, Any]) -> Entry:
    body = value.get("body")
    if body is None or type(body) is str or value.get("body_b64") is not None:
        return Entry(parse_event(value))
    # JSON bodies are encoded in one way only.
    return Entry(parse_event({k: v for k, v in value.items() if k != "body"}), _encode(body))


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


def _whole_object(lines: Source, sink: Sink) -> tuple[int, Any] | None:
    """The one object that a file holds over several lines, and the line it starts on."""
    head = lines.head()
    start = head.lstrip()
    if not start.startswith(b"{") or _read_json(start.split(b"\n", 1)[0])[0] is not None:
        return None
    text = lines.whole(MAX_LINE)
    value, is_latin1 = _read_json(text or b"")
    if value is None:
        return None
    if is_latin1:
        sink.note(LATIN1, 1)
    return head[: len(head) - len(start)].count(b"\n") + 1, value


def _read_json(text: bytes) -> tuple[Any, bool]:
    """What a text in JSON says, None when it is no JSON; and whether it is in Latin-1."""
    try:
        return orjson.loads(text), False
    except orjson.JSONDecodeError:
        return _read_latin1(text), True


def _read_latin1(text: bytes) -> Any:
    """What a text says that is not UTF-8 and is JSON in Latin-1; else None."""
    try:
        text.decode()
    except UnicodeDecodeError:
        try:
            return orjson.loads(text.decode("latin-1"))
        except orjson.JSONDecodeError:
            return None
    return None


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
