"""A drill is checked whole: everything wrong with it at once, each with its line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.drill import DRILL_KEYS, Drill, parse_drill
from scenarios.drill_parts import Detection, HaltWhen, RouteLimit
from scenarios.slo import Slo
from scenarios.yaml_lines import load_yaml
from switchboard.errors import Fault, ScenarioError

WHOLE = """
id: rail_down
title: The rail goes away
scenario: stimulus_2020
speed: 60x
seed: 7
users: 600
duration: 20m
hypothesis:
  error_pct: 15
  double_charges: 0
  routes:
    "ach POST /payments": {error_pct: 60}
slo: {error_pct: 1, p95_ms: 800}
chaos:
  - {id: ach-down, kind: down, target: ach, mode: status_503, at: 9m, for: 2m}
  - {id: slow-svc, kind: latency, target: svc, ms: 300, at: 12m, for: 1m}
stubs: {latency: {ach: 50}}
retry: {times: 2, after: 5s}
halt_when: {error_pct: 80, for: 1m}
expect:
  detections:
    - {slo: error_pct, within: 60s, fault: ach-down}
recover_within: 2m
cleanup: [ach-down]
notes: What it teaches.
"""
SMALL: dict[str, Any] = {
    "id": "small",
    "scenario": "stimulus_2020",
    "hypothesis": {"error_pct": 1},
    "chaos": [{"id": "ach-down", "kind": "down", "target": "ach", "at": "9m", "for": "2m"}],
}


def parse_text(text: str) -> Drill:
    value, line_of = load_yaml(text, "drill.yml")
    return parse_drill(value, "drill.yml", line_of)


def faults_of(**changes: Any) -> list[str]:
    """What is wrong with the small drill once it is changed; None takes a key out."""
    mapping = {key: value for key, value in {**SMALL, **changes}.items() if value is not None}
    with pytest.raises(ScenarioError) as caught:
        parse_drill(mapping, "drill.yml")
    return [str(fault) for fault in caught.value.faults]


def test_every_key_is_read() -> None:
    drill = parse_text(WHOLE)
    assert (drill.id, drill.title, drill.scenario) == (
        "rail_down", "The rail goes away", "stimulus_2020",
    )  # fmt: skip
    assert (drill.speed, drill.seed, drill.users, drill.duration_s) == (60, 7, 600, 1200)
    assert drill.hypothesis.limits == (
        Slo("error_pct", 15, "at_most"), Slo("double_charges", 0, "at_most"),
    )  # fmt: skip
    assert drill.hypothesis.routes == (
        RouteLimit("ach POST /payments", Slo("error_pct", 60, "at_most")),
    )
    assert drill.slo == (Slo("error_pct", 1, "at_most"), Slo("p95_ms", 800, "at_most"))
    assert [fault.id for fault in drill.chaos] == ["ach-down", "slow-svc"]
    assert (drill.chaos[0].at_ms, drill.chaos[0].for_ms) == (540_000, 120_000)
    assert drill.stubs is not None
    assert [target for target, _ in drill.stubs.latency] == ["ach"]
    assert drill.retry is not None
    assert drill.retry.times == 2
    assert drill.halt_when == HaltWhen((Slo("error_pct", 80, "at_most"),), 60_000)
    assert drill.detections == (Detection("error_pct", 60_000, "ach-down"),)
    assert (drill.recover_within_ms, drill.cleanup) == (120_000, ("ach-down",))
    assert drill.notes == "What it teaches."
    assert {line.split(":")[0] for line in WHOLE.splitlines() if line[:1].isalpha()} == set(
        DRILL_KEYS
    )


def test_four_keys_are_a_drill() -> None:
    drill = parse_drill(SMALL, "drill.yml")
    assert (drill.speed, drill.seed, drill.halt_when, drill.cleanup) == (None, None, None, "all")
    assert drill.course_limits == (Slo("error_pct", 1, "at_most"),)


def test_objectives_are_watched_before_the_hypothesis() -> None:
    drill = parse_drill({**SMALL, "slo": {"p95_ms": 800, "double_charges": 0}}, "drill.yml")
    assert drill.course_limits == (Slo("p95_ms", 800, "at_most"),)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"id": None}, "id: is missing; write it as `id: ach_outage`", id="no id"),
        pytest.param({"id": "a b"}, "id: `a b` is not an id", id="bad id"),
        pytest.param({"scenario": None}, "scenario: is missing", id="no scenario"),
        pytest.param({"scenario": 7}, "scenario: must be a scenario's id", id="bad scenario"),
        pytest.param({"hypothesis": None}, "hypothesis: is missing", id="no hypothesis"),
        pytest.param({"hypothesis": {}}, "hypothesis: says nothing", id="empty hypothesis"),
        pytest.param({"hypothesis": 5}, "hypothesis: must be a mapping", id="hypothesis"),
        pytest.param({"hypothesis": {"p95": 5}}, "did you mean `p95_ms`", id="unknown limit"),
        pytest.param({"hypothesis": {"error_pct": 101}}, "outside 0 to 100", id="limit"),
        pytest.param({"hypothesis": {"routes": 5}}, "must be a mapping such as", id="routes"),
        pytest.param(
            {"hypothesis": {"routes": {"payments": {"error_pct": 5}}}},
            "hypothesis.routes.payments: is not a route",
            id="no route",
        ),
        pytest.param(
            {"hypothesis": {"routes": {"ach POST /payments": {"max_ms": 5}}}},
            "cannot be told here; there are error_pct",
            id="route limit",
        ),
        pytest.param({"slo": 5}, "slo: must be a mapping of limits", id="slo"),
        pytest.param({"chaos": None}, "chaos: is missing", id="no chaos"),
        pytest.param({"chaos": []}, "chaos: holds no fault", id="empty chaos"),
        pytest.param({"chaos": [{"kind": "downn"}]}, "down", id="unknown kind"),
        pytest.param({"speed": "max"}, "speed: `max` has no clock", id="speed max"),
        pytest.param({"speed": 0}, "nothing would ever be sent", id="speed"),
        pytest.param({"seed": -1}, "seed: is outside", id="seed"),
        pytest.param({"users": "many"}, "users: is text", id="users"),
        pytest.param({"duration": "soon"}, "duration: `soon` is not a duration", id="duration"),
        pytest.param({"title": "a\nb"}, "title: must be one line", id="title"),
        pytest.param({"notes": 5}, "notes: must be text", id="notes"),
        pytest.param({"retry": {"times": 99}}, "retry", id="retry"),
        pytest.param({"stubs": {"latencyy": 1}}, "did you mean latency", id="stubs"),
        pytest.param({"halt_when": 80}, "halt_when: must be a mapping", id="halt_when"),
        pytest.param({"halt_when": {"for": "30s"}}, "halt_when: says nothing", id="halt limit"),
        pytest.param(
            {"halt_when": {"payment_success": 5}}, "payment_success: cannot be told", id="halt name"
        ),
        pytest.param(
            {"halt_when": {"error_pct": 5, "for": "1ms"}}, "at least 1 s", id="halt window"
        ),
        pytest.param(
            {"halt_when": {"error_pct": 5, "for": []}}, "halt_when.for: ", id="halt no window"
        ),
        pytest.param({"expect": {"detection": []}}, "did you mean detections", id="expect"),
        pytest.param({"expect": {"detections": {}}}, "must be a list", id="detections"),
        pytest.param({"recover_within": "0s"}, "longer than nothing", id="recover_within"),
        pytest.param(
            {
                "recover_within": "1m",
                "chaos": [{"kind": "down", "target": "ach"}],
                "cleanup": "all",
            },
            "no fault of this drill ends",
            id="endless",
        ),
        pytest.param({"cleanup": "none"}, "must be `all` or a list", id="cleanup"),
        pytest.param({"cleanup": ["ach-dwn"]}, "did you mean ach-down?", id="cleanup id"),
        pytest.param({"halt": {"error_pct": 5}}, "did you mean halt_when?", id="unknown key"),
        pytest.param({"users": []}, "users: ", id="a list"),
    ],
)
def test_a_mistake_is_told(changes: dict[str, Any], expected: str) -> None:
    faults = faults_of(**changes)
    assert len(faults) == 1
    assert expected in faults[0]


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        pytest.param(5, "must be a mapping", id="no mapping"),
        pytest.param({"slo": "error_pct"}, "within: is missing", id="no time"),
        pytest.param({"within": "60s"}, "slo is missing", id="no number"),
        pytest.param({"slo": "p95_ms", "within": "60s"}, "p95_ms has no limit", id="no limit"),
        pytest.param(
            {"slo": "double_charges", "within": "60s"}, "while a run goes", id="only at the end"
        ),
        pytest.param(
            {"slo": "error_pct", "within": "60s", "fault": "ach-dwn"},
            "did you mean ach-down?",
            id="unknown fault",
        ),
        pytest.param({"slo": "error_pct", "within": "soon"}, "not a duration", id="bad time"),
    ],
)
def test_a_mistake_in_a_detection_is_told(detection: Any, expected: str) -> None:
    faults = faults_of(expect={"detections": [detection]})
    assert len(faults) == 1
    assert expected in faults[0]


def test_with_two_faults_a_detection_says_which() -> None:
    second = {"id": "late", "kind": "down", "target": "act", "at": "12m", "for": "1m"}
    faults = faults_of(
        chaos=[*SMALL["chaos"], second],
        expect={"detections": [{"slo": "error_pct", "within": "60s"}]},
    )
    assert faults == ["expect.detections[0].fault: fault is missing"]


def test_with_one_fault_it_goes_without_saying() -> None:
    expect = {"detections": [{"slo": "error_pct", "within": "60s"}]}
    drill = parse_drill({**SMALL, "expect": expect}, "drill.yml")
    assert drill.detections == (Detection("error_pct", 60_000, "ach-down"),)


def test_ten_mistakes_are_told_at_once_each_with_its_line() -> None:
    text = """\
id: a b
scenario: 7
speed: max
users: -1
hypothesis: {error_pct: 101}
slo: {p95: 5}
chaos:
  - {kind: down, target: ach, at: soon}
halt_when: {}
cleanup: none
note: hello
seed:
"""
    with pytest.raises(ScenarioError) as caught:
        parse_text(text)
    lines = [fault.line for fault in caught.value.faults]
    assert lines == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]
    assert "drill.yml is no sound drill: 11 faults" in str(caught.value)


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_what_is_no_mapping_is_no_drill(value: Any) -> None:
    with pytest.raises(ScenarioError, match="a drill is a mapping"):
        parse_drill(value, "drill.yml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*DRILL_KEYS, "odd"]), VALUES))
def test_whatever_is_written_is_a_drill_or_a_list_of_faults(mapping: dict[str, Any]) -> None:
    found: tuple[Fault, ...] = ()
    try:
        drill = parse_drill({**SMALL, **mapping}, "drill.yml")
    except ScenarioError as error:
        found, drill = error.faults, None
    assert (drill is None) == bool(found)
    assert all(fault.message for fault in found)
