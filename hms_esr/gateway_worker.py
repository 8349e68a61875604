"""A worker of the gateway: one event loop, one listening socket, the rules it was handed.

Started by `gateways/member.py` as `python -m hms_esr.gateway_worker`; how the two talk is in
`gateways/job.py`. When standard input ends, the supervisor is gone: from that moment everything is
refused, and the process ends. What it does for a request is in `proxy/gateway/`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import orjson
import uvloop

from hms_esr.exits import PASS, run_guarded
from hms_esr.gateways.job import Job
from hms_esr.gateways.plain_values import from_plain_data
from hms_esr.gateways.witness import Witness
from hms_esr.stub_answers import StubAnswers
from hms_esr.voice import say
from proxy.gateway.server import Gateway
from proxy.gateway.statistics import GatewayStatistics
from proxy.recorder import Recorder
from replay.frames import frame
from switchboard.errors import EsrError
from switchboard.mode import FileMode, Listener
from switchboard.rules import Rules
from switchboard.switch import Switch

REPORT_S: Final = 1.0
MODE_POLL_S: Final = 0.05
LAST_WORDS_S: Final = 1.0
"""What a worker whose supervisor is gone may take to write out what was recorded."""
MOST_WAITING_BYTES: Final = 1_000_000
MOST_FILES: Final = 65_536
_CHUNK: Final = 65_536

# What is told of the statistics of a gateway and a recorder, by the names that metrics know.
DOOR_FLOWS: Final = (
    "accepted",
    "bytes_in",
    "bytes_out",
    "upstream_connections",
    "upstream_failures",
    "upstream_deaths",
    "retries",
    "tunnels",
    "observer_errors",
)
RECORDER_FLOWS: Final = ("written", "dropped", "lost", "withheld")
DOOR_LEVELS: Final = (
    "connections",
    "busy",
    "upstream_connections_open",
    "upstream_connections_idle",
)


class Orders(threading.Thread):
    """Reads orders from standard input, in a thread of its own so that no busy loop delays it."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def run(self) -> None:
        """Hand over each line; say when there will be no more."""
        for line in _lines(0):
            self._loop.call_soon_threadsafe(self._queue.put_nowait, orjson.loads(line))
        self._on_end()

    async def get(self) -> dict[str, Any]:
        """The next order."""
        return await self._queue.get()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield await self._queue.get()


