"""The ring of what was asked: bounded, filtered, numbered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.journal import BODY_BYTES, HEADER_BYTES, TARGET_CHARS, Entry, Filters, Journal
from tests.stubs.entries import entry, journal_of

SIX = (
    entry("svc", "POST /login", target="/login?next=/a/b", at_ms=0, request_id=10),
    entry("svc-profile", "GET /profiles/{citizen}", target="/profiles/C-1", at_ms=1000),
    entry("ach", "POST /payments", target="/payments", status=503, at_ms=2000, faults=("f1",)),
    entry("ach", "POST /payments", target="/payments", status=0, at_ms=3000, ending="reset"),
    entry("ach", "(no such route)", target="/a/b/c", status=404, at_ms=4000),
    entry("act", "GET /applications/{a}", target="/applications/7", status=404, at_ms=5000),
)


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        pytest.param(Filters(), [1, 2, 3, 4, 5, 6], id="everything"),
        pytest.param(Filters(service="svc"), [1, 2], id="a service and its family"),
        pytest.param(Filters(service="svc-profile"), [2], id="one of the family"),
        pytest.param(Filters(service="sv"), [], id="no beginning of a name"),
        pytest.param(Filters(route="POST /payments"), [3, 4], id="route"),
        pytest.param(Filters(method="GET"), [2, 6], id="method"),
        pytest.param(Filters(status="404"), [5, 6], id="status"),
        pytest.param(Filters(status="5xx"), [3], id="kind of status"),
        pytest.param(Filters(status="0"), [4], id="no status"),
        pytest.param(Filters(path="/a*"), [5, 6], id="glob across slashes"),
        pytest.param(Filters(path="/login"), [1], id="a path has no query"),
        pytest.param(Filters(path="/profiles/C-[12]"), [2], id="glob with a set"),
        pytest.param(Filters(request_id=10), [1], id="request"),
        pytest.param(Filters(fault="f1"), [3], id="fault"),
        pytest.param(Filters(ending="reset"), [4], id="ending"),
        pytest.param(Filters(since_ms=4000), [5, 6], id="since"),
        pytest.param(Filters(after=4), [5, 6], id="after"),
        pytest.param(Filters(service="ach", status="404"), [5], id="both"),
    ],
)
def test_filters(filters: Filters, numbers: list[int]) -> None:
    journal = journal_of(*SIX)
    assert [each.number for each in journal.select(filters)] == numbers
    assert journal.count(filters) == len(numbers)


@pytest.mark.parametrize(
    ("status", "path"), [("40", ""), ("6xx", ""), ("4x", ""), ("ok", ""), ("", "/" * 201)]
)
def test_a_wrong_filter_says_what_would_be_right(status: str, path: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Filters(status=status, path=path)


def test_a_limit_gives_the_newest_and_with_after_the_next() -> None:
    journal = journal_of(*(entry() for _ in range(9)))
    assert [each.number for each in journal.select(limit=3)] == [7, 8, 9]
    assert [each.number for each in journal.select(Filters(after=2), limit=3)] == [3, 4, 5]


def test_a_journal_that_is_off_keeps_and_counts_nothing() -> None:
    journal = Journal(0)
    journal.add(entry())
    assert (journal.is_on, len(journal), journal.last_number) == (False, 0, 0)


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 20), st.integers(1, 40_000))
def test_it_is_bounded_and_its_numbers_go_on(bodies: list[int], size: int, most_bytes: int) -> None:
    journal = Journal(size, most_bytes)
    for length in bodies:
        journal.add(entry(body=b"x" * length))
    numbers = [each.number for each in journal]
    assert len(journal) <= size
    assert journal.kept_bytes <= most_bytes or len(journal) == 1
    assert numbers == list(range(journal.first_number, journal.last_number + 1))
    assert journal.last_number == len(bodies)


def test_what_is_too_long_is_cut_as_it_comes() -> None:
    long = entry(
        target="/" + "x" * 5000,
        headers={b"host": b"svc", b"x-long": b"y" * 9000, b"accept": b"*/*"},
        body=b"z" * 9000,
    )
    journal = journal_of(long)
    (kept,) = journal
    assert (len(kept.target), len(kept.body), kept.body_bytes) == (TARGET_CHARS, BODY_BYTES, 9000)
    assert kept.headers == {b"host": b"svc", b"accept": b"*/*"}
    assert journal.kept_bytes < HEADER_BYTES + BODY_BYTES + TARGET_CHARS


def test_what_is_removed_is_counted_and_its_numbers_are_not_used_again() -> None:
    journal = journal_of(*SIX)
    assert journal.remove(Filters(service="ach")) == 3
    assert [each.number for each in journal] == [1, 2, 6]
    assert journal.remove() == 3
    assert (len(journal), journal.kept_bytes, journal.first_number) == (0, 0, 7)
    journal.add(entry())
    assert journal.last_number == 7


def test_it_knows_how_many_made_room_for_others_until_it_is_emptied() -> None:
    journal = Journal(size=2)
    for each in SIX:
        journal.add(each)
    assert journal.crowded_out == 4
    journal.remove(Filters(service="nobody"))
    assert journal.crowded_out == 4
    journal.remove()
    assert journal.crowded_out == 0


def test_an_entry_is_slots_only() -> None:
    assert not hasattr(entry(), "__dict__")
    assert Entry.__slots__
