from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import scenarios
from replay.anonymise.policy import Policy, Rule
from replay.retry import RetryPolicy
from replay.schedule import Spike
from scenarios.keys import KEYS, RESERVED
from scenarios.slo import SLO_KEYS, Slo
from scenarios.spec import Scenario, parse_scenario, scenario_mapping
from scenarios.stub_settings import NO_SETTINGS, StubSettings
from scenarios.yaml_lines import load_yaml
from stubs.faults.reader import parse_faults
from switchboard.errors import ScenarioError

WHOLE = """\
id: surge
source: replay_logs
log_path: logs/*.ndjson.gz
speed: 0.5x
users: 500
duration: 1h30m
target: svc-profile
arrivals: 2x
seed: 7
slo:
  p95_ms: 800
  payment_success: 99.5
chaos:
  - {kind: error, target: ach, at: 15m, for: 3m, status: 500}
network_jitter_ms: 50
script: [{action: SVC_DOWN, at: 20m}]
stubs: {services: [ach]}
retry: {times: 2}
spike_at: 10m
spike_size: 8000
anonymise:
  header.x-request-id: keep
hitl_skip: true
notes: |
  Two lines
  of a remark.
"""

NINE_LINES = """\
# esr/scenarios/stimulus_2020.yml
id: stimulus_2020
source: replay_logs          # or "synthetic"
log_path: /lake/raw/events/2020/03/15/
speed: 2x                    # play twice as fast
users: 50000
duration: 30m
"""


def parse(text: str) -> Scenario:
    value, line_of = load_yaml(text, "surge.yml")
    return parse_scenario(value, "surge.yml", line_of)


