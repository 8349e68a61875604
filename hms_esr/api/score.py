"""The live scorecard over HTTP: server-sent events at `/api/esr/score`, one JSON object a second.

Loopback by default; any other address needs `ESR_TOKEN`, and then every call needs
`Authorization: Bearer`. A page on this machine that runs the seed's Vue widget reads `users`,
`avg_wait` and `error_pct` straight from the events. Read next: `server.py`.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator

import orjson
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hms_esr.score_board import ScoreBoard

LOCAL_PAGES = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"
"""Origins of pages that may read the scorecard across ports."""


def score_app(board: ScoreBoard, token: str | None) -> Starlette:
    """The application. `token`: what callers must present, or None on loopback."""

    async def score(_: Request) -> Response:
        return EventSourceResponse(_events(board), headers={"Cache-Control": "no-store"})

    async def scorecard(_: Request) -> Response:
        if board.newest is None:
            return problem(404, "No scorecard yet", "the run has not sent anything so far")
        return Response(orjson.dumps(board.newest), media_type="application/json")

    routes = [
        Route("/api/esr/score", score, methods=["GET"]),
        Route("/api/esr/scorecard", scorecard, methods=["GET"]),
    ]
    # A page under development is served from another port of this machine; nobody else may read.
    layers = [
        Middleware(CORSMiddleware, allow_origin_regex=LOCAL_PAGES, allow_headers=["Authorization"])
    ]
    if token:
        layers.append(Middleware(BearerGuard, token=token))
    return Starlette(routes=routes, middleware=layers, exception_handlers={HTTPException: _refuse})


async def _refuse(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself, as a problem document."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    wanted = {
        404: f"there is no {path}; /api/esr/score streams the scorecard, /api/esr/scorecard is it",
        405: f"{path} is read with GET",
    }
    answer = problem(error.status_code, error.detail, wanted.get(error.status_code, error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _events(board: ScoreBoard) -> AsyncIterator[dict[str, str]]:
    async for score in board.follow():
        yield {"data": orjson.dumps(score).decode()}


class BearerGuard:
    """Lets a request pass only with the right bearer token, compared in constant time."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode(errors="surrogateescape")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        presented = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] != "http" or hmac.compare_digest(presented, self._expected):
            await self._app(scope, receive, send)
            return
        answer = problem(401, "Token needed", "send Authorization: Bearer with the ESR_TOKEN")
        answer.headers["WWW-Authenticate"] = "Bearer"
        await answer(scope, receive, send)


def problem(status: int, title: str, detail: str) -> Response:
    """An RFC 9457 problem document."""
    body = orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Response(body, status_code=status, media_type="application/problem+json")
