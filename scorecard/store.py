"""Outcomes on disk: raw rows while a run goes, Parquet afterwards, SQL over all runs.

While requests are due, a row costs one append of the bytes it already is. When the run is over, or
when somebody looks at a run that was killed, DuckDB turns the rows into Parquet with names instead
of numbers; it reads the memory-mapped file, so memory stays flat however long the run was.
`COLUMNS` is the promise, and docs/scorecard.md explains it. The only home of DuckDB. Floor 2.
Read next: `files.py`, which does the writing.
"""

from __future__ import annotations

import contextlib
import glob
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import orjson

from replay.outcome import FAILURE_NAMES, OUTCOME, Failure, Outcomes
from replay.tape import Route
from scorecard.files import AppendFile, Losses, write_json
from scorecard.tally import FIRST_ERROR_STATUS, Pace

if TYPE_CHECKING:
    # It takes a tenth of a second to import, and no request may wait for that: functions that
    # need it import it themselves.
    from duckdb import DuckDBPyConnection

CONTEXT_FILE: Final = "context.json"
SPOOLS: Final = "outcomes-*.rows"
PARQUETS: Final = "outcomes-*.parquet"
MEMORY_LIMIT: Final = "256MB"
ROW_GROUP_ROWS: Final = 61_440
"""Rows that the Parquet writer holds at a time."""
_PARQUET_MAGIC: Final = b"PAR1"
_PARQUET_TAIL: Final = struct.Struct("<I4s")
"""The length of the footer, then the magic again."""

_TIMES: Final = tuple(name for name in OUTCOME.names or () if OUTCOME[name] == np.int64)


def _halved(name: str) -> list[tuple[str, str]]:
    if name in _TIMES:
        return [(f"{name}_low", "<u4"), (f"{name}_high", "<i4")]
    return [(name, OUTCOME[name].str)]


_HALVES: Final = np.dtype([half for name in OUTCOME.names or () for half in _halved(name)])
"""A row with its times in halves. DuckDB reads fields of a memory map in place, a vector at a time,
but copies a whole field that is not aligned; rows are a multiple of 4 bytes long, and not of 8."""

_WHOLE: Final = ", ".join(
    f"{name}_high::BIGINT * {1 << 32} + {name}_low AS {name}" for name in _TIMES
)
_ROWS: Final = f"SELECT *, {_WHOLE} FROM halves"  # noqa: S608  # only constants
_IS_OPEN: Final = "getvariable('is_open')"
_IS_SENT: Final = "rows.sent_ns >= 0"
_IS_MEASURED: Final = f"{_IS_SENT} AND rows.failure <> {int(Failure.CANCELLED)}"
_SERVICE_MS: Final = f"CASE WHEN {_IS_MEASURED} THEN (rows.done_ns - rows.sent_ns) / 1e6 END"
_RESPONSE_MS: Final = (
    f"CASE WHEN {_IS_MEASURED} AND {_IS_OPEN} THEN (rows.done_ns - rows.due_ns) / 1e6 END"
)

COLUMNS: Final[Mapping[str, tuple[str, str]]] = {
    "run_id": ("VARCHAR", "getvariable('run_id')"),
    "ts": (
        "TIMESTAMP",
        f"CASE WHEN {_IS_SENT} "
        "THEN make_timestamp((getvariable('started_ns') + rows.sent_ns) // 1000) END",
    ),
    "user": ("VARCHAR", "coalesce(lanes.name, 'lane-' || rows.lane)"),
    "route": ("VARCHAR", "coalesce(routes.name, 'route-' || rows.route)"),
    "method": ("VARCHAR", "routes.method"),
    "status": (
        "VARCHAR",
        f"CASE WHEN NOT ({_IS_SENT}) THEN 'NOT_SENT' WHEN rows.failure <> 0 THEN 'FAILED' "
        f"WHEN rows.status >= {FIRST_ERROR_STATUS} THEN 'ERROR' ELSE 'OK' END",
    ),
    "http_status": ("USMALLINT", "nullif(rows.status, 0)"),
    "failure": ("VARCHAR", "failures.name"),
    "latency_ms": (
        "DOUBLE",
        f"CASE WHEN {_IS_OPEN} THEN {_RESPONSE_MS} ELSE {_SERVICE_MS} END",
    ),
    "service_ms": ("DOUBLE", _SERVICE_MS),
    "response_ms": ("DOUBLE", _RESPONSE_MS),
    "lag_ms": (
        "DOUBLE",
        f"CASE WHEN {_IS_SENT} AND {_IS_OPEN} THEN (rows.sent_ns - rows.due_ns) / 1e6 END",
    ),
    "held": ("BOOLEAN", "rows.held = 1"),
    "late": ("BOOLEAN", f"CASE WHEN {_IS_OPEN} THEN rows.late = 1 END"),
    "retries": ("UTINYINT", "rows.retries"),
    "bytes": ("UINTEGER", "rows.bytes"),
    "lane": ("UINTEGER", "rows.lane"),
    "request": ("UINTEGER", "rows.index"),
}
"""The columns of the Parquet files and of the view: their types, and what they are made of."""

