"""The stub gateway: one process in which every service of the neighbourhood answers.

`python -m stubs.gateway` prints `ready HOST:PORT` once it accepts. A request is answered by the
stub whose route it fits, else by what was learned from the trace, else with a 404 that names the
nearest routes. Requests take the plain ASGI path below; Starlette serves `/__esr` only, which no
stub can shadow. Floor 1. Read next: `service.py`, `learned.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stubs.learned import LearnedAnswers
from stubs.service import (
    Answer,
    Asked,
    BadRequestError,
    Handler,
    Service,
    StubRoute,
    answer_problem,
    match_template,
)
from switchboard.routes import service_label, service_of

ADMIN: Final = "/__esr"
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_COUNTED: Final = 10_000
"""Different (service, route, status) that are counted apart; a scanner must not fill memory."""

_SANDBOX: Final = (b"x-esr-env", b"sandbox")
_NO_BODY: Final = (204, 304)
_PARAMS: Final[Mapping[str, str]] = {}

Sleep = Callable[[float], Awaitable[None]]


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        services: Sequence[Service],
        learned: LearnedAnswers,
        seed: int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._services = tuple(services)
        self._learned = learned
        self._seed = seed
        self._sleep = sleep
        self._routes = _index(services)
        self._unnumbered = 0
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._admin = Starlette(
            routes=[
                Route(f"{ADMIN}/health", self._health),
                Route(f"{ADMIN}/stats", self._stats),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_admin(scope["path"]):
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._admin(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            limit = f"this sandbox takes bodies of up to {MAX_BODY_BYTES:,} bytes"
            await respond(send, scope["method"], answer_problem(413, "Body too large", limit))
            return
        headers = dict(scope["headers"])
        service = service_name(headers)
        method, path = scope["method"], scope["path"]
        found = self._find(service, method, path)
        request_id = self._request_id(headers)
        if found is None:
            self._count(service, "(no such route)", 404)
            await respond(send, method, self._no_such_route(service, method, path))
            return
        route, params = found
        asked = Asked(service, method, path, params, headers, body, request_id, self._seed)
        wait_s = route.latency.sample_s(asked.latency_draw)
        if wait_s > 0:
            await self._sleep(wait_s)
        answer = _handle(route.handler, asked)
        self._count(service, f"{method} {route.template}", answer.status)
        await respond(send, method, answer)

    def _find(
        self, service: str, method: str, path: str
    ) -> tuple[StubRoute, Mapping[str, str]] | None:
        family = service.partition("-")[0]
        for route in self._routes.get((family, method), ()):
            params = match_template(route.template, path)
            if params is not None:
                return route, params
        learned = self._learned.find(service, method, path)
        if learned is None:
            return None
        return StubRoute(method, learned.template, learned.answer, learned.latency), _PARAMS

    def _request_id(self, headers: Mapping[bytes, bytes]) -> int:
        """The injector's number for the request; a counter for those of anybody else."""
        try:
            return int(headers.get(b"x-esr-request", b""), 16)
        except ValueError:
            self._unnumbered += 1
            return self._unnumbered

    def _no_such_route(self, service: str, method: str, path: str) -> Answer:
        names = [
            f"{route.method} {route.template}"
            for (family, _), routes in self._routes.items()
            if family == service.partition("-")[0]
            for route in routes
        ]
        near = [*names, *self._learned.nearest(method, path)][:5]
        hint = f"; near are {', '.join(near)}" if near else ""
        detail = f"no stub of service {service} answers this method and path{hint}"
        return answer_problem(404, "No such route", detail)

    def _count(self, service: str, route: str, status: int) -> None:
        key = (service, route, status)
        if key not in self._counts and len(self._counts) >= MAX_COUNTED:
            key = ("(other)", "(other)", 0)
        self._counts[key] += 1

    async def _health(self, _: Request) -> JSONResponse:
        names = [service.name for service in self._services]
        return JSONResponse({"status": "ok", "services": names})

    async def _stats(self, _: Request) -> JSONResponse:
        counts = [
            {"service": service, "route": route, "status": status, "count": count}
            for (service, route, status), count in sorted(self._counts.items())
        ]
        return JSONResponse({"answers": counts})


def service_name(headers: Mapping[bytes, bytes]) -> str:
    """Which service is meant: the switchboard's own header, else the first label of the host."""
    tag = headers.get(b"x-esr-service")
    if tag is not None:
        return service_label(tag.decode("latin-1"))
    return service_of(headers.get(b"host", b"").decode("latin-1"))


async def read_body(receive: Receive) -> bytes | None:
    """The request's body, or None when it is larger than the limit."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body  # nobody is left to be told; whatever is answered goes nowhere
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return body


async def respond(send: Send, method: str, answer: Answer) -> None:
    """Send an answer; HEAD, 204 and 304 have no body."""
    headers: list[tuple[bytes, bytes]] = [_SANDBOX, *answer.headers]
    if answer.status not in _NO_BODY:
        headers.append((b"content-type", answer.content_type))
        headers.append((b"content-length", b"%d" % len(answer.body)))
    body = b"" if method == "HEAD" or answer.status in _NO_BODY else answer.body
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _handle(handler: Handler, asked: Asked) -> Answer:
    try:
        return handler(asked)
    except BadRequestError as error:
        return answer_problem(400, "Bad request", str(error))


def _is_admin(path: str) -> bool:
    return path == ADMIN or path.startswith(f"{ADMIN}/")


def _index(services: Sequence[Service]) -> dict[tuple[str, str], list[StubRoute]]:
    routes: dict[tuple[str, str], list[StubRoute]] = {}
    for service in services:
        for route in service.routes:
            routes.setdefault((service.name, route.method), []).append(route)
    return routes


def main() -> None:
    """Entry point; the process part lives in `serve.py`."""
    from stubs.serve import run_gateway

    run_gateway()


if __name__ == "__main__":
    main()
