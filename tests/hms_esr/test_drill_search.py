"""The smallest fault that breaks an objective: halving, its bound, and how sizes are written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import hms_esr.drill_search_command as command
from hms_esr.drill_run import DrillError, options_of
from hms_esr.drill_search import (
    MOST_TRIES,
    Scale,
    choose_scale,
    choose_tolerance,
    find_fault,
    resize,
    search_smallest,
)
from hms_esr.drill_search_command import (
    SearchOptions,
    print_search,
    run_search,
    search_json,
    why_broken,
)
from hms_esr.exits import UsageError
from hms_esr.options import RunOptions
from scenarios.drill import Drill, parse_drill
from stubs.faults.fault import Fault
from tests.hms_esr.drill_runs import Fate, ScriptedPlays

CHAOS: list[dict[str, Any]] = [
    {"id": "ach-down", "kind": "down", "target": "ach", "at": "10s", "for": "20s"},
    {"id": "quota", "kind": "quota", "target": "svc", "limit": 50, "at": "70s", "for": "5s"},
]


def a_drill(*chaos: dict[str, Any]) -> Drill:
    mapping = {
        "id": "small",
        "scenario": "stimulus_2020",
        "hypothesis": {"error_pct": 20},
        "chaos": chaos or CHAOS,
    }
    return parse_drill(mapping, "drill.yml")


def edge_at(edge: float, *, is_growing: bool = True) -> Any:
    def breaks(value: float) -> str | None:
        return "it broke" if (value >= edge) == is_growing else None

    return breaks


@given(edge=st.floats(1, 999), tolerance=st.floats(1, 100))
def test_the_edge_lies_between_what_holds_and_what_breaks(edge: float, tolerance: float) -> None:
    found = search_smallest(edge_at(edge), 0, 1000, tolerance)
    assert found.holds_at < edge <= found.breaks_at
    assert found.is_precise
    assert found.breaks_at - found.holds_at <= tolerance
    assert len(found.tries) <= MOST_TRIES


@given(edge=st.floats(1, 999))
def test_a_fault_may_get_worse_as_its_number_shrinks(edge: float) -> None:
    found = search_smallest(edge_at(edge, is_growing=False), 1000, 0, 10)
    assert found.breaks_at < edge <= found.holds_at


@given(edge=st.floats(1, 999), most=st.integers(3, 20))
def test_the_number_of_runs_is_bounded(edge: float, most: int) -> None:
    found = search_smallest(edge_at(edge), 0, 1000, 1e-9, most)
    assert len(found.tries) == most
    assert not found.is_precise


@given(edge=st.integers(1, 999))
def test_whole_sizes_are_tried_whole_and_told_apart(edge: int) -> None:
    whole = Scale("limit", is_whole=True)
    found = search_smallest(edge_at(edge), 0, 1000, 0.1, 20, whole.snap)
    assert (found.holds_at, found.breaks_at) == (edge - 1, edge)
    assert all(tried.value == round(tried.value) for tried in found.tries)


def test_both_ends_are_tried_first() -> None:
    found = search_smallest(edge_at(3), 0, 4, 1)
    assert [tried.value for tried in found.tries] == [0, 4, 2, 3]
    assert [tried.why for tried in found.tries] == [None, "it broke", None, "it broke"]


@pytest.mark.parametrize(
    ("edge", "words"), [(0, "breaks already at the first end"), (9, "holds even at the other end")]
)
def test_ends_that_are_no_ends_are_told(edge: float, words: str) -> None:
    with pytest.raises(DrillError, match=words):
        search_smallest(edge_at(edge), 0, 4, 1)


@pytest.mark.parametrize(("tolerance", "most"), [(0, 5), (1, 2)])
def test_a_search_without_an_end_is_a_mistake(tolerance: float, most: int) -> None:
    with pytest.raises(ValueError, match="a search needs"):
        search_smallest(edge_at(1), 0, 4, tolerance, most)


@pytest.mark.parametrize(
    ("fault", "name", "scale"),
    [
        ("ach-down", "for", Scale("for", 1, is_duration=True)),
        ("ach-down", "probability", Scale("probability")),
        ("ach-down", "restart_after_s", Scale("restart_after_s", 1000)),
        ("ach-down", "cold_start_ms", Scale("cold_start_ms", 1)),
        ("ach-down", "every_n", Scale("every_n", is_whole=True)),
        ("quota", "limit", Scale("limit", is_whole=True)),
    ],
)
def test_sizes_of_a_fault(fault: str, name: str, scale: Scale) -> None:
    assert choose_scale(find_fault(a_drill(), fault), name) == scale


@pytest.mark.parametrize("name", ["at", "id", "mode", "reason", "seed", "limit", "status", "x"])
def test_what_is_no_size_of_a_fault(name: str) -> None:
    with pytest.raises(DrillError, match=f"--over {name} is no size of ach-down"):
        choose_scale(find_fault(a_drill(), "ach-down"), name)


def test_which_fault_is_meant() -> None:
    assert find_fault(a_drill(CHAOS[1]), None).id == "quota"
    with pytest.raises(DrillError, match="--fault is missing: this drill has ach-down, quota"):
        find_fault(a_drill(), None)
    with pytest.raises(DrillError, match="did you mean ach-down"):
        find_fault(a_drill(), "ach-dwn")


def test_a_timetable_with_one_fault_at_another_size() -> None:
    drill = a_drill()
    fault = find_fault(drill, "ach-down")
    scale = choose_scale(fault, "for")
    first, second = resize(drill, fault, scale, 90_000)
    assert (first.id, first.for_ms, first.at_ms) == ("ach-down", 90_000, 10_000)
    assert second == drill.chaos[1]
    with pytest.raises(DrillError, match="ach-down cannot have for"):
        resize(drill, fault, scale, 0)


def test_how_precise_a_search_is() -> None:
    lasting = Scale("for", 1, is_duration=True)
    share = Scale("probability")
    assert choose_tolerance("5s", lasting, 0, 100_000) == 5_000
    assert choose_tolerance(None, lasting, 0, 64_000) == 2_000
    assert choose_tolerance("0.01", share, 0, 1) == 0.01
    assert choose_tolerance("0", share, 0, 1) == 1e-6


@pytest.mark.parametrize(
    ("scale", "text", "value", "written"),
    [
        (Scale("for", 1, is_duration=True), "1m30s", 90_000, "1m30s"),
        (Scale("restart_after_s", 1000), "90s", 90, 90),
        (Scale("restart_after_s", 1000), "90", 90, 90),
        (Scale("ms", 1), "2s", 2_000, 2_000),
        (Scale("probability"), "0.25", 0.25, 0.25),
        (Scale("limit", is_whole=True), "12.4", 12.4, 12),
    ],
)
def test_a_size_is_read_and_written(scale: Scale, text: str, value: float, written: object) -> None:
    assert scale.read(text) == value
    assert scale.write(value) == written


@pytest.mark.parametrize("text", ["x", "", "nan", "inf", "1" * 400, "1s"])
def test_what_is_no_number_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        Scale("probability").read(text)


def a_share_down(index: int, faults: tuple[Fault, ...]) -> Fate:
    due = tuple(fault.id for fault in faults if fault.is_due(index * 1000))
    return Fate(503, 5, due) if due else Fate()


def search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plays: ScriptedPlays, **changes: Any
) -> tuple[Any, str]:
    monkeypatch.setattr(command, "check_plan", lambda drill, given: {})
    wanted = SearchOptions(
        **{
            "fault": "ach-down",
            "over": "for",
            "start": "5s",
            "end": "60s",
            "tolerance": "1s",
            **changes,
        }
    )
    drill = a_drill(CHAOS[0])
    console = Console(file=io.StringIO(), width=200)
    found = run_search(drill, options_of(drill, RunOptions("")), wanted, plays, console)
    print_search(console, drill, found[2], found[1], found[0])
    assert isinstance(console.file, io.StringIO)
    return (drill, *found), console.file.getvalue()


def test_a_search_plays_runs_until_the_edge_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays = ScriptedPlays(tmp_path, script=a_share_down)
    (drill, found, scale, fault), text = search(tmp_path, monkeypatch, plays)
    # 20 of a hundred requests may fail, one a second: 21 s are too many, and 20 s are not.
    assert found.holds_at <= 20_000 < found.breaks_at <= found.holds_at + 1_000
    assert len(plays.asked) == len(found.tries) == 8
    assert "breaks  ach-down with for 1m  error_pct was 60 where at most 20 was to hold" in text
    assert "holds   ach-down with for 5s" in text
    assert "8 runs; assumed: a bigger fault does at least as much harm" in text
    report = search_json(drill, fault, scale, found)
    assert report["tries"][0] == {"value": "5s", "broke": False, "why": None}
    assert report["is_precise"] is True
    assert report["assumed"].startswith("a bigger fault")


def test_a_search_that_ran_out_of_runs_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays = ScriptedPlays(tmp_path, script=a_share_down)
    (_, found, _, _), text = search(tmp_path, monkeypatch, plays, tries=4)
    assert len(plays.asked) == 4
    assert not found.is_precise
    assert "more --tries would bring the two closer" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": "soon"}, "--from: `soon` is not a duration"),
        ({"end": "5"}, "--to: `5` has no unit"),
        ({"start": "60s"}, "are the same size"),
        ({"tolerance": "x"}, "--tolerance: "),
        ({"tries": 2}, "--tries 2 is too few"),
        ({"over": "probability", "start": "x"}, "--from: "),
        ({"over": "probability", "start": "0", "end": "2"}, "cannot have probability 2"),
    ],
)
def test_a_search_that_makes_no_sense_plays_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    plays = ScriptedPlays(tmp_path)
    with pytest.raises((UsageError, DrillError)) as caught:
        search(tmp_path, monkeypatch, plays, **changes)
    assert words in str(caught.value)
    assert plays.asked == []


@pytest.mark.parametrize(
    ("state", "verdict", "words", "code"),
    [("aborted", "pass", "was interrupted", 130), ("done", "void", "means nothing", 2)],
)
def test_a_run_that_says_nothing_ends_the_search(
    tmp_path: Path, state: str, verdict: str, words: str, code: int
) -> None:
    evidence = ScriptedPlays(tmp_path, state=state, verdict=verdict)(RunOptions(""))
    with pytest.raises(DrillError, match=words) as caught:
        why_broken(a_drill(), evidence)
    assert caught.value.exit_code == code
