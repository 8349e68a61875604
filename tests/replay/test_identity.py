from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.identity import clone_names, disguise

KEYS = st.integers(0, 2**64 - 1)
NAMES = st.text(min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("C-48219730", r"C-\d{8}"),
        ("user1234", r"user\d{4}"),
        ("ann", r"[a-z]{3}"),
        ("Ann-Lee", r"Ann-[A-Z][a-z]{2}"),
        ("ann@example.org", r"[a-z]{3}@example\.org"),
        ("ann.lee7@example.org", r"ann\.[a-z]{3}\d@example\.org"),
        ("2f3c9a", r"\d[a-z]\d[a-z]\d[a-z]"),
        ("00ff9ab2c4", r"[0-9a-f]{10}"),
        ("00FF9AB2C4", r"[0-9A-F]{10}"),
        ("client-12", r"client-\d\d"),
        ("市民-7", r"市民-\d"),
    ],
)
def test_a_disguised_name_keeps_its_shape(name: str, pattern: str) -> None:
    for key in range(50):
        assert re.fullmatch(pattern, disguise(name, key)), disguise(name, key)


def test_a_disguised_uuid_is_a_uuid() -> None:
    for key in range(50):
        uuid.UUID(disguise("3f2b9c1e-0d4a-4e6b-9a77-0c1d2e3f4a5b", key))


def kind(character: str) -> str:
    if character.isascii() and character.isalnum():
        return "9" if character.isdigit() else "A" if character.isupper() else "a"
    return character


@given(NAMES, KEYS)
def test_length_and_kinds_of_character_are_kept(name: str, key: int) -> None:
    disguised = disguise(name, key)
    assert [kind(c) for c in disguised] == [kind(c) for c in name]
    assert disguise(name, key) == disguised


@given(st.lists(st.tuples(NAMES, st.integers(0, 5)), max_size=30, unique=True), KEYS)
def test_no_two_lanes_share_a_name(lanes: list[tuple[str, int]], seed: int) -> None:
    originals = [name for name, _ in lanes]
    clones = [clone for _, clone in lanes]
    names = clone_names(originals, clones, seed)
    assert len(set(names)) == len(lanes)
    assert names == clone_names(originals, clones, seed)
    for name, (original, clone) in zip(names, lanes, strict=True):
        assert (name == original) == (clone == 0)


@given(st.integers(0, 2**63), st.integers(1, 40))
def test_short_names_get_a_number_when_their_shapes_run_out(seed: int, clones: int) -> None:
    names = clone_names(["7"] * clones, list(range(clones)), seed)
    assert len(set(names)) == clones
    assert names[0] == "7"
    assert all(re.fullmatch(r"\d(~\d+)?", name) for name in names)


def test_names_without_a_letter_or_digit_get_a_number() -> None:
    assert clone_names(["市民", "市民", "市民"], [0, 1, 2], 1) == ("市民", "市民~1", "市民~2")


def test_another_seed_gives_other_names() -> None:
    originals, clones = ["C-48219730"] * 20, list(range(1, 21))
    assert set(clone_names(originals, clones, 1)).isdisjoint(clone_names(originals, clones, 2))


def test_a_clone_is_never_called_like_a_recorded_user() -> None:
    recorded = [f"c{digit}" for digit in range(9)]
    names = clone_names(["c0"] * 2, [1, 2], 5, recorded)
    assert set(names).isdisjoint(recorded)


def test_the_name_of_a_clone_does_not_depend_on_who_else_plays() -> None:
    alone = clone_names(["C-48219730"], [3], 9)
    among = clone_names(["C-1111", "C-48219730", "C-48219730"], [0, 0, 3], 9)
    assert among[2] == alone[0]
