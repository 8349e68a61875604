"""How a value is written, kept while what it says is replaced.

Pure. Read next: `numbers.py`, which uses most of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from replay.identifiers.sandbox_marks import alphabet_for, alphabets_of
from replay.pseudonyms.keyed import Keyed

_NOT_DIGIT: Final = re.compile(r"[^0-9]+")
_DIGIT: Final = re.compile(r"[0-9]")
SEPARATED: Final = re.compile(r"[0-9 .\-/_()\u200b\u00b7\u2022\"'#]+")
"""Digits and what people write between them, with at least one digit somewhere."""


def digits_of(text: str) -> str:
    """Its digits, which must be ASCII already."""
    return text if text.isdigit() else _NOT_DIGIT.sub("", text)


def put_digits(text: str, digits: str) -> str:
    """The text with its digits replaced by as many others."""
    if len(digits) == len(text):
        return digits
    others = iter(digits)
    return _DIGIT.sub(lambda _: next(others), text)


def digits_from(number: int, count: int) -> str:
    """So many digits of a large number."""
    return f"{number % 10**count:0{count}d}"


def draw_digits(keyed: Keyed, kind: str, text: str, count: int) -> str:
    """So many digits for a text, however many."""
    if count <= 60:
        return digits_from(keyed.number(kind, text), count)
    return "".join([str(byte % 10) for byte in keyed.stream(kind, text, count)])


def digits_alone(keyed: Keyed, text: str) -> str:
    """The text with its digits drawn and all else kept: for what fits no other rule."""
    digits = digits_of(text)
    return put_digits(text, draw_digits(keyed, "digits", digits, len(digits)))


def scramble(keyed: Keyed, kind: str, text: str, attempt: int = 0) -> str:
    """Every letter and digit replaced by another of its sort; hexadecimal stays hexadecimal."""
    alphabets = alphabets_of(text * 3)  # all of it decides, not a third
    source = f"{attempt}\0{text}" if attempt else text
    pool = _numbers(keyed.stream(kind, source, 2 * len(text)))
    return "".join([_other(char, alphabets, next(pool)) for char in text])


def _numbers(data: bytes) -> Iterator[int]:
    return (data[at] << 8 | data[at + 1] for at in range(0, len(data), 2))


def _other(char: str, alphabets: tuple[str, str, str], draw: int) -> str:
    alphabet = alphabet_for(char, alphabets)
    if not alphabet:
        # A letter or digit of another script; anything else is punctuation.
        if char.isascii() or not char.isalnum():
            return char
        alphabet = alphabets[1]
    return alphabet[draw % len(alphabet)]


def style_as(word: str, like: str) -> str:
    """The word in capitals, small letters or with a capital first, as `like` is."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word.lower() if like.islower() else word
