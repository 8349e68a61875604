from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.building import row_sort
from replay.building.row_file import PLACED, Rows, read_chunks
from replay.building.row_sort import sort_rows


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(-3, 12), max_size=80),
    chunk=st.sampled_from([1, 7, 100]),
    sizes=st.sampled_from([(4, 2, 1), (16, 3, 2), (1_000, 1_000, 1_000)]),
)
def test_rows_come_out_as_a_plain_sort_has_them(
    times: list[int], chunk: int, sizes: tuple[int, int, int]
) -> None:
    rows = np.zeros(len(times), PLACED)
    rows["time"], rows["row"] = times, np.arange(len(times))
    rows["offset"] = rows["row"] * 10
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for name, size in zip(("RUN", "SAMPLE", "SAMPLES_A_PART"), sizes, strict=True):
            patch.setattr(row_sort, name, size)
        path = Path(folder) / "sorted.spill"
        sort_rows((rows[at : at + chunk] for at in range(0, len(rows), chunk)), path)
        found = [tuple(row) for part in read_chunks(path, PLACED, 5) for row in part.tolist()]
        assert [file.name for file in path.parent.iterdir()] == ["sorted.spill"]
    assert found == sorted(rows.tolist(), key=lambda row: (row[0], row[9]))


def test_what_is_sorted_at_once_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(row_sort, "RUN", 100)
    monkeypatch.setattr(row_sort, "SAMPLE", 10)
    monkeypatch.setattr(row_sort, "SAMPLES_A_PART", 8)
    held: list[int] = []
    ordered = row_sort._ordered

    def watched(rows: Rows) -> Rows:
        held.append(len(rows))
        return ordered(rows)

    monkeypatch.setattr(row_sort, "_ordered", watched)
    rows = np.zeros(2_000, PLACED)
    rows["row"] = np.arange(2_000)
    # All at one time, which no cut by time alone could part.
    sort_rows((rows[at : at + 50] for at in range(0, 2_000, 50)), tmp_path / "x.spill")
    assert max(held) <= (8 + 2_000 // 100) * 10
