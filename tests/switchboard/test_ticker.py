from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from switchboard.edge import ticker as module
from switchboard.edge.ticker import LoopTicker, Ticker, TimerfdTicker, choose_ticker

MS = 1_000_000

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="timerfd is Linux's")

OPENERS = {
    "as this Python has it": module._open_timerfd,
    "through libc": module._open_timerfd_by_ctypes,
}


@pytest.fixture(params=[*OPENERS.values()], ids=[*OPENERS])
def timerfd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_open_timerfd", request.param)


@linux_only
@pytest.mark.usefixtures("timerfd")
@pytest.mark.parametrize(
    "at_ns",
    [
        lambda: 0,
        lambda: -1,
        lambda: time.monotonic_ns() - 5 * MS,
        lambda: time.monotonic_ns() + 2 * MS,
    ],
    ids=["the epoch", "before the epoch", "in the past", "in the future"],
)
async def test_a_timerfd_fires_once_and_not_before_its_time(at_ns: Callable[[], int]) -> None:
    fired = asyncio.Event()
    times: list[int] = []

    def fire() -> None:
        times.append(time.monotonic_ns())
        fired.set()

    ticker = TimerfdTicker(asyncio.get_running_loop(), fire)
    due_ns = at_ns()
    ticker.arm(due_ns)
    await asyncio.wait_for(fired.wait(), 10)
    ticker.close()
    assert len(times) == 1
    assert times[0] >= due_ns


@linux_only
@pytest.mark.usefixtures("timerfd")
async def test_a_timerfd_armed_anew_forgets_its_former_time() -> None:
    fired = asyncio.Event()
    ticker = TimerfdTicker(asyncio.get_running_loop(), fired.set)
    ticker.arm(time.monotonic_ns() + 3_600_000 * MS)
    ticker.arm(time.monotonic_ns() + MS)
    await asyncio.wait_for(fired.wait(), 10)
    ticker.close()


@linux_only
@pytest.mark.usefixtures("timerfd")
async def test_a_closed_timerfd_leaves_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of descriptors
    ticker = TimerfdTicker(asyncio.get_running_loop(), lambda: None)
    ticker.arm(time.monotonic_ns())
    ticker.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


class ScriptedLoop:
    """A loop that keeps what it should call, and when."""

    def __init__(self) -> None:
        self.calls: list[ScriptedHandle] = []

    def call_later(self, wait_s: float, call: Callable[[], None]) -> ScriptedHandle:
        self.calls.append(ScriptedHandle(wait_s, call))
        return self.calls[-1]


class ScriptedHandle:
    def __init__(self, wait_s: float, call: Callable[[], None]) -> None:
        self.wait_s = wait_s
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


def loop_ticker(now_ns: list[int]) -> tuple[LoopTicker, Any, list[int]]:
    loop: Any = ScriptedLoop()
    fired: list[int] = []
    return LoopTicker(loop, lambda: fired.append(now_ns[0]), lambda: now_ns[0]), loop, fired


def test_the_loops_timer_waits_for_the_rest_of_the_time() -> None:
    ticker, loop, fired = loop_ticker([7 * MS])
    ticker.arm(10 * MS)
    assert loop.calls[0].wait_s == pytest.approx(0.003)
    assert fired == []


def test_the_loops_timer_fires_at_once_for_the_past() -> None:
    ticker, loop, fired = loop_ticker([7 * MS])
    ticker.arm(3 * MS)
    assert loop.calls[0].wait_s == 0.0
    loop.calls[0].call()
    assert fired == [7 * MS]


def test_the_loops_timer_that_fires_early_waits_again() -> None:
    now_ns = [0]
    ticker, loop, fired = loop_ticker(now_ns)
    ticker.arm(10 * MS)
    now_ns[0] = 10 * MS - 400_000
    loop.calls[0].call()
    assert fired == []
    now_ns[0] = 10 * MS
    loop.calls[1].call()
    assert fired == [10 * MS]


def test_the_loops_timer_holds_one_time_only() -> None:
    ticker, loop, _ = loop_ticker([0])
    ticker.arm(10 * MS)
    ticker.arm(5 * MS)
    assert [call.is_cancelled for call in loop.calls] == [True, False]
    ticker.close()
    ticker.close()
    assert [call.is_cancelled for call in loop.calls] == [True, True]


@linux_only
async def test_linux_has_the_finest_ticker() -> None:
    ticker = choose_ticker(asyncio.get_running_loop(), lambda: None, time.monotonic_ns)
    assert isinstance(ticker, TimerfdTicker)
    ticker.close()


@pytest.mark.parametrize("reason", ["another platform", "no timerfd"])
async def test_without_a_timerfd_the_loops_timer_serves(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> tuple[int, Callable[[int], None]]:
        raise OSError(38, "not implemented")

    if reason == "another platform":
        monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(module, "_open_timerfd", refuse)
    fired = asyncio.Event()
    ticker: Ticker = choose_ticker(asyncio.get_running_loop(), fired.set, time.monotonic_ns)
    assert isinstance(ticker, LoopTicker)
    ticker.arm(time.monotonic_ns() + MS)
    await asyncio.wait_for(fired.wait(), 10)
    ticker.close()
