"""Runs that were kept: listed, found by part of their name, and shown however damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from hms_esr.judge import Judge
from hms_esr.preparation import Preparation
from hms_esr.run_folder import RunLock
from hms_esr.run_writer import RunWriter
from hms_esr.runs import UnknownRunError, list_runs, show_run
from replay.outcome import Outcomes

Prepare = Callable[..., Preparation]
RowsOf = Callable[..., Outcomes]

OLD, MIDDLE, NEW = (f"RUN-20200315-09300{n}-000{n}" for n in range(3))


def make_run(runs: Path, name: str, **files: Any) -> Path:
    folder = runs / name
    folder.mkdir(parents=True)
    for stem, value in files.items():
        content = value if isinstance(value, bytes) else orjson.dumps(value)
        (folder / f"{stem}.json").write_bytes(content)
    return folder


def test_no_runs_at_all(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "runs") == ()
    with pytest.raises(UnknownRunError, match="there are no runs in"):
        show_run(tmp_path / "runs", "latest")


def test_runs_are_newest_first_and_other_things_are_no_runs(tmp_path: Path) -> None:
    for name in (MIDDLE, NEW, OLD, "other"):
        make_run(tmp_path, name)
    (tmp_path / "RUN-file").touch()
    (tmp_path / "RUN-link").symlink_to("nowhere")
    assert [run.run_id for run in list_runs(tmp_path)] == [NEW, MIDDLE, OLD]


@pytest.mark.parametrize(
    ("name", "found"),
    [("latest", NEW), (OLD, OLD), ("RUN-20200315-093001", MIDDLE)],
)
def test_a_run_is_found_by_name_by_its_start_or_as_the_latest(
    tmp_path: Path, name: str, found: str
) -> None:
    for run in (OLD, MIDDLE, NEW):
        make_run(tmp_path, run)
    assert show_run(tmp_path, name).run_id == found


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("RUN-2020", f"start of several runs: {NEW}, {MIDDLE}, {OLD}"),
        ("RUN-20200315-093009-0001", "near are"),
        ("", "no run of no name"),
        ("../..", "there is no run ../.."),
        ("\x1b[31m", "there is no run \ufffd"),
    ],
)
def test_a_name_that_means_no_run_says_what_is_near(tmp_path: Path, name: str, says: str) -> None:
    for run in (OLD, MIDDLE, NEW):
        make_run(tmp_path, run)
    with pytest.raises(UnknownRunError) as caught:
        show_run(tmp_path, name)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_summary_says_what_the_files_say(tmp_path: Path) -> None:
    run = {"state": "done", "verdict": "pass", "started": "2020", "scenario": {"id": "surge"}}
    card = {"requests": {"sent": 7}, "error_pct": 0.5, "latency_p95_ms": 12}
    make_run(tmp_path, NEW, run=run, scorecard=card)
    (told,) = list_runs(tmp_path)
    assert told.to_json() == {
        "run_id": NEW, "scenario": "surge", "state": "done", "verdict": "pass",
        "started": "2020", "sent": 7, "error_pct": 0.5, "p95_ms": 12,
    }  # fmt: skip


DAMAGE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "garbage": {"run": b"\x00\xff", "scorecard": b"{", "certificate": b""},
    "lists": {"run": [1], "scorecard": ["a"]},
    "wrong types": {
        "run": {"state": ["done"], "verdict": {}, "started": 1, "scenario": 5, "reason": [1]},
        "scorecard": {"requests": 5, "error_pct": "x", "latency_p95_ms": True, "scenario": {}},
    },
}


@pytest.mark.parametrize("files", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_run_is_listed_and_shown_as_far_as_it_goes(
    tmp_path: Path, files: dict[str, Any]
) -> None:
    make_run(tmp_path, NEW, **files)
    (told,) = list_runs(tmp_path)
    assert (told.state, told.verdict, told.sent) == ("aborted", None, None)
    shown = show_run(tmp_path, NEW)
    assert shown.state == "aborted"
    orjson.dumps(shown.to_json())
    for stem in files:
        is_damaged = isinstance(files[stem], bytes | list)
        assert (f"{stem}.json is damaged" in shown.notes) == is_damaged


def test_a_run_whose_process_lives_is_what_it_says(tmp_path: Path) -> None:
    folder = make_run(tmp_path, NEW, run={"state": "running"})
    with RunLock.take(folder):
        assert list_runs(tmp_path)[0].state == "running"
        assert show_run(tmp_path, NEW).state == "running"
    assert show_run(tmp_path, NEW).state == "aborted"


def test_what_a_killed_run_had_measured_is_recovered(
    prepare_log: Prepare, rows_of: RowsOf, tmp_path: Path
) -> None:
    prep = prepare_log()
    with RunWriter.open(prep, {}, tmp_path, print) as writer:
        writer.enter("running", 0.0)
        writer.begin(1_584_277_200_000_000_000)
        writer.append_rows(0, rows_of(prep))
        judge = Judge(prep, writer.run_id)
        judge.fold(rows_of(prep))
        writer.write_card(judge.card("running", 1.0))
    with (writer.folder / "outcomes-0.rows").open("ab") as torn:
        torn.write(b"half")
    shown = show_run(writer.folder.parent, "latest")
    assert shown.state == "aborted"
    assert "recovered 4 outcomes that the run had measured" in shown.notes
    assert any("4 bytes" in note for note in shown.notes)
    assert "outcomes-0.parquet" in dict(shown.files)
    assert shown.card is not None
    assert (shown.card["state"], shown.card["requests"]["sent"]) == ("aborted", 4)
    assert show_run(writer.folder.parent, "latest").notes == ()


def test_a_run_that_failed_to_start_says_why(tmp_path: Path) -> None:
    make_run(tmp_path, NEW, run={"state": "failed", "reason": "nobody answers"})
    shown = show_run(tmp_path, NEW)
    assert shown.notes == ("nobody answers",)
    assert shown.title == f"{NEW}  failed"
