from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay.outcome import OUTCOME, Failure, Outcomes
from replay.tape import make_route
from scorecard import store
from scorecard.card import measured
from scorecard.files import Losses
from scorecard.store import (
    COLUMNS,
    RowSpool,
    RunContext,
    connect_runs,
    load_context,
    read_rows,
    rows_to_parquet,
    save_context,
)
from scorecard.tally import Tally

MakeRows = Callable[..., Outcomes]

ROUTES = (make_route("svc", "GET", "/a"), make_route("ach", "POST", "/payments"))
CONTEXT = RunContext("RUN-9001", 1_584_264_600_000_000_000, "open", ("ann", "bob's"), ROUTES)

SEED_SQL = """
SELECT
  percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS p95,
  100.0*sum(case when status='OK' then 1 end)/count(*)     AS success_rate
FROM esr_metrics
WHERE run_id = 'RUN-9001';
"""


def run_folder(tmp_path: Path, rows: Outcomes, context: RunContext | None = CONTEXT) -> Path:
    folder = tmp_path / "RUN-9001"
    folder.mkdir()
    losses = Losses()
    with RowSpool(folder / "outcomes-0.rows", losses) as spool:
        assert spool.append(rows)
    if context is not None:
        save_context(folder, context, losses)
    assert not losses
    return folder


def query(runs_dir: Path, sql: str) -> list[Any]:
    with connect_runs(runs_dir) as connection:
        return connection.execute(sql).fetchall()


