"""The stamps that logs write, as epoch nanoseconds and whether they have one-second steps.

Pure. Each `parse_` function takes one spelling and raises EventError("bad ts") for what it is not.
`ClfCache` is the fast way of an access log, where most lines share their stamp with others.
Read next: `switchboard/event.py`, whose `parse_ts` decides what a calendar may say.
"""

from __future__ import annotations

import re
from typing import Final

from switchboard.event import EARLIEST_NS, LATEST_NS, NS_PER_S, EventError, parse_ts

BAD_TS: Final = "bad ts"
OUTSIDE: Final = "ts outside 1990..2100"
UNITS_NS: Final = {"s": NS_PER_S, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds of one step of a number, by the unit's name."""

_MONTHS: Final = {
    name: f"{number:02d}"
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_CLF: Final = re.compile(
    r"(\d\d)/([A-Z][a-z][a-z])/(\d{4}):(\d\d:\d\d:\d\d)([.,]\d{1,30})?(?: ([+-]\d\d):?(\d\d))?",
    re.ASCII,
)
_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)([.,]\d{1,30})? ?([Zz]|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_NUMBER: Final = re.compile(r"(\d{1,20})(?:\.(\d{0,30}))?", re.ASCII)
_WHOLE_CLF: Final = re.compile(rb"\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")
_SIXTIETHS: Final = {b"%02d" % number: number for number in range(60)}
_HELD: Final = 4_096


def parse_clf(text: str) -> tuple[int, bool]:
    """`10/Oct/2000:13:55:36 -0700`, with or without a fraction; (ns, it has one-second steps)."""
    found = _CLF.fullmatch(text)
    month = _MONTHS.get(found[2]) if found else None
    if found is None or month is None:
        raise EventError(BAD_TS)
    zone = f"{found[6]}:{found[7]}" if found[6] else "Z"
    return _parts(f"{found[3]}-{month}-{found[1]}T{found[4]}", found[5], zone)


def parse_iso(text: str) -> tuple[int, bool]:
    """ISO 8601 as logs spell it: a space for the T, a comma, `+0000`; without a zone it is UTC."""
    found = _ISO.fullmatch(text)
    if found is None:
        raise EventError(BAD_TS)
    zone = found[4] or "Z"
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        zone = f"{zone[0]}{digits[:2]}:{digits[2:]}"
    return _parts(f"{found[1]}T{found[2]}", found[3], "Z" if zone == "UTC" else zone)


def parse_number(text: str, unit: str = "") -> tuple[int, bool]:
    """A number since 1970; without a unit, the one that puts it between 1990 and 2100.

    Read digit by digit: a float has too few of them for nanoseconds.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise EventError(BAD_TS)
    step = UNITS_NS[unit or _unit_of(found[1])]
    digits = found[2] or ""
    ns = int(found[1]) * step + int(digits[:9].ljust(9, "0")) * step // NS_PER_S
    if not EARLIEST_NS <= ns < LATEST_NS:
        raise EventError(OUTSIDE)
    return ns, step == NS_PER_S and not digits


def parse_any(value: object) -> tuple[int, bool]:
    """Any of them, as a text or a number. True and False are neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return parse_number(_plain(value))
    if not isinstance(value, str):
        raise EventError(BAD_TS)
    text = value.strip()
    if text[2:3] == "/":
        return parse_clf(text)
    return parse_iso(text) if text[4:5] == "-" else parse_number(text)


class ClfCache:
    """`parse_clf` for stamps of whole seconds, in bytes: what is held are the stamps seen last, and
    the beginnings of their hours."""

    def __init__(self) -> None:
        self._stamps: dict[bytes, int] = {}
        self._hours: dict[bytes, int] = {}

    def find(self, text: bytes) -> int | None:
        """Epoch nanoseconds; None for what is no such stamp, or none that is."""
        known = self._stamps.get(text)
        if known is None and (known := self._learn(text)) is not None:
            if len(self._stamps) >= _HELD:
                self._stamps.clear()
            self._stamps[text] = known
        return known

    def _learn(self, text: bytes) -> int | None:
        minute, second = _SIXTIETHS.get(text[15:17]), _SIXTIETHS.get(text[18:20])
        if minute is None or second is None or text[14:15] + text[17:18] != b"::":
            return None
        key = text[:14] + text[20:]
        hour = self._hours.get(key)
        if hour is None:
            hour = self._learn_hour(text, key)
        # Hours at the edge of what is accepted are left to the other way.
        if hour is None or not EARLIEST_NS <= hour < LATEST_NS - 3_600 * NS_PER_S:
            return None
        return hour + (minute * 60 + second) * NS_PER_S

    def _learn_hour(self, text: bytes, key: bytes) -> int | None:
        if not _WHOLE_CLF.fullmatch(text):
            return None
        try:
            hour, _ = parse_clf(f"{text[:14].decode()}:00:00{text[20:].decode()}")
        except EventError:
            return None
        if len(self._hours) >= _HELD:
            self._hours.clear()
        self._hours[key] = hour
        return hour


def _parts(calendar: str, fraction: str | None, zone: str) -> tuple[int, bool]:
    digits = f".{fraction[1:]}" if fraction else ""
    return parse_ts(f"{calendar}{digits}{zone}"), not digits


def _unit_of(digits: str) -> str:
    """Seconds have up to 10 digits until the year 2286, and each further unit three more."""
    length = len(digits)
    return "s" if length <= 10 else "ms" if length <= 13 else "us" if length <= 16 else "ns"


def _plain(value: float) -> str:
    """The number as its shortest digits, without an exponent."""
    if not 0 <= value < 1e30:  # also refuses NaN
        raise EventError(BAD_TS)
    text = str(value)
    return f"{value:.0f}" if "e" in text else text
