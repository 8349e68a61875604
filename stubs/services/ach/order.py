"""What a caller asks for: the body of a payment or a pre-note, read and bounded.

Floor 1, pure. Read next: `payments.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from stubs.service import LONGEST_TEXT, Asked, BadRequestError, text_of
from stubs.services.ach.returns import CONSUMER_CODES, ENTRY_CODES, Direction, Entry
from switchboard.seeded import mix64, text64

Amount = int | float | None

MOST_COUNTED_CENTS: Final = 10**15
"""Larger amounts count as this much: over every limit, and still a number that JSON holds."""
LONGEST_URL: Final = 2_000

PAYER_FIELDS: Final = ("citizen", "payer", "customer")
REFERENCE_FIELDS: Final = ("payee", "application", "invoice", "reference")


@dataclass(frozen=True, slots=True)
class Order:
    """One payment as it was asked for.

    key: the Idempotency-Key, which belongs to its tenant; "" without one.
    amount: as it was sent, to the cent.   cents: the same, None without one.   payer: the body's,
    else the user's; "" when nobody says.   what: a hash of who pays what to whom.
    fingerprint: the same, None when too little is said to tell two payments apart by it.
    """

    key: str
    amount: Amount
    cents: int | None
    payer: str
    account: str
    identity: str
    entry: Entry
    is_same_day: bool
    callback_url: str
    what: int
    fingerprint: int | None


def parse_order(asked: Asked, usual: Direction, *, is_prenote: bool = False) -> Order:
    """The order in a request's body. Raises BadRequestError.

    usual: the direction of payments that do not say theirs.
    """
    fields = asked.json()
    cents = cents_of(amount := amount_of(fields))
    payer = _first_text(fields, PAYER_FIELDS) or asked.header(b"x-esr-user")[:LONGEST_TEXT]
    account = text_of(fields.get("account"))
    tenant = (asked.header(b"x-esr-tenant") or asked.header(b"x-tenant-id"))[:LONGEST_TEXT]
    key = asked.header(b"idempotency-key")
    identity = "\0".join((tenant, payer, text_of(fields.get("routing")), account))
    entry = _parse_entry(fields, usual, is_prenote)
    parts = (identity, str(cents), entry.direction, _first_text(fields, REFERENCE_FIELDS))
    what = mix64(asked.seed, text64("\0".join(parts)))
    is_telling = cents is not None and bool(payer or account)
    return Order(
        key=f"{key}\0{tenant}" if key and tenant else key,
        amount=_rounded(amount, cents),
        cents=cents,
        payer=payer,
        account=account,
        identity=identity,
        entry=entry,
        is_same_day=_is_same_day(fields),
        callback_url=_parse_url(fields),
        what=what,
        fingerprint=what if is_telling else None,
    )


def amount_of(fields: Mapping[str, Any]) -> Amount:
    """`amount`, or `amount_usd` as some callers write it, in dollars; None without one.

    Raises BadRequestError: one in quotes would move money and count for nothing.
    """
    amount = fields.get("amount", fields.get("amount_usd"))
    if amount is None:
        return None
    if isinstance(amount, int | float) and not isinstance(amount, bool):
        return amount
    raise BadRequestError("amount must be a number of dollars, such as 74.2")


def cents_of(amount: Amount) -> int | None:
    """Whole cents, the half to the even one."""
    if amount is None:
        return None
    cents = round(Decimal(str(amount)) * 100)
    return max(-MOST_COUNTED_CENTS, min(cents, MOST_COUNTED_CENTS))


def _rounded(amount: Amount, cents: int | None) -> Amount:
    """The amount as it was written when it has whole cents, so that 5 stays 5."""
    return amount if cents is None or amount == cents / 100 else cents / 100


def _parse_entry(fields: Mapping[str, Any], usual: Direction, is_prenote: bool) -> Entry:
    sec = _choose(fields, "sec", tuple(sorted(ENTRY_CODES)), "PPD").upper()
    direction = _choose(fields, "direction", ("credit", "debit"), usual)
    holder = _choose(
        fields,
        "holder",
        ("consumer", "corporate"),
        "consumer" if sec in CONSUMER_CODES else "corporate",
    )
    if sec == "TEL" and direction == "credit":
        raise BadRequestError("an entry authorized by telephone (TEL) must be a debit")
    return Entry(
        sec, "credit" if direction == "credit" else "debit", holder == "consumer", is_prenote
    )


def _choose(fields: Mapping[str, Any], name: str, words: tuple[str, ...], default: str) -> str:
    value = fields.get(name, default)
    if value == default:
        return default
    for word in words:
        if isinstance(value, str) and value.lower() == word.lower():
            return word
    raise BadRequestError(f"{name} must be one of {', '.join(words)}")


def _is_same_day(fields: Mapping[str, Any]) -> bool:
    value = fields.get("same_day", False)
    if isinstance(value, bool):
        return value
    raise BadRequestError("same_day must be true or false")


def _parse_url(fields: Mapping[str, Any]) -> str:
    """Where events of the payment are to be told; whether it may be asked is the guard's to say."""
    url = fields.get("callback_url", "")
    is_url = isinstance(url, str) and url.startswith(("http://", "https://")) and url.isprintable()
    if url and not (is_url and len(url) <= LONGEST_URL):
        raise BadRequestError(f"callback_url must be an http URL of up to {LONGEST_URL} characters")
    return url if is_url else ""


def _first_text(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := text_of(fields.get(name)))), "")
