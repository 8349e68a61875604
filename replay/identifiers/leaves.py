"""A visitor of an event's texts that tells what is found in each, and leaves all as it is.

What a text is called decides much: where its own name says nothing (`value`), the one around it
counts, or what stands beside it: `{"name": "ssn", "value": "..."}`.
Read next: `replay/fields/leaf.py`, `find.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from replay.fields.labels import is_naming, is_valued
from replay.fields.leaf import Leaf
from replay.identifiers import names
from replay.identifiers.cards import CARD_GROUPS
from replay.identifiers.find import find_identifiers
from replay.identifiers.names import joined_name

Found = Callable[[str, str, str], None]
"""Takes path, kind and value of what was found."""

_WEAK: Final = frozenset(
    {"value", "values", "val", "number", "num", "no", "nr", "text", "content", "contents", "data",
     "digits", "raw", "plain", "string", "item", "items", "name", "#text", "$t", "family",
     "given"}
)  # fmt: skip
_STEP: Final = re.compile(r"\.([A-Za-z_$][\w$-]*)|\[\"((?:[^\"\\]|\\.){1,128})\"\]")
_LONGEST_LABEL: Final = 64
_TOLD_PARTS: Final = (names.SSN, names.EIN, names.CARD, names.ABA, names.ACCOUNT, names.PHONE)


class LeafFinder:
    """Give `visit` to one of the maps of `replay/fields`. is_clean: `Screen.is_clean`."""

    def __init__(self, found: Found, is_clean: Callable[[bytes], bool]) -> None:
        self._found = found
        self._is_clean = is_clean
        self._before = Leaf("", "", "")

    def visit(self, leaf: Leaf) -> str:
        before, self._before = self._before, leaf
        path, _, text, parts = leaf
        name = context_of(leaf, before)
        # Counters called p1 and p2 are no halves of anything, unless they are a card's groups.
        is_loose = bool(parts) and not _is_told(name)
        if is_loose and parts not in CARD_GROUPS:
            return text
        if text.isascii() and self._is_clean(f"{name}={text}".encode("utf-8", "replace")):
            return text
        for kind, start, end in find_identifiers(name, text):
            if not is_loose or kind == "card":
                self._found(path, kind, text[start:end])
        return text


def context_of(leaf: Leaf, before: Leaf) -> str:
    """What `find_identifiers` shall take as the name of a text. before: the one before it."""
    path, name = leaf.path, leaf.name
    if path == "session":
        return ""  # what tells sessions apart is meant to be opaque
    low = name.lower()
    if low not in _WEAK and not is_valued(name):
        return name
    if is_valued(name) and _names_it(before, leaf):
        return before.text
    around = _STEP.findall(path)[-2:-1]
    return joined_name(around[0][0] or around[0][1], name) if around else name


def _names_it(before: Leaf, leaf: Leaf) -> bool:
    return (
        is_naming(before.name)
        and len(before.text) <= _LONGEST_LABEL
        and _holder(before) == _holder(leaf)
    )


def _holder(leaf: Leaf) -> str:
    """The object that holds it."""
    return leaf.path.removesuffix(leaf.name)


def _is_told(name: str) -> bool:
    normal = names.normal_name(name)
    return any(pattern.search(normal) is not None for pattern in _TOLD_PARTS)
