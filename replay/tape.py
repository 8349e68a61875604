"""The tape: a compiled trace, sorted by due time, that workers map into memory.

A folder of fixed-width little-endian columns (row i is the i-th request in due order) beside one
blob of ready-to-send request bytes and `tape.json`, which says where all of it came from. A tape
knows no target and holds no credential. `Tape.open` reads one; `TapeWriter` writes one atomically;
`write_tape` makes a small one from records. docs/tape.md documents every column.
Read next: `compile.py` (from a log to a tape), `schedule.py` (what is made of one).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from replay.account import Account, account_to_json, parse_account
from replay.heads import request_head
from replay.link import LINKS, Link, read_links
from replay.spill_files import SpillFiles
from switchboard.credentials import header_lines, safe_target
from switchboard.errors import TraceError
from switchboard.routes import route_template, service_label, service_of

VERSION = 1
NS_PER_S = 1_000_000_000
UNKNOWN_WAIT = 0xFFFF_FFFF
UNKNOWN_STATUS = 0
NO_BODIES: Final[Mapping[str, int]] = {"requests": 0, "bytes": 0, "largest": 0}
ANONYMISER = "credentials dropped; personal data not yet anonymised"

REQUEST_COLUMNS: Mapping[str, str] = {
    "due_ns": "<i8",
    "session": "<u4",
    "offset": "<u8",
    "length": "<u4",
    "split": "<u2",
    "host": "<u2",
    "route": "<u2",
    "status": "<u2",
    "wait_us": "<u4",
}
"""Columns with one row a request, and their types."""
SESSION_COLUMNS: Mapping[str, str] = {"session_user": "<u4"}
USER_COLUMNS: Mapping[str, str] = {"user_at": "<u8"}
COLUMNS: Mapping[str, str] = {**REQUEST_COLUMNS, **SESSION_COLUMNS, **USER_COLUMNS}
BLOB = "requests.bin"
USER_NAMES = "users.bin"
INFO = "tape.json"

U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Route:
    """What requests are grouped by: `name` is "<service> <METHOD> <template>"."""

    name: str
    service: str
    method: str
    template: str


@dataclass(frozen=True, slots=True)
class TapeInfo:
    """What `tape.json` says. `digest` is its sha256: it names the tape, since it holds the hashes
    of the sources and the seed, and those decide every byte of the columns."""

    version: int
    requests: int
    sessions: int
    users: int
    request_bytes: int
    start_ns: int
    seconds: float
    hosts: tuple[str, ...]
    routes: tuple[Route, ...]
    account: Account
    seed: int
    anonymiser: str = ANONYMISER
    links: int = 0
    bodies: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict(NO_BODIES)))
    """How many `requests` have a body, how many `bytes` they come to, and the `largest`."""
    digest: str = ""


def column_file(name: str) -> str:
    """The file of a column: `due_ns.i8`."""
    return f"{name}.{COLUMNS[name][1:]}"


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


def read_info(folder: Path) -> TapeInfo:
    """`tape.json`, checked. Raises TraceError when it is missing, damaged or of another version."""
    try:
        text = (folder / INFO).read_bytes()
    except FileNotFoundError:
        raise TraceError(f"{folder} is not a tape: it has no {INFO}") from None
    except OSError as error:
        raise TraceError(f"cannot read {folder / INFO}: {error.strerror}") from error
    try:
        value = json.loads(text)
        version = value["version"]
        info = _parse_info(value, hashlib.sha256(text).hexdigest()) if version == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TraceError(f"{folder / INFO} is damaged: build the tape again") from error
    if info is None:
        raise TraceError(
            f"{folder} is a tape of version {version!r}; this release reads version {VERSION}: "
            "build it again"
        )
    return info


class TapeWriter(SpillFiles):
    """Writes the files of a tape into a hidden sibling folder that `commit` renames into place.

    Leaving the `with` block without a commit removes everything, so a build that was interrupted
    leaves nothing that opens as a tape. Every failed write is an OSError.
    """

    def __init__(self, folder: Path) -> None:
        _refuse_foreign(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        super().__init__(folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.building"))
        self.path.mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close_files()
        shutil.rmtree(self.path, ignore_errors=True)

    def append(self, name: str, rows: npt.NDArray[Any]) -> None:
        """Add rows to a column; they are converted to the column's type."""
        self.append_bytes(column_file(name), np.ascontiguousarray(rows, COLUMNS[name]).data)

    def commit(self, info: TapeInfo) -> TapeInfo:
        """Write `tape.json` last, then move the folder into place. Returns info with its digest."""
        for file in (*map(column_file, COLUMNS), BLOB, USER_NAMES):
            self.append_bytes(
                file, b""
            )  # a column without rows is an empty file, not a missing one
        text = (json.dumps(info_to_json(info), indent=1) + "\n").encode()
        self.append_bytes(INFO, text)
        self.close_files()
        _move_into_place(self.path, self.folder)
        return _parse_info(json.loads(text), hashlib.sha256(text).hexdigest())


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


