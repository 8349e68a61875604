"""Conditions on a value of a request: `gold`, `{matches: C-[0-9]+}`, `{number: {min: 1}}`.

A condition is asked about every value that was found at its place, since a query may repeat a
name and a JSONPath lead to many. It holds when one of them meets all its operators. What is
missing meets no operator but `absent: true` and `not`. Floor 1, pure. Read next: `when.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from stubs.definitions.patterns import Pattern
from switchboard.fault_reader import FaultReader, join, kind_of

Condition = Callable[[Sequence[Any]], bool]
"""Takes the values found at a place of a request."""
Test = Callable[[Any], bool]
"""Takes one value."""

OPERATORS: Final = ("equals", "not", "contains", "matches", "absent", "any_of", "number")
LIMITS: Final = ("min", "max")
MAX_NESTED: Final = 5

_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")


def parse_condition(
    raw: object, path: str, reader: FaultReader, *, is_json: bool, depth: int = 0
) -> Condition:
    """The condition that somebody wrote. is_json: values have types, else they are texts."""
    if not isinstance(raw, Mapping):
        return _any_value(_parse_equals(raw, path, reader, is_json))
    reader.mapping(raw, path, OPERATORS)
    if not raw:
        reader.fault(path, f"a condition needs one of {', '.join(OPERATORS)}")
    absent = _parse_absent(raw, path, reader)
    tests = [
        parse(raw[word], join(path, word), reader, is_json)
        for word, parse in _TESTS.items()
        if word in raw
    ]
    refused = None
    if "not" in raw:
        refused = _parse_not(raw["not"], join(path, "not"), reader, is_json, depth)
    return _combined(absent, tests, refused)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and len(one) == len(other)
            and all(key in other and same(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return not isinstance(other, dict | list) and bool(one == other)


def _combined(absent: bool | None, tests: list[Test], refused: Condition | None) -> Condition:
    if absent is None and refused is None and len(tests) == 1:
        return _any_value(tests[0])

    def holds(values: Sequence[Any]) -> bool:
        if absent is not None and absent == bool(values):
            return False
        if refused is not None and refused(values):
            return False
        return not tests or any(all(test(value) for test in tests) for value in values)

    return holds


def _any_value(test: Test) -> Condition:
    def holds(values: Sequence[Any]) -> bool:
        for value in values:  # noqa: SIM110 (a generator would cost more than the comparison)
            if test(value):
                return True
        return False

    return holds


def _parse_absent(raw: Mapping[str, object], path: str, reader: FaultReader) -> bool | None:
    if "absent" not in raw:
        return None
    absent = raw["absent"]
    if not isinstance(absent, bool):
        reader.fault(join(path, "absent"), f"must be true or false, not {kind_of(absent)}")
        return None
    if absent and len(raw) > 1:
        reader.fault(join(path, "absent"), "what is absent meets no other operator; write one")
    return absent


def _parse_not(
    raw: object, path: str, reader: FaultReader, is_json: bool, depth: int
) -> Condition | None:
    if depth >= MAX_NESTED:
        reader.fault(path, f"`not` is nested more than {MAX_NESTED} deep")
        return None
    return parse_condition(raw, path, reader, is_json=is_json, depth=depth + 1)


def _parse_equals(raw: object, path: str, reader: FaultReader, is_json: bool) -> Test:
    if is_json:
        return lambda value: same(raw, value)
    wanted = _text(raw, path, reader)
    return lambda value: bool(value == wanted)


def _parse_contains(raw: object, path: str, reader: FaultReader, is_json: bool) -> Test:
    wanted = raw if is_json and not isinstance(raw, str) else _text(raw, path, reader)

    def contains(value: Any) -> bool:
        if isinstance(value, list):
            return any(same(wanted, item) for item in value)
        return isinstance(wanted, str) and isinstance(value, str) and wanted in value

    return contains


def _parse_matches(raw: object, path: str, reader: FaultReader, is_json: bool) -> Test:
    pattern = reader.checked(path, raw, Pattern)
    if pattern is None:
        return _never

    def matches(value: Any) -> bool:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        return isinstance(value, str) and pattern.fits(value)

    return matches


def _parse_any_of(raw: object, path: str, reader: FaultReader, is_json: bool) -> Test:
    if not isinstance(raw, list | tuple) or not raw:
        reader.fault(path, f"must be a list such as [gold, silver], not {kind_of(raw)}")
        return _never
    if is_json:
        return lambda value: any(same(each, value) for each in raw)
    texts = frozenset(_text(each, f"{path}[{at}]", reader) for at, each in enumerate(raw))
    return lambda value: value in texts


def _parse_number(raw: object, path: str, reader: FaultReader, is_json: bool) -> Test:
    limits = reader.mapping(raw, path, LIMITS)
    low, high = (_limit(limits, path, key, reader) for key in LIMITS)
    if isinstance(raw, Mapping) and not any(key in raw for key in LIMITS):
        reader.fault(path, "needs min, max or both")
    if low is not None and high is not None and low > high:
        reader.fault(path, "min is over max, so nothing can match")

    def is_between(value: Any) -> bool:
        number = _number(value)
        if number is None:
            return False
        return (low is None or number >= low) and (high is None or number <= high)

    return is_between


def _limit(
    limits: Mapping[str, object], path: str, key: str, reader: FaultReader
) -> int | float | None:
    value = limits.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        reader.fault(join(path, key), f"must be a number, not {kind_of(value)}")
        return None
    return value


def _number(value: Any) -> int | float | None:
    """A JSON number, or a text that is written like one."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(raw: object, path: str, reader: FaultReader) -> str:
    """A scalar as the text that a caller would send: `true`, `3`, `gold`."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str | int | float):
        return str(raw)
    hint = "; `absent: true` is how to say that there is none" if raw is None else ""
    reader.fault(path, f"must be text or a number, not {kind_of(raw)}{hint}")
    return ""


def _never(value: Any) -> bool:
    """In place of a test that could not be read."""
    return False


_TESTS: Final[Mapping[str, Callable[[object, str, FaultReader, bool], Test]]] = {
    "equals": _parse_equals,
    "contains": _parse_contains,
    "matches": _parse_matches,
    "any_of": _parse_any_of,
    "number": _parse_number,
}
