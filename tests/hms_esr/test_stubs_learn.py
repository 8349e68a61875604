"""Latencies learned from a tape: what is learned, what is checked, and when a check fails."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hms_esr.exits import PASS, UsageError
from hms_esr.latency_files import MAX_BYTES, load_latencies
from hms_esr.latency_learning import ENOUGH_FOR_AN_HOUR, ENOUGH_TO_CHECK, check, fit, learn_route
from hms_esr.stubs_learn import learn_command
from replay.seeds import unit_array
from replay.tape import Record, write_tape
from stubs.latency import (
    AnyModel,
    Bucket,
    Empirical,
    LatencyModel,
    LogNormal,
    Moment,
    TimeOfDay,
    Uniform,
    wait_of,
)
from switchboard.errors import ScenarioError, TraceError

HOUR_S = 3600
HOUR_NS = HOUR_S * 1_000_000_000
QUICK, SLOW = LogNormal(10, 60), LogNormal(80, 400)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def waits_ms(model: LatencyModel, count: int, seed: int = 1) -> np.ndarray:
    return np.array([model.sample_s(float(u)) * 1000 for u in unit_array(seed, np.arange(count))])


def recorded(hour: int, model: LatencyModel, count: int, target: str) -> Iterator[Record]:
    for n, wait_ms in enumerate(waits_ms(model, count, hour)):
        due_ns = hour * HOUR_NS + n * HOUR_NS // count
        host = "svc.hms.example"
        yield Record(due_ns, "GET", target, host=host, status=200, wait_us=int(wait_ms * 1000))


def quantile_ms(model: AnyModel, u: float, hour: int = 0) -> float:
    return wait_of(model)(u, Moment(day_s=hour * HOUR_S)) * 1000


def learn(
    records: list[Record], capsys: pytest.CaptureFixture[str]
) -> tuple[str, dict[str, dict[str, Any]]]:
    write_tape(Path("tape"), records)
    assert learn_command("tape", out="latencies.json", json_file="report.json") == PASS
    report = json.loads(Path("report.json").read_text())
    return capsys.readouterr().out, {route["template"]: route for route in report["routes"]}


def test_each_route_gets_its_own_table(capsys: pytest.CaptureFixture[str]) -> None:
    records = [*recorded(1, QUICK, 1000, "/me"), *recorded(1, SLOW, 2000, "/pay/123456")]
    said, report = learn(records, capsys)
    learned = load_latencies(Path("latencies.json"))
    assert list(learned) == [("svc", "GET", "/pay/{id}"), ("svc", "GET", "/me")]
    quick, slow = learned["svc", "GET", "/me"], learned["svc", "GET", "/pay/{id}"]
    assert isinstance(quick, Empirical)
    assert quantile_ms(quick, 0.5) == pytest.approx(10, rel=0.15)
    assert quantile_ms(slow, 0.5) == pytest.approx(80, rel=0.1)
    assert report["/me"]["check"]["ok"] is report["/pay/{id}"]["check"]["ok"] is True
    assert report["/me"]["check"]["n"] == pytest.approx(500, rel=0.2)
    assert "svc GET /me" in said
    assert "2 of 2 checked routes fit" in said


def test_busy_hours_get_tables_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    records = [
        *recorded(3, QUICK, 600, "/me"),
        *recorded(9, SLOW, 900, "/me"),
        *recorded(15, QUICK, 9, "/me"),
    ]
    _, report = learn(records, capsys)
    model = load_latencies(Path("latencies.json"))["svc", "GET", "/me"]
    assert isinstance(model, TimeOfDay)
    assert [bucket.hours for bucket in model.buckets] == [(3,), (9,)]
    assert quantile_ms(model, 0.5, 3) == pytest.approx(10, rel=0.2)
    assert quantile_ms(model, 0.5, 9) == pytest.approx(80, rel=0.2)
    assert quantile_ms(model, 0.5, 3) < quantile_ms(model, 0.5, 15) < quantile_ms(model, 0.5, 9)
    assert report["/me"]["hours"] == 2
    assert report["/me"]["check"]["ok"] is True


def test_a_check_fails_where_the_quiet_hours_are_unlike_the_busy_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Too few waits for tables of their own, yet together enough to be seen."""
    few = ENOUGH_FOR_AN_HOUR // 2
    quiet = [record for hour in range(20) for record in recorded(hour, QUICK, few, "/me")]
    said, report = learn([*quiet, *recorded(21, SLOW, 1000, "/me")], capsys)
    assert report["/me"]["hours"] == 1
    found = report["/me"]["check"]
    assert found["ok"] is False
    assert found["distance"] > found["critical_5"]
    assert "NOT" in said
    assert "0 of 1 checked routes fit" in said


