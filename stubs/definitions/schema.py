"""JSON Schema of a body (draft 2020-12), which ends: no remote `$ref`, bounded work and patterns.

Floor 1, pure. A body that would take too long to check does not fit, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from jsonschema import Draft202012Validator, FormatChecker, SchemaError, ValidationError
from jsonschema.validators import extend

from stubs.definitions.error import TooCostlyError
from stubs.definitions.patterns import Pattern
from switchboard.fault_reader import shown

MAX_SCHEMA_VALUES: Final = 20_000
MAX_CHECKS: Final = 50_000
"""Keywords that are looked at for one body."""
MAX_FINDINGS: Final = 5
FORMATS: Final = ("date", "email", "ipv4", "ipv6", "uuid", "date-time")

_NOT_FOLLOWED: Final = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef")
_PROBES: Final[tuple[Any, ...]] = ({}, [], "", 0, None)

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]


class _Checks:
    left = 0

    def count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooCostlyError


_CHECKS: Final = _Checks()


class BodySchema:
    """What a JSON value must be like. Raises ValueError for what is no schema."""

    def __init__(self, raw: object) -> None:
        if not isinstance(raw, Mapping):
            raise ValueError("a schema is a mapping such as {type: object, required: [citizen]}")
        for reference in _references(raw):
            _check_schema(_resolved(raw, reference))
        _check_schema(raw)
        self._validator = _VALIDATOR(raw, format_checker=_FORMATS)
        self._try_out()

    def fits(self, value: Any) -> bool:
        return not self.findings(value, 1)

    def findings(self, value: Any, limit: int = MAX_FINDINGS) -> list[str]:
        """What is wrong with a value, in words; empty when it fits."""
        _CHECKS.left = MAX_CHECKS
        found: list[str] = []
        try:
            for error in self._validator.iter_errors(value):
                found.append(_sentence(error))
                if len(found) >= limit:
                    break
        except (TooCostlyError, RecursionError):
            found.append("it would take too long to check")
        return found

    def _try_out(self) -> None:
        """Find references that lead in a circle before a request does."""
        for probe in _PROBES:
            _CHECKS.left = MAX_CHECKS
            try:
                list(self._validator.iter_errors(probe))
            except (TooCostlyError, RecursionError):
                raise ValueError("the references of this schema lead in a circle") from None


def _references(raw: object) -> list[str]:
    """Every `$ref` in a schema, whose patterns are tried as well. Walks without recursion.

    Raises ValueError for what leads out of the schema.
    """
    references: dict[str, None] = {}
    left = [raw]
    seen = 0
    while left:
        value = left.pop()
        seen += 1
        if seen > MAX_SCHEMA_VALUES:
            raise ValueError(f"a schema has up to {MAX_SCHEMA_VALUES:,} values")
        if isinstance(value, list | tuple):
            left.extend(value)
        if not isinstance(value, Mapping):
            continue
        for key, below in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{shown(key)} is a key here; put it in quotes")
            if isinstance(below, str):
                _check_text(key, below)
                references |= {below: None} if key == "$ref" else {}
            if key == "patternProperties" and isinstance(below, Mapping):
                for pattern in below:
                    _pattern(str(pattern))
            left.append(below)
    return list(references)


def _check_text(key: str, text: str) -> None:
    """Raises ValueError for a keyword that is not followed, or no pattern."""
    if key == "pattern":
        _pattern(text)
    if key == "$ref" and text != "#" and not text.startswith("#/"):
        hint = "nothing is fetched; copy it to $defs and write #/$defs/NAME"
        raise ValueError(f"$ref leads out of the schema: {shown(text)}; {hint}")
    if key in _NOT_FOLLOWED:
        raise ValueError(f"leave {key} out: nothing is fetched, and `#/$defs/NAME` needs none")


def _resolved(raw: Mapping[str, object], reference: str) -> object:
    """What a `$ref` within a schema means. Raises ValueError."""
    value: object = raw
    for step in reference.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name[:6]) < len(value):
            value = value[int(name)]
        else:
            raise ValueError(f"a $ref of this schema leads nowhere: {shown(reference)}")
    return value


def _check_schema(raw: object) -> None:
    """Raises ValueError for what is no schema."""
    try:
        _VALIDATOR.check_schema(raw, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        place = ".".join(map(str, error.absolute_path))
        where = f" at {shown(place)}" if place else ""
        raise ValueError(f"this is no JSON Schema{where}: {shown(error.message)}") from error
    except RecursionError:
        raise ValueError("this schema is nested too deep") from None


def _sentence(error: ValidationError) -> str:
    place = "$" + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path
    )
    return shown(f"{place[:100]}: {error.message}") if len(place) > 1 else shown(error.message)


def _counted(check: Keyword) -> Keyword:
    def counted(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        _CHECKS.count()
        yield from check(validator, wanted, value, schema) or ()

    return counted


_PATTERNS: dict[str, Pattern] = {}
_MAX_PATTERNS: Final = 2_000


def _pattern(text: str) -> Pattern:
    pattern = _PATTERNS.get(text)
    if pattern is None:
        if len(_PATTERNS) >= _MAX_PATTERNS:
            _PATTERNS.clear()
        pattern = _PATTERNS[text] = Pattern(text)
    return pattern


def _check_pattern(
    validator: Any, wanted: Any, value: Any, schema: Any
) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _pattern(wanted).finds(value):
        yield ValidationError(f"{value[:40]!r} does not match {wanted[:60]!r}")


def _check_pattern_properties(
    validator: Any, wanted: Any, value: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    for text, below in wanted.items():
        pattern = _pattern(text)
        for key, each in value.items():
            _CHECKS.count()
            if pattern.finds(key):
                yield from validator.descend(each, below, path=key, schema_path=text)


def _check_additional_properties(
    validator: Any, wanted: Any, value: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    named = schema.get("properties", {})
    patterns = [_pattern(text) for text in schema.get("patternProperties", ())]
    for key, each in value.items():
        _CHECKS.count()
        if key in named or any(pattern.finds(key) for pattern in patterns):
            continue
        if wanted is False:
            yield ValidationError(f"{key[:60]!r} is not expected", path=(key,))
        elif isinstance(wanted, Mapping):
            yield from validator.descend(each, wanted, path=key)


def _check_unique_items(
    validator: Any, wanted: Any, value: Any, schema: Any
) -> Iterator[ValidationError]:
    """As the library's, but in one pass: its own compares every item with every other."""
    if not wanted or not isinstance(value, list):
        return
    seen = set()
    for item in value:
        frozen = _frozen(item)
        if frozen in seen:
            yield ValidationError("it has items that are the same")
            return
        seen.add(frozen)


def _frozen(value: Any) -> Any:
    _CHECKS.count()
    if isinstance(value, dict):
        return ("{", frozenset((key, _frozen(each)) for key, each in value.items()))
    if isinstance(value, list):
        return ("[", *map(_frozen, value))
    return ("b", value) if isinstance(value, bool) else value


def _is_moment(value: object) -> bool:
    """Whether a text is a date and a time. Raises ValueError when it is not."""
    if isinstance(value, str):
        if len(value) < len("2026-01-01T00:00Z"):
            raise ValueError("too short")
        datetime.fromisoformat(value)
    return True


_FORMATS: Final = FormatChecker(formats=FORMATS[:-1])
_FORMATS.checkers = {
    **{name: FormatChecker.checkers[name] for name in FORMATS[:-1]},
    "date-time": (_is_moment, ValueError),
}
_VALIDATOR: Final[Any] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        **{word: _counted(check) for word, check in Draft202012Validator.VALIDATORS.items()},
        "pattern": _counted(_check_pattern),
        "patternProperties": _counted(_check_pattern_properties),
        "additionalProperties": _counted(_check_additional_properties),
        "uniqueItems": _counted(_check_unique_items),
    },
)
