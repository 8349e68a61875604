"""Secrets near telling names: a value that is called a password, and does not look like a word.

The name of the field says so, or the words before it in a text: `password=...`, `"token": "..."`.
Read next: `dates.py`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from replay.identifiers import names
from replay.identifiers.kinds import Span
from replay.identifiers.look import Look
from replay.identifiers.names import normal_name
from replay.identifiers.placeholders import is_placeholder
from replay.identifiers.sandbox import is_sandbox_jwt, is_sandbox_token, is_sandbox_uuid

_SAID: Final = re.compile(
    r"(?<![\w-])([A-Za-z][\w-]{2,63})[\"'\]\\]{0,4}[ \t]{0,4}(?::=|=>|[:=]|[ \t]is[ \t])[ \t]{0,4}"
    r"[\"'\\]{0,4}([^\s\"'&,;<>\\]{6,512})"
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_WORDS: Final = re.compile(
    r"[A-Z]?[a-z]+(?:[-_. /][A-Za-z]?[a-z]+|[A-Z][a-z]{2,})*|[A-Z]+(?:_[A-Z]+)*"
)
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,20})?")
_PLACE: Final = re.compile(r"(?:https?:/)?/[\w./~-]{0,200}")
_LEAST_PASSWORD: Final = 6
_LEAST_TOKEN: Final = 12
_LEAST_SESSION: Final = 20
_LONGEST: Final = 4_096
_LONG_WORDS: Final = 24
_BITS: Final = 2.75
"""Of entropy a character, at least: what people and generators choose has more, `aaaa1111` less."""


def find_secrets(look: Look) -> Iterator[Span]:
    text = look.text
    whole = text.strip(" \t\r\n\"'")
    if whole and len(whole) <= _LONGEST and is_secret(look.name, whole):
        start = text.index(whole)
        yield Span("secret", start, start + len(whole))
        return
    if "=" in text or ":" in text or " is " in text:
        for found in _SAID.finditer(text):
            # What calls or indexes something is a piece of a program.
            if "(" not in found[2] and "[" not in found[2] and _says_secret(found):
                yield Span("secret", found.start(2), found.end(2))


def _says_secret(found: re.Match[str]) -> bool:
    return is_secret(normal_name(found[1]), found[2])


def is_secret(name: str, value: str) -> bool:
    """name: in normal form."""
    if names.ABOUT_SECRETS.search(name) is not None:
        return False
    if names.PASSWORD.search(name) is not None:
        return _is_password(value)
    if names.SECRET.search(name) is not None:
        return _is_token(value)
    # Ids of sessions are as often UUIDs that open nothing.
    return (
        names.SESSION.search(name) is not None
        and len(value) >= _LEAST_SESSION
        and _is_token(value)
        and _UUID.fullmatch(value) is None
    )


def _is_password(value: str) -> bool:
    if len(value) < _LEAST_PASSWORD or " " in value or _is_harmless(value):
        return False
    return _WORDS.fullmatch(value) is None or len(value) >= _LONG_WORDS


def _is_token(value: str) -> bool:
    if len(value) < _LEAST_TOKEN or " " in value or _is_harmless(value):
        return False
    if _NUMBER.fullmatch(value) or _PLACE.fullmatch(value):
        return False
    if _WORDS.fullmatch(value) is not None and len(value) < _LONG_WORDS:
        return False
    return entropy(value) >= _BITS


def _is_harmless(value: str) -> bool:
    return (
        is_placeholder(value)
        or is_sandbox_token(value)
        or is_sandbox_uuid(value)
        or is_sandbox_jwt(value)
    )


def entropy(text: str) -> float:
    """Bits a character."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0
