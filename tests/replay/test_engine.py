"""The engine over real pools and wires, on a manual clock, against a scripted target."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.engine import BURST, SENT_ROW, Engine
from replay.outcome import Failure
from replay.plan import Column, PlanPart, link_lanes
from replay.pool import Pool, PoolLimits
from replay.prepare import Prepared
from replay.retry import Retries, RetryPolicy
from replay.wire import Wire

MS = 1_000_000
T0 = 1_000 * MS
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSES = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Answer:
    """What the target does with a request: bytes after a while, and maybe the end."""

    after_ms: float = 1
    data: bytes = OK
    ends: bool = False


HANGS = Answer(after_ms=1e12)
RESETS = Answer(data=b"", ends=True)
ENDS_AFTER = Answer(data=CLOSES, ends=True)
GARBAGE = Answer(data=b"garbage")


@dataclass
class ManualTime:
    """A clock that stands still until the next thing happens, and the list of those things."""

    now_ns: int = T0
    things: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    number: count[int] = field(default_factory=count)

    def read(self) -> int:
        return self.now_ns

    def later(self, after_ns: int, call: Callable[[], None]) -> None:
        heapq.heappush(self.things, (self.now_ns + after_ns, next(self.number), call))


@dataclass
class ScriptedTicker:
    at_ns: int | None = None

    def arm(self, at_ns: int) -> None:
        self.at_ns = at_ns

    def close(self) -> None:
        self.at_ns = None


class ScriptedTransport(asyncio.Transport):
    """A connection to the scripted target."""

    def __init__(self, play: Play, wire: Wire) -> None:
        self._play = play
        self._wire = wire
        self._is_closed = False

    def write(self, data: Any) -> None:
        assert not self._is_closed
        position = int(data)
        play = self._play
        attempt = sum(1 for _, sent in play.sent if sent == position)
        play.sent.append((play.time.now_ns - T0, position))
        answer = play.answers.get(position, Answer())
        if attempt:
            answer = play.later.get((position, attempt), Answer())
        self._play.time.later(int(answer.after_ms * MS), lambda: self._answer(answer))

    def _answer(self, answer: Answer) -> None:
        if self._is_closed:
            return
        if answer.data:
            self._wire.data_received(answer.data)
        if answer.ends and not self._is_closed:
            self._is_closed = True
            self._wire.eof_received()
            self._play.time.later(0, lambda: self._wire.connection_lost(None))

    def abort(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._play.time.later(0, lambda: self._wire.connection_lost(None))

    def get_write_buffer_size(self) -> int:
        return 0


Dialled = float | tuple[float, Exception]
"""Milliseconds that a handshake takes, and maybe how it fails."""


@dataclass
class Play:
    """One plan, played to its end or to `until_ms`.

    due_ms, lanes: the plan.   answers: by position, `Answer()` where not given.
    dials: what the n-th handshake does, the last one for ever; by default at once.
    at: what happens when, in ms from the start.
    """

    due_ms: Sequence[float]
    lanes: Sequence[int]
    answers: Mapping[int, Answer] = field(default_factory=dict)
    later: Mapping[tuple[int, int], Answer] = field(default_factory=dict)
    """What becomes of attempt 1, 2, … at a position."""
    retry: RetryPolicy | None = None
    speed: float = 1.0
    dials: Sequence[Dialled] = (0.0,)
    connections: int = 1_000
    is_paced: bool = True
    timeout_ms: float = 1e9
    capacity: int = 65_536
    warm: int = 0
    pools: int = 1
    at: Mapping[float, Callable[[Engine], None]] = field(default_factory=dict)
    time: ManualTime = field(default_factory=ManualTime)
    ticker: ScriptedTicker = field(default_factory=ScriptedTicker)
    sent: list[tuple[int, int]] = field(default_factory=list)
    """(ns from the start, position) of each request that reached the target."""
    flushes: list[bytes] = field(default_factory=list)
    finished_at: list[int] = field(default_factory=list)
    prepared: list[int] = field(default_factory=list)
    asked_again: list[tuple[int, int]] = field(default_factory=list)
    dialled: int = 0
    under_way: int = 0
    """Handshakes that take time, and so wait for the clock."""
    most_open: int = 0

    def prepare(self, start: int, stop: int) -> list[Prepared]:
        part = self.part
        self.prepared += range(start, stop)
        return [
            (int(part.due_ns[at]), at, int(part.prev[at]), at % self.pools, b"%d" % at)
            for at in range(start, stop)
        ]

    def one(self, position: int) -> Prepared:
        return self.prepare(position, position + 1)[0]

    def again(self, position: int, attempt: int) -> tuple[int, bytes]:
        self.asked_again.append((position, attempt))
        return position % self.pools, b"%d" % position

    async def dial(self, factory: Callable[[], Wire]) -> None:
        script = self.dials[min(self.dialled, len(self.dials) - 1)]
        self.dialled += 1
        after_ms, error = script if isinstance(script, tuple) else (script, None)
        if after_ms:
            arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.under_way += 1
            self.time.later(int(after_ms * MS), lambda: self._arrive(arrived))
            await arrived
        if error is not None:
            raise error
        wire = factory()
        wire.connection_made(ScriptedTransport(self, wire))

    async def run(self, until_ms: float = 1e6) -> Engine:
        zeros = np.zeros(len(self.due_ms), dtype=np.int64)
        due_ns = (np.array(self.due_ms) * MS).astype(np.int64) if self.is_paced else zeros
        lane: Column = np.array(self.lanes, dtype=np.uint32)
        self.part = PlanPart(due_ns, due_ns // MS, zeros, zeros, lane, *link_lanes(lane))
        engine = Engine(
            self.part,
            self,
            self.time.read,
            is_paced=self.is_paced,
            timeout_ns=int(self.timeout_ms * MS),
            on_rows=self.flushes.append,
            on_finished=lambda: self.finished_at.append(self.time.now_ns - T0),
            capacity=self.capacity,
            retries=None if self.retry is None else Retries(self.retry, self.speed),
        )
        tasks: set[asyncio.Task[None]] = set()

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            tasks.add(asyncio.get_running_loop().create_task(work))

        limits = PoolLimits(self.connections)
        pools = [Pool(self.dial, engine, spawn, self.time.read, limits) for _ in range(self.pools)]
        engine.attach(pools, self.ticker)
        for pool in pools:
            assert await pool.warm(self.warm, 1.0) is None
        for at_ms, call in self.at.items():
            self.time.later(int(at_ms * MS), lambda call=call: call(engine))  # type: ignore[misc]
        engine.start(T0)
        while self._turn(engine, until_ms):
            # A handshake takes some turns of the loop, but no time.
            while sum(not task.done() for task in tasks) > self.under_way:  # noqa: ASYNC110
                await asyncio.sleep(0)
            self.most_open = max(self.most_open, *(len(pool.wires) for pool in pools))
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [r for r in results if isinstance(r, Exception)]
        return engine

    def _turn(self, engine: Engine, until_ms: float) -> bool:
        """Go to the next thing that happens. False when there is none."""
        if self.ticker.at_ns is not None and not self.finished_at:
            at_ns, self.ticker.at_ns = self.ticker.at_ns, None
            self.time.later(max(0, at_ns - self.time.now_ns), engine.on_tick)
        if not self.time.things or self.time.things[0][0] > T0 + until_ms * MS:
            return False
        at_ns, _, call = heapq.heappop(self.time.things)
        self.time.now_ns = at_ns
        call()
        return True

    def _arrive(self, arrived: asyncio.Future[None]) -> None:
        self.under_way -= 1
        if not arrived.done():
            arrived.set_result(None)

    @property
    def rows(self) -> Column:
        rows = np.frombuffer(b"".join(self.flushes), dtype=SENT_ROW)
        return rows[np.argsort(rows["position"], kind="stable")]

    @property
    def failures(self) -> list[Failure]:
        return [Failure(code) for code in self.rows["failure"]]


async def test_requests_leave_when_they_are_due_in_due_order() -> None:
    play = Play(due_ms=[0, 5, 5, 9], lanes=[0, 1, 2, 3])
    await play.run()
    assert play.sent == [(0, 0), (5 * MS, 1), (5 * MS, 2), (9 * MS, 3)]
    assert play.rows["status"].tolist() == [200] * 4
    assert play.rows["bytes"].tolist() == [2] * 4
    assert play.rows["held"].tolist() == [0] * 4
    assert play.rows["ready_ns"].tolist() == [0] * 4
    assert (play.rows["sent_ns"] - T0).tolist() == [0, 5 * MS, 5 * MS, 9 * MS]
    assert (play.rows["done_ns"] - T0).tolist() == [1 * MS, 6 * MS, 6 * MS, 10 * MS]
    assert play.finished_at == [10 * MS]


async def test_nothing_leaves_before_the_start() -> None:
    play = Play(due_ms=[0], lanes=[0], is_paced=False)
    play.time.now_ns = T0 - 50 * MS
    await play.run()
    assert play.sent == [(0, 0)]


async def test_a_slow_answer_holds_its_own_user_and_nobody_else() -> None:
    play = Play(
        due_ms=[0, 1, 2, 3, 30], lanes=[7, 8, 7, 8, 7], answers={0: Answer(after_ms=20)}, warm=4
    )
    await play.run()
    assert play.sent == [(0, 0), (1 * MS, 1), (3 * MS, 3), (20 * MS, 2), (30 * MS, 4)]
    assert play.rows["held"].tolist() == [0, 0, 1, 0, 0]
    assert play.rows["ready_ns"].tolist() == [0, 0, T0 + 20 * MS, 0, 0]


async def test_a_user_may_be_held_again_and_again() -> None:
    slow = Answer(after_ms=10)
    play = Play(due_ms=[0, 1, 2, 3], lanes=[0] * 4, answers=dict.fromkeys(range(4), slow), warm=1)
    await play.run()
    assert play.sent == [(0, 0), (10 * MS, 1), (20 * MS, 2), (30 * MS, 3)]
    assert play.rows["held"].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("answer", [RESETS, GARBAGE, ENDS_AFTER], ids=["reset", "junk", "close"])
async def test_a_held_request_follows_a_failure_too(answer: Answer) -> None:
    play = Play(due_ms=[0, 0], lanes=[0, 0], answers={0: answer})
    await play.run()
    assert [position for _, position in play.sent] == [0, 1]
    assert play.rows["held"].tolist() == [0, 1]


async def test_a_full_pool_makes_requests_wait_in_order() -> None:
    slow = Answer(after_ms=10)
    play = Play(
        due_ms=[0, 1, 2, 3],
        lanes=[0, 1, 2, 3],
        answers=dict.fromkeys(range(4), slow),
        connections=1,
    )
    await play.run()
    assert play.sent == [(0, 0), (10 * MS, 1), (20 * MS, 2), (30 * MS, 3)]
    assert play.most_open == 1
    assert play.rows["held"].tolist() == [0] * 4  # it was the pool they waited for, not their user


@pytest.mark.parametrize("is_paced", [True, False], ids=["paced", "max"])
@pytest.mark.parametrize("connections", [1, 3, 50])
async def test_a_target_that_closes_after_each_answer_is_dialled_anew(
    is_paced: bool, connections: int
) -> None:
    requests = 40
    play = Play(
        due_ms=[0] * requests,
        lanes=list(range(requests)),
        answers=dict.fromkeys(range(requests), ENDS_AFTER),
        connections=connections,
        is_paced=is_paced,
    )
    await play.run()
    assert play.rows["status"].tolist() == [200] * requests
    assert play.most_open <= connections
    assert len(play.finished_at) == 1


REFUSED = (1.0, ConnectionRefusedError())
NO_ANSWER = (3_000.0, TimeoutError())
DIAL_FAILURES = {
    "refused": ((REFUSED,), Failure.REFUSED),
    "unreachable": (((1.0, OSError(101, "unreachable")),), Failure.REFUSED),
    "no answer": ((NO_ANSWER,), Failure.TIMEOUT),
    "refused at once": (((0.0, ConnectionRefusedError()),), Failure.REFUSED),
}


@pytest.mark.parametrize("is_paced", [True, False], ids=["paced", "max"])
@pytest.mark.parametrize(("dials", "failure"), DIAL_FAILURES.values(), ids=DIAL_FAILURES)
async def test_a_target_that_refuses_everything_ends_the_plan(
    dials: tuple[Dialled, ...], failure: Failure, is_paced: bool
) -> None:
    requests = 300
    play = Play(
        due_ms=[at // 100 for at in range(requests)],
        lanes=[at // 2 for at in range(requests)],
        dials=dials,
        is_paced=is_paced,
    )
    await play.run()
    assert play.rows["position"].tolist() == list(range(requests))
    assert play.failures == [failure] * requests
    assert len(play.finished_at) == 1
    assert (play.rows["sent_ns"] >= T0).all()
    assert (play.rows["done_ns"] >= play.rows["sent_ns"]).all()


async def test_one_failed_handshake_ends_one_request() -> None:
    play = Play(due_ms=[0, 0, 0], lanes=[0, 1, 2], dials=(REFUSED, 2.0))
    await play.run()
    assert play.failures == [Failure.REFUSED, Failure.NONE, Failure.NONE]


async def test_a_failed_spare_handshake_ends_nothing() -> None:
    play = Play(due_ms=[0, 10], lanes=[0, 1], dials=(0.0, REFUSED))
    await play.run()
    assert play.failures == [Failure.NONE, Failure.NONE]


async def test_a_request_that_waits_longest_goes_first() -> None:
    play = Play(due_ms=[0, 1, 2], lanes=[0, 1, 2], dials=(50.0,), connections=2)
    await play.run()
    assert [position for _, position in play.sent] == [0, 1, 2]


async def test_more_may_wait_than_are_dialled_for_at_once() -> None:
    """Slow answers: each waiting request needs a connection of its own."""
    requests = 100
    play = Play(
        due_ms=[0] * requests,
        lanes=list(range(requests)),
        answers=dict.fromkeys(range(requests), Answer(after_ms=10_000)),
        dials=(1.0,),
    )
    await play.run()
    assert len(play.rows) == requests
    assert max(at for at, _ in play.sent) < 20 * MS


async def test_an_idle_connection_that_has_just_ended_is_not_used() -> None:
    play = Play(due_ms=[0, 5], lanes=[0, 1], answers={0: Answer(ends=True)}, connections=1)
    await play.run()
    assert play.failures == [Failure.NONE, Failure.NONE]
    assert play.dialled == 2


async def test_the_read_timeout_ends_a_request_and_lets_its_user_go_on() -> None:
    sweeps = {float(at): Engine.sweep for at in range(0, 100, 10)}
    play = Play(due_ms=[0, 1, 2], lanes=[0, 0, 1], answers={0: HANGS}, timeout_ms=25, at=sweeps)
    await play.run(until_ms=100)
    assert play.failures == [Failure.TIMEOUT, Failure.NONE, Failure.NONE]
    assert (play.rows["done_ns"][0] - T0) == 30 * MS
    assert play.sent[-1] == (30 * MS, 1)


async def test_after_stop_nothing_more_leaves_and_what_is_in_flight_may_end() -> None:
    play = Play(
        due_ms=[0, 1, 2, 50],
        lanes=[0, 0, 1, 2],
        answers={0: Answer(after_ms=30), 2: Answer(after_ms=40)},
        at={10: Engine.stop},
    )
    engine = await play.run()
    assert [position for _, position in play.sent] == [0, 2]
    assert play.rows["position"].tolist() == [0, 2]
    assert play.failures == [Failure.NONE, Failure.NONE]
    assert play.finished_at == [42 * MS]
    assert engine.sent == 2


async def test_cancel_ends_what_is_in_flight_now() -> None:
    play = Play(due_ms=[0, 1, 50], lanes=[0, 0, 1], answers={0: HANGS}, at={10: Engine.cancel})
    await play.run(until_ms=100)
    assert play.rows["position"].tolist() == [0]
    assert play.failures == [Failure.CANCELLED]
    assert play.finished_at == [10 * MS]


@pytest.mark.parametrize("call", [Engine.stop, Engine.cancel], ids=["stop", "cancel"])
async def test_stop_and_cancel_may_come_twice_or_while_handshakes_are_under_way(
    call: Callable[[Engine], None],
) -> None:
    play = Play(due_ms=[0, 1], lanes=[0, 1], dials=(20.0,), at={10: call, 11: call, 30: call})
    await play.run()
    assert play.sent == []
    assert len(play.rows) == 0
    assert play.finished_at == [10 * MS]


@pytest.mark.parametrize("is_paced", [True, False], ids=["paced", "max"])
async def test_an_empty_plan_is_over_at_once(is_paced: bool) -> None:
    play = Play(due_ms=[], lanes=[], is_paced=is_paced)
    await play.run()
    assert play.finished_at == [0]
    assert play.flushes == []


async def test_rows_are_handed_over_before_the_room_for_them_is_full() -> None:
    play = Play(due_ms=[0] * 10, lanes=list(range(10)), capacity=4)
    await play.run()
    assert [len(flush) // SENT_ROW.itemsize for flush in play.flushes] == [4, 4, 2]
    assert play.rows["position"].tolist() == list(range(10))


async def test_max_keeps_as_many_in_flight_as_there_are_connections() -> None:
    play = Play(
        due_ms=[0] * 40,
        lanes=list(range(40)),
        connections=4,
        is_paced=False,
        warm=4,
    )
    await play.run()
    assert [at for at, _ in play.sent] == [wave * MS for wave in range(10) for _ in range(4)]


@pytest.mark.parametrize("is_paced", [True, False], ids=["paced", "max"])
async def test_answers_are_read_between_bursts(is_paced: bool) -> None:
    """However much is due at once, the loop comes round to answers that are already there."""
    requests = 5 * BURST
    prepared: list[int] = []
    play = Play(
        due_ms=[0] * requests,
        lanes=[0] * requests if not is_paced else list(range(requests)),
        is_paced=is_paced,
        warm=1_000,
        at={0: lambda _: prepared.append(len(play.prepared))},
    )
    play.time.later(0, lambda: prepared.append(len(play.prepared)))
    await play.run(until_ms=1e9)
    assert max(prepared) <= 2 * BURST
    assert len(play.rows) == requests


async def test_pools_do_not_wait_for_one_another() -> None:
    play = Play(
        due_ms=[0, 0, 1, 1],
        lanes=[0, 1, 2, 3],
        pools=2,
        connections=1,
        answers={0: Answer(after_ms=50)},
    )
    await play.run()
    assert play.sent == [(0, 0), (0, 1), (1 * MS, 3), (50 * MS, 2)]


async def test_the_repr_shows_the_state() -> None:
    engine = await Play(due_ms=[0, 1], lanes=[0, 1]).run()
    assert repr(engine) == "<Engine 2/2 ended, 0 in flight>"


ANSWERS = st.sampled_from([Answer(), RESETS, GARBAGE, ENDS_AFTER, Answer(ends=True), HANGS])
SLOWER = st.builds(Answer, after_ms=st.floats(0, 60), ends=st.booleans())
DIALS = st.one_of(st.floats(0, 30), st.sampled_from([REFUSED, NO_ANSWER, (0.0, OSError())]))


@settings(deadline=None)
@given(
    plan=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=60),
    answers=st.dictionaries(st.integers(0, 59), st.one_of(ANSWERS, SLOWER)),
    dials=st.lists(DIALS, max_size=8),
    last_dial=DIALS,
    connections=st.integers(1, 10),
    warm=st.integers(0, 3),
    pools=st.integers(1, 2),
    is_paced=st.booleans(),
)
def test_every_request_ends_exactly_once_in_its_users_order_and_never_early(
    plan: list[tuple[int, int]],
    answers: dict[int, Answer],
    dials: list[Dialled],
    last_dial: Dialled,
    connections: int,
    warm: int,
    pools: int,
    is_paced: bool,
) -> None:
    plan.sort(key=lambda entry: entry[0])
    lanes = [lane for _, lane in plan]
    play = Play(
        due_ms=[due for due, _ in plan],
        lanes=lanes,
        answers=answers,
        dials=[*[0.0] * warm * pools, *dials, last_dial],
        connections=max(connections, warm),
        warm=warm,
        pools=pools,
        is_paced=is_paced,
        timeout_ms=100,
        at={float(at): Engine.sweep for at in range(0, 300_000, 3_000)},
    )
    asyncio.run(_run(play))
    rows = play.rows
    assert rows["position"].tolist() == list(range(len(plan)))
    assert len(play.finished_at) == 1
    assert (rows["done_ns"] >= rows["sent_ns"]).all()
    if is_paced:
        assert (rows["sent_ns"] - T0 >= play.part.due_ns).all()
    assert ((rows["status"] > 0) == (rows["failure"] == 0)).all()
    assert play.most_open <= play.connections
    for lane in set(lanes):
        mine = rows[np.flatnonzero(np.array(lanes) == lane)]
        assert (mine["sent_ns"][1:] >= mine["done_ns"][:-1]).all()
        held = mine[mine["held"] == 1]
        assert np.isin(held["ready_ns"], mine["done_ns"]).all()
        assert [at for _, at in play.sent if lanes[at] == lane] == sorted(
            at for _, at in play.sent if lanes[at] == lane
        )


async def _run(play: Play) -> None:
    await play.run(until_ms=1e6)


BUSY = Answer(data=b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


async def test_a_failed_request_is_tried_again_and_is_still_one_outcome() -> None:
    play = Play(
        due_ms=[0, 5],
        lanes=[0, 1],
        answers={0: BUSY},
        later={(0, 1): RESETS},
        retry=RetryPolicy(times=3, after_ms=100, factor=2),
    )
    await play.run()
    # 1 ms of answer, 100 ms of waiting; then 1 ms and 200 ms more.
    assert play.sent == [(0, 0), (5 * MS, 1), (101 * MS, 0), (302 * MS, 0)]
    assert play.asked_again == [(0, 1), (0, 2)]
    assert play.rows["retries"].tolist() == [2, 0]
    assert play.rows["status"].tolist() == [200, 200]
    assert (play.rows["sent_ns"] - T0).tolist() == [0, 5 * MS]
    assert (play.rows["done_ns"] - T0).tolist() == [303 * MS, 6 * MS]
    assert play.finished_at == [303 * MS]


async def test_when_every_attempt_fails_the_last_one_counts() -> None:
    play = Play(
        due_ms=[0],
        lanes=[0],
        answers={0: BUSY},
        later={(0, 1): BUSY, (0, 2): RESETS},
        retry=RetryPolicy(times=2, after_ms=10),
    )
    await play.run()
    assert play.rows["status"].tolist() == [0]
    assert play.failures == [Failure.RESET]
    assert play.rows["retries"].tolist() == [2]


async def test_waiting_to_try_again_is_recorded_time() -> None:
    retry = RetryPolicy(after_ms=600)
    play = Play(due_ms=[0], lanes=[0], answers={0: BUSY}, retry=retry, speed=60.0)
    await play.run()
    assert play.sent == [(0, 0), (11 * MS, 0)]


async def test_without_a_pace_it_is_tried_again_at_once() -> None:
    retry = RetryPolicy(after_ms=600)
    play = Play(
        due_ms=[0] * 3,
        lanes=[0, 0, 1],
        answers={0: BUSY},
        retry=retry,
        speed=float("inf"),
        is_paced=False,
        warm=1,
        connections=1,
    )
    await play.run()
    assert play.rows["retries"].tolist() == [1, 0, 0]
    assert play.rows["status"].tolist() == [200] * 3
    order = [position for _, position in play.sent]
    assert order.index(1) > max(at for at, position in enumerate(order) if position == 0)


async def test_a_users_next_request_waits_for_the_last_attempt() -> None:
    retry = RetryPolicy(after_ms=50)
    play = Play(due_ms=[0, 10, 20], lanes=[0, 0, 1], answers={0: BUSY}, retry=retry)
    await play.run()
    assert play.sent == [(0, 0), (20 * MS, 2), (51 * MS, 0), (52 * MS, 1)]
    assert play.rows["held"].tolist() == [0, 1, 0]
    assert play.rows["ready_ns"].tolist() == [0, T0 + 52 * MS, 0]


async def test_what_is_not_worth_it_is_not_tried_again() -> None:
    retry = RetryPolicy(failures=frozenset(), statuses=frozenset({429}))
    answers = {0: BUSY, 1: RESETS}
    play = Play(due_ms=[0, 1], lanes=[0, 1], answers=answers, retry=retry)
    await play.run()
    assert [position for _, position in play.sent] == [0, 1]
    assert play.rows["retries"].tolist() == [0, 0]


async def test_a_refused_connection_is_tried_again_too() -> None:
    retry = RetryPolicy(after_ms=30)
    dials = [(0.0, ConnectionRefusedError())] * 6 + [0.0]
    play = Play(due_ms=[0], lanes=[0], dials=dials, retry=retry, connections=1)
    await play.run()
    assert play.rows["retries"].tolist() == [1]
    assert play.rows["status"].tolist() == [0]
    assert play.failures == [Failure.REFUSED]


@pytest.mark.parametrize("how", [Engine.stop, Engine.cancel])
async def test_a_run_that_stops_records_who_still_waited(how: Callable[[Engine], None]) -> None:
    play = Play(
        due_ms=[0],
        lanes=[0],
        answers={0: BUSY},
        later={(0, 1): BUSY},
        retry=RetryPolicy(times=5, after_ms=100),
        at={150: how},
    )
    await play.run()
    # Tried twice, and a third attempt never was.
    assert play.rows["retries"].tolist() == [1]
    assert play.rows["status"].tolist() == [503]
    assert (play.rows["done_ns"] - T0).tolist() == [102 * MS]
    assert play.finished_at == [150 * MS]


async def test_a_run_that_stops_records_an_attempt_that_had_no_connection_yet() -> None:
    play = Play(
        due_ms=[0, 90],
        lanes=[0, 1],
        answers={0: BUSY, 1: Answer(after_ms=100)},
        retry=RetryPolicy(times=5, after_ms=100),
        connections=1,
        at={150: Engine.stop},
    )
    await play.run()
    assert play.sent == [(0, 0), (90 * MS, 1)]
    assert play.rows["position"].tolist() == [0, 1]
    assert play.rows["retries"].tolist() == [0, 0]
    assert play.rows["status"].tolist() == [503, 200]


@given(
    due_ms=st.lists(st.integers(0, 30), min_size=1, max_size=12).map(sorted),
    lanes=st.lists(st.integers(0, 3), min_size=12, max_size=12),
    fates=st.lists(st.sampled_from([Answer(), BUSY, RESETS, GARBAGE]), min_size=48, max_size=48),
    times=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_however_attempts_fare_each_request_ends_once_and_in_order(
    due_ms: list[int], lanes: list[int], fates: list[Answer], times: int
) -> None:
    count = len(due_ms)
    later = {(at, attempt): fates[12 * attempt + at] for at in range(12) for attempt in (1, 2, 3)}
    play = Play(
        due_ms=due_ms,
        lanes=lanes[:count],
        answers=dict(enumerate(fates[:12])),
        later=later,
        retry=RetryPolicy(times=times, after_ms=7),
    )
    asyncio.run(play.run())
    assert play.rows["position"].tolist() == list(range(count))
    for at in range(count):
        attempts = [fates[12 * attempt + at] for attempt in range(times + 1)]
        good = [number for number, fate in enumerate(attempts) if fate == Answer()]
        assert play.rows["retries"][at] == (good[0] if good else times)
    for lane in set(lanes[:count]):
        order = [position for _, position in play.sent if lanes[position] == lane]
        assert order == sorted(order)
