"""The admin API as an ASGI application, and the guard before an address of its own.

On the port of the stubbed services the gateway itself asks `is_admin_call` and passes on what is
one. Where the API has an address of its own, `DoorGuard` stands before it and says why not.
Floor 1. Read next: `calls.py`, which lists them all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from stubs.admin.calls import CALLS, Handler
from stubs.admin.desk import Desk
from stubs.admin.messages import CallError, problem
from stubs.admin.place import ABSOLUTE_FORM, PREFIX, Door, Refusal, why_refused

_HINT = f"GET {PREFIX}/openapi.json lists the calls"
_WHOLE_URL = Refusal(421, "Another host", "send the path alone as the target, not a whole URL")


def make_admin(desk: Desk) -> Starlette:
    """The application behind `/__esr`. Whoever gets as far as this may do everything it offers."""
    app = Starlette(
        routes=[
            Route(f"{PREFIX}{call.path}", _endpoint(desk, call.handler), methods=[call.method])
            for call in CALLS
        ],
        exception_handlers={HTTPException: _refuse, CallError: _explain, Exception: _break},
    )
    # A redirect would be made of the caller's Host and so lead out of the sandbox.
    app.router.redirect_slashes = False
    return app


class DoorGuard:
    """Stands before the admin API where that has an address of its own."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            peer = scope["client"][0] if scope.get("client") else None
            refusal = why_refused(scope["headers"], peer, self._door)
            if scope.get(ABSOLUTE_FORM):
                refusal = refusal or _WHOLE_URL
            if refusal is not None:
                answer = problem(refusal.status, refusal.title, refusal.detail)
                if refusal.status == 401:
                    answer.headers["WWW-Authenticate"] = "Bearer"
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _endpoint(desk: Desk, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await handler(desk, request)

    return endpoint


async def _refuse(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself."""
    if not isinstance(error, HTTPException):
        raise error
    answer = problem(error.status_code, error.detail, _HINT)
    answer.headers.update(error.headers or {})
    return answer


async def _explain(_: Request, error: Exception) -> Response:
    if not isinstance(error, CallError):
        raise error
    return problem(error.status, error.title, str(error), error.faults, error.more)


async def _break(_: Request, error: Exception) -> Response:
    return problem(500, "A fault of our own", f"this failed with {type(error).__name__}")
