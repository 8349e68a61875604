"""Dates of birth: another date of the same five years, decided by the date itself and the key.

So one citizen has one date in every file, whatever stands beside it, and nobody's age group
changes. Read next: `tokens.py`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from functools import lru_cache
from typing import Final, NamedTuple

from replay.identifiers.sandbox import is_sandbox_date
from replay.pseudonyms.keyed import Keyed

_BAND: Final = 5
_OLDEST: Final = 30
"""A year of two digits above this is of the last century."""
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_ISO: Final = re.compile(
    r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?P<tail>[T ][\d:.,Z+\- ]{0,40})?"
)
_COMPACT: Final = re.compile(r"(?P<y>(?:18|19|20)\d\d)(?P<m>[01]\d)(?P<d>[0-3]\d)")
_COMPACT_US: Final = re.compile(r"(?P<m>[01]\d)(?P<d>[0-3]\d)(?P<y>(?:18|19|20)\d\d)")
_SHORT: Final = re.compile(r"(?P<a>\d{1,2})(?P<s>[-/. ])(?P<b>\d{1,2})(?P=s)(?P<y>\d{4}|\d\d)")
_WORDS: Final = re.compile(
    r"(?P<M>[A-Za-z]{3,9})(?P<t>[. ]{1,2})(?P<d>\d{1,2})(?:st|nd|rd|th)?(?P<u>,? |,)(?P<y>\d{4})"
)
_DAY_WORDS: Final = re.compile(
    r"(?P<d>\d{1,2})(?:st|nd|rd|th)?(?P<t>[-. ]{1,2})(?P<M>[A-Za-z]{3,9})(?P<u>[-., ]{1,2})"
    r"(?P<y>\d{4})"
)
_YEAR: Final = re.compile(r"(?:18|19|20)\d\d")


class _Read(NamedTuple):
    """A date, and how to write another one so: `{y}-{m}-{d}` with the widths of each."""

    year: int
    month: int
    day: int
    written: tuple[tuple[str, int], ...]
    """Pieces: a field's letter with its width, or a text with 0."""


def birth_date(keyed: Keyed, text: str) -> str | None:
    """The pseudonym of a date in its own format; a year alone stays."""
    if _YEAR.fullmatch(text):
        return text
    read = _read(text.strip())
    if read is None:
        return None
    if is_sandbox_date(read.year, read.month, read.day):
        return text
    dates = sandbox_dates(read.year - read.year % _BAND)
    source = f"{read.year}-{read.month}-{read.day}"
    return _write(read, *dates[keyed.number("birth date", source) % len(dates)])


def birth_date_of_band(text: str) -> str | None:
    """One date for all of the same five years, in the format of the text; None if it is no date."""
    read = _read(text.strip())
    if read is None:
        return None
    return _write(read, *sandbox_dates(read.year - read.year % _BAND)[0])


@lru_cache(64)
def sandbox_dates(start: int) -> tuple[tuple[int, int, int], ...]:
    """The dates of five years on which people of the sandbox are born."""
    return tuple(
        (year, month, day)
        for year in range(max(start, 1), start + _BAND)
        for month in range(1, 13)
        for day in range(1, monthrange(year, month)[1] + 1)
        if is_sandbox_date(year, month, day)
    )


def _read(text: str) -> _Read | None:
    for pattern, read in _FORMATS:
        found = pattern.fullmatch(text)
        if found is not None:
            date = read(found)
            if date is not None and _is_date(date):
                return date
    return None


def _is_date(date: _Read) -> bool:
    return (
        1800 <= date.year < 2100
        and 1 <= date.month <= 12
        and 1 <= date.day <= monthrange(date.year, date.month)[1]
    )


def _read_numbers(found: re.Match[str]) -> _Read | None:
    groups = found.groupdict()
    order = sorted("ymd", key=found.start)
    mark = groups.get("s") or ""
    pieces: list[tuple[str, int]] = []
    for at, field in enumerate(order):
        pieces += [(mark, 0)] if at and mark else []
        pieces.append((field, len(groups[field])))
    pieces.append((groups.get("tail") or "", 0))
    return _Read(int(groups["y"]), int(groups["m"]), int(groups["d"]), tuple(pieces))


def _read_short(found: re.Match[str]) -> _Read | None:
    """Month first, as Americans write; day first where it cannot be a month, or with dots."""
    a, b, mark = found["a"], found["b"], found["s"]
    year = int(found["y"])
    if len(found["y"]) == 2:
        year += 1900 if year > _OLDEST else 2000
    is_day_first = int(a) > 12 or (mark == "." and int(b) <= 12)
    first, second = ("d", "m") if is_day_first else ("m", "d")
    month, day = (int(b), int(a)) if is_day_first else (int(a), int(b))
    written = ((first, len(a)), (mark, 0), (second, len(b)), (mark, 0), ("y", len(found["y"])))
    return _Read(year, month, day, written)


def _read_words(found: re.Match[str]) -> _Read | None:
    word = found["M"].lower()
    months = [at for at, name in enumerate(_MONTHS, 1) if name == word or name[:3] == word]
    if not months and word == "sept":
        months = [9]
    if not months:
        return None
    style = _style(found["M"])
    fields = {"M": ("M" + style, len(word)), "d": ("d", len(found["d"]))}
    one, two = sorted(fields, key=found.start)
    written = (fields[one], (found["t"], 0), fields[two], (found["u"], 0), ("y", 4))
    return _Read(int(found["y"]), months[0], int(found["d"]), written)


def _style(word: str) -> str:
    return "U" if word.isupper() else "L" if word.islower() else "T"


def _write(read: _Read, year: int, month: int, day: int) -> str:
    return "".join([_piece(what, width, year, month, day) for what, width in read.written])


def _piece(what: str, width: int, year: int, month: int, day: int) -> str:
    if not width:
        return what
    if what == "y":
        return f"{year % 10**width:0{width}d}"
    if what in ("m", "d"):
        return f"{month if what == 'm' else day:0{width}d}"
    name = _MONTHS[month - 1] if width > 3 else _MONTHS[month - 1][:3]
    return {"U": name.upper(), "L": name, "T": name.capitalize()}[what[1]]


_FORMATS: Final = (
    (_ISO, _read_numbers),
    (_COMPACT, _read_numbers),
    (_COMPACT_US, _read_numbers),
    (_SHORT, _read_short),
    (_WORDS, _read_words),
    (_DAY_WORDS, _read_words),
)
