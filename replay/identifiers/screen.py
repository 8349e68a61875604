"""Remembers which texts need no closer look, by what they look like with every digit made 0.

A log repeats itself: its requests differ in numbers, ids and little else. So the layout of a text
is what is remembered, and where digits may decide after all (a checksum, base64) those places are
looked at again each time. Only what is harmless is remembered as such, within limits.
Read next: `hints.py`, which judges a layout that was not met before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from replay.fields.labels import VALUED
from replay.fields.nested import decode_base64
from replay.identifiers.cards import is_card
from replay.identifiers.fold import INVISIBLE, fold
from replay.identifiers.hints import Spots, are_numbered, is_suspect

_HELD: Final = 8_192
_LONGEST_HELD: Final = 2_048
_LONGEST: Final = 65_536
"""A longer text is not screened: the closer look costs it no more than this would."""
_ROUNDS: Final = 6
_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_ESCAPED_CHAR: Final = re.compile(r"\\[ux]", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\(?:([\"\\/])|[bfnrt])")
_FILLER: Final = b"g0"
_BASE64_START: Final = re.compile(
    rb"[CDI-Za-f][AC-HM-QS-Xc-gi-ns-wy-z0-389+/_-]|[w-z0-9][I-LY-Zabo-r4-7]"
)
"""What the base64 of a text begins with: of all that looks like it, little does."""
_QUERY_CUT: Final = re.compile(r"[?&]")
_JSON_CUT: Final = re.compile(r',(?=")')
_VALUED: Final = re.compile(rf'"(?:{"|".join(sorted(VALUED))})"', re.IGNORECASE)
_VALUED_PAIR: Final = re.compile(rf"[?&](?:{'|'.join(sorted(VALUED))})=", re.IGNORECASE)
_GZIP: Final = b"\x1f\x8b"
# Neither what may be an IBAN, nor letters and then digits to the end: a word that tells of them.
_OPAQUE: Final = re.compile(
    rb"(?<![A-Za-z0-9])(?<!key-)(?![Aa][Dd][0-9]{10})(?:(?![A-Fa-f]{2}[0-9]{6}-[0-9]{4}-)"
    rb"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
    rb"|(?=[A-Fa-f]{0,64}[0-9]{1,64}[A-Fa-f])[0-9A-Fa-f]{16,64})(?![A-Za-z0-9])"
)
_SUSPECT: Final[Spots] = [(-1, -1, False)]


class Screen:
    """Tells texts that certainly hold nothing from those that need a closer look."""

    def __init__(self) -> None:
        self._layouts: dict[bytes, Spots] = {}
        self._opaque: dict[bytes, Spots] = {}

    def is_clean(self, text: bytes) -> bool:
        """True when no finder finds anything in any part of it, however that is encoded."""
        layout = text.translate(_ZEROS)
        spots = self._layouts.get(layout)
        if spots is None:
            spots = self._learn(text, layout)
        if not spots:
            return True
        return spots is not _SUSPECT and _are_harmless(text, spots)

    def _learn(self, text: bytes, layout: bytes) -> Spots:
        if len(text) > _LONGEST or text.startswith(_GZIP) or b"\0" in text:
            return _SUSPECT
        if not text.isascii() or b"\\" in text or _PERCENT.search(text) is not None:
            # Where something is encoded, digits are part of the code: no layout tells it.
            return _SUSPECT if _is_any_suspect(text) else []
        plain = _OPAQUE.sub(_fill, text)
        if plain is text:
            return _remembered(self._layouts, layout)
        # Without its UUIDs and digests: only the rest of it need have been met before.
        layout = plain.translate(_ZEROS)
        spots = self._opaque.get(layout)
        return _remembered(self._opaque, layout) if spots is None else spots


def _fill(found: re.Match[bytes]) -> bytes:
    """As long, without a chain of digits; the noughts say that it must be looked at as base64."""
    size = len(found[0])
    return (_FILLER * (size // 2 + 1))[:size]


def _remembered(held: dict[bytes, Spots], layout: bytes) -> Spots:
    spots = _judge(layout.decode("ascii"))
    if len(layout) <= _LONGEST_HELD:
        if len(held) >= _HELD:
            held.clear()
        held[layout] = spots
    return spots


def _judge(layout: str) -> Spots:
    spots: Spots = []
    if are_numbered(layout):
        return _SUSPECT
    for start, piece in _pieces(layout):
        found: Spots = []
        # In a query or form a plus is a space.
        if is_suspect(piece, found) or ("+" in piece and is_suspect(piece.replace("+", " "))):
            return _SUSPECT
        spots += [(start + at, start + end, may_be_card) for at, end, may_be_card in found]
    return spots


def _pieces(layout: str) -> Iterator[tuple[int, str]]:
    """Parts of which no text reaches into another, so that no word of one tells of another."""
    if layout.startswith("/"):
        cut = _QUERY_CUT if _VALUED_PAIR.search(layout) is None else None
    else:
        cut = _JSON_CUT if _is_flat(layout) else None
    start = 0
    for found in cut.finditer(layout) if cut is not None else ():
        yield start, layout[start : found.start()]
        start = found.end()
    yield start, layout[start:]


def _is_flat(layout: str) -> bool:
    """A JSON object whose values are called by their own keys alone."""
    return (
        layout.startswith("{")
        and layout.count("{") == 1
        and "[" not in layout
        and _VALUED.search(layout) is None
    )


def _are_harmless(text: bytes, spots: Spots) -> bool:
    for start, end, may_be_card in spots:
        if not may_be_card and _BASE64_START.match(text, start) is None:
            continue
        piece = text[start:end].decode("ascii")
        if is_card(piece) if may_be_card else decode_base64(piece) is not None:
            return False
    return True


def _is_any_suspect(data: bytes) -> bool:
    """The text as it stands, and after each round of decoding."""
    try:
        text = data.decode()
        for _ in range(_ROUNDS):
            if _ESCAPED_CHAR.search(text) is not None:
                return True
            folded = fold(text)
            if is_suspect(folded) or are_numbered(folded):
                return True
            if INVISIBLE in folded and is_suspect(folded.replace(INVISIBLE, "")):
                return True
            if "+" in folded and is_suspect(folded.replace("+", " ")):
                return True
            plain = _ESCAPED.sub(_unescape, text)
            if "%" in plain:
                plain = unquote_to_bytes(plain).decode()
            if plain == text:
                return False
            text = plain
    except UnicodeDecodeError:
        pass  # in another charset, packed, or in parts of several charsets
    return True


def _unescape(found: re.Match[str]) -> str:
    return found[1] or " "
