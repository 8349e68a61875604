"""The stub gateway: one process in which every service of the neighbourhood answers.

A request is answered by the stub whose route it fits, else by what was learned from the trace,
else with a 404 that names the nearest routes. Here the parts meet: the choice of the service, the
answering, the timetable of faults, the journal, the admin API. `transport.py` asks the gateway on
sockets; as an ASGI application it answers in memory, where faults of the wire are left out.
Floor 1. Read next: `choice.py`, then `answering.py`, which decides what is answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from stubs.admin import Counts, is_admin
from stubs.admin.app import make_admin
from stubs.admin.place import PREFIX, Door, is_admin_call
from stubs.answering import FIRST_UNNUMBERED as FIRST_UNNUMBERED
from stubs.answering import MAX_BODY_BYTES as MAX_BODY_BYTES
from stubs.answering import Answering, OnCallbacks, Sleep
from stubs.choice import UNNAMED, ServiceChoice
from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import Chaos
from stubs.faults.course import Cut
from stubs.faults.fault import Fault
from stubs.framing import frame, sendable
from stubs.incoming import Incoming
from stubs.journal import Journal
from stubs.learned import LearnedAnswers
from stubs.service import DUE, Answer, Service
from stubs.turn import Ahead, AnswerCutError, Turn

MAX_COMPLAINTS: Final = 20
"""Different faults of our own that are worth a traceback; the log must not grow with the run."""
_PATH_CHARACTERS: Final = "/:@!$&'()*+,;=~"
"""What stands in a path as it is (RFC 3986, section 3.3)."""


class BodyTooLargeError(Exception):
    """The request's body is over the limit."""


class ClientGoneError(Exception):
    """The connection ended before the body did: nothing was asked."""


class Connection(Protocol):
    """A caller's connection, as far as faults are concerned."""

    service: str | None
    opened_ms: float
    is_planned: bool
    """Its requests say at which recorded moment they were due."""

    @property
    def is_unused(self) -> bool:
        """No request has come on it yet."""

    def cut(self, cut: Cut, /) -> None: ...

    def check(self, now_s: float, /) -> None: ...


Reload = Callable[[], Awaitable[Mapping[str, Any]]]


