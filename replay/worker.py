"""A worker process: one event loop, one part of the plan, one set of connections.

Started by `fleet.py` as `python -m replay.worker`. Standard input brings orders (JSON lines: the
job, then start, stop, cancel), standard output takes frames (`frames.py`). When standard input
ends, the parent is gone, and the worker ends too. Everything that decides is in `engine.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import math
import os
import resource
import signal
import ssl
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop

from replay.clock import choose_ticker
from replay.engine import Engine
from replay.frames import frame
from replay.plan import Names, PlanPart
from replay.pool import Dial, Pool, PoolLimits
from replay.prepare import Binding, Preparer
from replay.retry import Retries, RetryPolicy
from replay.tape import Tape
from replay.wire import Wire

FLUSH_S = 1.0
SWEEP_S = 0.25
WARM_TIMEOUT_S = 4.0
"""A target that does not answer is reported within five seconds of the start."""

NICENESS = -10
REAL_TIME_PRIORITY = 1
"""Only a privileged user gets either; everybody else keeps the priority there is."""

MAX_ORDER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Where a pool connects: an IP literal that the guard has let pass, never a name."""

    host: str
    port: int
    tls: bool = False
    server_name: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What the parent asks of a worker; see `to_json` and `from_json` for its wire form."""

    tape: Path
    part: Path
    names: Path
    targets: tuple[Target, ...]
    bindings: tuple[Binding | None, ...]
    is_paced: bool
    connections: int
    warm: int
    connect_timeout_s: float
    read_timeout_s: float
    grace_s: float
    retry: RetryPolicy | None = None
    speed: float = 1.0
    """Recorded seconds a second: retries wait in recorded time. Without a pace they do not wait."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object. It may hold sandbox credentials: it goes through a pipe, never to disk."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "tape": str(self.tape),
            "part": str(self.part),
            "names": str(self.names),
            "targets": [{n: getattr(t, n) for n in t.__slots__} for t in self.targets],
            "bindings": [
                b and [b.pool, b.prefix.decode("latin-1"), b.head.decode("latin-1")]
                for b in self.bindings
            ],
            "retry": self.retry and self.retry.to_json(),
            "speed": self.speed if self.is_paced else None,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Job:
        """The inverse of `to_json`."""
        paths = {name: Path(fields[name]) for name in ("tape", "part", "names")}
        targets = tuple(Target(**target) for target in fields["targets"])
        bindings = tuple(
            b and Binding(b[0], b[1].encode("latin-1"), b[2].encode("latin-1"))
            for b in fields["bindings"]
        )
        retry = fields["retry"] and RetryPolicy.from_json(fields["retry"])
        speed = math.inf if fields["speed"] is None else fields["speed"]
        made = {"targets": targets, "bindings": bindings, "retry": retry, "speed": speed}
        return cls(**{**fields, **paths, **made})


