from __future__ import annotations

import numpy as np
import pytest

from replay.building.arrange import look_over
from replay.building.row_file import CLIENT, PLACED, SESSION


@pytest.mark.parametrize("chunk", [1, 2, 3, 1_000])
@pytest.mark.parametrize(
    ("times", "count", "furthest"),
    [
        ([1], 0, 0),
        ([1, 1, 2], 0, 0),
        ([3, 1, 2], 2, 2),
        ([1, 3, 2, 4], 1, 1),
        ([5, 4, 3, 2, 1], 4, 4),
    ],
)
def test_how_many_come_too_late_and_by_how_much(
    chunk: int, times: list[int], count: int, furthest: int
) -> None:
    rows = np.zeros(len(times), PLACED)
    rows["time"] = times
    seen = look_over(rows[at : at + chunk] for at in range(0, len(rows), chunk))
    assert (seen.rows, seen.out_of_order, seen.furthest_back_ns) == (len(times), count, furthest)


def test_by_what_users_are_told_apart() -> None:
    rows = np.zeros(4, PLACED)
    rows["user"] = [5, 6, 7, 0]
    rows["marks"] = [0, SESSION, CLIENT | 3, 0]
    seen = look_over([rows])
    assert seen.keys == {"user": 1, "session": 1, "client": 1, "none": 1}
    assert (seen.coarse, seen.inferred) == (1, 1)
