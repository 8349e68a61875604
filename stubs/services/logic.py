"""What the Python part of a bundled service gives its definition, and how it reads requests.

Floor 1, pure. Read next: `svc.py`, then `docs/add-a-stub.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from stubs.service import (
    Answer,
    Asked,
    BadRequestError,
    Handler,
    Store,
    Surroundings,
    answer_problem,
    text_of,
)
from stubs.services.ach.calendar import clamp_ms
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, kind_of

MAX_LIMIT: Final = 1_000
MAX_FIELDS: Final = 50


@dataclass(frozen=True, slots=True)
class ServiceLogic:
    """Handlers by the name that a definition calls them, and what they remember."""

    handlers: Mapping[str, Handler]
    stores: Sequence[Store] = ()


class Settings:
    """What a service is told, under `stubs.settings.NAME` of a scenario.

    Every method gives something usable; `check` raises ScenarioError with every fault.
    """

    def __init__(self, surroundings: Surroundings, service: str, words: Sequence[str]) -> None:
        self._source = f"the settings of {service}"
        self._reader = FaultReader(lambda _: None)
        self._fields = self._reader.mapping(surroundings.settings, "", words)

    def number(self, key: str, usual: float, least: float, most: float) -> float:
        value = self._fields.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._reader.fault(key, f"must be a number, not {kind_of(value)}")
        elif not least <= value <= most:
            self._reader.fault(key, f"must be a number from {least:g} to {most:g}")
        else:
            return value
        return usual

    def flag(self, key: str) -> bool:
        value = self._fields.get(key, False)
        if not isinstance(value, bool):
            self._reader.fault(key, f"must be true or false, not {kind_of(value)}")
        return value is True

    def text(self, key: str, usual: str = "") -> str:
        return self._reader.text(self._fields, "", key, usual)

    def fault(self, key: str, message: str) -> None:
        self._reader.fault(key, message)

    def check(self) -> None:
        if self._reader.faults:
            raise ScenarioError(f"{self._source} are wrong", self._reader.faults)


def query_of(asked: Asked) -> dict[str, str]:
    """The query's fields, the last of equal names. Raises BadRequestError."""
    try:
        pairs = parse_qsl(asked.query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadRequestError(f"a query has up to {MAX_FIELDS} fields") from error
    return dict(pairs)


def read_limit(query: Mapping[str, str], usual: int) -> int:
    """How many entries are wanted. Raises BadRequestError."""
    raw = query.get("limit", str(usual))
    if not raw.isascii() or not raw.isdecimal() or len(raw) > 4 or int(raw) > MAX_LIMIT:
        raise BadRequestError(f"limit must be a whole number of 0 to {MAX_LIMIT:,}")
    return int(raw)


def read_word(fields: Mapping[str, Any], key: str) -> str:
    """A text that must be there, cut to a bounded length. Raises BadRequestError."""
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadRequestError(f"{key} is missing; give a text")
    return text_of(value)


def dump_bounded(value: Any, key: str, most_bytes: int) -> bytes:
    """A JSON value of a caller as bytes that can be kept. Raises BadRequestError."""
    try:
        data = orjson.dumps(value)
    except TypeError as error:  # nested deeper than it is written
        raise BadRequestError(f"{key} must not be nested so deep") from error
    if len(data) > most_bytes:
        raise BadRequestError(f"{key} must be of up to {most_bytes:,} bytes")
    return data


def read_now_ms(asked: Asked) -> int:
    """Unix time that a read sees: recorded time, or a while before it for a stale one."""
    return clamp_ms(asked.epoch_ms - asked.stale_ms)


def iso_of(epoch_ms: float) -> str:
    """`2026-11-21T09:30:00.000Z`."""
    moment = datetime.fromtimestamp(clamp_ms(epoch_ms) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer_absent(what: str, name: str) -> Answer:
    """404 for something that was never made here, or is no longer remembered."""
    return answer_problem(404, f"No such {what}", f"there is no {what} {text_of(name)!a}")
