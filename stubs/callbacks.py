"""Callbacks: the only requests that a stub gateway ever makes, and only to where it may.

A callback waits its recorded time, then goes through the switchboard's guard: this machine, or
hosts and networks that were declared. A name is resolved once, each of its addresses is checked,
and what is dialled is one of them and never the name again, so a name cannot be rebound in between.
What is refused is counted, noted in the journal and never dialled, nor even looked up where its
name is not declared. Callbacks of one answer go one after the other, those of several at once.
Nothing is sent again, no redirect is followed, no proxy asked, no cookie kept.

Floor 1; the clock and the resolver are arguments. Read next: `callback_plan.py`.
"""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import heappop, heappush
from typing import Final

import aiohttp

from stubs.callback_plan import (
    HOPS,
    MOST_HOPS,
    NOBODY,
    CallbackUrl,
    callback_headers,
    check_method,
    parse_callback_url,
    plan_callbacks,
)
from stubs.clock import RecordedClock
from stubs.faults.course import CallbackTwist
from stubs.journal import CALLBACK_ROUTE, Entry, Journal
from stubs.service import Asked, Callback
from switchboard.base_url import authority_of
from switchboard.environment import Environment
from switchboard.errors import GuardError
from switchboard.guard import check_address, check_declared

MOST_WAITING: Final = 10_000
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
"""Of bodies: ten thousand that echo what a caller sent would be ten gigabytes."""
AT_ONCE: Final = 64
TIMEOUT_S: Final = 10.0
_LOOK_AGAIN_S: Final = 1.0
"""The clock may have been paused, sought or sped up meanwhile."""
_STOPPED: Final = "the gateway stopped"

# aiohttp's own URLs, which keep a text that is encoded already as it was written.
_as_written = partial(aiohttp.client.URL, encoded=True)  # type: ignore[attr-defined]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Takes a host and a port, gives its addresses. Raises OSError."""
OnCount = Callable[[str, str, int], None]
"""Takes the service, what became of its callback, and the status or 0."""


@dataclass(slots=True, eq=False)
class _Line:
    """The callbacks of one answer that have not gone yet, each with when it is due."""

    asked: Asked
    hops: int
    waiting: deque[tuple[float, Callback]]


