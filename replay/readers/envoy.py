"""Envoy's access log as text: its own default layout and Istio's.

`[START] "METHOD PATH PROTO" code flags ... bytes_rx bytes_tx duration upstream_ms "forwarded-for"
"user-agent" "request-id" "authority" "upstream_host"`; Istio has more fields before the numbers and
behind the upstream host, and which ones depends on its version. So the numbers are looked for: four
in a row, and a quoted field behind them. The stamp is the start of the request, in milliseconds.
Read next: `envoy_json.py`, `logged.py`.
"""

from __future__ import annotations

import re
from typing import Final

from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.logged import (
    BLANK,
    CUT,
    absolute,
    build_entry,
    client_key,
    first_address,
    given,
    milliseconds,
    parse_seconds,
    parse_status,
    read_lines,
    shown,
    split_fields,
    split_request,
)
from replay.readers.source import Source
from replay.readers.stamps import parse_iso
from switchboard.event import EventError

NOT_A_LINE: Final = "not an Envoy line"
NOT_HTTP: Final = "not an HTTP request"
_BEGINS: Final = re.compile(
    rb"\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)\] (?=\"[^\"]*\" (?:\d{1,3}|-) )"
)
_STAMPED: Final = re.compile(rb"\[\d{4}-\d\d-\d\dT[\d:.]+Z\] ")
_NUMBER: Final = re.compile(rb"\d{1,20}|-")
_CUTS: Final = 40
"""The numbers and what belongs to them stand among the first fields of a line."""
# Istio: what follows the upstream host. The client's address and port are the fourth of it.
_REMOTE: Final = 4


def read_envoy(lines: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    read_lines(lines, sink, parse_line)


def parse_line(line: bytes) -> Entry:
    """The entry of one line. Raises EventError with a short reason."""
    began = _BEGINS.match(line)
    if began is None:
        raise EventError(_why_not(line))
    fields = split_fields(line[began.end() :])
    at = _numbers_at(fields)
    if at is None:
        raise EventError(CUT)
    texts = [given(shown(text.decode("utf-8", "surrogateescape"))) for text, _ in fields]
    request = fields[0][0].decode("utf-8", "surrogateescape")
    if request.startswith("- "):
        raise EventError(NOT_HTTP)
    method, target = split_request(request)
    took_ms, forwarded, agent, request_id, authority = (
        texts[at + 2],
        *(texts[at + 4 : at + 8] + [None] * 4)[:4],
    )
    remote = texts[at + 8 + _REMOTE] if len(texts) > at + 8 + _REMOTE else None
    return build_entry(
        parse_iso(began[1].decode("ascii"))[0],
        method,
        absolute(target, authority),
        status=parse_status(texts[1] or ""),
        wait_ms=wait_of(took_ms),
        headers=headers_of(agent, request_id),
        client=client_key(first_address(forwarded) or address_of(remote), agent),
        connection=remote,
    )


def headers_of(agent: str | None, request_id: str | None) -> tuple[tuple[str, str], ...]:
    pairs = (("user-agent", agent), ("x-request-id", request_id))
    return tuple((name, value) for name, value in pairs if value is not None)


def wait_of(took_ms: str | None) -> float | None:
    """Milliseconds of a text."""
    took = parse_seconds(took_ms)
    return None if took is None else milliseconds(took / 1_000)


def address_of(remote: str | None) -> str | None:
    """The address of `address:port`."""
    return None if remote is None else remote.rpartition(":")[0] or remote


def _numbers_at(fields: list[tuple[bytes, bool]]) -> int | None:
    """Where the bytes received stand, which the bytes sent and two times follow."""
    for at in range(3, min(len(fields) - 4, _CUTS)):
        numbers = fields[at : at + 4]
        if fields[at + 4][1] and all(
            not quoted and _NUMBER.fullmatch(text) for text, quoted in numbers
        ):
            return at
    return None


def _why_not(line: bytes) -> str:
    if not line.strip():
        return BLANK
    return CUT if _STAMPED.match(line) else NOT_A_LINE


def _recognises(head: Head) -> bool:
    return any(
        _BEGINS.match(line) and _numbers_at(split_fields(line)) is not None for line in head.lines
    )


ENVOY: Final = Format("envoy", "Envoy or Istio access logs (text)", START, _recognises, read_envoy)
