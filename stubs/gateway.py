"""The stub gateway: one process in which every service of the neighbourhood answers.

`python -m stubs` prints `ready HOST:PORT` once it accepts. A request is answered by the
stub whose route it fits, else by what was learned from the trace, else with a 404 that names the
nearest routes. Requests take the plain ASGI path below; Starlette serves `/__esr` only, which no
stub can shadow. Floor 1. Read next: `routing.py`, `service.py`, `learned.py`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from stubs.admin import Counts, is_admin, make_admin
from stubs.learned import LearnedAnswers
from stubs.routing import RouteTable
from stubs.service import (
    Answer,
    Asked,
    BadRequestError,
    Service,
    StubRoute,
    answer_problem,
)
from switchboard.routes import service_label, service_of

MAX_BODY_BYTES: Final = 1024 * 1024
FIRST_UNNUMBERED: Final = 1 << 63
"""Requests that nobody numbered get ids from here on, apart from any injector's."""

_SANDBOX: Final = (b"x-esr-env", b"sandbox")
_NO_BODY: Final = (204, 304)
_REQUEST_ID: Final = re.compile(rb"[0-9a-fA-F]{1,16}")
_LONGEST_HOST: Final = 256
_PATH_CHARACTERS: Final = "/:@!$&'()*+,;=~"
"""What stands in a path as it is (RFC 3986, section 3.3)."""

Sleep = Callable[[float], Awaitable[None]]


class BodyTooLargeError(Exception):
    """The request's body is over the limit."""


class ClientGoneError(Exception):
    """The connection ended before the body did: nothing was asked."""


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        services: Sequence[Service],
        learned: LearnedAnswers,
        seed: int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.counts = Counts()
        self._routes = RouteTable(services, learned)
        self._seed = seed
        self._sleep = sleep
        self._next_unnumbered = FIRST_UNNUMBERED
        self._broken: set[StubRoute] = set()
        self._admin = make_admin([service.name for service in services], self.counts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_admin(scope["path"]):
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._admin(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        headers = dict(scope["headers"])
        service = service_name(headers)
        try:
            body = await read_body(receive)
        except ClientGoneError:
            return
        except BodyTooLargeError:
            self.counts.add(service, "(body too large)", 413)
            limit = f"this sandbox takes bodies of up to {MAX_BODY_BYTES:,} bytes"
            await respond(send, method, answer_problem(413, "Body too large", limit))
            return
        path = path_as_sent(scope)
        found = self._routes.find(service, method, path)
        if found is None:
            self.counts.add(service, "(no such route)", 404)
            await respond(send, method, self._no_such_route(service, method, path))
            return
        route, params = found
        query = scope.get("query_string", b"").decode("latin-1")
        request_id = self._request_id(headers)
        asked = Asked(service, method, path, query, params, headers, body, request_id, self._seed)
        wait_s = route.latency.sample_s(asked.latency_draw)
        if wait_s > 0:
            await self._sleep(wait_s)
        answer = self._ask(route, asked)
        self.counts.add(service, f"{method} {route.template}", answer.status)
        await respond(send, method, answer)

    def _ask(self, route: StubRoute, asked: Asked) -> Answer:
        try:
            return route.handler(asked)
        except BadRequestError as error:
            return answer_problem(400, "Bad request", str(error))
        except Exception as error:  # whatever a stub's author got wrong must not stop the others
            name = f"{route.method} {route.template}"
            if route not in self._broken:  # once each: the log must not grow with the run
                self._broken.add(route)
                logging.getLogger(__name__).exception("the stub of %s is broken", name)
            detail = f"the stub of {name} is broken: {type(error).__name__}"
            return answer_problem(500, "Broken stub", detail)

    def _request_id(self, headers: Mapping[bytes, bytes]) -> int:
        """The injector's number for the request, a counter for those of anybody else."""
        given = headers.get(b"x-esr-request", b"")
        if _REQUEST_ID.fullmatch(given):
            return int(given, 16)
        self._next_unnumbered += 1
        return self._next_unnumbered

    def _no_such_route(self, service: str, method: str, path: str) -> Answer:
        near = self._routes.nearest(service, method, path)
        hint = f"; near are {', '.join(near)}" if near else ""
        detail = f"no stub of service {service} answers this method and path{hint}"
        return answer_problem(404, "No such route", detail)


def service_name(headers: Mapping[bytes, bytes]) -> str:
    """Which service is meant: the switchboard's own header, else the first label of the host."""
    tag = headers.get(b"x-esr-service")
    if tag is not None:
        return _label(tag[:_LONGEST_HOST])
    return service_of(headers.get(b"host", b"")[:_LONGEST_HOST].decode("latin-1"))


@lru_cache(maxsize=1024)
def _label(tag: bytes) -> str:
    return service_label(tag.decode("latin-1"))


def path_as_sent(scope: Scope) -> str:
    """The path, percent-encoded as it was on the wire."""
    raw = scope.get("raw_path")
    if raw is None:  # not every server passes it on
        return quote(scope["path"], safe=_PATH_CHARACTERS, errors="surrogatepass")
    text: str = raw.decode("latin-1")
    return text


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises BodyTooLargeError or ClientGoneError."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError
        return body
    parts = bytearray()
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
    headers: list[tuple[bytes, bytes]] = [_SANDBOX, *answer.headers]
    body = answer.body
    if answer.status in _NO_BODY:
        body = b""
    else:
        headers.append((b"content-type", answer.content_type))
        headers.append((b"content-length", b"%d" % len(body)))
        if method == "HEAD":
            body = b""
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