class Worker:
    """Holds a gateway, and what is told about it, together."""

    def __init__(self, job: Job, upward: Upward) -> None:
        self._upward = upward
        self._mode = FileMode(Path(job.mode_file), job.rules.mode)
        self._switch = Switch(job.rules, self._mode, dict(job.secrets))
        if job.tripped is not None:
            self._switch.trip(job.tripped)
        self._recorders = tuple(_open_recorders(job))
        self._witness = Witness(self._recorders)
        self._gateway = Gateway(
            self._switch,
            self._witness,
            job.limits,
            stubs=StubAnswers(job.seed, job.number),
            capture=job.record is not None,
            hop=job.hop,
        )
        self._listener = socket.socket(fileno=job.socket_fd)
        self._tls = server_tls(job.tls_cert, job.tls_key)
        self._is_flipped = asyncio.Event()
        self._acknowledged = -1

    async def run(self, orders: Orders) -> None:
        """Accept, say so, and go on until told to stop."""
        listening = self._mode.listen()
        try:
            await self._gateway.start(self._listener, self._tls)
            self._upward.send(event="ready")
            async with asyncio.TaskGroup() as tasks:
                background = (
                    tasks.create_task(self._report_always()),
                    tasks.create_task(self._watch_mode()),
                    tasks.create_task(self._close_old_ways(listening)),
                )
                await self._obey(orders)
                await self._gateway.drain()
                for task in background:
                    task.cancel()
        finally:
            listening.close()
            self._close_recorders()
        self._report()

    def refuse_all(self) -> None:
        """The supervisor is gone: nothing routes from now on. May be called from any thread."""
        self._switch.trip("the supervisor of this gateway is gone")
        # However long the disk takes, the process ends.
        last = threading.Timer(LAST_WORDS_S, os._exit, (1,))
        last.daemon = True
        last.start()
        self._close_recorders()
        os._exit(1)

    async def _obey(self, orders: Orders) -> None:
        async for order in orders:
            match order["do"]:
                case "rules":
                    self._replace(order)
                case "trip":
                    self._switch.trip(order["reason"])
                case "report":
                    self._report()
                case "stop":
                    return
            if "id" in order:
                self._upward.send(event="done", id=order["id"])

    def _replace(self, order: dict[str, Any]) -> None:
        self._switch.replace(from_plain_data(Rules, order["rules"]), dict(order["secrets"]))

    async def _watch_mode(self) -> None:
        """Look at the mode every 50 ms, also while old ways are being closed."""
        while True:
            self._mode.poll()
            if self._mode.generation != self._acknowledged:
                self._is_flipped.set()
            await asyncio.sleep(MODE_POLL_S)

    async def _close_old_ways(self, listening: Listener) -> None:
        """After a flip, close what still goes the old way, and only then acknowledge it."""
        while True:
            generation = self._mode.generation
            if generation != self._acknowledged:
                await self._gateway.close_old_ways(generation)
                listening.generation_seen_by(generation)
                self._acknowledged = generation
            await self._is_flipped.wait()
            self._is_flipped.clear()

    async def _report_always(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            if self._upward.is_clear:
                self._report()

    def _report(self) -> None:
        rules = self._switch.rules
        digest = rules.digest if rules is not None else ""
        statistics = self._gateway.statistics()
        told = self._witness.take(self._flows(statistics), levels_of(statistics))
        self._upward.send(event="report", digest=digest, **told)

    def _flows(self, statistics: GatewayStatistics) -> dict[str, int]:
        recorders = [recorder.statistics() for recorder in self._recorders]
        return {
            **{name: getattr(statistics, name) for name in DOOR_FLOWS},
            **{
                f"record_{name}": sum(getattr(each, name) for each in recorders)
                for name in RECORDER_FLOWS
            },
        }

    def _close_recorders(self) -> None:
        for recorder in self._recorders:
            recorder.close()


def levels_of(statistics: GatewayStatistics) -> dict[str, int]:
    """The gauges of a door, by their names in the metrics."""
    return {name: getattr(statistics, name) for name in DOOR_LEVELS}


def _open_recorders(job: Job) -> Iterator[Recorder]:
    key = bytes.fromhex(job.session_key)
    if job.record is not None:
        yield Recorder(Path(job.record), key=key, say=say)
    if job.access_log is not None:
        yield Recorder(Path(job.access_log), bodies=False, key=key, say=say)


def server_tls(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """What clients are shown, or None for plain HTTP. Raises OSError or ssl.SSLError."""
    if cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _lines(descriptor: int) -> Iterator[bytes]:
    """Whole lines until the other end is closed.

    Unbuffered: a buffer's lock, held by a thread that waits, would trouble the interpreter's end.
    """
    held = bytearray()
    while chunk := os.read(descriptor, _CHUNK):
        held += chunk
        *whole, rest = held.split(b"\n")
        yield from map(bytes, whole)
        held = bytearray(rest)


def raise_file_limit() -> None:
    """Each connection is an open file, and the usual soft limit of 1,024 is far too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Upward(asyncio.BaseProtocol):
    """The pipe to the supervisor."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()
        self._pipe: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Writing may begin."""
        self._pipe = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Everything was written, or nobody is there."""
        self._closed.set()

    @property
    def is_clear(self) -> bool:
        """True while the supervisor reads; otherwise counts add up here, which is bounded."""
        return self._pipe is not None and self._pipe.get_write_buffer_size() < MOST_WAITING_BYTES

    def send(self, **head: Any) -> None:
        """Write one frame."""
        if self._pipe is not None:
            self._pipe.write(frame(head))

    async def close(self) -> None:
        """Wait until the supervisor has read everything, or is gone. Closing flushes first."""
        if self._pipe is not None:
            self._pipe.close()
            await self._closed.wait()


async def serve() -> None:
    """Connect the pipes, read the job and run it."""
    loop = asyncio.get_running_loop()
    _, upward = await loop.connect_write_pipe(Upward, sys.stdout)
    worker: Worker | None = None

    def orphaned() -> None:
        if worker is not None:
            worker.refuse_all()
        os._exit(1)

    orders = Orders(orphaned)
    orders.start()
    job = Job.from_json(await orders.get())
    try:
        worker = Worker(job, upward)
        gc.collect()
        gc.freeze()  # what exists now lives as long as the process
        await worker.run(orders)
    except (EsrError, OSError) as error:
        upward.send(event="failed", message=str(error))
    await upward.close()


def main() -> None:
    """Entry point. Signals reach whole groups of processes; only the supervisor decides on them."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    raise_file_limit()
    sys.exit(run_guarded(_run))


def _run() -> int:
    uvloop.run(serve())
    return PASS


if __name__ == "__main__":
    main()
