"""Names of people: where the name of a field says there is one, and it looks like one.

A field that is merely called `name` holds products and cities as often: there one of its words
must be a known first name, or what holds the field must be a person.
Read next: `given_names.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from replay.identifiers import names
from replay.identifiers.given_names import GIVEN_NAMES
from replay.identifiers.kinds import Span
from replay.identifiers.look import Look
from replay.identifiers.placeholders import is_placeholder
from replay.identifiers.sandbox import is_sandbox_name

_WORD: Final = r"[^\W\d_](?:[^\W\d_]|['\u2019\u02bc`.-](?=[^\W\d_])){0,39}\.?"
_NAME: Final = re.compile(rf"{_WORD}(?:(?:, ?| ){_WORD}){{0,5}}")
_CAPITAL: Final = r"[A-Z\u00c0-\u00de](?:[^\W\d_]|['\u2019-](?=[^\W\d_])){0,39}\.?"
_SAID: Final = re.compile(
    r"(?<![^\W_])((?:[A-Za-z]{2,20}[-_ ]){0,2}[A-Za-z]{4,20})[\"']{0,2}"
    r"(?:[ \t]{0,2}[:=][ \t]{0,2}|[ \t]is[ \t]|[ \t])[\"']{0,2}"
    rf"({_CAPITAL}(?:(?:, ?| ){_CAPITAL}){{0,3}})"
)
_TITLED: Final = re.compile(rf"(?<![^\W_])(?:Mr|Mrs|Ms|Miss)\.? ({_CAPITAL}(?: {_CAPITAL}){{0,2}})")
_WORDS: Final = re.compile(rf"name|(?:{names.PERSON_WORDS})|mrs?|ms|miss")
_LONGEST: Final = 80
_NOBODY: Final = frozenset(
    {"admin", "administrator", "string", "guest", "root", "system", "user", "customer", "client",
     "account", "name", "first", "last", "full", "company", "inc", "llc", "ltd", "corp", "gmbh",
     "department", "dept", "agency", "office", "bank", "service", "services", "group", "team",
     "bot", "support", "required", "field", "asc", "desc", "self", "other", "spouse",
     "applicant", "null"}
)  # fmt: skip

_ENDS: Final = frozenset({"", "\n", "\r", ",", ";", "<", "|"})
_THINGS: Final = frozenset(
    {"airport", "avenue", "boulevard", "branch", "bridge", "building", "campus", "center",
     "centre", "church", "clinic", "college", "county", "day", "drive", "foundation", "gardens",
     "hospital", "hotel", "institute", "island", "library", "memorial", "museum", "office",
     "plaza", "road", "school", "square", "stadium", "station", "street", "theater", "theatre",
     "tour", "tower", "university"}
)  # fmt: skip
"""What is called after people, by its last word."""


def find_person_names(look: Look) -> Iterator[Span]:
    text = look.text
    whole = text.strip(" \t\r\n\"'")
    if _is_somebody(look, whole):
        start = text.index(whole)
        yield Span("person_name", start, start + len(whole))
        return
    if " " in text and _WORDS.search(look.low) is not None:
        yield from _said(text)


def _is_somebody(look: Look, whole: str) -> bool:
    if look.told(names.PERSON_NAME):
        return is_name(whole)
    if look.told(names.THING):
        return False
    if not look.told(names.MAYBE_NAME) and not _is_named_person(look):
        return False
    return " " in whole and is_name(whole) and _is_known(whole)


def _is_named_person(look: Look) -> bool:
    """`customer.name`: what holds it is a person."""
    return look.told(names.PERSON) and look.name.endswith("-|-name-")


def is_name(text: str) -> bool:
    """It looks like a name, and says nothing that is plainly none."""
    if not 2 <= len(text) <= _LONGEST or _NAME.fullmatch(text) is None:
        return False
    if is_placeholder(text) or is_sandbox_name(text):
        return False
    return not any(word.lower() in _NOBODY for word in re.split(r"[ ,.]+", text))


def _is_known(text: str) -> bool:
    """Capitalised, and one of its words is a first name that many have."""
    words = [word for word in re.split(r"[ ,.-]+", text) if word]
    if words and words[-1].lower() in _THINGS and len(words) > 1 + (words[-1] == "Day"):
        return False  # a day, a hospital, a street that is called after somebody
    return all(word[0].isupper() for word in words[:2]) and any(
        word.lower() in GIVEN_NAMES for word in words
    )


def _is_enclosed(text: str, found: re.Match[str]) -> bool:
    """`"last_name": "Smith"`, `lastName=Smith` and a blank: one word is all that is said."""
    before, after = text[found.start(2) - 1], text[found.end(2) : found.end(2) + 1]
    if before == after and before in "\"'":
        return True
    if before == "=":
        return after in ("", " ", "\n")
    return text[found.end(1) : found.start(2)].strip() == ":" and after in _ENDS


def _said(text: str) -> Iterator[Span]:
    """`name: John Smith`, `patient John Smith`, `Mr. Smith`, in a text."""
    for found in _SAID.finditer(text):
        said = found[2]
        name = names.normal_text(found[1])
        told = names.PERSON_NAME.search(name) is not None
        if not told and names.MAYBE_SAID.search(name) is None:
            continue
        is_alone = told and " " not in said and _is_enclosed(text, found)
        if is_name(said) and (is_alone or (" " in said and _is_known(said))):
            yield Span("person_name", found.start(2), found.end(2))
    for found in _TITLED.finditer(text):
        if is_name(found[1]):
            yield Span("person_name", found.start(1), found.end(1))
