"""The control API of a gateway: its state, its mode, its interlock, its metrics.

It listens on an address of its own and never on the gateway's. On loopback any process of this
machine may call it; with `ESR_TOKEN` every call needs `Authorization: Bearer`, wherever it comes
from. Pages of a browser cannot: there is no CORS, changes must be JSON, and the Host header must
name this machine, so that no name that was rebound to it gets in. Read next: `gateways/panel.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final, Protocol

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hms_esr.api.score import BearerGuard, problem
from switchboard.errors import EsrError
from switchboard.rules import LIVE, SANDBOX, Mode

PREFIX: Final = "/api/esr/switchboard"
MOST_BYTES: Final = 65_536
LONGEST_TEXT: Final = 200
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_HOST: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(:[0-9]{1,5})?")

PATHS: Final = (
    f"GET {PREFIX}, PUT {PREFIX}/mode, GET {PREFIX}/interlock, POST {PREFIX}/trip, GET /metrics "
    "and GET /healthz"
)


class Panel(Protocol):
    """What the API reads and does."""

    async def status(self) -> dict[str, Any]:
        """The state of the gateway."""

    async def flip(self, mode: Mode, who: str, why: str) -> dict[str, Any]:
        """Change the mode; when it returns, nothing goes the old way. Raises EsrError."""

    async def interlock(self) -> dict[str, Any]:
        """Everything contacted and refused so far."""

    async def trip(self, who: str, why: str) -> dict[str, Any]:
        """Refuse everything from now on."""

    async def metrics(self) -> bytes:
        """The text that Prometheus reads."""

    @property
    def is_healthy(self) -> bool:
        """True while at least one worker accepts and the interlock was not tripped."""


class BodyError(Exception):
    """What a caller sent is not what the call takes: the answer's status, and the field."""

    def __init__(self, status: int, title: str, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.field = field


def switchboard_app(panel: Panel, token: str | None) -> Starlette:
    """The application. `token`: what callers must present, or None on loopback."""

    async def status(_: Request) -> Response:
        return _json(await panel.status())

    async def mode(request: Request) -> Response:
        body = await read_object(request)
        mode, who, why = (text_of(body, name) for name in ("mode", "who", "why"))
        return _json(await panel.flip(mode_of(mode), who, why))

    async def interlock(_: Request) -> Response:
        return _json(await panel.interlock())

    async def trip(request: Request) -> Response:
        body = await read_object(request)
        who, why = (text_of(body, name) for name in ("who", "why"))
        return _json(await panel.trip(who, why))

    async def metrics(_: Request) -> Response:
        return Response(await panel.metrics(), headers={"content-type": METRICS_TYPE})

    async def health(_: Request) -> Response:
        if panel.is_healthy:
            return _json({"status": "ok"})
        return problem(503, "Not well", "no worker accepts, or the interlock was tripped")

    app = Starlette(
        routes=[
            Route(PREFIX, status, methods=["GET"]),
            Route(f"{PREFIX}/mode", mode, methods=["PUT"]),
            Route(f"{PREFIX}/interlock", interlock, methods=["GET"]),
            Route(f"{PREFIX}/trip", trip, methods=["POST"]),
            Route("/metrics", metrics, methods=["GET"]),
            Route("/healthz", health, methods=["GET"]),
        ],
        middleware=_layers(token),
        exception_handlers={
            HTTPException: _refuse,
            BodyError: _explain,
            EsrError: _report,
            Exception: _break,
        },
    )
    app.router.redirect_slashes = False  # a redirect is made of the caller's own Host
    return app


def _layers(token: str | None) -> list[Middleware]:
    # With a token, a page that was rebound here has no key to the door, and a scraper may well
    # know this machine by a name.
    if token is None:
        return [Middleware(HostGuard)]
    return [Middleware(BearerGuard, token=token)]


def _json(value: Mapping[str, Any]) -> Response:
    return Response(
        orjson.dumps(value), media_type="application/json", headers={"cache-control": "no-store"}
    )


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of the body. Raises BodyError."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise BodyError(415, "JSON needed", "send Content-Type: application/json and an object")
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MOST_BYTES:
            raise BodyError(413, "Body too large", f"send at most {MOST_BYTES:,} bytes")
    try:
        value = orjson.loads(bytes(parts))
    except orjson.JSONDecodeError as error:
        raise BodyError(400, "No JSON", f"the body cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise BodyError(400, "No object", "the body must be a JSON object")
    return value


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A field that must be a short printable text. Raises BodyError that names it."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BodyError(422, "Field needed", f"`{name}` must be a text", name)
    if len(value) > LONGEST_TEXT or not value.isprintable():
        wanted = f"`{name}` must be one line of at most {LONGEST_TEXT} printable characters"
        raise BodyError(422, "Field amiss", wanted, name)
    return value


def mode_of(text: str) -> Mode:
    """The mode of this name. Raises BodyError."""
    if text == SANDBOX:
        return SANDBOX
    if text == LIVE:
        return LIVE
    raise BodyError(422, "Field amiss", "`mode` must be sandbox or live", "mode")


async def _refuse(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself, as a problem document."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    wanted = {
        404: f"there is no {path}; there are {PATHS}",
        405: f"{path} does not take {request.method}; there are {PATHS}",
    }
    answer = problem(error.status_code, error.detail, wanted.get(error.status_code, error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _explain(_: Request, error: Exception) -> Response:
    if not isinstance(error, BodyError):
        raise error
    document = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
        **(
            {"errors": [{"pointer": f"#/{error.field}", "detail": str(error)}]}
            if error.field
            else {}
        ),
    }
    body = orjson.dumps(document)
    return Response(body, status_code=error.status, media_type="application/problem+json")


async def _report(_: Request, error: Exception) -> Response:
    """Our own refusal, such as a worker that did not take a flip."""
    return problem(503, "Not done", str(error))


async def _break(_: Request, error: Exception) -> Response:
    return problem(500, "A fault of our own", f"this failed with {type(error).__name__}")


class HostGuard:
    """Lets a request pass only when its Host header is this machine by number, or localhost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value for name, value in scope.get("headers", ()) if name == b"host"]
        if scope["type"] != "http" or (len(hosts) == 1 and is_local(hosts[0].decode("latin-1"))):
            await self._app(scope, receive, send)
            return
        answer = problem(421, "Another host", "call this API by a loopback address or localhost")
        await answer(scope, receive, send)


def is_local(authority: str) -> bool:
    """Whether a Host header names this machine in a way that no name server decides."""
    found = _HOST.fullmatch(authority)
    if found is None:
        return False
    host = found[1].strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
