"""Asks a server at a steady rate and notes how long each answer took.

`python -m bench.delay_client ORDER` takes an `Order` as JSON and prints the times in ms as JSON, in
the order of asking. Open loop: a request is sent when it is due, on a connection that is free. A
time runs from just before the request is written to the first byte of its answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, cast

import httptools
import uvloop

from bench.children import INJECTOR, BenchError, run
from switchboard.edge.ticker import choose_ticker

TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to ask for. first_id: requests are numbered from there, as a run would number them."""

    port: int
    path: str
    requests: int
    rate_per_s: float
    connections: int
    first_id: int = 0
    host: str = "lab.hms.example"

    def request(self, number: int) -> bytes:
        request_id = self.first_id + number
        head = f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\n"
        return f"{head}x-esr-request: {request_id:x}\r\n\r\n".encode()


def ask(order: Order) -> list[float]:
    """The times in ms, from a client of its own on the injector's core. Raises BenchError."""
    done = run(
        [sys.executable, "-m", "bench.delay_client", json.dumps(asdict(order))],
        INJECTOR,
        timeout_s=TIMEOUT_S,
    )
    if done.exit_code != 0:
        raise BenchError(f"the client of {order.path} ended with {done.exit_code}: {done.errors}")
    times: list[float] = json.loads(done.output)
    return times


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, on_answer: Callable[[_Connection, int], None]) -> None:
        self._on_answer = on_answer
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._first_ns = 0
        self.number = -1
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, number: int, request: bytes) -> int:
        self.number, self._first_ns = number, 0
        now_ns = time.perf_counter_ns()
        if self._transport is not None:
            self._transport.write(request)
        return now_ns

    def data_received(self, data: bytes) -> None:
        if self._first_ns == 0:
            self._first_ns = time.perf_counter_ns()
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._on_answer(self, self._first_ns)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True


class _Client:
    """All connections, and the ticker that says when to ask."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._free: deque[_Connection] = deque()
        self._sent_ns = [0] * order.requests
        self._got_ns = [0] * order.requests
        self._next = 0
        self._left = order.requests
        self._began_ns = 0
        self._end: asyncio.Future[None] | None = None

    async def play(self) -> list[float]:
        loop = asyncio.get_running_loop()
        order = self._order
        for _ in range(order.connections):
            _, protocol = await loop.create_connection(
                lambda: _Connection(self._answered), "127.0.0.1", order.port
            )
            self._free.append(protocol)
        self._end = loop.create_future()
        self._ticker = choose_ticker(loop, self._tick, time.monotonic_ns)
        self._began_ns = time.monotonic_ns() + 50_000_000
        self._ticker.arm(self._began_ns)
        await self._end
        self._ticker.close()
        pairs = zip(self._sent_ns, self._got_ns, strict=True)
        return [(got - sent) / 1e6 for sent, got in pairs]

    def _due_ns(self, number: int) -> int:
        return self._began_ns + int(number * 1e9 / self._order.rate_per_s)

    def _tick(self) -> None:
        while self._next < self._order.requests and self._due_ns(self._next) <= time.monotonic_ns():
            if not self._free:
                raise BenchError(f"{self._order.connections} connections are too few")
            connection = self._free.popleft()
            request = self._order.request(self._next)
            self._sent_ns[self._next] = connection.ask(self._next, request)
            self._next += 1
        if self._next < self._order.requests:
            self._ticker.arm(self._due_ns(self._next))

    def _answered(self, connection: _Connection, first_ns: int) -> None:
        self._got_ns[connection.number] = first_ns
        self._free.append(connection)
        self._left -= 1
        if self._left == 0 and self._end is not None:
            self._end.set_result(None)


def main(argument: str) -> None:
    order = Order(**cast(dict[str, Any], json.loads(argument)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        times = runner.run(asyncio.wait_for(_Client(order).play(), TIMEOUT_S))
    print(json.dumps([round(each, 4) for each in times]))


if __name__ == "__main__":
    main(sys.argv[1])