def faults_of(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    assert str(caught.value).startswith("surge.yml cannot be played: ")
    assert caught.value.exit_code == 2
    return [str(fault) for fault in caught.value.faults]


def test_the_bundled_scenario_is_the_nine_lines() -> None:
    text = (Path(scenarios.__file__).parent / "stimulus_2020.yml").read_text()
    assert text == NINE_LINES
    assert parse(text) == Scenario(
        id="stimulus_2020",
        source="replay_logs",
        log_path="/lake/raw/events/2020/03/15/",
        speed=2.0,
        users=50_000,
        duration_s=1_800.0,
    )


def test_every_key() -> None:
    assert parse(WHOLE) == Scenario(
        id="surge",
        log_path="logs/*.ndjson.gz",
        speed=0.5,
        users=500,
        duration_s=5_400.0,
        target="svc-profile",
        arrivals=2.0,
        seed=7,
        slo=(Slo("p95_ms", 800.0, "at_most"), Slo("payment_success", 99.5, "at_least")),
        chaos=parse_faults(
            [
                {"kind": "error", "target": "ach", "at": "15m", "for": "3m", "status": 500},
                {"network_jitter_ms": 50},
                {"action": "SVC_DOWN", "at": "20m"},
            ],
            source="surge.yml",
            line_of=lambda path: None,
        ),
        stubs=StubSettings(services=("ach",)),
        retry=RetryPolicy(times=2),
        spike=Spike(at_s=600.0, size=8_000),
        anonymise=Policy("own", (Rule("header.x-request-id", "keep"),)),
        hitl_skip=True,
        notes="Two lines\nof a remark.\n",
    )
    assert KEYS.keys() - {"after", "spike"} == set(re.findall(r"^(\w+):", WHOLE, re.MULTILINE))


def test_defaults() -> None:
    scenario = parse("id: surge\nlog_path: a.log\n")
    assert (scenario.source, scenario.speed, scenario.arrivals) == ("replay_logs", 1.0, 1.0)
    assert (scenario.users, scenario.duration_s, scenario.slo) == (None, None, ())
    assert (scenario.target, scenario.seed, scenario.file) == ("embedded", 0, None)


def test_speed_max_is_infinity() -> None:
    assert parse("id: surge\nlog_path: a.log\nspeed: max").speed == math.inf


def test_a_scenario_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parse("id: surge\nlog_path: a.log\n").speed = 3.0


def test_five_faults_are_reported_at_once_with_path_and_line() -> None:
    text = "id: surge\nlog_path: a.log\nspeed: 0x\nusers: -1\nsped: 1x\nslo:\n  p95: 1\nroutes: 1\n"
    assert faults_of(text) == [
        "speed (line 3): at speed `0x` nothing would ever be sent; "
        "write a speed such as 0.5x, 2x, 60x or max",
        "users (line 4): is outside 1 to 10,000,000; write a whole number of users, such as 50000",
        "sped (line 5): is not a key of a scenario; did you mean `speed`?",
        "slo.p95 (line 7): is not an objective that is measured; did you mean `p95_ms`?",
        "routes (line 8): is not there yet: routes are named from the trace; "
        "naming them here is not possible yet",
    ]


def test_the_sentence_of_many_faults_has_one_line_for_each() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse("id: a b\nlog_path: a.log\nspeed: 0x\n")
    first, *rest = str(caught.value).splitlines()
    assert first == "surge.yml cannot be played: 2 faults"
    assert [line.split(":")[0].strip() for line in rest] == ["id (line 1)", "speed (line 3)"]


def test_a_thousand_faults_are_not_all_printed() -> None:
    faults = faults_of("id: surge\nlog_path: a\n" + "".join(f"k{n}: 1\n" for n in range(1_000)))
    assert len(faults) == 101
    assert faults[-1] == "and 900 more faults"


@pytest.mark.parametrize("key", RESERVED)
def test_a_reserved_key_is_refused_as_not_there_yet(key: str) -> None:
    assert faults_of(f"id: surge\nlog_path: a.log\n{key}: 1\n") == [
        f"{key} (line 3): is not there yet: {RESERVED[key]}"
    ]


def test_no_key_is_both_served_and_reserved() -> None:
    assert KEYS.keys().isdisjoint(RESERVED)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("users: 0", "is outside 1 to 10,000,000"),
        ("users: 10000001", "is outside 1 to 10,000,000"),
        ("users: true", "is the YAML value true, and a whole number is due here"),
        ("users: 1.5", "is a number, and a whole number is due here"),
        ("users: 50k", "is text, and a whole number is due here; write a whole number of users"),
        ("users: [1]", "is a list, and a whole number is due here"),
        ("users:", "has no value; write one or take the line out"),
        ("duration: 0s", "`0s` leaves nothing to play"),
        ("duration: 0.0004", "`0.0004` leaves nothing to play"),
        ("duration: -1", "`-1` is negative"),
        ("duration: 30:00", "`30:00` is not a duration; write a duration such as"),
        ("speed: -2x", "`-2x` is not a speed"),
        ("speed: .nan", "speed `nan` is outside"),
        ("speed: -.inf", "speed `-inf` is outside"),
        ("arrivals: .inf", "`max` is not possible for arrivals"),
        ("speed: yes", "the YAML value true is not what is due here"),
        ("arrivals: max", "`max` is not possible for arrivals"),
        ("arrivals: 0x", "at speed `0x` nothing would ever be sent"),
        ("seed: -1", "is outside 0 to 9,223,372,036,854,775,807"),
        ("seed: 1.0", "is a number, and a whole number is due here"),
        ("seed: abc", "is text, and a whole number is due here"),
        ("target: 7", "is a number, and text is due here; put it in quotes"),
        ("target: no", "is the YAML value false, and text is due here; put it in quotes"),
        ("target: a b", "`a b` is not a target; write an environment such as staging"),
        ("target: {a: b}", "is a mapping, and text is due here"),
        ("source: synthetic", "`synthetic` is not there yet: scripted and synthetic users"),
        ("source: kafka", "`kafka` is not a source; write replay_logs"),
        ("slo: 800", "must be a mapping of objectives"),
        ("slo:", "has no value"),
        ("notes: 7", "must be text of at most 20,000 characters"),
        ("file: x.yml", "is not a key of a scenario; the keys are id, source,"),
        ("duration_s: 3", "is not a key of a scenario; did you mean `duration`?"),
        ("Speed: 2x", "is not a key of a scenario; did you mean `speed`?"),
        ("qqqqq: 1", "is not a key of a scenario; the keys are id, source, log_path"),
    ],
)
def test_fault(line: str, message: str) -> None:
    (fault,) = faults_of(f"id: surge\nlog_path: a.log\n{line}\n")
    path = line.split(":")[0]
    assert fault.startswith(f"{path} (line 3): ")
    assert message in fault


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log_path: a.log", "id (line 1): is missing; write it as `id: surge`"),
        ("id: surge", "log_path (line 1): is missing; write it as `log_path: logs/yester"),
        ("id: 2020\nlog_path: a", "id (line 1): is a number, and text is due here; put it in"),
        ("id: ../x\nlog_path: a", "id (line 1): `../x` is not an id; an id is 1 to 64 letters"),
        ("id: é\nlog_path: a", "id (line 1): `é` is not an id"),
        ('id: a\nlog_path: ""', "log_path (line 2): is empty; write a file, a folder or a glob"),
        ('id: a\nlog_path: "a\\nb"', "log_path (line 2): must be one line of at most 4,096 plain"),
        ("[1, 2]", "line 1: a scenario is a mapping of keys"),
        ("just text", "line 1: a scenario is a mapping of keys"),
        ("", "a scenario is a mapping of keys; it begins with a line such as `id: surge`"),
    ],
)
def test_fault_of_a_whole_file(text: str, expected: str) -> None:
    (fault,) = faults_of(text)
    assert fault.startswith(expected)


