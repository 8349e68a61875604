"""Requests and recorded answers as a HAR 1.2, which any browser's network panel opens.

Streaming: an entry is written when it comes. What HAR has no place for stands in an `_esr` object
of its entry, as HAR lets every tool have its own keys: user, session and service, keys that nobody
knows, and what is unknown where HAR wants a number. A stamp has all nine digits of its fraction.
Not held: an event without a time, the target `*`, text that no JSON holds (half of a surrogate
pair). Read next: `replay/readers/har_entry.py`, which reads it back.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from replay.exports.out import Out
from replay.readers.har_entry import RELATIVE_ROOT
from switchboard.event import NS_PER_S, Event, EventError, parse_event

_HEAD: Final = b'{"log":{"version":"1.2","creator":{"name":"hms-esr","version":"1"},"entries":['
_TAIL: Final = b"\n]}}\n"
_HTTP: Final = "HTTP/1.1"

Json = dict[str, Any]
Pairs = Iterable[tuple[str, str]]


class HarWriter:
    """Writes events to `out`; `rows` is how many it has accepted."""

    def __init__(self, out: Out) -> None:
        self.rows = 0
        self._out = out
        out.write(_HEAD)

    def write(self, event: Event) -> None:
        """Write the event as an entry. Raises EventError for what a HAR cannot hold."""
        try:
            text = orjson.dumps(build_entry(event))
        except TypeError:  # a lone surrogate, or a number or depth that JSON has no place for
            raise EventError("text that no JSON holds") from None
        self._out.write((b",\n" if self.rows else b"\n") + text)
        self.rows += 1

    def close(self) -> None:
        """End the list, without which it is no JSON. `out` stays open."""
        self._out.write(_TAIL)


def build_entry(event: Event) -> Json:
    """The entry of an event. Raises EventError."""
    if event.ts_ns is None:
        raise EventError("no ts")
    if event.url == "*":
        raise EventError("asterisk target")
    _check(event)
    wait_ms = event.wait_ms or 0
    return {
        "startedDateTime": format_started(event.ts_ns),
        "time": wait_ms,
        "request": _request(event),
        "response": _response(event),
        "cache": {},
        "timings": {"send": 0, "wait": wait_ms, "receive": 0},
        "_esr": _own(event),
    }


def format_started(ts_ns: int) -> str:
    """RFC 3339 with nanoseconds."""
    seconds, rest_ns = divmod(ts_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"


def _check(event: Event) -> None:
    """Whatever would be refused when it is read again is refused now."""
    fields = ("method", "url", "user", "session", "service", "status", "wait_ms")
    given = {name: getattr(event, name) for name in fields}
    parsed = parse_event({"ts": event.ts_ns, **given})
    if any(getattr(parsed, name) != value for name, value in given.items()):
        raise EventError("bad event")


def _own(event: Event) -> Json:
    """What HAR has no place for."""
    unknown = [name for name in ("status", "wait_ms") if getattr(event, name) is None]
    found = {
        "user": event.user,
        "session": event.session,
        "service": event.service,
        "relative": event.url[0] == "/",
        "unknown": unknown,
        "extra": dict(event.extra),
    }
    return {key: value for key, value in found.items() if value}


def _request(event: Event) -> Json:
    url = event.url if event.url[0] != "/" else RELATIVE_ROOT + event.url
    query = url.partition("#")[0].partition("?")[2]
    request = {
        "method": event.method,
        "url": url,
        "httpVersion": _HTTP,
        "cookies": [*_cookies(event.headers)],
        "headers": _named(event.headers),
        "queryString": _named(parse_qsl(query, keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": len(event.body),
    }
    if event.body:
        request["postData"] = {
            "mimeType": _value(event.headers, "content-type"),
            **_text(event.body),
        }
    return request


def _response(event: Event) -> Json:
    pairs, body = event.response_headers, event.response_body
    content = {"size": len(body or b""), "mimeType": _value(pairs, "content-type")}
    return {
        "status": event.status or 0,
        "statusText": _phrase(event.status or 0),
        "httpVersion": _HTTP,
        "cookies": [*_set_cookies(pairs)],
        "headers": _named(pairs),
        "content": content if body is None else {**content, **_text(body)},
        "redirectURL": _value(pairs, "location"),
        "headersSize": -1,
        "bodySize": -1 if body is None else len(body),
    }


def _text(body: bytes) -> Json:
    """A body as text; as base64 where it is none."""
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": b64encode(body).decode("ascii"), "encoding": "base64"}


def _named(pairs: Pairs) -> list[Json]:
    return [{"name": name, "value": value} for name, value in pairs]


def _cookies(pairs: Pairs) -> Iterable[Json]:
    for name, value in pairs:
        if name.lower() == "cookie":
            yield from map(_cookie, value.split(";"))


def _set_cookies(pairs: Pairs) -> Iterable[Json]:
    for name, value in pairs:
        if name.lower() == "set-cookie":
            cookie, *marks = value.split(";")
            flags = {mark.strip().lower() for mark in marks}
            yield {**_cookie(cookie), "httpOnly": "httponly" in flags, "secure": "secure" in flags}


def _cookie(text: str) -> Json:
    name, _, value = text.partition("=")
    return {"name": name.strip(), "value": value.strip()}


def _value(pairs: Pairs, name: str) -> str:
    return next((value for each, value in pairs if each.lower() == name), "")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
