"""Numbers of people and employers: SSN, ITIN, EIN, by the rules they are issued by.

Written with dashes, `123-45-6789`, a number speaks for itself; with blanks or dots it must stand
alone; nine digits in a row need a telling name, or every order number would be one.
Read next: `cards.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from replay.identifiers import names
from replay.identifiers.banking import is_aba
from replay.identifiers.kinds import Span
from replay.identifiers.look import Look, Window
from replay.identifiers.sandbox import is_sandbox_ein, is_sandbox_itin, is_sandbox_ssn

_SSN: Final = (3, 2, 4)
_ITIN_GROUPS: Final = frozenset({*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)})
_EIN: Final = (2, 7)
_SHAPES: Final = frozenset({_SSN, _EIN, (3, 3, 3), (3, 6), (5, 4)})
"""How nine digits of a person are written, where they do not stand alone."""
_DASHES: Final = frozenset({*"-\u00b7\u2022", "\u200b", "\u200b\u200b"})


def find_people_numbers(look: Look) -> Iterator[Span]:
    for window in look.windows(9, 9, 9):
        kind = _kind_of(look, window)
        if kind is not None:
            yield Span(kind, window.start, window.end)


def _kind_of(look: Look, window: Window) -> str | None:
    if _is_employer(look, window) and is_ein(window.digits):
        return "ein"
    if window.is_bare and _is_a_banks(look, window):
        return None
    kind = "ssn" if is_ssn(window.digits) else "itin" if is_itin(window.digits) else None
    return kind if kind is not None and _is_person(look, window) else None


def _is_a_banks(look: Look, window: Window) -> bool:
    """The words right before it call it a number of a bank, whomever the text is about."""
    if look.told(names.SSN):
        return False
    start = window.start
    return is_aba(window.digits) and look.tells_before(names.ABA, start)


def _is_employer(look: Look, window: Window) -> bool:
    if window.sizes == _EIN:
        return _is_told(look, window, names.EIN) or _is_told(look, window, names.SSN)
    return window.is_bare and _is_told(look, window, names.EIN)


def _is_person(look: Look, window: Window) -> bool:
    """By the way it is written, or by what is said."""
    if window.sizes == _SSN and look.is_free(window, names.SSN):
        is_single = not (window.before or window.after)
        if _is_dashed(window) or (is_single and _is_spaced(window)):
            return True
    return _is_told(look, window, names.SSN)


def _is_dashed(window: Window) -> bool:
    return all((gap.strip(" \u200b") or gap.strip(" ")) in _DASHES for gap in window.gaps)


def _is_spaced(window: Window) -> bool:
    first, second = window.gaps
    return first == second and first in (" ", ".", "_")


def _is_told(look: Look, window: Window, pattern: names.Pattern) -> bool:
    is_shaped = window.is_bare or window.sizes in _SHAPES
    if not (is_shaped or look.is_alone(window.start, window.end)):
        return False  # the end of a phone number, of an IBAN
    return look.is_free(window, pattern) and look.tells(pattern, window.start, window.end)


def is_ssn(digits: str) -> bool:
    """Nine digits that the Social Security Administration may have issued."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return (
        area not in ("000", "666")
        and area < "900"
        and group != "00"
        and serial != "0000"
        and not is_sandbox_ssn(digits)
    )


def is_itin(digits: str) -> bool:
    """Nine digits of an individual who files taxes without an SSN.

    stdnum knows the groups of before 2011 alone; those from 50 on were opened since.
    """
    return digits[0] == "9" and int(digits[3:5]) in _ITIN_GROUPS and not is_sandbox_itin(digits)


def is_ein(digits: str) -> bool:
    from stdnum.us import ein

    return bool(ein.is_valid(digits)) and not is_sandbox_ein(digits)
