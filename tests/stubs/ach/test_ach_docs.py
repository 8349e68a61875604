"""docs/ach.md keeps up with the rail, and so does its definition."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stubs.services.ach.payments import REVERSAL_REASONS
from stubs.services.ach.returns import (
    CONSUMER_CODES,
    DEFAULT_SHARES,
    ENTRY_CODES,
    RETURN_CODES,
    TEST_ACCOUNTS,
)
from stubs.services.ach.settings import FIELDS, LIMITS, AchSettings
from tests.stubs.ach.rail import make_ach

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/ach.md").read_text(encoding="utf-8")
SOURCES = "".join(
    file.read_text(encoding="utf-8") for file in (ROOT / "stubs/services/ach").glob("*.py")
)


def row_of(first: str) -> list[str]:
    """The cells of the table row that starts with a cell."""
    found = re.search(rf"^\| {re.escape(first)} \|(.*)\|$", PAGE, re.MULTILINE)
    assert found, f"docs/ach.md has no row {first}"
    return [cell.strip() for cell in found[1].split("|")]


@pytest.mark.parametrize("code", RETURN_CODES)
def test_every_code_is_documented_as_it_is(code: str) -> None:
    known = RETURN_CODES[code]
    meaning, comes_for, sender, within = row_of(code)
    assert meaning == known.meaning
    assert sender == {"RDFI": "receiving bank", "operator": "operator"}[known.sender]
    windows = {"banking": "2 banking", "calendar": "60 calendar", "file": "file", "agreed": "agree"}
    assert windows[known.window] in within
    assert comes_for.endswith("; account") is known.is_of_account
    assert ("debit" in comes_for) is (known.directions == {"debit"})
    assert ("credit" in comes_for) is (known.directions == {"credit"})
    assert ("consumers'" in comes_for) is (known.is_consumer is True)
    assert ("corporates'" in comes_for) is (known.is_consumer is False)
    assert ("CCD or CTX" in comes_for) is (
        known.secs is not None and not known.secs & CONSUMER_CODES
    )


def test_no_code_is_documented_that_there_is_not() -> None:
    rows = re.findall(r"^\| (R\d\d) \|", PAGE, re.MULTILINE)
    assert rows == list(RETURN_CODES)


@pytest.mark.parametrize("route", [route.name for route in make_ach().routes])
def test_every_route_is_documented(route: str) -> None:
    assert row_of(f"`{route}`")


def test_every_setting_is_documented() -> None:
    defaults = {name: row_of(f"`{name}`")[0] for name in FIELDS}
    usual = AchSettings()
    assert defaults["unavailable"] == str(usual.unavailable)
    assert defaults["cutoff"] == f'`"{usual.cutoff:%H:%M}"`'
    assert int(defaults["remembered"]) == usual.remembered
    assert float(defaults["duplicate_window_s"]) == usual.duplicate_window_s
    assert all(f"`{limit}`" in row_of("`limits`")[1] for limit in LIMITS)


def test_the_default_shares_are_documented() -> None:
    listed = ", ".join(f"{code} {share}" for code, share in DEFAULT_SHARES.items())
    assert f"Default shares: {listed}." in " ".join(PAGE.split())


def test_test_accounts_entry_classes_and_reasons_are_documented() -> None:
    assert all(f"`{account}` ({code})" in PAGE for account, code in TEST_ACCOUNTS.items())
    assert all(f"`{code}`" in PAGE for code in ENTRY_CODES)
    assert all(f"`{reason}`" in PAGE for reason in REVERSAL_REASONS)


def test_every_event_and_reason_of_the_ledger_is_documented() -> None:
    events = set(re.findall(r'_(?:write|line)\(\s*"(\w+)"', SOURCES))
    events |= set(re.findall(r'"(reversal_\w+)"', SOURCES)) | {"refused"}
    reasons = set(re.findall(r'\((?:422|409|503), "(\w+)"', SOURCES)) | {"amount", "limit"}
    assert {"committed", "unheard", "charged_again", "return_told", "settled"} <= events
    assert {"key_reused", "unavailable", "prenote", "duplicate"} <= reasons
    assert sorted(word for word in events | reasons if f"`{word}`" not in PAGE) == []
