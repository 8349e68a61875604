"""Numbers of people, cards and banks, into ranges that nobody was ever given.

Each function gives the pseudonym of a text, or None when the text is no such number; what is a
pseudonym already stays. Read next: `ids.py`, `contact.py`.
"""

from __future__ import annotations

import re
from typing import Final

from replay.identifiers.cards import is_card as is_issued
from replay.identifiers.sandbox import (
    TEST_BINS,
    aba_check,
    iban_remainder,
    is_sandbox_aba,
    is_sandbox_ein,
    is_sandbox_iban,
    is_sandbox_itin,
    is_sandbox_ssn,
    luhn_check,
    network_of,
)
from replay.identifiers.sandbox_marks import mark_account
from replay.pseudonyms.keyed import Keyed
from replay.pseudonyms.shape import SEPARATED, digits_from, digits_of, draw_digits, put_digits

_EIN_SHAPE: Final = re.compile(r"\D*\d\d-\d{7}\D*")
_SSN_SHAPE: Final = re.compile(r"\D*\d{3}\D+\d\d\D+\d{4}\D*")
_CARD_LENGTHS: Final = range(12, 20)
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_IBAN_TRIES: Final = 4_000
_TRIES: Final = 16
_NEVER_ISSUED: Final = {0: "00", 1: "01", 2: "99"}
"""Check digits that no bank writes, by what they must leave of a division by 97."""
_HELD: Final = 32_768
_SMALL: Final = 9
"""Numbers of no more digits are permuted; of longer ones two hardly ever become one."""


def ssn(keyed: Keyed, text: str) -> str | None:
    """Area 666; what begins with 9 is an ITIN, and `12-3456789` an EIN."""
    digits = _nine(text)
    if not digits or _EIN_SHAPE.fullmatch(text):
        return ein(keyed, text) if digits else None
    if digits[0] == "9":
        return itin(keyed, text)
    if is_sandbox_ssn(digits):
        return text
    number = keyed.number("ssn", digits)
    number, group = divmod(number, 99)
    return put_digits(text, f"666{group + 1:02d}{number % 9_999 + 1:04d}")


def itin(keyed: Keyed, text: str) -> str | None:
    """A group of 01 to 49, of which there is no ITIN."""
    digits = _nine(text)
    if not digits or is_sandbox_itin(digits):
        return text if digits else None
    if digits[0] != "9":
        return ssn(keyed, text)
    number, group = divmod(keyed.number("itin", digits), 49)
    number, serial = divmod(number, 9_999)
    return put_digits(text, f"9{number % 100:02d}{group + 1:02d}{serial + 1:04d}")


def ein(keyed: Keyed, text: str) -> str | None:
    """96 or 97, which no campus of the IRS hands out, and nothing that could be an ITIN."""
    digits = _nine(text)
    if not digits or is_sandbox_ein(digits):
        return text if digits else None
    if _SSN_SHAPE.fullmatch(text):
        return ssn(keyed, text)
    number, prefix = divmod(keyed.number("ein", digits), 2)
    number, group = divmod(number, 50)
    number, third = divmod(number, 10)
    return put_digits(text, f"{96 + prefix}{third}{group:02d}{digits_from(number, 4)}")


def _nine(text: str) -> str:
    digits = digits_of(text) if SEPARATED.fullmatch(text) else ""
    return digits if len(digits) == 9 else ""


def card(keyed: Keyed, text: str) -> str | None:
    """A test number of the same network and length; it passes Luhn if the real one did."""
    digits = digits_of(text) if SEPARATED.fullmatch(text) else ""
    if len(digits) not in _CARD_LENGTHS:
        return None
    prefixes = TEST_BINS[network_of(digits)]
    if digits.startswith(prefixes):
        return text
    number, at = divmod(keyed.number("card", digits), len(prefixes))
    head = prefixes[at] + digits_from(number, len(digits) - len(prefixes[at]) - 1)
    check = int(luhn_check(head))
    if luhn_check(digits[:-1]) != digits[-1]:
        check = (check + 5) % 10
    return put_digits(text, f"{head}{check}")


