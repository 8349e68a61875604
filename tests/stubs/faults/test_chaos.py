from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import MAX_LIVE, Chaos
from stubs.faults.course import USUAL, Course, Cut
from stubs.faults.down import Down
from stubs.faults.error import Error
from stubs.faults.fault import Fault
from stubs.faults.ghost_commit import GhostCommit
from stubs.faults.hang import Hang
from stubs.faults.latency import Latency
from stubs.faults.reset import Reset
from stubs.faults.target import Target
from stubs.touches import ROW, TouchLog
from tests.stubs.faults.examples import an_ask

MINUTE = 60_000.0


class ManualClock(RecordedClock):
    """Recorded time stands where it was put."""

    def __init__(self, recorded_ms: float = 0.0) -> None:
        super().__init__(Anchor(0, recorded_ms, speed=0), lambda: 0)

    def put(self, recorded_ms: float) -> None:
        self.follow(Anchor(0, recorded_ms, speed=0))


def a_fault(name: str = "cue", **changes: Any) -> Fault:
    values = {"kind": Error(), "target": Target("ach"), "at_ms": MINUTE, "for_ms": MINUTE}
    return Fault(**{"id": name, **values, **changes})


def test_without_faults_all_is_quiet() -> None:
    chaos = Chaos(1, ManualClock())
    assert chaos.is_quiet
    assert chaos.is_quiet_at(5.0)
    assert chaos.course(an_ask()) is USUAL
    assert chaos.faults == ()
    assert chaos.list() == []


@pytest.mark.parametrize(
    ("at_ms", "is_quiet"), [(0, True), (MINUTE - 1, True), (MINUTE, False), (2 * MINUTE, True)]
)
def test_quiet_is_when_no_fault_is_active(at_ms: float, is_quiet: bool) -> None:
    chaos = Chaos(1, ManualClock(at_ms), [a_fault()])
    assert chaos.is_quiet is is_quiet
    assert chaos.is_quiet_at(at_ms) is is_quiet


def test_a_late_request_is_decided_by_when_it_was_due() -> None:
    chaos = Chaos(1, ManualClock(5 * MINUTE), [a_fault()])
    assert chaos.is_quiet
    assert not chaos.is_quiet_at(1.5 * MINUTE)
    assert chaos.course(an_ask(at_ms=1.5 * MINUTE)).faults == ("cue",)


@pytest.mark.parametrize("first_ms", [0.0, MINUTE, 3 * MINUTE])
def test_quiet_is_found_again_after_a_change(first_ms: float) -> None:
    clock = ManualClock(first_ms)
    chaos = Chaos(1, clock, [a_fault()])
    quiet = []
    for at_ms in (0.0, MINUTE, 3 * MINUTE):
        clock.put(at_ms)
        quiet.append(chaos.is_quiet)
    assert quiet == [True, False, True]
    chaos.add(a_fault("more", at_ms=4 * MINUTE))
    for at_ms in (3.5 * MINUTE, 4 * MINUTE):
        clock.put(at_ms)
        quiet.append(chaos.is_quiet)
    chaos.clear()
    assert [*quiet[3:], chaos.is_quiet] == [True, False, True]


def test_an_added_fault_begins_now_or_when_it_says() -> None:
    chaos = Chaos(1, ManualClock(3 * MINUTE))
    now = chaos.add(a_fault("now", at_ms=0.0))
    later = chaos.add(a_fault("later", at_ms=9 * MINUTE))
    assert (now.at_ms, now.ends_ms) == (3 * MINUTE, 4 * MINUTE)
    assert later.at_ms == 9 * MINUTE
    assert chaos.faults == (now, later)


def test_a_ttl_counts_from_the_injection_and_a_paused_clock_pauses_it() -> None:
    clock = ManualClock(3 * MINUTE)
    chaos = Chaos(1, clock)
    chaos.add(a_fault(at_ms=0.0, for_ms=None, ttl_ms=10_000.0))
    states = []
    for since_ms in (0, 9_999, 9_999, 10_000):  # the clock stood still for a while
        clock.put(3 * MINUTE + since_ms)
        states.append((chaos.is_quiet, chaos.list()[0]["state"]))
    assert states == [(False, "active")] * 3 + [(True, "over")]


