"""What a run remembers of the faults that its gateway lists."""

from __future__ import annotations

from typing import Any

from hms_esr.embedded import FaultWatch


def row(number: int, name: str, state: str = "active", touched: int = 0) -> dict[str, Any]:
    """A line of the gateway's list."""
    written = {"id": name, "kind": "down", "target": {"service": "ach"}}
    return {"number": number, "id": name, "state": state, "touched": touched, "written": written}


def test_changes_of_state_are_told_once() -> None:
    watch = FaultWatch()
    assert watch.look([row(0, "a", "waiting")]) == []
    active = {"fault": "a", "state": "active", "touched": 3}
    assert watch.look([row(0, "a", touched=3)]) == [active]
    assert watch.look([row(0, "a", touched=9)]) == []


def test_a_fault_that_was_cleared_is_told_and_not_forgotten() -> None:
    watch = FaultWatch()
    watch.look([row(0, "a"), row(1, "b")])
    assert watch.look([row(0, "a")]) == [{"fault": "b", "state": "cleared"}]
    assert watch.look([row(0, "a"), row(2, "c")])[0]["fault"] == "c"
    assert [(fault["number"], fault["id"]) for fault in watch.written] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]
