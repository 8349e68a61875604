"""Payment cards: 12 to 19 digits of a range that a network issues, which pass Luhn.

Grouped as on a card they speak for themselves. In a row they must be no part of something longer,
and not be called a time stamp, an article or the number of an order: one in ten passes Luhn.
Read next: `banking.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from replay.identifiers import names
from replay.identifiers.kinds import Span
from replay.identifiers.look import Look, Window
from replay.identifiers.sandbox import is_test_card

_ISSUED: Final = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa: 13, 16, 19
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    r"|(?:30[0-5]\d|3095|36\d\d|3[89]\d\d)\d{10,15}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|62\d{14,17}|81[0-7]\d{13,16}"  # UnionPay
    r"|220[0-4]\d{12,15}"  # Mir
    r"|(?:5018|5020|5038|5[6-8]\d\d|6304|6759|676[1-9]|67\d\d)\d{8,15}"  # Maestro
    r"|(?:60|508)\d{13,14}"  # RuPay, Elo
)
CARD_GROUPS: Final = frozenset(
    {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (6, 13), (8, 8), (4, 4, 4, 4, 1), (4, 4, 4, 4, 2),
     (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 4, 5), (4, 4, 4)}
)  # fmt: skip
_RARE: Final = frozenset({12, 13})
"""Lengths that articles have more often than cards: they need a telling name."""


def find_cards(look: Look) -> Iterator[Span]:
    for window in look.windows(12, 19, 8):
        if is_card(window.digits) and _is_meant(look, window):
            yield Span("card", window.start, window.end)


def is_card(digits: str) -> bool:
    """Issued by a network, as far as a number can tell, and not for tests."""
    from stdnum import luhn

    return (
        _ISSUED.fullmatch(digits) is not None
        and bool(luhn.is_valid(digits))
        and not is_test_card(digits)
    )


def _is_meant(look: Look, window: Window) -> bool:
    if not look.is_free(window, names.CARD):
        return False
    if window.is_bare:
        return _is_bare_card(look, window)
    if window.sizes in CARD_GROUPS and not any("(" in gap or ")" in gap for gap in window.gaps):
        return len(window.digits) not in _RARE or _is_told(look, window)
    return look.told(names.CARD) and look.is_alone(window.start, window.end)


def _is_bare_card(look: Look, window: Window) -> bool:
    if _is_told(look, window):
        return True
    if len(window.digits) in _RARE or look.told(names.NO_CARD):
        return False
    return not (look.told(names.NUMBER_ID) and look.is_alone(window.start, window.end))


def _is_told(look: Look, window: Window) -> bool:
    return look.tells(names.CARD, window.start, window.end)
