"""The one contract that every kind of fault keeps.

It is written, documented and put into JSON alike; it touches its own requests while it is active
and no others; and the same seed touches the same ones.
"""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import Chaos
from stubs.faults.course import USUAL, Course, Cut
from stubs.faults.envelope import ENVELOPE
from stubs.faults.fault import Fault
from stubs.faults.kinds import FAULT_KINDS
from stubs.faults.mapping import fault_mapping
from stubs.faults.parameters import REQUIRED, parameters_of
from stubs.faults.reader import parse_fault, parse_faults
from stubs.service import answer_problem
from switchboard.fault_reader import FaultReader
from tests.stubs.faults.docs_tables import table_of
from tests.stubs.faults.examples import AT_MS, COURSES, EXAMPLES, a_draw, an_ask
from tests.stubs.faults.strategies import KINDS, faults_of

PAGE = (Path(__file__).parents[3] / "docs/faults.md").read_text(encoding="utf-8")
DECIDED = {
    "answer": Course(asks=0, answer=answer_problem(500, "t", "d")),
    "cut": Course(asks=0, cut=Cut("reset")),
}

every_kind = pytest.mark.parametrize("name", FAULT_KINDS)


def parse_one(mapping: Any) -> Fault:
    (fault,) = parse_faults([mapping], source="test.yml", line_of=lambda _: None)
    return fault


def example(name: str) -> Fault:
    return parse_one(EXAMPLES[name])


def live(*faults: Fault, seed: int = 1) -> Chaos:
    return Chaos(seed, RecordedClock(Anchor(0), lambda: 0), faults)


def test_every_kind_has_an_example_and_a_course() -> None:
    assert list(FAULT_KINDS) == list(EXAMPLES) == list(COURSES) == list(KINDS)


def test_the_table_goes_from_the_strongest_to_the_weakest() -> None:
    ranks = [kind.RANK for kind in FAULT_KINDS.values()]
    assert ranks == sorted(set(ranks))


@every_kind
def test_the_example_is_read(name: str) -> None:
    fault = example(name)
    assert type(fault.kind) is FAULT_KINDS[name]
    assert (fault.id, fault.kind.NAME, fault.target.service) == ("cue", name, "ach")
    assert (fault.at_ms, fault.for_ms) == (AT_MS, 300_000)


@every_kind
def test_the_example_takes_its_course(name: str) -> None:
    assert live(example(name)).course(an_ask()) == replace(COURSES[name], faults=("cue",))


@every_kind
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"at_ms": AT_MS - 0.001}, id="before"),
        pytest.param({"at_ms": AT_MS + 300_000}, id="after"),
        pytest.param({"service": "svc"}, id="another service"),
    ],
)
def test_no_other_request_is_touched(name: str, changes: dict[str, Any]) -> None:
    assert live(example(name)).course(an_ask(**changes)) is USUAL


@every_kind
@pytest.mark.parametrize("at_ms", [AT_MS, AT_MS + 299_999.999])
def test_the_whole_of_its_time_counts(name: str, at_ms: float) -> None:
    assert live(example(name)).course(an_ask(at_ms=at_ms)).faults == ("cue",)


@every_kind
def test_its_seed_decides_who_is_touched_in_any_order(name: str) -> None:
    fault = replace(example(name), probability=0.5)

    def touched(seed: int, ids: list[int], attempt: int = 0) -> set[int]:
        chaos = live(fault, seed=seed)
        asks = (an_ask(request_id=n, attempt=attempt) for n in ids)
        return {ask.request_id for ask in asks if chaos.course(ask).faults}

    ids = list(range(400))
    one = touched(1, ids)
    assert touched(1, ids[::-1]) == one
    assert 130 < len(one) < 270
    assert touched(2, ids) != one
    assert touched(1, ids, attempt=1) != one


