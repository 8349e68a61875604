from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.readers.columns import parse_mapping
from replay.readers.format import Format
from replay.readers.head import Head
from replay.readers.parquet import parquet_format
from replay.readers.sniff import Unreadable, sniff
from switchboard.errors import TraceError
from tests.replay.readers.collecting import read_file

NS = 1_704_164_645_250_000_000


def form(**columns: Any) -> Format:
    value = {"ts": "ts", "method": "=GET", "url": "url", **columns}
    return parquet_format(parse_mapping(value, "columns.yaml", lambda path: None))


def write(path: Path, select: str) -> Path:
    with duckdb.connect() as database:
        database.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.mark.parametrize(
    "ts",
    [
        "TIMESTAMP '2024-01-02 03:04:05.25'",
        "TIMESTAMPTZ '2024-01-02 04:04:05.25+01'",
        "TIMESTAMP_NS '2024-01-02 03:04:05.25'",
        "TIMESTAMP_MS '2024-01-02 03:04:05.25'",
        "1704164645250::BIGINT",
        "1704164645.25::DOUBLE",
        "1704164645.25::DECIMAL(18, 3)",
        "'2024-01-02T03:04:05.250Z'",
    ],
)
def test_stamps_of_every_type(tmp_path: Path, ts: str) -> None:
    path = write(tmp_path / "a.parquet", f"SELECT {ts} AS ts, '/a' AS url")
    found = read_file(path, form())
    assert [entry.event.ts_ns for _, entry in found.entries] == [NS]


def test_a_whole_row(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a [1].parquet",
        'SELECT 1704164645::BIGINT AS "the ""time""", \'/a\' AS url, 201 AS code, 1.5 AS took,'
        " 'ann' AS who, 'ua' AS agent, '{\"x\":1}'::BLOB AS body, [1] AS other",
    )
    columns = {
        "ts": 'the "time"', "status": "code", "wait": "took", "wait_unit": "s", "user": "who",
        "headers": {"user-agent": "agent"}, "body": "body",
    }  # fmt: skip
    ((number, entry),) = read_file(path, form(**columns)).entries
    event = entry.event
    assert (number, event.url, event.status, event.wait_ms) == (1, "/a", 201, 1500)
    assert (event.user, event.body) == ("ann", b'{"x":1}')
    assert event.headers == (("user-agent", "ua"),)
    assert entry.coarse


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        "SELECT * FROM (VALUES (TIMESTAMP '2024-01-02', '/a'), (NULL, '/b'),"
        " (TIMESTAMP '9999-01-02', '/c'), (TIMESTAMP '2024-01-02', NULL)) AS t(ts, url)",
    )
    found = read_file(path, form())
    assert len(found.entries) == 1
    assert found.skips == [(2, "no ts"), (3, "ts outside 1990..2100"), (4, "no url")]


def test_many_rows_come_in_order(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        "SELECT 1704164645 + i AS ts, '/' || i AS url FROM range(5000) AS r(i)",
    )
    found = read_file(path, form())
    assert [entry.event.url for _, entry in found.entries] == [f"/{i}" for i in range(5000)]


def test_a_mapping_that_is_not_of_this_table(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", "SELECT 1 AS ts")
    with pytest.raises(TraceError, match="'url'"):
        read_file(path, form())


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(TraceError, match="no whole Parquet file"):
        read_file(path, form())


def test_a_file_without_a_mapping_is_told_what_it_needs() -> None:
    assert form().recognises(Head(b"PAR1\x15"))
    found = sniff(Head(b"PAR1\x15\0\0"))
    assert isinstance(found, Unreadable)
    assert "--mapping FILE" in found.kind


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(4, 10_000), piece=st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_read_refused_or_counted(tmp_path: Path, at: int, piece: bytes) -> None:
    path = tmp_path / "good.parquet"
    if not path.exists():
        write(path, "SELECT 1704164645 + i AS ts, '/' || i AS url FROM range(300) AS r(i)")
    data = path.read_bytes()
    at %= len(data)
    (tmp_path / "bad.parquet").write_bytes(data[:at] + piece + data[at + len(piece) :])
    try:
        found = read_file(tmp_path / "bad.parquet", form())
    except TraceError as error:
        assert "/1" not in str(error)  # noqa: PT017  # nothing of the content
        return
    assert found.entries or found.skips
