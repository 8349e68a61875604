"""Durations and speeds as people write them: `1h30m`, `250ms`, `2x`, `max`.

Floor 2, pure. A wrong text is a ValueError whose sentence says what would be right; whoever reads
a file or a command line adds where it stood.
Read next: `spec.py`.
"""

from __future__ import annotations

import math
import re
from typing import Final

MAX_DURATION_S: Final = 366 * 86_400.0
MIN_SPEED: Final = 0.001
MAX_SPEED: Final = 1_000_000.0

_UNIT_MS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_NUMBER: Final = r"(?:[0-9]{1,15}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})"
_DURATION: Final = re.compile(
    "".join(rf"(?:({_NUMBER}) ?{unit} ?)?" for unit in ("d", "h", "m(?!s)", "s", "ms"))
)
_PLAIN: Final = re.compile(_NUMBER)
_SPEED: Final = re.compile(rf"({_NUMBER}) ?[xX×]?")

DURATION_HINT: Final = "write a duration such as 250ms, 20s, 30m or 1h30m"
SPEED_HINT: Final = "write a speed such as 0.5x, 2x, 60x or max"


def parse_duration(value: object) -> float:
    """Seconds of `1h30m`, `250ms`, `20s`; a bare number is seconds. Never negative.

    Raises ValueError for anything else, and for more than a year.
    """
    if isinstance(value, str):
        seconds = _duration_text(value.strip().lower())
    else:
        seconds = _plain_number(value, DURATION_HINT)
    if seconds < 0:
        raise ValueError(f"{_shown(value)} is negative; {DURATION_HINT}")
    if not seconds <= MAX_DURATION_S:  # also refuses NaN
        raise ValueError(f"{_shown(value)} is longer than a year; {DURATION_HINT}")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest way to write it, to the millisecond: `1h30m`, `1m30.5s`, `250ms`, `0s`."""
    left = round(seconds * 1000)
    if 0 < left < 1000:
        return f"{left}ms"
    parts = []
    for unit in ("d", "h", "m"):
        count, left = divmod(left, _UNIT_MS[unit])
        parts += [f"{count}{unit}"] * (count > 0)
    parts += [f"{left / 1000:g}s"] * (left > 0 or not parts)
    return "".join(parts)


def parse_speed(value: object) -> float:
    """The factor of `2x`, `0.5x`, `60x` or 2; infinity is `max`. Raises ValueError otherwise."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() == "max":
            return math.inf
        match = _SPEED.fullmatch(text)
        if match is None:
            raise ValueError(f"{_shown(value)} is not a speed; {SPEED_HINT}")
        speed = float(match[1])
    else:
        speed = _plain_number(value, SPEED_HINT)
        if speed == math.inf:
            return speed
    if speed == 0:
        raise ValueError(f"at speed {_shown(value)} nothing would ever be sent; {SPEED_HINT}")
    if not MIN_SPEED <= speed <= MAX_SPEED:
        limits = f"{MIN_SPEED:g}x to {MAX_SPEED:,.0f}x"
        raise ValueError(f"speed {_shown(value)} is outside {limits}; {SPEED_HINT}")
    return speed


def format_speed(speed: float) -> str:
    """`2x`, `0.5x` or `max`."""
    if math.isinf(speed):
        return "max"
    return f"{int(speed)}x" if speed == int(speed) else f"{speed!r}x"


def _duration_text(text: str) -> float:
    if _PLAIN.fullmatch(text):
        return float(text)
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{_shown(text)} is not a duration; {DURATION_HINT}")
    parts = zip(match.groups(), _UNIT_MS.values(), strict=True)
    return sum(float(number) * ms for number, ms in parts if number) / 1000


def _plain_number(value: object, hint: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{_shown(value)} is not what is due here; {hint}")
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits: out of every range
        return math.nan


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return f"the YAML value {str(value).lower() if value is not None else 'null'}"
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a mapping"
    return f"`{''.join(char if char.isprintable() else '?' for char in str(value)[:40])}`"
