"""The tape: a compiled trace, sorted by due time, that workers map into memory.

A folder of fixed-width little-endian columns (row i is the i-th request in due order) beside one
blob of ready-to-send request bytes and `tape.json`, which says where all of it came from. A tape
knows no target and holds no credential. `Tape.open` reads one; `TapeWriter` writes one atomically;
`write_tape` makes a small one from records. docs/tape.md documents every column.
Read next: `tape_info.py` and `tape_writer.py`; `building/compile.py` (from a log to a tape),
`schedule.py` (what is made of one).
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from replay.account import Account
from replay.building.heads import request_head
from replay.linking.link import LINKS, Link, read_links
from replay.tape_info import ANONYMISER as ANONYMISER
from replay.tape_info import INFO as INFO
from replay.tape_info import NS_PER_S as NS_PER_S
from replay.tape_info import VERSION as VERSION
from replay.tape_info import Route as Route
from replay.tape_info import TapeInfo as TapeInfo
from replay.tape_info import info_to_json as info_to_json
from replay.tape_info import make_route as make_route
from replay.tape_info import read_info as read_info
from replay.tape_info import rfc3339 as rfc3339
from replay.tape_writer import BLOB as BLOB
from replay.tape_writer import COLUMNS as COLUMNS
from replay.tape_writer import REQUEST_COLUMNS as REQUEST_COLUMNS
from replay.tape_writer import SESSION_COLUMNS as SESSION_COLUMNS
from replay.tape_writer import USER_COLUMNS as USER_COLUMNS
from replay.tape_writer import USER_NAMES as USER_NAMES
from replay.tape_writer import TapeWriter as TapeWriter
from replay.tape_writer import column_file as column_file
from replay.tape_writer import write_user_names as write_user_names
from switchboard.credentials import header_lines, safe_target
from switchboard.errors import TraceError
from switchboard.routes import route_template, service_label, service_of

UNKNOWN_WAIT = 0xFFFF_FFFF
UNKNOWN_STATUS = 0

U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


class Tape:
    """An open tape. The columns are read-only memory maps; `blob` is a view of all request bytes.

    `record(i)` and `user_name(i)` are for people and tests: the hot path slices `blob` itself.
    """

    def __init__(
        self,
        folder: Path,
        info: TapeInfo,
        columns: Mapping[str, Any],
        blob: mmap.mmap,
        users: npt.NDArray[np.uint8],
    ) -> None:
        self.folder = folder
        self.info = info
        self.due_ns: I64 = columns["due_ns"]
        self.session: U32 = columns["session"]
        self.offset: U64 = columns["offset"]
        self.length: U32 = columns["length"]
        self.split: U16 = columns["split"]
        self.host: U16 = columns["host"]
        self.route: U16 = columns["route"]
        self.status: U16 = columns["status"]
        self.wait_us: U32 = columns["wait_us"]
        self.session_user: U32 = columns["session_user"]
        self.user_at: U64 = columns["user_at"]
        self.blob = memoryview(blob)
        self._map = blob
        self._users = users

    @classmethod
    def open(cls, folder: Path) -> Tape:
        """Raises TraceError when the folder is not a whole tape of this version."""
        info = read_info(folder)
        rows = _rows_of(info)
        columns = {name: _map_column(folder, name, rows[name]) for name in COLUMNS}
        users = _map_bytes(folder / USER_NAMES, int(columns["user_at"][-1]))
        return cls(folder, info, columns, _map_blob(folder, info.request_bytes), users)

    def __len__(self) -> int:
        return self.info.requests

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the blob go. Columns, and views of the blob still held elsewhere, stay readable."""
        self.blob.release()
        # A slice that is still held keeps the map alive; it goes when that slice goes.
        with contextlib.suppress(BufferError):
            self._map.close()

    def record(self, i: int) -> bytes:
        """The request bytes of row i, as they lie in the blob."""
        start = int(self.offset[i])
        return bytes(self.blob[start : start + int(self.length[i])])

    def user_name(self, i: int) -> str:
        if not 0 <= i < self.info.users:
            raise IndexError(f"user {i} of a tape with {self.info.users}")
        return self._users[int(self.user_at[i]) : int(self.user_at[i + 1])].tobytes().decode()

    def user_of(self, i: int) -> int:
        """The user index of request i."""
        return int(self.session_user[self.session[i]])

    def links(self) -> Iterator[Link]:
        """Values that come from a recorded answer, by the row whose request holds them.

        Raises TraceError when the tape is damaged.
        """
        path = self.folder / LINKS
        if not self.info.links:
            return
        try:
            yield from read_links(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TraceError(f"the tape is damaged: {path}: build it again") from error


@dataclass(frozen=True, slots=True)
class Record:
    """One request for `write_tape`. `due_ns` counts from `start_ns`; `host` is an authority."""

    due_ns: int = 0
    method: str = "GET"
    target: str = "/"
    user: str = "user-1"
    session: str | None = None
    host: str = ""
    service: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    status: int = UNKNOWN_STATUS
    wait_us: int = UNKNOWN_WAIT


@dataclass(slots=True)
class Numbers:
    """Hands out 0, 1, 2 ... to keys as they first appear."""

    of: dict[Any, int] = field(default_factory=dict)

    def __call__(self, key: object) -> int:
        return self.of.setdefault(key, len(self.of))


def write_tape(
    folder: Path, records: Iterable[Record], *, start_ns: int = 0, seed: int = 0
) -> TapeInfo:
    """A tape from records held in memory: for tests and for small scripted traces.

    Users, sessions, hosts and routes are numbered as they first appear in due order.
    """
    rows = sorted(records, key=lambda record: record.due_ns)
    if not rows:
        raise TraceError("a tape needs at least one request")
    users, sessions, hosts, routes = Numbers(), Numbers(), Numbers(), Numbers()
    blobs, splits = zip(*map(_record_bytes, rows), strict=True)
    lengths = np.array([len(blob) for blob in blobs], np.uint64)
    due = np.array([row.due_ns for row in rows], np.int64)
    session = [sessions((users(row.user), row.session)) for row in rows]
    columns: dict[str, npt.NDArray[Any]] = {
        "due_ns": due - due[0],
        "session": np.array(session),
        "offset": np.cumsum(lengths) - lengths,
        "length": lengths,
        "split": np.array(splits),
        "host": np.array([hosts(row.host) for row in rows]),
        "route": np.array([routes(_route_of(row)) for row in rows]),
        "status": np.array([row.status for row in rows]),
        "wait_us": np.array([row.wait_us for row in rows]),
        "session_user": np.array([user for user, _ in sessions.of]),
    }
    with TapeWriter(folder) as writer:
        for name, rows_of_column in columns.items():
            writer.append(name, rows_of_column)
        writer.append_bytes(BLOB, b"".join(blobs))
        write_user_names(writer, users.of)
        return writer.commit(
            TapeInfo(
                version=VERSION,
                requests=len(rows),
                sessions=len(sessions.of),
                users=len(users.of),
                request_bytes=int(lengths.sum()),
                start_ns=start_ns + int(due[0]),
                seconds=int(due[-1] - due[0]) / NS_PER_S,
                hosts=tuple(hosts.of),
                routes=tuple(routes.of),
                account=Account(entries=len(rows), used=len(rows), format="records"),
                seed=seed,
                bodies=_count_bodies(rows),
            )
        )


def _count_bodies(records: Sequence[Record]) -> dict[str, int]:
    sizes = [len(record.body) for record in records if record.body]
    return {"requests": len(sizes), "bytes": sum(sizes), "largest": max(sizes, default=0)}


def _route_of(record: Record) -> Route:
    service = service_label(record.service) if record.service else service_of(record.host)
    return make_route(service, record.method, route_template(record.target))


def _record_bytes(record: Record) -> tuple[bytes, int]:
    lines, target = header_lines(record.headers), safe_target(record.target)
    head, split = request_head(record.method, target, lines, len(record.body))
    return head + record.body, split


def _rows_of(info: TapeInfo) -> dict[str, int]:
    return {
        **dict.fromkeys(REQUEST_COLUMNS, info.requests),
        **dict.fromkeys(SESSION_COLUMNS, info.sessions),
        **dict.fromkeys(USER_COLUMNS, info.users + 1),
    }


def _map_column(folder: Path, name: str, rows: int) -> npt.NDArray[Any]:
    dtype = np.dtype(COLUMNS[name])
    path = folder / column_file(name)
    _check_size(path, rows * dtype.itemsize)
    if rows == 0:
        return np.zeros(0, dtype)
    return np.memmap(path, dtype, "r", shape=(rows,))


def _map_blob(folder: Path, size: int) -> mmap.mmap:
    path = folder / BLOB
    _check_size(path, size)
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _map_bytes(path: Path, size: int) -> npt.NDArray[np.uint8]:
    _check_size(path, size)
    return np.memmap(path, np.uint8, "r", shape=(size,)) if size else np.zeros(0, np.uint8)


def _check_size(path: Path, expected: int) -> None:
    try:
        found = path.stat().st_size
    except OSError as error:
        raise TraceError(f"the tape is damaged: {path}: {error.strerror}") from error
    if found != expected:
        raise TraceError(
            f"the tape is damaged: {path} has {found} bytes where {expected} belong; build it again"
        )
