from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from replay.outcome import Failure
from replay.pool import MAX_DIALING, SPARE, Pool, PoolLimits
from replay.wire import Wire


class ScriptedTransport(asyncio.Transport):
    is_aborted = False

    def write(self, data: Any) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True


@dataclass
class ScriptedDial:
    """Handshakes that end when the test says so."""

    open: list[tuple[Callable[[], Wire], asyncio.Future[None]]] = field(default_factory=list)

    async def __call__(self, factory: Callable[[], Wire]) -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.open.append((factory, answer))
        await answer
        factory().connection_made(ScriptedTransport())

    async def succeed(self, count: int = 1) -> None:
        for _ in range(count):
            self.open.pop(0)[1].set_result(None)
        await turns()

    async def fail(self, error: Exception) -> None:
        self.open.pop(0)[1].set_exception(error)
        await turns()


async def turns() -> None:
    """Enough turns of the loop for every handshake that can go on to have gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


@dataclass
class ScriptedOwner:
    told: list[tuple[object, ...]] = field(default_factory=list)

    def on_outcome(
        self,
        pool: Pool,
        wire: Wire,
        index: int,
        status: int,
        failure: Failure,
        body_bytes: int,
        done_ns: int,
    ) -> None:
        self.told.append(("outcome", index, failure))

    def on_available(self, pool: Pool) -> None:
        self.told.append(("available", len(pool.idle)))

    def on_dial_failed(self, pool: Pool, failure: Failure, started_ns: int) -> None:
        self.told.append(("failed", failure, started_ns))


@dataclass
class Scene:
    pool: Pool
    dial: ScriptedDial
    owner: ScriptedOwner


@asynccontextmanager
async def scene(connections: int = 100) -> AsyncIterator[Scene]:
    dial, owner = ScriptedDial(), ScriptedOwner()
    async with asyncio.TaskGroup() as tasks:
        made: list[asyncio.Task[None]] = []
        pool = Pool(
            dial,
            owner,
            lambda work: made.append(tasks.create_task(work)),
            lambda: 42,
            PoolLimits(connections),
        )
        yield Scene(pool, dial, owner)
        for task in made:
            task.cancel()


async def test_taking_grows_the_pool_ahead_of_need() -> None:
    async with scene() as s:
        assert s.pool.take() is None
        await turns()
        assert len(s.dial.open) == SPARE + 1
        await s.dial.succeed(SPARE + 1)
        assert [s.pool.take() is not None for _ in range(SPARE + 2)] == [True] * (SPARE + 1) + [
            False
        ]


async def test_the_connection_used_last_is_used_first() -> None:
    async with scene(connections=2) as s:
        s.pool.take()
        await turns()
        await s.dial.succeed(2)
        first, second = s.pool.idle
        assert s.pool.take() is second
        assert s.pool.take() is first


async def test_no_more_connections_than_allowed() -> None:
    async with scene(connections=3) as s:
        for number in range(10):
            assert s.pool.take() is None
            s.pool.wait(number, 0, 0, b"")
        await turns()
        assert len(s.dial.open) == 3
        assert s.pool.room == 0
        await s.dial.succeed(3)
        assert len(s.dial.open) == 0


async def test_no_more_handshakes_at_once_than_a_target_bears() -> None:
    async with scene(connections=1_000) as s:
        for number in range(200):
            s.pool.wait(number, 0, 0, b"")
        await turns()
        assert len(s.dial.open) == MAX_DIALING
        await s.dial.succeed(5)
        await s.dial.fail(ConnectionRefusedError())
        assert len(s.dial.open) == MAX_DIALING  # 200 still wait: nobody took what was opened


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionRefusedError(), Failure.REFUSED),
        (OSError(113, "no route"), Failure.REFUSED),
        (TimeoutError(), Failure.TIMEOUT),
        (TimeoutError(110, "Connection timed out"), Failure.TIMEOUT),
    ],
    ids=["refused", "no route", "our timeout", "the system's timeout"],
)
async def test_a_failed_handshake_is_told_and_its_place_given_back(
    error: Exception, failure: Failure
) -> None:
    async with scene(connections=1) as s:
        s.pool.take()
        await turns()
        assert s.pool.room == 0
        await s.dial.fail(error)
        assert s.owner.told == [("failed", failure, 42)]
        assert s.pool.room > 0


async def test_a_connection_that_ends_at_once_is_a_refusal() -> None:
    class Slammed(ScriptedDial):
        async def __call__(self, factory: Callable[[], Wire]) -> None:
            wire = factory()
            wire.connection_made(ScriptedTransport())
            wire.connection_lost(None)

    owner = ScriptedOwner()
    async with asyncio.TaskGroup() as tasks:
        pool = Pool(Slammed(), owner, tasks.create_task, lambda: 42, PoolLimits(1))
        pool.take()
    assert ("failed", Failure.REFUSED, 42) in owner.told
    assert pool.wires == set()
    assert pool.room > 0


async def test_a_lost_connection_makes_room_and_says_so() -> None:
    async with scene(connections=1) as s:
        s.pool.take()
        await turns()
        await s.dial.succeed()
        (wire,) = s.pool.wires
        s.owner.told.clear()
        wire.connection_lost(None)
        assert s.pool.idle == []
        assert s.owner.told == [("available", 0)]
        assert s.pool.room > 0


async def test_a_connection_that_is_ending_is_not_taken() -> None:
    async with scene(connections=2) as s:
        s.pool.take()
        await turns()
        await s.dial.succeed(2)
        alive, ending = s.pool.idle
        ending.eof_received()
        assert s.pool.take() is alive
        ending.connection_lost(None)
        assert s.pool.wires == {alive}


async def test_closing_ends_what_is_in_flight() -> None:
    async with scene(connections=2) as s:
        s.pool.take()
        await turns()
        await s.dial.succeed(2)
        busy = s.pool.take()
        assert busy is not None
        busy.send(9, b"GET", 0, 0)
        s.owner.told.clear()
        s.pool.close()
        assert s.owner.told == [("outcome", 9, Failure.CANCELLED)]
        assert not any(wire.is_open for wire in s.pool.wires)


async def test_warming_opens_that_many_and_counts_them() -> None:
    async with scene(connections=3) as s:
        warming = asyncio.get_running_loop().create_task(s.pool.warm(5, 1.0))
        await turns()
        assert s.pool.room == 0
        await s.dial.succeed(3)
        assert await warming is None
        assert len(s.pool.idle) == 3


async def test_warming_is_well_when_some_connections_came() -> None:
    async with scene(connections=3) as s:
        warming = asyncio.get_running_loop().create_task(s.pool.warm(3, 1.0))
        await turns()
        await s.dial.fail(ConnectionRefusedError())
        await s.dial.fail(TimeoutError())
        await s.dial.succeed()
        assert await warming is None
        assert s.pool.room > 0


async def test_warming_tells_why_no_connection_came() -> None:
    async with scene(connections=3) as s:
        warming = asyncio.get_running_loop().create_task(s.pool.warm(2, 1.0))
        await turns()
        await s.dial.fail(ConnectionRefusedError("nobody there"))
        await s.dial.fail(ConnectionRefusedError())
        assert str(await warming) == "nobody there"


async def test_warming_waits_no_longer_than_it_may() -> None:
    async with scene() as s:
        error = await s.pool.warm(2, 0.0)
        assert isinstance(error, TimeoutError)
        assert s.pool.wires == set()


async def test_warming_nothing_is_well() -> None:
    async with scene() as s:
        assert await s.pool.warm(0, 1.0) is None


async def test_a_handshake_that_is_given_up_leaves_no_connection() -> None:
    transport = ScriptedTransport()

    async def dial(factory: Callable[[], Wire]) -> None:
        factory().connection_made(transport)
        await asyncio.get_running_loop().create_future()

    owner = ScriptedOwner()
    async with asyncio.TaskGroup() as tasks:
        made: list[asyncio.Task[None]] = []
        pool = Pool(
            dial, owner, lambda w: made.append(tasks.create_task(w)), lambda: 42, PoolLimits(1)
        )
        pool.take()
        await turns()
        made[0].cancel()
    assert transport.is_aborted
    assert pool.wires == set()


async def test_the_repr_shows_the_state() -> None:
    async with scene(connections=2) as s:
        s.pool.wait(0, 0, 0, b"")
        await turns()
        assert repr(s.pool) == "<Pool 0 open, 0 idle, 1 dialing, 1 waiting>"