class Worker:
    """Holds a job's loop, pools and engine together."""

    def __init__(self, job: Job, send: Callable[[bytes], None]) -> None:
        self._job = job
        self._send = send
        self._finished = asyncio.Event()
        self._cpu_s = 0.0
        self._dials: set[asyncio.Task[None]] = set()

    async def run(self, orders: asyncio.StreamReader) -> None:
        """Warm up, say so, play until the plan or the parent ends."""
        with contextlib.ExitStack() as stack:
            engine = self._open(stack)
            loop = asyncio.get_running_loop()
            async with asyncio.TaskGroup() as tasks:
                pools = [self._pool(target, engine, tasks) for target in self._job.targets]
                ticker = choose_ticker(loop, engine.on_tick, time.monotonic_ns)
                engine.attach(pools, ticker)
                try:
                    if await self._is_warm(pools):
                        await self._play(engine, orders)
                finally:
                    ticker.close()
                    engine.cancel()
                    for dial in tuple(self._dials):
                        dial.cancel()

    def _open(self, stack: contextlib.ExitStack) -> Engine:
        job = self._job
        tape = stack.enter_context(Tape.open(job.tape))
        part = PlanPart.open(job.part)
        names = Names.open(job.names, "names")
        originals = Names.open(job.names, "originals")
        return Engine(
            part,
            Preparer(tape, part, job.bindings, names, originals, job.retry),
            time.monotonic_ns,
            is_paced=job.is_paced,
            timeout_ns=int(job.read_timeout_s * 1e9),
            on_rows=lambda rows: self._send(frame({"event": "rows"}, rows)),
            on_finished=self._finished.set,
            retries=None if job.retry is None else Retries(job.retry, job.speed),
        )

    def _pool(self, target: Target, engine: Engine, tasks: asyncio.TaskGroup) -> Pool:
        def spawn(dial: Coroutine[Any, Any, None]) -> None:
            task = tasks.create_task(dial)
            self._dials.add(task)
            task.add_done_callback(self._dials.discard)

        limits = PoolLimits(self._job.connections, self._job.connect_timeout_s)
        return Pool(dial_of(target), engine, spawn, time.monotonic_ns, limits)

    async def _is_warm(self, pools: list[Pool]) -> bool:
        warmings = (pool.warm(self._job.warm, WARM_TIMEOUT_S) for pool in pools)
        errors = await asyncio.gather(*warmings)
        for target, error in zip(self._job.targets, errors, strict=True):
            if error is not None:
                reason = str(error) or "no answer to the connection attempt"
                head = {"event": "unreachable", "host": target.host, "port": target.port}
                self._send(frame({**head, "reason": reason}))
                return False
        self._send(frame({"event": "ready"}))
        return True

    async def _play(self, engine: Engine, orders: asyncio.StreamReader) -> None:
        async with asyncio.TaskGroup() as tasks:
            background = [
                tasks.create_task(self._obey(engine, orders)),
                tasks.create_task(_every(FLUSH_S, engine.flush)),
                tasks.create_task(_every(SWEEP_S, engine.sweep)),
            ]
            await self._finished.wait()
            for task in background:
                task.cancel()
        cpu_s = time.process_time() - self._cpu_s
        head = {"event": "finished", "cpu_s": cpu_s, "rss_mb": peak_memory_mb()}
        self._send(frame(head))

    async def _obey(self, engine: Engine, orders: asyncio.StreamReader) -> None:
        """Carry out orders; the end of the stream means that the parent is gone."""
        async for line in orders:
            fields = orjson.loads(line)
            match fields["do"]:
                case "start":
                    self._start(engine, fields["t0_ns"])
                case "stop":
                    engine.stop()
                    asyncio.get_running_loop().call_later(self._job.grace_s, engine.cancel)
                case "cancel":
                    engine.cancel()
        engine.cancel()
        self._finished.set()

    def _start(self, engine: Engine, t0_ns: int) -> None:
        # What exists now lives as long as the run: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self._cpu_s = time.process_time()
        engine.start(t0_ns)


async def _every(seconds: float, call: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        call()


def dial_of(target: Target) -> Dial:
    """How a pool connects to `target`. Raises ValueError for anything but an IP literal."""
    host = str(ipaddress.ip_address(target.host))
    context = ssl.create_default_context(cafile=target.ca_file) if target.tls else None
    server_name = (target.server_name or host) if target.tls else None

    async def dial(factory: Callable[[], Wire]) -> object:
        loop = asyncio.get_running_loop()
        return await loop.create_connection(
            factory, host, target.port, ssl=context, server_hostname=server_name
        )

    return dial


def go_first(*, is_paced: bool) -> None:
    """Ask for a higher priority, where we may: what is due must not queue behind other work.

    A paced worker sleeps most of the time and is needed at once when it wakes: real-time
    scheduling is made for that, and the kernel keeps a share of every core for the others. At
    `--speed max` it never sleeps, so it is only favoured.
    """
    with contextlib.suppress(OSError, AttributeError):
        if is_paced:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REAL_TIME_PRIORITY))
        else:
            os.nice(NICENESS)


def peak_memory_mb() -> float:
    """The most memory this process has held; ru_maxrss would count the parent's before the exec."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def raise_file_limit() -> None:
    """Each connection is an open file, and the usual soft limit of 1,024 is below our default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def serve() -> None:
    """Connect the pipes, read the job and run it."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=MAX_ORDER_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    closed = asyncio.Event()
    transport, _ = await loop.connect_write_pipe(lambda: _Closing(closed), sys.stdout)
    line = await orders.readline()
    if line:
        job = Job.from_json(orjson.loads(line))
        go_first(is_paced=job.is_paced)
        await Worker(job, transport.write).run(orders)
    await _write_out(transport, closed)


async def _write_out(transport: asyncio.WriteTransport, closed: asyncio.Event) -> None:
    """Wait until the parent has read the last frame, or is gone. Closing flushes first."""
    transport.close()
    await closed.wait()


class _Closing(asyncio.BaseProtocol):
    """Says when the pipe is closed and everything written to it has left."""

    def __init__(self, closed: asyncio.Event) -> None:
        self._closed = closed

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()


def main() -> None:
    """Entry point. Ctrl-C reaches the whole terminal group; only the parent decides on it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise_file_limit()
    uvloop.run(serve())


if __name__ == "__main__":
    main()