def test_before_the_run_begins_a_fault_waits_for_its_beginning() -> None:
    chaos = Chaos(1, ManualClock(-5_000.0))
    assert chaos.add(a_fault(at_ms=0.0)).at_ms == 0
    assert chaos.is_quiet


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "there is a fault cue already", id="the id is taken"),
        pytest.param(
            {"id": "two", "kind": Error(status=503)}, "two contradicts cue", id="contradiction"
        ),
    ],
)
def test_what_cannot_stand_together_is_refused(changes: dict[str, Any], words: str) -> None:
    other = a_fault(**{"name": "cue", **{k: v for k, v in changes.items() if k != "id"}})
    other = Fault(**{**vars(other), "id": changes.get("id", "cue")})
    chaos = Chaos(1, ManualClock(MINUTE), [a_fault()])
    with pytest.raises(ValueError, match=words):
        chaos.add(other)
    with pytest.raises(ValueError, match=words):
        Chaos(1, ManualClock(), [a_fault(), other])
    assert chaos.faults == (a_fault(),)


def test_what_is_over_is_in_nobodys_way() -> None:
    chaos = Chaos(1, ManualClock(5 * MINUTE), [a_fault()])
    again = chaos.add(a_fault(kind=Error(status=503)))
    assert chaos.faults == (again,)
    assert chaos.numbers == {"cue": 0}


def test_there_is_room_for_so_many() -> None:
    chaos = Chaos(1, ManualClock(), [a_fault(f"f{n}") for n in range(MAX_LIVE)])
    with pytest.raises(ValueError, match="there are 1,000 faults already; clear some first"):
        chaos.add(a_fault("more"))


def test_numbers_stay_with_their_ids() -> None:
    chaos = Chaos(1, ManualClock(), [a_fault("a"), a_fault("b")])
    assert chaos.remove("a")
    assert not chaos.remove("a")
    chaos.add(a_fault("c"))
    chaos.add(a_fault("a"))
    assert chaos.numbers == {"a": 0, "b": 1, "c": 2}
    assert [(row["id"], row["number"]) for row in chaos.list()] == [("b", 1), ("c", 2), ("a", 0)]


@pytest.mark.parametrize("has_log", [True, False])
def test_faults_that_come_and_go_use_up_numbers_only_of_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_log: bool
) -> None:
    monkeypatch.setattr("stubs.faults.chaos.MAX_NUMBERS", 3)
    log = TouchLog(tmp_path / "touches") if has_log else None
    chaos = Chaos(1, ManualClock(), [a_fault("stays")], log)
    for name in ("a", "b"):
        chaos.add(a_fault(name))
        chaos.remove(name)
    chaos.add(a_fault("a"))
    chaos.remove("a")
    if log is None:
        chaos.add(a_fault("c"))
        assert chaos.numbers == {"stays": 0, "c": 3}
    else:
        with pytest.raises(ValueError, match="use an id that there was"):
            chaos.add(a_fault("c"))
        log.close()


def test_after_years_of_recorded_time_a_fault_still_begins_now() -> None:
    years_ms = 3 * 366 * 86_400_000.0
    added = Chaos(1, ManualClock(years_ms)).add(a_fault(at_ms=0.0))
    assert (added.at_ms, added.ends_ms) == (years_ms, years_ms + MINUTE)


def test_a_list_says_how_each_is() -> None:
    clock = ManualClock(MINUTE)
    endless = a_fault("endless", kind=Latency(ms=5.0), for_ms=None, at_ms=9 * MINUTE)
    chaos = Chaos(1, clock, [a_fault(reason="a drill"), endless])
    chaos.course(an_ask(at_ms=MINUTE))
    chaos.course(an_ask(at_ms=MINUTE, service="svc"))
    one, two = chaos.list()
    assert one == {
        "id": "cue", "kind": "error", "target": {"service": "ach"}, "at_ms": MINUTE,
        "ends_ms": 2 * MINUTE, "state": "active", "touched": 1, "number": 0, "reason": "a drill",
    }  # fmt: skip
    assert (two["ends_ms"], two["state"], two["touched"]) == (None, "waiting", 0)


def test_touches_are_written_by_number(tmp_path: Path) -> None:
    log = TouchLog(tmp_path / "touches")
    faults = [a_fault("a", kind=Latency(ms=5.0)), a_fault("b"), a_fault("c", kind=Hang())]
    chaos = Chaos(1, ManualClock(), faults, log)
    chaos.course(an_ask(request_id=7, at_ms=90_000.5, attempt=2))
    chaos.course(an_ask(request_id=8, at_ms=0.0))
    log.close()
    data = (tmp_path / "touches").read_bytes()
    rows = [ROW.unpack_from(data, at) for at in range(0, len(data), ROW.size)]
    assert rows == [(7, 90_000_500, 1, 2, 0), (7, 90_000_500, 0, 2, 0)]


