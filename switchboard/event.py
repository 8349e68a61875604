"""The OPS event: one recorded request, and its one-line JSON form, both ways.

Floor 0. This is the only format that proxy and replay share. `parse_event` runs once for every
line of a log, so it is written flat: the common case is a handful of C calls.
Read next: `routes.py` (what a URL is called), `credentials.py` (what of an event may be sent on).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from calendar import timegm
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from switchboard.headers import is_token

KNOWN_KEYS: Final = frozenset(
    {
        "ts",
        "delay",
        "method",
        "url",
        "user",
        "session",
        "service",
        "headers",
        "body",
        "body_b64",
        "status",
        "wait_ms",
        "response_headers",
        "response_body",
        "response_body_b64",
    }
)
NS_PER_S: Final = 1_000_000_000
EARLIEST_NS: Final = 631_152_000 * NS_PER_S
"""1990-01-01: an earlier stamp is a number of seconds or milliseconds taken for nanoseconds."""
LATEST_NS: Final = 4_102_444_800 * NS_PER_S
"""2100-01-01: a later one would stretch a replay for ever."""
MAX_MS: Final = 366 * 86_400_000.0
"""The longest `delay` or `wait_ms` that is believed: a year."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_SECONDS_CACHE: Final = 4_096
_seconds: dict[str, int] = {}


