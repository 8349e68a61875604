"""The experiment with scripted plays: steady state, injection, verdict, blame, what is compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from hms_esr.drill_run import (
    DrillError,
    DrillResult,
    check_baseline,
    facts_of,
    options_of,
    run_drill,
)
from hms_esr.exits import INTERRUPTED, PASS, SLO_FAILED, USAGE, VOID
from hms_esr.options import RunOptions
from scenarios.drill import Drill, parse_drill
from scenarios.stub_settings import StubSettings
from stubs.faults.fault import Fault
from tests.hms_esr.drill_runs import REQUESTS, Fate, ScriptedPlays, outage

GIVEN = RunOptions("")
OUTAGE = {"id": "ach-down", "kind": "down", "target": "ach", "at": "40s", "for": "20s"}


def a_drill(**changes: Any) -> Drill:
    mapping = {
        "id": "small",
        "scenario": "stimulus_2020",
        "seed": 7,
        "hypothesis": {"error_pct": 20},
        "slo": {"error_pct": 1},
        "chaos": [OUTAGE],
        "expect": {"detections": [{"slo": "error_pct", "within": "10s"}]},
        "recover_within": "30s",
        **changes,
    }
    return parse_drill(mapping, "drill.yml")


def run(drill: Drill, plays: ScriptedPlays, **more: Any) -> DrillResult:
    return run_drill(drill, options_of(drill, GIVEN), plays, lambda _: None, **more)


def test_a_drill_that_is_tolerated_passes(tmp_path: Path) -> None:
    plays = ScriptedPlays(tmp_path)
    result = run(a_drill(), plays)
    assert (result.verdict, result.exit_code, result.reasons) == ("pass", PASS, ())
    assert [len(options.faults or ()) for options in plays.asked] == [0, 1]
    report = result.to_json()
    assert report["hypothesis"]["held"] is True
    assert report["hypothesis"]["before"][0]["actual"] == 0
    assert report["hypothesis"]["after"][0]["actual"] == 10
    assert report["slo"][0]["ok"] is False
    assert report["slo"][0]["baseline"] == 0
    assert [request["id"] for request in report["failed_requests"]] == list(range(40, 60, 2))
    assert report["failed_requests"][0] == {
        "id": 40,
        "route": "ach-payments POST /payments",
        "status": 503,
        "failure": None,
        "faults": ["ach-down"],
    }
    assert report["blame"]["failed"] == report["blame"]["by_faults"] == 10
    assert report["blame"]["misses"][0]["by_fault"]["ach-down"]["share"] == 1
    assert report["detections"][0]["ok"] is True
    assert report["recovery"][0]["ok"] is True
    assert (report["seed"], report["speed"], report["halted"]) == (7, "10x", None)
    assert report["baseline"]["run_id"] == "RUN-1"
    assert report["scorecard"]["run_id"] == "RUN-2"
    assert report["faults"][0]["id"] == "ach-down"
    assert orjson.loads(orjson.dumps(report)).keys() == report.keys()


def test_all_that_was_promised_of_the_report_is_in_it(tmp_path: Path) -> None:
    report = run(a_drill(), ScriptedPlays(tmp_path)).to_json()
    promised = {
        "drill", "seed", "speed", "verdict", "hypothesis", "slo", "blame", "failed_requests",
        "detections", "recovery", "halted", "baseline", "faults", "scorecard",
    }  # fmt: skip
    assert report.keys() >= promised
    assert report["hypothesis"].keys() == {"before", "after", "held"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hypothesis": {"error_pct": 5}}, "error_pct was 10 where at most 5 was to hold"),
        (
            {"expect": {"detections": [{"slo": "error_pct", "within": "4s"}]}},
            "ach-down showed in error_pct 5 s after it began, expected within 4 s",
        ),
    ],
)
def test_a_drill_whose_expectations_are_not_met_fails(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    result = run(a_drill(**changes), ScriptedPlays(tmp_path))
    assert (result.verdict, result.exit_code, result.reasons) == ("fail", SLO_FAILED, (reason,))


def test_nothing_is_injected_when_the_hypothesis_fails_before(tmp_path: Path) -> None:
    plays = ScriptedPlays(tmp_path, script=lambda index, faults: Fate(500 if index < 50 else 200))
    result = run(a_drill(), plays)
    assert (result.verdict, result.exit_code, result.run) == (None, USAGE, None)
    assert result.reasons == (
        "the hypothesis fails before any fault, so nothing was injected",
        "error_pct was 50 where at most 20 was to hold",
    )
    assert [options.faults for options in plays.asked] == [()]
    report = result.to_json()
    assert report["hypothesis"]["held"] is None
    assert (report["blame"], report["failed_requests"], report["scorecard"]) == (None, [], None)


def test_a_steady_state_that_means_nothing_ends_the_drill(tmp_path: Path) -> None:
    plays = ScriptedPlays(tmp_path, verdict="void")
    result = run(a_drill(), plays)
    assert (result.verdict, result.exit_code, len(plays.asked)) == ("void", VOID, 1)
    assert result.reasons == ("the injector could not keep up, so nothing was injected",)


def test_a_run_with_faults_that_means_nothing_has_no_verdict_but_void(tmp_path: Path) -> None:
    result = run(a_drill(), ScriptedPlays(tmp_path, verdict="void"), has_baseline=False)
    assert (result.verdict, result.exit_code) == ("void", VOID)
    assert result.reasons == ("the injector could not keep up",)


@pytest.mark.parametrize(("has_baseline", "played"), [(True, 1), (False, 1)])
def test_ctrl_c_ends_the_drill(tmp_path: Path, has_baseline: bool, played: int) -> None:
    plays = ScriptedPlays(tmp_path, state="aborted")
    result = run(a_drill(), plays, has_baseline=has_baseline)
    assert (result.verdict, result.exit_code, len(plays.asked)) == (None, INTERRUPTED, played)


def test_without_a_baseline_nothing_is_compared(tmp_path: Path) -> None:
    plays = ScriptedPlays(tmp_path)
    report = run(a_drill(), plays, has_baseline=False).to_json()
    assert len(plays.asked) == 1
    assert report["hypothesis"]["before"] is None
    assert report["baseline"] is None
    assert report["slo"][0]["baseline"] is None
    assert report["blame"]["faults"][0]["slowed"] is None
    assert report["course"]["baseline"] is None
    assert report["verdict"] == "pass"


def test_an_earlier_run_may_be_the_baseline(tmp_path: Path) -> None:
    plays = ScriptedPlays(tmp_path)
    baseline = plays(options_of(a_drill(), GIVEN))
    result = run(a_drill(), plays, baseline=baseline)
    assert len(plays.asked) == 2
    assert result.to_json()["baseline"]["run_id"] == "RUN-1"


def test_a_drill_that_does_too_much_harm_is_ended_early_and_fails(tmp_path: Path) -> None:
    def everything_down(index: int, faults: tuple[Fault, ...]) -> Fate:
        due = tuple(fault.id for fault in faults if fault.is_due(index * 1000))
        return Fate(503, 5, due) if due else Fate()

    drill = a_drill(halt_when={"error_pct": 80, "for": "12s"})
    result = run(drill, ScriptedPlays(tmp_path, script=everything_down))
    assert (result.verdict, result.exit_code) == ("fail", SLO_FAILED)
    assert result.reasons[0].startswith("it was ended early: error_pct was 83.33 in the 12 s")
    assert str(result.to_json()["halted"]).startswith("error_pct was 83.33")


def test_slower_requests_are_told_beside_the_baseline(tmp_path: Path) -> None:
    def slow(index: int, faults: tuple[Fault, ...]) -> Fate:
        due = tuple(fault.id for fault in faults if fault.is_due(index * 1000))
        return Fate(ms=520, touched=due) if due else Fate()

    drill = a_drill(
        chaos=[
            {"id": "slow", "kind": "latency", "target": "*", "ms": 500, "at": "40s", "for": "9s"}
        ],
        slo={"max_ms": 100},
        expect={"detections": [{"slo": "max_ms", "within": "5s"}]},
        hypothesis={"p50_ms": 100},
    )  # fmt: skip
    report = run(drill, ScriptedPlays(tmp_path, script=slow)).to_json()
    (cost,) = report["blame"]["faults"]
    assert (cost["touched"], cost["slowed"], cost["failed"]) == (9, 9, 0)
    assert cost["added_ms"]["mean"] == pytest.approx(500, abs=0.01)
    assert report["blame"]["misses"][0]["requests"] == 9
    assert report["verdict"] == "pass"


def test_the_command_line_wins_over_the_drill() -> None:
    drill = a_drill(speed="60x", users=600, duration="20m", retry=2)
    own = options_of(drill, GIVEN)
    assert (own.scenario, own.speed, own.users, own.duration, own.seed) == (
        "stimulus_2020", "60x", 600, "20m", 7,
    )  # fmt: skip
    assert (own.faults, own.halt, own.slo) == ((), None, ("error_pct=1.0",))
    assert own.retry is not None
    given = RunOptions("day.ndjson", speed="5x", users=10, duration="1m", seed=0, workers=2)
    other = options_of(drill, given)
    assert (other.scenario, other.speed, other.users, other.duration, other.seed) == (
        "day.ndjson", "5x", 10, "1m", 0,
    )  # fmt: skip
    assert other.workers == 2


def test_a_scenario_file_is_looked_for_beside_the_drill(tmp_path: Path) -> None:
    (tmp_path / "surge.yml").write_text("id: surge\n")
    mapping = {
        "id": "x",
        "scenario": "surge.yml",
        "hypothesis": {"error_pct": 1},
        "chaos": [OUTAGE],
    }
    beside = parse_drill(mapping, "drill.yml", file=tmp_path / "drill.yml")
    assert options_of(beside, GIVEN).scenario == str(tmp_path / "surge.yml")
    elsewhere = parse_drill(mapping, "drill.yml", file=tmp_path / "drills" / "drill.yml")
    assert options_of(elsewhere, GIVEN).scenario == "surge.yml"


FACTS = {
    "tape": {"sha256": "abc"},
    "seed": 7,
    "planned": REQUESTS,
    "scenario": {"speed": "10x", "users": 600},
}


def test_a_baseline_is_the_same_run_without_faults(tmp_path: Path) -> None:
    plays = ScriptedPlays(tmp_path)
    evidence = plays(options_of(a_drill(), GIVEN))
    wanted = facts_of(evidence.facts)
    check_baseline(evidence, wanted)
    with pytest.raises(
        DrillError, match="RUN-1 is another run: its seed is 7, and this drill's is 8"
    ):
        check_baseline(evidence, {**wanted, "seed": 8})
    injected = plays(RunOptions("", faults=a_drill().chaos))
    with pytest.raises(DrillError, match="RUN-2 was played with faults"):
        check_baseline(injected, wanted)


def test_what_must_be_equal_in_both_runs() -> None:
    assert facts_of(FACTS) == {
        "trace": "abc",
        "seed": 7,
        "speed": "10x",
        "users": 600,
        "number of requests": REQUESTS,
        "stubs": None,
    }


def test_the_script_of_the_plays_touches_what_it_breaks() -> None:
    assert outage(41, a_drill().chaos) == Fate()
    assert outage(40, a_drill().chaos) == Fate(503, 5, ("ach-down",))


def test_files_of_the_stubs_are_looked_for_beside_the_drill(tmp_path: Path) -> None:
    (tmp_path / "defs").mkdir()
    stubs = StubSettings(definitions="defs", latencies="elsewhere.json")
    drill = replace(a_drill(), stubs=stubs, file=tmp_path / "mine.yml")
    wanted = replace(stubs, definitions=str(tmp_path / "defs"))
    assert options_of(drill, GIVEN).stubs == wanted
    assert options_of(replace(drill, file=None), GIVEN).stubs == stubs


def test_a_fault_that_touched_nobody_was_not_noticed(tmp_path: Path) -> None:
    """Another fault broke the limit; this one only had its time then."""
    idle = {"id": "idle", "kind": "down", "target": "svc-nobody", "at": "40s", "for": "20s"}
    busy = {"id": "ach-down", "kind": "down", "target": "ach", "at": "40s", "for": "20s"}
    expect = {"detections": [{"slo": "error_pct", "within": "30s", "fault": "idle"}]}

    def only_ach(index: int, faults: tuple[Any, ...]) -> Fate:
        due = any(fault.is_due(index * 1000) for fault in faults)
        return Fate(503, 5, ("ach-down",)) if due and index % 2 == 0 else Fate()

    plays = ScriptedPlays(tmp_path, only_ach)
    result = run(a_drill(chaos=[busy, idle], expect=expect, slo={"error_pct": 1}), plays)
    report = result.to_json()
    by_id = {each["fault"]: each for each in report["recovery"]}
    assert by_id["ach-down"]["detected_after_s"] is not None
    assert (by_id["idle"]["by"], by_id["idle"]["detected_after_s"]) == (None, None)
    assert [each["ok"] for each in report["detections"]] == [False]
