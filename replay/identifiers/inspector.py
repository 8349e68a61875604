"""Looks at the parts of a request for identifiers: at once where nothing can be, closely elsewhere.

Each part is first screened as it stands; only what may hold something is taken apart into its
texts. What was taken apart for nothing is remembered, within limits, since a log repeats itself.
Read next: `screen.py` (the quick look), `leaves.py` (the close one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from replay.fields.body import map_body
from replay.fields.headers import find_header, map_headers, parse_lines
from replay.fields.leaf import Leaf
from replay.fields.target import map_target
from replay.identifiers.leaves import Found, LeafFinder
from replay.identifiers.screen import Screen

_HELD: Final = 8_192
_LONGEST_HELD: Final = 1_024
Pairs = tuple[tuple[str, str], ...]
Kind = Callable[[], tuple[str, str]]


class Inspector:
    """Tells `found` of every identifier in the parts that it is shown."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._is_clean = Screen().is_clean
        self._harmless: set[str] = set()
        self._heads: set[str] = set()
        self._count = 0
        self._visit = LeafFinder(self._tell, self._is_clean).visit

    def is_clean(self, text: str) -> bool:
        """True when there is certainly nothing in it, nor in what is left when part of it goes."""
        return self._is_clean(text.encode("utf-8", "replace"))

    def target(self, target: str, prefix: str = "url") -> None:
        if self.is_clean(target) or target in self._harmless:
            return
        before = self._count
        map_target(target, self._visit, prefix=prefix)
        self._remember(self._harmless, target, before)

    def lines(self, lines: str) -> None:
        """Header lines as a tape takes them."""
        if lines in self._heads:
            return
        before = self._count
        for line in lines.split("\r\n"):
            if line and not self._is_clean(line.encode("utf-8", "replace")):
                self._headers(line, tuple(parse_lines(line)), "header")
        self._remember(self._heads, lines, before)

    def pairs(self, pairs: Pairs, prefix: str = "header") -> None:
        """Headers as they were recorded, credentials and all."""
        for pair in pairs:
            line = f"{pair[0]}: {pair[1]}"
            if not self._is_clean(line.encode("utf-8", "replace")):
                self._headers(line, (pair,), prefix)

    def _headers(self, line: str, pairs: Pairs, prefix: str) -> None:
        if line in self._harmless:
            return
        before = self._count
        map_headers(pairs, self._visit, prefix=prefix)
        self._remember(self._harmless, line, before)

    def body(self, body: bytes, kind: Kind, prefix: str = "body") -> None:
        """kind: gives its content type and encoding, when it is asked."""
        if not self._is_clean(body):
            content_type, encoding = kind()
            map_body(body, content_type, self._visit, prefix=prefix, encoding=encoding)

    def name(self, what: str, name: str) -> None:
        """A user or a session."""
        # A session is opaque by its nature; a user may be called by a name.
        text = name if what == "session" else f"{what}={name}"
        if not self._is_clean(text.encode("utf-8", "replace")):
            self._visit(Leaf(what, what, name))

    def _remember(self, held: set[str], text: str, before: int) -> None:
        """Unless something was found in it."""
        if self._count == before and len(text) <= _LONGEST_HELD:
            if len(held) >= _HELD:
                held.clear()
            held.add(text)

    def _tell(self, path: str, kind: str, text: str) -> None:
        self._count += 1
        self._found(path, kind, text)


def kind_of(pairs: Pairs) -> tuple[str, str]:
    """Content type and encoding as the headers say."""
    return find_header(pairs, "content-type"), find_header(pairs, "content-encoding")