class EventError(ValueError):
    """An event that cannot be used; `reason` is short and stable, so skips can be counted by it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Event(NamedTuple):
    """One recorded request, as `parse_event` makes it.

    A named tuple because it is built once for every line of a log: a frozen dataclass of this
    many fields costs three times as much to make.
    """

    ts_ns: int | None
    """Nanoseconds since 1970, UTC."""
    delay_ms: float | None
    """Milliseconds since the previous event of the file; counts only where there is no `ts_ns`."""
    method: str
    url: str
    """A path, or an absolute http(s) URL; visible ASCII only."""
    user: str | None = None
    session: str | None = None
    service: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int | None = None
    wait_ms: float | None = None
    response_headers: tuple[tuple[str, str], ...] = ()
    response_body: bytes | None = None
    extra: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        """Says what kind of request it is; never a header, a body, a user or a query."""
        path = self.url.partition("?")[0].rpartition("@")[2]
        return f"<Event {self.method} {path[:80]} {len(self.headers)} headers {len(self.body)} B>"


def parse_event(mapping: Mapping[str, Any]) -> Event:
    """The event in a decoded JSON object. Raises EventError with a short reason."""
    if not isinstance(mapping, dict):
        raise EventError("not an object")
    get = mapping.get
    ts, delay, status, wait = get("ts"), get("delay"), get("status"), get("wait_ms")
    method, url = get("method"), get("url")
    user, session, service = get("user"), get("session"), get("service")
    headers, answered = get("headers"), get("response_headers")
    return Event(
        parse_ts(ts) if ts is not None else None,
        _duration(delay, "delay") if delay is not None or ts is None else None,
        method if type(method) is str and method in _METHODS else _method(method),
        url if type(url) is str and url[:1] == "/" and _is_visible(url) else _url(url),
        _name(user, "user") if user is not None else None,
        _name(session, "session") if session is not None else None,
        _name(service, "service") if service is not None else None,
        _headers(headers, "headers") if headers else (),
        _body(get("body"), get("body_b64"), "body") or b"",
        status if status is None or (type(status) is int and 100 <= status <= 999) else _status(),
        _duration(wait, "wait") if wait is not None else None,
        _headers(answered, "response_headers") if answered else (),
        _body(get("response_body"), get("response_body_b64"), "response_body"),
        {} if mapping.keys() <= KNOWN_KEYS else _extra(mapping),
    )


def event_to_json(event: Event) -> str:
    """The event on one line; reading it back with `parse_event` gives an equal event."""
    line: dict[str, Any] = {
        "ts": event.ts_ns,
        "delay": event.delay_ms,
        "method": event.method,
        "url": event.url,
        "user": event.user,
        "session": event.session,
        "service": event.service,
        "headers": _headers_out(event.headers) or None,
        **_body_out("body", event.body or None),
        "status": event.status,
        "wait_ms": event.wait_ms,
        "response_headers": _headers_out(event.response_headers) or None,
        **_body_out("response_body", event.response_body),
    }
    kept = {key: value for key, value in line.items() if value is not None}
    return json.dumps({**kept, **event.extra}, separators=(",", ":"))


def parse_ts(value: object) -> int:
    """Epoch nanoseconds of an RFC 3339 text or of an integer that already is that."""
    if type(value) is int:
        stamp = value
    elif type(value) is str and value.isascii():
        stamp = _parse_rfc3339(value)
    else:
        raise EventError("bad ts")
    if not EARLIEST_NS <= stamp < LATEST_NS:
        raise EventError("ts outside 1990..2100")
    return stamp


def _parse_rfc3339(text: str) -> int:
    # Most stamps of a log share their second with the one before, so the calendar part is kept.
    stamp = _seconds.get(text[:19])
    if stamp is None:
        stamp = _calendar_ns(text[:19])
    tail = text[19:]
    if tail[-1:] in ("Z", "z"):
        tail = tail[:-1]
    else:
        stamp -= _offset_ns(tail[-6:])
        tail = tail[:-6]
    if not tail:
        return stamp
    digits = tail[1:]
    if tail[0] != "." or not digits.isdigit() or len(digits) > 30:
        raise EventError("bad ts")
    return stamp + int(digits[:9].ljust(9, "0"))


def _calendar_ns(text: str) -> int:
    """Nanoseconds of `YYYY-MM-DDTHH:MM:SS`, checked; second 60 (a leap second) is the next one."""
    parts = (text[0:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19])
    marks = text[4:5] + text[7:8] + text[10:11].upper() + text[13:14] + text[16:17]
    if len(text) != 19 or marks not in ("--T::", "-- ::") or not "".join(parts).isdigit():
        raise EventError("bad ts")
    year, month, day, hour, minute, second = map(int, parts)
    if not (1 <= month <= 12 and hour < 24 and minute < 60 and second <= 60):
        raise EventError("bad ts")
    if not 1 <= day <= _days(year, month):
        raise EventError("bad ts")
    # timegm is the calendar alone: no clock and no time zone of this machine.
    stamp = timegm((year or 1, month, day, hour, minute, second)) * NS_PER_S
    if len(_seconds) >= _SECONDS_CACHE:
        _seconds.clear()
    _seconds[text] = stamp
    return stamp


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _offset_ns(text: str) -> int:
    digits = text[1:3] + text[4:6]
    if len(text) != 6 or text[0] not in "+-" or text[3] != ":" or not digits.isdigit():
        raise EventError("bad ts")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise EventError("bad ts")
    return (hours * 3600 + minutes * 60) * (-NS_PER_S if text[0] == "-" else NS_PER_S)


def _duration(value: object, what: str) -> float:
    if value is None:
        raise EventError("no ts")
    if type(value) is not float and type(value) is not int:
        raise EventError(f"bad {what}")
    if value < 0:
        raise EventError(f"negative {what}")
    if not value <= MAX_MS:  # also refuses NaN
        raise EventError(f"bad {what}")
    return value


def _method(value: object) -> str:
    if value is None or value == "":
        raise EventError("no method")
    if type(value) is not str or len(value) > 32 or not is_token(value):
        raise EventError("bad method")
    method = value.upper()
    if method == "CONNECT":  # opens a tunnel: there is no request in it that could be replayed
        raise EventError("bad method")
    return method


def _url(value: object) -> str:
    if value is None or value == "":
        raise EventError("no url")
    if type(value) is not str:
        raise EventError("bad url")
    try:
        # Recorded text may hold raw UTF-8: on the wire it is percent-encoded, the rest as it was.
        url = value if value.isascii() else quote(value, safe="!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~")
    except UnicodeEncodeError:
        raise EventError("bad url") from None
    if not _is_visible(url):
        raise EventError("bad url")
    if url[0] == "/" or url == "*":
        return url
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in ("http", "https") or rest[:1] in ("", "/", "?", "#"):
        raise EventError("bad url")
    return url


def _is_visible(text: str) -> bool:
    """Only visible ASCII: no space, no control character, so it cannot split a request line."""
    return text.isascii() and text.isprintable() and " " not in text


def _name(value: object, what: str) -> str | None:
    if type(value) is str:
        # isprintable is one C call; only an unusual name (a no-break space) needs a closer look.
        if value.isprintable() or not any(map(_is_control, value)):
            return value or None
    elif type(value) is int:
        return str(value)
    raise EventError(f"bad {what}")


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff"


def _headers(value: object, what: str) -> tuple[tuple[str, str], ...]:
    if type(value) is dict:
        pairs = tuple(value.items())
        for _, text in pairs:
            if type(text) is not str:
                return _loose_headers(value.items(), what)
        return pairs
    if type(value) is list:
        return _loose_headers(value, what)
    raise EventError(f"bad {what}")


def _loose_headers(value: Any, what: str) -> tuple[tuple[str, str], ...]:
    """Headers that need more care: pairs in a list, repeated values in a list, numbers."""
    pairs: list[tuple[str, str]] = []
    for item in value:
        if type(item) not in (list, tuple) or len(item) != 2 or type(item[0]) is not str:
            raise EventError(f"bad {what}")
        texts = item[1] if type(item[1]) is list else [item[1]]
        pairs += [(item[0], _header_text(text, what)) for text in texts]
    return tuple(pairs)


def _header_text(value: object, what: str) -> str:
    if type(value) is str:
        return value
    if type(value) is int or type(value) is float:
        return str(value)
    raise EventError(f"bad {what}")


def _headers_out(pairs: tuple[tuple[str, str], ...]) -> object:
    as_object = dict(pairs)
    return as_object if len(as_object) == len(pairs) else [list(pair) for pair in pairs]


def _body(value: object, encoded: object, what: str) -> bytes | None:
    if value is None and encoded is None:
        return None
    try:
        if encoded is not None:
            if type(encoded) is not str:
                raise EventError(f"bad {what}")
            return b64decode(encoded, validate=True)
        if type(value) is str:
            return value.encode()
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError):  # EventError is a ValueError too
        raise EventError(f"bad {what}") from None


def _body_out(key: str, body: bytes | None) -> dict[str, str | None]:
    if body is None:
        return {}
    try:
        return {key: body.decode()}
    except UnicodeDecodeError:
        return {f"{key}_b64": b64encode(body).decode("ascii")}


def _status() -> int:
    raise EventError("bad status")


def _extra(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in KNOWN_KEYS}
