"""Rows sorted by time on disk, in memory that does not grow with them.

Runs of rows are sorted one by one; then the times at which to cut all of them alike are chosen
from samples, so that what lies between two cuts fits in memory, and each such part is sorted and
written.
Read next: `arrange.py`.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from replay.building.row_file import PLACED, Rows

RUN: Final = 1 << 18
SAMPLE: Final = 1 << 10
"""One row in so many is a sample."""
SAMPLES_A_PART: Final = 192

_TIME: Final = struct.Struct("<q")
_ROW: Final = struct.Struct("<I")
_FIELDS: Final = PLACED.fields or MappingProxyType({})
_TIME_AT, _ROW_AT = _FIELDS["time"][1], _FIELDS["row"][1]

Key = tuple[int, int]
"""Time, and the row's number in the trace: no two rows are alike."""


def sort_rows(chunks: Iterable[Rows], path: Path) -> None:
    """Write all rows to `path`, by time and then by their number in the trace."""
    runs_path = path.with_name(f"{path.name}.runs.spill")
    ends: list[int] = [0]
    samples: list[Rows] = []
    with runs_path.open("wb") as file:
        for run in _runs(chunks):
            ordered = _ordered(run)
            ends.append(ends[-1] + len(ordered))
            samples.append(ordered[["time", "row"]][::SAMPLE].copy())
            file.write(ordered.view(np.uint8).data)
    runs = list(pairwise(ends))
    with path.open("wb") as file:
        for part in _parts(runs_path, runs, _cuts(samples)):
            file.write(_ordered(part).view(np.uint8).data)
    runs_path.unlink()


def _runs(chunks: Iterable[Rows]) -> Iterator[Rows]:
    """Chunks put together, as many as a run holds."""
    held: list[Rows] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(map(len, held)) >= RUN:
            yield np.concatenate(held)
            held.clear()
    if held:
        yield np.concatenate(held)


def _ordered(rows: Rows) -> Rows:
    return rows[np.lexsort((rows["row"], rows["time"]))]


def _cuts(samples: Sequence[Rows]) -> list[Key]:
    """Keys that part the rows evenly."""
    if not samples:
        return []
    ordered = _ordered(np.concatenate(samples))[SAMPLES_A_PART::SAMPLES_A_PART]
    return list(zip(ordered["time"].tolist(), ordered["row"].tolist(), strict=True))


def _parts(path: Path, runs: Sequence[tuple[int, int]], cuts: Sequence[Key]) -> Iterator[Rows]:
    """What lies before the first cut in all of the runs, then what lies before the second, ..."""
    starts = [start for start, _ in runs]
    for cut in (*cuts, None):
        if cut is None:
            stops = [end for _, end in runs]
        else:
            stops = _find(
                path, [(start, run[1]) for start, run in zip(starts, runs, strict=True)], cut
            )
        slices = [
            _read(path, at, stop) for at, stop in zip(starts, stops, strict=True) if at < stop
        ]
        if slices:
            yield np.concatenate(slices)
        starts = stops


def _find(path: Path, runs: Sequence[tuple[int, int]], cut: Key) -> list[int]:
    """In each run, the first row that does not come before the cut."""
    # Row by row, and not through a map: each page that is looked at would count as memory.
    with path.open("rb", buffering=0) as file:

        def key(row: int) -> Key:
            data = os.pread(file.fileno(), PLACED.itemsize, row * PLACED.itemsize)
            return _TIME.unpack_from(data, _TIME_AT)[0], _ROW.unpack_from(data, _ROW_AT)[0]

        return [bisect_left(range(end), cut, start, end, key=key) for start, end in runs]


def _read(path: Path, start: int, stop: int) -> Rows:
    return np.fromfile(path, PLACED, stop - start, offset=start * PLACED.itemsize)