@every_kind
def test_it_decides_alike_each_time_and_changes_nothing_it_is_given(name: str) -> None:
    kind, course, ask, draw = example(name).kind, Course(), an_ask(), a_draw()
    assert kind.apply(course, ask, draw) == kind.apply(course, ask, draw)
    assert (course, ask, draw) == (Course(), an_ask(), a_draw())


@every_kind
@pytest.mark.parametrize("how", DECIDED)
def test_what_a_stronger_one_decided_stays(name: str, how: str) -> None:
    """Only what adds up may still change the course; the ending is never another one."""
    decided = DECIDED[how]
    after = example(name).kind.apply(decided, an_ask(), a_draw())
    assert (after.answer, after.cut, after.hold) == (decided.answer, decided.cut, None)
    assert after.asks == 0
    assert (after is decided) == (after == decided)


@every_kind
def test_it_is_a_frozen_value(name: str) -> None:
    kind = example(name).kind
    assert kind == example(name).kind
    assert hash(kind) == hash(example(name).kind)
    for row in parameters_of(type(kind)):
        with pytest.raises(FrozenInstanceError):
            setattr(kind, row.name, None)


@every_kind
def test_each_parameter_refuses_nonsense_where_it_stands(name: str) -> None:
    values: tuple[Any, ...] = ([[]], "\ud800", 10**30, float("nan"), -5e300, {"a": {}})
    for row, nonsense in product(parameters_of(FAULT_KINDS[name]), values):
        mapping = {**EXAMPLES[name], row.name: nonsense}
        reader = FaultReader(lambda _: 3)
        fault = parse_fault(mapping, "chaos[0]", reader)
        if row.name == "body" and isinstance(nonsense, list | dict):
            assert fault is not None
            continue
        assert fault is None
        assert [(each.path, each.line) for each in reader.faults] == [(f"chaos[0].{row.name}", 3)]


@every_kind
def test_a_parameter_without_a_default_must_be_given(name: str) -> None:
    for row in parameters_of(FAULT_KINDS[name]):
        if row.default == REQUIRED:
            mapping = {key: value for key, value in EXAMPLES[name].items() if key != row.name}
            reader = FaultReader(lambda _: None)
            assert parse_fault(mapping, "", reader) is None
            assert [each.path for each in reader.faults] == [row.name]


@every_kind
@settings(max_examples=25)
@given(data=st.data())
def test_it_survives_the_way_to_json_and_back(name: str, data: st.DataObject) -> None:
    fault = data.draw(faults_of(KINDS[name]))
    assert parse_one(json.loads(json.dumps(fault_mapping(fault)))) == fault


@every_kind
@settings(max_examples=25)
@given(data=st.data())
def test_it_asks_no_more_than_it_may_and_holds_what_it_says(name: str, data: st.DataObject) -> None:
    kind = data.draw(KINDS[name])
    since_ms = data.draw(st.floats(0, 300_000))
    course = kind.apply(Course(), an_ask(), a_draw(since_ms))
    assert 0 <= course.asks <= 10
    assert course.before_s >= 0
    assert course.first_byte_s >= 0
    assert course.hold is None or course.hold == kind.hold
    assert course.faults == ()


@every_kind
def test_it_is_documented(name: str) -> None:
    found = re.search(rf"^### {name}\n.*?(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    rows = parameters_of(FAULT_KINDS[name])
    assert (table_of(rows) if rows else "It has no parameters.") in found[0]
    words = " ".join(found[0].split())
    assert FAULT_KINDS[name].APPROXIMATED in words
    assert ("Approximated: " in words) == bool(FAULT_KINDS[name].APPROXIMATED)


def test_the_envelope_is_documented() -> None:
    assert table_of(ENVELOPE) in PAGE


def test_no_kind_is_documented_that_is_not_there() -> None:
    kinds = PAGE.partition("\n## Kinds\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (\w+)$", kinds, re.MULTILINE) == list(FAULT_KINDS)
