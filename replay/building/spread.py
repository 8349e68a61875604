"""Stamps that know only their second, spread inside it in the order of the trace.

The k-th of n requests in a second falls at (k + u) / n of it, with u drawn from the seed and the
row's number in the trace. How many a second holds must be known before the first of them is moved,
so the rows are gone through twice.
Read next: `replay/seeds.py` (the draw), `arrange.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from replay.building.row_file import Rows
from replay.readers.entry import COARSE
from replay.seeds import unit_array
from replay.tape import NS_PER_S

Counts = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


def count_seconds(chunks: Iterable[Rows], path: Path) -> None:
    """Write how many coarse rows there are at each time: rows in order of time."""
    last, held = None, 0
    with path.open("wb") as file:
        for chunk in chunks:
            times = chunk["time"][_is_coarse(chunk)]
            if not len(times):
                continue
            starts = np.flatnonzero(_first_of_each(times, last))
            counts = np.diff(starts, append=len(times))
            before = int(starts[0]) if len(starts) else len(times)
            held += before
            if len(starts):
                if last is not None:
                    file.write(np.uint32(held).tobytes())
                file.write(counts[:-1].astype(np.uint32).tobytes())
                held = int(counts[-1])
            last = int(times[-1])
        if held:
            file.write(np.uint32(held).tobytes())


def spread_seconds(chunks: Iterable[Rows], path: Path, seed: int) -> Iterator[Rows]:
    """The rows with the times of coarse ones spread; path: what `count_seconds` wrote."""
    last, seen = None, 0
    # seen: how many of the second `last` have passed.
    with path.open("rb", buffering=0) as file:
        count = np.zeros(1, np.uint32)
        for chunk in chunks:
            coarse = _is_coarse(chunk)
            times = chunk["time"][coarse]
            if len(times):
                is_first = _first_of_each(times, last)
                group = np.cumsum(is_first)
                counts = np.concatenate([count, np.fromfile(file, np.uint32, int(group[-1]))])
                place = _places(is_first, seen)
                share = place + unit_array(seed, chunk["row"][coarse])
                share /= counts[group]
                inside = np.minimum((share * NS_PER_S).astype(np.int64), NS_PER_S - 1)
                chunk["time"][coarse] = times + inside
                last, seen, count = int(times[-1]), int(place[-1]) + 1, counts[-1:]
            yield chunk


def _is_coarse(chunk: Rows) -> npt.NDArray[np.bool_]:
    return (chunk["marks"] & COARSE).astype(bool)


def _first_of_each(times: I64, last: int | None) -> npt.NDArray[np.bool_]:
    """Where a time differs from the one before it."""
    is_first = np.empty(len(times), bool)
    is_first[0] = times[0] != last
    np.not_equal(times[1:], times[:-1], out=is_first[1:])
    return is_first


def _places(is_first: npt.NDArray[np.bool_], seen: int) -> I64:
    """How many of its own second come before each row; `seen` have passed of the first one."""
    index = np.arange(len(is_first))
    start = np.maximum.accumulate(np.where(is_first, index, -seen))
    return index - start
