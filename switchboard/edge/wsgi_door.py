"""The switchboard in front of a WSGI application.

Floor 0's edge. In live mode the application gets the very environ and start_response. A thread
cannot be cancelled: what a flip cuts off ends when it next hands over a piece of its answer.
Read next: `in_flight.py`, `asgi_door.py` (the same for ASGI).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from switchboard.decide import Refuse, refuse
from switchboard.edge.door import DRAIN_S, Door, RulesSource, Story, refusal_answer
from switchboard.edge.in_flight import OldWayClosedError, Ticket, current
from switchboard.exchange import Observer
from switchboard.mode import Cell
from switchboard.rules import LIVE, SANDBOX, Mode
from switchboard.sandbox_way import Entered, Incoming

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]
Pairs = list[tuple[str, str]]

# Who the server found out the client to be, and what it was asked before it was asked this.
_DROPPED: Final = frozenset({"AUTH_TYPE", "PATH_TRANSLATED", "REMOTE_IDENT", "REMOTE_USER"})
_DROPPED_PREFIXES: Final = ("HTTP_", "REDIRECT_", "SSL_CLIENT_", "SSL_SESSION_")
_WHOLE_TARGETS: Final = ("REQUEST_URI", "RAW_URI")
_BARE: Final = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}
_REASONS: Final = {400: "Bad Request", 421: "Misdirected Request", 503: "Service Unavailable"}

log = logging.getLogger("switchboard.middleware")


class SwitchboardWSGI:
    """Live: the application as it is. Sandbox: under a prefix, or another application.

    sandbox: the prefix, or the WSGI application that takes over. The other settings are those of
    `SwitchboardASGI`.
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

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        ticket = Ticket(environ.get("PATH_INFO", ""))
        flight = self._flight
        before = current.set(ticket)
        result: Iterable[bytes] | None = None
        try:
            mode = flight.enter(ticket)
            if mode == LIVE and self._is_plain:
                result = self._live(environ, start_response)
            else:
                result = self._look_closer(mode, environ, start_response, ticket)
        finally:
            current.reset(before)
            if result is None or type(result) in (list, tuple):
                flight.leave(ticket)  # nothing of the application runs any more
        if type(result) in (list, tuple):
            return result
        return Running(result, ticket, flight.leave)

    def _look_closer(
        self, mode: Mode, environ: Environ, start_response: StartResponse, ticket: Ticket
    ) -> Iterable[bytes]:
        """Everything but plain live mode."""
        door = self._door
        try:
            incoming = read_environ(environ)
        except Exception as error:
            log.exception("a request is refused because it cannot be read")
            return answer_refusal(refuse("bad-request", type(error).__name__), None, start_response)
        story = Story(door, incoming, client_of(environ), mode)
        entered = None
        if mode != LIVE or door.broken is not None:
            found = door.enter(mode, incoming)
            if isinstance(found, Refuse):
                story.refused(found)
                return answer_refusal(found, incoming, start_response)
            entered = found
            story.rule = entered.forward.rule
            environ = sandbox_environ(environ, entered)
        if door.observer is not None:
            environ = {**environ, "wsgi.input": Counted(environ["wsgi.input"], story)}
        told = Told(door, story, entered, incoming, start_response)
        told.run(self._sandbox if mode == SANDBOX else self._live, environ)
        return told


class Running:
    """An answer that is still being made; it is over when the server closes it."""

    def __init__(
        self, result: Iterable[bytes], ticket: Ticket, leave: Callable[[Ticket], None]
    ) -> None:
        self._result = result
        self._ticket = ticket
        self._leave = leave
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ticket.is_cut:
            raise OldWayClosedError("the mode was flipped")
        if self._parts is None:
            self._parts = iter(self._result)
        part = next(self._parts)
        if self._ticket.is_cut:  # while the application was making this part
            raise OldWayClosedError("the mode was flipped")
        return part

    def close(self) -> None:
        """Let the application end; the server calls it whatever happened."""
        try:
            close = getattr(self._result, "close", None)
            if close is not None:
                close()
        finally:
            self._leave(self._ticket)

    def __del__(self) -> None:
        self._leave(self._ticket)


