"""A glance at a text: can there be an identifier in it at all? Most texts say no for little.

What is remembered is the layout of a text, every digit made 0, under its name: a log repeats those.
It never says no where the finders would find something. Read next: `replay/identifiers/hints.py`,
which judges a layout; `pseudonyms.py`.
"""

from __future__ import annotations

from typing import Final

from replay.identifiers.fold import INVISIBLE, fold
from replay.identifiers.hints import Spots, is_suspect
from replay.pseudonyms.said import find_said

ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_HELD: Final = 16_384
_HELD_LENGTH: Final = 512
_OPENED: Final = frozenset("{[%&?:<")
"""What may begin something inside a text (`replay/fields/nested.py`)."""

HARMLESS: Final = 0
"""Whatever its digits are, no finder finds anything in it or inside it."""
OPAQUE: Final = 1
"""No finder finds anything in it; its digits decide whether there is something inside."""
SUSPECT: Final = 2


class Quick:
    """Judges texts by their layout, and remembers the layouts."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], int] = {}

    def judge(self, name: str, text: str) -> int:
        """HARMLESS, OPAQUE or SUSPECT; name: what the text is called."""
        layout = text.encode("utf-8", "replace").translate(ZEROS)
        key = (name, layout)
        known = self._known.get(key)
        if known is None:
            known = _judge(name, text)
            if len(layout) <= _HELD_LENGTH and len(name) <= _HELD_LENGTH:
                if len(self._known) >= _HELD:
                    self._known.clear()
                self._known[key] = known
        return known


def _judge(name: str, text: str) -> int:
    folded = fold(text)
    if INVISIBLE in folded:
        return SUSPECT
    zeros = "".join(["0" if char.isdigit() else char for char in folded])
    spots: Spots = []
    said = f"{name}={zeros}" if name else zeros
    if is_suspect(fold(said), spots) or any(may_be_card for _, _, may_be_card in spots):
        return SUSPECT
    if next(find_said(folded), None) is not None:
        return SUSPECT
    return OPAQUE if spots or text[:1] == "/" or not _OPENED.isdisjoint(text) else HARMLESS
