"""Envoy's access log as JSON, with the keys of Istio (and of Envoy Gateway, which has a few more).

One object a line; numbers are numbers or texts. The stamp is the start of the request.
Read next: `envoy.py`, the same as text; `json_lines.py`.
"""

from __future__ import annotations

from typing import Final

from replay.readers.entry import Entry, Sink
from replay.readers.envoy import NOT_HTTP, address_of, headers_of, wait_of
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.json_lines import Fields, Object, read_objects
from replay.readers.logged import (
    absolute,
    build_entry,
    client_key,
    encoded,
    first_address,
    parse_status,
    shown,
)
from replay.readers.source import Source
from replay.readers.stamps import parse_any
from switchboard.event import EventError

_NAMES: Final = {
    "ts": ("start_time",),
    "method": ("method", ":method"),
    "path": ("path", "x-envoy-original-path", "x-envoy-origin-path", ":path"),
    "host": ("authority", ":authority"),
    "status": ("response_code",),
    "took": ("duration",),
    "forwarded": ("x_forwarded_for", "x-forwarded-for"),
    "agent": ("user_agent", "user-agent"),
    "request_id": ("request_id", "x-request-id"),
    "remote": ("downstream_remote_address", "downstream_direct_remote_address"),
}
_TELLING: Final = frozenset(
    {
        "downstream_local_address",
        "downstream_remote_address",
        "protocol",
        "response_code_details",
        "response_flags",
        "upstream_cluster",
        "upstream_host",
        "upstream_service_time",
    }
)
_FIELDS: Final = Fields(_NAMES)


def read_envoy_json(lines: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    read_objects(lines, sink, parse_object)


def parse_object(value: Object) -> Entry:
    """The entry of one object. Raises EventError with a short reason."""
    found = _FIELDS.texts(value)
    text = found.of
    if "start_time" not in value:
        raise EventError("no ts")
    method, path = text("method"), text("path")
    if method is None and path is None:
        raise EventError(NOT_HTTP)
    agent, remote = text("agent"), text("remote")
    agent = None if agent is None else shown(agent)
    return build_entry(
        parse_any(value["start_time"])[0],
        method or "",
        absolute(encoded(path or ""), text("host")),
        status=parse_status(text("status") or ""),
        wait_ms=wait_of(text("took")),
        headers=headers_of(agent, text("request_id")),
        client=client_key(first_address(text("forwarded")) or address_of(remote), agent),
        connection=remote,
    )


def _recognises(head: Head) -> bool:
    return any(
        "start_time" in value
        and ("method" in value or ":method" in value)
        and ("response_code" in value or not _TELLING.isdisjoint(value))
        for value in head.objects
    )


ENVOY_JSON: Final = Format(
    "envoy_json", "Envoy or Istio access logs (JSON)", START, _recognises, read_envoy_json
)
