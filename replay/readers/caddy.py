"""Caddy's access log: an object a line, with the request and its headers in an object of its own.

The stamp is written at the end of a request, so the start is `ts - duration`. Caddy redacts what
it takes for credentials; what else there is of headers is read, but for the referer, which never
travels. Read next: `json_lines.py`, `logged.py`.
"""

from __future__ import annotations

from typing import Any, Final

from replay.readers.entry import Entry, Sink
from replay.readers.format import END, Format
from replay.readers.head import Head
from replay.readers.json_lines import Object, as_text, read_objects
from replay.readers.logged import (
    absolute,
    build_entry,
    client_key,
    encoded,
    milliseconds,
    parse_seconds,
    parse_status,
    shown,
    start_of,
)
from replay.readers.source import Source
from replay.readers.stamps import parse_any
from switchboard.event import EventError

NO_REQUEST: Final = "no request"
_REFERER: Final = "referer"
_MOST_HEADERS: Final = 200
_UNITS_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def read_caddy(lines: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    read_objects(lines, sink, parse_object)


def parse_object(value: Object) -> Entry:
    """The entry of one object. Raises EventError with a short reason."""
    request = value.get("request")
    if type(request) is not dict:
        raise EventError(NO_REQUEST)
    if "ts" not in value:
        raise EventError("no ts")
    stamp_ns, coarse = parse_any(value["ts"])
    took = _seconds(as_text(value.get("duration")))
    headers = _headers(request.get("headers"))
    agent = next((text for name, text in headers if name.lower() == "user-agent"), None)
    address, port = _remote(request)
    scheme = "https" if type(request.get("tls")) is dict else "http"
    entry = build_entry(
        start_of(stamp_ns, took, coarse=coarse),
        as_text(request.get("method")) or "",
        absolute(encoded(as_text(request.get("uri")) or ""), as_text(request.get("host")), scheme),
        status=parse_status(as_text(value.get("status")) or ""),
        wait_ms=milliseconds(took),
        headers=headers,
        client=client_key(address, agent, as_text(value.get("user_id"))),
        connection=None if address is None or port is None else f"{address}:{port}",
        coarse=coarse,
    )
    read = value.get("bytes_read")
    return entry._replace(body_unknown=True) if type(read) is int and read > 0 else entry


def _remote(request: dict[str, Any]) -> tuple[str | None, str | None]:
    """Address and port of the client; what `client_ip` says was believed by Caddy itself."""
    text = as_text(request.get("remote_addr"))  # until 2.4 both are in one
    if text is not None:
        address, _, port = text.rpartition(":")
        return address or text, port or None
    client = as_text(request.get("client_ip")) or as_text(request.get("remote_ip"))
    return client, as_text(request.get("remote_port"))


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    """A list of values for each name."""
    if type(value) is not dict:
        return ()
    pairs = (
        (shown(name), shown(text))
        for name, texts in value.items()
        if type(texts) is list and name.lower() != _REFERER
        for text in texts
        if type(text) is str
    )
    return tuple(pair for pair, _ in zip(pairs, range(_MOST_HEADERS), strict=False))


def _seconds(text: str | None) -> float | None:
    """A number of seconds, or one with its unit, as Caddy writes it when asked to."""
    if text is None:
        return None
    number = text.rstrip("nuµms")
    took = parse_seconds(number)
    unit = _UNITS_S.get(text[len(number) :] or "s")
    return None if took is None or unit is None else took * unit


def _recognises(head: Head) -> bool:
    return any(map(_is_caddy, head.objects))


def _is_caddy(value: dict[str, Any]) -> bool:
    request = value.get("request")
    return (
        type(request) is dict
        and {"method", "uri", "proto"} <= request.keys()
        and "ts" in value
        and "duration" in value
    )


CADDY: Final = Format("caddy", "Caddy access logs", END, _recognises, read_caddy)
