"""A gateway's parts, made from its configuration: sockets, files, services, faults, callbacks.

Floor 1. Read next: `serve.py`, which runs them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
from starlette.types import ASGIApp

from stubs.admin.app import DoorGuard
from stubs.admin.counts import Counts
from stubs.admin.place import Door
from stubs.callback_line import CallbackLine
from stubs.callback_plan import parse_allow
from stubs.clock import RecordedClock
from stubs.config import TOKEN, GatewayConfig
from stubs.faults.chaos import Chaos
from stubs.faults.reader import parse_faults
from stubs.gateway import Gateway
from stubs.journal import Journal
from stubs.learned import LearnedAnswers
from stubs.listening import address_of, is_loopback, listen
from stubs.overrides import parse_overrides, with_latencies
from stubs.records import LedgerFile, record_nothing
from stubs.reload import look_at
from stubs.service import Service, Surroundings
from stubs.sleep import PreciseSleep
from stubs.touches import TouchLog
from stubs.toxiproxy import Book, make_toxiproxy
from switchboard.errors import EsrError

SurroundingsOf = Callable[[str], Surroundings]
LoadServices = Callable[[SurroundingsOf], Sequence[Service]]
"""Reads every definition and makes the services; those that did not change since the last time are
the same objects, with all they remember. Raises EsrError."""


class Stage:
    """Everything that a gateway holds open, made from its configuration.

    held: closes all of it, also when the making ends half way. Raises EsrError.
    """

    def __init__(
        self,
        config: GatewayConfig,
        load_services: LoadServices,
        env: Mapping[str, str],
        held: ExitStack,
    ) -> None:
        self.config = config
        self._load = load_services
        self._held = held
        self._token = env.get(TOKEN) or None
        self.clock = RecordedClock(config.clock)
        self._record = record_nothing
        self._losing: dict[str, LedgerFile | TouchLog] = {}
        if config.ledger is not None:
            self._losing["ledger"] = ledger = LedgerFile(Path(config.ledger))
            self._held.callback(ledger.close)
            self._record = ledger.record
        self._latencies = parse_overrides(config.latencies, source="`latencies`", line_of=_no_line)
        self._worn: dict[int, tuple[Service, Service]] = {}
        self.sleep = PreciseSleep()
        self._held.callback(self.sleep.close)
        self.listener = self._hold(listen(config.listen))
        self.seen = look_at(config.definitions)
        """What lay in the folders before they were read."""
        services = self._services()
        self.gateway = self._make_gateway(services)
        self.ports = self._open_ports(services)
        self._shared = address_of(self.listener)
        self._addresses = {name: address_of(each) for name, each in self.ports.items()}
        self.apis = self._open_apis()

    async def reload(self) -> dict[str, Any]:
        """Read the definitions again and serve them. Raises EsrError, and changes nothing then."""
        before = {service.name: service for service in self.gateway.services()}
        try:
            services = await asyncio.to_thread(self._services)
        except EsrError as error:
            self.gateway.definitions_error = str(error)
            raise
        self.gateway.definitions_error = None
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
        strangers = self.config.settings.keys() - {service.name for service in loaded}
        if strangers:
            there = ", ".join(sorted(service.name for service in loaded))
            name = f"{min(strangers)!r:.60}"
            raise EsrError(f"there are settings for {name}, which is no service; there are {there}")
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
        self.callbacks = CallbackLine(self.clock, journal, counts.add, allow)
        gateway = Gateway(
            services, load_answers(config.answers), config.seed, self.sleep,
            clock=self.clock, chaos=chaos, journal=journal, counts=counts, door=door,
            on_callbacks=self.callbacks.send, config=config.mapping(),
        )  # fmt: skip
        gateway.on_reload = self.reload
        gateway.lost = self._lost
        gateway.on_retime.append(self.callbacks.retime)
        return gateway

    def _open_touches(self, path: Path) -> TouchLog:
        try:
            touches = TouchLog(path)
        except OSError as error:
            raise EsrError(f"cannot write {path}: {error.strerror}") from error
        self._held.callback(touches.close)
        self._losing["touches"] = touches
        return touches

    def _lost(self) -> dict[str, int]:
        """What could not be written down, by file."""
        return {name: each.lost for name, each in self._losing.items()}

    def _open_ports(self, services: Sequence[Service]) -> dict[str, socket.socket]:
        """A listener for each service that has a port of its own."""
        config = self.config
        addresses = dict(config.ports)
        unknown = addresses.keys() - {service.name for service in services}
        if unknown:
            raise EsrError(f"a port is wanted for {min(unknown)!r:.60}, which is not served")
        if config.port_each:
            host = config.listen.rpartition(":")[0] or "127.0.0.1"
            addresses = {s.name: addresses.get(s.name, f"{host}:0") for s in services}
        return {name: self._hold(listen(address)) for name, address in addresses.items()}


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
        reason = getattr(error, "strerror", None) or error
        raise EsrError(f"cannot read the answers in {path}: {reason}") from error


def _no_line(path: str) -> int | None:
    return None
