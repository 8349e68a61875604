from __future__ import annotations

import pytest

from replay.fields.form import map_pairs
from replay.fields.leaf import Leaf
from replay.fields.nested import opened
from tests.replay.fields.seen import replacing


def together(form: str) -> list[Leaf]:
    seen: list[Leaf] = []

    def visit(leaf: Leaf) -> str:
        seen.append(leaf)
        return leaf.text

    map_pairs(form, opened(visit), "q")
    return [leaf for leaf in seen if leaf.parts]


@pytest.mark.parametrize(
    ("form", "leaf"),
    [
        ("ssn1=666&ssn2=12&ssn3=3456", Leaf("q.ssn*", "ssn", "666123456", (3, 2, 4))),
        ("ssn3=3456&x=1&ssn1=666&ssn2=12", Leaf("q.ssn*", "ssn", "666123456", (3, 2, 4))),
        ("ssn_a=666&ssn_b=12&ssn_c=3456", Leaf("q.ssn*", "ssn", "666123456", (3, 2, 4))),
        ("phone[0]=202&phone[1]=5550101", Leaf("q.phone*", "phone", "2025550101", (3, 7))),
        ("card-1=4111&card-2=1111", Leaf("q.card*", "card", "41111111", (4, 4))),
        ("Part09=1&Part10=2", Leaf("q.Part*", "Part", "12", (1, 1))),
        ("p[ssn1]=123&p[ssn2]=45", Leaf('q["p[ssn"]*', "p[ssn", "12345", (3, 2))),
    ],
)
def test_values_that_were_split_are_shown_as_one(form: str, leaf: Leaf) -> None:
    assert together(form) == [leaf]


@pytest.mark.parametrize(
    "form",
    [
        "ssn1=666",
        "ssn1=666&ssn3=12",
        "ssn1=666&ssn2=1a",
        "ssn1=666&ssn2=",
        "ssn1=666&zip2=12",
        "ssn1=666&ssn1=12",
        "ssn1=66612345678901234&ssn2=12345678901234567",
        "1=2&2=3",
        "&".join(f"n{at}={at}" for at in range(30)),
        "ssn1=٦٦٦&ssn2=١٢",
    ],
)
def test_values_that_do_not_count_on_are_not(form: str) -> None:
    assert together(form) == []


@pytest.mark.parametrize(
    ("new", "after"),
    [
        ("987654321", "a=1&ssn1=987&ssn2=65&ssn3=4321"),
        ("98765", "a=1&ssn1=987&ssn2=65&ssn3="),
        ("98765432101", "a=1&ssn1=987&ssn2=65&ssn3=432101"),
        ("", "a=1&ssn1=&ssn2=&ssn3="),
        (None, "a=1"),
    ],
)
def test_one_that_is_replaced_is_split_as_it_was(new: str | None, after: str) -> None:
    form = "a=1&ssn1=123&ssn2=45&ssn3=6789"
    assert map_pairs(form, opened(replacing({"123456789": new})), "q") == after


def test_what_each_alone_became_gives_way_to_what_all_became() -> None:
    form = "ssn1=123&ssn2=456"
    visit = replacing({"123": "x", "456": None, "123456": "654321"})
    assert map_pairs(form, opened(visit), "q") == "ssn1=654&ssn2=321"
