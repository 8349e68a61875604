"""What can be set on a fault: one row a parameter, which the parser and the documentation share.

A kind's dataclass says each of its parameters once, by `parameter(unit, meaning, reads, default)`;
`parameters_of` makes the table from it. Floor 1, pure. Read next: `kind.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, Final

from stubs.faults.durations import DAY_MS, parse_ms
from switchboard.fault_reader import kind_of, nearest, shown

REQUIRED: Final = "(required)"
DAY_S: Final = DAY_MS / 1000
MAX_BYTES: Final = 1 << 40
LONGEST_TEXT: Final = 65_536

Reads = Callable[[object], Any]
"""Takes what someone wrote, gives the value; raises ValueError that says what would be right."""
Writes = Callable[[Any], Any]
"""Takes a value, gives it as JSON values that `Reads` takes."""


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row. default: None when it is not set, `REQUIRED` when it must be."""

    name: str
    unit: str
    default: object
    meaning: str
    reads: Reads
    writes: Writes = _as_it_is


def parameter(
    unit: str,
    meaning: str,
    reads: Reads,
    default: object = REQUIRED,
    writes: Writes = _as_it_is,
) -> Any:
    """A field of a kind's dataclass, with all that its row says."""
    metadata = {"unit": unit, "meaning": meaning, "reads": reads, "writes": writes}
    if default is REQUIRED:
        return field(metadata=metadata, kw_only=True)
    return field(default=default, metadata=metadata, kw_only=True)


@cache
def parameters_of(kind: Any) -> tuple[Parameter, ...]:
    """The table of a kind's dataclass."""
    return tuple(
        Parameter(
            each.name,
            each.metadata["unit"],
            REQUIRED if each.default is MISSING else each.default,
            each.metadata["meaning"],
            each.metadata["reads"],
            each.metadata["writes"],
        )
        for each in fields(kind)
        if "reads" in each.metadata
    )


def number(low: float, high: float) -> Reads:
    """A finite number between two limits."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"must be a number from {low:g} to {high:g}, not {kind_of(value)}")
        if not low <= value <= high:  # also NaN
            raise ValueError(f"{_told(value)} is not a number from {low:g} to {high:g}")
        return float(value)

    return read


def whole(low: int, high: int) -> Reads:
    """A whole number between two limits."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low:,} to {high:,}, not {_told(value)}")
        return value

    return read


def share(value: object) -> float:
    """0 to 1. A percentage is a common mistake, so the sentence says how it is written."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"must be a share from 0 to 1 (0.05 is 5 %), not {_told(value)}")
    return float(value)


def milliseconds(value: object) -> float:
    """A number of ms, or a duration such as `2s`; up to a day."""
    return _time(value, 1.0, DAY_MS)


def seconds(value: object) -> float:
    """A number of seconds, or a duration such as `2m`; up to a day."""
    return _time(value, 1000.0, DAY_S)


def long_seconds(value: object) -> float:
    """As `seconds`, up to a year: banks count in days."""
    return _time(value, 1000.0, 366 * DAY_S, "a year")


def signed_seconds(value: object) -> float:
    """As `seconds`, but it may be negative; up to ten years either way."""
    if isinstance(value, str) and value.strip().startswith("-"):
        return -parse_ms(value.strip()[1:]) / 1000
    if isinstance(value, str):
        return parse_ms(value) / 1000
    return float(number(-3650 * DAY_S, 3650 * DAY_S)(value))


def one_of(*words: str) -> Reads:
    """One of a few words."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"{_told(value)} is not known; {_nearest(value, words)}")
        return value

    return read


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_told(value)}")
    return value


def text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"must be text of up to {LONGEST_TEXT:,} characters")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("holds half of a character (a lone surrogate)")
    return value


def header_pairs(value: object) -> tuple[tuple[str, str], ...]:
    """A mapping of header names to texts, as sorted pairs with lower-case names."""
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a mapping such as {{x-reason: drill}}, not {kind_of(value)}")
    return tuple(sorted(_header(name, each) for name, each in value.items()))


_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


def _header(name: object, value: object) -> tuple[str, str]:
    lower = str(name).lower()
    if not isinstance(name, str) or not lower or not set(lower) <= _TOKEN:
        raise ValueError(f"`{shown(name)}` is not the name of a header")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > 4096 or not _is_field_value(value):
        raise ValueError(f"the header {shown(name)} must be one line of plain text")
    return lower, value


def _is_field_value(value: str) -> bool:
    """Printable Latin-1 and tabs: anything else could end the header and begin another one."""
    return all(char == "\t" or " " <= char <= "~" or "\xa0" <= char <= "\xff" for char in value)


def _time(value: object, unit_ms: float, most: float, named: str = "a day") -> float:
    if isinstance(value, str):
        found = parse_ms(value) / unit_ms
        if found > most:
            raise ValueError(f"`{shown(value)}` is longer than {named}")
        return found
    return float(number(0, most)(value))


def _nearest(value: object, words: Sequence[str]) -> str:
    return nearest(value[:80] if isinstance(value, str) else "", words)


def _told(value: object) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return f"`{shown(value)}`" if not _is_odd(value) else "that"
    return kind_of(value)


def _is_odd(value: str | int | float) -> bool:
    """A number that has no sensible text: an integer of thousands of digits cannot be shown."""
    return (isinstance(value, int) and value.bit_length() > 256) or value != value
