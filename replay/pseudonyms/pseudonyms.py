"""The pseudonyms of every kind, by one key.

`of` is what a policy asks for by kind; `of_named` is what happens where no policy says anything:
the name of a field tells, then the finders, then the looks of an id. Both remember the last few
thousand answers, in this process alone.
Read next: `telling.py`, then the kinds: `numbers.py`, `ids.py`, `contact.py`, `person.py`,
`dates.py`, `tokens.py`, `jwt.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from replay.identifiers.find import find_spans
from replay.identifiers.fold import fold
from replay.identifiers.kinds import NOBODYS
from replay.identifiers.names import normal_name
from replay.identifiers.sandbox import is_sandbox_basic, is_sandbox_jwt, is_sandbox_token
from replay.identifiers.secrets import is_secret
from replay.pseudonyms import contact, dates, ids, numbers, person, tokens
from replay.pseudonyms.jwt import jwt
from replay.pseudonyms.keyed import Keyed
from replay.pseudonyms.quick import SUSPECT, Quick
from replay.pseudonyms.said import find_said
from replay.pseudonyms.shape import digits_alone
from replay.pseudonyms.telling import ID, LOGIN, WHOM, kinds_of_name

Make = Callable[[Keyed, str], str | None]

_MAKERS: Final[dict[str, Make]] = {
    "ssn": numbers.ssn,
    "itin": numbers.itin,
    "ein": numbers.ein,
    "card": numbers.card,
    "aba": numbers.aba,
    "account": ids.account_id,
    "iban": numbers.iban,
    "email": contact.email,
    "phone": contact.phone,
    "ip": contact.ip,
    "basic": tokens.basic,
    "cloud_key": tokens.secret,
    "private_key": tokens.private_key,
    "secret": tokens.secret,
    "birth_date": dates.birth_date,
    "person_name": person.person_name,
    "street": person.street,
    "zip": person.zip_code,
    "uuid": tokens.uuid,
    "id": ids.identifier,
}
MADE_KINDS: Final = (*_MAKERS, "jwt", "bearer")
"""Every kind that there is a maker for: `kinds.py` lists them."""
_ALWAYS: Final = frozenset({"secret", "cloud_key", "bearer", "private_key", "jwt", "basic"})
"""Kinds whose text is replaced even when it is not what it is called."""
_HELD: Final = 32_768
_HELD_LENGTH: Final = 256
_MAX_TEXT: Final = 1 << 20


class Pseudonyms:
    """Gives the pseudonym of a value; the same for the same citizen, however it is written."""

    def __init__(self, key: bytes) -> None:
        self._keyed = Keyed(key)
        self._known: dict[tuple[str, str], str | None] = {}
        self.quick = Quick()

    def __repr__(self) -> str:
        return "<Pseudonyms>"

    @property
    def fingerprint(self) -> str:
        """Tells keys apart, and nothing more."""
        return self._keyed.bytes_of("fingerprint", "").hex()[:8]

    def of(self, kind: str, text: str) -> str:
        """The pseudonym of a value of a kind. What is no such value still loses its digits."""
        made = self.make(kind, text)
        if made is not None or not text:
            return made or text
        folded = fold(text)
        if kind in _ALWAYS:
            return tokens.token(self._keyed, folded)
        if kind == "email":
            return self.make(ID, text) or text
        return digits_alone(self._keyed, folded)

    def make(self, kind: str, text: str) -> str | None:
        """The pseudonym, or None when the text is no value of that kind."""
        known = self._known
        key = (kind, text)
        try:
            return known[key]
        except KeyError:
            made = self._make(kind, text)
        if len(text) <= _HELD_LENGTH:
            if len(known) >= _HELD:
                known.clear()
            known[key] = made
        return made

    def alias(self, what: str, text: str) -> str:
        """Something to tell clients or connections apart by, and nothing more."""
        key = (what, text)
        known = self._known.get(key)
        if known is None:
            known = self._keyed.bytes_of(what, text).hex()[:24]
            if len(self._known) >= _HELD:
                self._known.clear()
            self._known[key] = known
        return known

    def _make(self, kind: str, text: str) -> str | None:
        if not text:
            return None
        text = fold(text)
        if kind in (LOGIN, WHOM):
            kind = ID
        if (kind in ("jwt", "bearer", ID, "secret")) and "eyJ" in text:
            made = self._jwt(text)
            if made is not None:
                return made
        if kind == "jwt":
            return None
        if kind == "bearer":
            return self._bearer(text)
        return _MAKERS[kind](self._keyed, text)

    def _jwt(self, text: str) -> str | None:
        scheme, rest = tokens.split_scheme(text)
        made = jwt(self._keyed, rest, self.of_named)
        return None if made is None else scheme + made

    def _bearer(self, text: str) -> str:
        scheme, rest = tokens.split_scheme(text)
        if scheme.strip().lower() == "basic":
            return tokens.basic(self._keyed, text) or tokens.token(self._keyed, text)
        return scheme + tokens.token(self._keyed, rest)

    def of_named(self, name: str, text: str) -> str:
        """What takes the place of a text of that name where no rule says anything."""
        for kind in kinds_of_name(name):
            if not _may_be(kind, text):
                continue
            made = self.make(kind, text)
            if made is None:
                continue
            # What is called a session's must not look like one that lets somebody in.
            if kind == LOGIN and is_secret(normal_name(name), made):
                return tokens.token(self._keyed, text)
            return made
        return self.free_text(name, text)

    def is_made(self, name: str, text: str) -> bool:
        """It is a pseudonym already, as far as its name or its looks tell."""
        if any(self.make(kind, text) == text for kind in kinds_of_name(name)):
            return True
        _, rest = tokens.split_scheme(text)
        return is_sandbox_token(rest) or is_sandbox_jwt(rest) or is_sandbox_basic(rest)

    def free_text(self, name: str, text: str) -> str:
        """The text with every identifier in it replaced; all of it when it is an id by itself."""
        if len(text) <= 36 and ids.is_id_by_itself(text):
            return self.make(ID, text) or text
        if self.quick.judge(name, text) != SUSPECT:
            return text
        parts: list[str] = []
        at = 0
        for kind, start, end in find_spans(name, text):
            made = text[start:end] if kind == NOBODYS else self.of(kind, text[start:end])
            parts += [self._said(text[at:start]), made]
            at = end
        return "".join([*parts, self._said(text[at:])])

    def _said(self, text: str) -> str:
        """A piece of a running text in which the finders find nothing, with the ids it names."""
        parts: list[str] = []
        at = 0
        for start, end, kinds in find_said(text):
            made = (self.make(kind, text[start:end]) for kind in kinds)
            said = next((each for each in made if each is not None), None)
            if said is not None:
                parts += [text[at:start], said]
                at = end
        return "".join([*parts, text[at:]]) if parts else text


def _may_be(kind: str, text: str) -> bool:
    """A plain word under the name of an id is a state or a type, not somebody's id."""
    if kind == ID:
        return has_digit(text)
    return kind != WHOM or (has_digit(text) and not (len(text) < 3 and text.isdigit()))


def has_digit(text: str) -> bool:
    """True when there is a digit in it, of whatever script."""
    return any(map(str.isdigit, text))
