"""Ids that a running text gives by name: `citizen(id: "C-48219730")`, `customerId=88231`.

In a field of their own they are replaced by the field's name; in a query of GraphQL, a line of a
log or a script the words before them say as much.
Read next: `telling.py`; `pseudonyms.py`, which asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from replay.pseudonyms.telling import NAMES_NOTHING, kinds_of_name

# What a name may hold and what may follow it do not overlap, nor does what ends a value.
_SAID: Final = re.compile(
    r"(?:(?<![\w-])([A-Za-z][\w-]{1,40})[ ]?\(\s?)?"
    r"(?<![\w-])([A-Za-z][\w-]{1,40})[\"'\\\]]{0,3}[ \t]?[:=][ \t]?[\"'\\]{0,3}"
    r"([A-Za-z0-9][\w.+-]{1,63}+@?[\w.-]{0,63}+)(?=[\s\"'\\,;:)&\]}<>|]|\Z)"
)
_GROUP: Final = re.compile(r"[0-9]{1,4} [0-9]")
"""The first of the groups of a longer number."""
_LONGEST: Final = 1 << 20


def find_said(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """From where to where a value stands, and the kinds that its name tells."""
    if len(text) > _LONGEST or not ("=" in text or ":" in text):
        return
    for found in _SAID.finditer(text):
        name = found[2]
        if _GROUP.match(text, found.start(3)) is not None:
            continue
        if found[1] is not None and NAMES_NOTHING.fullmatch(f"-{name.lower()}-") is not None:
            name = f"{found[1]}_{name}"
        kinds = kinds_of_name(name)
        # Secrets are found by the finders, which know where one ends.
        if kinds and kinds[0] != "secret" and any(map(str.isdigit, found[3])):
            yield found.start(3), found.end(3), kinds
