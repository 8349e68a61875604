"""The switchboard in front of an ASGI application.

Floor 0's edge: it runs on asyncio. In live mode the application gets the very scope and receive,
and a send that only knows whether a flip has cut the request off. In sandbox mode it gets a copy
of the scope as `sandbox_way.py` decides. Read next: `wsgi_door.py`, `in_flight.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from switchboard.decide import Refuse, refuse
from switchboard.edge.door import DRAIN_S, Door, RulesSource, Story, flipped_answer, refusal_answer
from switchboard.edge.in_flight import OldWayClosedError, TaskTicket, current
from switchboard.exchange import Observer
from switchboard.mode import Cell
from switchboard.rules import LIVE, SANDBOX, Mode
from switchboard.sandbox_way import Entered, Incoming

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

RESTARTING: Final = 1012
"""The code of a WebSocket that is closed because the service begins anew (RFC 6455)."""
WHY_CLOSED: Final = "the mode was flipped"
POLICY: Final = 1008
# They name places that nobody has looked at.
_NOT_SENT: Final = frozenset({"http.response.push", "http.response.early_hint"})
_OF_CLIENT_CERTIFICATES: Final = ("client_cert_chain", "client_cert_name", "client_cert_error")

log = logging.getLogger("switchboard.middleware")


class SwitchboardASGI:
    """Live: the application as it is. Sandbox: under a prefix, or another application.

    sandbox: the prefix, or the ASGI application that takes over.   mode: a mode cell, the path of
    a mode file, or None for the process's own (`set_mode`).   rules: a mapping, Rules, or the path
    of a JSON or TOML file; a host that no route of theirs names is refused in sandbox mode.
    tags: the run (under `run`) and labels.   observer: is told of every exchange and refusal, with
    bodies of up to `capture_bytes`.   drain_s: how long what runs may go on after a flip.
    """

    def __init__(
        self,
        app: App,
        *,
        sandbox: str | App = "/sandbox",
        mode: Cell | str | Path | None = None,
        rules: RulesSource | None = None,
        tags: Mapping[str, str] | None = None,
        observer: Observer | None = None,
        capture_bytes: int = 0,
        drain_s: float = DRAIN_S,
    ) -> None:
        prefix = sandbox if isinstance(sandbox, str) else ""
        if sandbox in ("", "/"):
            raise ValueError("without a prefix or another application there is no sandbox")
        self._live = app
        self._sandbox: App = app if isinstance(sandbox, str) else sandbox
        self._door = Door(prefix, mode, rules, tags, observer, capture_bytes, drain_s)
        self._flight = self._door.flight
        self._is_plain = observer is None and self._door.broken is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            await self._pass_by(kind, scope, receive, send)
            return
        ticket = TaskTicket(scope["path"])
        flight = self._flight
        gate = Gate(ticket, send) if kind == "http" else SocketGate(ticket, receive, send)
        try:
            mode = flight.enter(ticket)
            current.set(ticket)
            if mode == LIVE and self._is_plain:
                await self._live(scope, gate.receive_of(receive), gate.send)
            else:
                await self._look_closer(mode, scope, gate.receive_of(receive), gate)
        except GeneratorExit:
            raise  # nobody awaits it any more
        except BaseException as error:
            if not gate.is_ending(error):
                raise
            await gate.end(error)
        finally:
            flight.leave(ticket)
            ticket.done()

    async def _pass_by(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The start and the end of the server; nothing else is known to be harmless."""
        if kind != "lifespan":
            raise ValueError(f"the switchboard lets no ASGI scope of type {kind!r} through")
        self._flight.sign_in()
        await self._live(scope, receive, send)

    async def _look_closer(self, mode: Mode, scope: Scope, receive: Receive, gate: Gate) -> None:
        """Everything but plain live mode."""
        door = self._door
        try:
            incoming = read_scope(scope)
        except Exception as error:
            log.exception("a request is refused because it cannot be read")
            await gate.refuse(refuse("bad-request", type(error).__name__), None, scope)
            return
        story = Story(door, incoming, client_of(scope), mode)
        entered = None
        if mode != LIVE or door.broken is not None:
            found = door.enter(mode, incoming)
            if isinstance(found, Refuse):
                story.refused(found)
                await gate.refuse(found, incoming, scope)
                return
            entered = found
            story.rule = entered.forward.rule
            scope = sandbox_scope(scope, incoming, entered)
        teller = Teller(door, story, entered, gate, incoming, scope)
        app = self._sandbox if mode == SANDBOX else self._live
        try:
            await app(scope, teller.receive_of(receive), teller.send)
        finally:
            story.passed()


