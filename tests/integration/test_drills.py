"""The bundled drills end to end, at a speed at which twenty recorded minutes take a few seconds.

Five of them share one run as their steady state, which is also how a person would compare several
drills; the sixth has stubs of its own, and plays both runs. The two that mostly wait, for slow
answers, do so at the same time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from hms_esr.exits import PASS, SLO_FAILED, USAGE, VOID
from scenarios.drill_loader import BUNDLED_DRILLS
from tests.integration.esr import Ran, esr

SPEED = "480x"
Report = dict[str, Any]

SPEEDS = """\
id: speeds
scenario: stimulus_2020
seed: 7
users: 40000
duration: 20s
hypothesis: {error_pct: 100}
chaos:
  - {id: by-draw, kind: error, target: svc, probability: 0.4, at: 4s, for: 12s}
  - {id: by-count, kind: reset, target: svc, every_n: 7, at: 4s, for: 12s}
retry: {times: 1, after: 2s}
"""
"""So many users that every second has a dozen requests, and so short that 10x is over soon."""


@pytest.fixture(scope="module", name="place")
def place_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drills")


@pytest.fixture(scope="module", name="baseline")
def baseline_fixture(place: Path) -> str:
    """The run id of a steady state."""
    ran = esr(
        place, "replay", "stimulus_2020", "--users", "600", "--duration", "20m", "--seed", "7",
        "--speed", SPEED, "--json", "-",
    )  # fmt: skip
    assert ran.code == PASS, ran.err
    return str(ran.json["run_id"])


@pytest.fixture(scope="module", name="patient")
def patient_fixture(place: Path, baseline: str) -> tuple[Report, Report]:
    """The reports of slow_svc and thundering_herd."""
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(drill, place, "slow_svc", SLO_FAILED, "--baseline", baseline)
        herd = pool.submit(drill, place, "thundering_herd", SLO_FAILED)
        return slow.result(), herd.result()


def drill(
    place: Path, name: str, code: int, *more: str, speed: str = SPEED, or_code: int | None = None
) -> Report:
    """The report of a drill that must end with that exit code, or the other."""
    told = place / f"{Path(name).stem}.json"
    ran = esr(place, "drill", "run", name, "--speed", speed, "--json", str(told), *more)
    assert ran.code in (code, or_code), ran.out + ran.err
    report: Report = orjson.loads(told.read_bytes())
    check_sums(report)
    return report


def check_sums(report: Report) -> None:
    """Every failed request is listed once, and what is put down to faults and not adds up."""
    failed, blame = report["failed_requests"], report["blame"]
    ids = [request["id"] for request in failed]
    assert ids == sorted(set(ids))
    assert blame["failed"] == len(failed) == report["scorecard"]["requests"]["failed"]
    assert blame["by_faults"] == sum(bool(request["faults"]) for request in failed)
    assert blame["failed"] == blame["by_faults"] + blame["unexplained"]["count"]
    for miss in blame["misses"]:
        parts = [*miss["by_fault"].values(), miss["anyway"], miss["unexplained"]]
        assert sum(part["share"] for part in parts) == pytest.approx(1, abs=1e-4)


def cost_of(report: Report) -> dict[str, Any]:
    (cost,) = report["blame"]["faults"]
    return dict(cost)


def blamed_share(report: Report, name: str) -> float:
    """The share of a miss that is the doing of the drill's only fault."""
    (miss,) = {
        miss["name"]: miss for miss in report["blame"]["misses"] if miss["name"] == name
    }.values()
    (share,) = miss["by_fault"].values()
    return float(share["share"])


def failed_by(report: Report, route: str) -> list[int]:
    return [
        each["id"]
        for each in report["failed_requests"]
        if each["faults"] and route in each["route"]
    ]


def test_ach_outage_stays_where_it_belongs(place: Path, baseline: str) -> None:
    report = drill(place, "ach_outage", PASS, "--baseline", baseline)
    cost = cost_of(report)
    assert cost["touched"] == cost["failed"] == len(failed_by(report, "ach-payments POST"))
    assert blamed_share(report, "error_pct") > 0.95
    assert report["detections"][0]["after_s"] <= 60
    assert report["recovery"][0]["recovered_after_s"] <= 60
    assert report["scorecard"]["double_charges"] == report["scorecard"]["lost_payments"] == 0
    assert report["baseline"]["run_id"] == baseline


def test_whose_requests_fail_depends_neither_on_the_speed_nor_on_who_sends(place: Path) -> None:
    (place / "speeds.yml").write_text(SPEEDS)
    slow, fast = (
        # On a busy machine they are void, and the same requests fail.
        drill(
            place,
            "./speeds.yml",
            PASS,
            "--no-baseline",
            "--workers",
            workers,
            speed=speed,
            or_code=VOID,
        )
        for speed, workers in (("10x", "1"), ("60x", "2"))
    )
    failed = slow["failed_requests"]
    assert {name for each in failed for name in each["faults"]} == {"by-draw", "by-count"}
    assert len(failed) > 20
    assert fast["failed_requests"] == failed


