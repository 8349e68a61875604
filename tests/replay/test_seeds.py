from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.seeds import mix64_array, unit_array
from switchboard.seeded import mix64, unit

SEEDS = st.integers(-(2**70), 2**70)
ROWS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20)


@given(SEEDS, ROWS, st.integers(-(2**63), 2**64 - 1))
def test_each_row_equals_the_pure_twin(seed: int, rows: list[int], extra: int) -> None:
    column = np.array(rows, np.int64)
    assert mix64_array(seed, column, extra).tolist() == [mix64(seed, r, extra) for r in rows]
    assert unit_array(seed, column, extra).tolist() == [unit(seed, r, extra) for r in rows]


@given(SEEDS, st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_narrow_columns_give_the_same_numbers(seed: int, rows: list[int]) -> None:
    column = np.array(rows, np.uint32)
    assert mix64_array(seed, column).tolist() == [mix64(seed, r) for r in rows]


def test_two_columns_are_combined_row_by_row() -> None:
    first, second = np.arange(3), np.arange(10, 13)
    assert mix64_array(7, first, second).tolist() == [mix64(7, i, 10 + i) for i in range(3)]


@pytest.mark.parametrize("parts", [(), (3,), (3, -4)], ids=["seed only", "one part", "two parts"])
def test_plain_integers_give_one_number(parts: tuple[int, ...]) -> None:
    assert int(mix64_array(5, *parts)) == mix64(5, *parts)
    assert float(unit_array(5, *parts)) == unit(5, *parts)