class Gate:
    """What an HTTP request says, until a flip cuts it off."""

    __slots__ = ("_send", "is_started", "ticket")

    def __init__(self, ticket: TaskTicket, send: Send) -> None:
        self.ticket = ticket
        self.is_started = False
        self._send = send

    def receive_of(self, receive: Receive) -> Receive:
        """The receive that the application gets."""
        return receive

    async def send(self, message: Message) -> None:
        """Pass the message on, the very same, unless the request was cut off."""
        if self.ticket.is_cut:
            raise OldWayClosedError(WHY_CLOSED)
        self.is_started = True
        await self._send(message)

    async def refuse(self, refusal: Refuse, incoming: Incoming | None, scope: Scope) -> None:
        """Answer with the problem document."""
        await self._answer(*refusal_answer(refusal, incoming))

    def is_ending(self, error: BaseException) -> bool:
        """True when the flip is why the application ended, and nobody else wants it to."""
        return self.ticket.is_cut and not self.ticket.is_cancelled_by_others

    async def end(self, error: BaseException) -> None:
        """The request was cut off: say so, or break the answer off where it has begun."""
        if self.is_started:
            raise OldWayClosedError(WHY_CLOSED) from error
        await self._answer(*flipped_answer())

    async def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.is_started = True
        await self._send(
            {"type": "http.response.start", "status": status, "headers": encoded(headers)}
        )
        await self._send({"type": "http.response.body", "body": body})


class SocketGate(Gate):
    """An open WebSocket, until a flip closes it."""

    __slots__ = ("_is_closed", "_is_closing", "_is_first", "_is_woken", "_receive", "_waiting")

    def __init__(self, ticket: TaskTicket, receive: Receive, send: Send) -> None:
        super().__init__(ticket, send)
        self._receive = receive
        self._waiting: asyncio.Task[Any] | None = None
        self._is_first = True
        self._is_closed = self._is_closing = self._is_woken = False
        ticket.socket = self

    def receive_of(self, receive: Receive) -> Receive:
        """A receive that a flip can end."""
        return self.receive

    async def receive(self) -> Message:
        """The next message, the very same; or the end, when the mode was flipped."""
        if self._is_first:
            self._is_first = False  # what opens it is there at once, and expected
            return await self._receive()
        if self._is_closing:
            return await self._closed()
        self._waiting = asyncio.current_task()
        try:
            return await self._receive()
        except asyncio.CancelledError:
            if not self._is_woken or self._waiting is None or self._waiting.uncancel() > 0:
                raise
            return await self._closed()
        finally:
            self._waiting = None

    async def send(self, message: Message) -> None:
        """Pass the message on, the very same, unless the mode was flipped."""
        if self._is_closing or self.ticket.is_cut:
            await self.close()
            raise OldWayClosedError(WHY_CLOSED)
        if message["type"] == "websocket.close":
            self._is_closed = True
        await self._send(message)

    def close_soon(self) -> None:
        """Wake whoever waits for the client; on the thread of the event loop."""
        self._is_closing = True
        if self._waiting is not None and not self._is_woken:
            self._is_woken = True
            self._waiting.cancel()

    async def close(self) -> None:
        """Tell the client, once."""
        if self._is_closed:
            return
        self._is_closed = True
        message = {"type": "websocket.close", "code": RESTARTING, "reason": WHY_CLOSED}
        try:
            await self._send(message)
        except (OSError, RuntimeError) as error:
            log.debug("the client of a WebSocket was gone before it was closed: %s", error)

    async def refuse(self, refusal: Refuse, incoming: Incoming | None, scope: Scope) -> None:
        """Answer the handshake with the problem document, where the server can."""
        self._is_closed = True
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            reason = f"{refusal.rule}: {refusal.reason}"[:100]
            await self._send({"type": "websocket.close", "code": POLICY, "reason": reason})
            return
        status, headers, body = refusal_answer(refusal, incoming)
        await self._send(
            {
                "type": "websocket.http.response.start",
                "status": status,
                "headers": encoded(headers),
            }
        )
        await self._send({"type": "websocket.http.response.body", "body": body})

    def is_ending(self, error: BaseException) -> bool:
        """Also true for what an application makes of a WebSocket that ended."""
        return super().is_ending(error) or (self._is_closing and isinstance(error, Exception))

    async def end(self, error: BaseException) -> None:
        """The application noticed, or was cut off."""
        log.debug("a WebSocket of the old way ended with %r", error)
        await self.close()

    async def _closed(self) -> Message:
        await self.close()
        return {"type": "websocket.disconnect", "code": RESTARTING, "reason": WHY_CLOSED}