def test_a_wrong_model_does_not_pass_the_check() -> None:
    waits, hours = waits_ms(QUICK, 2_000), np.zeros(2_000)
    right = check(fit(waits, hours), waits_ms(QUICK, 2_000, 2), hours, 2_000)
    wrong = check(fit(waits * 1.2, hours), waits_ms(QUICK, 2_000, 2), hours, 2_000)
    assert right.is_ok
    assert not wrong.is_ok
    assert right.critical == pytest.approx(1.358 * math.sqrt(3 / 2_000), rel=1e-3)


def test_a_right_model_seldom_fails_the_check() -> None:
    """One in twenty by chance; of forty, more than seven would be a wrong critical value."""
    failed = 0
    for seed in range(40):
        _, found = learn_route(waits_ms(SLOW, 800, seed), np.zeros(800))
        assert found is not None
        failed += not found.is_ok
    assert failed <= 7


def test_too_few_waits_are_learned_and_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    said, report = learn([*recorded(1, QUICK, ENOUGH_TO_CHECK - 1, "/me")], capsys)
    assert report["/me"]["check"] is None
    assert "too few" in said


def test_waits_of_whole_milliseconds_still_fit() -> None:
    waits = np.round(waits_ms(Uniform(0.6, 4.4), 3_000))
    model, found = learn_route(waits, np.zeros(3_000))
    assert found is not None
    assert found.is_ok
    assert quantile_ms(model, 0.999) <= 4


def test_routes_without_waits_are_named_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    records = [*recorded(1, QUICK, 50, "/me"), Record(9, "GET", "/quiet", host="act.hms.example")]
    said, report = learn(records, capsys)
    assert list(report) == ["/me"]
    assert "without recorded waits: act GET /quiet" in said


def test_a_trace_without_waits_teaches_nothing() -> None:
    write_tape(Path("tape"), [Record(0, "GET", "/me", host="svc.hms.example")])
    with pytest.raises(TraceError, match="tape has no recorded waits"):
        learn_command("tape", out="latencies.json")
    assert not Path("latencies.json").exists()


def test_a_log_is_compiled_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ESR_HOME", "home")
    event = '{{"ts": {}, "method": "GET", "url": "http://svc.hms.example/me", "wait_ms": {}}}\n'
    lines = [event.format((1_700_000_000 + n) * 10**9, n + 10) for n in range(61)]
    Path("some.ndjson").write_text("".join(lines))
    assert learn_command("some.ndjson", out="latencies.json") == PASS
    model = load_latencies(Path("latencies.json"))["svc", "GET", "/me"]
    assert 10 <= quantile_ms(model, 0) < quantile_ms(model, 0.999) <= 70
    assert "1 routes written to latencies.json" not in capsys.readouterr().out


def test_what_is_no_trace_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.log"):
        learn_command("nowhere.log", out="latencies.json")


def test_an_unknown_format_is_said() -> None:
    Path("access.log").write_text("")
    with pytest.raises(UsageError, match=r"--format: 'nonsense' is not a trace format; there are"):
        learn_command("access.log", out="latencies.json", trace_format="nonsense")


def test_a_file_that_cannot_be_written_is_said() -> None:
    write_tape(Path("tape"), [*recorded(1, QUICK, 50, "/me")])
    with pytest.raises(UsageError, match=r"--out nowhere/x\.json cannot be written"):
        learn_command("tape", out="nowhere/x.json")


def test_a_file_by_hand_may_be_yaml() -> None:
    Path("own.yml").write_text(
        "schema: esr.latencies/1\n"
        "routes:\n"
        "- {service: ach, method: POST, template: /payments, latency: {model: fixed, ms: 80}}\n"
        "- {service: ach, method: GET, template: /x, latency: {model: uniform, min_ms: 9}}\n"
    )
    with pytest.raises(ScenarioError, match=r"max_ms \(line 4\): max_ms is missing"):
        load_latencies(Path("own.yml"))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        pytest.param("none.json", None, "No such file", id="missing"),
        pytest.param("a.json", b"{", "is not JSON", id="no JSON"),
        pytest.param("a.yml", b"\xff\xfe\xff", "is not UTF-8", id="no text"),
        pytest.param("a.yml", b"a: [", "cannot be read", id="no YAML"),
        pytest.param("a.json", b'{"routes": 3}', "2 faults", id="no latencies"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(name: str, data: bytes | None, words: str) -> None:
    if data is not None:
        Path(name).write_bytes(data)
    with pytest.raises(ScenarioError, match=words):
        load_latencies(Path(name))


def test_an_endless_file_is_not_read() -> None:
    with Path("a.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ScenarioError, match="over 64 MiB"):
        load_latencies(Path("a.json"))


def test_hours_are_those_of_the_recorded_day() -> None:
    waits, at = waits_ms(QUICK, 600), np.repeat([0.0, 23.5 * HOUR_S], 300)
    model = fit(waits, at)
    assert isinstance(model, TimeOfDay)
    assert [(bucket.from_h, bucket.until_h) for bucket in model.buckets] == [(0, 1), (23, 24)]
    assert isinstance(model.buckets[0], Bucket)
