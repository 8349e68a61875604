"""A glance at a text: can there be an identifier in it at all? Most texts say no for little.

Never says no where the finders would find something. Read next: `pseudonyms.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from replay.identifiers import names
from replay.identifiers.names import normal_name

_SHORT: Final = 12
_FEWEST_DIGITS: Final = 6
_WORDY: Final = re.compile(r"[A-Za-z0-9_.,/-]*", re.ASCII)
_ADDRESS: Final = re.compile(r"[0-9]\.[0-9]{1,3}\.[0-9]")
_NAMES: Final = tuple(
    each for key, each in vars(names).items() if key.isupper() and isinstance(each, re.Pattern)
)


def may_hold(name: str, text: str) -> bool:
    """False when no finder could find anything in the text, whatever is around it."""
    if tells(name):
        return True
    if len(text) >= _SHORT or _WORDY.fullmatch(text) is None:
        return True
    if sum(map(text.count, "0123456789")) >= _FEWEST_DIGITS:
        return True
    return "." in text and _ADDRESS.search(text) is not None


@lru_cache(8_192)
def tells(name: str) -> bool:
    """The name says of its value what it may be."""
    normal = normal_name(name) if name else "-"
    return any(pattern.search(normal) is not None for pattern in _NAMES)
