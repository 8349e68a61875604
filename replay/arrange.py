"""The last step of a build: rows in due order, users and sessions numbered, columns in place.

Works on whole columns with numpy, one after the other, and lets each go before the next: that
keeps a log of millions of events within the memory a build may take.
Read next: `people.py` (the numbering), `compile.py` (what was spilled, and when).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from replay.link import linked_rows, write_links
from replay.people import Known, People, idle_gaps, number_people, user_names
from replay.seeds import unit_array
from replay.tape import COLUMNS, NS_PER_S, TapeWriter, column_file, write_user_names

CHUNK: Final = 1 << 18
SPILLED: Final = {"time": "<i8", "user": "<u4", "session": "<u4", "marks": "u1"}
"""Columns that only the build needs."""
COARSE: Final = 1
"""The row's stamp has one-second steps."""
INFERRED: Final = 2
"""The row's user was inferred: an idle gap before it ends a session."""
MOVED: Final = ("length", "split", "host", "route", "status", "wait_us")
"""Columns that are final as spilled, but for their order."""

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Leading:
    """The first rows had only delays: they are moved so that the last of them meets a stamp."""

    rows: int
    shift_ns: int


@dataclass(frozen=True, slots=True)
class Arranged:
    start_ns: int
    seconds: float
    sessions: int
    users: int
    out_of_order: int
    coarse: int
    """Rows whose stamp has one-second steps."""


def arrange(writer: TapeWriter, leading: Leading, seed: int) -> Arranged:
    """Turn what was spilled into the columns of a tape; the spill files are gone afterwards."""
    writer.close_files()
    time = _load(writer, "time")
    time[: leading.rows] += leading.shift_ns
    marks = _load(writer, "marks")
    coarse = (marks & COARSE).astype(np.uint8)
    inferred = ((marks & INFERRED) >> 1).astype(np.uint8)
    out_of_order = count_backwards(time)
    order = _order_of(time) if out_of_order else None
    coarse_rows = int(np.count_nonzero(coarse))
    if coarse_rows:
        time, order = _spread(time, coarse, order, seed)
    start, end = int(_at(time, order, 0)), int(_at(time, order, -1))
    writer.replace("due_ns", (part - start for part in _in_order(time, order)))
    gaps = _gaps(writer, time, inferred, order) if inferred.any() else np.zeros(0, np.uint8)
    del time, coarse, inferred, marks
    people = _write_people(writer, order, gaps)
    del gaps
    _write_links(writer, order, people.session)
    _write_moved(writer, order)
    for path in writer.path.glob("*.spill"):
        path.unlink()
    return Arranged(
        start,
        (end - start) / NS_PER_S,
        len(people.session_user),
        people.users,
        out_of_order,
        coarse_rows,
    )


def count_backwards(time: I64) -> int:
    """How many rows stand after one with a later time."""
    latest, count = np.iinfo(np.int64).min, 0
    for at in range(0, len(time), CHUNK):
        part = time[at : at + CHUNK]
        highest = np.maximum.accumulate(np.maximum(part, latest))
        count += int(np.count_nonzero(part < highest))
        latest = highest[-1]
    return count


def spread_seconds(time: I64, rows: U32 | None, seed: int) -> I64:
    """One-second stamps spread inside their second, keeping their order.

    time: ascending, whole seconds in ns. rows: each one's place in the trace, or None when it is
    its own. The k-th of n in a second falls at (k + u) / n, with u = unit(seed, row).
    """
    spread = np.empty_like(time)
    at = 0
    while at < len(time):
        # A part always ends where a second does, so that each second is seen whole.
        end = int(np.searchsorted(time, time[min(at + CHUNK, len(time)) - 1], "right"))
        part = time[at:end]
        first = np.searchsorted(part, part, "left")
        count = np.searchsorted(part, part, "right") - first
        row = np.arange(at, end) if rows is None else rows[at:end]
        share = (np.arange(end - at) - first + unit_array(seed, row)) / count
        spread[at:end] = part + np.minimum((share * NS_PER_S).astype(np.int64), NS_PER_S - 1)
        at = end
    return spread


def _spread(time: I64, coarse: U8, order: U32 | None, seed: int) -> tuple[I64, U32 | None]:
    """Times, still in trace order, with coarse ones spread; and the order that then holds."""
    mask = coarse.astype(bool)
    if order is None and mask.all():
        return spread_seconds(time, None, seed), None
    rows = np.arange(len(time), dtype=np.uint32) if order is None else order
    rows = rows[mask[rows]]
    time[rows] = spread_seconds(time[rows], rows, seed)
    return time, _order_of(time)


def _gaps(writer: TapeWriter, time: I64, splits: U8, order: U32 | None) -> U8:
    user = _load(writer, "user")
    if order is None:
        return idle_gaps(user, time, splits)
    return idle_gaps(user[order], time[order], splits[order])


def _write_people(writer: TapeWriter, order: U32 | None, gaps: U8) -> People:
    user, session = _load(writer, "user"), _load(writer, "session")
    if order is not None:
        user, session = user[order], session[order]
    known = Known(writer.path, "users")
    people = number_people(user, session, known, Known(writer.path, "sessions"), gaps)
    del user, session
    writer.replace("session", [people.session])
    writer.replace("session_user", [people.session_user])
    write_user_names(writer, user_names(people.ref_of_user, known))
    return people


def _write_links(writer: TapeWriter, order: U32 | None, session: U32) -> None:
    rows = linked_rows(writer.path)
    if not len(rows):
        return
    if order is not None:
        row_of = np.empty_like(order)
        row_of[order] = np.arange(len(order), dtype=np.uint32)
        rows = row_of[rows]
    write_links(writer, rows, session[rows[:, 1]])


def _write_moved(writer: TapeWriter, order: U32 | None) -> None:
    length = _load_column(writer, "length").astype(np.uint64)
    offset = np.cumsum(length) - length
    del length
    writer.replace("offset", _in_order(offset, order))
    del offset
    if order is None:
        return
    for name in MOVED:
        writer.replace(name, _in_order(_load_column(writer, name), order))


def _order_of(time: I64) -> U32:
    return np.argsort(time, kind="stable").astype(np.uint32)


def _in_order(column: npt.NDArray[Any], order: U32 | None) -> Iterator[npt.NDArray[Any]]:
    for at in range(0, len(column), CHUNK):
        span = slice(at, at + CHUNK)
        yield column[span] if order is None else column[order[span]]


def _at(column: I64, order: U32 | None, row: int) -> int:
    return int(column[row if order is None else order[row]])


def _load(writer: TapeWriter, name: str) -> npt.NDArray[Any]:
    return np.fromfile(writer.path / f"{name}.spill", SPILLED[name])


def _load_column(writer: TapeWriter, name: str) -> npt.NDArray[Any]:
    return np.fromfile(writer.path / column_file(name), COLUMNS[name])
