"""Return codes: when each may come, and that none comes otherwise."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.services.ach.calendar import is_banking_day
from stubs.services.ach.returns import (
    DEFAULT_SHARES,
    ENTRY_CODES,
    RETURN_CODES,
    TEST_ACCOUNTS,
    Direction,
    Entry,
    asked_code,
    choose_return,
    choose_return_day,
    last_return_day,
)

DEBIT = Entry()
CREDIT = Entry(direction="credit")
CORPORATE = Entry("CCD", "debit", is_consumer=False)
CONSUMER_BY_CCD = Entry("CCD", "debit", is_consumer=True)
PRENOTE = Entry(is_prenote=True)

# Which of five entries a code can come for.
RULES = {
    "R01": (DEBIT, CORPORATE, CONSUMER_BY_CCD),
    "R02": (DEBIT, CREDIT, CORPORATE, CONSUMER_BY_CCD, PRENOTE),
    "R03": (DEBIT, CREDIT, CORPORATE, CONSUMER_BY_CCD, PRENOTE),
    "R04": (DEBIT, CREDIT, CORPORATE, CONSUMER_BY_CCD, PRENOTE),
    "R05": (CONSUMER_BY_CCD,),
    "R06": (DEBIT, CREDIT, CORPORATE, CONSUMER_BY_CCD),
    "R07": (DEBIT,),
    "R08": (DEBIT, CORPORATE, CONSUMER_BY_CCD),
    "R09": (DEBIT, CORPORATE, CONSUMER_BY_CCD),
    "R10": (DEBIT,),
    "R11": (DEBIT,),
    "R13": (DEBIT, CREDIT, CORPORATE, CONSUMER_BY_CCD, PRENOTE),
    "R16": (DEBIT, CREDIT, CORPORATE, CONSUMER_BY_CCD, PRENOTE),
    "R20": (DEBIT, CREDIT, CORPORATE, CONSUMER_BY_CCD, PRENOTE),
    "R23": (CREDIT,),
    "R29": (CORPORATE,),
}
ENTRIES = (DEBIT, CREDIT, CORPORATE, CONSUMER_BY_CCD, PRENOTE)
LATE = {"R05", "R07", "R10", "R11"}
directions: st.SearchStrategy[Direction] = st.sampled_from(["debit", "credit"])
entries = st.builds(
    Entry, st.sampled_from(sorted(ENTRY_CODES)), directions, st.booleans(), st.booleans()
)


@pytest.mark.parametrize("code", RETURN_CODES)
def test_a_code_comes_for_what_the_rules_let_it(code: str) -> None:
    can = tuple(entry for entry in ENTRIES if RETURN_CODES[code].can_come_for(entry))
    assert can == RULES[code]


@pytest.mark.parametrize("code", RETURN_CODES)
def test_an_account_can_ask_for_a_code(code: str) -> None:
    assert asked_code(f"TEST-{code}") is RETURN_CODES[code]
    for entry in ENTRIES:
        found = choose_return(entry, f"FAKE-{code}", "id", "PAY-1", 1, {})
        assert found == (RETURN_CODES[code] if entry in RULES[code] else None)


@pytest.mark.parametrize("account", ["", "FAKE-1234", "R0", "R010", "TEST-R99", "XR01", "R01-"])
def test_other_accounts_ask_for_nothing(account: str) -> None:
    assert asked_code(account) is None


def test_the_well_known_numbers_ask_for_codes() -> None:
    assert {account: asked_code(account) for account in TEST_ACCOUNTS} == {
        account: RETURN_CODES[code] for account, code in TEST_ACCOUNTS.items()
    }


@pytest.mark.parametrize(
    ("code", "settled", "last"),
    [
        pytest.param("R01", "2026-11-24", "2026-11-27", id="over Thanksgiving"),
        pytest.param("R03", "2026-11-27", "2026-12-01", id="over a weekend"),
        pytest.param("R29", "2026-11-23", "2026-11-25", id="two banking days for corporates"),
        pytest.param("R10", "2026-11-24", "2027-01-25", id="sixty calendar days, then a Monday"),
        pytest.param("R13", "2026-11-24", "2026-11-24", id="the operator's, at once"),
    ],
)
def test_the_window_of_a_code_ends(code: str, settled: str, last: str) -> None:
    day = last_return_day(RETURN_CODES[code], date.fromisoformat(settled))
    assert day.isoformat() == last


@given(st.sampled_from(sorted(RETURN_CODES)), st.dates(date(2000, 1, 3), date(2100, 1, 1)))
def test_a_return_comes_within_its_window(code: str, around: date) -> None:
    found = RETURN_CODES[code]
    days = {choose_return_day(found, around, f"PAY-{n}", 3) for n in range(8)}
    assert all(around <= day <= last_return_day(found, around) for day in days)
    assert code == "R13" or all(is_banking_day(day) and day > around for day in days)
    if code in LATE:
        assert max(days) > last_return_day(RETURN_CODES["R01"], around)


@given(entries, st.text(max_size=5), st.integers(0, 2**64), st.text(max_size=9))
def test_what_comes_may_come(entry: Entry, account: str, seed: int, payment: str) -> None:
    shares = dict.fromkeys(RETURN_CODES, 0.5)
    found = choose_return(entry, account, account, payment, seed, shares)
    assert found is None or found.can_come_for(entry)
    assert found == choose_return(entry, account, account, payment, seed, shares)


@pytest.mark.parametrize("entry", [DEBIT, CREDIT, CORPORATE])
def test_the_default_shares_are_small_and_met(entry: Entry) -> None:
    wanted = sum(DEFAULT_SHARES[c] for c in DEFAULT_SHARES if entry in RULES[c])
    came = [choose_return(entry, "", f"a {n}", f"PAY-{n}", 7) for n in range(20_000)]
    assert len([code for code in came if code]) / 20_000 == pytest.approx(wanted, abs=0.002)
    assert sum(DEFAULT_SHARES.values()) < 0.01


def test_a_wrong_account_is_wrong_each_time() -> None:
    shares = {"R03": 0.2}
    by_account = {
        account: {choose_return(DEBIT, "", account, f"PAY-{n}", 5, shares) for n in range(20)}
        for account in map(str, range(100))
    }
    assert all(len(codes) == 1 for codes in by_account.values())
    wrong = [codes for codes in by_account.values() if codes == {RETURN_CODES["R03"]}]
    assert len(wrong) == pytest.approx(20, abs=12)


def test_too_little_money_is_had_by_the_payment() -> None:
    came = {choose_return(DEBIT, "", "a", f"PAY-{n}", 5, {"R01": 0.3}) for n in range(40)}
    assert came == {None, RETURN_CODES["R01"]}
