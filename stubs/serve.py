"""The gateway as a process: its sockets, its server, and when it ends.

It ends on SIGTERM and SIGINT and, with a parent, as soon as standard input does: the kernel closes
that pipe when the parent dies, however it dies. Ctrl-C reaches the whole terminal group, so a
gateway with a parent leaves the decision to it. Standard output says one line, `ready HOST:PORT`;
everything else is for standard error. Floor 1. Read next: `gateway.py`, `transport.py`, `ports.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Final

import orjson
import uvicorn
from starlette.types import ASGIApp

from stubs.admin.app import DoorGuard
from stubs.admin.counts import Counts
from stubs.admin.place import Door
from stubs.callback_plan import parse_allow
from stubs.callbacks import CallbackSender
from stubs.clock import RecordedClock
from stubs.config import GatewayConfig
from stubs.faults.chaos import Chaos
from stubs.faults.reader import parse_faults
from stubs.gateway import Gateway
from stubs.journal import Journal
from stubs.learned import LearnedAnswers
from stubs.listening import BACKLOG, address_of, is_loopback, listen
from stubs.overrides import parse_overrides, with_latencies
from stubs.ports import Ports
from stubs.records import LedgerFile, record_nothing
from stubs.reload import LOOK_S, Watch, look_at
from stubs.service import Service, Surroundings
from stubs.sleep import PreciseSleep
from stubs.touches import TouchLog
from stubs.toxiproxy import Book, make_toxiproxy
from stubs.transport import StubConnection
from switchboard.errors import EsrError

TOKEN: Final = "ESR_TOKEN"  # noqa: S105 - the variable's name
CHECK_S: Final = 5.0
"""How often idle connections are looked after."""
TICK_S: Final = 0.5

SurroundingsOf = Callable[[str], Surroundings]
LoadServices = Callable[[SurroundingsOf], Sequence[Service]]
"""Reads every definition and makes the services; those that did not change since the last time are
the same objects, with all they remember. Raises EsrError."""


class Stage:
    """Everything that a gateway holds open, made from its configuration. Raises EsrError."""

    def __init__(
        self, config: GatewayConfig, load_services: LoadServices, env: Mapping[str, str]
    ) -> None:
        self.config = config
        self._load = load_services
        self._held = ExitStack()
        self._token = env.get(TOKEN) or None
        self.clock = RecordedClock(config.clock)
        self._record = record_nothing
        if config.ledger is not None:
            ledger = LedgerFile(Path(config.ledger))
            self._held.callback(ledger.close)
            self._record = ledger.record
        self._latencies = parse_overrides(config.latencies, source="`latencies`", line_of=_no_line)
        self._worn: dict[int, tuple[Service, Service]] = {}
        self.sleep = PreciseSleep()
        self._held.callback(self.sleep.close)
        self.listener = self._hold(listen(config.listen))
        services = self._services()
        self.gateway = self._make_gateway(services)
        self.ports = {name: self._hold(each) for name, each in self._port_sockets(services)}
        self._shared = address_of(self.listener)
        self._addresses = {name: address_of(each) for name, each in self.ports.items()}
        self.apis = self._open_apis()

    def close(self) -> None:
        self.gateway.chaos.stop()
        self._held.close()

    async def reload(self) -> dict[str, Any]:
        """Read the definitions again and serve them. Raises EsrError, and changes nothing then."""
        before = {service.name: service for service in self.gateway.services()}
        services = await asyncio.to_thread(self._services)
        self.gateway.use(services)
        changed = [s.name for s in services if before.get(s.name) is not s]
        gone = sorted(before.keys() - {service.name for service in services})
        return {"services": [s.name for s in services], "changed": changed, "gone": gone}

    def _hold(self, listener: socket.socket) -> socket.socket:
        self._held.callback(listener.close)
        return listener

    def _open_apis(self) -> list[tuple[str, socket.socket, ASGIApp]]:
        """The gateway's own APIs that have an address: name, listener and application."""
        apis: list[tuple[str, socket.socket, ASGIApp]] = []
        gateway = self.gateway
        if self.config.admin:
            listener = self._hold(listen(self.config.admin))
            apis.append(("admin", listener, DoorGuard(gateway.admin, self._door(listener))))
        if self.config.toxiproxy is not None:
            listener = self._hold(listen(self.config.toxiproxy))
            book = Book(
                gateway.chaos, lambda: [each.name for each in gateway.services()], self.address
            )
            apis.append(("toxiproxy", listener, make_toxiproxy(book, self._door(listener))))
        return apis

    def address(self, service: str) -> str:
        """Where a service answers: at its own port, or where all of them do."""
        return self._addresses.get(service, self._shared)

    def _door(self, listener: socket.socket) -> Door:
        return Door(self._token, is_loopback(listener))

    def _surroundings(self, name: str) -> Surroundings:
        settings = self.config.settings.get(name, {})
        return Surroundings(self.config.seed, self.clock, self._record, settings)

    def _services(self) -> list[Service]:
        loaded = self._load(self._surroundings)
        wanted = self.config.services
        if wanted is not None:
            known = {service.name for service in loaded}
            unknown = [name for name in wanted if name not in known]
            if unknown:
                there = ", ".join(sorted(known))
                raise EsrError(f"there is no service {unknown[0]!r:.60}; there are {there}")
            loaded = [service for service in loaded if service.name in wanted]
        return self._with_latencies(loaded)

    def _with_latencies(self, loaded: Sequence[Service]) -> list[Service]:
        """The services as they are served; one that was loaded before is the same as before."""
        worn: dict[int, tuple[Service, Service]] = {}
        for service in loaded:
            made = with_latencies(service, self._latencies)
            worn[id(service)] = self._worn.get(id(service), (service, made))
        self._worn = worn
        return [made for _, made in worn.values()]

    def _make_gateway(self, services: Sequence[Service]) -> Gateway:
        config = self.config
        touches = None if config.touches is None else self._open_touches(Path(config.touches))
        faults = parse_faults(list(config.faults), source="`faults`", line_of=_no_line)
        try:
            chaos = Chaos(config.seed, self.clock, faults, touches)
        except ValueError as error:
            raise EsrError(f"the faults cannot stand together: {error}") from error
        door = self._door(self.listener) if config.admin == "" else None
        journal, counts = Journal(config.journal), Counts()
        allow = parse_allow(
            allow_of(config.allow_callbacks), source="`allow_callbacks`", line_of=_no_line
        )
        self.callbacks = CallbackSender(self.clock, journal, counts.add, allow)
        gateway = Gateway(
            services, load_answers(config.answers), config.seed, self.sleep,
            clock=self.clock, chaos=chaos, journal=journal, counts=counts, door=door,
            on_callbacks=self.callbacks.send, config=config.mapping(),
        )  # fmt: skip
        gateway.on_reload = self.reload
        gateway.on_retime.append(self.callbacks.retime)
        return gateway

    def _open_touches(self, path: Path) -> TouchLog:
        try:
            touches = TouchLog(path)
        except OSError as error:
            raise EsrError(f"cannot write {path}: {error.strerror}") from error
        self._held.callback(touches.close)
        return touches

    def _port_sockets(self, services: Sequence[Service]) -> list[tuple[str, socket.socket]]:
        config = self.config
        addresses = dict(config.ports)
        unknown = addresses.keys() - {service.name for service in services}
        if unknown:
            raise EsrError(f"a port is wanted for {min(unknown)!r:.60}, which is not served")
        if config.port_each:
            host = config.listen.rpartition(":")[0] or "127.0.0.1"
            addresses = {s.name: addresses.get(s.name, f"{host}:0") for s in services}
        return [(name, listen(address)) for name, address in addresses.items()]


