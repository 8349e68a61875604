"""What a worker process of the gateway does, from its job to its last report.

Read next: `job.py` (what it is handed), `witness.py` (what it counts), `proxy/gateway/` (what it
does for a request), `hms_esr/gateway_worker.py` (how the process begins).
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hms_esr.gateways.job import Job
from hms_esr.gateways.pipes import Orders, Upward
from hms_esr.gateways.plain_values import from_plain_data
from hms_esr.gateways.witness import Witness
from hms_esr.stub_answers import StubAnswers
from hms_esr.voice import say
from proxy.gateway.limits import Limits
from proxy.gateway.server import Gateway
from proxy.gateway.statistics import GatewayStatistics
from proxy.recorder import Recorder
from switchboard.errors import EsrError
from switchboard.mode import FileMode, Listener
from switchboard.rules import Rules
from switchboard.switch import Switch

if TYPE_CHECKING:
    from hms_esr.door_chaos import DoorChaos

REPORT_S: Final = 1.0
MODE_POLL_S: Final = 0.05
LAST_WORDS_S: Final = 1.0
"""What a worker whose supervisor is gone may take to write out what was recorded."""

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
        self._troubles = _load_troubles(job)
        stubs = StubAnswers(job.seed, job.number)
        stubs.prepare(job.rules)
        self._gateway = Gateway(
            self._switch,
            self._witness,
            limits_here(job.limits, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
            stubs=stubs,
            capture=job.record is not None,
            hop=job.hop,
            troubles=self._troubles,
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
                if self._troubles is not None:
                    self._troubles.stop()  # what is held must not wait for the drain to end
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
        faults = self._troubles.take_touched() if self._troubles is not None else {}
        self._upward.send(event="report", digest=digest, faults=faults, **told)

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


def _load_troubles(job: Job) -> DoorChaos | None:
    if job.chaos is None:
        return None
    # A gateway without faults does without what plays them.
    from hms_esr.door_chaos import DoorChaos, clock_from, load_faults
    from hms_esr.door_kinds import DoorKind

    clock, faults = clock_from(job.started_ns), load_faults(job.chaos)
    return DoorChaos(faults, DoorKind("gateway"), job.seed, clock, job.number)


def limits_here(limits: Limits, most_files: int) -> Limits:
    """The limits, with no more clients than leave files for upstreams, recordings and the mode.

    A worker without a file to spare could dial nobody, and could not read its mode any more.
    """
    most = max(1, most_files * 3 // 4)
    if most_files == resource.RLIM_INFINITY or limits.max_connections <= most:
        return limits
    return replace(limits, max_connections=most)


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


async def run_worker() -> None:
    """Connect the pipes, read the job and run it until the supervisor says stop, or is gone."""
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