def test_slow_svc_breaks_a_promise_and_no_request(patient: tuple[Report, Report]) -> None:
    report, _ = patient
    cost = cost_of(report)
    assert (cost["failed"], cost["slowed"]) == (0, cost["touched"])
    assert cost["added_ms"]["mean"] > 1000
    assert cost["held"] > 0
    assert blamed_share(report, "p95_ms") > 0.9
    assert report["detections"][0]["ok"]


def test_ghost_commits_are_caught_by_the_ledger(place: Path, baseline: str) -> None:
    report = drill(place, "ghost_commits", SLO_FAILED, "--baseline", baseline)
    assert report["scorecard"]["double_charges"] > 10
    assert blamed_share(report, "double_charges") == 1
    assert cost_of(report)["recovered_by_retry"] > 10

    # One word more, and the rail knows the payment again.
    text = (BUNDLED_DRILLS / "ghost_commits.yml").read_text()
    (place / "with_key.yml").write_text(text.replace("key: drop", "key: keep"))
    kept = drill(place, "./with_key.yml", PASS, "--baseline", baseline)
    assert kept["scorecard"]["double_charges"] == 0
    assert cost_of(kept)["recovered_by_retry"] > 10


def test_dns_failure_is_over_with_the_name(place: Path, baseline: str) -> None:
    report = drill(place, "dns_failure", PASS, "--baseline", baseline)
    cost = cost_of(report)
    assert cost["touched"] == cost["failed"] == len(failed_by(report, "act-applications"))
    assert all(check["ok"] for check in report["hypothesis"]["after"])
    assert report["recovery"][0]["ok"]


def test_quota_exhaustion_turns_away_the_end_of_each_minute(place: Path, baseline: str) -> None:
    report = drill(place, "quota_exhaustion", PASS, "--baseline", baseline)
    refused = [each for each in report["failed_requests"] if each["faults"]]
    assert {each["status"] for each in refused} == {429}
    assert cost_of(report)["failed"] == len(refused) > 20
    assert failed_by(report, "ach-payments") == []


def test_thundering_herd_comes_back_cold(patient: tuple[Report, Report]) -> None:
    _, report = patient
    cost = cost_of(report)
    assert cost["recovered_by_retry"] > cost["failed"] > 0
    assert blamed_share(report, "error_pct") == 1
    assert blamed_share(report, "p95_ms") > 0.9
    assert report["hypothesis"]["before"][0]["ok"]


def test_a_hypothesis_that_fails_before_injects_nothing(place: Path, baseline: str) -> None:
    text = (BUNDLED_DRILLS / "ach_outage.yml").read_text()
    (place / "hopeless.yml").write_text(text.replace("p95_ms: 1500", "p95_ms: 1"))
    ran = run_raw(place, "./hopeless.yml", "--baseline", baseline, "--json", "-")
    assert ran.code == USAGE
    assert "nothing was injected" in ran.json["reasons"][0]
    assert (ran.json["verdict"], ran.json["scorecard"]) == (None, None)


def test_a_baseline_of_another_run_is_refused(place: Path, baseline: str) -> None:
    ran = run_raw(place, "ach_outage", "--baseline", baseline, "--seed", "8")
    assert ran.code == USAGE
    assert f"--baseline {baseline} is another run: its " in ran.err


def test_a_fault_after_the_end_is_told_before_anything_is_sent(place: Path) -> None:
    ran = run_raw(place, "ach_outage", "--duration", "5m")
    assert ran.code == USAGE
    assert "the fault ach-down begins at 10m, and the run is over after" in ran.err


def test_a_search_finds_the_edge(place: Path) -> None:
    text = (BUNDLED_DRILLS / "ach_outage.yml").read_text()
    # Of a hundred users' few payments one that fails by chance would already be too many.
    (place / "errors.yml").write_text(text.replace(", payment_success: 99", ""))
    ran = esr(
        place, "drill", "search", "./errors.yml", "--speed", "1200x", "--users", "100",
        "--duration", "12m", "--from", "1s", "--to", "60s", "--tries", "3", "--json", "search.json",
    )  # fmt: skip
    assert ran.code == PASS, ran.err
    found = orjson.loads((place / "search.json").read_bytes())
    assert (found["drill"], found["fault"], found["over"]) == ("ach_outage", "ach-down", "for")
    assert [tried["broke"] for tried in found["tries"][:2]] == [False, True]
    assert len(found["tries"]) == 3
    assert "a bigger fault does at least as much harm" in ran.out


def test_the_bundled_drills_are_listed(place: Path) -> None:
    ran = esr(place, "drill", "list", "--json", "-")
    assert ran.code == PASS
    assert {each["id"] for each in ran.json["drills"]} >= {
        "ach_outage", "slow_svc", "ghost_commits", "dns_failure", "thundering_herd",
        "quota_exhaustion",
    }  # fmt: skip


def run_raw(place: Path, name: str, *more: str) -> Ran:
    return esr(place, "drill", "run", name, "--speed", SPEED, *more)
