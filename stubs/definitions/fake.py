"""Believable data that belongs to nobody: `fake.name`, `fake.email`, `fake.number(1, 6)`.

Every value is a draw from (seed, request id), the same in every run, at any speed and in any
order; within one request the same name is the same value, so that a person's email fits the name.
`fake.of(text)` belongs to the text instead of the request, `fake.another(text)` is a further one
of the request. Family names and places are invented, numbers are from ranges that nobody can
have. Floor 1, pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from stubs.definitions.fake_words import (
    CITIES,
    FIRST_NAMES,
    LAST_NAMES,
    STATES,
    STREET_KINDS,
    STREETS,
    WORDS,
)
from stubs.definitions.filters import text_from
from stubs.definitions.names import Names
from switchboard.seeded import mix64, text64

MAX_DIGITS: Final = 40
MAX_NUMBER: Final = 2**53

_OF_REQUEST: Final = 3
_OF_TEXT: Final = 4
"""Draws 1 and 2 of a request are its latency and its chance."""

_DOMAINS: Final = ("example.com", "example.org", "example.net")
_FIRST_BIRTH: Final = date(1940, 1, 1)
_BIRTH_DAYS: Final = 24_000


class FakeNames(Names):
    """`fake`: draws that belong to one request or to one text."""

    __slots__ = ("_base", "_seed")

    def __init__(self, seed: int, base: int) -> None:
        self._seed = seed
        self._base = base

    @classmethod
    def of_request(cls, seed: int, request_id: int) -> FakeNames:
        return cls(seed, mix64(seed, request_id, _OF_REQUEST))

    def look(self, name: str) -> Any:
        return FAKE_NAMES[name](self)

    def draw(self, what: str, count: int) -> int:
        """A whole number in [0, count) for this thing."""
        return mix64(self._base, _number_of(what)) % count

    def of(self, text: Any) -> FakeNames:
        return FakeNames(self._seed, mix64(self._seed, text64(text_from(text)), _OF_TEXT))

    def another(self, text: Any) -> FakeNames:
        return FakeNames(self._seed, mix64(self._base, text64(text_from(text)), _OF_TEXT))

    def number(self, low: int, high: int) -> int:
        if not -MAX_NUMBER <= low <= high <= MAX_NUMBER:
            raise ValueError("fake.number needs whole numbers, the smaller one first")
        return low + self.draw(f"number {low} {high}", high - low + 1)

    def digits(self, count: int) -> str:
        if not 1 <= count <= MAX_DIGITS:
            raise ValueError(f"fake.digits gives 1 to {MAX_DIGITS} digits")
        parts = [f"{self.draw(f'digits {at}', 10**10):010d}" for at in range(-(-count // 10))]
        return "".join(parts)[:count]

    def pick(self, choices: Sequence[Any]) -> Any:
        if not isinstance(choices, list | tuple) or not choices:
            raise ValueError("fake.pick needs a list that is not empty")
        return choices[self.draw("pick", len(choices))]

    def chance(self, share: float) -> bool:
        return self.draw("chance", 2**53) < share * 2**53

    def one_of(self, what: str, words: Sequence[str]) -> str:
        return words[self.draw(what, len(words))]


def _name(fake: FakeNames) -> str:
    return f"{_first_name(fake)} {_last_name(fake)}"


def _first_name(fake: FakeNames) -> str:
    return fake.one_of("first name", FIRST_NAMES)


def _last_name(fake: FakeNames) -> str:
    return fake.one_of("last name", LAST_NAMES)


def _email(fake: FakeNames) -> str:
    who = f"{_first_name(fake)}.{_last_name(fake)}{fake.draw('mailbox', 1000)}".lower()
    return f"{who}@{fake.one_of('domain', _DOMAINS)}"


def _phone(fake: FakeNames) -> str:
    """From the hundred numbers of each area that are kept for fiction."""
    area = 201 + fake.draw("area", 780)
    return f"+1-{area}-555-01{fake.draw('line', 100):02d}"


def _street(fake: FakeNames) -> str:
    kind = fake.one_of("street kind", STREET_KINDS)
    return f"{1 + fake.draw('house', 9899)} {fake.one_of('street', STREETS)} {kind}"


def _zip(fake: FakeNames) -> str:
    """Under 00501, the lowest that was ever given to a place."""
    return f"{1 + fake.draw('zip', 499):05d}"


def _date_of_birth(fake: FakeNames) -> str:
    return (_FIRST_BIRTH + timedelta(days=fake.draw("birth", _BIRTH_DAYS))).isoformat()


def _uuid(fake: FakeNames) -> str:
    bits = f"{fake.draw('uuid high', 2**64):016x}{fake.draw('uuid low', 2**64):016x}"
    variant = "89ab"[fake.draw("uuid variant", 4)]
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{variant}{bits[17:20]}-{bits[20:]}"


def _ssn(fake: FakeNames) -> str:
    """Area 666 was never given to anybody."""
    return f"666-{1 + fake.draw('group', 99):02d}-{1 + fake.draw('serial', 9999):04d}"


def _iban_like(fake: FakeNames) -> str:
    """Of no country, with check digits that no account has."""
    return f"ZZ00{fake.digits(18)}"


def _routing_like(fake: FakeNames) -> str:
    """No district of the rail begins with 99."""
    return f"99{fake.another('routing').digits(7)}"


def _sentence(fake: FakeNames) -> str:
    count = 6 + fake.draw("words", 7)
    words = [fake.one_of(f"word {at}", WORDS) for at in range(count)]
    return f"{' '.join(words).capitalize()}."


@lru_cache(maxsize=512)
def _number_of(what: str) -> int:
    """The same few things are drawn again and again."""
    return text64(what)


FAKE_NAMES: Final[Mapping[str, Callable[[FakeNames], Any]]] = {
    "name": _name,
    "first_name": _first_name,
    "last_name": _last_name,
    "email": _email,
    "phone": _phone,
    "street": _street,
    "city": lambda fake: fake.one_of("city", CITIES),
    "state": lambda fake: fake.one_of("state", STATES),
    "zip": _zip,
    "date_of_birth": _date_of_birth,
    "ssn": _ssn,
    "uuid": _uuid,
    "iban_like": _iban_like,
    "routing_like": _routing_like,
    "account_like": lambda fake: f"00{fake.another('account').digits(10)}",
    "sentence": _sentence,
    "number": lambda fake: fake.number,
    "digits": lambda fake: fake.digits,
    "pick": lambda fake: fake.pick,
    "chance": lambda fake: fake.chance,
    "of": lambda fake: fake.of,
    "another": lambda fake: fake.another,
}
