"""The proof that nothing reaches production: every hostile case through every door.

`pytest tests/leaks` is the proof; `pytest tests/leaks --without-guard` shows what it is worth.
What a case is: `case.py`. Where it runs: `runner.py`. How to add one: README.md beside this file.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.leaks.case import Case
from tests.leaks.catalogue import CASES, PAIRS
from tests.leaks.lanes import LANES
from tests.leaks.session import TALLY, Runner, skip_missing

OWN = "own"
"""Cases that start doors of their own."""


def test_catalogue_has_enough_cases() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize(
    ("lane", "case"), [pytest.param(lane, case, id=f"{case.name}-{lane}") for lane, case in PAIRS]
)
def test_nothing_reaches_production(
    runner: Runner, lane: str, case: Case, is_guarded: bool
) -> None:
    told = runner.ask(do="run", case=case.name, lane=lane, guard=is_guarded)
    door = LANES[lane].door if lane in LANES else lane
    if "missing" in told:
        skip_missing(door, told["missing"])
    if told["skip"]:
        pytest.skip(told["skip"])
    count(told, f"{case.name}-{lane}")
    TALLY.cases.add(case.name)
    if door != OWN:
        TALLY.doors.add(door)
    if is_guarded:
        assert not told["faults"], report(told)
        assert not told["late"]["packets"], f"the case before leaked late: {told['late']}"


def count(told: dict[str, Any], name: str) -> None:
    """Add a run to the line at the end."""
    contacts, late = told["contacts"], told["late"]
    TALLY.runs += 1
    TALLY.connections += contacts["connections"] + late["connections"]
    TALLY.packets += contacts["packets"] + late["packets"]
    (TALLY.leaked if contacts["packets"] else TALLY.contained).append(name)


def report(told: dict[str, Any]) -> str:
    """What a case came to, in full."""
    lines = [*told["faults"], f"answers: {told['answers']}", f"refusals: {told['refusals']}"]
    return "\n".join([*lines, f"the sandbox heard: {told['seen']}"])
