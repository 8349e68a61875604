"""The keys of a scenario that hold more than one value: faults, stubs, callers, spikes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.retry import RetryPolicy
from scenarios.callers import RETRY_KEYS, read_retry
from scenarios.loader import read_scenario
from scenarios.one_liners import spell_out
from scenarios.spec import Scenario, parse_scenario
from scenarios.stub_settings import STUB_KEYS, read_stub_settings
from scenarios.yaml_lines import load_yaml
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader

PAGE = (Path(__file__).parents[2] / "docs/scenarios.md").read_text()
HEAD = "id: surge\nlog_path: a.log\n"


def parse(text: str) -> Scenario:
    value, line_of = load_yaml(spell_out(HEAD + text), "surge.yml")
    return parse_scenario(value, "surge.yml", line_of)


def faults_of(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    return [str(fault) for fault in caught.value.faults]


def cues(text: str) -> list[tuple[str, str, float]]:
    """(kind, service, second) of each fault."""
    faults = parse(text).chaos
    return [(fault.kind.NAME, fault.target.service, fault.at_ms / 1000) for fault in faults]


@pytest.mark.parametrize(
    "text",
    [
        'chaos: kill_pod svc-fee after: "12m"',
        "chaos: kill_pod svc-fee after: 12m   # as printed",
        'chaos: kill_pod svc-fee\nafter: "12m"',
        "chaos: {kill_pod: svc-fee, after: 12m}",
        "chaos: [{kill_pod: svc-fee, after: 12m}]",
    ],
)
def test_a_pod_is_killed_however_it_was_written(text: str) -> None:
    assert cues(text) == [("down", "svc-fee", 720)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chaos: [{action: ACH_DOWN, at: 15m}]", [("down", "ach", 900)]),
        ("script: [{action: ACH_DOWN, at: 15m}]", [("down", "ach", 900)]),
        ("network_jitter_ms: 50", [("latency", "*", 0)]),
        (
            "network_jitter_ms: 50\nchaos:\n- {kind: hang, target: act, at: 1m, for: 1m}",
            [("hang", "act", 60), ("latency", "*", 0)],
        ),
    ],
)
def test_every_spelling_of_a_fault(text: str, expected: list[tuple[str, str, float]]) -> None:
    assert cues(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'spike_at: "10m" spike_size: 8000',
        "spike_at: 10m spike_size: 8000 # as printed",
        "spike_at: 10m\nspike_size: 8000",
        "spike: {spike_at: 10m, spike_size: 8000}",
    ],
)
def test_a_spike_however_it_was_written(text: str) -> None:
    spike = parse(text).spike
    assert spike is not None
    assert (spike.at_s, spike.size) == (600.0, 8000)


def test_each_number_of_a_retry_is_judged_by_itself() -> None:
    found = faults_of("retry: {times: 99, factor: 0, key: maybe}")
    named = {fault.partition(" ")[0] for fault in found}
    assert named == {"retry.times", "retry.factor", "retry.key"}


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("chaos:\n- {kind: eror, target: ach}", "chaos[0].kind (line 4)", "did you mean error"),
        ("script:\n- {action: LOGIN}", "script[0] (line 4)", "only faults such as"),
        ("script: 5", "script (line 3)", "must be a list"),
        ("script:\n- {action: ACH_DOWN, at: soon}", "script[0].at (line 4)", "soon"),
        ("after: 12m", "after (line 3)", "goes with words"),
        ("network_jitter_ms: fast", "network_jitter_ms", "fast"),
        ("spike_at: 10m", "spike_at (line 3)", "needs `spike_size: 8000` beside it"),
        ("spike_size: 10", "spike_size (line 3)", "needs `spike_at: 10m` beside it"),
        ("spike_at: 10m\nspike_size: 0", "spike_size (line 4)", "outside 1 to 10,000,000"),
        ("spike_at: soon\nspike_size: 1", "spike_at (line 3)", "not a duration"),
        ("spike_at: 1m\nspike_size: many", "spike_size (line 4)", "a whole number of users"),
        ("stubs: {servces: [a]}", "stubs.servces (line 3)", "did you mean services"),
        ("stubs: {services: [a b]}", "stubs.services[0] (line 3)", "is no service"),
        ("stubs: {definitions: 5}", "stubs.definitions (line 3)", "must be text"),
        ("stubs: {definitions: ''}", "stubs.definitions (line 3)", "the path of a file"),
        ("stubs: {latency: 5}", "stubs.latency (line 3)", "a mapping such as `ach: 250`"),
        ("stubs: {latency: {ach pay: 5}}", "stubs.latency.ach pay (line 3)", "neither a service"),
        ("stubs: {latency: {ach: -5}}", "stubs.latency.ach (line 3)", "a number from 0"),
        ("stubs: {settings: {hitl: yes}}", "stubs.settings.hitl (line 3)", "must be a mapping"),
        ("retry: {times: 11}", "retry.times (line 3)", "must be 1 to 10, not 11"),
        ("retry: {times: two}", "retry.times (line 3)", "a whole number"),
        ("retry: {after: soon}", "retry.after (line 3)", "not a duration"),
        ("retry: {failures: [404, late]}", "retry.failures[1] (line 3)", "nothing to try again on"),
        ("retry: {key: lose}", "retry.key (line 3)", "must be keep, drop or add"),
        ("retry: often", "retry (line 3)", "must be a mapping"),
        ("hitl_skip: 1", "hitl_skip (line 3)", "true or false"),
    ],
)
def test_one_mistake_is_said_where_it_stands(text: str, path: str, says: str) -> None:
    (fault,) = faults_of(text)
    assert fault.startswith(path)
    assert says in fault


def test_two_cues_that_contradict_are_found_wherever_they_stand() -> None:
    text = "chaos:\n- {kind: error, target: ach, status: 500}\n"
    faults = faults_of(text + "- {kind: error, target: ach, status: 404}\n")
    assert len(faults) == 1
    assert "chaos[1]" in faults[0]


def test_a_number_alone_says_how_often_callers_try_again() -> None:
    assert parse("retry: 3").retry == RetryPolicy(times=3)


def test_the_spellings_of_the_tour_are_read_from_files(tmp_path: Path) -> None:
    file = tmp_path / "tour.yml"
    file.write_text(HEAD + 'chaos: kill_pod svc-fee after: "12m"\nspike_at: "10m" spike_size: 8\n')
    scenario = read_scenario(file)
    assert [fault.id for fault in scenario.chaos] == ["svc-fee-down"]
    assert scenario.spike is not None


@given(st.text(max_size=200))
def test_what_is_not_one_of_the_two_lines_stays_as_it_was(text: str) -> None:
    if "kill_pod" not in text and "spike_size" not in text:
        assert spell_out(text) == text
    assert spell_out(text).count("\n") == text.count("\n")


@pytest.mark.parametrize("keys", [RETRY_KEYS, STUB_KEYS])
def test_every_key_of_a_section_is_documented(keys: dict[str, str]) -> None:
    assert [key for key in keys if f"\n| `{key}` |" not in PAGE] == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*RETRY_KEYS, *STUB_KEYS, "ach"]), inner, max_size=4)
        ),
        max_leaves=9,
    )
)
def test_any_value_is_read_or_its_mistakes_are_named(value: object) -> None:
    for read in (read_retry, read_stub_settings):
        reader = FaultReader(lambda path: None)
        found = read(value, "it", reader)
        assert found is not None or reader.faults
        assert all(str(fault).isprintable() for fault in reader.faults)
