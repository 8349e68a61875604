"""Digits, dashes, spaces and letters of every script as ASCII, character for character.

`fold` keeps the length, so that what is found in the folded text stands at the same place in the
text itself. What NFKC makes of a character counts where it is one character.
Read next: `find.py`.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HELD: Final = 8_192
INVISIBLE: Final = "\u200b"
"""Stands for everything that takes no room, such as a soft hyphen."""


class _Table(dict[int, int]):
    """Learns each character when it is first met."""

    def __missing__(self, code: int) -> int:
        folded = ord(_fold_one(chr(code)))
        if len(self) >= _HELD:
            self.clear()
        self[code] = folded
        return folded


_TABLE: Final = _Table()


def fold(text: str) -> str:
    """The text as finders read it; `len(fold(text)) == len(text)`."""
    return text if text.isascii() else text.translate(_TABLE)


def _fold_one(char: str) -> str:
    if char < "\x80":
        return char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd" or char in "\u2212\u2043\u02d7":
        return "-"
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if category in ("Cf", "Mn"):
        return INVISIBLE
    plain = unicodedata.normalize("NFKC", char)
    if len(plain) == 1:
        # An enclosed or raised digit, and a dash or a space that only looked otherwise.
        return plain if plain < "\x80" or plain == char else _fold_one(plain)
    return char