def test_only_so_many_are_touched_at_a_time() -> None:
    chaos = Chaos(1, ManualClock(), [a_fault(max_active=2)])
    courses = [chaos.course(an_ask(request_id=n)) for n in range(4)]
    assert [bool(course.faults) for course in courses] == [True, True, False, False]
    chaos.done(courses[0])
    chaos.done(courses[3])
    again = [bool(chaos.course(an_ask(request_id=n)).faults) for n in (5, 6)]
    assert again == [True, False]


def test_being_done_with_a_fault_that_is_gone_is_no_matter() -> None:
    chaos = Chaos(1, ManualClock(), [a_fault(max_active=1)])
    course = chaos.course(an_ask())
    chaos.clear()
    chaos.done(course)
    chaos.add(a_fault(max_active=1))
    chaos.done(course)
    assert [bool(chaos.course(an_ask(request_id=n)).faults) for n in range(2)] == [True, False]


RESET = Cut("reset")


@pytest.mark.parametrize(
    ("changes", "service", "opened_ms", "cut"),
    [
        pytest.param({}, "ach", 0, RESET, id="down"),
        pytest.param({}, "ach-eu", 0, RESET, id="of the family"),
        pytest.param({}, "svc", 0, None, id="another service"),
        pytest.param({}, None, 0, None, id="nobody knows whose it is"),
        pytest.param({"target": Target()}, None, 0, RESET, id="everybody's"),
        pytest.param({"target": Target("ach", "/a")}, "ach", 0, None, id="a route of it"),
        pytest.param({"probability": 0.5}, "ach", 0, None, id="not always"),
        pytest.param({"apply_to": "new"}, "ach", 0, None, id="new ones, an old one"),
        pytest.param({"apply_to": "new"}, "ach", MINUTE, RESET, id="new ones, a new one"),
        pytest.param({"apply_to": "existing"}, "ach", 0, RESET, id="old ones, an old one"),
        pytest.param({"apply_to": "existing"}, "ach", MINUTE, None, id="old ones, a new one"),
        pytest.param({"at_ms": 2 * MINUTE}, "ach", 0, None, id="not yet"),
        pytest.param({"kind": Hang()}, "ach", 0, None, id="a hang needs a request"),
        pytest.param({"kind": Down(restart_after_s=10)}, "ach", 0, None, id="up again"),
        pytest.param({"kind": Reset(phase="connect")}, "ach", 0, Cut("reset"), id="connect"),
    ],
)
def test_connections_end(
    changes: dict[str, Any], service: str | None, opened_ms: float, cut: Cut | None
) -> None:
    fault = a_fault(**{"kind": Down(), **changes})
    chaos = Chaos(1, ManualClock(MINUTE + 30_000), [fault])
    assert chaos.connection_course(service, opened_ms) == cut


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        pytest.param({}, {"ach"}, id="refuse"),
        pytest.param({"target": Target()}, {"*"}, id="everything"),
        pytest.param({"kind": Down(mode="reset")}, set(), id="reset"),
        pytest.param({"apply_to": "existing"}, set(), id="existing connections"),
        pytest.param({"apply_to": "new"}, {"ach"}, id="new connections"),
        pytest.param({"for_ms": 1_000.0}, set(), id="over"),
        pytest.param({"target": Target("ach", method="POST")}, set(), id="some requests"),
    ],
)
def test_services_are_refused(changes: dict[str, Any], refused: set[str]) -> None:
    fault = a_fault(**{"kind": Down(), **changes})
    chaos = Chaos(1, ManualClock(MINUTE + 30_000), [fault])
    assert chaos.refused_services() == refused
    assert chaos.is_refused("ach-eu") is bool(refused)
    assert chaos.is_refused("svc") is (refused == {"*"})


# Waiting


