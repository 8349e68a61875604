"""A run's files: written as it goes, whole at the end, and no write error stops anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from hms_esr.interlock import marks_of
from hms_esr.judge import Judge
from hms_esr.preparation import Preparation
from hms_esr.run_folder import is_alive
from hms_esr.run_writer import RunWriter
from replay.outcome import Outcomes

Prepare = Callable[..., Preparation]
RowsOf = Callable[..., Outcomes]


def read(path: Path) -> dict[str, Any]:
    value = orjson.loads(path.read_bytes())
    assert isinstance(value, dict)
    return value


def test_a_whole_run_leaves_every_file(
    prepare_log: Prepare, rows_of: RowsOf, tmp_path: Path
) -> None:
    prep = prepare_log(seed=3, command=("esr", os.fsdecode(b"\xff")))
    said: list[str] = []
    with RunWriter.open(prep, {}, tmp_path, said.append) as writer:
        folder, scratch = writer.folder, writer.scratch
        judge = Judge(prep, writer.run_id)
        assert folder.parent == tmp_path / ".esr" / "runs"
        assert is_alive(folder)
        writer.enter("starting", 0.0)
        assert read(folder / "run.json")["state"] == "starting"
        writer.begin(1_584_277_200_000_000_000)
        writer.append_rows(0, rows_of(prep))
        judge.fold(rows_of(prep))
        card, certificate = judge.conclude("done", 3.0, [], ())
        writer.finish(card, certificate, lambda files: {"files": dict(files)})
        writer.enter("done", 3.0)
    assert not is_alive(folder)
    assert not scratch.exists()
    facts = read(folder / "run.json")
    assert (facts["state"], facts["verdict"], facts["seed"]) == ("done", "pass", 3)
    assert facts["started"].startswith("2020-03-15T13:00:00")
    assert facts["command"] == ["esr", "\ufffd"]
    assert facts["tape"]["requests"] == 4
    assert read(folder / "scorecard.json") == card
    assert read(folder / "interlock.json") == {"files": marks_of(folder)}
    assert set(marks_of(folder)) == {"scorecard.json", "certificate.json", "outcomes-0.parquet"}
    assert read(folder / "certificate.json")["faithful"] is True
    assert (folder / "outcomes-0.parquet").exists()
    assert not list(folder.glob("*.rows"))
    events = [orjson.loads(line) for line in (folder / "timeline.ndjson").read_bytes().splitlines()]
    assert [event.get("state") for event in events] == ["starting", "done"]
    assert said == []
    assert writer.losses is None


def test_what_an_address_says_of_credentials_is_kept_nowhere(
    prepare_log: Prepare, tmp_path: Path
) -> None:
    address = "https://bob:hunter2@host.example/day.log?sig=T0P"
    prep = prepare_log(command=("esr-replay", address))
    prep = replace(prep, scenario=prep.scenario.model_copy(update={"log_path": address}))
    with RunWriter.open(prep, {}, tmp_path, lambda _: None) as writer:
        writer.enter("starting", 0.0)
        facts = read(writer.folder / "run.json")
    assert facts["command"] == ["esr-replay", "https://host.example/day.log"]
    assert facts["scenario"]["log_path"] == "https://host.example/day.log"


def test_before_its_end_an_interlock_vouches_for_no_file(
    prepare_log: Prepare, tmp_path: Path
) -> None:
    with RunWriter.open(prepare_log(), {}, tmp_path, print) as writer:
        assert writer.signer is not None
        writer.write_interlock(lambda files: {"files": dict(files)})
    assert read(writer.folder / "interlock.json") == {"files": {}}


def test_without_a_key_the_run_goes_on_and_says_so(
    prepare_log: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", link)
    said: list[str] = []
    with RunWriter.open(prepare_log(), {}, tmp_path, said.append) as writer:
        assert writer.signer is None
    assert "interlock.key: No space left on device" in said[0]
    assert "signature: 1" in (writer.losses or "")


def test_a_run_that_could_not_go_on_says_why(prepare_log: Prepare, tmp_path: Path) -> None:
    with RunWriter.open(prepare_log(), {}, tmp_path, print) as writer:
        writer.fail("nobody answers", 0.5)
    facts = read(writer.folder / "run.json")
    assert (facts["state"], facts["reason"]) == ("failed", "nobody answers")


def test_without_a_run_folder_it_is_kept_elsewhere_and_said(
    prepare_log: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prep = prepare_log()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (tmp_path / "home").touch()
    said: list[str] = []
    with RunWriter.open(prep, {"ESR_HOME": "home"}, tmp_path, said.append) as writer:
        writer.enter("done", 0.0)
    assert writer.folder.parent == temporary
    assert read(writer.folder / "run.json")["state"] == "done"
    assert len(said) == 1
    assert str(tmp_path / "home") in said[0]
    assert "run folder: 1" in (writer.losses or "")


def test_what_cannot_be_written_is_counted_and_said_once(
    prepare_log: Prepare, rows_of: RowsOf, tmp_path: Path
) -> None:
    prep = prepare_log()
    said: list[str] = []
    with ExitStack() as stack:
        writer = stack.enter_context(RunWriter.open(prep, {}, tmp_path, said.append))
        for name in ("run.json", "outcomes-0.rows", "scorecard.json"):
            (writer.folder / name).mkdir()  # no file can be put where a folder stands
        writer.enter("running", 0.0)
        writer.append_rows(0, rows_of(prep))
        judge = Judge(prep, writer.run_id)
        judge.fold(rows_of(prep))
        writer.write_card(judge.card("running", 1.0))
    assert len(said) == 1
    assert "outcomes: 4" in (writer.losses or "")


def test_empty_worker_logs_are_removed_and_others_stay(
    prepare_log: Prepare, tmp_path: Path
) -> None:
    with RunWriter.open(prepare_log(), {}, tmp_path, print) as writer:
        (writer.folder / "worker-0.log").touch()
        (writer.folder / "worker-1.log").write_text("it said something")
    assert [path.name for path in writer.folder.glob("*.log")] == ["worker-1.log"]


def test_what_the_stubs_could_not_write_is_said_with_the_rest(
    prepare_log: Prepare, tmp_path: Path
) -> None:
    """Without its touches, a failed request would look as if no fault had been near."""
    said: list[str] = []
    with RunWriter.open(prepare_log(), {}, tmp_path, said.append) as writer:
        writer.lose({"touches": 0, "ledger": 0})
        assert writer.losses is None
        writer.lose({"touches": 3, "ledger": 0})
        assert "rows of touches: 3" in str(writer.losses)
    assert len(said) == 1
    assert "could not write touches" in said[0]
