"""What a test expects to have been called: read from a mapping, every fault in it at once.

Floor 1, pure. docs/stub-admin.md describes the keys. Read next: `verification.py`, which compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stubs.journal import Filters
from switchboard.errors import RuleError
from switchboard.fault_reader import FaultReader, join, kind_of

KEYS: Final = (
    "service",
    "method",
    "route",
    "path",
    "status",
    "fault",
    "query",
    "headers",
    "json",
    "since_ms",
    "after",
    "at_least",
    "at_most",
    "exactly",
    "never",
)
OPERATORS: Final = ("equals", "contains", "absent")
_DEEPEST: Final = 30
_MOST_CALLS: Final = 10**9


@dataclass(frozen=True, slots=True)
class TextCheck:
    """What one query value or header must be. Of the three, one is given."""

    equals: str | None = None
    contains: str | None = None
    absent: bool = False

    def why_not(self, value: str | None) -> str | None:
        """What is wrong with a value, None standing for a missing one; None when it fits."""
        if self.absent:
            return None if value is None else "should be absent"
        if value is None:
            return "is missing"
        if self.equals is not None:
            return None if value == self.equals else "is another"
        return None if (self.contains or "") in value else "does not contain it"


@dataclass(frozen=True, slots=True)
class Expectation:
    """Which calls are meant, and how many of them there should be. `most` None: any number.

    scope: what is not looked at at all.   json: a value that the body's must include.
    parts: the filters one by one, to say which of them a call does not pass.
    """

    filters: Filters
    parts: tuple[tuple[str, Filters], ...]
    scope: Filters
    query: Mapping[str, TextCheck]
    headers: Mapping[str, TextCheck]
    json: Any
    has_json: bool
    least: int
    most: int | None


def parse_expectation(raw: object, *, source: str = "the expectation") -> Expectation:
    """The expectation in a mapping. Raises RuleError with every fault in it."""
    reader = FaultReader(lambda _: None)
    top = reader.mapping(raw, "", KEYS)
    if "path" in top and "route" in top:
        reader.fault("path", "a route has its path already; name one of the two")
    texts = {
        key: reader.text(top, "", key, default="")
        for key in ("service", "method", "route", "path", "status", "fault")
    }
    filters = Filters()
    try:
        filters = Filters(
            texts["service"],
            texts["route"],
            texts["method"].upper(),
            texts["status"],
            texts["path"],
            fault=texts["fault"],
        )
    except ValueError as error:
        reader.fault("status" if "status" in str(error) else "path", str(error))
    since_ms = _number(reader, top, "since_ms")
    scope = Filters(since_ms=since_ms, after=_count(reader, top, "after") or 0)
    least, most = _bounds(reader, top)
    json = top.get("json")
    if _is_deeper(json, _DEEPEST):
        reader.fault("json", f"must nest at most {_DEEPEST} levels")
    expectation = Expectation(
        filters,
        _parts_of(filters),
        scope,
        _checks(reader, top, "query"),
        {name.lower(): each for name, each in _checks(reader, top, "headers").items()},
        json,
        "json" in top,
        least,
        most,
    )
    if reader.faults:
        raise RuleError(source, reader.faults)
    return expectation


def _parts_of(filters: Filters) -> tuple[tuple[str, Filters], ...]:
    parts = (
        ("service", Filters(service=filters.service)),
        ("method", Filters(method=filters.method)),
        ("route", Filters(route=filters.route)),
        ("path", Filters(path=filters.path)),
        ("status", Filters(status=filters.status)),
        ("fault", Filters(fault=filters.fault)),
    )
    return tuple((name, part) for name, part in parts if getattr(filters, name))


def _bounds(reader: FaultReader, top: Mapping[str, object]) -> tuple[int, int | None]:
    """The least and the most calls. Without a word on it: at least one."""
    given = [key for key in ("at_least", "at_most", "exactly", "never") if key in top]
    if not given:
        return 1, None
    if len(given) > 1 and given != ["at_least", "at_most"]:
        reader.fault(given[1], f"contradicts {given[0]}; name one of the two")
    if "never" in top:
        if top["never"] is not True:
            reader.fault("never", "must be true where it is written")
        return 0, 0
    if "exactly" in top:
        exactly = _count(reader, top, "exactly")
        return exactly or 0, exactly
    least, most = _count(reader, top, "at_least") or 0, _count(reader, top, "at_most")
    if most is not None and least > most:
        reader.fault("at_most", "must not be less than at_least")
    return least, most


def _count(reader: FaultReader, top: Mapping[str, object], key: str) -> int | None:
    value = top.get(key)
    if value is None and key not in top:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_CALLS:
        reader.fault(key, f"must be a whole number from 0, not {kind_of(value)}")
        return None
    return value


def _number(reader: FaultReader, top: Mapping[str, object], key: str) -> float | None:
    value = top.get(key)
    if value is None and key not in top:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        reader.fault(key, f"must be a number of recorded milliseconds, not {kind_of(value)}")
        return None
    return float(value)


def _checks(reader: FaultReader, top: Mapping[str, object], key: str) -> dict[str, TextCheck]:
    raw = top.get(key, {})
    if not isinstance(raw, Mapping):
        reader.fault(key, f"must be a mapping of names to values, not {kind_of(raw)}")
        return {}
    return {str(name): _check(reader, join(key, str(name)), value) for name, value in raw.items()}


def _check(reader: FaultReader, path: str, value: object) -> TextCheck:
    if isinstance(value, str | int | float):
        return TextCheck(equals=_plain(value))
    item = reader.mapping(value, path, OPERATORS)
    if len(item) != 1:
        reader.fault(path, f"must be a text or have one of {', '.join(OPERATORS)}")
        return TextCheck()
    if "absent" in item:
        if item["absent"] is not True:
            reader.fault(join(path, "absent"), "must be true where it is written")
        return TextCheck(absent=True)
    ((name, wanted),) = item.items()
    if not isinstance(wanted, str | int | float):
        reader.fault(join(path, name), f"must be text, not {kind_of(wanted)}")
    if name == "contains":
        return TextCheck(contains=_plain(wanted))
    return TextCheck(equals=_plain(wanted))


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_deeper(value: object, levels: int) -> bool:
    if levels < 0:
        return True
    inside = value.values() if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping | list | tuple):
        return False
    return any(_is_deeper(each, levels - 1) for each in inside)  # type: ignore[attr-defined]
