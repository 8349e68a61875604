"""Rows on disk while a tape is built: what is spilled of each entry, read back a chunk at a time.

Whatever a build does to its rows, it does in chunks that are read, used and let go: that is what
keeps its memory flat however long the log.
Read next: `rows.py` (who writes them), `arrange.py` (who turns them into columns).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

CHUNK: Final = 1 << 17
"""Rows that are held at once."""
ROWS: Final = "rows.spill"

USER, SESSION, CLIENT = 0, 4, 8
"""In `marks`: where the row's user key comes from."""
KINDS: Final = 12
"""The bits of `marks` that hold one of these."""

SPILLED: Final = np.dtype(
    [
        ("time", "<i8"),
        ("user", "<i8"),
        ("session", "<i8"),
        ("length", "<u4"),
        ("wait_us", "<u4"),
        ("split", "<u2"),
        ("host", "<u2"),
        ("route", "<u2"),
        ("status", "<u2"),
        ("marks", "u1"),
    ]
)
"""A row as it is spilled. user, session: keys (`people.py`), 0 for none. marks: bits."""
pack_row: Final = struct.Struct("<qqqIIHHHHB").pack

PLACED: Final = np.dtype([*SPILLED.descr, ("row", "<u4"), ("offset", "<u8")])
"""A row with its number in the trace, and where its request bytes start."""

Rows = npt.NDArray[Any]
"""An array of `SPILLED` or `PLACED` rows."""


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of the trace that was spilled by itself.

    hosts, routes: the tape's number for each of the part's own; None where they are the same.
    lead_rows, lead_ns: the first rows had only delays, and move by so much.
    """

    folder: Path
    hosts: npt.NDArray[np.uint16] | None = None
    routes: npt.NDArray[np.uint16] | None = None
    lead_rows: int = 0
    lead_ns: int = 0


def read_chunks(path: Path, dtype: np.dtype[Any], rows: int = CHUNK) -> Iterator[Rows]:
    """The rows of a file, at most so many at a time; nothing when there is no file."""
    if not path.exists():
        return
    with path.open("rb", buffering=0) as file:
        while len(chunk := np.fromfile(file, dtype, rows)):
            yield chunk


def placed_chunks(parts: list[Part]) -> Iterator[Rows]:
    """All rows in the order of the trace."""
    row = offset = 0
    for part in parts:
        led = part.lead_rows
        for chunk in read_chunks(part.folder / ROWS, SPILLED):
            placed = np.empty(len(chunk), PLACED)
            for name in SPILLED.names or ():
                placed[name] = chunk[name]
            if led > 0:
                placed["time"][:led] += part.lead_ns
                led -= len(chunk)
            if part.hosts is not None and part.routes is not None:
                placed["host"] = part.hosts[chunk["host"]]
                placed["route"] = part.routes[chunk["route"]]
            ends = offset + np.cumsum(chunk["length"], dtype=np.uint64)
            placed["row"] = np.arange(row, row + len(chunk), dtype=np.uint32)
            placed["offset"] = ends - chunk["length"]
            row += len(chunk)
            offset = int(ends[-1])
            yield placed
