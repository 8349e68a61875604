"""Links in the text of an answer, mapped back to what the client asked while the text streams by.

Floor 0, pure: bytes in, bytes out, with at most one unfinished link held back. A link to a host
that no route names is pointed at `refused.invalid`, which no resolver may ever find (RFC 2606).
Read next: `edit_answer.py`, which decides about each place.
"""

from __future__ import annotations

import re
from typing import Final

from switchboard.base_url import authority_of
from switchboard.decide import Ask, Forward
from switchboard.edit_answer import client_scheme, is_own, is_routed
from switchboard.rules import Rules

NOWHERE: Final = "refused.invalid"
LONGEST_LINK: Final = 300
_TYPES: Final = re.compile(
    r"\s*(?:text/|application/(?:[a-z0-9.+-]*\+)?(?:json|xml|javascript|x-javascript|manifest))",
    re.IGNORECASE,
)
# `\/` is how JSON may write a slash.
_LINK: Final = re.compile(
    rb"\b(https?|wss?):(\\?/\\?/)((?:[A-Za-z0-9._~%@-]|\[[0-9A-Fa-f:.]+\])+(?::[0-9]{1,5})?)",
    re.IGNORECASE,
)
_UNFINISHED: Final = re.compile(
    rb"(?:https?|wss?|h|ht|htt|w|ws)(?::(?:\\?(?:/(?:\\?(?:/[A-Za-z0-9._~%@:\[\]-]*)?)?)?)?)?\Z",
    re.IGNORECASE,
)


def is_text(content_type: str) -> bool:
    """True for the types of answers in which links are looked for."""
    return _TYPES.match(content_type) is not None


class LinkMapper:
    """Maps the links of one answer. Feed it the decoded body piece by piece, then flush."""

    def __init__(self, ask: Ask, forward: Forward, rules: Rules) -> None:
        self._asked = authority_of(ask.scheme, ask.host, ask.port)
        self._ask = ask
        self._forward = forward
        self._rules = rules
        self._held = b""
        self.mapped = 0
        self.refused = 0

    def feed(self, data: bytes) -> bytes:
        """What can be sent on so far."""
        data = self._held + data
        tail = _UNFINISHED.search(data, max(0, len(data) - LONGEST_LINK))
        cut = tail.start() if tail is not None else len(data)
        self._held = data[cut:]
        return _LINK.sub(self._map, data[:cut])

    def flush(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return _LINK.sub(self._map, held)

    def _map(self, found: re.Match[bytes]) -> bytes:
        scheme, authority = found[1].decode().lower(), found[3].decode()
        if is_own(authority, self._forward):
            self.mapped += 1
            back = client_scheme(scheme, self._ask)
            return back.encode() + found[2] + self._asked.encode()
        if is_routed(authority, scheme, self._rules):
            return found[0]
        self.refused += 1
        return found[1] + b":" + found[2] + NOWHERE.encode()
