"""Parquet files of requests, through a column mapping. The home of duckdb among the readers.

Only the columns that the mapping names are read, a few thousand rows at a time. Columns of
timestamps tell their unit themselves; one without a time zone is taken for UTC.
Read next: `columns.py`, `rows_of_table.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final

from replay.readers.columns import ColumnMapping
from replay.readers.entry import Sink
from replay.readers.format import Format
from replay.readers.head import Head
from replay.readers.rows_of_table import RowReader
from replay.readers.source import Source
from switchboard.errors import TraceError
from switchboard.event import EventError

if TYPE_CHECKING:
    import duckdb

MAGIC: Final = b"PAR1"
_ROWS_AT_ONCE: Final = 2_048
_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 1,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def parquet_format(mapping: ColumnMapping) -> Format:
    """The format of Parquet files whose columns the mapping names."""
    return Format(
        "parquet",
        "Parquet files with a column mapping",
        mapping.stamp,
        _recognises,
        lambda source, sink: read_parquet(source, sink, mapping),
        is_binary=True,
    )


def read_parquet(source: Source, sink: Sink, mapping: ColumnMapping) -> None:
    """Every row becomes an entry for the sink, or a skip with its reason.

    Raises TraceError when it is no Parquet file, or one without a column that the mapping names.
    """
    import duckdb

    path = _as_pattern(str(source.as_file()))
    with duckdb.connect(config=_SETTINGS) as database:
        try:
            described = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path])
            types = {str(row[0]): str(row[1]) for row in described.fetchall()}
        except duckdb.Error:
            raise TraceError(f"cannot read {source.name}: it is no whole Parquet file") from None
        in_ns = [name for name, kind in types.items() if kind.startswith("TIMESTAMP")]
        reader = RowReader(mapping, list(types), in_ns)
        number = 0
        try:
            for number, row in enumerate(_rows(database, path, types, reader.places), 1):
                _take(number, row, reader, sink)
        except duckdb.OutOfMemoryException:
            limit = _SETTINGS["memory_limit"]
            raise TraceError(f"{source.name} has row groups that need more than {limit}") from None
        except duckdb.Error:
            source.damage = "file ends early (damaged Parquet)"
            source.damaged_line = number + 1


def _take(number: int, row: tuple[Any, ...], reader: RowReader, sink: Sink) -> None:
    try:
        sink.add(number, reader.entry(row))
    except EventError as error:
        sink.skip(number, error.reason)


def _rows(
    database: duckdb.DuckDBPyConnection, path: str, types: dict[str, str], wanted: Collection[int]
) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples as wide as the table; only what is wanted is read and not None."""
    columns = ", ".join(
        _expression(name, kind) if at in wanted else "NULL"
        for at, (name, kind) in enumerate(types.items())
    )
    cursor = database.execute(f"SELECT {columns} FROM read_parquet(?)", [path])  # noqa: S608
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield from rows


def _expression(name: str, kind: str) -> str:
    """A column; of a timestamp its nanoseconds, in a type that none of them leaves."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind == "TIMESTAMP_NS":
        return f"epoch_ns({quoted})"
    return f"epoch_us({quoted})::HUGEINT * 1000" if kind.startswith("TIMESTAMP") else quoted


def _as_pattern(path: str) -> str:
    """The path as a pattern that only it fits."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in path)


def _recognises(head: Head) -> bool:
    return head.data.startswith(MAGIC)
