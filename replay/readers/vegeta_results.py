"""vegeta's results, as `vegeta encode` writes them: JSON lines, or CSV without a header line.

The stamp is when the request was sent, and the latency is how long its answer took. A result
holds the body and the headers of the answer, not those of the request: where a body was sent,
nobody knows which. Code 0 means that nothing was sent.
Read next: `quoted_csv.py` (fields in quotes, over several lines).
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any, Final

import orjson

from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.ops import NOT_JSON
from replay.readers.quoted_csv import iter_rows
from replay.readers.raw_body import decode_body
from replay.readers.source import OVERLONG, Source
from switchboard.event import EventError, parse_event

NOT_SENT: Final = "status 0 (not sent)"
NOT_A_RESULT: Final = "not a vegeta result"
_KEYS: Final = frozenset({"attack", "seq", "code", "timestamp", "latency"})
_COLUMNS: Final = (
    "timestamp", "code", "latency", "bytes_out", "bytes_in", "error", "body", "attack", "seq",
    "method", "url", "headers",
)  # fmt: skip
_OLD_COLUMNS: Final = 9
"""Results of old had neither method nor URL: nothing of them can be replayed."""
_NUMBERS: Final = _COLUMNS[:5]
_MAX_DIGITS: Final = 20
_ROW: Final = re.compile(rb"[0-9]{15,19},[0-9]{1,3},[0-9]{1,19},[0-9]{1,19},[0-9]{1,19},")


def read_vegeta_results(source: Source, sink: Sink) -> None:
    """Every line becomes an entry for the sink, or a skip with its reason."""
    for first, batch in source.batches():
        for number, line in enumerate(batch, first):
            try:
                sink.add(number, parse_result(_parse_json(line)))
            except EventError as error:
                sink.skip(number, error.reason)


def read_vegeta_csv(source: Source, sink: Sink) -> None:
    """Every row becomes an entry for the sink, or a skip with its reason."""
    for number, row in iter_rows(source.batches()):
        try:
            sink.add(number, parse_result(_parse_row(row)))
        except EventError as error:
            sink.skip(number, error.reason)


def parse_result(value: dict[str, Any]) -> Entry:
    """The entry of one result. Raises EventError with a short reason."""
    code, latency = value.get("code"), value.get("latency")
    if type(code) is int and code == 0:
        raise EventError(NOT_SENT)
    if type(latency) is not int:
        raise EventError("bad latency")
    if value.get("timestamp") is None:
        raise EventError("no ts")
    for name in ("method", "url", "timestamp"):
        if type(value.get(name)) in (list, dict):
            raise EventError(f"bad {name}")
    headers = value.get("headers", value.get("header"))  # the older name
    body = value.get("body") or (None if value.get("bytes_in") else "")
    event = parse_event(
        {
            "ts": value["timestamp"],
            "method": value.get("method"),
            "url": value.get("url"),
            "status": code,
            "wait_ms": latency / 1e6 if abs(latency) < 1 << 63 else -1,
            "response_headers": headers,
            "response_body_b64": body,
        }
    )
    given, plain = decode_body(event.response_headers, event.response_body)
    event = event._replace(response_headers=given, response_body=plain)
    return Entry(event, body_unknown=bool(value.get("bytes_out")))


def _parse_json(line: bytes | None) -> dict[str, Any]:
    if line is None:
        raise EventError(OVERLONG)
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise EventError(NOT_JSON if line.strip() else "blank line") from None
    if type(value) is not dict:
        raise EventError("not an object")
    return value


def _parse_row(row: list[bytes] | str) -> dict[str, Any]:
    """The columns of a row by name, as the JSON form has them. row: a text says why it is none."""
    if isinstance(row, str):
        raise EventError(row)
    if len(row) < _OLD_COLUMNS:
        raise EventError("blank line" if row == [b""] else NOT_A_RESULT)
    texts = [cell.decode("utf-8", "replace") for cell in row]
    value: dict[str, Any] = dict(zip(_COLUMNS, texts, strict=False))
    value |= {name: _number(value[name]) for name in _NUMBERS}
    if value.get("headers") is not None:
        value["headers"] = _mime_headers(value["headers"])
    return value


def _number(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MAX_DIGITS:
        raise EventError(NOT_A_RESULT)
    return int(digits)


def _mime_headers(encoded: str) -> list[list[str]]:
    """The headers of a MIME block in base64."""
    try:
        text = b64decode(encoded, validate=True).decode("utf-8", "replace")
    except ValueError:
        raise EventError("bad headers") from None
    pairs = (line.partition(":") for line in text.split("\n") if line.strip())
    return [[name.strip(), value.strip()] for name, _, value in pairs]


def _recognises_json(head: Head) -> bool:
    return any(value.keys() >= _KEYS for value in head.objects)


def _recognises_csv(head: Head) -> bool:
    return any(_ROW.match(line) is not None for line in head.lines[:3])


VEGETA_RESULTS: Final = Format(
    "vegeta_results",
    "vegeta results (JSON, one a line)",
    START,
    _recognises_json,
    read_vegeta_results,
)
VEGETA_CSV: Final = Format(
    "vegeta_csv",
    "vegeta results (CSV)",
    START,
    _recognises_csv,
    read_vegeta_csv,
)
