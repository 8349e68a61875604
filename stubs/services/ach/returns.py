"""Why a payment comes back: Nacha return codes, when each may come, and which one a payment meets.

A code comes only where the rules let it: R01 for debits, R29 for corporate accounts, and so on.
Which payments meet one is a draw by hash, or asked for with a test account (`TEST-R03`).
docs/ach.md has the table in words. Floor 1, pure. Read next: `ledger.py`, `payments.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from stubs.services.ach.calendar import add_banking_days, first_banking_day
from switchboard.seeded import text64, unit

Sender = Literal["RDFI", "operator"]
Window = Literal["banking", "calendar", "file", "agreed"]
"""Two banking days, sixty calendar days, the next file, or as the two banks agree."""
Direction = Literal["debit", "credit"]

CONSUMER_CODES: Final = frozenset({"PPD", "WEB", "TEL"})
CORPORATE_CODES: Final = frozenset({"CCD", "CTX"})
ENTRY_CODES: Final = CONSUMER_CODES | CORPORATE_CODES
"""The standard entry class codes that this stub takes."""

RETURN_BANKING_DAYS: Final = 2
RETURN_CALENDAR_DAYS: Final = 60

_ACCOUNT_DRAW: Final = 40
_PAYMENT_DRAW: Final = 41
_DAY_DRAW: Final = 42
_TEST_ACCOUNT: Final = re.compile(r"(?:.*[^A-Za-z0-9])?(R\d\d)", re.DOTALL)

TEST_ACCOUNTS: Final[Mapping[str, str]] = {
    "000111111116": "R03",
    "000111111113": "R02",
    "000222222227": "R01",
    "000333333335": "R10",
}
"""Account numbers that test modes of payment providers have made well known."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What of a payment decides whether a code can come for it.

    sec: the standard entry class code.   is_consumer: whose account it is for; an entry with a
    corporate code may still be for a consumer, which is what R05 is about.
    """

    sec: str = "PPD"
    direction: Direction = "debit"
    is_consumer: bool = True
    is_prenote: bool = False


@dataclass(frozen=True, slots=True)
class ReturnCode:
    """One code and its rules.

    directions: what it can come for.   secs: with which entry class codes; None with all.
    is_consumer: for whose accounts; None for both.   is_of_account: it is the account that is
    wrong, so each of its payments comes back, and pre-notes too.
    """

    code: str
    meaning: str
    window: Window = "banking"
    sender: Sender = "RDFI"
    directions: frozenset[Direction] = frozenset({"debit", "credit"})
    secs: frozenset[str] | None = None
    is_consumer: bool | None = None
    is_of_account: bool = False

    def can_come_for(self, entry: Entry) -> bool:
        """Whether the rules let this code come for such an entry."""
        if entry.is_prenote and not self.is_of_account:
            return False  # no money was asked for: there is nothing to lack, stop or revoke
        if self.secs is not None and entry.sec not in self.secs:
            return False
        if self.is_consumer is not None and entry.is_consumer is not self.is_consumer:
            return False
        return entry.direction in self.directions


_DEBIT: Final[frozenset[Direction]] = frozenset({"debit"})
_CREDIT: Final[frozenset[Direction]] = frozenset({"credit"})


def _table(*codes: ReturnCode) -> Mapping[str, ReturnCode]:
    return {each.code: each for each in codes}


RETURN_CODES: Final = _table(
    ReturnCode("R01", "insufficient funds", directions=_DEBIT),
    ReturnCode("R02", "account closed", is_of_account=True),
    ReturnCode("R03", "no account, or unable to locate it", is_of_account=True),
    ReturnCode("R04", "invalid account number structure", is_of_account=True),
    ReturnCode(
        "R05",
        "unauthorized debit to a consumer account using a corporate entry class code",
        "calendar",
        directions=_DEBIT,
        secs=CORPORATE_CODES,
        is_consumer=True,
    ),
    ReturnCode("R06", "returned at the originating bank's request", "agreed"),
    ReturnCode(
        "R07",
        "authorization revoked by the customer",
        "calendar",
        directions=_DEBIT,
        secs=CONSUMER_CODES,
        is_consumer=True,
    ),
    ReturnCode("R08", "payment stopped", directions=_DEBIT),
    ReturnCode("R09", "uncollected funds", directions=_DEBIT),
    ReturnCode(
        "R10",
        "the customer advises that the originator is not known or not authorized",
        "calendar",
        directions=_DEBIT,
        secs=CONSUMER_CODES,
        is_consumer=True,
    ),
    ReturnCode(
        "R11",
        "the customer advises that the entry is not as it was authorized",
        "calendar",
        directions=_DEBIT,
        secs=CONSUMER_CODES,
        is_consumer=True,
    ),
    ReturnCode("R13", "invalid routing number", "file", "operator", is_of_account=True),
    ReturnCode("R16", "account frozen, or returned as OFAC instructs", is_of_account=True),
    ReturnCode("R20", "non-transaction account", is_of_account=True),
    ReturnCode("R23", "credit refused by the receiver", directions=_CREDIT),
    ReturnCode(
        "R29",
        "the corporate customer advises that the debit is not authorized",
        directions=_DEBIT,
        secs=CORPORATE_CODES,
        is_consumer=False,
    ),
)

DEFAULT_SHARES: Final[Mapping[str, float]] = {
    "R01": 0.004,
    "R02": 0.0008,
    "R03": 0.0015,
    "R04": 0.0004,
    "R10": 0.0003,
    "R16": 0.0001,
    "R20": 0.0002,
    "R29": 0.0003,
}
"""How many of the payments that a code can come for meet it."""


def choose_return(
    entry: Entry,
    account: str,
    identity: str,
    payment: str,
    seed: int,
    shares: Mapping[str, float] = DEFAULT_SHARES,
) -> ReturnCode | None:
    """The code that a payment will come back with, None for most.

    account: its number, which may ask for a code.   identity: whose account it is, at which bank:
    what is wrong with an account is wrong each time.   payment: its name, for everything else.
    """
    asked_for = asked_code(account)
    if asked_for is not None:
        return asked_for if asked_for.can_come_for(entry) else None
    if not shares:
        return None
    of_account = unit(seed, text64(identity), _ACCOUNT_DRAW)
    of_payment = unit(seed, text64(payment), _PAYMENT_DRAW)
    for code, share in shares.items():
        found = RETURN_CODES[code]
        if not found.can_come_for(entry):
            continue
        # Each takes its share off the same draw, so that no code stands in another's way.
        if found.is_of_account:
            of_account -= share
        else:
            of_payment -= share
        if min(of_account, of_payment) < 0:
            return found
    return None


def asked_code(account: str) -> ReturnCode | None:
    """The code that a test account asks for: `TEST-R03`, or a well-known number."""
    found = _TEST_ACCOUNT.fullmatch(account)
    return RETURN_CODES.get(found[1] if found else TEST_ACCOUNTS.get(account, ""))


def last_return_day(code: ReturnCode, settled_on: date) -> date:
    """The last banking day on which it may come.

    Sixty calendar days end with the banking day after the sixtieth. What two banks agree on has
    no end in the rules; it is given as much here.
    """
    if code.window == "file":
        return settled_on
    if code.window == "banking":
        return add_banking_days(settled_on, RETURN_BANKING_DAYS)
    return add_banking_days(settled_on + timedelta(days=RETURN_CALENDAR_DAYS), 1)


def choose_return_day(code: ReturnCode, settled_on: date, payment: str, seed: int) -> date:
    """The banking day on which it comes, within its window."""
    if code.window == "file":
        return settled_on
    draw = unit(seed, text64(payment), _DAY_DRAW)
    if code.window == "banking":
        return add_banking_days(settled_on, 1 + int(draw * RETURN_BANKING_DAYS))
    return first_banking_day(settled_on + timedelta(days=1 + int(draw * RETURN_CALENDAR_DAYS)))
