"""What `esr drill run` and `esr drill list` print, write and answer, with scripted plays."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import hms_esr.drill_command as command
from hms_esr.drill_command import (
    DrillOptions,
    check_clock,
    check_sent,
    check_targets,
    drill_list_command,
    drill_run_command,
)
from hms_esr.drill_run import DrillError
from hms_esr.exits import INTERRUPTED, PASS, SLO_FAILED, USAGE, VOID, UsageError
from hms_esr.options import RunOptions
from hms_esr.preparation import Preparation
from hms_esr.run_folder import RunLock
from stubs.faults.reader import parse_faults
from switchboard.errors import EsrError
from tests.hms_esr.drill_runs import Fate, ScriptedPlays

DRILL = """
id: rail_down
title: The rail goes away
scenario: stimulus_2020
hypothesis: {error_pct: 20}
slo: {error_pct: 1}
chaos: [{id: ach-down, kind: down, target: ach, at: 40s, for: 20s}]
expect: {detections: [{slo: error_pct, within: 10s}]}
recover_within: 30s
"""
PAGE = (Path(__file__).parents[2] / "docs/drills.md").read_text()

Run = Callable[..., int]


@pytest.fixture(name="plays")
def plays_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedPlays:
    """Scripted plays instead of real ones, in a working directory with one drill."""
    plays = ScriptedPlays(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESR_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(command, "player", lambda console, **_: plays)
    monkeypatch.setattr(command, "check_plan", lambda drill, given: {"seed": given.seed})
    (tmp_path / "drills").mkdir()
    (tmp_path / "drills" / "rail.yml").write_text(DRILL)
    return plays


def test_a_drill_says_all_that_it_found(
    plays: ScriptedPlays, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drill_run_command(DrillOptions("rail_down"), json_file="report.json") == PASS
    out = capsys.readouterr().out
    assert "the steady state first: the same run without faults" in out
    assert "now with the faults: ach-down" in out
    assert re.search(r"error_pct +20\.00 +0\.00 +10\.00 +kept", out)
    assert re.search(r"error_pct +1\.00 +0\.00 +10\.00 +missed", out)
    assert re.search(r"ach-down +10 +10 +0 +0 +– +0 +– +5 s +0 s", out)
    assert re.search(r"no fault +0", out)
    assert re.search(r"error_pct 1 +10 +100\.0 % +0\.0 % +0\.0 %", out)
    assert "ach-down showed in error_pct after 5 s (expected within 10 s)" in out
    assert "10 failed requests: 40, 42, 44, 46, 48, 50, 52, 54 and 2 more" in out
    assert "PASS  drill rail_down  RUN-2" in out
    assert "the hypothesis held, and all that was expected came true" in out


def test_the_report_is_written_twice_and_its_keys_are_documented(
    plays: ScriptedPlays, tmp_path: Path
) -> None:
    drill_run_command(DrillOptions("rail_down"), json_file="report.json")
    report = orjson.loads((tmp_path / "report.json").read_bytes())
    assert orjson.loads((tmp_path / "runs/RUN-2/drill.json").read_bytes()) == report
    table = PAGE.partition("## The report")[2]
    assert [key for key in report if f"`{key}`" not in table] == []


def test_standard_output_may_be_the_report_alone(
    plays: ScriptedPlays, capsys: pytest.CaptureFixture[str]
) -> None:
    drill_run_command(DrillOptions("rail_down"), json_file="-")
    said = capsys.readouterr()
    assert orjson.loads(said.out)["drill"] == "rail_down"
    assert "PASS  drill rail_down" in said.err


def test_a_drill_that_fails_says_why(
    plays: ScriptedPlays, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = DRILL.replace("error_pct: 20", "error_pct: 5")
    (tmp_path / "strict.yml").write_text(text)
    assert drill_run_command(DrillOptions("strict.yml"), json_file=None) == SLO_FAILED
    out = capsys.readouterr().out
    assert "FAIL  drill rail_down" in out
    assert "error_pct was 10 where at most 5 was to hold" in out


def test_a_drill_that_injects_nothing_keeps_its_report_with_the_steady_state(
    plays: ScriptedPlays, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plays.script = lambda index, faults: Fate(500)
    assert drill_run_command(DrillOptions("rail_down"), json_file="report.json") == USAGE
    out = capsys.readouterr().out
    assert "NOT RUN  drill rail_down" in out
    assert "the hypothesis fails before any fault, so nothing was injected" in out
    assert orjson.loads((tmp_path / "runs/RUN-1/drill.json").read_bytes())["verdict"] is None


def test_what_is_slowed_and_held_has_its_milliseconds(
    plays: ScriptedPlays, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(index: int, faults: tuple[Any, ...]) -> Fate:
        due = tuple(fault.id for fault in faults if fault.is_due(index * 1000))
        return Fate(ms=520, touched=due) if due else Fate()

    plays.script = slow
    assert drill_run_command(DrillOptions("rail_down"), json_file=None) == SLO_FAILED
    out = capsys.readouterr().out
    assert re.search(r"ach-down +20 +0 +0 +20 +500 +0 +– +– +–", out)
    assert "ach-down showed in error_pct never (expected within 10 s)" in out


def test_an_earlier_run_is_found_and_checked(plays: ScriptedPlays) -> None:
    plays(RunOptions("", seed=7))
    options = DrillOptions("rail_down", baseline="RUN-1", seed=7)
    assert drill_run_command(options, json_file=None) == PASS
    assert len(plays.asked) == 2
    with pytest.raises(DrillError, match="its seed is 7, and this drill's is 8"):
        drill_run_command(DrillOptions("rail_down", baseline="RUN-1", seed=8), json_file=None)
    with pytest.raises(EsrError, match="there is no run RUN-9"):
        drill_run_command(DrillOptions("rail_down", baseline="RUN-9"), json_file=None)


def test_a_baseline_that_is_still_played_or_was_cut_off_is_refused(plays: ScriptedPlays) -> None:
    plays(RunOptions("", seed=7))
    folder = plays.folder / "RUN-1"
    options = DrillOptions("rail_down", baseline="RUN-1", seed=7)
    rows = folder / "outcomes-0.rows"
    rows.write_bytes(b"of a live run")
    with RunLock.take(folder), pytest.raises(EsrError, match="RUN-1 is still under way"):
        drill_run_command(options, json_file=None)
    assert rows.read_bytes() == b"of a live run", "nobody takes its rows away"
    rows.unlink()
    plays.state = "aborted"
    plays(RunOptions("", seed=7))
    options = DrillOptions("rail_down", baseline="RUN-2", seed=7)
    with pytest.raises(EsrError, match="RUN-2 did not come to its end"):
        drill_run_command(options, json_file=None)
    assert len(plays.asked) == 2, "nothing was played"


def test_without_a_baseline_one_run_is_played(
    plays: ScriptedPlays, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drill_run_command(DrillOptions("rail_down", has_baseline=False), json_file=None) == PASS
    assert len(plays.asked) == 1
    assert re.search(r"error_pct +20\.00 +– +10\.00 +kept", capsys.readouterr().out)


def test_a_baseline_and_none_contradict(plays: ScriptedPlays) -> None:
    options = DrillOptions("rail_down", baseline="RUN-1", has_baseline=False)
    with pytest.raises(UsageError, match="contradict one another"):
        drill_run_command(options, json_file=None)
    assert plays.asked == []


def test_what_the_command_line_says_reaches_the_run(plays: ScriptedPlays) -> None:
    options = DrillOptions("rail_down", speed="5x", users=9, duration="1m", seed=3, workers=2)
    drill_run_command(options, json_file=None)
    assert {
        (run.scenario, run.speed, run.users, run.duration, run.seed, run.workers)
        for run in plays.asked
    } == {("stimulus_2020", "5x", 9, "1m", 3, 2)}


def test_drills_are_listed(plays: ScriptedPlays, capsys: pytest.CaptureFixture[str]) -> None:
    assert drill_list_command(json_file="list.json") == PASS
    out = capsys.readouterr().out
    assert re.search(r"rail_down +The rail goes away", out)
    assert "ach_outage" in out
    listed = orjson.loads(Path("list.json").read_bytes())["drills"]
    assert {"id": "rail_down", "title": "The rail goes away"}.items() <= {
        each["id"]: each for each in listed
    }["rail_down"].items()


def at(*times: str) -> Any:
    written = [{"kind": "down", "target": "svc", "at": time, "for": "1s"} for time in times]
    return parse_faults(written, source="here", line_of=lambda _: None)


def test_a_timetable_fits_its_run(prepare_log: Callable[..., Preparation]) -> None:
    check_clock(prepare_log(faults=at("0s", "2s")))
    with pytest.raises(DrillError, match="begins at 1m, and the run is over after "):
        check_clock(prepare_log(faults=at("1m")))
    with pytest.raises(DrillError, match="--speed max has no clock"):
        check_clock(prepare_log(speed="max"))


def test_a_fault_that_nobody_could_meet_is_told_beforehand(
    prepare_log: Callable[..., Preparation],
) -> None:
    check_targets(prepare_log(faults=at("0s")))
    typo = [{"kind": "down", "id": "gone", "target": "svc-fee"}]
    faults = parse_faults(typo, source="here", line_of=lambda _: None)
    with pytest.raises(DrillError, match=r"gone is about nobody: no request .* service svc-fee"):
        check_targets(prepare_log(faults=faults))


def test_a_run_that_sent_nothing_ends_as_it_ended() -> None:
    sent = {"sent": 0}
    card = {"run_id": "RUN-1", "state": "aborted", "requests": sent, "reason": "it was stopped"}
    with pytest.raises(EsrError, match="RUN-1 says nothing: it was stopped") as caught:
        check_sent(card)
    assert caught.value.exit_code == INTERRUPTED
    with pytest.raises(EsrError) as caught:
        check_sent({**card, "state": "failed"})
    assert caught.value.exit_code == VOID
    check_sent({**card, "requests": {"sent": 1}})
