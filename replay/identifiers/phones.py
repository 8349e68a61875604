"""Phone numbers: written as people write them, or digits near a telling name.

North American ones by the rules of their numbering plan, others with a plus and a country's code.
Read next: `addresses.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from replay.identifiers import names
from replay.identifiers.kinds import NOBODYS, Span
from replay.identifiers.look import Look, Window
from replay.identifiers.sandbox import is_sandbox_phone

_NANP: Final = re.compile(r"1?[2-9](?!11)\d\d[2-9](?!11)\d\d\d{4}")
_COUNTRY: Final = re.compile(
    r"7|2[07]|2[1-69]\d|3[0-469]|3[578]\d|4[013-9]|42\d|5[1-8]|5[09]\d|6[0-6]|6[7-9]\d"
    r"|8[1246]|8[0578]\d|9[0-58]|9[679]\d"
)
_WORDS: Final = re.compile(
    r"phone|tel|mobil|cell|fax|call|msisdn|whats|sms|contact|handy|dial|celul|rufn|movil|portab"
)
_WRITTEN: Final = frozenset({(3, 3, 4), (1, 3, 3, 4), (3, 7), (1, 3, 7), (3, 4), (1, 10)})
_LEAST: Final = 7
_MOST: Final = 15
_NORTH_AMERICAN: Final = 11
_RUNS: Final = 7
_LEAST_ABROAD: Final = 8


def find_phones(look: Look) -> Iterator[Span]:
    if look.told(names.DRAWING):
        return
    nobodys_end = 0
    # Those that begin in one place come together, so that a number of nobody is met before its
    # pieces are, and no more than a few of them are held.
    for _, windows in groupby(look.windows(_LEAST, _MOST, _RUNS), key=lambda each: each.start):
        several = list(windows)
        for window in several:
            if is_sandbox_phone(window.digits):
                nobodys_end = max(nobodys_end, window.end)
                if window.sizes in _WRITTEN or _has_plus(look.text, window.start):
                    yield Span(NOBODYS, _start(look.text, window.start), window.end)
        for window in several:
            # A piece of a number of nobody is nobody's.
            if window.end > nobodys_end and _is_phone(look, window):
                yield Span("phone", _start(look.text, window.start), window.end)


def _is_phone(look: Look, window: Window) -> bool:
    digits = window.digits
    has_plus = _has_plus(look.text, window.start)
    if not (has_plus or window.sizes in _WRITTEN or look.mentions(names.PHONE, _WORDS)):
        return False
    if len(set(digits)) == 1 or not look.is_free(window, names.PHONE):
        return False
    if has_plus:
        return _is_international(digits)
    if len(digits) > _NORTH_AMERICAN and digits.startswith(("001", "0111")):
        digits = digits.removeprefix("00").removeprefix("011")
    if _NANP.fullmatch(digits):
        return _is_north_american(look, window)
    return _is_local(look, window)


def _is_international(digits: str) -> bool:
    if digits.startswith("1"):
        return len(digits) == 11 and _NANP.fullmatch(digits) is not None
    return len(digits) >= _LEAST_ABROAD and _COUNTRY.match(digits) is not None


def _is_north_american(look: Look, window: Window) -> bool:
    if look.tells(names.PHONE, window.start, window.end):
        return True
    if window.sizes not in _WRITTEN or window.is_bare:
        return False
    gaps = "".join(window.gaps)
    if ")" in gaps:
        return "/" not in gaps and "_" not in gaps
    if len(window.sizes) < 3 or window.gaps[-1] != window.gaps[-2]:
        return False
    # Blanks and dots between numbers are common: then it must be by itself.
    mark = window.gaps[-1].strip(" \u200b")
    return mark == "-" or (mark in ("", ".") and not (window.before or window.after))


def _is_local(look: Look, window: Window) -> bool:
    """A number without an area, or of another country: all of a value that is called a phone."""
    if not look.told(names.PHONE):
        return False
    start = _start(look.text, window.start)
    if not look.is_alone(start, window.end) or is_stamp(window.digits):
        return False
    if len(window.digits) == _LEAST:
        return window.sizes == (3, 4) and window.digits[0] not in "01"
    return True


def is_stamp(digits: str) -> bool:
    """Seconds or milliseconds of our days."""
    return len(digits) in (10, 13) and digits[0] == "1"


def _has_plus(text: str, start: int) -> bool:
    """A plus before it, and before that no letter or digit: no sum, no base64."""
    at = start - 1
    while at >= 0 and text[at] in "( ":
        at -= 1
    if at < 0 or text[at] != "+" or start - at > 3:
        return False
    return not (at and (text[at - 1].isalnum() or text[at - 1] in "/+="))


def _start(text: str, start: int) -> int:
    """With what belongs to it: a plus, an opening bracket."""
    at = start
    if at and text[at - 1] == "(":
        at -= 1
    if at > 1 and text[at - 1] == " " and text[at - 2] == "+":
        at -= 1
    return at - 1 if at and text[at - 1] == "+" else at
