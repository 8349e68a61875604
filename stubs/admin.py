"""What the gateway says about itself, under `/__esr`: is it well, and what has it answered.

Starlette serves this, and only this: it is asked rarely. Floor 1. docs/stubs.md lists the routes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from stubs.service import PROBLEM

PREFIX: Final = "/__esr"
MAX_COUNTED: Final = 10_000
"""Different (service, route, status) that are counted apart; a scanner must not fill memory."""
OTHERS: Final = ("(other)", "(other)", 0)


class Counts:
    """How often each service and route gave each status."""

    def __init__(self, limit: int = MAX_COUNTED) -> None:
        self._limit = limit
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, service: str, route: str, status: int) -> None:
        key = (service, route, status)
        if key not in self._counts and len(self._counts) >= self._limit:
            key = OTHERS
        self._counts[key] += 1

    def rows(self) -> list[dict[str, str | int]]:
        """For people and tests, in a stable order."""
        return [
            {"service": service, "route": route, "status": status, "count": count}
            for (service, route, status), count in sorted(self._counts.items())
        ]


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
