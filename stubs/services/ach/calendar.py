"""When ACH money moves: banking days, cutoffs and settlement, in US Eastern time.

The holidays are those of the Federal Reserve, by rule for any year: one that falls on a Sunday is
kept on the Monday after it, one that falls on a Saturday is not kept at all. Today's rules hold
whatever year a trace was recorded in. Floor 1, pure. Read next: `returns.py`, `payments.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

EASTERN: Final = ZoneInfo("America/New_York")
HOUR_MS: Final = 3_600_000

STANDARD_CUTOFF: Final = time(20, 0)
"""What the bank has by then leaves with that banking day's file."""
STANDARD_SETTLES: Final = time(8, 30)
SAME_DAY_WINDOWS: Final = (
    (time(10, 30), time(13, 0)),
    (time(14, 45), time(17, 0)),
    (time(16, 45), time(18, 0)),
)
"""Until when an entry is taken, and when it settles."""

_FIRST_MS: Final = 0
_LAST_MS: Final = 7_258_118_400_000
"""The start of 2200. A caller may claim any time; dates end somewhere."""

_MONDAY: Final = 0
_THURSDAY: Final = 3
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Passage:
    """When a payment leaves with a file and when it settles, in Unix milliseconds.

    settles_on: the banking day of the latter, in Eastern time.
    """

    submitted_ms: int
    settled_ms: int
    settles_on: date


def find_passage(
    epoch_ms: float,
    *,
    is_same_day: bool = False,
    cutoff: time = STANDARD_CUTOFF,
    settle_days: int = 1,
) -> Passage:
    """The way of a payment that was taken at `epoch_ms`.

    cutoff: of standard payments.   settle_days: banking days until these settle, at least 1.
    """
    taken_ms = clamp_ms(epoch_ms)
    today = eastern_day(taken_ms)
    if is_same_day:
        return _same_day_passage(taken_ms, today)
    leaves_on = first_banking_day(today)
    if epoch_ms_of(leaves_on, cutoff) < taken_ms:
        leaves_on = add_banking_days(leaves_on, 1)
    return _standard_passage(leaves_on, cutoff, settle_days)


@lru_cache(maxsize=1024)
def _standard_passage(leaves_on: date, cutoff: time, settle_days: int) -> Passage:
    settles_on = add_banking_days(leaves_on, settle_days)
    return Passage(
        epoch_ms_of(leaves_on, cutoff), epoch_ms_of(settles_on, STANDARD_SETTLES), settles_on
    )


def _same_day_passage(taken_ms: int, today: date) -> Passage:
    day = first_banking_day(today)
    for deadline, settles in SAME_DAY_WINDOWS:
        if taken_ms <= epoch_ms_of(day, deadline):
            return Passage(epoch_ms_of(day, deadline), epoch_ms_of(day, settles), day)
    day = add_banking_days(day, 1)
    deadline, settles = SAME_DAY_WINDOWS[0]
    return Passage(epoch_ms_of(day, deadline), epoch_ms_of(day, settles), day)


def clamp_ms(epoch_ms: float) -> int:
    """A Unix time that has a date, whatever somebody claims: 1970 to 2199."""
    if not math.isfinite(epoch_ms):
        return _FIRST_MS
    return int(min(max(epoch_ms, _FIRST_MS), _LAST_MS))


def eastern_day(epoch_ms: float) -> date:
    """Which day it is in New York, at a time that has a date."""
    return _day_of_hour(int(epoch_ms // HOUR_MS))


@lru_cache(maxsize=1024)
def _day_of_hour(hour: int) -> date:
    """Days begin on the hour, and so do summer and winter."""
    return datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC).astimezone(EASTERN).date()


@lru_cache(maxsize=1024)
def epoch_ms_of(day: date, at: time) -> int:
    """Unix time of a time of day in New York; the first of two when the clocks go back.

    Through UTC, because times of one zone are compared and subtracted by their faces alone.
    """
    return round(datetime.combine(day, at, EASTERN).astimezone(UTC).timestamp() * 1000)


def is_banking_day(day: date) -> bool:
    """Whether the Federal Reserve settles that day."""
    return day.weekday() < _SATURDAY and day not in bank_holidays(day.year)


def first_banking_day(day: date) -> date:
    """That day, or the next one that is a banking day."""
    while not is_banking_day(day):
        day += timedelta(days=1)
    return day


def add_banking_days(day: date, count: int) -> date:
    """The `count`-th banking day after `day`, which need not be one itself."""
    for _ in range(count):
        day = first_banking_day(day + timedelta(days=1))
    return day


@lru_cache(maxsize=64)
def bank_holidays(year: int) -> frozenset[date]:
    """The days of the year that the Federal Reserve keeps as holidays, as observed."""
    days = {
        date(year, 1, 1),  # New Year's Day
        _nth(year, 2, _MONDAY, 3),  # Washington's Birthday
        _last_monday_of_may(year),  # Memorial Day
        date(year, 7, 4),  # Independence Day
        _nth(year, 9, _MONDAY, 1),  # Labor Day
        _nth(year, 10, _MONDAY, 2),  # Columbus Day
        date(year, 11, 11),  # Veterans Day
        _nth(year, 11, _THURSDAY, 4),  # Thanksgiving Day
        date(year, 12, 25),  # Christmas Day
    }
    if year >= 1986:
        days.add(_nth(year, 1, _MONDAY, 3))  # Birthday of Martin Luther King, Jr.
    if year >= 2022:
        days.add(date(year, 6, 19))  # Juneteenth
    # A Sunday's holiday never moves into another year: neither the 25th nor the 1st can.
    return frozenset(_observed(day) for day in days if day.weekday() != _SATURDAY)


def _observed(day: date) -> date:
    return day + timedelta(days=1) if day.weekday() > _SATURDAY else day


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())
