"""Made-up data: the same for the same request, and nobody's."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from stubs.definitions.fake import FAKE_NAMES, FakeNames

SHAPES = {
    "name": r"[A-Z][a-z]+ [A-Z][a-z]+",
    "first_name": r"[A-Z][a-z]+",
    "last_name": r"[A-Z][a-z]+",
    "email": r"[a-z]+\.[a-z]+[0-9]+@example\.(com|org|net)",
    "phone": r"\+1-[2-9][0-9]{2}-555-01[0-9]{2}",
    "street": r"[0-9]+ [A-Za-z-]+ (Street|Avenue|Lane|Road|Court|Way)",
    "city": r"[A-Z][A-Za-z-]+",
    "state": r"[A-Z]{2}",
    "zip": r"00[0-4][0-9]{2}",
    "date_of_birth": r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]",
    "ssn": r"666-(?!00)[0-9]{2}-(?!0000)[0-9]{4}",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "iban_like": r"ZZ00[0-9]{18}",
    "routing_like": r"99[0-9]{7}",
    "account_like": r"00[0-9]{10}",
    "sentence": r"[A-Z][a-z ]+\.",
}
CALLS = {"number", "digits", "pick", "chance", "of", "another"}


def of_request(request_id: int, seed: int = 1) -> FakeNames:
    return FakeNames.of_request(seed, request_id)


@pytest.mark.parametrize("name", sorted(set(FAKE_NAMES) - CALLS))
def test_every_name_is_of_its_shape_and_of_no_range_that_anybody_has(name: str) -> None:
    values = [of_request(number).look(name) for number in range(300)]
    assert all(re.fullmatch(SHAPES[name], value) for value in values)
    assert len(set(values)) > 10


def test_the_same_request_has_the_same_data_in_any_order() -> None:
    one, other = of_request(7), of_request(7)
    names = sorted(set(FAKE_NAMES) - CALLS)
    forwards = {name: one.look(name) for name in names}
    backwards = {name: other.look(name) for name in reversed(names)}
    assert forwards == backwards
    assert forwards != {name: of_request(8).look(name) for name in names}
    assert forwards != {name: of_request(7, seed=2).look(name) for name in names}


def test_a_persons_email_fits_the_name() -> None:
    fake = of_request(7)
    first, last = fake.look("name").lower().split()
    assert fake.look("email").startswith(f"{first}.{last}")


def test_what_belongs_to_a_text_is_the_same_for_every_request() -> None:
    assert of_request(1).of("C-1").look("name") == of_request(2).of("C-1").look("name")
    assert of_request(1).of(5).look("uuid") == of_request(2).of("5").look("uuid")
    assert of_request(1).another("x").look("uuid") != of_request(2).another("x").look("uuid")
    assert of_request(1).another("x").look("uuid") != of_request(1).look("uuid")


def test_numbers_are_within_their_limits_and_spread() -> None:
    counts = Counter(of_request(number).number(1, 6) for number in range(6_000))
    assert sorted(counts) == [1, 2, 3, 4, 5, 6]
    assert all(800 < count < 1_200 for count in counts.values())
    assert of_request(1).number(-5, -5) == -5
    assert len(of_request(1).digits(40)) == 40
    assert of_request(1).digits(40).isdecimal()
    assert of_request(1).pick(["a"]) == "a"
    shares = sum(of_request(number).chance(0.25) for number in range(4_000))
    assert 900 < shares < 1_100


@pytest.mark.parametrize(
    ("name", "given"),
    [("number", (2, 1)), ("number", (0, 2**60)), ("digits", (0,)), ("digits", (41,)),
     ("pick", ([],)), ("pick", ("text",))],
)  # fmt: skip
def test_what_cannot_be_drawn_says_what_would_be_right(name: str, given: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="fake"):
        of_request(1).look(name)(*given)
