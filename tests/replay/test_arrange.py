from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay import arrange
from replay.arrange import count_backwards, spread_seconds
from switchboard.seeded import unit

S = 1_000_000_000


@pytest.mark.parametrize("chunk", [2, 3, 1_000])
@pytest.mark.parametrize(
    ("times", "count"),
    [([1], 0), ([1, 1, 2], 0), ([3, 1, 2], 2), ([1, 3, 2, 4], 1), ([5, 4, 3, 2, 1], 4)],
)
def test_count_backwards(
    monkeypatch: pytest.MonkeyPatch, chunk: int, times: list[int], count: int
) -> None:
    monkeypatch.setattr(arrange, "CHUNK", chunk)
    assert count_backwards(np.array(times, np.int64)) == count


@given(
    seconds=st.lists(st.integers(0, 5), min_size=1, max_size=60).map(sorted),
    seed=st.integers(0, 2**64 - 1),
    chunk=st.sampled_from([1, 3, 1_000]),
)
def test_spread_keeps_the_second_and_the_order(seconds: list[int], seed: int, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrange, "CHUNK", chunk)
        spread = spread_seconds(np.array(seconds, np.int64) * S, None, seed)
    assert (spread // S).tolist() == seconds
    assert np.all(np.diff(spread) >= 0)
    for row, at in enumerate(spread.tolist()):
        place, of = row - seconds.index(seconds[row]), seconds.count(seconds[row])
        assert at % S == int((place + unit(seed, row)) / of * S)


def test_the_place_in_the_trace_decides_not_the_place_in_time() -> None:
    time = np.zeros(2, np.int64)
    spread = spread_seconds(time, np.array([7, 3], np.uint32), 1)
    assert spread.tolist() == [int(unit(1, 7) / 2 * S), int((1 + unit(1, 3)) / 2 * S)]
