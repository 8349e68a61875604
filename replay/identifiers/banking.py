"""Bank identifiers: routing numbers and accounts near telling names, IBANs anywhere.

Four of a hundred nine-digit numbers pass the checksum of a routing number, and any number is an
account number: without a name that says so neither is one. An IBAN has a country, a length and a
checksum of its own.
Read next: `phones.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from replay.identifiers import names
from replay.identifiers.kinds import NOBODYS, Span
from replay.identifiers.look import Look, Window
from replay.identifiers.sandbox import is_sandbox_aba, is_sandbox_account, is_sandbox_iban

_ABA: Final = frozenset({(9,), (4, 4, 1), (3, 3, 3), (8, 1)})
_ABA_ASSIGNED: Final = frozenset(
    f"{number:02d}" for number in (*range(13), *range(21, 33), *range(61, 73), 80)
)
_ABA_WORDS: Final = re.compile(r"rout|aba|rtn|transit|micr|[ro]dfi|bank")
_ACCOUNT_WORDS: Final = re.compile(r"acc|konto|dda|checking|saving|deposit")
_IBAN_START: Final = re.compile(r"[A-Za-z]{2}[0-9]{2}")
_IBAN_GAP: Final = " -.\u200b"
_SHORTEST_IBAN: Final = 15
_LONGEST_IBAN: Final = 34


def find_routing_numbers(look: Look) -> Iterator[Span]:
    if not look.mentions(names.ABA, _ABA_WORDS):
        return
    for window in look.windows(9, 9, 3):
        if (
            window.sizes in _ABA
            and is_aba(window.digits)
            and look.is_free(window, names.ABA)
            and look.tells(names.ABA, window.start, window.end)
        ):
            yield Span("aba", window.start, window.end)


def is_aba(digits: str) -> bool:
    """Nine digits that add up, of a Federal Reserve district or for cheques of its kind."""
    from stdnum.us import rtn

    return (
        digits[:2] in _ABA_ASSIGNED
        and len(set(digits)) > 1
        and bool(rtn.is_valid(digits))
        and not is_sandbox_aba(digits)
    )


def find_accounts(look: Look) -> Iterator[Span]:
    if not look.mentions(names.ACCOUNT, _ACCOUNT_WORDS):
        return
    for window in look.windows(6, 17, 5):
        if (
            len(set(window.digits)) > 1
            and not is_sandbox_account(window.digits)
            and look.is_free(window, names.ACCOUNT)
            and _is_account(look, window)
        ):
            yield Span("account", window.start, window.end)


def _is_account(look: Look, window: Window) -> bool:
    """All of a value that is called so, or a bare number right after the words."""
    if look.told(names.ACCOUNT) and look.is_alone(window.start, window.end):
        return True
    return window.is_bare and look.tells_before(names.ACCOUNT, window.start)


def find_ibans(look: Look) -> Iterator[Span]:
    text = look.text
    for found in _IBAN_START.finditer(text):
        start = found.start()
        if start and text[start - 1].isalnum():
            continue
        end, compact = _iban_end(text, start)
        if end:
            yield Span(NOBODYS if is_sandbox_iban(compact) else "iban", start, end)


def _iban_end(text: str, start: int) -> tuple[int, str]:
    """Where the IBAN that begins there ends, and what it says; 0 when there is none."""
    chars: list[str] = []
    at = start
    while at < len(text) and len(chars) < _LONGEST_IBAN:
        char = text[at]
        if char.isascii() and char.isalnum():
            chars.append(char)
            at += 1
            is_last = at == len(text) or not text[at].isalnum()
            if is_last and len(chars) >= _SHORTEST_IBAN and is_iban("".join(chars)):
                return at, "".join(chars)
        elif char in _IBAN_GAP and at + 1 < len(text) and text[at + 1].isalnum():
            at += 1
        else:
            break
    return 0, ""


def is_iban(compact: str) -> bool:
    """Of a country that has them, as long as it says, and it adds up; the sandbox's too."""
    from stdnum import iban

    return bool(iban.is_valid(compact, check_country=False))