def is_card(digits: str) -> bool:
    """What could be a card: its length, its network, its checksum."""
    return (
        13 <= len(digits) <= 19
        and network_of(digits) not in ("other", "maestro")
        and luhn_check(digits[:-1]) == digits[-1]
    )


def aba(keyed: Keyed, text: str) -> str | None:
    """Nine digits that add up and begin with 93 to 99, which the ABA assigns to nobody."""
    digits = _nine(text)
    if not digits or is_sandbox_aba(digits):
        return text if digits else None
    number, two = divmod(keyed.number("aba", digits), 7)
    number, group = divmod(number, 50)
    number, one = divmod(number, 10)
    head = f"{two + 93}{one}{group:02d}{digits_from(number, 3)}"
    return put_digits(text, head + aba_check(head))


def account(keyed: Keyed, text: str) -> str | None:
    """Digits with a checksum; Luhn holds where it did. Too little room for it: any number."""
    digits = digits_of(text)
    if len(digits) < 4:
        return None
    if len(digits) < 6:
        return put_digits(text, number(keyed, digits))
    return put_digits(text, marked_number(keyed, digits))


def number(keyed: Keyed, digits: str) -> str:
    """Another number of the same width; with a leading zero where there was one, else without."""
    if len(digits) > _SMALL:
        return marked_number(keyed, digits)
    known = keyed.numbers.get(digits)
    if known is None:
        if len(keyed.numbers) >= _HELD:
            keyed.numbers.clear()
        known = keyed.numbers[digits] = _small_number(keyed, digits)
    return known


def _small_number(keyed: Keyed, digits: str) -> str:
    width = len(digits)
    first = digits[0]
    if width == 1:
        return str(keyed.permuted("number 1", int(digits), 10))
    low = 0 if first == "0" else 10 ** (width - 1)
    size = 10 ** (width - 1) if first == "0" else 9 * low
    return f"{low + keyed.permuted(f'number {width}', int(digits) - low, size):0{width}d}"


def marked_number(keyed: Keyed, digits: str) -> str:
    """A number that proves itself, of the same width."""
    for attempt in range(_TRIES):
        drawn = _draw_marked(keyed, digits, f"{attempt} {digits}" if attempt else digits)
        if not is_issued(drawn):
            break
    return drawn


def _draw_marked(keyed: Keyed, digits: str, source: str) -> str:
    drawn = draw_digits(keyed, "account", source, len(digits))
    is_padded = digits[0] == "0"
    if is_padded != (drawn[0] == "0"):
        drawn = ("0" if is_padded else str(int(drawn[-3:]) % 9 + 1)) + drawn[1:]
    drawn = mark_account(drawn)
    if luhn_check(digits[:-1]) == digits[-1]:
        drawn = drawn[:-1] + luhn_check(drawn[:-1])
    return drawn


def iban(keyed: Keyed, text: str) -> str | None:
    """The same country and length; it adds up, with check digits that no bank writes."""
    compact = "".join(char for char in text if char.isalnum()).upper()
    if _IBAN.fullmatch(compact) is None or iban_remainder(compact) != 1:
        return None
    if is_sandbox_iban(compact):
        return text
    for attempt in range(_IBAN_TRIES):
        draws = keyed.stream("iban", f"{attempt} {compact}", len(compact))
        inner = "".join(map(_other_of_iban, compact[4:], draws))
        check = _NEVER_ISSUED.get((1 - iban_remainder(f"{compact[:2]}00{inner}")) % 97)
        # Its digits alone could be those of a card, and whoever looks for cards would find one.
        if check is not None and not _holds_card(inner):
            return _put(text, f"{compact[:2]}{check}{inner}")
    return None  # one in 3^120


def _holds_card(text: str) -> bool:
    runs = re.findall(r"[0-9]{12,}", text)
    return any(
        is_issued(run[start : start + length])
        for run in runs
        for length in _CARD_LENGTHS
        for start in range(len(run) - length + 1)
    )


def _other_of_iban(char: str, draw: int) -> str:
    if char.isdigit():
        return str(draw % 10)
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[draw % 26]


def _put(text: str, compact: str) -> str:
    """The letters and digits in the places of those of the text, in its case."""
    others = iter(compact)
    made = "".join([next(others) if char.isalnum() else char for char in text])
    return made.lower() if text.islower() else made