class Told:
    """An answer whose headers are edited in sandbox mode, and of which an observer is told."""

    def __init__(
        self,
        door: Door,
        story: Story,
        entered: Entered | None,
        incoming: Incoming,
        start_response: StartResponse,
    ) -> None:
        self._door = door
        self._story = story
        self._entered = entered
        self._incoming = incoming
        self._start_response = start_response
        self._instead: list[bytes] | None = None
        """What is sent instead of a refused answer."""
        self._result: Iterable[bytes] = ()
        self._parts: Iterator[bytes] | None = None

    def run(self, app: App, environ: Environ) -> None:
        """Let the application begin."""
        self._result = app(environ, self.start)

    def start(self, status: str, headers: Pairs, exc_info: Any = None) -> Callable[[bytes], object]:
        """The start_response that the application gets."""
        self._story.status = int(status.split(" ", 1)[0])
        self._story.answer_headers = list(headers)
        self._instead = None
        if self._entered is not None:
            edited = self._door.answer(self._entered, headers)
            if isinstance(edited, Refuse):
                self._story.refused(edited)
                status, headers, body = refusal_start(edited, self._incoming)
                self._instead = [body]
            else:
                headers = edited
        write = (
            self._start_response(status, headers, exc_info)
            if exc_info
            else self._start_response(status, headers)
        )
        return self._writer(write)

    def _writer(self, write: Callable[[bytes], object]) -> Callable[[bytes], object]:
        def counted(data: bytes) -> object:
            if self._is_refused:
                return None
            self._story.add("out", data)
            return write(data)

        return counted

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        part = b"" if self._is_refused else self._next_part()
        if self._is_refused:  # also when it began its answer only now
            return self._next_instead()
        self._story.add("out", part)
        return part

    @property
    def _is_refused(self) -> bool:
        return self._instead is not None

    def _next_part(self) -> bytes:
        if self._parts is None:
            self._parts = iter(self._result)
        return next(self._parts)

    def _next_instead(self) -> bytes:
        if not self._instead:
            raise StopIteration
        return self._instead.pop()

    def close(self) -> None:
        """Let the application end, and tell of it."""
        try:
            close = getattr(self._result, "close", None)
            if close is not None:
                close()
        finally:
            self._story.passed()


class Counted:
    """A wsgi.input that counts what is read from it."""

    def __init__(self, source: Any, story: Story) -> None:
        self._source = source
        self._story = story

    def read(self, *sizes: int) -> bytes:
        """As much as the source gives."""
        return self._count(self._source.read(*sizes))

    def readline(self, *sizes: int) -> bytes:
        """One line, or what there is of it."""
        return self._count(self._source.readline(*sizes))

    def readlines(self, *hints: int) -> list[bytes]:
        """The lines."""
        return [self._count(line) for line in self._source.readlines(*hints)]

    def __iter__(self) -> Iterator[bytes]:
        return (self._count(line) for line in self._source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def _count(self, data: bytes) -> bytes:
        self._story.add("in", data)
        return data


def answer_refusal(
    refusal: Refuse, incoming: Incoming | None, start_response: StartResponse
) -> list[bytes]:
    """The whole answer to a refused request."""
    status, headers, body = refusal_start(refusal, incoming)
    start_response(status, headers)
    return [body]


def refusal_start(refusal: Refuse, incoming: Incoming | None) -> tuple[str, Pairs, bytes]:
    """Status line, headers and body of a refusal."""
    status, headers, body = refusal_answer(refusal, incoming)
    return f"{status} {_REASONS.get(status, 'Refused')}", headers, body


def read_environ(environ: Environ) -> Incoming:
    """The request in an environ."""
    raw = next((environ[key] for key in _WHOLE_TARGETS if environ.get(key)), None)
    headers = [
        (key[5:].replace("_", "-").lower(), value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    headers += [(name, environ[key]) for key, name in _BARE.items() if environ.get(key)]
    return Incoming(
        scheme=environ.get("wsgi.url_scheme", "http"),
        method=environ["REQUEST_METHOD"],
        root=environ.get("SCRIPT_NAME", "").rstrip("/").encode("latin-1"),
        path=environ.get("PATH_INFO", "").encode("latin-1"),
        raw=raw.partition("?")[0] if raw is not None else None,
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
    )


def sandbox_environ(environ: Environ, entered: Entered) -> Environ:
    """A copy of the environ as the sandbox gets it."""
    new = {
        key: value
        for key, value in environ.items()
        if key not in _DROPPED and not key.startswith(_DROPPED_PREFIXES)
    }
    new["PATH_INFO"] = entered.path.decode("latin-1")
    new["QUERY_STRING"] = entered.query
    target = f"{entered.raw}?{entered.query}" if entered.query else entered.raw
    for key in _WHOLE_TARGETS:
        if key in environ:
            new[key] = target
    for name, value in entered.headers:
        key = name.upper().replace("-", "_")
        if key in _BARE:
            continue
        key = f"HTTP_{key}"
        new[key] = f"{new[key]},{value}" if key in new else value
    return new


def client_of(environ: Environ) -> str:
    """Who asks: `127.0.0.1:50412`, or without its port."""
    port = environ.get("REMOTE_PORT", "")
    address = environ.get("REMOTE_ADDR", "")
    return f"{address}:{port}" if port else str(address)
