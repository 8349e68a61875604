"""Header lines, read strictly and remembered when they are harmless.

Floor 1, pure. The same few lines come again and again on a connection, so an exact line that was
found well-formed is not read twice. What may be a secret is never remembered.
Read next: `request_head.py`, `answer_head.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from switchboard.credentials import safe_value

_LINE: Final = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}):([\t\x20-\x7e\x80-\xff]*)")
_PLAIN_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,255}(?::[0-9]{1,5})?")
_REMEMBERED: Final = 4_096
_LONGEST: Final = 256

PLAIN: Final = 0
"""The role of a header that says nothing about framing, routing or this connection."""


class BadMessage(Exception):  # noqa: N818 - it says what the message is
    """A request or an answer that cannot be read in exactly one way.

    rule: one of `switchboard.decide.REFUSALS`.   detail: what is wrong, without quoting secrets.
    """

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(rule, detail)
        self.rule = rule
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


class Line:
    """One header: its name and value as sent, and what it is for."""

    __slots__ = ("pair", "role")

    def __init__(self, pair: tuple[str, str], role: int) -> None:
        self.pair = pair
        self.role = role

    def __repr__(self) -> str:
        return f"<Line {self.pair[0]}, role {self.role}>"


class Lines:
    """Reads header lines; `known` is for whoever is in a hurry.

    roles: what a header of this name (lower case) is for; not in it means PLAIN.
    rule: what a malformed line is refused as.
    """

    def __init__(self, roles: Mapping[str, int], rule: str) -> None:
        self._roles = roles
        self._rule = rule
        # `Content_Length` is `Content-Length` to a server that speaks CGI.
        self._lookalikes = frozenset(name.replace("-", "_") for name in roles if "-" in name)
        self.known: dict[str, Line] = {}

    def read(self, text: str) -> Line:
        """The line without its CRLF. Raises BadMessage."""
        found = _LINE.fullmatch(text)
        if found is None:
            raise BadMessage(self._rule, why_malformed(text))
        name, value = found[1], found[2].strip(" \t")
        low = name.lower()
        if "_" in low and low.replace("-", "_") in self._lookalikes:
            raise BadMessage(self._rule, "a header's name looks like one that frames the message")
        line = Line((name, value), self._roles.get(low, PLAIN))
        if len(text) <= _LONGEST and is_harmless(low, value):
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known[text] = line
        return line


def is_harmless(low: str, value: str) -> bool:
    """True when nothing in the header can be a secret, so that it may be remembered."""
    if low == "host":
        return _PLAIN_HOST.fullmatch(value) is not None
    if low in ("content-length", "connection", "transfer-encoding"):
        return len(value) <= 24
    return safe_value(low, value) == value


def why_malformed(line: str) -> str:
    """What is wrong with a header line, in words that repeat nothing of it."""
    if line[:1] in (" ", "\t"):
        return "a header is folded over two lines, or starts with a space"
    if "\r" in line or "\n" in line:
        return "a line ends in a bare CR or LF"
    name, colon, _ = line.partition(":")
    if not colon:
        return "a header line has no colon"
    if not name:
        return "a header has no name"
    if name != name.rstrip(" \t"):
        return "there is a space before a header's colon"
    return "a header has a character that may not stand there"
