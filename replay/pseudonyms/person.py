"""Names word by word, streets, postal codes.

A word of a name has one pseudonym wherever it stands, so that `name`, `first_name` and `last_name`
agree. Read next: `contact.py`, `dates.py`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from replay.identifiers.sandbox import FIRST_NAMES, KEPT_NAME_WORDS, LAST_NAMES, is_sandbox_name
from replay.pseudonyms.keyed import Keyed
from replay.pseudonyms.shape import digits_of, draw_digits, style_as

_NAMES: Final = (*FIRST_NAMES, *LAST_NAMES)
_KNOWN: Final = frozenset(name.casefold() for name in _NAMES)
_WORD: Final = re.compile(r"[^\W\d_]+")
_NAME: Final = re.compile(r"[^\d_@:/\\<>{}\[\]=&?#%*|~^$+!]{1,120}")
_LONGEST: Final = 12
_STREET: Final = re.compile(r"[0-9]+|[^\W\d_]+")
_STREET_WORDS: Final = frozenset(
    ("street", "avenue", "road", "drive", "lane", "court", "place", "boulevard", "blvd", "ave",
     "suite", "apt", "unit", "floor", "north", "south", "east", "west", "box", "highway", "hwy",
     "way", "apartment", "parkway", "circle", "terrace")
)  # fmt: skip
_ZIP: Final = re.compile(r"(\d{3})\d\d(?:([- ]?)\d{4})?")
_FEW_PEOPLE: Final = frozenset(
    ("036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878",
     "879", "884", "890", "893")
)  # fmt: skip
"""First three digits of areas with 20,000 people or fewer (census of 2000, as HIPAA lists them)."""


def person_name(keyed: Keyed, text: str) -> str | None:
    """Invented words for the words of a name; titles stay, an initial becomes X."""
    if _NAME.fullmatch(text) is None or is_sandbox_name(text):
        return text if _NAME.fullmatch(text) else None
    text = unicodedata.normalize("NFC", text)
    if not 1 <= len(_WORD.findall(text)) <= _LONGEST:
        return None
    return _WORD.sub(lambda found: _name_word(keyed, found[0]), text)


def _name_word(keyed: Keyed, word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold())
    plain = "".join([char for char in plain if not unicodedata.combining(char)])
    if plain in KEPT_NAME_WORDS or plain in _KNOWN:
        return word
    if len(plain) == 1 and plain.isascii():
        return style_as("X", word)
    return style_as(_NAMES[keyed.number("name", plain) % len(_NAMES)], word)


def street(keyed: Keyed, text: str) -> str | None:
    """Other numbers, and invented words for all but those that every address has."""
    if not text.strip() or len(text) > 256:
        return None
    return _STREET.sub(lambda found: _street_word(keyed, found[0]), text)


def _street_word(keyed: Keyed, word: str) -> str:
    if digits_of(word):
        # A house number is no secret of its own, and hardly anybody checks it.
        return draw_digits(keyed, "house", word, len(word)) if word.isdigit() else word
    if len(word) < 3 or word.casefold() in _STREET_WORDS:
        return word
    return _name_word(keyed, word)


def zip_code(_: Keyed, text: str) -> str | None:
    """A postal code is made less exact, which needs no key."""
    return zip_area(text)


def zip_area(text: str) -> str | None:
    """The first three digits and 00; 000 where so few people live that three digits tell."""
    padded = text.zfill(5) if text.isdigit() and len(text) == 4 else text
    found = _ZIP.fullmatch(padded)
    if found is None:
        return None
    area = "000" if found[1] in _FEW_PEOPLE else found[1]
    tail = "" if found[2] is None else f"{found[2]}0000"
    made = f"{area}00{tail}"
    return made.lstrip("0") or "0" if padded is not text else made
