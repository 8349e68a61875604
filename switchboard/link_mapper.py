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
LONGEST_AUTHORITY: Final = 260
LONGEST_LINK: Final = 300
_TYPES: Final = re.compile(
    r"\s*(?:text/|application/(?:[a-z0-9.+-]*\+)?(?:json|xml|javascript|x-javascript|manifest))",
    re.IGNORECASE,
)
# `\/` is how JSON may write a slash. Without a scheme only what follows a quote or the like is one.
_START: Final = rb"(?:\b(https?|wss?):|(?<=[\"'(=]))(\\?/\\?/)"
# Whatever a browser may take for the authority, user information and all.
_AUTHORITY: Final = rb"([^/?#\\\s\"'<>]{1,%d})" % LONGEST_AUTHORITY
_PATH_END: Final = rb"(?=[/?#\"'\s<>)\\]|\Z)"
_SOME_PATH: Final = rb"(?:\\?/[^/?#\\\s\"'<>]*)*"
_UNFINISHED: Final = rb"(?:(?:https?|wss?|h|ht|htt|w)(?::%(rest)s)?|(?<=[\"'(=])%(rest)s)\Z" % {
    b"rest": rb"(?:\\?(?:/(?:\\?(?:/[^/?#\\\s\"'<>]*%(path)s)?)?)?)?"
}
_AFTER: Final = b"/?#\"' \t\r\n<>\\"


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
        self._link, self._unfinished = _patterns(forward.route.edits.prefix)
        self._before = self._held = b""
        self.mapped = 0
        self.refused = 0

    def feed(self, data: bytes) -> bytes:
        """What can be sent on so far."""
        return self._take(data, is_last=False)

    def flush(self) -> bytes:
        """What was held back."""
        return self._take(b"", is_last=True)

    def _take(self, new: bytes, *, is_last: bool) -> bytes:
        """`_before` is the last byte sent: what stands before a link decides whether it is one."""
        data = self._before + self._held + new
        start = at = len(self._before)
        cut = len(data)
        if not is_last:
            tail = self._unfinished.search(data, max(start, cut - LONGEST_LINK))
            cut = tail.start() if tail is not None else cut
        out = []
        for found in self._link.finditer(data, start):
            if found.start() >= cut:
                break
            if found.end() == len(data) and not is_last:
                cut = found.start()  # it may go on in the next piece
                break
            out += [data[at : found.start()], self._map(found)]
            at = found.end()
        cut = max(cut, at)
        out.append(data[at:cut])
        self._before, self._held = data[max(0, cut - 1) : cut], data[cut:]
        return b"".join(out)

    def _map(self, found: re.Match[bytes]) -> bytes:
        scheme = (found[1] or b"").decode().lower()
        authority = found[3].rstrip(b".,:;!)")  # a link may end a sentence
        name = authority.decode("latin-1")
        if is_own(name, self._forward, self._ask):
            self.mapped += 1
            own = client_scheme(scheme, self._ask).encode() + found[2] + self._asked.encode()
            return own + found[3][len(authority) :]
        if is_routed(name, scheme, self._rules):
            return found[0]
        self.refused += 1
        start = found[1] + b":" if found[1] else b""
        # Of an endless authority only a part was read: what follows must not belong to it.
        after = found.string[found.end() : found.end() + 1]
        return (
            start + found[2] + NOWHERE.encode() + (b"/" if after and after not in _AFTER else b"")
        )


def _patterns(prefix: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """A link with the route's path prefix, if it has one, and the start of a link at the end."""
    own = b"".join(rb"\\?/" + re.escape(part) for part in prefix.encode().split(b"/")[1:])
    tail = rb"(?:" + own + _PATH_END + rb")?" if own else b""
    unfinished = _UNFINISHED % {b"path": _SOME_PATH if own else b""}
    return (
        re.compile(_START + _AUTHORITY + tail, re.IGNORECASE),
        re.compile(unfinished, re.IGNORECASE),
    )