class _Server(uvicorn.Server):
    """uvicorn's life cycle round our own connections."""

    def __init__(self, stage: Stage) -> None:
        gateway = stage.gateway
        super().__init__(_uvicorn_config(gateway, self._make))
        self._stage = stage
        self._ports = Ports(stage.ports, self._make_for, say)
        self._apis: list[asyncio.Server] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        stage = self._stage
        if not self.started:
            return
        await self._ports.open_all()
        for name, address in self._ports.addresses.items():
            say(f"listening {name} {address}")
        for name, listener, app in stage.apis:
            await self._open_api(listener, app)
            say(f"{name} {address_of(listener)}")
        gc.freeze()  # what is here now stays; the collector need not look at it again
        print(f"ready {address_of(stage.listener)}", flush=True)  # noqa: T201

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ports.close_all()
        for api in self._apis:
            api.close()
        self._stage.gateway.chaos.stop()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn sets this handler itself, so ignoring the signal beforehand would not last; and
        # it would raise the signal again at the end, where being told to stop is no accident.
        if sig == signal.SIGINT and self._stage.config.with_parent:
            return
        self.force_exit = self.should_exit
        self.should_exit = True

    async def watch(self) -> None:
        """Look after idle connections, edited definitions and closed ports, until told to end."""
        stage, gateway = self._stage, self._stage.gateway
        folders = stage.config.definitions
        seen = look_at(folders)
        watch = Watch(seen, seen)
        loop = asyncio.get_running_loop()
        checked_s = loop.time()
        gateway.chaos.on_change(gateway.look_at_faults)
        while not self.should_exit:
            await asyncio.sleep(LOOK_S)
            await self._ports.refuse(gateway.chaos.is_refused)
            if loop.time() - checked_s >= CHECK_S:
                checked_s = loop.time()
                for connection in tuple(gateway.connections):
                    connection.check(checked_s)
            if folders:
                watch, is_due = watch.decide(look_at(folders))
                if is_due:
                    await self._reload()

    async def _open_api(self, listener: socket.socket, app: ASGIApp) -> None:
        gateway, state = self._stage.gateway, self.server_state
        loop = asyncio.get_running_loop()
        api = await loop.create_server(
            lambda: StubConnection(gateway, state, app=app), sock=listener, backlog=BACKLOG
        )
        self._apis.append(api)

    async def _reload(self) -> None:
        try:
            done = await self._stage.reload()
        except EsrError as error:
            say(f"the edited definitions are not taken, the ones before stay: {error}")
        else:
            say(f"took the edited definitions: {', '.join(done['changed']) or 'nothing changed'}")

    def _make(self) -> StubConnection:
        return StubConnection(self._stage.gateway, self.server_state)

    def _make_for(self, name: str) -> StubConnection:
        return StubConnection(self._stage.gateway, self.server_state, of_port=name)


