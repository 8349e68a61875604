"""What a pseudonym looks like: values that provably belong to nobody, recognised without a key.

Whoever looks for identifiers passes these over; whoever makes pseudonyms makes nothing else and
keeps those it meets. A range that was never given out is the proof where there is one. Where there
is none the value proves itself: its end is a public checksum of its start.
Read next: `sandbox_marks.py` (what proves itself), `sandbox_names.py`, `replay/pseudonyms/`.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from replay.identifiers.sandbox_marks import (
    MARK,
    is_marked_account,
    is_sandbox_basic,
    is_sandbox_date,
    is_sandbox_jwt,
    is_sandbox_private_key,
    is_sandbox_token,
    is_sandbox_uuid,
    mark_account,
    token_check,
)
from replay.identifiers.sandbox_names import FIRST_NAMES, LAST_NAMES

__all__ = [
    "FIRST_NAMES", "LAST_NAMES", "MARK", "TEST_BINS", "aba_check", "is_documentation_ip",
    "is_reserved_email", "is_sandbox_aba", "is_sandbox_account", "is_sandbox_basic",
    "is_sandbox_date", "is_sandbox_ein", "is_sandbox_iban", "is_sandbox_itin", "is_sandbox_jwt",
    "is_sandbox_name", "is_sandbox_phone", "is_sandbox_private_key", "is_sandbox_ssn",
    "is_sandbox_token", "is_sandbox_uuid", "is_test_card", "luhn_check", "mark_account",
    "network_of", "token_check",
]  # fmt: skip

TEST_BINS: Final[dict[str, tuple[str, ...]]] = {
    "visa": ("42424242", "41111111", "40000000"),
    "mastercard": ("55555555", "54545454", "22230000"),
    "amex": ("37828224", "37144963"),
    "discover": ("60111111", "60110009"),
    "diners": ("30569309", "36227206"),
    "jcb": ("35301113", "35660020"),
    "unionpay": ("62000000",),
    "maestro": ("67999999",),
    "other": ("99999999",),
}
"""What test numbers of the card networks begin with: published for tests, never issued."""

_NETWORKS: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("visa", r"4"),
        ("mastercard", r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"),
        ("amex", r"3[47]"),
        ("discover", r"6011|64[4-9]|65"),
        ("diners", r"30|36|38|39"),
        ("jcb", r"35"),
        ("unionpay", r"62"),
        ("maestro", r"5[06-9]|6"),
    )
)
_CARD_LENGTHS: Final = range(12, 20)
_TEST_PREFIXES: Final = tuple(each for several in TEST_BINS.values() for each in several)

UNASSIGNED_EINS: Final = (
    "00", "07", "08", "09", "17", "18", "19", "28", "29", "49", "69", "70", "78", "79", "89", "96",
    "97",
)  # fmt: skip
"""Beginnings that the Internal Revenue Service has given to no campus."""

_ABA_ASSIGNED: Final = frozenset(
    f"{number:02d}" for number in (*range(13), *range(21, 33), *range(61, 73), 80)
)
_ABA_WEIGHTS: Final = (3, 7, 1, 3, 7, 1, 3, 7, 1)
_RESERVED_DOMAIN: Final = re.compile(
    r"(?:[^@\s]*\.)?(?:example\.(?:com|net|org)|example|test|invalid|localhost)\.?",
    re.IGNORECASE,
)
_FICTION: Final = re.compile(
    r"(?:00|011)?(?:(?:1?[2-9]\d\d)?55501\d\d|447700900\d{3}|61491570\d{3}|3319900\d{4})"
    r"|07700900\d{3}|0491570\d{3}|019900\d{4}"
)
_NEVER_ISSUED: Final = ("00", "01", "99")
_NOT_A_NAME: Final = re.compile(r"[\W\d_]+")
_WORDS: Final = frozenset(word.casefold() for word in (*FIRST_NAMES, *LAST_NAMES))
KEPT_NAME_WORDS: Final = frozenset(
    {
        "mr",
        "mrs",
        "ms",
        "mx",
        "miss",
        "dr",
        "prof",
        "rev",
        "hon",
        "sir",
        "jr",
        "sr",
        "ii",
        "iii",
        "iv",
        "x",
        "and",
    }
)
"""What may stand in a name beside invented words: titles, and X in place of an initial."""


def is_sandbox_ssn(digits: str) -> bool:
    """Nine digits of area 666, which was never issued."""
    return len(digits) == 9 and digits.startswith("666") and digits.isdecimal()


def is_sandbox_itin(digits: str) -> bool:
    """Nine digits that begin with 9 and have a group of 00 to 49: none of those is an ITIN."""
    return len(digits) == 9 and digits[0] == "9" and digits[3] < "5" and digits.isdecimal()


def is_sandbox_ein(digits: str) -> bool:
    """Nine digits whose beginning no campus hands out."""
    return len(digits) == 9 and digits.startswith(UNASSIGNED_EINS) and digits.isdecimal()


def luhn_check(digits: str) -> str:
    """The digit that makes `digits` followed by it pass Luhn."""
    total = sum(
        sum(divmod(int(digit) * (2 - at % 2), 10)) for at, digit in enumerate(reversed(digits))
    )
    return str(-total % 10)


def network_of(digits: str) -> str:
    """Whose card it would be, a key of `TEST_BINS`."""
    for name, pattern in _NETWORKS:
        if pattern.match(digits):
            return name
    return "other"


def is_test_card(digits: str) -> bool:
    """A card number that passes Luhn, in a range that is published for tests."""
    return (
        len(digits) in _CARD_LENGTHS
        and digits.isascii()
        and digits.isdecimal()
        and digits.startswith(_TEST_PREFIXES)
        and luhn_check(digits[:-1]) == digits[-1]
    )


def aba_check(digits: str) -> str:
    """The ninth digit of a routing number whose first eight these are."""
    total = sum(int(d) * weight for d, weight in zip(digits, _ABA_WEIGHTS, strict=False))
    return str(-total % 10)


def is_sandbox_aba(digits: str) -> bool:
    """A routing number that adds up, with two first digits that the ABA assigns to nobody."""
    return (
        len(digits) == 9
        and digits.isascii()
        and digits.isdecimal()
        and digits[:2] not in _ABA_ASSIGNED
        and aba_check(digits[:8]) == digits[8]
    )


def is_sandbox_iban(text: str) -> bool:
    """An IBAN that adds up with check digits 00, 01 or 99: real ones go from 02 to 98."""
    compact = "".join(text.split()).replace("-", "").upper()
    if not (8 <= len(compact) <= 34 and compact.isascii() and compact.isalnum()):
        return False
    return compact[:2].isalpha() and compact[2:4] in _NEVER_ISSUED and iban_remainder(compact) == 1


def iban_remainder(compact: str) -> int:
    """What is left of an IBAN after division by 97; 1 when it adds up."""
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97


def is_sandbox_account(digits: str) -> bool:
    """An account number that proves itself, or is the number of a test card."""
    return is_marked_account(digits) or is_test_card(digits)


def is_sandbox_phone(digits: str) -> bool:
    """555-0100 to 555-0199 of any area, or a number kept for fiction in the UK, AU or FR.

    digits: all of the number with or without the country's code, nothing but digits.
    """
    return _FICTION.fullmatch(digits) is not None


def is_reserved_email(domain: str) -> bool:
    """A domain that RFC 2606 or RFC 6761 keeps free: example.com, anything.test, ..."""
    return len(domain) <= 255 and _RESERVED_DOMAIN.fullmatch(domain) is not None


def is_documentation_ip(text: str) -> bool:
    """An address that leads to nobody: for documentation, private, loopback, link-local, ..."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return not address.is_global or address.is_multicast


def is_sandbox_name(text: str) -> bool:
    """Every word of it is invented, a title, or an X in place of an initial."""
    words = [word.casefold() for word in _NOT_A_NAME.split(text) if word]
    return any(word in _WORDS for word in words) and all(
        word in _WORDS or word in KEPT_NAME_WORDS for word in words
    )
