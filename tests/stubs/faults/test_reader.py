from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.faults.down import Down
from stubs.faults.envelope import ENVELOPE
from stubs.faults.error import Error
from stubs.faults.fault import Fault
from stubs.faults.kinds import FAULT_KINDS
from stubs.faults.latency import Latency
from stubs.faults.mapping import fault_mapping
from stubs.faults.parameters import parameters_of
from stubs.faults.quota import Quota
from stubs.faults.reader import MAX_FAULTS, parse_fault, parse_faults
from stubs.faults.target import Target
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader

DOWN = {"kind": "down", "target": "ach"}


def read(*faults: Any) -> tuple[Fault, ...]:
    return parse_faults(list(faults), source="friday.yml", line_of=lambda _: None)


def refused(*faults: Any) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        read(*faults)
    return [str(fault) for fault in error.value.faults]


def test_a_whole_fault_is_read() -> None:
    (fault,) = read(
        {
            "id": "dark friday",
            "kind": "down",
            "target": {"service": "ach", "route": "POST /payments"},
            "at": "15m",
            "for": "5m",
            "ramp": "30s",
            "probability": 0.5,
            "every_n": 2,
            "first_n": 10,
            "skip_first": 3,
            "max_active": 4,
            "seed": 9,
            "apply_to": "new",
            "ttl": "10m",
            "reason": "a drill",
            "chosen": [3, 1],
            "mode": "status_503",
            "restart_after_s": "2m",
            "cold_start_ms": 800,
        }
    )
    assert fault == Fault(
        id="dark friday",
        kind=Down(mode="status_503", restart_after_s=120.0, cold_start_ms=800.0),
        target=Target("ach", "POST /payments"),
        at_ms=900_000.0,
        for_ms=300_000.0,
        ramp_ms=30_000.0,
        probability=0.5,
        every_n=2,
        first_n=10,
        skip_first=3,
        max_active=4,
        seed=9,
        apply_to="new",
        ttl_ms=600_000.0,
        reason="a drill",
        chosen=frozenset({1, 3}),
    )


def test_the_least_of_a_fault_is_its_kind_and_its_target() -> None:
    assert read(DOWN) == (Fault("ach-down", Down(), Target("ach")),)


def test_a_fault_without_an_end_ends_with_the_run_or_its_ttl() -> None:
    endless, bounded = read(DOWN, {**DOWN, "target": "svc", "ttl": "10m"})
    assert endless.ends_ms == float("inf")
    assert bounded.ends_ms == 600_000


def test_a_single_fault_needs_no_list_and_nothing_is_no_fault() -> None:
    assert parse_faults(DOWN, source="x", line_of=lambda _: None) == read(DOWN)
    assert parse_faults(None, source="x", line_of=lambda _: None) == ()
    assert parse_faults([], source="x", line_of=lambda _: None) == ()


def test_faults_are_named_after_their_target_and_kind() -> None:
    at = [{**DOWN, "at": f"{n}m", "for": "30s"} for n in range(3)]
    names = [fault.id for fault in read(*at, {"kind": "latency", "ms": 5, "target": "*"})]
    assert names == ["ach-down", "ach-down-2", "ach-down-3", "all-latency"]


def test_a_body_of_an_error_may_be_written_as_yaml() -> None:
    (fault,) = read({"kind": "error", "target": "ach", "body": {"why": ["a", 1]}})
    assert fault.kind == Error(body='{"why": ["a", 1]}')


def test_a_table_of_percentiles_is_read_and_written() -> None:
    table = {"p50": 20, "p999": 300}
    (fault,) = read({"kind": "latency", "target": "*", "dist": "percentiles", "table": table})
    assert fault.kind == Latency(dist="percentiles", table=((50.0, 20.0), (99.9, 300.0)))
    assert fault_mapping(fault)["table"] == {"p50": 20.0, "p99.9": 300.0}