def run_gateway(
    config: GatewayConfig, load_services: LoadServices, env: Mapping[str, str] = os.environ
) -> int:
    """Serve until told to stop; the exit code."""
    if config.with_parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        stage = Stage(config, load_services, env)
    except EsrError as error:
        say(str(error))
        return error.exit_code
    server = _Server(stage)
    try:
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_serve(server, stage))
    finally:
        stage.close()
    return 0


async def _serve(server: _Server, stage: Stage) -> None:
    async with asyncio.TaskGroup() as tasks:
        beside = [tasks.create_task(server.watch()), tasks.create_task(stage.callbacks.run())]
        await server.serve(sockets=[stage.listener])
        for task in beside:
            task.cancel()


def _uvicorn_config(gateway: Gateway, make: Callable[[], asyncio.Protocol]) -> uvicorn.Config:
    config = uvicorn.Config(
        gateway,
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        access_log=False,
        log_level="critical",  # a line for each malformed request would fill whatever reads it
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
    )
    config.load()
    # uvicorn calls it like a class, with its own settings, state and loop: ours knows them.
    config.http_protocol_class = lambda **_: make()  # type: ignore[assignment]
    return config


def allow_of(words: Iterable[str]) -> dict[str, list[str]]:
    """Hosts and networks in one list, told apart."""
    allow: dict[str, list[str]] = {"hosts": [], "networks": []}
    for word in words:
        is_network = "/" in word or word.replace(".", "").isdigit() or ":" in word
        allow["networks" if is_network else "hosts"].append(word)
    return {key: given for key, given in allow.items() if given}


def load_answers(path: str | Path | None) -> LearnedAnswers:
    """What a file of learned answers holds, nothing without one. Raises EsrError that names it."""
    if path is None:
        return LearnedAnswers()
    try:
        return LearnedAnswers.parse(orjson.loads(Path(path).read_bytes()))
    except (OSError, ValueError) as error:
        raise EsrError(f"cannot read the answers in {path}: {error}") from error


def say(sentence: str) -> None:
    """For people, on standard error; nobody there to listen is no reason to stop."""
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201


def _end_with_parent() -> None:
    """End the process when standard input does. In a thread, so that no busy loop can delay it."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # no standard input is no parent
    os._exit(0)  # what matters is on disk already


def _no_line(path: str) -> int | None:
    return None
