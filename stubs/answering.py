"""What the stubs answer to one request, whoever asked: the stub gateway, or a door in place.

The seed, the latency and the request's number decide everything, so that a request is answered
alike through any door. Floor 1; no server, no sockets. Read next: `routing.py`, `service.py`,
`learned.py`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

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

MAX_BODY_BYTES: Final = 1024 * 1024
FIRST_UNNUMBERED: Final = 1 << 63
"""Requests that nobody numbered get ids from here on, apart from any injector's."""

_REQUEST_ID: Final = re.compile(rb"[0-9a-fA-F]{1,16}")

Sleep = Callable[[float], Awaitable[None]]
OnAnswer = Callable[[str, str, int], None]
"""Takes the service, the route and the status of every answer."""


class Answering:
    """Every service of the sandbox, and who answers for it."""

    def __init__(
        self,
        services: Sequence[Service],
        learned: LearnedAnswers,
        seed: int,
        sleep: Sleep = asyncio.sleep,
        on_answer: OnAnswer | None = None,
        first_unnumbered: int = FIRST_UNNUMBERED,
    ) -> None:
        self._routes = RouteTable(services, learned)
        self._seed = seed
        self._sleep = sleep
        self._on_answer = on_answer or _forget
        self._next_unnumbered = first_unnumbered
        self._broken: set[StubRoute] = set()

    async def answer(
        self,
        service: str,
        method: str,
        path: str,
        query: str,
        headers: Mapping[bytes, bytes],
        body: bytes,
    ) -> Answer:
        """The answer, after the wait that the route's latency asks for.

        path: as it was sent, percent-encoded.   headers: by lower-case name.
        """
        found = self._routes.find(service, method, path)
        if found is None:
            self._on_answer(service, "(no such route)", 404)
            return self._no_such_route(service, method, path)
        route, params = found
        request_id = self._request_id(headers)
        asked = Asked(service, method, path, query, params, headers, body, request_id, self._seed)
        wait_s = route.latency.sample_s(asked.latency_draw)
        if wait_s > 0:
            await self._sleep(wait_s)
        answer = self._ask(route, asked)
        self._on_answer(service, f"{method} {route.template}", answer.status)
        return answer

    def refuse_body(self, service: str) -> Answer:
        """The answer to a body over `MAX_BODY_BYTES`."""
        self._on_answer(service, "(body too large)", 413)
        limit = f"this sandbox takes bodies of up to {MAX_BODY_BYTES:,} bytes"
        return answer_problem(413, "Body too large", limit)

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


def _forget(service: str, route: str, status: int) -> None:
    """Nobody counts."""
