"""Believable texts, numbers and truth values for a schema, as template expressions.

Floor 1, pure. What is called alike is drawn alike; docs/service-definitions.md has the names that
a template knows.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

LARGEST: Final = 10**15
MAX_CHOICES: Final = 20
MAX_DIGITS: Final = 40

_BY_FORMAT: Final[Mapping[str, str]] = {
    "email": "fake.email",
    "idn-email": "fake.email",
    "uuid": "fake.uuid",
    "date-time": "now.iso",
    "date": "now.date",
    "time": "now.time",
    "uri": "'https://www.example.com/' ~ fake.digits(6)",
    "url": "'https://www.example.com/' ~ fake.digits(6)",
    "uri-reference": "'/' ~ fake.digits(6)",
    "hostname": "'www.example.com'",
    "ipv4": "'192.0.2.' ~ fake.number(1, 254)",
    "ipv6": "'2001:db8::' ~ fake.number(1, 9999)",
    "byte": "'c2FuZGJveA=='",
    "binary": "'sandbox'",
    "password": "'sandbox'",
}
_BY_NAME: Final[Mapping[str, str]] = {
    "email": "email",
    "emailaddress": "email",
    "mail": "email",
    "phone": "phone",
    "phonenumber": "phone",
    "mobile": "phone",
    "firstname": "first_name",
    "givenname": "first_name",
    "lastname": "last_name",
    "familyname": "last_name",
    "surname": "last_name",
    "name": "name",
    "fullname": "name",
    "username": "name",
    "street": "street",
    "address": "street",
    "city": "city",
    "town": "city",
    "zip": "zip",
    "zipcode": "zip",
    "postalcode": "zip",
    "state": "state",
    "dateofbirth": "date_of_birth",
    "birthdate": "date_of_birth",
    "birthday": "date_of_birth",
    "iban": "iban_like",
    "ssn": "ssn",
    "description": "sentence",
    "comment": "sentence",
    "message": "sentence",
    "detail": "sentence",
    "title": "sentence",
}
_LONGEST_NAMED: Final = 60
_NOT_WORD: Final = re.compile(r"[^a-z0-9]+")
_NOT_KEY: Final = re.compile(r"[^A-Za-z0-9_ ]+")


class Expression(str):
    """A template expression, to be filled in for each request."""

    __slots__ = ()


def scalar_value(kind: str, schema: Mapping[str, Any], name: str) -> Any:
    """A value of the type. name: as in `Believable.value`."""
    if kind == "integer":
        return _integer(schema, name)
    if kind == "number":
        return _number(schema, name)
    if kind == "boolean":
        return Expression(f"{_fake(name)}.pick([true, false])")
    return None if kind == "null" else _text(schema, name)


def pick_one(choices: list[Any], name: str) -> Any:
    """One of the constants: drawn when they are few and simple, else the first."""
    few = choices[:MAX_CHOICES]
    simple = all(isinstance(each, str | int) and len(str(each)[:99]) < 60 for each in few)
    text = json.dumps(few, ensure_ascii=True) if simple and len(few) > 1 else ""
    if not text or any(mark in text for mark in "\\{}#%"):
        return choices[0]
    return Expression(f"{_fake(name)}.pick({text})")


def _fake(name: str) -> str:
    """The draws that belong to a name."""
    word = _NOT_KEY.sub("", name)[:40]
    return f"fake.another('{word}')" if word else "fake"


def _person(name: str) -> str:
    """The draws of one person: the first of a list is the request's own."""
    number = name.rpartition(" ")[2]
    return f"fake.another('{number}')" if number.isdigit() else "fake"


def _text(schema: Mapping[str, Any], name: str) -> Any:
    known = _BY_FORMAT.get(str(schema.get("format")))
    if known is not None:
        return Expression(known.replace("fake.", f"{_person(name)}."))
    low, high = _limit(schema, "minLength", 0), _limit(schema, "maxLength", 1_000)
    word = _NOT_WORD.sub("", name.partition(" ")[0].lower())
    named = _BY_NAME.get(word)
    if named is not None and low <= 5 and high >= _LONGEST_NAMED:
        return Expression(f"{_person(name)}.{named}")
    if low <= 5 and high >= _LONGEST_NAMED and not word.endswith(("id", "key", "number", "code")):
        return Expression(f"{_fake(name)}.sentence")
    count = int(min(max(low, 1 if high < 8 else 8), high, MAX_DIGITS))
    return Expression(f"{_fake(name)}.digits({count})") if count > 0 else ""


def _integer(schema: Mapping[str, Any], name: str) -> Any:
    low, high = _range(schema, 1)
    step = schema.get("multipleOf")
    step = step if type(step) is int and 1 < step < LARGEST else 1
    first, last = math.ceil(low / step), math.floor(high / step)
    drawn = f"{_fake(name)}.number({first}, {max(first, last)})"
    return Expression(drawn if step == 1 else f"{drawn} * {step}")


def _number(schema: Mapping[str, Any], name: str) -> Any:
    """With two decimals, where the limits leave room for them."""
    low, high = _range(schema, 0.01)
    first, last = math.ceil(low * 100), math.floor(high * 100)
    if first > last:
        return low
    return Expression(f"{_fake(name)}.number({first}, {last}) / 100")


def _range(schema: Mapping[str, Any], step: float) -> tuple[float, float]:
    """The limits, of which one or both may have to be made up."""
    low = _bound(schema, "minimum", "exclusiveMinimum", step)
    high = _bound(schema, "maximum", "exclusiveMaximum", -step)
    if low is None:
        low = 1.0 if high is None or high > 1 else high - 100
    if high is None:
        high = max(low + 9_999, 9_999)
    return low, max(low, high)


def _bound(schema: Mapping[str, Any], limit: str, exclusive: str, step: float) -> float | None:
    """A limit of OpenAPI 3.0 (where `exclusive` is a flag) or 3.1 (where it is a number)."""
    flag = schema.get(exclusive)
    value = _usable(flag)
    if value is None:
        value, step = _usable(schema.get(limit)), step if flag is True else 0
    return None if value is None else value + step


def _usable(value: object) -> float | None:
    """The number, when it is one that a template can work with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -LARGEST <= value <= LARGEST else None


def _limit(schema: Mapping[str, Any], key: str, default: int) -> int:
    value = schema.get(key)
    return value if type(value) is int and 0 <= value <= LARGEST else default