VIEW: Final = "esr_metrics"


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the rows of a run do not say.

    started_ns: the wall clock's epoch nanoseconds when the run's own time was 0.
    pace: without it nobody knows what was due, so only service times can be told.
    users: what each lane is called.   Numbers without a name keep their number.
    """

    run_id: str
    started_ns: int | None
    pace: Pace | None
    users: Sequence[str]
    routes: Sequence[Route]


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a folder's rows. `torn_bytes`: the half row that a killed process left."""

    files: tuple[Path, ...] = ()
    rows: int = 0
    torn_bytes: int = 0


class RowSpool:
    """Appends outcomes to `outcomes-<worker>.rows` as the bytes they are."""

    def __init__(self, path: Path, losses: Losses) -> None:
        self._file = AppendFile(path, "outcomes", losses)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, rows: Outcomes) -> bool:
        """Add rows, all or none of them. False when the disk would not take them."""
        return self._file.append(np.ascontiguousarray(rows).view(np.uint8).data, len(rows))

    def close(self) -> None:
        self._file.close()


def save_context(folder: Path, context: RunContext, losses: Losses) -> bool:
    """Leave the context beside the rows, so that a killed run can still be read by name."""
    value = {
        "run_id": context.run_id,
        "started_ns": context.started_ns,
        "pace": context.pace,
        "users": list(context.users),
        "routes": [[r.name, r.service, r.method, r.template] for r in context.routes],
    }
    return write_json(folder / CONTEXT_FILE, value, losses)


