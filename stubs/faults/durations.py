"""Durations as people write them in a timetable: `250ms`, `90s`, `12m`, `1h30m`.

A number alone is refused: nobody can tell whether `15` is minutes or seconds. Floor 1, pure.
Read next: `parameters.py`.
"""

from __future__ import annotations

import re
from typing import Final

from switchboard.fault_reader import kind_of, shown

DAY_MS: Final = 86_400_000.0
YEAR_MS: Final = 366 * DAY_MS
HINT: Final = "write a duration with its unit, such as 250ms, 90s, 12m or 1h30m"

_UNIT_MS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_NUMBER: Final = r"([0-9]{1,15}(?:\.[0-9]{1,20})?(?:e-[0-9]{1,3})?)"
_DURATION: Final = re.compile(
    "".join(rf"(?:{_NUMBER} ?{unit} ?)?" for unit in ("d", "h", "m(?!s)", "s", "ms"))
)
_SIGNED: Final = re.compile(r"[-+]?[0-9.]+")


def parse_ms(value: object) -> float:
    """Milliseconds of a text with units; 0 needs none. Raises ValueError with a clear sentence."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if text == "0" or (_is_number(value) and value == 0):
        return 0.0
    if text.startswith("-") or (isinstance(value, int | float) and value < 0):
        raise ValueError(f"{_shown(value)} is negative; {HINT}")
    if _SIGNED.fullmatch(text) or (not text and _is_number(value)):
        raise ValueError(f"{_shown(value)} has no unit; {HINT}")
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{_shown(value)} is not a duration; {HINT}")
    parts = zip(match.groups(), _UNIT_MS.values(), strict=True)
    return sum(float(number) * ms for number, ms in parts if number)


def format_ms(ms: float) -> str:
    """A text that `parse_ms` reads as exactly the same number: `15m`, `1h30m`, `0.25ms`."""
    if ms != int(ms):
        return f"{ms!r}ms"
    left, words = int(ms), []
    for unit, size in _UNIT_MS.items():
        count, left = divmod(left, size)
        words += [f"{count}{unit}"] * (count > 0)
    return "".join(words) or "0ms"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return kind_of(value)
    return f"`{shown(value)}`"
