"""A turn: who answers, how it fares under faults, what is told afterwards; no wire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from stubs.answering import Answering
from stubs.clock import Anchor, RecordedClock
from stubs.faults.ask import FaultAsk
from stubs.faults.course import USUAL, CallbackTwist, Course, Cut, Hold
from stubs.journal import NO_ROUTE, Journal
from stubs.latency import Fixed, NoDelay, Queue
from stubs.learned import LearnedAnswers
from stubs.service import Answer, Asked, Callback, Service, StubRoute, answer_json
from stubs.turn import AnswerCutError
from tests.stubs.asgi import ScriptedSleep

EPOCH_MS = 1_600_000_000_000.0


class ScriptedFaults:
    """Everything fares as it is told."""

    def __init__(self, course: Course = USUAL) -> None:
        self.given = course
        self.asked: list[FaultAsk] = []
        self.over: list[Course] = []
        self.holding = asyncio.Event()
        self.lifted = asyncio.Event()

    def is_quiet_at(self, at_ms: float) -> bool:
        return self.given is USUAL

    def course(self, ask: FaultAsk) -> Course:
        self.asked.append(ask)
        return self.given

    def done(self, course: Course) -> None:
        self.over.append(course)

    async def wait_lifted(self, course: Course) -> None:
        self.holding.set()
        await self.lifted.wait()


class Told:
    """A store that is told what became of answers."""

    name = "told"

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def watch(self) -> None:
        """It wants to know."""

    def told(self, *call: Any) -> None:
        self.calls.append(call)

    def snapshot(self, limit: int) -> dict[str, Any]:
        return {}

    def put(self, key: str, value: Any) -> None:
        raise ValueError("read only")

    def reset(self) -> None:
        self.calls.clear()


class Bench:
    """A service that says what it was asked, and everything round it."""

    def __init__(self, course: Course = USUAL, latency: Any = None) -> None:
        self.asked: list[Asked] = []
        self.faults = ScriptedFaults(course)
        self.sleep = ScriptedSleep()
        self.journal = Journal()
        self.callbacks: list[tuple[int, CallbackTwist | None]] = []
        self.told = Told()
        pay = StubRoute("POST", "/payments/{p}", self._pay, latency or NoDelay())
        self.answering = Answering(
            [Service("ach", "payments", [pay], stores=(self.told,))],
            LearnedAnswers(),
            7,
            self.sleep,
            clock=RecordedClock(Anchor(0, 5_000.0, 0.0, EPOCH_MS), lambda: 0),
            faults=self.faults,
            journal=self.journal,
            on_callbacks=self._send,
        )

    def _pay(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        answer = answer_json(201, number=len(self.asked))
        return Answer(201, answer.body, callbacks=(Callback("http://127.0.0.1/"),))

    def _send(
        self, asked: Asked, callbacks: Sequence[Callback], twist: CallbackTwist | None
    ) -> None:
        self.callbacks.append((len(callbacks), twist))

    async def pay(self, path: str = "/payments/1", **headers: str) -> Answer:
        pairs = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        return await self.answering.answer("ach-eu", "POST", path, "q=1", pairs, b"{}")

    @property
    def entry(self) -> tuple[str, int, str, float]:
        (entry,) = self.journal
        return entry.route, entry.status, entry.ending, entry.wait_ms


async def test_a_usual_turn_asks_no_fault() -> None:
    bench = Bench()
    assert (await bench.pay()).status == 201
    assert bench.faults.asked == []
    assert bench.entry == ("POST /payments/{p}", 201, "answered", 0.0)
    assert bench.callbacks == [(1, None)]
    assert bench.told.calls == [], "of the usual nobody is told"


async def test_faults_are_asked_with_everything_that_decides() -> None:
    bench = Bench(Course(("f",)))
    tags = {
        "x_esr_due": "1234.5", "x_esr_attempt": "2", "x_esr_request": "1f", "x_tenant_id": "t",
    }  # fmt: skip
    await bench.pay(**tags)
    (ask,) = bench.faults.asked
    assert (ask.service, ask.route, ask.path) == ("ach-eu", "POST /payments/{p}", "/payments/1")
    assert (ask.request_id, ask.at_ms, ask.attempt, ask.tenant) == (0x1F, 1234.5, 2, "t")
    (asked,) = bench.asked
    assert (asked.at_ms, asked.epoch_ms) == (1234.5, EPOCH_MS + 1234.5)
    assert bench.faults.over == [bench.faults.given]


@pytest.mark.parametrize("due", ["", "now", "1e9", "nan", "9" * 40, "-", "1.", "0x1"])
async def test_what_is_no_moment_is_now(due: str) -> None:
    bench = Bench(Course(("f",)))
    await bench.pay(x_esr_due=due, x_esr_attempt="many")
    assert (bench.faults.asked[0].at_ms, bench.faults.asked[0].attempt) == (5_000.0, 0)


async def test_where_no_route_fits_faults_see_what_was_asked() -> None:
    bench = Bench(Course(("f",), before_s=0.5))
    answer = await bench.pay("/none")
    assert answer.status == 404
    assert bench.faults.asked[0].route == "POST /none"
    assert bench.sleep.waits_s == [0.5]
    assert bench.entry[:2] == (NO_ROUTE, 404)


@pytest.mark.parametrize(
    ("course", "asks", "number", "callbacks"),
    [
        pytest.param(Course(("f",)), 1, 1, [(1, None)], id="once"),
        pytest.param(Course(("f",), asks=2), 2, 1, [(2, None)], id="twice, the first is heard"),
        pytest.param(
            Course(("f",), callbacks=CallbackTwist(3)), 1, 1, [(1, CallbackTwist(3))], id="twist"
        ),
    ],
)
async def test_the_stub_is_asked_as_often_as_told(
    course: Course, asks: int, number: int, callbacks: list[Any]
) -> None:
    bench = Bench(course)
    answer = await bench.pay()
    assert orjson.loads(answer.body) == {"number": number}
    assert len(bench.asked) == asks
    assert bench.callbacks == callbacks


async def test_an_answer_of_the_faults_own_replaces_the_stubs() -> None:
    bench = Bench(Course(("f",), answer=Answer(504)))
    assert (await bench.pay()).status == 504
    assert len(bench.asked) == 1
    (told,) = bench.told.calls
    assert told[-2:] == (504, True)


async def test_who_is_not_asked_takes_no_time() -> None:
    bench = Bench(Course(("f",), asks=0, answer=Answer(503), before_s=0.25), Fixed(1_000))
    await bench.pay()
    assert bench.sleep.waits_s == [0.25]
    assert bench.asked == []


async def test_latencies_add_up() -> None:
    bench = Bench(Course(("f",), before_s=0.25), Fixed(1_000))
    await bench.pay()
    assert bench.sleep.waits_s == [1.25]


async def test_a_stub_is_told_of_stale_reads_late_settlement_and_skewed_clocks() -> None:
    bench = Bench(Course(("f",), stale_ms=5.0, settle_lag_ms=6.0, skew_s=-2.0))
    await bench.pay()
    (asked,) = bench.asked
    assert (asked.stale_ms, asked.settle_lag_ms) == (5.0, 6.0)
    assert (asked.at_ms, asked.epoch_ms) == (5_000.0, EPOCH_MS + 5_000.0 - 2_000.0)


@pytest.mark.parametrize(
    ("course", "how", "waits_s"),
    [
        pytest.param(Course(("f",), cut=Cut("reset")), "reset", [], id="reset"),
        pytest.param(Course(("f",), cut=Cut("close", after_ms=20)), "close", [0.02], id="close"),
        pytest.param(Course(("f",), hold=Hold(0.5, "reset")), "reset", [0.5], id="held"),
    ],
)
async def test_a_callable_raises_where_a_connection_would_end(
    course: Course, how: str, waits_s: list[float]
) -> None:
    bench = Bench(course)
    with pytest.raises(AnswerCutError) as caught:
        await bench.pay()
    assert caught.value.how == how
    assert [wait for wait in bench.sleep.waits_s if wait] == waits_s
    assert bench.entry[1:3] == (0, "reset" if how == "reset" else "closed")
    assert bench.told.calls[0][-2:] == (0, False)
    assert bench.faults.over == [course]


async def test_a_hold_without_end_lasts_until_it_is_lifted() -> None:
    bench = Bench(Course(("f",), hold=Hold(None, "respond")))
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(bench.pay())
        await bench.faults.holding.wait()
        assert bench.entry[2] == "held"
        bench.faults.lifted.set()
    assert held.result().status == 201
    assert bench.entry[1:3] == (201, "answered")


async def test_a_queue_without_room_refuses_without_asking() -> None:
    bench = Bench(latency=Queue(1, Fixed(60_000), max_queue=0))
    due = {"x_esr_due": "0"}
    assert [(await bench.pay(**due)).status for _ in range(3)] == [201, 503, 503]
    assert len(bench.asked) == 1


async def test_a_broken_matcher_takes_nothing_and_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: Asked) -> bool:
        raise KeyError("no such header")

    def fine(_: Asked) -> Answer:
        return Answer(200)

    routes = [
        StubRoute("GET", "/", fine, NoDelay(), 5),
        StubRoute("GET", "/", fine, NoDelay(), 1, broken),
    ]
    answering = Answering([Service("svc", "", routes)], LearnedAnswers(), 0)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert (await answering.answer("svc", "GET", "/", "", {}, b"")).status == 200
    assert len(caplog.records) == 1


async def test_a_course_may_be_decided_before_the_body() -> None:
    course = Course(("f",), before_s=1.0)
    bench = Bench(course)
    ahead = bench.answering.course_ahead("ach", "POST", "/payments/1", {}, 0.0, True)
    turn = bench.answering.begin("ach", "POST", "/payments/1", "", {}, b"{}", ahead=ahead)
    assert (turn.course, turn.asked.request_id) == (course, ahead[0])
    assert len(bench.faults.asked) == 1, "a fault counts it once"
