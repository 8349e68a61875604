"""Reading values that anybody may have written: the right type, or a sentence that says so.

Floor 1, pure. Every function raises NotTakenError, which refuses the item that is being read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.report import NotTakenError
from switchboard.fault_reader import kind_of, shown

MAX_MS: Final = 24 * 3_600_000.0
MAX_TEXT: Final = 2_000


def mapping_of(value: object, what: str) -> Mapping[str, Any]:
    """The mapping, all of whose keys are text."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise NotTakenError(f"{what} must be a mapping, not {kind_of(value)}")
    return value


def mapping_in(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under a key; one that is missing or null is empty."""
    value = raw.get(key)
    return {} if value is None else mapping_of(value, f"`{key}`")


def list_in(raw: Mapping[str, Any], key: str) -> list[Any]:
    """The list under a key; one that is missing or null is empty."""
    value = raw.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise NotTakenError(f"`{key}` must be a list, not {kind_of(value)}")
    return value


def text_in(raw: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """The text under a key; without a default it must be there."""
    value = raw.get(key, default)
    if not isinstance(value, str):
        raise NotTakenError(f"`{key}` must be text, not {kind_of(value)}")
    return value


def whole_in(raw: Mapping[str, Any], key: str, default: int, low: int, high: int) -> int:
    """The whole number under a key, within limits; text of digits counts as one."""
    value = raw.get(key, default)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not low <= value <= high:
        raise NotTakenError(f"`{key}` must be a whole number of {low} to {high}")
    return value


def number_of(value: object, what: str, low: float = 0.0, high: float = MAX_MS) -> float:
    """A finite number within limits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotTakenError(f"{what} must be a number, not {kind_of(value)}")
    if not low <= value <= high or not math.isfinite(value):
        raise NotTakenError(f"{what} must be {low:g} to {high:g}")
    return value


def scalar_text(value: object, what: str) -> str:
    """A text, or a number or truth value written as one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        try:
            return str(value)
        except ValueError:  # an integer of thousands of digits
            raise NotTakenError(f"{what} is a number too long to be read") from None
    if isinstance(value, str):
        return value
    raise NotTakenError(f"{what} must be text, not {kind_of(value)}")


def status_in(raw: Mapping[str, Any], key: str, default: int = 200) -> int:
    """An HTTP status that a server can end with."""
    return whole_in(raw, key, default, 200, 599)


def refuse_unknown(raw: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    """Refuse what says something that we do not know: left out, it would mean something else."""
    for key in raw:
        if key not in known:
            raise NotTakenError(f"{what} has `{shown(key)}`, which has no counterpart here")