def test_only_what_was_set_is_written() -> None:
    (fault,) = read({"kind": "quota", "target": "esq", "at": "90s", "limit": 3})
    assert fault.kind == Quota(limit=3)
    assert fault_mapping(fault) == {
        "id": "esq-quota", "kind": "quota", "target": {"service": "esq"}, "at": "1m30s", "limit": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        pytest.param(
            {"kind": "dwn"}, "kind", "`dwn` is not a kind of fault; did you mean down?", id="kind"
        ),
        pytest.param(
            {"kind": 7}, "kind", "is not a kind of fault; known here: dns, down", id="number"
        ),
        pytest.param({"kind": "cpu"}, "kind", "known here: dns, down", id="not offered"),
        pytest.param({"mod": "reset"}, "mod", "unknown key; did you mean mode?", id="parameter"),
        pytest.param({"ttl_s": 5}, "ttl_s", "unknown key; did you mean ttl?", id="envelope"),
        pytest.param({"status": 500}, "status", "unknown key", id="another kind's parameter"),
        pytest.param({"mode": "rset"}, "mode", "did you mean reset?", id="choice"),
        pytest.param({"at": 15}, "at", "`15` has no unit", id="no unit"),
        pytest.param({"at": "-5m"}, "at", "is negative", id="before the run"),
        pytest.param({"at": "40000d"}, "at", "is longer than a hundred years", id="never"),
        pytest.param({"for": None}, "for", "nothing is not a duration", id="for nothing"),
        pytest.param({"for": 0}, "for", "lasts no time at all", id="for no time"),
        pytest.param({"for": "-1m"}, "for", "is negative", id="for negative"),
        pytest.param({"for": "25h"}, "for", "is longer than a day", id="for too long"),
        pytest.param({"ttl": "0s"}, "ttl", "lasts no time at all", id="ttl of no time"),
        pytest.param({"ttl": "2d"}, "ttl", "is longer than a day", id="ttl too long"),
        pytest.param(
            {"probability": 30}, "probability", "a share from 0 to 1 (0.05 is 5 %)", id="percent"
        ),
        pytest.param(
            {"probability": "30%"}, "probability", "a share from 0 to 1", id="percent sign"
        ),
        pytest.param({"every_n": 0}, "every_n", "a whole number from 1", id="every none"),
        pytest.param({"first_n": 1.5}, "first_n", "a whole number from 1", id="half a request"),
        pytest.param({"max_active": True}, "max_active", "a whole number", id="true"),
        pytest.param(
            {"apply_to": "olde"}, "apply_to", "known here: new, existing, all", id="apply_to"
        ),
        pytest.param({"id": ""}, "id", "text of 1 to 100 characters", id="no id"),
        pytest.param({"id": "a\nb"}, "id", "one line", id="id of two lines"),
        pytest.param({"chosen": ["a"]}, "chosen", "whole numbers from 0", id="chosen texts"),
        pytest.param({"chosen": 5}, "chosen", "must be a list", id="chosen number"),
        pytest.param({"target": "ACH"}, "target", "a service is a label such as ach", id="target"),
        pytest.param({"restart_after_s": "soon"}, "restart_after_s", "not a duration", id="soon"),
        pytest.param({"cold_start_ms": "2d"}, "cold_start_ms", "longer than a day", id="ages"),
    ],
)
def test_a_mistake_is_said_where_it_is(changes: dict[str, Any], path: str, words: str) -> None:
    reader = FaultReader(lambda path: len(path))
    assert parse_fault({**DOWN, **changes}, "chaos[0]", reader) is None
    (fault,) = reader.faults
    assert fault.path == f"chaos[0].{path}"
    assert fault.line == len(fault.path)
    assert words in fault.message


@pytest.mark.parametrize("raw", [7, None, True, [DOWN], 1.5])
def test_a_fault_that_is_no_mapping_is_refused(raw: object) -> None:
    (fault,) = refused(raw)
    assert fault.startswith("chaos[0]: a fault is a mapping such as {kind: down")


def test_ten_mistakes_are_ten() -> None:
    found = refused(
        {"kind": "down", "target": "ach", "at": 5, "for": 0, "mode": "x", "foo": 1},
        {"kind": "hang"},
        {"target": "ach"},
        {"kind": "quota", "target": "ach", "window_s": "x"},
        {"kind": "dwn", "target": "ach"},
        "chaos",
    )
    assert len(found) == 10
    assert len(set(found)) == len(found)


def test_two_faults_with_one_id_are_refused() -> None:
    (fault,) = refused({**DOWN, "id": "a"}, {"kind": "hang", "target": "svc", "id": "a"})
    assert fault == "chaos[1].id: two faults have the id a"


def test_an_id_made_up_steps_aside_for_one_that_was_given() -> None:
    given = {"kind": "latency", "ms": 5, "target": "*", "id": "ach-down"}
    assert [fault.id for fault in read(given, DOWN)] == ["ach-down", "ach-down-2"]
    reader = FaultReader(lambda _: None)
    fault = parse_fault(DOWN, "", reader, {"ach-down"})
    assert fault is not None
    assert fault.id == "ach-down-2"


def test_an_endless_timetable_is_refused() -> None:
    many = [{"kind": "latency", "ms": 1, "target": "ach"}] * (MAX_FAULTS + 1)
    (fault,) = refused(*many)
    assert fault == "chaos: has 1,001 faults; up to 1,000 fit"


def test_no_parameter_shadows_the_envelope() -> None:
    taken = {"kind", "target", *(row.name for row in ENVELOPE)}
    for kind in FAULT_KINDS.values():
        assert taken.isdisjoint(row.name for row in parameters_of(kind))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
WORDS = st.sampled_from(
    ["kind", "target", "action", "kill_pod", "after", "network_jitter_ms"]
    + [row.name for row in ENVELOPE]
    + sorted({row.name for kind in FAULT_KINDS.values() for row in parameters_of(kind)})
)
VALUES = ANYTHING | st.sampled_from(
    ["down", "ach", "*", "15m", "ACH_DOWN", "latency", "uniform", 5, *FAULT_KINDS]
)


def read_or_not(raw: Any) -> tuple[tuple[Fault, ...], ScenarioError | None]:
    try:
        return parse_faults(raw, source="x", line_of=lambda _: 1), None
    except ScenarioError as error:
        return (), error


@given(st.lists(ANYTHING | st.dictionaries(WORDS, VALUES, max_size=6), max_size=4) | ANYTHING)
def test_whatever_is_written_is_read_or_refused_in_words(raw: Any) -> None:
    faults, error = read_or_not(raw)
    assert all(
        each.message and "\n" not in each.message for each in (error.faults if error else ())
    )
    assert error is None or error.faults
    mappings = [fault_mapping(fault) for fault in faults]
    assert read_or_not(mappings) == (faults, None)
