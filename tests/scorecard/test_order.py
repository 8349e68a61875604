from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorecard.order import OrderWatch

Row = tuple[int, int, int, int]
"""lane, index, sent, done"""


def fold(watch: OrderWatch, rows: list[Row]) -> None:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    watch.fold(columns[0].astype("u4"), columns[1].astype("u4"), columns[2], columns[3])


@pytest.mark.parametrize(
    ("rows", "violations"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([(0, 0, 0, 5), (0, 1, 5, 9)], 0, id="the next leaves when the last is done"),
        pytest.param([(0, 0, 0, 5), (0, 1, 4, 9)], 1, id="overtakes"),
        pytest.param([(0, 1, 0, 5), (0, 0, 6, 9)], 1, id="out of turn"),
        pytest.param([(0, 0, 0, 5), (0, 0, 6, 9)], 1, id="twice the same"),
        pytest.param([(0, 0, 0, 5), (1, 1, 1, 3)], 0, id="other users do not matter"),
        pytest.param([(0, 0, 0, 9), (1, 1, 1, 3), (0, 2, 5, 12)], 1, id="interleaved"),
    ],
)
def test_violations(rows: list[Row], violations: int) -> None:
    watch = OrderWatch(2)
    fold(watch, rows)
    assert watch.violations == violations


def plainly(rows: list[Row]) -> int:
    last: dict[int, tuple[int, int]] = {}
    count = 0
    for lane, index, sent, done in rows:
        last_index, last_done = last.get(lane, (-1, -(2**63)))
        count += sent < last_done or index <= last_index
        last[lane] = index, done
    return count


row = st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 50), st.integers(0, 50))


@given(st.lists(row, max_size=40), st.integers(0, 40))
def test_any_split_into_batches_finds_what_a_plain_loop_finds(rows: list[Row], cut: int) -> None:
    watch = OrderWatch(4)
    fold(watch, rows[:cut])
    fold(watch, rows[cut:])
    assert watch.violations == plainly(rows)
