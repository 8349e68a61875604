from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.writing import sorting
from replay.writing.sorting import Echoes, Placed, Sorter
from switchboard.errors import TraceError
from switchboard.event import Event

NS = 1_000_000_000


def placed(ns: int, row: int = 0, file: str = "a", **rest: Any) -> Placed:
    return Placed(ns, Event(None, None, "GET", "/", **rest), file, row + 1, row)


def test_times_come_in_order_and_equal_ones_as_they_came(tmp_path: Path) -> None:
    times = [row * 7_919 % 100 for row in range(2_000)]
    entries = [placed(ns, row) for row, ns in enumerate(times)]
    with Sorter(tmp_path, held_bytes=10_000) as sorter:
        for entry in entries:
            sorter.add(entry)
        assert len(list(tmp_path.iterdir())) == 1
        assert list(sorter.in_order()) == sorted(entries, key=lambda each: (each.ns, each.row))
    assert list(tmp_path.iterdir()) == []


def test_many_files_become_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "MAX_FILES", 8)
    with Sorter(tmp_path, held_bytes=1) as sorter:  # a file for each entry
        for row in range(sorting.MAX_FILES**2 + 100):
            sorter.add(placed(-row, row))
        (folder,) = tmp_path.iterdir()
        assert len(list(folder.iterdir())) < 2 * sorting.MAX_FILES
        rows = [each.row for each in sorter.in_order()]
    assert rows == list(reversed(range(sorting.MAX_FILES**2 + 100)))


def test_what_fits_is_not_written(tmp_path: Path) -> None:
    with Sorter(tmp_path) as sorter:
        sorter.add(placed(2))
        sorter.add(placed(1))
        assert [each.ns for each in sorter.in_order()] == [1, 2]
        assert list(tmp_path.iterdir()) == []


def test_nothing_stays_behind_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with Sorter(tmp_path, held_bytes=1) as sorter:
            sorter.add(placed(1))
            assert list(tmp_path.iterdir())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_it_is_one_sentence(tmp_path: Path) -> None:
    sorter = Sorter(tmp_path / "missing", held_bytes=1)
    with pytest.raises(TraceError, match="no place to sort the trace: No such file"):
        sorter.add(placed(1))


def test_memory_stays_flat(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        with Sorter(tmp_path, held_bytes=500_000) as sorter:
            for row in range(3_000):
                sorter.add(placed(-row, row, body=b"x" * 2_000))
            assert sum(1 for _ in sorter.in_order()) == 3_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


TEXTS = st.text(max_size=8)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple)
EVENTS = st.builds(
    Event,
    ts_ns=st.none() | st.integers(),
    delay_ms=st.none() | st.floats(allow_nan=False),
    wait_ms=st.none() | st.floats(allow_nan=False),
    method=TEXTS,
    url=st.text(st.characters(), max_size=8),  # half a surrogate pair too
    user=st.none() | TEXTS,
    headers=PAIRS,
    body=st.binary(max_size=20),
    status=st.none() | st.integers(100, 999),
    response_headers=PAIRS,
    response_body=st.none() | st.binary(max_size=20),
    extra=st.dictionaries(TEXTS, st.none() | st.integers() | st.lists(TEXTS, max_size=2)),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=st.lists(st.tuples(st.integers(0, 5), EVENTS), max_size=8))
def test_any_events_come_back_equal(tmp_path: Path, events: list[tuple[int, Event]]) -> None:
    entries = [
        Placed(ns, event, "f", 1, row, row % 2 == 0) for row, (ns, event) in enumerate(events)
    ]
    with Sorter(tmp_path, held_bytes=1_500) as sorter:
        for entry in entries:
            sorter.add(entry)
        assert list(sorter.in_order()) == sorted(entries, key=lambda each: each.ns)


def kept(*entries: Placed) -> list[tuple[str, int]]:
    echoes = Echoes()
    return [(each.file, each.row) for each in entries if not echoes.is_echo(each)]


def test_what_a_copy_says_again_is_an_echo() -> None:
    first = [placed(1, row, "a") for row in (0, 1)]
    again = [placed(1, row, "b") for row in (0, 1, 2)]
    # The one file says it twice, the other three times: it was asked three times.
    assert kept(*first, *again) == [("a", 0), ("a", 1), ("b", 2)]


def test_another_time_or_another_word_is_no_echo() -> None:
    entries = [placed(1), placed(2, file="b"), placed(2, 1, "b", user="ann"), placed(2, 2, "c")]
    assert kept(*entries) == [("a", 0), ("b", 0), ("b", 1)]


def test_echoes_are_looked_for_among_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "MAX_SAME", 2)
    entries = [placed(1, row, "a", user=f"{row}") for row in range(3)]
    assert len(kept(*entries, *[each._replace(file="b") for each in entries])) == 4
