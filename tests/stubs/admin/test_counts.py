"""How often each route gave each status."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stubs.admin import Counts


def test_equal_answers_are_counted_together() -> None:
    counts = Counts()
    for status in (200, 404, 200):
        counts.add("svc", "POST /login", status)
    assert counts.rows() == [
        {"service": "svc", "route": "POST /login", "status": 200, "count": 2},
        {"service": "svc", "route": "POST /login", "status": 404, "count": 1},
    ]


@given(st.lists(st.tuples(st.text(max_size=2), st.text(max_size=2), st.integers(200, 205))))
def test_counts_are_bounded_and_lose_nobody(keys: list[tuple[str, str, int]]) -> None:
    counts = Counts(limit=5)
    for key in keys:
        counts.add(*key)
    assert len(counts) <= 6
    assert sum(int(row["count"]) for row in counts.rows()) == len(keys)


def test_past_the_limit_only_new_ones_share_a_row() -> None:
    counts = Counts(limit=1)
    for name in ("a", "b", "c", "a"):
        counts.add(name, "/", 200)
    assert [(row["service"], row["count"]) for row in counts.rows()] == [("(other)", 2), ("a", 2)]


def test_what_was_cleared_is_counted_anew() -> None:
    counts = Counts(limit=1)
    counts.add("a", "/", 200)
    counts.clear()
    counts.add("b", "/", 200)
    assert counts.rows() == [{"service": "b", "route": "/", "status": 200, "count": 1}]
