"""A gateway without sockets: scripted transports on both sides, and a clock that a test moves."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any, cast

from proxy.gateway.client_wire import ClientWire
from proxy.gateway.limits import Limits
from proxy.gateway.pool import Place
from proxy.gateway.server import Gateway
from proxy.gateway.upstream_wire import UpstreamWire
from switchboard.exchange import Exchange, Refusal, StubCall
from switchboard.mode import MemoryMode
from switchboard.rules import Rules
from switchboard.rules_reader import parse_rules
from switchboard.switch import Switch
from switchboard.trouble import TroubleCall

RULES: Mapping[str, Any] = {
    "routes": [
        {
            "host": "*.hms.example",
            "to": {"name": "svc", "address": "127.0.0.1", "port": 9001},
            "live": {"name": "real", "address": "127.0.0.9", "port": 9009},
        },
        {"host": "api.treasury.example", "stub": "ach"},
    ],
    "credentials": {
        "inject": [{"upstream": "svc", "header": "Authorization", "from_env": "TOKEN"}]
    },
    "deny": {"hosts": ["*.hms.gov"], "networks": ["203.0.113.0/24"]},
}
SECRETS = {"TOKEN": "Bearer sandbox"}
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GET = b"GET /a HTTP/1.1\r\nHost: svc.hms.example\r\n\r\n"


def read_rules(mapping: Mapping[str, Any] = RULES) -> Rules:
    return parse_rules(mapping, source="switchboard.yml", line_of=lambda *_: None)


class ScriptedTransport(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self, peer: tuple[str, int] = ("127.0.0.1", 50_412)) -> None:
        super().__init__({"peername": peer})
        self.written = b""
        self.waiting_bytes = 0
        self._is_paused = False
        self.is_aborted = False
        self.has_eof = False
        self._is_closing = False
        self.protocol: asyncio.Protocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self._is_closing, "written after it was closed"
        assert not self.has_eof, "written after its end"
        self.written += bytes(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        written, self.written = self.written, b""
        return written

    def get_write_buffer_size(self) -> int:
        return self.waiting_bytes

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_eof = True

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._lose()

    def abort(self) -> None:
        self.is_aborted = True
        self._lose()

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False

    def is_paused(self) -> bool:
        """Nothing is read for now. A method: what changes must not be narrowed."""
        return self._is_paused

    @property
    def is_ended(self) -> bool:
        """The other side sees the end of the stream."""
        return self._is_closing or self.has_eof

    def _lose(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            if self.protocol is not None:
                # As in a loop: never from inside the call that closes.
                asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class Notes:
    """An Observer that remembers."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.refusals: list[Refusal] = []

    def passed(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    @property
    def rules(self) -> list[str]:
        return [refusal.rule for refusal in self.refusals]


class Scene:
    """One gateway; its clients and upstreams are scripted."""

    def __init__(
        self,
        rules: Mapping[str, Any] = RULES,
        limits: Limits | None = None,
        *,
        stubs: StubCall | None = None,
        capture: bool = False,
        max_captured_bytes: int = 1_000,
        hop: str = "gw-1",
        troubles: TroubleCall | None = None,
    ) -> None:
        self.mode = MemoryMode()
        self.notes = Notes()
        self.now_s = 1_000.0
        self.switch = Switch(read_rules(rules), self.mode, SECRETS)
        self.limits = limits or Limits()
        self.dials: list[tuple[str, int]] = []
        self.upstreams: list[tuple[UpstreamWire, ScriptedTransport]] = []
        self.dial_error: Exception | None = None
        self.gateway = Gateway(
            self.switch,
            self.notes,
            self.limits,
            stubs=stubs,
            capture=capture,
            max_captured_bytes=max_captured_bytes,
            hop=hop,
            clock=lambda: self.now_s,
            connect=self._connect,
            troubles=troubles,
        )

    async def _connect(
        self, factory: Callable[[], UpstreamWire], place: Place, context: ssl.SSLContext | None
    ) -> None:
        self.dials.append((place.address, place.port))
        if self.dial_error is not None:
            raise self.dial_error
        wire, transport = factory(), ScriptedTransport()
        transport.protocol = wire
        wire.connection_made(transport)
        self.upstreams.append((wire, transport))

    def client(self) -> tuple[ClientWire, ScriptedTransport]:
        wire, transport = self.gateway.client_wire(), ScriptedTransport()
        transport.protocol = wire
        wire.connection_made(transport)
        return wire, transport

    async def ask(self, data: bytes) -> tuple[ClientWire, ScriptedTransport]:
        """A new client that sends this."""
        wire, transport = self.client()
        wire.data_received(data)
        await settle()
        return wire, transport

    @property
    def upstream(self) -> tuple[UpstreamWire, ScriptedTransport]:
        """The connection that was opened last."""
        return self.upstreams[-1]

    async def later(self, seconds: float) -> None:
        """Let time pass, then look after the timeouts."""
        self.now_s += seconds
        self.gateway.sweep()
        await settle()


async def settle() -> None:
    """Let everything that is ready to run do so."""
    for _ in range(12):
        await asyncio.sleep(0)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def header_of(message: bytes, name: str) -> str | None:
    head = message.partition(b"\r\n\r\n")[0].decode("latin-1")
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(": ")
        if key.lower() == name:
            return value
    return None


def body_of(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


def problem_of(answer: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(body_of(answer)))
