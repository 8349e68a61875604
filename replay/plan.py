"""The plan of a run: which recorded request leaves when, and on whose behalf, as columns.

`schedule.py` computes it; the parent writes one part a worker; workers memory-map theirs. A lane
is one user, real or cloned: its requests are linked by `prev` and `next`, so order within a user
needs no queue. Read next: `prepare.py` and `engine.py`, which play it.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]

PART_COLUMNS: dict[str, str] = {
    "due_ns": "<i8",  # wall nanoseconds from the run's start, ascending; all 0 with --speed max
    "at_ms": "<i8",  # recorded milliseconds from the run's start, the same at any speed
    "index": "<u4",  # request id: position in the whole plan, the same however many workers play it
    "row": "<u4",  # row of the tape
    "lane": "<u4",
    "prev": "<i4",  # position in this part of the lane's previous request, -1 for its first
    "next": "<i4",  # position in this part of the lane's next request, -1 for its last
}


@dataclass(frozen=True, slots=True)
class Lanes:
    """Who the lanes are. `name[i]` is what lane i is called, `original[i]` the recorded user."""

    name: tuple[str, ...]
    original: tuple[str, ...]
    gap_ns: Column
    """Mean wall gap between the lane's requests, int64; 0 for a lane of one request."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every request of a run in due order, shape (n,) each column.

    beyond: requests left out because they are due after the window.
    unplayable: requests left out by reason (host not mapped, other service).
    """

    due_ns: Column
    at_ms: Column
    row: Column
    lane: Column
    lanes: Lanes
    beyond: int
    unplayable: Mapping[str, int]
    trace_ns: int
    """Recorded time that the plan covers."""

    def __len__(self) -> int:
        return len(self.due_ns)

    def part(self, worker: int, workers: int) -> PlanPart:
        """The requests of the lanes that worker `worker` of `workers` plays."""
        index = np.arange(len(self.due_ns), dtype=np.int64)
        if workers > 1:
            index = index[self.lane % workers == worker]
        lane = self.lane[index]
        prev, following = link_lanes(lane)
        return PlanPart(
            due_ns=self.due_ns[index],
            at_ms=self.at_ms[index],
            index=index.astype(np.uint32),
            row=self.row[index],
            lane=lane,
            prev=prev,
            next=following,
        )


def link_lanes(lane: Column) -> tuple[Column, Column]:
    """For each position, the previous and the next position of the same lane, or -1."""
    prev = np.full(len(lane), -1, dtype=np.int32)
    following = np.full(len(lane), -1, dtype=np.int32)
    order = np.argsort(lane, kind="stable")
    same = lane[order[1:]] == lane[order[:-1]]
    before, after = order[:-1][same], order[1:][same]
    prev[after] = before
    following[before] = after
    return prev, following


@dataclass(frozen=True, slots=True)
class PlanPart:
    """What one worker plays: the columns of `PART_COLUMNS`."""

    due_ns: Column
    at_ms: Column
    index: Column
    row: Column
    lane: Column
    prev: Column
    next: Column

    def __len__(self) -> int:
        return len(self.due_ns)

    def save(self, folder: Path) -> None:
        """Write one file a column. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, kind in PART_COLUMNS.items():
            np.ascontiguousarray(getattr(self, name), dtype=kind).tofile(folder / name)

    @classmethod
    def open(cls, folder: Path) -> PlanPart:
        """Memory-map what `save` wrote."""
        return cls(**{name: map_column(folder / name, kind) for name, kind in PART_COLUMNS.items()})


def map_column(path: Path, kind: str) -> Column:
    """A read-only memory map of a column; an empty file cannot be mapped, so it is made anew."""
    if path.stat().st_size == 0:
        return np.empty(0, dtype=kind)
    # A plain view: indexing np.memmap itself costs a Python call each time.
    return np.memmap(path, dtype=kind, mode="r").view(np.ndarray)


def save_names(folder: Path, stem: str, names: Sequence[str]) -> None:
    """Write names as `<stem>.bin` beside `<stem>_at`, n + 1 offsets."""
    encoded = [name.encode() for name in names]
    ends = np.cumsum([0, *(len(name) for name in encoded)], dtype="<u8")
    ends.tofile(folder / f"{stem}_at")
    (folder / f"{stem}.bin").write_bytes(b"".join(encoded))


@dataclass(frozen=True, slots=True)
class Names:
    """A read-only list of byte strings that `save_names` wrote."""

    at: Column
    data: bytes | mmap.mmap
    """Slices of either are bytes at once, which those of a memoryview are not."""

    @classmethod
    def open(cls, folder: Path, stem: str) -> Names:
        at = map_column(folder / f"{stem}_at", "<u8")
        if at[-1] == 0:
            return cls(at, b"")
        with (folder / f"{stem}.bin").open("rb") as file:
            return cls(at, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def equals(self, other: Names) -> bool:
        """Whether both hold the same names in the same order."""
        return bool(np.array_equal(self.at, other.at)) and self.data[:] == other.data[:]

    def take(self, indices: Column) -> list[bytes]:
        """The names at `indices`, in that order."""
        data = self.data
        spans = zip(self.at[indices].tolist(), self.at[indices + 1].tolist(), strict=True)
        return [data[start:end] for start, end in spans]
