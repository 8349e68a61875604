"""The built-in policy: what becomes of a field that no rule of a policy names.

Headers that nothing is known of are dropped; everything else is treated by its name, then searched
for identifiers, then taken for an id if it looks like one. Numbers, dates, versions and plain words
that tell nothing stay.
Read next: `anonymiser.py`, which asks; `replay/pseudonyms/pseudonyms.py`, which replaces.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

from replay.fields.leaf import Leaf
from replay.fields.nested import MAX_OPENED, decode_base64, may_be_base64
from replay.pseudonyms.ids import may_be_id_by_itself
from replay.pseudonyms.pseudonyms import Pseudonyms, has_digit
from replay.pseudonyms.quick import HARMLESS
from replay.pseudonyms.telling import ID, WHOM, kinds_of_name, needs_parent

ALREADY_REPLACED: Final = "sandbox"
"""What the switchboard writes where a credential stood."""
_KEPT_HEADERS: Final = frozenset(
    ("accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "age",
     "allow", "alt-svc", "cache-control", "connection", "content-encoding", "content-language",
     "content-length", "content-range", "content-security-policy", "content-type", "date",
     "device-memory", "dnt", "dpr", "expect", "expires", "if-modified-since",
     "if-unmodified-since", "keep-alive", "last-modified", "max-forwards", "mime-version", "origin",
     "pragma", "prefer", "priority", "proxy-connection", "range", "referrer-policy", "retry-after",
     "save-data", "server", "soapaction", "strict-transport-security", "te", "trailer",
     "transfer-encoding", "upgrade", "upgrade-insecure-requests", "vary", "viewport-width", "via",
     "width", "x-content-type-options", "x-frame-options", "x-requested-with", "x-xss-protection")
)  # fmt: skip
"""Headers that say how, and nothing of whom."""
_KEPT_PREFIXES: Final = ("access-control-", "sec-ch-", "sec-fetch-", "sec-gpc", "sec-websocket-v")
_SEARCHED_HEADERS: Final = frozenset(
    ("content-disposition", "content-location", "etag", "if-match", "if-none-match", "if-range",
     "link", "location", "referer", "referrer", "refresh", "user-agent", "warning")
)  # fmt: skip
_URL_HEADERS: Final = frozenset(
    ("content-location", "location", "origin", "referer", "referrer", "link", "refresh")
)
_INSIDE: Final = frozenset("-_.~")
_SHORTEST_NAME: Final = 4
_TOKEN: Final = 16
SHORTEST_OPENED: Final = 11
"""A shorter text has nothing inside that letters could hide: `replay/fields/nested.py`."""


_ID_HEADERS: Final = frozenset(("idempotency-key", "x-idempotency-key"))
_PERSON: Final = "person_name"
_MAKES_TOKENS: Final = frozenset({"secret"})


class BuiltIn:
    """Decides about leaves; `user` and `session` are those of the event at hand."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self.pseudonyms = pseudonyms
        self.user: str | None = None
        self.session: str | None = None

    def choose(self, leaf: Leaf) -> str | None:
        """What takes the place of the leaf."""
        path, name, text, _ = leaf
        if text == ALREADY_REPLACED:
            return text
        path = path.removeprefix("answer.")
        if path in ("user", "session"):
            return self.pseudonyms.make(ID, text)
        if len(text) >= SHORTEST_OPENED and self._is_text_inside(path, name, text):
            return text
        if path.startswith("header."):
            return self._header(path[7:], name, text)
        if ".path[" in path:
            return self.segment(name, text)
        if path.endswith((".userinfo", ".host")):
            return None if path.endswith(".userinfo") else text
        if path.startswith("cookie."):
            return self._cookie(name, text)
        return self.value(telling_name(path, name), text)

    def _is_text_inside(self, path: str, name: str, text: str) -> bool:
        """Base64 of a text is opened, and what it says replaced, wherever that is possible."""
        if path.count("|") >= MAX_OPENED or text in (self.user, self.session):
            return False
        kinds = kinds_of_name(telling_name(path, name))
        if not (kinds or path.startswith("cookie.")) or not _MAKES_TOKENS.isdisjoint(kinds):
            return False
        return may_be_base64(text) and decode_base64(text) is not None

    def is_settled(self, path: str, name: str, text: str) -> bool:
        """True when `choose` leaves the text, and all that is inside, whatever its digits are.

        Unless it is what tells the event's user or session: see `is_named_in`.
        """
        if text == ALREADY_REPLACED:
            return True
        if ".path[" in path:
            kinds = kinds_of_name(name)
            if not kinds and is_word(text) and len(text) < SHORTEST_OPENED:
                return True
            if kinds and (has_digit(text) or _PERSON in kinds):
                return False
        else:
            name = telling_name(path, name)
            if kinds_of_name(name):
                return False
        if may_be_id_by_itself(text):
            return False
        return self.pseudonyms.quick.judge(name, text) == HARMLESS

    def is_named_in(self, text: str) -> bool:
        """The event's user or session may be a part of the text, and tells who it is."""
        user, session = self.user, self.session
        if user is not None and _is_in(user, text) and self._is_of_whom(user):
            return True
        return session is not None and _is_in(session, text) and self._is_of_whom(session)

    def value(self, name: str, text: str) -> str:
        """A value of a query, a form, JSON, or the like."""
        if self._is_of_whom(text):
            return self.pseudonyms.make(ID, text) or text
        return self.pseudonyms.of_named(name, text)

    def segment(self, name: str, text: str) -> str:
        """A part of a path, called by the part before it: plain words are the way, and stay."""
        kinds = kinds_of_name(name)
        if not kinds and is_word(text):
            return text
        if self._is_of_whom(text) or (WHOM in kinds and has_digit(text)):
            return self.pseudonyms.make(ID, text) or text
        if has_digit(text) or _PERSON in kinds:
            return self.pseudonyms.of_named(name, text)
        return self.pseudonyms.free_text(name, text)

    def _is_of_whom(self, text: str) -> bool:
        """It is what tells this event's user or session, whatever it is called here."""
        if text != self.user and text != self.session:
            return False
        return len(text) >= _SHORTEST_NAME or (has_digit(text) and not text.isdigit())

    def _cookie(self, name: str, text: str) -> str:
        made = self.value(name, text)
        # A long value with digits is somebody's token, whatever it is called.
        if (
            made == text
            and len(text) >= _TOKEN
            and has_digit(text)
            and not self.pseudonyms.is_made(telling_name(f"cookie.{name}", name), text)
        ):
            return self.pseudonyms.make(ID, text) or text
        return made

    def _header(self, path: str, name: str, text: str) -> str | None:
        """path: without `header.`: the name in small letters, and what is inside the value."""
        low = _first_step(path)
        if low in _KEPT_HEADERS and low == path:
            return text
        if low in ("authorization", "proxy-authorization"):
            return self._authorization(text)
        if low in _URL_HEADERS:
            return self._url_header(path, name, text)
        if low in _SEARCHED_HEADERS:
            return self.pseudonyms.free_text(name, text)
        if low.startswith(_KEPT_PREFIXES):
            return text
        if low in _ID_HEADERS:
            return self.pseudonyms.make(ID, text)
        return self._unknown_header(low, name, text)

    def _url_header(self, path: str, name: str, text: str) -> str | None:
        if path.endswith(".userinfo"):
            return None
        if path.endswith(".host"):
            return text
        return self.segment(name, text) if ".path[" in path else self.value(name, text)

    def _authorization(self, text: str) -> str:
        if text[:6].lower() == "basic ":
            return self.pseudonyms.of("basic", text)
        return self.pseudonyms.of("bearer", text)

    def _unknown_header(self, low: str, name: str, text: str) -> str | None:
        """Kept only where its name says what it is."""
        kinds = kinds_of_name(low.removeprefix("x-"))
        if not kinds:
            return None
        if name.lower() != low:  # something inside the value
            return self.value(name, text)
        for kind in kinds:
            made = self.pseudonyms.make(kind, text)
            if made is not None:
                return made
        return None


def _is_in(name: str, text: str) -> bool:
    """It stands there by itself, and not merely inside of something longer."""
    if "%" in text:
        return name in unquote_plus(text)
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
        if not (before.isalnum() or after.isalnum() or before in _INSIDE or after in _INSIDE):
            return True
        at = text.find(name, at + 1)
    return " " in name and name in text.replace("+", " ")


def is_word(text: str) -> bool:
    """Nothing but letters, and not so many that it could be a token."""
    return len(text) < _TOKEN and text.isalpha() and text.isascii()


def telling_name(path: str, name: str) -> str:
    """`customer id` for an `id` inside a `customer`, else the name."""
    if not name or not needs_parent(name):
        return name
    steps = [step.partition("[")[0] for step in path.replace("|", ".").split(".")[:-1]]
    steps = [step for step in steps if step and step[0] not in "$*"]
    together = f"{steps[-1]}_{name}" if len(steps) > 1 else name
    return together if kinds_of_name(together) else name


def _first_step(path: str) -> str:
    for at, char in enumerate(path):
        if char in ".|[;":
            return path[:at]
    return path
