"""Values made less exact: a postal code's area, a date's five years, a number's first digit.

What comes out is the same for many people; it needs no key. Read next: `policy.py`.
"""

from __future__ import annotations

import re
from typing import Final

from replay.pseudonyms.dates import birth_date_of_band
from replay.pseudonyms.person import zip_area
from replay.pseudonyms.telling import kinds_of_name

_NUMBER: Final = re.compile(r"(-?)([0-9]{1,30})(\.[0-9]{1,30})?")


def generalise(kind: str, name: str, text: str) -> str | None:
    """The text made less exact; None when there is no way to, and it has to go.

    kind: "" takes the kind that the name tells, or what the text looks like.
    """
    if not kind:
        told = [each for each in kinds_of_name(name) if each in ("zip", "birth_date")]
        kind = told[0] if told else "birth_date" if birth_date_of_band(text) else "number"
    if kind == "zip":
        return zip_area(text)
    return birth_date_of_band(text) if kind == "birth_date" else _first_digit(text)


def _first_digit(text: str) -> str | None:
    """48,219 is 40,000; a fraction is 0."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    digits = found[2].lstrip("0")
    return f"{found[1]}{digits[0]}{'0' * (len(digits) - 1)}" if digits else "0"
