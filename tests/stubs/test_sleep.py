"""The stubs' sleep: on a ticker and a clock turned by hand, then on the real timer."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable

import pytest
import uvloop

from stubs.sleep import FEW, PreciseSleep

MS = 1_000_000
MANY = 10_000


class ManualTime:
    """A clock and the ticker that lives by it, turned by the test."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.armed_ns: int | None = None
        self.armings = 0
        self.is_closed = False
        self._callback: Callable[[], None] = lambda: None

    def open(
        self,
        loop: asyncio.AbstractEventLoop,
        callback: Callable[[], None],
        now_ns: Callable[[], int],
    ) -> ManualTime:
        self._callback = callback
        return self

    def arm(self, at_ns: int) -> None:
        self.armed_ns = at_ns
        self.armings += 1

    def close(self) -> None:
        self.is_closed = True

    async def turn_to(self, now_ns: int) -> None:
        """Let the time pass, firing where armed, and let those who woke go on."""
        while self.armed_ns is not None and self.armed_ns <= now_ns:
            self.now_ns, self.armed_ns = max(self.armed_ns, self.now_ns), None
            self._callback()
        self.now_ns = now_ns
        await settle()


async def settle() -> None:
    """Until all that can go on has gone on: a task needs two turns of the loop, and some spare."""
    for _ in range(5):
        await asyncio.sleep(0)


def make_sleep() -> tuple[PreciseSleep, ManualTime]:
    manual = ManualTime()
    return PreciseSleep(manual.open, lambda: manual.now_ns), manual


async def note(sleep: PreciseSleep, seconds: float, woken: list[float]) -> None:
    await sleep(seconds)
    woken.append(seconds)


async def test_waits_end_in_order_of_their_time_however_they_began() -> None:
    sleep, manual = make_sleep()
    woken: list[float] = []
    async with asyncio.TaskGroup() as group:
        for seconds in (0.030, 0.010, 0.020, 0.010):
            group.create_task(note(sleep, seconds, woken))
        await settle()
        await manual.turn_to(9 * MS)
        assert woken == []
        await manual.turn_to(10 * MS)
        assert woken == [0.010, 0.010]
        await manual.turn_to(100 * MS)
    assert woken == [0.010, 0.010, 0.020, 0.030]
    assert sleep.waiting == 0


async def test_a_wait_counts_from_when_it_was_asked_for() -> None:
    sleep, manual = make_sleep()
    woken: list[float] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(note(sleep, 0.010, woken))
        await settle()
        await manual.turn_to(8 * MS)
        group.create_task(note(sleep, 0.005, woken))
        await settle()
        await manual.turn_to(12 * MS)
        assert woken == [0.010]
        await manual.turn_to(13 * MS)
    assert woken == [0.010, 0.005]


@pytest.mark.parametrize("seconds", [0, -1, -0.0, float("nan")])
async def test_no_wait_needs_no_timer(seconds: float) -> None:
    sleep, manual = make_sleep()
    await sleep(seconds)
    assert manual.armings == 0


async def test_an_endless_wait_is_a_long_one_that_can_be_cancelled() -> None:
    sleep, _ = make_sleep()
    task = asyncio.Task(sleep(float("inf")))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sleep.waiting == 0


async def test_a_cancelled_wait_leaves_the_others_alone() -> None:
    sleep, manual = make_sleep()
    woken: list[float] = []
    async with asyncio.TaskGroup() as group:
        first = group.create_task(note(sleep, 0.010, woken))
        group.create_task(note(sleep, 0.020, woken))
        await settle()
        first.cancel()
        await settle()
        assert sleep.waiting == 1
        await manual.turn_to(20 * MS)
    assert woken == [0.020]
    assert sleep.waiting == 0


async def test_a_wait_cancelled_just_as_it_ends_is_counted_once() -> None:
    sleep, manual = make_sleep()
    task = asyncio.Task(sleep(0.010))
    await settle()
    manual.now_ns = 10 * MS
    manual._callback()  # due, but the task has not gone on yet
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sleep.waiting == 0


async def test_given_up_waits_do_not_pile_up() -> None:
    sleep, _ = make_sleep()
    stays = asyncio.Task(sleep(3600))
    for _ in range(20):
        tasks = [asyncio.Task(sleep(3000)) for _ in range(FEW)]
        await settle()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(sleep._waits) <= 2 * FEW + 2
    assert sleep.waiting == 1
    stays.cancel()
    await asyncio.gather(stays, return_exceptions=True)


async def test_closing_cancels_whoever_waits_and_lets_the_timer_go() -> None:
    sleep, manual = make_sleep()
    task = asyncio.Task(sleep(1))
    await settle()
    sleep.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert manual.is_closed


async def test_many_waits_arm_the_timer_only_for_a_new_earliest() -> None:
    sleep, manual = make_sleep()
    waits = [n / 1000 for n in range(1, MANY + 1)]
    random.Random(7).shuffle(waits)
    woken: list[float] = []
    async with asyncio.TaskGroup() as group:
        for seconds in waits:
            group.create_task(note(sleep, seconds, woken))
        await settle()
        assert sleep.waiting == MANY
        # In any order, the n-th is a new earliest with a chance of 1 / n: about ln n times.
        assert manual.armings < 60
        await manual.turn_to((MANY + 1) * MS)
    assert woken == sorted(waits)


def test_it_serves_one_loop_only() -> None:
    sleep, _ = make_sleep()

    async def use() -> None:
        task = asyncio.Task(sleep(1))
        await settle()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(use())
    with pytest.raises(RuntimeError, match="one event loop"):
        asyncio.run(sleep(1))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="timerfd is Linux's")
@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_real_timer_is_never_early_and_keeps_the_order(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    woken: list[tuple[int, int]] = []

    async def wait(sleep: PreciseSleep, ms: int) -> None:
        due_ns = time.monotonic_ns() + ms * MS
        await sleep(ms / 1000)
        assert time.monotonic_ns() >= due_ns
        woken.append((due_ns, ms))

    async def use() -> None:
        sleep = PreciseSleep()
        async with asyncio.TaskGroup() as group:
            for ms in (5, 1, 9, 3):
                group.create_task(wait(sleep, ms))
        sleep.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(use())
    assert woken == sorted(woken)
    assert len(woken) == 4