class Gateway:
    """Everything behind the sockets, and the desk at which the admin API works."""

    def __init__(
        self,
        services: Sequence[Service],
        learned: LearnedAnswers,
        seed: int,
        sleep: Sleep = asyncio.sleep,
        *,
        clock: RecordedClock | None = None,
        chaos: Chaos | None = None,
        journal: Journal | None = None,
        counts: Counts | None = None,
        on_callbacks: OnCallbacks | None = None,
        door: Door | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = clock or RecordedClock()
        self.counts = Counts() if counts is None else counts
        self.journal = Journal() if journal is None else journal
        self.chaos = chaos or Chaos(seed, self.clock)
        self.faults = self.chaos
        self.sleep = sleep
        self.connections: set[Connection] = set()
        self.on_reload: Reload | None = None
        self.lost: Callable[[], Mapping[str, int]] = dict
        """How much of its files could not be written, by name."""
        self.definitions_error: str | None = None
        """Why an edit of the definitions was not taken; None when they are served as they are."""
        self.on_retime: list[Callable[[], None]] = []
        self._answering = Answering(
            services, learned, seed, sleep, self.counts.add,
            clock=self.clock, faults=self.chaos, journal=self.journal, on_callbacks=on_callbacks,
        )  # fmt: skip
        self._choice = ServiceChoice(services)
        self._door = door
        self._config = config or {}
        self._complaints: set[str] = set()
        self._sees_a_run = False
        self.admin: ASGIApp = make_admin(self)
        self._may_read_slowly = any(slows_reading(fault) for fault in self.chaos.faults)
        self.finish = self._answering.finish
        self.tell = self._answering.tell
        self.settle = self._answering.settle
        self.note_held = self._answering.note_held

    # For the transport

    def begin(
        self, incoming: Incoming, opened_ms: float, is_first: bool, of_port: str | None
    ) -> Turn:
        """Whose request it is, who answers it, and how it fares."""
        headers = incoming.headers
        if DUE in headers:
            self._sees_a_run = True
        service, path = self._choose(headers, incoming.method, incoming.path, of_port)
        return self._answering.begin(
            service, incoming.method, path, incoming.query, headers, incoming.body,
            opened_ms, is_first, incoming.ahead,
        )  # fmt: skip

    def course_ahead(
        self, incoming: Incoming, opened_ms: float, is_first: bool, of_port: str | None
    ) -> Ahead | None:
        """How a request fares whose body is still to come, where a fault may slow its reading."""
        if not self._may_read_slowly:
            return None
        headers = incoming.headers
        service, path = self._choose(headers, incoming.method, incoming.path, of_port)
        return self._answering.course_ahead(
            service, incoming.method, path, headers, opened_ms, is_first
        )

    def _choose(
        self, headers: Mapping[bytes, bytes], method: str, path: str, of_port: str | None = None
    ) -> tuple[str, str]:
        """The service, and the path as it knows it. Who names none means whose route it is."""
        service, path = self._choice.choose(headers, path, of_port)
        if service in UNNAMED and b"x-esr-service" not in headers:
            service = self._answering.owner(service, method, path)
        return service, path

    def refuse_body(self, incoming: Incoming) -> Answer:
        """The answer to a body over the limit."""
        service, _ = self._choice.choose(incoming.headers, incoming.path)
        return self._answering.refuse_body(service)

    def admin_for(self, incoming: Incoming, peer: str | None) -> ASGIApp | None:
        """The admin API, for a request that is one to it; None for one to a stubbed service."""
        if self._door is None or not incoming.path.startswith(PREFIX):
            return None
        raw_path = incoming.path.encode()
        is_absolute = incoming.is_absolute
        is_call = is_admin_call(
            raw_path, incoming.pairs, peer, self._door, is_absolute_form=is_absolute
        )
        return self.admin if is_call else None

    def look_at_faults(self) -> None:
        """Faults began, ended, came or went: end the connections that one of them ends."""
        self._may_read_slowly = any(slows_reading(fault) for fault in self.chaos.faults)
        for connection in tuple(self.connections):
            if connection.is_planned or (connection.is_unused and self._sees_a_run):
                # Each of its requests has a moment of its own, and is decided by that.
                continue
            cut = self.chaos.connection_course(connection.service, connection.opened_ms)
            if cut is not None:
                connection.cut(cut)

    def complain(self, error: BaseException) -> None:
        """A fault of our own: its traceback, once."""
        name = f"{type(error).__name__}: {error}"[:200]
        if name not in self._complaints and len(self._complaints) < MAX_COMPLAINTS:
            self._complaints.add(name)
            logging.getLogger(__name__).error("the gateway is broken", exc_info=error)

    # For the desk

    def services(self) -> Sequence[Service]:
        """What is served now."""
        return self._answering.services

    def use(self, services: Sequence[Service]) -> None:
        """From now on, serve these."""
        self._choice = ServiceChoice(services)
        self._answering.use(services)

    def config(self) -> Mapping[str, Any]:
        """What this gateway runs with, and what is wrong with edited definitions, as JSON."""
        return {
            **self._config,
            "definitions_error": self.definitions_error,
            "lost": self.lost(),
        }

    def follow(self, anchor: Anchor) -> None:
        """Recorded time goes on from another anchor; whoever waits by it looks again."""
        self.clock.follow(anchor)
        self.chaos.retime()
        for told in self.on_retime:
            told()

    def renumber(self) -> None:
        """Requests that nobody numbers get the numbers of a new gateway again."""
        self._answering.renumber()

    async def reload(self) -> Mapping[str, Any]:
        """Read the definitions again. Raises EsrError, changing nothing, when they are broken."""
        if self.on_reload is None:
            return {"services": [service.name for service in self.services()], "changed": []}
        return await self.on_reload()

    # As an ASGI application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_admin(scope["path"]):
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self.admin(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        headers = dict(scope["headers"])
        service, path = self._choose(headers, method, path_as_sent(scope))
        try:
            body = await read_body(receive)
        except ClientGoneError:
            return
        except BodyTooLargeError:
            await respond(send, method, self._answering.refuse_body(service))
            return
        query = scope.get("query_string", b"").decode("latin-1")
        try:
            answer = await self._answering.answer(service, method, path, query, headers, body)
        except AnswerCutError:
            return  # the server in front ends the connection as it sees fit
        await respond(send, method, answer)


def slows_reading(fault: Fault) -> bool:
    """Whether it needs to be known before a request's body is read."""
    return getattr(fault.kind, "direction", "response") != "response"


def path_as_sent(scope: Scope) -> str:
    """The path, percent-encoded as it was on the wire."""
    raw = scope.get("raw_path")
    if raw is None:  # not every server passes it on
        return quote(scope["path"], safe=_PATH_CHARACTERS, errors="surrogatepass")
    text: str = raw.decode("latin-1")
    return text


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises BodyTooLargeError or ClientGoneError."""
    parts = bytearray()
    message = await receive()
    while message["type"] == "http.request":
        parts += message.get("body", b"")
        if len(parts) > MAX_BODY_BYTES:
            raise BodyTooLargeError
        if not message.get("more_body", False):
            return bytes(parts)
        message = await receive()
    raise ClientGoneError


async def respond(send: Send, method: str, answer: Answer) -> None:
    """Send an answer; HEAD, 204 and 304 have no body."""
    answer = sendable(answer)
    framed = frame(answer, method == "HEAD", keeps_alive=True)
    lines = framed.head.split(b"\r\n")[1:-1]
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    if framed.says_length:
        headers.append((b"content-length", b"%d" % len(framed.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": framed.body if framed.sends_body else b""})
