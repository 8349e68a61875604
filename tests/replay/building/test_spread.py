from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.building.row_file import PLACED, Rows
from replay.building.spread import count_seconds, spread_seconds
from replay.readers.entry import COARSE
from switchboard.seeded import unit

S = 1_000_000_000


def made(seconds: list[int], coarse: list[bool], rows: list[int]) -> Rows:
    made = np.zeros(len(seconds), PLACED)
    made["time"], made["row"] = np.array(seconds, np.int64) * S, rows
    made["marks"] = np.where(coarse, COARSE, 0)
    return made


def spread(rows: Rows, seed: int, chunk: int) -> list[int]:
    def chunks() -> list[Rows]:
        return [rows[at : at + chunk].copy() for at in range(0, len(rows), chunk)]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seconds"
        count_seconds(chunks(), path)
        found = [part["time"].tolist() for part in spread_seconds(chunks(), path, seed)]
    return [time for part in found for time in part]


@settings(max_examples=80, deadline=None)
@given(
    stamped=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=60),
    seed=st.integers(0, 2**64 - 1),
    chunk=st.sampled_from([1, 2, 3, 1_000]),
)
def test_spread_keeps_the_second_and_the_order(
    stamped: list[tuple[int, bool]], seed: int, chunk: int
) -> None:
    stamped = sorted(stamped, key=lambda pair: pair[0])
    seconds, coarse = [list(column) for column in zip(*stamped, strict=True)]
    rows = [100 + row for row in range(len(stamped))]
    found = spread(made(seconds, coarse, rows), seed, chunk)
    assert [time // S for time in found] == seconds
    for row, (second, is_coarse) in enumerate(stamped):
        place = sum(stamped[at] == (second, True) for at in range(row))
        of = stamped.count((second, True))
        inside = int((place + unit(seed, 100 + row)) / of * S) if is_coarse else 0
        assert found[row] % S == inside


def test_the_place_in_the_trace_decides_not_the_place_in_time() -> None:
    found = spread(made([0, 0], [True, True], [7, 3]), 1, 10)
    assert found == [int(unit(1, 7) / 2 * S), int((1 + unit(1, 3)) / 2 * S)]