class Teller:
    """Edits the answer in sandbox mode, and tells the story of the request."""

    def __init__(
        self,
        door: Door,
        story: Story,
        entered: Entered | None,
        gate: Gate,
        incoming: Incoming,
        scope: Scope,
    ) -> None:
        self._door = door
        self._story = story
        self._entered = entered
        self._gate = gate
        self._incoming = incoming
        self._scope = scope
        self._is_refused = False

    def receive_of(self, receive: Receive) -> Receive:
        """A receive that counts, where somebody wants to know."""
        if self._door.observer is None:
            return receive
        story = self._story

        async def counting() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                story.add("in", message.get("body", b""))
            return message

        return counting

    async def send(self, message: Message) -> None:
        """Pass the message on, with its headers edited; nothing more of a refused answer."""
        kind = message["type"]
        if self._is_refused or (self._entered is not None and kind in _NOT_SENT):
            return
        if "headers" in message or kind.endswith((".start", ".accept")):
            edited = self._edited(message)
            if isinstance(edited, Refuse):
                self._is_refused = True
                self._story.refused(edited)
                await self._gate.refuse(edited, self._incoming, self._scope)
                return
            message = edited
        elif kind == "http.response.body":
            self._story.add("out", message.get("body", b""))
        await self._gate.send(message)

    def _edited(self, message: Message) -> Message | Refuse:
        headers = decoded(message.get("headers") or ())
        if message["type"] != "http.response.trailers":
            self._story.status = message.get("status", 101)
            self._story.answer_headers = headers
        if self._entered is None:
            return message
        edited = self._door.answer(self._entered, headers)
        return edited if isinstance(edited, Refuse) else {**message, "headers": encoded(edited)}


def read_scope(scope: Scope) -> Incoming:
    """The request in a scope."""
    path = scope["path"].encode("utf-8", "surrogatepass")
    root = scope.get("root_path", "").rstrip("/").encode("utf-8", "surrogatepass")
    # Servers put the mount before the path, and older ones do not.
    if not root or not (path == root or path.startswith(root + b"/")):
        root = b""
    raw = scope.get("raw_path")
    return Incoming(
        scheme=scope.get("scheme", "http"),
        method=scope.get("method", "GET"),
        root=root,
        path=path[len(root) :],
        raw=raw.decode("latin-1") if raw is not None else None,
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=decoded(scope["headers"]),
    )


def sandbox_scope(scope: Scope, incoming: Incoming, entered: Entered) -> Scope:
    """A copy of the scope as the sandbox gets it."""
    new = {
        **scope,
        "path": (incoming.root + entered.path).decode("utf-8", "replace"),
        "raw_path": entered.raw.encode("latin-1"),
        "query_string": entered.query.encode("latin-1"),
        "headers": encoded(entered.headers),
    }
    extensions = scope.get("extensions")
    if extensions and "tls" in extensions:
        tls = {
            key: value
            for key, value in extensions["tls"].items()
            if key not in _OF_CLIENT_CERTIFICATES
        }
        new["extensions"] = {**extensions, "tls": tls}
    return new


def client_of(scope: Scope) -> str:
    """Who asks: `127.0.0.1:50412`."""
    client = scope.get("client")
    return f"{client[0]}:{client[1]}" if client else ""


def decoded(headers: Any) -> list[tuple[str, str]]:
    """Pairs of text for pairs of bytes."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def encoded(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Pairs of bytes, names in lower case, as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
