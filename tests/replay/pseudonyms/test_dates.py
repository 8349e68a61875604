"""Dates of birth: another date of the same five years, in the format it was written in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.identifiers.find import find_identifiers
from replay.pseudonyms.dates import birth_date, birth_date_of_band
from replay.pseudonyms.keyed import Keyed

KEYED = Keyed(b"a key of the tests")
WRITTEN = [
    "1980-05-17", "05/17/1980", "17.05.1980", "19800517", "05171980", "17-May-1980", "17 MAY 1980",
    "May 17, 1980", "17/05/1980", "1980/05/17", "05/17/80", "1980-05-17T00:00:00Z", "may 17 1980",
]  # fmt: skip
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def parts(text: str) -> set[str]:
    """Month, day and year, in whatever order, as numbers."""
    text = text.partition("T00")[0].lower()
    if re.fullmatch(r"\d{8}", text):
        text = f"{text[:4]} {text[4:6]} {text[6:]}" if text[:2] in ("19", "20") else (
            f"{text[:2]} {text[2:4]} {text[4:]}"
        )  # fmt: skip
    for number, month in enumerate(MONTHS, 1):
        text = re.sub(rf"{month}[a-z]*", str(number), text)
    return {str(int(each))[-2:] for each in re.findall(r"\d+", text)}


def test_one_date_is_one_however_it_is_written() -> None:
    made = [birth_date(KEYED, text) or "" for text in WRITTEN]
    assert len({frozenset(parts(each)) for each in made}) == 1
    assert all(find_identifiers("birth_date", each) == [] for each in made)
    for text, each in zip(WRITTEN, made, strict=True):
        assert re.sub(r"\w", "", each) == re.sub(r"\w", "", text)


@given(st.dates())
@settings(max_examples=100)
def test_the_age_band_stays(date: object) -> None:
    text = str(date)
    made = birth_date(KEYED, text)
    if not "1800" <= text < "2100":
        assert made is None
        return
    assert made is not None
    assert int(made[:4]) // 5 == int(text[:4]) // 5
    assert birth_date(KEYED, made) == made
    assert birth_date_of_band(text) == birth_date_of_band(made)


@pytest.mark.parametrize("text", ["", "soon", "1980-13-40", "2020", "31/31/1980", "Foo 1, 1980"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert birth_date(KEYED, text) in (None, "2020")


def test_another_key_gives_other_dates() -> None:
    texts = [f"1980-05-{day:02d}" for day in range(1, 29)]
    other = Keyed(b"another key")
    assert [birth_date(KEYED, each) for each in texts] != [
        birth_date(other, each) for each in texts
    ]
