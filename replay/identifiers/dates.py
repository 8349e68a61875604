"""Dates of birth: a date near a telling name, of a year in which somebody alive was born.

Read next: `person_names.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from replay.identifiers import names
from replay.identifiers.kinds import Span
from replay.identifiers.look import Look
from replay.identifiers.sandbox import is_sandbox_date

_MONTHS: Final = {
    name: number
    for number, several in enumerate(
        ("jan", "feb", "mar mär", "apr avr", "may mai", "jun juin", "jul juil", "aug aoû ago",
         "sep", "oct okt", "nov", "dec dez déc"),
        1,
    )
    for name in several.split()
}  # fmt: skip
_WORDS: Final = re.compile(r"d\W{0,2}o\W{0,2}b|birth|born|day|gebu|nais|naci|nasc|geboo")
_GAP: Final = r"[ ./\-,_]{1,2}"
_MONTH: Final = r"([^\W\d_]{3,10})\.?"
_YMD: Final = re.compile(rf"(?<!\d)(\d{{4}}){_GAP}(\d{{1,2}}){_GAP}(\d{{1,2}})(?!\d)")
_DMY: Final = re.compile(rf"(?<!\d)(\d{{1,2}}){_GAP}(\d{{1,2}}){_GAP}(\d{{4}}|\d\d)(?!\d)")
_COMPACT: Final = re.compile(r"(?<![\w.-])(\d{8})(?![\w.-])")
_DAY_MONTH: Final = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th)?(?:{_GAP}|\. )(?:of )?{_MONTH}{_GAP}(\d{{4}})(?!\d)"
)
_MONTH_DAY: Final = re.compile(
    rf"(?<![^\W\d_]){_MONTH}{_GAP}(\d{{1,2}})(?:st|nd|rd|th)?{_GAP}(\d{{4}})(?!\d)"
)
EARLIEST: Final = 1900
LATEST: Final = 2030


def find_birth_dates(look: Look) -> Iterator[Span]:
    if not look.mentions(names.BIRTH, _WORDS):
        return
    for start, end, readings in _dates(look.text):
        if look.tells(names.BIRTH, start, end) and _is_somebodys(readings):
            yield Span("birth_date", start, end)


_Readings = list[tuple[int, int, int]]


def _is_somebodys(readings: _Readings) -> bool:
    """Read one way at least it is a date, and it is the sandbox's in no way."""
    real = [each for each in readings if _is_plausible(*each)]
    return bool(real) and not any(is_sandbox_date(*each) for each in real)


def _is_plausible(year: int, month: int, day: int) -> bool:
    if not EARLIEST <= year <= LATEST:
        return False
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _dates(text: str) -> Iterator[tuple[int, int, _Readings]]:
    for found in _YMD.finditer(text):
        year, month, day = map(int, found.groups())
        yield found.start(), found.end(), [(year, month, day)]
    for found in _DMY.finditer(text):
        first, second, last = map(int, found.groups())
        years = [last] if last > 99 else [1900 + last, 2000 + last]
        either = [(year, *pair) for year in years for pair in ((first, second), (second, first))]
        yield found.start(), found.end(), either
    for found in _COMPACT.finditer(text):
        yield found.start(), found.end(), _compact(found[1])
    for found in _DAY_MONTH.finditer(text):
        yield found.start(), found.end(), [(int(found[3]), _month(found[2]), int(found[1]))]
    for found in _MONTH_DAY.finditer(text):
        yield found.start(), found.end(), [(int(found[3]), _month(found[1]), int(found[2]))]


def _compact(digits: str) -> _Readings:
    year, last = int(digits[:4]), int(digits[4:])
    first, second = int(digits[:2]), int(digits[2:4])
    return [(year, *divmod(last, 100)), (last, first, second), (last, second, first)]


def _month(word: str) -> int:
    """Its number; 0 when it is none."""
    return _MONTHS.get(word[:4].lower()) or _MONTHS.get(word[:3].lower(), 0)
