"""Log lines and metrics as HMS-OPS keeps them: read from JSON or NDJSON, each of bounded size.

Floor 1, pure. Read next: `ops.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stubs.service import Asked, BadRequestError, text_of
from stubs.services.logic import iso_of

MAX_RECORDS: Final = 5_000
"""In one request."""
MAX_MESSAGE_CHARS: Final = 1_000
MAX_LABELS: Final = 16
MAX_LABEL_CHARS: Final = 60
_ENV_KEYS: Final = ("env", "environment", "deployment.environment")
_LABEL_KEYS: Final = ("labels", "tags", "attributes")


@dataclass(frozen=True, slots=True)
class Log:
    """One line. at: as it said itself, else when it came."""

    at: str
    service: str
    level: str
    message: str
    labels: Mapping[str, str]

    def shown(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "service": self.service,
            "level": self.level,
            "message": self.message,
            "labels": dict(self.labels),
        }


@dataclass(frozen=True, slots=True)
class Metric:
    """One sample."""

    at: str
    name: str
    value: float
    service: str
    labels: Mapping[str, str]

    def shown(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "name": self.name,
            "value": self.value,
            "service": self.service,
            "labels": dict(self.labels),
        }


def read_records(asked: Asked, key: str) -> tuple[list[Mapping[str, Any]], int]:
    """The records of a body, and how many were none.

    A JSON object is one record, or has a list under `key`; a list has several; anything else is
    read line by line. Raises BadRequestError.
    """
    try:
        value = orjson.loads(asked.body or b"{}")
    except orjson.JSONDecodeError:
        value = _read_lines(asked.body)
    if isinstance(value, dict):
        value = value.get(key, [value])
    if not isinstance(value, list):
        raise BadRequestError(f"the body must be a record, a list of {key}, or one on each line")
    if len(value) > MAX_RECORDS:
        raise BadRequestError(f"up to {MAX_RECORDS:,} {key} are taken at once")
    records: list[Mapping[str, Any]] = [each for each in value if isinstance(each, dict)]
    return records, len(value) - len(records)


def _read_lines(body: bytes) -> list[Any]:
    """What stands on each line; None for a line that is no JSON."""
    lines = [line for line in body.split(b"\n", MAX_RECORDS + 1) if line.strip()]
    values = [_read_line(line) for line in lines]
    if all(value is None for value in values):
        raise BadRequestError("the body must be JSON, or JSON on each line")
    return values


def _read_line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def env_of(raw: Mapping[str, Any]) -> str:
    """The environment that a record says it is of, by itself or among its labels."""
    for fields in (raw, *(raw.get(key) for key in _LABEL_KEYS)):
        if isinstance(fields, dict):
            for key in _ENV_KEYS:
                if key in fields:
                    return text_of(fields[key])[:MAX_LABEL_CHARS]
    return ""


def read_log(raw: Mapping[str, Any], now_ms: float) -> Log | None:
    """None for a record without a message."""
    message = raw.get("message", raw.get("msg"))
    if not isinstance(message, str):
        return None
    return Log(
        _at(raw, now_ms),
        text_of(raw.get("service")),
        text_of(raw.get("level"), "info").lower()[:MAX_LABEL_CHARS],
        message[:MAX_MESSAGE_CHARS],
        _labels(raw),
    )


def read_metric(raw: Mapping[str, Any], now_ms: float) -> Metric | None:
    """None for a record without a name and a number."""
    name, value = raw.get("name", raw.get("metric")), raw.get("value")
    if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Metric(_at(raw, now_ms), text_of(name), value, text_of(raw.get("service")), _labels(raw))


def _at(raw: Mapping[str, Any], now_ms: float) -> str:
    given = text_of(raw.get("at", raw.get("timestamp", raw.get("ts"))))
    return given[:MAX_LABEL_CHARS] or iso_of(now_ms)


def _labels(raw: Mapping[str, Any]) -> dict[str, str]:
    for key in _LABEL_KEYS:
        labels = raw.get(key)
        if isinstance(labels, dict):
            pairs = list(labels.items())[:MAX_LABELS]
            return {
                str(name)[:MAX_LABEL_CHARS]: text_of(value)[:MAX_LABEL_CHARS]
                for name, value in pairs
            }
    return {}
