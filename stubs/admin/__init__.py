"""The admin API, under `/__esr`: what the gateway is, what it was asked, and what to change.

Starlette serves this, and only this: it is asked rarely. Floor 1. docs/stub-admin.md lists the
routes. Read `place.py` (who may call), then `app.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from stubs.admin.counts import Counts as Counts
from stubs.service import PROBLEM

PREFIX: Final = "/__esr"


def is_admin(path: str) -> bool:
    """Whether a decoded path is the gateway's own. No stub and no learned answer can have it."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def make_admin(names: Sequence[str], counts: Counts) -> Starlette:
    """The ASGI application behind `/__esr`. `names` are the services' names."""

    async def health(_: Request) -> JSONResponse:
        return _reply({"status": "ok", "services": list(names)})

    async def stats(_: Request) -> JSONResponse:
        return _reply({"answers": counts.rows()})

    app = Starlette(
        routes=[Route(f"{PREFIX}/health", health), Route(f"{PREFIX}/stats", stats)],
        exception_handlers={HTTPException: _problem},
    )
    # A redirect would be made of the caller's Host and so lead out of the sandbox.
    app.router.redirect_slashes = False
    return app


async def _problem(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    detail = f"this gateway's own routes are {PREFIX}/health and {PREFIX}/stats, both GET"
    document = {
        "type": "about:blank",
        "title": error.detail,
        "status": error.status_code,
        "detail": detail,
    }
    reply = _reply(document, error.status_code, PROBLEM.decode())
    reply.headers.update(error.headers or {})
    return reply


def _reply(value: Any, status: int = 200, media_type: str = "application/json") -> JSONResponse:
    return JSONResponse(value, status, {"x-esr-env": "sandbox"}, media_type)