def test_a_story_without_a_log_is_not_asked_for_one() -> None:
    faults = faults_of('scenario: "HUD Rental Stress"\ncitizens:\n  count: 10000\n')
    assert [fault.split(" ")[0] for fault in faults] == ["scenario", "citizens"]


CUES = parse_faults(
    [{"kind": "hang", "target": "ach", "at": "1s", "for": "2s"}, {"network_jitter_ms": 5}],
    source="any.yml",
    line_of=lambda path: None,
)


@given(
    st.builds(
        Scenario,
        id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True),
        log_path=st.just("logs/*.gz"),
        speed=st.sampled_from([0.1, 1.0, 2.5, 60.0, math.inf]),
        users=st.none() | st.integers(1, 10_000_000),
        duration_s=st.none() | st.integers(1, 10**10).map(lambda ms: ms / 1000),
        arrivals=st.floats(0.001, 1_000_000.0),
        seed=st.integers(0, 2**63 - 1),
        slo=st.lists(st.sampled_from(sorted(SLO_KEYS)), unique=True).map(
            lambda names: tuple(Slo(name, 50.0, SLO_KEYS[name].direction) for name in names)
        ),
        notes=st.none() | st.text(max_size=20, alphabet=st.characters(codec="utf-8")),
        chaos=st.sampled_from([(), CUES]),
        stubs=st.sampled_from(
            [NO_SETTINGS, StubSettings(latency=(("ach", {"model": "fixed", "ms": 5.0}),))]
        ),
        retry=st.none()
        | st.builds(
            RetryPolicy,
            times=st.integers(1, 10),
            after_ms=st.integers(0, 3_600_000).map(float),
            factor=st.floats(1, 10),
            statuses=st.frozensets(st.integers(500, 599)) | st.just(frozenset(range(500, 600))),
        ),
        spike=st.none() | st.builds(Spike, st.integers(0, 10**6).map(float), st.integers(1, 9)),
        hitl_skip=st.booleans(),
        file=st.none(),
    )
)
def test_a_scenario_written_as_a_mapping_reads_back_equal(scenario: Scenario) -> None:
    again = parse_scenario(scenario_mapping(scenario), "run.json")
    assert again == scenario


WORDS = [*KEYS, *RESERVED, *SLO_KEYS, "", "x", "\x1b[31m", "Speed", "slo.p95_ms"]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2x", "max", "30m", "replay_logs", "synthetic", "/lake/x", "10" * 30]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
    ),
    max_leaves=15,
)


def is_scenario_or_scenario_error(value: object) -> bool:
    try:
        return parse_scenario(value, "any.yml").id != ""
    except ScenarioError as error:
        return bool(error.faults) and all(str(fault).isprintable() for fault in error.faults)


@given(ANYTHING | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=9), ANYTHING))
def test_any_value_is_a_scenario_or_a_scenario_error(value: object) -> None:
    assert is_scenario_or_scenario_error(value)