def test_a_row_in_all_its_columns(tmp_path: Path, make_rows: MakeRows) -> None:
    rows = make_rows(
        {"due": 1, "ready": 4, "sent": 5, "done": 25.5, "held": 1, "late": 1, "bytes": 77,
         "retries": 2, "lane": 1, "route": 1, "status": 202, "index": 42},
    )  # fmt: skip
    rows_to_parquet(run_folder(tmp_path, rows), Losses())
    with connect_runs(tmp_path) as connection:
        answer = connection.execute("SELECT * FROM esr_metrics")
        names = [column[0] for column in answer.description or ()]
        (found,) = answer.fetchall()
    assert names == list(COLUMNS)
    assert dict(zip(names, found, strict=True)) == {
        "run_id": "RUN-9001", "ts": datetime(2020, 3, 15, 9, 30, 0, 5_000),  # noqa: DTZ001
        "user": "bob's", "route": "ach POST /payments", "method": "POST",
        "status": "OK", "http_status": 202, "failure": None,
        "latency_ms": 24.5, "service_ms": 20.5, "response_ms": 24.5, "lag_ms": 4.0,
        "held": True, "late": True, "retries": 2, "bytes": 77, "lane": 1, "request": 42,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({"status": 399}, ("OK", 399, None, 10.0), id="ok"),
        pytest.param({"status": 404}, ("ERROR", 404, None, 10.0), id="error"),
        pytest.param({"failure": Failure.TIMEOUT}, ("FAILED", None, "timeout", 10.0), id="failed"),
        pytest.param(
            {"failure": Failure.CANCELLED}, ("FAILED", None, "cancelled", None), id="cancelled"
        ),
    ],
)
def test_status_and_failure(
    tmp_path: Path, make_rows: MakeRows, request_: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    rows_to_parquet(run_folder(tmp_path, make_rows(request_)), Losses())
    sql = "SELECT status, http_status, failure, latency_ms FROM esr_metrics"
    assert query(tmp_path, sql) == [expected]


def test_what_never_left_is_in_the_file_but_not_in_the_view(
    tmp_path: Path, make_rows: MakeRows
) -> None:
    rows = make_rows({}, {"never": True, "failure": Failure.CANCELLED})
    folder = run_folder(tmp_path, rows)
    rows_to_parquet(folder, Losses())
    assert query(tmp_path, "SELECT count(*) FROM esr_metrics") == [(1,)]
    sql = f"SELECT status, ts, service_ms, lag_ms FROM '{folder}/outcomes-0.parquet' OFFSET 1"
    assert query(tmp_path, sql) == [("NOT_SENT", None, None, None)]


def test_with_pace_max_latency_is_service_time(tmp_path: Path, make_rows: MakeRows) -> None:
    context = RunContext("RUN-9001", 0, "max", (), ROUTES)
    folder = run_folder(tmp_path, make_rows({"sent": 50}), context)
    rows_to_parquet(folder, Losses())
    sql = "SELECT latency_ms, service_ms, response_ms, lag_ms, late FROM esr_metrics"
    assert query(tmp_path, sql) == [(10.0, 10.0, None, None, None)]


def random_rows(count: int) -> Outcomes:
    rng = np.random.default_rng(3)
    rows = np.zeros(count, OUTCOME)
    rows["index"] = np.arange(count)
    rows["due_ns"] = rows["ready_ns"] = rows["sent_ns"] = np.arange(count) * 1_000_000
    rows["done_ns"] = rows["due_ns"] + rng.lognormal(17, 1, count).astype(np.int64)
    rows["lane"] = rng.integers(0, 700, count)
    rows["status"] = rng.choice([200, 503], count, p=[0.97, 0.03])
    return rows


def test_the_seeds_own_sql_runs_as_printed_and_agrees_with_the_scorecard(tmp_path: Path) -> None:
    rows = random_rows(20_000)
    rows_to_parquet(run_folder(tmp_path, rows), Losses())
    ((p95, success_rate),) = query(tmp_path, SEED_SQL)
    tally = Tally(ROUTES, 700, "open")
    tally.fold(rows)
    numbers = measured(tally)
    assert numbers["p95_ms"] == pytest.approx(p95, rel=0.01)
    assert numbers["error_pct"] == pytest.approx(100 - success_rate, abs=1e-4)


def test_rows_keep_their_order(tmp_path: Path) -> None:
    # More lanes than rows: left to itself the optimizer would turn the join round.
    context = RunContext("RUN-9001", 0, "open", [f"u{i}" for i in range(30_000)], ROUTES)
    folder = run_folder(tmp_path, random_rows(5_000), context)
    rows_to_parquet(folder, Losses())
    sql = f"""SELECT bool_and(request = file_row_number)
        FROM read_parquet('{folder}/outcomes-0.parquet', file_row_number = true)"""
    assert query(tmp_path, sql) == [(True,)]


def test_every_worker_becomes_a_file_and_the_rows_go(tmp_path: Path, make_rows: MakeRows) -> None:
    folder = run_folder(tmp_path, make_rows({}, {}))
    with RowSpool(folder / "outcomes-1.rows", Losses()) as spool:
        spool.append(make_rows({}))
        spool.append(make_rows({}, {}))
    converted = rows_to_parquet(folder, Losses())
    assert [file.name for file in converted.files] == ["outcomes-0.parquet", "outcomes-1.parquet"]
    assert (converted.rows, converted.torn_bytes) == (5, 0)
    assert sorted(file.name for file in folder.iterdir()) == [
        "outcomes-0.parquet",
        "outcomes-1.parquet",
    ]
    assert query(tmp_path, "SELECT count(*) FROM esr_metrics") == [(5,)]
    assert rows_to_parquet(folder, Losses()).files == ()


def test_a_torn_record_is_left_out_and_counted(tmp_path: Path, make_rows: MakeRows) -> None:
    folder = run_folder(tmp_path, make_rows({}, {}))
    with (folder / "outcomes-0.rows").open("ab") as file:
        file.write(b"\xff" * (OUTCOME.itemsize - 1))
    converted = rows_to_parquet(folder, Losses())
    assert (converted.rows, converted.torn_bytes) == (2, OUTCOME.itemsize - 1)


@pytest.mark.parametrize("size", [0, 5])
def test_a_spool_without_a_whole_row_becomes_an_empty_file(tmp_path: Path, size: int) -> None:
    (tmp_path / "outcomes-0.rows").write_bytes(b"\0" * size)
    converted = rows_to_parquet(tmp_path, Losses(), CONTEXT)
    assert (len(converted.files), converted.rows, converted.torn_bytes) == (1, 0, size)


def test_without_a_context_numbers_stand_for_names(tmp_path: Path, make_rows: MakeRows) -> None:
    folder = run_folder(tmp_path, make_rows({"lane": 7, "route": 9, "sent": 5}), context=None)
    rows_to_parquet(folder, Losses())
    sql = """SELECT run_id, ts, "user", route, method, latency_ms, response_ms FROM esr_metrics"""
    expected = ("RUN-9001", None, "lane-7", "route-9", None, 10.0, None)
    assert query(tmp_path, sql) == [expected]


def test_a_context_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    assert save_context(tmp_path, CONTEXT, Losses())
    assert load_context(tmp_path) == CONTEXT


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run_id": 1}', "\x00", '{"routes": [[1]]}'])
def test_a_damaged_context_is_none_at_all(tmp_path: Path, text: str) -> None:
    (tmp_path / "context.json").write_text(text)
    assert load_context(tmp_path) == RunContext(tmp_path.name, None, None, (), ())


def test_a_full_disk_while_converting_keeps_the_rows(
    tmp_path: Path, make_rows: MakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_folder(tmp_path, make_rows({}))

    def replace(_self: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    losses = Losses()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        assert rows_to_parquet(folder, losses).files == ()
    assert losses.counts == {"Parquet files": 1}
    assert "No space left on device" in str(losses.first)
    left = sorted(file.name for file in folder.iterdir())
    assert left == ["context.json", "outcomes-0.rows"]
    assert rows_to_parquet(folder, Losses()).rows == 1


def test_duckdbs_own_write_errors_are_counted_too(tmp_path: Path, make_rows: MakeRows) -> None:
    folder = run_folder(tmp_path, make_rows({}))
    (folder / f".outcomes-0.parquet.{os.getpid()}.tmp").mkdir()  # in the way of the COPY
    losses = Losses()
    assert rows_to_parquet(folder, losses).files == ()
    assert losses.counts == {"Parquet files": 1}
    assert "\n" not in str(losses.first)


def test_after_an_error_the_rest_waits_for_another_try(tmp_path: Path, make_rows: MakeRows) -> None:
    folder = run_folder(tmp_path, make_rows({}))
    for worker in (1, 2):
        make_rows({}).tofile(folder / f"outcomes-{worker}.rows")
    obstacle = folder / f".outcomes-1.parquet.{os.getpid()}.tmp"
    obstacle.mkdir()
    losses = Losses()
    assert rows_to_parquet(folder, losses).rows == 1
    assert losses.counts == {"Parquet files": 2}
    assert (folder / "context.json").exists()
    obstacle.rmdir()
    assert rows_to_parquet(folder, Losses()).rows == 2
    assert query(tmp_path, "SELECT DISTINCT run_id, user FROM esr_metrics") == [("RUN-9001", "ann")]
    assert not (folder / "context.json").exists()


class TestConnectRuns:
    def test_no_runs_is_an_empty_view_with_all_columns(self, tmp_path: Path) -> None:
        assert query(tmp_path / "none", "SELECT * FROM esr_metrics") == []
        assert query(tmp_path, SEED_SQL) == [(None, None)]
        described = query(tmp_path, "DESCRIBE esr_metrics")
        assert [row[:2] for row in described] == [
            (name, kind) for name, (kind, _) in COLUMNS.items()
        ]

    def test_types_are_the_promised_ones(self, tmp_path: Path, make_rows: MakeRows) -> None:
        rows_to_parquet(run_folder(tmp_path, make_rows({})), Losses())
        described = query(tmp_path, "DESCRIBE esr_metrics")
        assert [row[:2] for row in described] == [
            (name, kind) for name, (kind, _) in COLUMNS.items()
        ]

    @pytest.mark.parametrize(
        "content", [b"", b"PAR", b"PAR1", b"PAR1 torn", b"PAR1" * 3, b"\0" * 20]
    )
    def test_a_file_that_is_no_parquet_is_passed_over(
        self, tmp_path: Path, make_rows: MakeRows, content: bytes
    ) -> None:
        rows_to_parquet(run_folder(tmp_path, make_rows({})), Losses())
        (tmp_path / "RUN-9002").mkdir()
        (tmp_path / "RUN-9002" / "outcomes-0.parquet").write_bytes(content)
        assert query(tmp_path, "SELECT run_id FROM esr_metrics") == [("RUN-9001",)]

    def test_a_folder_with_a_strange_name(self, tmp_path: Path, make_rows: MakeRows) -> None:
        runs = tmp_path / "it's [a] *?"
        runs.mkdir()
        rows_to_parquet(run_folder(runs, make_rows({})), Losses())
        assert query(runs, "SELECT count(*) FROM esr_metrics") == [(1,)]

    def test_runs_are_told_apart(self, tmp_path: Path, make_rows: MakeRows) -> None:
        rows_to_parquet(run_folder(tmp_path, make_rows({})), Losses())
        other = tmp_path / "RUN-9002"
        other.mkdir()
        make_rows({}, {}).tofile(other / "outcomes-0.rows")
        rows_to_parquet(other, Losses())
        sql = "SELECT run_id, count(*) FROM esr_metrics GROUP BY run_id ORDER BY run_id"
        assert query(tmp_path, sql) == [("RUN-9001", 1), ("RUN-9002", 2)]


def test_rows_are_read_back_as_they_were(tmp_path: Path) -> None:
    rows = random_rows(100)
    folder = run_folder(tmp_path, rows)
    found, torn_bytes = read_rows(folder / "outcomes-0.rows")
    assert np.array_equal(found, rows)
    assert torn_bytes == 0


def test_a_spool_takes_rows_that_do_not_lie_side_by_side(tmp_path: Path) -> None:
    rows = random_rows(100)[::3]
    found, _ = read_rows(run_folder(tmp_path, rows) / "outcomes-0.rows")
    assert np.array_equal(found, rows)


def test_duckdb_is_not_imported_before_it_is_needed() -> None:
    assert not hasattr(store, "duckdb")