async def resolve_here(host: str, port: int) -> Sequence[str]:
    """The addresses that this machine knows for a name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class CallbackSender:
    """Takes callbacks at any time; `run` sends them until it is cancelled.

    allow: who may be called besides this machine (`parse_allow`).
    """

    def __init__(
        self,
        clock: RecordedClock,
        journal: Journal,
        on_count: OnCount,
        allow: Environment = NOBODY,
        *,
        resolve: Resolve = resolve_here,
        most_waiting: int = MOST_WAITING,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._on_count = on_count
        self._allow = allow
        self._resolve = resolve
        self._most_waiting = most_waiting
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._heap: list[tuple[float, int, _Line]] = []
        self._number = 0
        self.waiting = 0
        """How many have not gone yet."""
        self.waiting_bytes = 0
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.sent = self.failed = self.refused = self.dropped = 0

    def send(
        self, asked: Asked, callbacks: Sequence[Callback], twist: CallbackTwist | None = None
    ) -> None:
        """Take the callbacks of one answer; returns at once."""
        line = _Line(asked, _hops_of(asked) + 1, deque())
        now_ms = self._clock.now_ms()
        for after_ms, callback in plan_callbacks(callbacks, twist, asked.seed, asked.request_id):
            if line.hops > MOST_HOPS:
                self._drop(asked, callback, f"{MOST_HOPS} stubs called one another already")
            elif self.waiting >= self._most_waiting:
                self._drop(asked, callback, f"{self._most_waiting:,} callbacks wait already")
            elif self.waiting_bytes + len(callback.body) > MOST_WAITING_BYTES:
                self._drop(asked, callback, f"{MOST_WAITING_BYTES:,} bytes of them wait already")
            else:
                self.waiting += 1
                self.waiting_bytes += len(callback.body)
                line.waiting.append((now_ms + after_ms, callback))
        self._push(line)

    def retime(self) -> None:
        """The clock follows another anchor."""
        self._changed.set()

    async def run(self) -> None:
        """Send what is due until cancelled; what still waits then is dropped and counted."""
        try:
            # No proxy of the environment, no cookies, no connection kept: each one stands alone.
            connector = aiohttp.TCPConnector(limit=AT_ONCE, force_close=True)
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=self._timeout,
                    trust_env=False,
                    auto_decompress=False,
                ) as session,
                asyncio.TaskGroup() as group,
            ):
                while True:
                    await self._wait_due()
                    await self._slots.acquire()
                    # While it waited for a slot, the clock may have been set back.
                    if self._wait_s() > 0:
                        self._slots.release()
                        continue
                    group.create_task(self._deliver(session, heappop(self._heap)[2]))
        finally:
            for _, _, line in self._heap:
                for _, callback in line.waiting:
                    self._drop(line.asked, callback, _STOPPED)
            self._heap.clear()
            self.waiting = self.waiting_bytes = 0

    def _push(self, line: _Line) -> None:
        """Let the line wait for its first one."""
        if line.waiting:
            self._number += 1
            heappush(self._heap, (line.waiting[0][0], self._number, line))
            self._changed.set()

    def _wait_s(self) -> float:
        """Wall seconds until the next one is due, infinite when none waits."""
        if not self._heap:
            return math.inf
        left_ms = self._heap[0][0] - self._clock.now_ms()
        return 0.0 if left_ms <= 0 else self._clock.wall_s(left_ms)

    async def _wait_due(self) -> None:
        while (wait_s := self._wait_s()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(min(wait_s, _LOOK_AGAIN_S) if self._heap else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _deliver(self, session: aiohttp.ClientSession, line: _Line) -> None:
        _, callback = line.waiting.popleft()
        self.waiting -= 1
        self.waiting_bytes -= len(callback.body)
        try:
            where, status = await self._exchange(session, callback, line.hops)
        except asyncio.CancelledError:
            self._drop(line.asked, callback, _STOPPED)
            raise
        except (GuardError, ValueError) as error:
            self.refused += 1
            self._tell(line.asked, callback, 0, "refused", str(error))
        except Exception as error:  # whatever is wrong with one must not stop the others
            self.failed += 1
            self._tell(line.asked, callback, 0, "failed", str(error) or type(error).__name__)
        else:
            self.sent += 1
            self._tell(line.asked, callback, status, "sent", f"to {where}")
        finally:
            self._slots.release()
            self._push(line)

    async def _exchange(
        self, session: aiohttp.ClientSession, callback: Callback, hops: int
    ) -> tuple[str, int]:
        """Where it went and what was answered. Raises GuardError or ValueError before any dial."""
        url = parse_callback_url(callback.url)
        method = check_method(callback.method)
        headers = {**callback_headers(callback, hops), "host": url.authority}
        address = await self._address_of(url)
        async with session.request(
            method,
            _as_written(url.at(address)),
            data=callback.body or None,
            headers=headers,
            allow_redirects=False,
            server_hostname=url.host if url.scheme == "https" else None,
            skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
        ) as answer:
            answer.close()  # nobody reads it, and it may be endless
            return authority_of("", address, url.port), answer.status

    async def _address_of(self, url: CallbackUrl) -> str:
        """The address to dial, after the guard said yes to it. Raises GuardError or OSError."""
        upstream = url.upstream
        check_declared(replace(self._allow, upstreams=(upstream,)))
        literal = upstream.address
        if literal is not None:
            found: Sequence[str] = [literal]
        else:
            async with asyncio.timeout(self._timeout.total):
                found = await self._resolve(url.host, url.port)
        for address in found:
            check_address(self._allow, upstream, address)
        if not found:
            raise OSError(f"{url.host} has no address")
        return found[0]

    def _drop(self, asked: Asked, callback: Callback, why: str) -> None:
        self.dropped += 1
        self._tell(asked, callback, 0, "dropped", why)

    def _tell(self, asked: Asked, callback: Callback, status: int, ending: str, note: str) -> None:
        """Count what became of it, and write it into the journal."""
        name = CALLBACK_ROUTE if ending == "sent" else f"(callback {ending})"
        self._on_count(asked.service, name, status)
        if self._journal.is_on:
            self._journal.add(
                Entry(
                    self._clock.now_ms(), time.time_ns(), asked.service, CALLBACK_ROUTE,
                    callback.method, callback.url, status, 0.0, asked.request_id, asked.attempt,
                    (), ending, {name.lower(): value for name, value in callback.headers},
                    callback.body, note=note[:500],
                )
            )  # fmt: skip


def _hops_of(asked: Asked) -> int:
    text = asked.header(HOPS.encode())
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
