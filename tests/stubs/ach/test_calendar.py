"""Banking days and settlement, against dates that the Federal Reserve published."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.services.ach.calendar import (
    EASTERN,
    add_banking_days,
    bank_holidays,
    clamp_ms,
    eastern_day,
    epoch_ms_of,
    find_passage,
    first_banking_day,
    is_banking_day,
)
from tests.stubs.ach.rail import eastern_ms

HOLIDAYS = {
    2020: "01-01 01-20 02-17 05-25 09-07 10-12 11-11 11-26 12-25",  # 4 July on a Saturday
    2021: "01-01 01-18 02-15 05-31 07-05 09-06 10-11 11-11 11-25",  # Christmas on a Saturday
    2022: "01-17 02-21 05-30 06-20 07-04 09-05 10-10 11-11 11-24 12-26",  # New Year on a Saturday
    2023: "01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-23 12-25",  # Veterans on a Saturday
    2024: "01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25",
    2025: "01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25",
    2026: "01-01 01-19 02-16 05-25 06-19 09-07 10-12 11-11 11-26 12-25",  # 4 July on a Saturday
}


@pytest.mark.parametrize("year", HOLIDAYS)
def test_the_holidays_are_those_of_the_federal_reserve(year: int) -> None:
    wanted = {date.fromisoformat(f"{year}-{day}") for day in HOLIDAYS[year].split()}
    assert bank_holidays(year) == wanted


@pytest.mark.parametrize("day", ["2020-07-03", "2021-12-24", "2021-12-31", "2026-07-03"])
def test_a_saturdays_holiday_is_not_kept_on_the_friday(day: str) -> None:
    assert is_banking_day(date.fromisoformat(day))


@pytest.mark.parametrize(
    ("year", "has_king", "has_juneteenth"),
    [(1985, False, False), (1986, True, False), (2019, True, False), (2025, True, True)],
)
def test_a_holiday_is_not_kept_before_there_was_one(
    year: int, has_king: bool, has_juneteenth: bool
) -> None:
    months = [day.month for day in bank_holidays(year) if day != date(year, 1, 1)]
    assert (1 in months, 6 in months) == (has_king, has_juneteenth)


@given(st.integers(1970, 2200))
def test_any_year_has_its_holidays_on_weekdays(year: int) -> None:
    holidays = bank_holidays(year)
    assert 7 <= len(holidays) <= 11
    assert all(day.weekday() < 5 and day.year == year for day in holidays)


STANDARD = [
    pytest.param("2020-03-15 10:05", "2020-03-16 20:00", "2020-03-17 08:30", id="on a Sunday"),
    pytest.param("2026-11-23 09:00", "2026-11-23 20:00", "2026-11-24 08:30", id="a Monday"),
    pytest.param("2026-11-23 20:00", "2026-11-23 20:00", "2026-11-24 08:30", id="at the cutoff"),
    pytest.param("2026-11-23 20:01", "2026-11-24 20:00", "2026-11-25 08:30", id="past the cutoff"),
    pytest.param("2026-11-25 12:00", "2026-11-25 20:00", "2026-11-27 08:30", id="Thanksgiving"),
    pytest.param("2026-11-25 23:00", "2026-11-27 20:00", "2026-11-30 08:30", id="and its weekend"),
    pytest.param("2026-11-27 21:00", "2026-11-30 20:00", "2026-12-01 08:30", id="a Friday night"),
    pytest.param("2025-12-31 21:00", "2026-01-02 20:00", "2026-01-05 08:30", id="New Year"),
    pytest.param("2026-03-06 19:59", "2026-03-06 20:00", "2026-03-09 08:30", id="clocks forward"),
    pytest.param("2026-10-30 19:59", "2026-10-30 20:00", "2026-11-02 08:30", id="clocks back"),
    pytest.param("2022-12-23 20:30", "2022-12-27 20:00", "2022-12-28 08:30", id="moved Christmas"),
]


@pytest.mark.parametrize(("taken", "leaves", "settles"), STANDARD)
def test_a_standard_payment_settles_on_the_next_banking_day(
    taken: str, leaves: str, settles: str
) -> None:
    passage = find_passage(eastern_ms(taken))
    assert passage.submitted_ms == eastern_ms(leaves)
    assert passage.settled_ms == eastern_ms(settles)
    assert passage.settles_on.isoformat() == settles[:10]


SAME_DAY = [
    pytest.param("2026-11-23 10:30", "2026-11-23 13:00", id="the first window"),
    pytest.param("2026-11-23 10:31", "2026-11-23 17:00", id="the second"),
    pytest.param("2026-11-23 16:45", "2026-11-23 18:00", id="the third"),
    pytest.param("2026-11-23 16:46", "2026-11-24 13:00", id="too late"),
    pytest.param("2026-11-25 17:00", "2026-11-27 13:00", id="before Thanksgiving"),
    pytest.param("2026-11-28 11:00", "2026-11-30 13:00", id="on a Saturday"),
    pytest.param("2026-03-08 03:30", "2026-03-09 13:00", id="the night of the clocks"),
]


@pytest.mark.parametrize(("taken", "settles"), SAME_DAY)
def test_a_same_day_payment_settles_with_its_window(taken: str, settles: str) -> None:
    passage = find_passage(eastern_ms(taken), is_same_day=True)
    assert passage.settled_ms == eastern_ms(settles)
    assert passage.submitted_ms < passage.settled_ms


def test_cutoff_and_settlement_can_be_set() -> None:
    passage = find_passage(eastern_ms("2026-11-24 17:01"), cutoff=time(17), settle_days=2)
    assert passage.submitted_ms == eastern_ms("2026-11-25 17:00")
    assert passage.settles_on == date(2026, 11, 30)


def test_an_hour_is_an_hour_when_the_clocks_change() -> None:
    """Midnight to midnight is 23 and 25 hours then, which faces alone would not tell."""
    hours = [
        (epoch_ms_of(day + timedelta(days=1), time()) - epoch_ms_of(day, time())) / 3_600_000
        for day in (date(2026, 3, 7), date(2026, 3, 8), date(2026, 11, 1))
    ]
    assert hours == [24, 23, 25]


def test_an_hour_that_comes_twice_is_the_first_of_them() -> None:
    twice = datetime(2026, 11, 1, 1, 30, tzinfo=EASTERN, fold=0)
    assert epoch_ms_of(date(2026, 11, 1), time(1, 30)) == twice.timestamp() * 1000


@given(st.floats(), st.booleans())
def test_any_time_that_a_caller_claims_has_a_passage(epoch_ms: float, is_same_day: bool) -> None:
    passage = find_passage(epoch_ms, is_same_day=is_same_day)
    assert clamp_ms(epoch_ms) <= passage.submitted_ms < passage.settled_ms
    assert is_banking_day(passage.settles_on)
    assert eastern_day(passage.settled_ms) == passage.settles_on


@given(st.dates(date(1990, 1, 1), date(2190, 1, 1)), st.integers(0, 12))
def test_banking_days_are_counted_one_by_one(day: date, count: int) -> None:
    found = add_banking_days(day, count)
    between = [day + timedelta(days=n) for n in range(1, (found - day).days + 1)]
    assert sum(map(is_banking_day, between)) == count
    assert first_banking_day(day) - day < timedelta(days=6)