async def settle() -> None:
    """Let everybody who can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def a_held_course(chaos: Chaos) -> tuple[Course, list[str]]:
    course = chaos.course(an_ask(at_ms=MINUTE))
    assert course.hold is not None
    return course, []


async def note_lifted(chaos: Chaos, course: Course, lifted: list[str]) -> None:
    await chaos.wait_lifted(course)
    lifted.append("lifted")


@pytest.mark.parametrize("kind", [Hang(), Down(mode="blackhole"), GhostCommit(lose="hang")])
@pytest.mark.parametrize("how", ["over", "removed", "cleared", "stopped"])
async def test_a_hold_is_lifted(kind: Any, how: str) -> None:
    clock = ManualClock(MINUTE)
    chaos = Chaos(1, clock, [a_fault(kind=kind)])
    course, lifted = await a_held_course(chaos)
    async with asyncio.TaskGroup() as group:
        group.create_task(note_lifted(chaos, course, lifted))
        await settle()
        chaos.add(a_fault("other", target=Target("svc")))  # a change that lifts nothing
        await settle()
        assert lifted == []
        if how == "over":
            clock.put(2 * MINUTE)
            chaos.retime()
        elif how == "removed":
            chaos.remove("cue")
        elif how == "cleared":
            chaos.clear()
        else:
            chaos.stop()
    assert lifted == ["lifted"]


async def test_a_service_that_is_up_again_lets_go_before_it_is_warm() -> None:
    clock = ManualClock(MINUTE)
    kind = Down(mode="blackhole", restart_after_s=5.0, cold_start_ms=100.0)
    chaos = Chaos(1, clock, [a_fault(kind=kind)])
    course, lifted = await a_held_course(chaos)
    async with asyncio.TaskGroup() as group:
        group.create_task(note_lifted(chaos, course, lifted))
        await settle()
        assert lifted == []
        clock.put(MINUTE + 5_000)
        chaos.retime()
    assert not chaos.is_quiet


async def test_after_a_stop_nobody_waits() -> None:
    chaos = Chaos(1, ManualClock(MINUTE), [a_fault(kind=Hang())])
    course, _ = await a_held_course(chaos)
    chaos.stop()
    await chaos.wait_lifted(course)


async def test_what_is_not_held_is_lifted_at_once() -> None:
    chaos = Chaos(1, ManualClock(MINUTE), [a_fault()])
    await chaos.wait_lifted(chaos.course(an_ask(at_ms=MINUTE)))
    await chaos.wait_lifted(USUAL)


async def test_a_hold_ends_by_itself_as_the_recorded_clock_runs() -> None:
    """A minute at 6,000x is 10 ms; the loop's own timer ends the hold, nobody else."""
    clock = RecordedClock(Anchor(time.monotonic_ns(), MINUTE, speed=6_000))
    chaos = Chaos(1, clock, [a_fault(kind=Hang())])
    course = chaos.course(an_ask(at_ms=MINUTE))
    async with asyncio.timeout(30):
        await chaos.wait_lifted(course)
    assert clock.now_ms() >= 2 * MINUTE


async def test_a_paused_clock_holds_until_it_goes_on() -> None:
    clock = RecordedClock(Anchor(time.monotonic_ns(), MINUTE, speed=0))
    chaos = Chaos(1, clock, [a_fault(kind=Hang())])
    course, lifted = await a_held_course(chaos)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(note_lifted(chaos, course, lifted))
        await settle()
        assert lifted == []
        clock.follow(Anchor(time.monotonic_ns(), MINUTE, speed=6_000))
        chaos.retime()
    assert lifted == ["lifted"]


async def test_a_beginning_and_an_end_are_told_as_the_recorded_clock_runs() -> None:
    clock = RecordedClock(Anchor(time.monotonic_ns(), 0, speed=6_000))
    day_ms = 24 * 60 * MINUTE
    chaos = Chaos(1, clock, [a_fault(kind=Down(), for_ms=day_ms)])
    began, ended = asyncio.Event(), asyncio.Event()
    chaos.on_change(lambda: (began if chaos.is_refused("ach") else ended).set())
    async with asyncio.timeout(30):
        await began.wait()
        ended.clear()
        clock.follow(Anchor(time.monotonic_ns(), MINUTE + day_ms - 1_000, speed=6_000))
        chaos.retime()
        await ended.wait()
    chaos.stop()
    assert clock.now_ms() >= MINUTE + day_ms


async def test_adding_and_removing_is_told_at_once() -> None:
    chaos = Chaos(1, ManualClock(MINUTE))
    told: list[int] = []
    chaos.on_change(lambda: told.append(len(chaos.faults)))
    chaos.add(a_fault("a"))
    chaos.add(a_fault("b"))
    chaos.remove("a")
    chaos.remove("a")
    chaos.clear()
    assert told == [1, 2, 1, 0]


async def test_a_waiter_who_leaves_is_forgotten() -> None:
    chaos = Chaos(1, ManualClock(MINUTE), [a_fault(kind=Hang())])
    course, lifted = await a_held_course(chaos)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(note_lifted(chaos, course, lifted))
        await settle()
        task.cancel()
    assert not chaos._changes._waiters
    chaos.clear()
    assert lifted == []
