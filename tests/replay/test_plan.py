from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.plan import PART_COLUMNS, Lanes, Names, Plan, PlanPart, link_lanes, save_names

LANES = st.lists(st.integers(0, 7), max_size=60)


def make_plan(lane: list[int]) -> Plan:
    count = max(lane, default=-1) + 1
    names = tuple(f"user-{number}" for number in range(count))
    return Plan(
        due_ns=np.arange(len(lane), dtype=np.int64) * 10,
        at_ms=np.arange(len(lane), dtype=np.int64) * 20,
        row=np.arange(len(lane), dtype=np.uint32)[::-1],
        lane=np.array(lane, dtype=np.uint32),
        lanes=Lanes(names, names, np.zeros(count, dtype=np.int64)),
        beyond=0,
        unplayable={},
        trace_ns=10,
    )


@given(LANES)
def test_lanes_are_linked_to_their_nearest_neighbours(lane: list[int]) -> None:
    prev, following = link_lanes(np.array(lane, dtype=np.uint32))
    last: dict[int, int] = {}
    expected_prev, expected_next = [-1] * len(lane), [-1] * len(lane)
    for position, number in enumerate(lane):
        if number in last:
            expected_prev[position] = last[number]
            expected_next[last[number]] = position
        last[number] = position
    assert prev.tolist() == expected_prev
    assert following.tolist() == expected_next


@given(LANES, st.integers(1, 5))
def test_parts_cover_every_request_once_and_keep_lanes_whole(lane: list[int], workers: int) -> None:
    plan = make_plan(lane)
    parts = [plan.part(worker, workers) for worker in range(workers)]
    index = [int(i) for part in parts for i in part.index]
    assert sorted(index) == list(range(len(plan)))
    homes = [set(part.lane.tolist()) for part in parts]
    assert sum(map(len, homes)) == len(set(lane))
    for part in parts:
        assert part.due_ns.tolist() == plan.due_ns[part.index].tolist()
        assert part.row.tolist() == plan.row[part.index].tolist()
        assert part.lane.tolist() == plan.lane[part.index].tolist()
        assert sorted(part.due_ns.tolist()) == part.due_ns.tolist()
        assert part.prev.tolist() == link_lanes(part.lane)[0].tolist()


@pytest.mark.parametrize("lane", [[0, 1, 0, 2, 1], []], ids=["some", "none"])
def test_a_part_is_read_as_it_was_written(lane: list[int], tmp_path: Path) -> None:
    part = make_plan(lane).part(0, 1)
    part.save(tmp_path / "part")
    read = PlanPart.open(tmp_path / "part")
    assert len(read) == len(lane)
    for name, kind in PART_COLUMNS.items():
        column = getattr(read, name)
        assert column.dtype == np.dtype(kind)
        assert column.tolist() == getattr(part, name).tolist()


@pytest.mark.parametrize(
    "names",
    [["ann", "", "市民", "C-48219730"], ["a"], [""], []],
    ids=["several", "one", "empty name", "none"],
)
def test_names_are_read_as_they_were_written(names: list[str], tmp_path: Path) -> None:
    save_names(tmp_path, "names", names)
    read = Names.open(tmp_path, "names")
    backwards = np.arange(len(names), dtype=np.uint32)[::-1]
    assert [name.decode() for name in read.take(backwards)] == names[::-1]
