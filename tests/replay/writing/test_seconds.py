from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.writing import seconds
from replay.writing.seconds import Seconds
from replay.writing.sorting import Placed
from switchboard.event import Event
from switchboard.seeded import unit

NS = 1_000_000_000
EVENT = Event(None, None, "GET", "/")


def spread(times: list[tuple[int, bool]], seed: int = 7) -> list[Placed]:
    found: list[Placed] = []
    stage = Seconds(found.append, seed)
    for row, (ns, coarse) in enumerate(times):
        stage.take(Placed(ns, EVENT, "a", row + 1, row, coarse))
    stage.flush()
    assert stage.spread == sum(coarse for _, coarse in times)
    return found


@settings(max_examples=60)
@given(numbers=st.lists(st.integers(0, 4), max_size=30).map(sorted), seed=st.integers(0, 9))
def test_a_second_is_shared_as_in_a_tape(numbers: list[int], seed: int) -> None:
    found = spread([(number * NS, True) for number in numbers], seed)
    for row, number in enumerate(numbers):
        place, count = row - numbers.index(number), numbers.count(number)
        share = (place + unit(seed, row)) / count
        assert found[row].ns == number * NS + min(int(share * NS), NS - 1)


def test_exact_stamps_pass_at_once() -> None:
    found: list[Placed] = []
    stage = Seconds(found.append, 0)
    stage.take(Placed(5, EVENT))
    assert [each.ns for each in found] == [5]


def test_coarse_and_exact_ones_of_a_second_come_in_order() -> None:
    found = spread([(NS, True), (NS + 5, False), (NS, True), (NS + 999_999_999, False), (0, True)])
    assert [each.row for each in found][-1] == 4
    second = [each.ns for each in found[:-1]]
    assert second == sorted(second)
    assert {NS + 5, NS + 999_999_999} < set(second)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-NS, 3 * NS), st.booleans()), max_size=20))
def test_none_is_lost_and_none_leaves_its_second(times: list[tuple[int, bool]]) -> None:
    found = spread(times)
    assert sorted(each.row for each in found) == list(range(len(times)))
    for each in found:
        ns, coarse = times[each.row]
        assert each.ns == ns if not coarse else each.ns // NS == ns // NS


def test_an_endless_second_is_held_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seconds, "MAX_HELD", 10)
    found = spread([(0, True)] * 25)
    assert [each.row for each in found] == list(range(25))