def load_context(folder: Path) -> RunContext:
    """The context that was saved; when it is missing or damaged, one without names."""
    try:
        value = orjson.loads((folder / CONTEXT_FILE).read_bytes())
        return RunContext(
            run_id=str(value["run_id"]),
            started_ns=int(value["started_ns"]),
            pace="max" if value["pace"] == "max" else "open",
            users=tuple(map(str, value["users"])),
            routes=tuple(Route(*map(str, route)) for route in value["routes"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return RunContext(folder.name, None, None, (), ())


def rows_to_parquet(folder: Path, losses: Losses, context: RunContext | None = None) -> Converted:
    """Turn every `outcomes-<worker>.rows` of `folder` into Parquet and remove it.

    context: by default the one that `save_context` left.   At the first error the rest is left
    for another try: its rows stay where they are, and `losses` counts the files that are missing.
    """
    import duckdb

    spools = sorted(folder.glob(SPOOLS))
    if not spools:
        return Converted()
    done: list[Converted] = []
    try:
        with _connect() as connection:
            # Rows stream past the small tables, in their order; left to itself the optimizer may
            # hold all rows in memory and stream the names past them.
            connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
            _add_context(connection, context or load_context(folder))
            for spool in spools:
                done.append(_convert(connection, spool))  # noqa: PERF401  # what is done counts
        (folder / CONTEXT_FILE).unlink(missing_ok=True)
    except (OSError, duckdb.Error) as error:
        spool = spools[min(len(done), len(spools) - 1)]
        losses.add("Parquet files", len(spools) - len(done), spool.with_suffix(".parquet"), error)
    return Converted(
        files=tuple(file for part in done for file in part.files),
        rows=sum(part.rows for part in done),
        torn_bytes=sum(part.torn_bytes for part in done),
    )


def _convert(connection: DuckDBPyConnection, spool: Path) -> Converted:
    """One spool into one Parquet file. Raises OSError or duckdb.Error and keeps the spool."""
    target = spool.with_suffix(".parquet")
    rows, torn_bytes = read_rows(spool)
    _write_parquet(connection, rows, target)
    spool.unlink()
    return Converted((target,), len(rows), torn_bytes)


def read_rows(spool: Path) -> tuple[Outcomes, int]:
    """The whole rows of a spool, memory-mapped, and the bytes of a torn one after them.

    Raises OSError.
    """
    count, torn_bytes = divmod(spool.stat().st_size, OUTCOME.itemsize)
    if not count:
        return np.empty(0, OUTCOME), torn_bytes
    return np.memmap(spool, OUTCOME, "r", shape=(count,)).view(np.ndarray), torn_bytes


def connect_runs(runs_dir: Path) -> DuckDBPyConnection:
    """A DuckDB connection in which the view `esr_metrics` holds the requests of all runs.

    Requests that never left are in the Parquet files but not in the view, so that shares are of
    what was sent, as in the scorecard. Files that are no Parquet are passed over. Close it.
    """
    connection = _connect()
    # A view takes no parameters; paths are quoted by `_quoted`.
    sent = f"SELECT * FROM {_source(runs_dir)} WHERE status <> 'NOT_SENT'"  # noqa: S608
    try:
        connection.execute(f"CREATE VIEW {VIEW} AS {sent}")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect() -> DuckDBPyConnection:
    import duckdb

    # One thread: a machine that replays has other work to do.
    return duckdb.connect(config={"threads": 1, "memory_limit": MEMORY_LIMIT})


def _add_context(connection: DuckDBPyConnection, context: RunContext) -> None:
    """The run's own values, and the small tables that turn numbers into names."""
    # COPY takes no parameters, variables do.
    for name, value in (
        ("run_id", context.run_id),
        ("started_ns", context.started_ns),
        ("is_open", None if context.pace is None else context.pace == "open"),
    ):
        connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
    routes = context.routes
    _add_table(connection, "lanes", name=list(context.users))
    _add_table(
        connection, "routes", name=[r.name for r in routes], method=[r.method for r in routes]
    )
    failures = [None if name == Failure.NONE.name.lower() else name for name in FAILURE_NAMES]
    _add_table(connection, "failures", name=failures)


def _add_table(connection: DuckDBPyConnection, table: str, **columns: Sequence[str | None]) -> None:
    lists = ", ".join(f"unnest(${name}::VARCHAR[]) AS {name}" for name in columns)
    numbered = f"SELECT row_number() OVER () - 1 AS number, * FROM (SELECT {lists})"  # noqa: S608
    connection.execute(f"CREATE TABLE {table} AS {numbered}", columns)


def _write_parquet(connection: DuckDBPyConnection, rows: Outcomes, target: Path) -> None:
    """Write beside the target and rename, so that nobody ever reads half a file."""
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    halves = rows.view(_HALVES)
    connection.register("halves", {name: halves[name] for name in _HALVES.names or ()})
    try:
        connection.execute(
            f"COPY ({_selection()}) TO {_quoted(str(aside))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS})"
        )
        aside.replace(target)
    finally:
        connection.unregister("halves")
        with contextlib.suppress(OSError):
            aside.unlink()


def _selection() -> str:
    """The SELECT that makes `COLUMNS` of the registered rows."""
    columns = (f'CAST({made} AS {kind}) AS "{name}"' for name, (kind, made) in COLUMNS.items())
    return (
        f"SELECT {', '.join(columns)} FROM ({_ROWS}) AS rows "  # noqa: S608  # constants only
        "LEFT JOIN lanes ON lanes.number = rows.lane "
        "LEFT JOIN routes ON routes.number = rows.route "
        "LEFT JOIN failures ON failures.number = rows.failure"
    )


def _source(runs_dir: Path) -> str:
    """All Parquet files of all runs as a FROM clause; an empty relation when there are none."""
    files = [file for file in sorted(runs_dir.glob(f"*/{PARQUETS}")) if is_parquet(file)]
    if files:
        patterns = ", ".join(_quoted(glob.escape(str(file))) for file in files)
        return f"read_parquet([{patterns}], union_by_name = true)"
    columns = ", ".join(f'NULL::{kind} AS "{name}"' for name, (kind, _) in COLUMNS.items())
    return f"(SELECT {columns} WHERE false)"


def is_parquet(file: Path) -> bool:
    """Whether the file begins and ends as a whole Parquet file does.

    One bad file would make the view fail for all runs, so a copy that was cut short is told apart.
    """
    magic = _PARQUET_MAGIC
    try:
        with file.open("rb") as stream:
            head = stream.read(len(magic))
            size = stream.seek(-_PARQUET_TAIL.size, os.SEEK_END) + _PARQUET_TAIL.size
            footer_bytes, tail = _PARQUET_TAIL.unpack(stream.read(_PARQUET_TAIL.size))
    except OSError:
        return False
    is_whole = len(magic) + int(footer_bytes) + _PARQUET_TAIL.size <= size
    return is_whole and head == magic and bool(tail == magic)


def _quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


__all__ = [
    "COLUMNS",
    "VIEW",
    "Converted",
    "RowSpool",
    "RunContext",
    "connect_runs",
    "load_context",
    "read_rows",
    "rows_to_parquet",
    "save_context",
]
