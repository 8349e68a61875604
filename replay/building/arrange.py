"""The last step of a build: rows in due order, users and sessions numbered, columns in place.

Rows pass through in chunks, from one file to the next: first they are looked over, then sorted if
they have to be, then stamps of one second are spread, and at last each chunk becomes columns.
Read next: `row_sort.py`, `spread.py`, `numbering.py`; `compile.py` (what was spilled, and when).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from replay.building.numbering import People, user_names
from replay.building.row_file import (
    CLIENT,
    KINDS,
    PLACED,
    SESSION,
    USER,
    Part,
    Rows,
    placed_chunks,
    read_chunks,
)
from replay.building.row_sort import sort_rows
from replay.building.spread import count_seconds, spread_seconds
from replay.linking.link import linked_rows, write_links
from replay.readers.entry import COARSE, INFERRED
from replay.tape import NS_PER_S, TapeWriter, write_user_names

MOVED: Final = ("offset", "length", "split", "host", "route", "status", "wait_us")
"""Columns that are final as spilled, but for their order."""
_KEY_NAMES: Final = {USER: "user", SESSION: "session", CLIENT: "client"}

U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Arranged:
    start_ns: int
    seconds: float
    sessions: int
    users: int
    out_of_order: int
    furthest_back_ns: int
    """By how much the entry that was most out of order came too late."""
    coarse: int
    """Rows whose stamp has one-second steps."""
    keys: dict[str, int]
    """By what users were told apart, in rows."""


def arrange(writer: TapeWriter, parts: list[Part], seed: int) -> Arranged:
    """Turn what was spilled into the columns of a tape; the spill files are gone afterwards.

    parts: the trace in its order, with at least one row.
    """
    writer.close_files()
    seen = look_over(placed_chunks(parts))
    in_order = _order(parts, seen, writer.path, seed)
    columns = _Columns(writer, seen)
    for chunk in in_order():
        columns.write(chunk)
    columns.finish()
    for path in writer.path.glob("*.spill"):
        path.unlink()
    return Arranged(
        columns.start_ns,
        (columns.end_ns - columns.start_ns) / NS_PER_S,
        columns.people.sessions,
        columns.people.users.count,
        seen.out_of_order,
        seen.furthest_back_ns,
        seen.coarse,
        {name: count for name, count in seen.keys.items() if count},
    )


@dataclass(slots=True)
class Overview:
    """What has to be known of all rows before the first of them is moved."""

    rows: int = 0
    out_of_order: int = 0
    furthest_back_ns: int = 0
    coarse: int = 0
    inferred: int = 0
    sessions: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    latest_ns: int = np.iinfo(np.int64).min


def look_over(chunks: Iterable[Rows]) -> Overview:
    """Rows in the order of the trace."""
    seen = Overview()
    for chunk in chunks:
        time, marks = chunk["time"], chunk["marks"]
        behind = np.maximum.accumulate(np.maximum(time, seen.latest_ns)) - time
        seen.rows += len(chunk)
        seen.out_of_order += int(np.count_nonzero(behind))
        seen.furthest_back_ns = max(seen.furthest_back_ns, int(behind.max()))
        seen.latest_ns = int(time[-1] + behind[-1])
        seen.coarse += int(np.count_nonzero(marks & COARSE))
        seen.inferred += int(np.count_nonzero(marks & INFERRED))
        seen.sessions += int(np.count_nonzero(chunk["session"]))
        is_named = chunk["user"] != 0
        for kind, name in _KEY_NAMES.items():
            count = int(np.count_nonzero((marks & KINDS == kind) & is_named))
            seen.keys[name] = seen.keys.get(name, 0) + count
        seen.keys["none"] = seen.keys.get("none", 0) + len(chunk) - int(np.count_nonzero(is_named))
    return seen


def _order(
    parts: list[Part], seen: Overview, folder: Path, seed: int
) -> Callable[[], Iterator[Rows]]:
    """Gives the rows in due order, with their due times, as often as it is asked."""

    def sorted_rows() -> Iterator[Rows]:
        return read_chunks(sorted_path, PLACED)

    def as_spilled() -> Iterator[Rows]:
        return placed_chunks(parts)

    def spread() -> Iterator[Rows]:
        return spread_seconds(by_time(), seconds_path, seed)

    def spread_and_sorted() -> Iterator[Rows]:
        return read_chunks(again_path, PLACED)

    sorted_path, again_path = folder / "sorted.spill", folder / "again.spill"
    seconds_path = folder / "seconds.spill"
    by_time = as_spilled
    if seen.out_of_order:
        sort_rows(placed_chunks(parts), sorted_path)
        by_time = sorted_rows
    if not seen.coarse:
        return by_time
    count_seconds(by_time(), seconds_path)
    if seen.coarse == seen.rows:
        return spread
    # Among stamps that are exact, those that were spread may not be where they belong.
    sort_rows(spread(), again_path)
    return spread_and_sorted


class _Columns:
    """Writes the columns of a tape from rows in due order."""

    def __init__(self, writer: TapeWriter, seen: Overview) -> None:
        self.people = People(has_sessions=seen.sessions > 0, has_inferred=seen.inferred > 0)
        self.start_ns = 0
        self.end_ns = 0
        self._writer = writer
        self._rows = 0
        self._links = linked_rows(writer.path)
        self._linked, self._place_of = np.unique(self._links, return_inverse=True)
        self._placed = np.zeros(len(self._linked), np.uint32)
        self._session = np.zeros(len(self._linked), np.uint32)

    def write(self, chunk: Rows) -> None:
        if not self._rows:
            self.start_ns = int(chunk["time"][0])
        self.end_ns = int(chunk["time"][-1])
        session, new_users = self.people.number(chunk)
        append = self._writer.append
        append("due_ns", chunk["time"] - self.start_ns)
        append("session", session)
        append("session_user", new_users)
        for name in MOVED:
            append(name, chunk[name])
        if len(self._linked):
            self._find_linked(chunk["row"], session)
        self._rows += len(chunk)

    def finish(self) -> None:
        """Write what is known only now: the names of users, and links."""
        write_user_names(self._writer, user_names(self._writer.path, self.people))
        if len(self._links):
            rows = self._placed[self._place_of].reshape(-1, 2)
            session = self._session[self._place_of].reshape(-1, 2)[:, 1]
            write_links(self._writer, rows, session)

    def _find_linked(self, rows: U32, session: I64) -> None:
        """Note where rows went that are linked."""
        at = np.minimum(np.searchsorted(self._linked, rows), len(self._linked) - 1)
        is_linked = self._linked[at] == rows
        self._placed[at[is_linked]] = self._rows + np.flatnonzero(is_linked)
        self._session[at[is_linked]] = session[is_linked]
