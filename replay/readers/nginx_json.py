"""nginx logs of JSON (`log_format ... escape=json`), whatever the author called the fields.

There are no standard keys, so each field is known by several; Filebeat's and ECS' nested objects
count too. The stamp is written at the end of a request, so the start is `stamp - request_time`.
Of several stamps the finest is taken. The referer never travels; address and user only tell users
apart. Read next: `json_lines.py`, `logged.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from replay.readers.entry import Entry, Sink
from replay.readers.format import END, Format
from replay.readers.head import Head
from replay.readers.json_lines import Fields, Object, look_up, read_objects
from replay.readers.logged import (
    absolute,
    build_entry,
    client_key,
    encoded,
    first_address,
    milliseconds,
    parse_seconds,
    parse_status,
    shown,
    split_request,
    start_of,
)
from replay.readers.source import Source
from replay.readers.stamps import parse_any
from switchboard.event import NS_PER_S, EventError

# Names of nginx' own variables come first, then what authors and shippers call them.
_NAMES: Final[dict[str, Sequence[str]]] = {
    "ts": (
        "msec",
        "time_iso8601",
        "time_local",
        "time",
        "timestamp",
        "ts",
        "datetime",
        "date",
        "@timestamp",
        "nginx.access.time",
    ),
    "request": ("request", "request_line", "http.request.line", "nginx.access.request"),
    "method": (
        "request_method",
        "method",
        "http_method",
        "verb",
        "http.request.method",
        "nginx.access.method",
        "request.method",
    ),
    "target": (
        "request_uri",
        "url.original",
        "uri",
        "url",
        "path",
        "http_path",
        "request_path",
        "url.path",
        "nginx.access.url",
        "request.uri",
    ),
    "args": ("args", "query_string", "query", "url.query"),
    "status": (
        "status",
        "status_code",
        "response_code",
        "response",
        "http_status",
        "code",
        "http.response.status_code",
        "nginx.access.response_code",
    ),
    "took": ("request_time", "request_duration", "response_time", "nginx.access.request_time"),
    "upstream": ("upstream_response_time", "upstream_time", "upstream_resp_time"),
    "address": (
        "remote_addr",
        "realip_remote_addr",
        "client_ip",
        "clientip",
        "remote_ip",
        "client_addr",
        "client",
        "ip",
        "source.ip",
        "source.address",
        "client.ip",
        "nginx.access.remote_ip",
    ),
    "forwarded": ("http_x_forwarded_for", "x_forwarded_for", "xff", "forwarded_for"),
    "user": ("remote_user", "auth_user", "user.name", "nginx.access.user_name"),
    "agent": (
        "http_user_agent",
        "user_agent",
        "agent",
        "useragent",
        "user_agent.original",
        "http.user_agent",
        "nginx.access.agent",
        "nginx.access.user_agent.original",
    ),
    "host": ("http_host", "host", "vhost", "domain", "server_name", "url.domain"),
    "scheme": ("http_x_forwarded_proto", "scheme", "url.scheme"),
    "request_id": ("http_x_request_id", "request_id", "req_id", "x_request_id"),
    "connection": ("connection",),
    "type": ("http_content_type", "content_type"),
    "body": ("request_body",),
}
_FIELDS: Final = Fields(_NAMES)
# Keys that only nginx has.
_TELLING: Final = frozenset(
    {
        "body_bytes_sent",
        "bytes_sent",
        "http_host",
        "http_referer",
        "http_referrer",
        "http_user_agent",
        "http_x_forwarded_for",
        "msec",
        "nginx",
        "remote_addr",
        "remote_user",
        "request_length",
        "request_method",
        "request_time",
        "request_uri",
        "server_protocol",
        "time_iso8601",
        "time_local",
        "upstream_addr",
        "upstream_response_time",
        "upstream_status",
    }
)
_SENDERS: Final = frozenset({"address", "agent", "forwarded", "took", "upstream"})
_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d{1,12})?", re.ASCII)
_MOST_PARTS: Final = 100


def read_nginx_json(lines: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    read_objects(lines, sink, parse_object)


def parse_object(value: Object) -> Entry:
    """The entry of one object. Raises EventError with a short reason."""
    found = _FIELDS.texts(value)
    text = found.of
    method, target = _request_of(text("request"), text("method"), text("target"), text("args"))
    stamp_ns, coarse = _finest_stamp(value, found.keys.get("ts", ()))
    took = parse_seconds(text("took"))
    took = _sum_upstream(text("upstream")) if took is None else took
    agent, user = text("agent"), text("user")
    agent = None if agent is None else shown(agent)
    address = first_address(text("forwarded")) or text("address")
    connection, body = text("connection"), text("body")
    entry = build_entry(
        start_of(stamp_ns, took, coarse=coarse),
        method,
        absolute(target, text("host"), _scheme_of(text("scheme"))),
        status=parse_status(text("status") or ""),
        wait_ms=milliseconds(took),
        headers=_headers(agent, text("request_id"), text("type")),
        client=client_key(address, agent, user),
        connection=connection,
        coarse=coarse,
    )
    if body is None:
        return entry
    data = body.encode("utf-8", "surrogateescape")
    return entry._replace(event=entry.event._replace(body=data), body_unknown=False)


def _request_of(
    line: str | None, method: str | None, target: str | None, args: str | None
) -> tuple[str, str]:
    """From their own fields, else from the request line."""
    if method is not None and target is None and line is not None and line[:1] == "/":
        target, args = line, args and args.removeprefix("?")  # Apache's %U and %q
    if method is not None and target is not None:
        if args is not None and "?" not in target:
            target = f"{target}?{args}"
        return method, encoded(target)
    if line is None:
        raise EventError("no url" if target is None else "no method")
    return split_request(line)


def _finest_stamp(value: Object, names: Sequence[str]) -> tuple[int, bool]:
    """The first stamp there is, unless a later one tells its second more finely."""
    first: tuple[int, bool] | None = None
    for name in names:
        given = look_up(value, name)
        if given in (None, "", "-"):
            continue
        if first is None:
            first = parse_any(given)
            # Shippers write `.000` behind the whole seconds that they were given.
            if name == "@timestamp" and first[0] % NS_PER_S == 0:
                return first[0], True
            if not first[1]:
                return first
            continue
        finer = _try_stamp(given)
        if finer is not None and not finer[1] and 0 <= finer[0] - first[0] < NS_PER_S:
            return finer
    if first is None:
        raise EventError("no ts")
    return first


def _try_stamp(value: object) -> tuple[int, bool] | None:
    try:
        return parse_any(value)
    except EventError:
        return None


def _sum_upstream(text: str | None) -> float | None:
    """The times of all servers that were asked in turn: `0.001, 0.002 : 0.003`."""
    if text is None or len(text) > 4_096:
        return None
    parts = re.split(r" ?[,:] ?", text, maxsplit=_MOST_PARTS)
    times = [float(part) for part in parts if _NUMBER.fullmatch(part)]
    return sum(times) if times else None


def _scheme_of(text: str | None) -> str:
    return "https" if text is not None and text.lower() == "https" else "http"


def _headers(
    agent: str | None, request_id: str | None, content_type: str | None
) -> tuple[tuple[str, str], ...]:
    pairs = (
        ("user-agent", agent),
        ("x-request-id", request_id),
        ("content-type", content_type),
    )
    return tuple((name, shown(text)) for name, text in pairs if text is not None)


def _recognises(head: Head) -> bool:
    return any(map(is_nginx, head.objects))


def is_nginx(value: dict[str, Any]) -> bool:
    """It tells a request and a time, and has a key that only nginx has, or several it may have."""
    found = _FIELDS.of(value)
    if "ts" not in found or not ("request" in found or {"target", "method"} <= found.keys()):
        return False
    if not _TELLING.isdisjoint(value):
        return True
    is_ops = "url" in value and ("ts" in value or "delay" in value)
    return not is_ops and "status" in found and not _SENDERS.isdisjoint(found)


NGINX_JSON: Final = Format("nginx_json", "nginx logs of JSON", END, _recognises, read_nginx_json)
