"""One entry of a HAR as an `Entry`: what a browser would send, and what it was answered.

Pure. A HAR is what a browser knew of its requests, and not all of that went out: what came out of a
cache, what was blocked, what is no HTTP is an EventError with a reason. An entry that this product
wrote carries an `_esr` object with what HAR has no place for, and is taken at its word.
Read next: `har_body.py`, and `replay/exports/har.py`, which writes what this reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from replay.readers.entry import Entry
from replay.readers.har_body import read_content, read_post_data
from switchboard.event import MAX_MS, EventError, parse_event, parse_ts
from switchboard.headers import HOP_BY_HOP, connection_names

RELATIVE_ROOT: Final = "http://localhost"
"""Stands before a URL that is only a path, since a HAR holds whole ones."""
ABORTED: Final = "status 0 (blocked or aborted)"
CACHED: Final = "served from the browser cache"
NOT_HTTP: Final = "not an HTTP URL"
NO_OFFSET: Final = "stamps without a time zone are taken as UTC"

Pairs = list[tuple[str, str]]

_BASIC_OFFSET: Final = re.compile(r"[+-][0-9]{4}")
_OFFSET: Final = re.compile(r"[+-][0-9]{2}:[0-9]{2}")
_CACHES: Final = frozenset({"Memory Cache", "Disk Cache"})
_OF_THE_WIRE: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""What an answer says of bytes that a HAR does not hold: its text is unpacked already."""


def parse_har_entry(value: object, client: str, *, with_answer: bool = True) -> Entry:
    """The entry of a decoded object. Raises EventError with a short reason.

    client: whoever the browser belonged to.   with_answer: headers and body of the answer too.
    """
    if not isinstance(value, dict):
        raise EventError("not an object")
    request, response = value.get("request"), value.get("response")
    if not isinstance(request, dict):
        raise EventError("no request")
    response = response if isinstance(response, dict) else {}
    own = value.get("_esr")
    if isinstance(own, dict):
        return _parse_own(value, request, response, own, with_answer=with_answer)
    url = _read_url(request)
    _read_method(request)
    stamp = read_started(value.get("startedDateTime"))
    _check_sent(value, response)
    headers, body, body_unknown = _read_sent(request)
    event = parse_event(
        {
            "ts": stamp,
            "method": request["method"],
            "url": url,
            "headers": headers,
            "status": _read_status(response.get("status")),
            "wait_ms": _read_wait_ms(value),
        }
    )
    event = event._replace(body=body)
    if with_answer:
        event = event._replace(
            response_headers=tuple(_unpacked(_read_pairs(response.get("headers")))),
            response_body=read_content(response.get("content")),
        )
    connection = _read_connection(value)
    return Entry(event, client=client, body_unknown=body_unknown, connection=connection)


def has_offset(stamp: object) -> bool:
    """False for a text that says no time zone; `read_started` takes it as UTC."""
    return not isinstance(stamp, str) or stamp[-1:] in ("Z", "z") or bool(_zone_of(stamp))


def read_started(stamp: object) -> int:
    """Epoch nanoseconds of a `startedDateTime`. Raises EventError."""
    if stamp is None or stamp == "":
        raise EventError("no startedDateTime")
    if type(stamp) is not str:
        raise EventError("bad startedDateTime")
    text = stamp.strip()
    zone = _zone_of(text)
    if zone and ":" not in zone:
        text = f"{text[:-2]}:{text[-2:]}"
    elif not has_offset(text):
        text += "Z"
    try:
        return parse_ts(text)
    except EventError as error:
        reason = "bad startedDateTime" if error.reason == "bad ts" else error.reason
        raise EventError(reason) from None


def _zone_of(text: str) -> str:
    """The offset at the end of a stamp; the date's own dashes are none."""
    tail = text[19:]
    if _OFFSET.fullmatch(tail[-6:]):
        return tail[-6:]
    return tail[-5:] if _BASIC_OFFSET.fullmatch(tail[-5:]) else ""


def _read_url(request: Mapping[str, Any]) -> str:
    url = request.get("url")
    if url is None or url == "":
        raise EventError("no url")
    if type(url) is not str:
        raise EventError("bad url")
    url = url.partition("#")[0]
    scheme, colon, _ = url.partition(":")
    if url[:1] != "/" and not (colon and scheme.lower() in ("http", "https")):
        raise EventError(NOT_HTTP)
    return url


def _read_method(request: Mapping[str, Any]) -> None:
    """Only that there is one: `parse_event` knows which may be sent."""
    method = request.get("method")
    if method is None or method == "":
        raise EventError("no method")
    if type(method) is not str:
        raise EventError("bad method")


def _check_sent(value: Mapping[str, Any], response: Mapping[str, Any]) -> None:
    """Raises EventError for what never reached a server."""
    origin = response.get("_serviceWorkerResponseSource")
    if (
        value.get("_fromCache")
        or response.get("_fromCache")
        or response.get("_fetchType") in _CACHES
        or (origin and origin != "network")
    ):
        raise EventError(CACHED)