def write_user_names(writer: TapeWriter, names: Iterable[str]) -> None:
    """`users.bin` and `user_at`, a few thousand names at a time."""
    writer.append("user_at", np.zeros(1, np.uint64))
    at = 0
    batch: list[bytes] = []

    def flush() -> None:
        nonlocal at
        ends = np.cumsum([len(name) for name in batch], dtype=np.uint64) + np.uint64(at)
        writer.append("user_at", ends)
        writer.append_bytes(USER_NAMES, b"".join(batch))
        at = int(ends[-1])
        batch.clear()

    for name in names:
        batch.append(name.encode())
        if len(batch) == 10_000:
            flush()
    if batch:
        flush()


def info_to_json(info: TapeInfo) -> dict[str, Any]:
    return {
        "version": info.version,
        "counts": {
            "requests": info.requests,
            "sessions": info.sessions,
            "users": info.users,
            "request_bytes": info.request_bytes,
            "links": info.links,
            "bodies": dict(info.bodies),
        },
        "window": {
            "start": rfc3339(info.start_ns),
            "start_ns": info.start_ns,
            "seconds": info.seconds,
        },
        "seed": info.seed,
        "anonymiser": info.anonymiser,
        "account": account_to_json(info.account),
        "hosts": list(info.hosts),
        "routes": [
            {"name": r.name, "service": r.service, "method": r.method, "template": r.template}
            for r in info.routes
        ],
    }


def rfc3339(stamp_ns: int) -> str:
    """A UTC stamp with all its nanoseconds: 2020-03-15T12:00:00.000000000Z."""
    seconds, rest = divmod(stamp_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def make_route(service: str, method: str, template: str) -> Route:
    return Route(f"{service} {method} {template}", service, method, template)


def _route_of(record: Record) -> Route:
    service = service_label(record.service) if record.service else service_of(record.host)
    return make_route(service, record.method, route_template(record.target))


def _record_bytes(record: Record) -> tuple[bytes, int]:
    lines, target = header_lines(record.headers), safe_target(record.target)
    head, split = request_head(record.method, target, lines, len(record.body))
    return head + record.body, split


def _parse_info(value: Mapping[str, Any], digest: str) -> TapeInfo:
    counts, window = value["counts"], value["window"]
    return TapeInfo(
        version=value["version"],
        requests=int(counts["requests"]),
        sessions=int(counts["sessions"]),
        users=int(counts["users"]),
        request_bytes=int(counts["request_bytes"]),
        start_ns=int(window["start_ns"]),
        seconds=float(window["seconds"]),
        hosts=tuple(map(str, value["hosts"])),
        routes=tuple(
            Route(r["name"], r["service"], r["method"], r["template"]) for r in value["routes"]
        ),
        account=parse_account(value["account"]),
        seed=int(value["seed"]),
        anonymiser=str(value["anonymiser"]),
        links=int(counts.get("links", 0)),
        bodies=MappingProxyType({**NO_BODIES, **counts.get("bodies", {})}),
        digest=digest,
    )


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


def _refuse_foreign(folder: Path) -> None:
    """A tape may replace a tape; anything else that stands there is left alone."""
    if folder.is_dir() and not (folder / INFO).exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is in the way: it is a folder, and not a tape")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is in the way: it is a file")


def _move_into_place(built: Path, folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        built.rename(folder)
        return
    # A full folder cannot be renamed over: the old tape steps aside for a moment.
    aside = built.with_suffix(".old")
    folder.rename(aside)
    try:
        built.rename(folder)
    except BaseException:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
