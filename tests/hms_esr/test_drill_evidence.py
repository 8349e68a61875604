"""A run folder is read back as it was: outcomes, recorded times, touches, the timetable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from hms_esr.drill_evidence import EvidenceError, read_evidence, span_of
from hms_esr.options import RunOptions
from replay.outcome import NEVER_SENT, OUTCOME, Failure, Outcomes
from stubs.faults.fault import Fault
from stubs.faults.reader import parse_faults
from tests.hms_esr.drill_runs import ROUTES, SPEED, write_run

OPTIONS = RunOptions("scripted", seed=7)


def faults_of(*written: dict[str, object]) -> tuple[Fault, ...]:
    return parse_faults(list(written), source="here", line_of=lambda _: None)


def some_rows() -> Outcomes:
    """Two requests of one user, the second held; one that failed; one that never left."""
    rows = np.zeros(4, OUTCOME)
    rows["index"] = [0, 1, 2, 3]
    rows["lane"] = [0, 0, 1, 2]
    rows["route"] = [0, 1, 0, 1]
    rows["status"] = [200, 404, 0, 0]
    rows["failure"] = [0, 0, Failure.RESET, Failure.CANCELLED]
    rows["due_ns"] = [0, 100_000_000, 200_000_000, 300_000_000]
    rows["ready_ns"] = [0, 250_000_000, 200_000_000, 300_000_000]
    rows["sent_ns"] = [1_000, 251_000_000, 200_000_000, NEVER_SENT]
    rows["done_ns"] = [250_000_000, 300_000_000, 210_000_000, 300_000_000]
    rows["held"] = [0, 1, 0, 0]
    rows["retries"] = [0, 0, 2, 0]
    return rows


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = some_rows()
    write_run(tmp_path, rows, OPTIONS)
    evidence = read_evidence(tmp_path)
    for name in ("index", "lane", "status", "failure", "held", "retries"):
        assert evidence.rows[name].tolist() == rows[name].tolist(), name
    for name in ("due_ns", "ready_ns", "sent_ns", "done_ns"):
        assert evidence.rows[name][:3] == pytest.approx(rows[name][:3], abs=2_000), name
    assert evidence.rows["sent_ns"][3] == NEVER_SENT
    assert [evidence.routes[number] for number in evidence.rows["route"]] == [
        ROUTES[number] for number in rows["route"]
    ]
    assert evidence.at_ms[:3].tolist() == [0, 100 * SPEED, 200 * SPEED]
    assert (evidence.run_id, evidence.spans, len(evidence.touches)) == (tmp_path.name, (), 0)


def test_the_timetable_comes_back_with_its_numbers(tmp_path: Path) -> None:
    faults = faults_of(
        {"id": "a", "kind": "down", "target": "ach", "at": "10s", "for": "5s"},
        {"id": "b", "kind": "latency", "target": "svc", "ms": 5, "at": "20s"},
    )
    write_run(tmp_path, some_rows(), OPTIONS, faults)
    first, second = read_evidence(tmp_path).spans
    assert (first.number, first.id, first.start_ms, first.end_ms) == (0, "a", 10_000, 15_000)
    assert (second.number, second.id, second.start_ms, second.end_ms) == (1, "b", 20_000, None)
    assert first.written["kind"] == "down"


@pytest.mark.parametrize(
    ("more", "end_ms"),
    [
        ({}, None),
        ({"for": "60s"}, 70_000),
        ({"for": "60s", "restart_after_s": 30, "cold_start_ms": 500}, 40_000),
        ({"restart_after_s": 30}, 40_000),
        ({"for": "60s", "ttl": "20s"}, 30_000),
    ],
)
def test_harm_is_over_when_the_service_is_up_again(
    more: dict[str, object], end_ms: float | None
) -> None:
    (fault,) = faults_of({"kind": "down", "target": "ach", "at": "10s", **more})
    assert span_of(0, fault, {}).end_ms == end_ms


def spoil(folder: Path, name: str, value: object) -> None:
    (folder / name).write_bytes(value if isinstance(value, bytes) else orjson.dumps(value))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("scorecard.json", b"{", "did not come to its end"),
        ("scorecard.json", [], "holds no JSON object"),
        ("scorecard.json", {"speed": "max"}, "has no clock"),
        ("scorecard.json", {}, "is damaged: speed"),
        ("run.json", {}, "does not say when the run began"),
        ("run.json", {"started": "soon"}, "does not say when the run began"),
        ("faults.json", b"{", "cannot be read"),
        ("faults.json", {}, "is damaged"),
        ("faults.json", [5], "is damaged"),
        ("faults.json", [{"kind": "down", "target": "ach"}], "a fault has no number"),
        ("faults.json", [{"number": 0, "kind": "downn"}], "is damaged"),
    ],
)
def test_a_damaged_folder_says_what_is_wrong(
    tmp_path: Path, name: str, value: object, words: str
) -> None:
    write_run(tmp_path, some_rows(), OPTIONS)
    spoil(tmp_path, name, value)
    with pytest.raises(EvidenceError, match=words):
        read_evidence(tmp_path)


def test_a_folder_without_outcomes_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, some_rows(), OPTIONS)
    (tmp_path / "outcomes-0.parquet").unlink()
    with pytest.raises(EvidenceError, match="there are no outcomes in it"):
        read_evidence(tmp_path)


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="did not come to its end"):
        read_evidence(tmp_path / "RUN-none")


def test_outcomes_that_a_full_disk_took_are_missed(tmp_path: Path) -> None:
    write_run(tmp_path, some_rows(), OPTIONS)
    card = orjson.loads((tmp_path / "scorecard.json").read_bytes())
    card["requests"]["sent"] = 5
    (tmp_path / "scorecard.json").write_bytes(orjson.dumps(card))
    with pytest.raises(EvidenceError, match="keeps 3 of 5 outcomes, so nobody could say"):
        read_evidence(tmp_path)