def _read_status(value: object) -> int | None:
    """None when nothing is said of it. Raises EventError."""
    if value is None or value == "":
        return None
    number = _number(value)
    if number is None or number != int(number) or number > 999 or 0 < number < 100:
        raise EventError("bad status")
    if number <= 0:
        raise EventError(ABORTED)
    return int(number)


def _read_wait_ms(value: Mapping[str, Any]) -> float | None:
    """From the first byte sent to the last received: queueing and connecting are the browser's."""
    timings = value.get("timings")
    timings = timings if isinstance(timings, dict) else {}
    known = [_duration(timings.get(name)) for name in ("send", "wait", "receive")]
    if known[1] is None:
        return _duration(value.get("time"))
    total = (known[0] or 0) + known[1] + (known[2] or 0)
    # Nobody measures less than a nanosecond: what is beyond it is the sum's own noise.
    return round(total, 6) if total <= MAX_MS else None


def _duration(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= MAX_MS else None


def _size(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number > 0 else None


def _number(value: object) -> float | None:
    """A finite number, which some exporters write as a text."""
    if type(value) is str and len(value) <= 32:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) is int or (type(value) is float and abs(value) < 1e18):
        return value
    return None


def _read_sent(request: Mapping[str, Any]) -> tuple[Pairs, bytes, bool]:
    """Headers and body as they went out, and whether there was a body that nobody recorded."""
    pairs = _read_pairs(request.get("headers"))
    named = {name.lower(): text for name, text in reversed(pairs)}
    # Chrome counts what it decoded; what went over the wire is in the header.
    size = _size(named.get("content-length")) or _size(request.get("bodySize"))
    content_type = named.get("content-type", "")
    body, content_type = read_post_data(request.get("postData"), size, content_type)
    hop = HOP_BY_HOP | connection_names(pairs)
    kept = [pair for pair in pairs if pair[0][:1] != ":" and pair[0].lower() not in hop]
    if body and content_type and named.get("content-type") != content_type:
        kept = [pair for pair in kept if pair[0].lower() != "content-type"]
        kept.append(("Content-Type", content_type))
    if "host" not in named and named.get(":authority"):
        kept.insert(0, ("Host", named[":authority"]))
    if "cookie" not in named and (cookies := _read_cookies(request.get("cookies"))):
        kept.append(("Cookie", cookies))
    return kept, body or b"", body is None


def _read_cookies(value: object) -> str:
    """The cookies of a request as the header that some exporters leave out."""
    return "; ".join(f"{name}={text}" for name, text in _read_pairs(value))


def _read_pairs(value: object, *, empty_names: bool = False) -> Pairs:
    """Names and values; whatever has no name is left out."""
    pairs: Pairs = []
    for item in value if isinstance(value, list) else ():
        name, text = (item.get("name"), item.get("value")) if isinstance(item, dict) else (None, "")
        if type(name) is str and (name or empty_names):
            pairs.append((name, text if type(text) is str else "" if text is None else str(text)))
    return pairs


def _unpacked(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """The headers of an answer whose body is unpacked. Chrome folds its cookies into one."""
    for name, text in pairs:
        low = name.lower()
        if low == "set-cookie":
            yield from ((name, line) for line in text.split("\n"))
        elif low not in _OF_THE_WIRE and name[:1] != ":":
            yield name, text


def _read_connection(value: Mapping[str, Any]) -> str | None:
    """Chrome has an id of its own; where there is a port alone, the server's address tells more."""
    for key in ("_connectionId", "connection"):
        name = value.get(key)
        if type(name) is int or (type(name) is str and name):
            server = value.get("serverIPAddress") if key == "connection" else None
            return f"{server} {name}" if type(server) is str and server else str(name)
    return None


def _parse_own(
    value: Mapping[str, Any],
    request: Mapping[str, Any],
    response: Mapping[str, Any],
    own: Mapping[str, Any],
    *,
    with_answer: bool,
) -> Entry:
    """An entry that was exported from here: nothing is put right, for nothing is wrong."""
    unknown, extra = own.get("unknown"), own.get("extra")
    unknown = unknown if isinstance(unknown, list) else []
    url, timings = request.get("url"), value.get("timings")
    if own.get("relative") is True and type(url) is str:
        url = url.removeprefix(RELATIVE_ROOT)
    wait_ms = _duration(timings.get("wait")) if isinstance(timings, dict) else None
    event = parse_event(
        {
            "ts": read_started(value.get("startedDateTime")),
            "method": request.get("method"),
            "url": url,
            "user": own.get("user"),
            "session": own.get("session"),
            "service": own.get("service"),
            "headers": _read_pairs(request.get("headers"), empty_names=True),
            "status": None if "status" in unknown else _read_status(response.get("status")),
            "wait_ms": None if "wait_ms" in unknown else wait_ms,
        }
    )
    event = event._replace(
        body=read_content(request.get("postData")) or b"",
        extra=extra if isinstance(extra, dict) else {},
    )
    if not with_answer:
        return Entry(event)
    answered = _read_pairs(response.get("headers"), empty_names=True)
    answer = read_content(response.get("content"))
    return Entry(event._replace(response_headers=tuple(answered), response_body=answer))
