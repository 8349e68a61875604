"""Toxiproxy's HTTP API: its routes, its codes, its errors. Floor 1.

Its clients send no token and no JSON media type, so this is for this machine, or behind a door with
a token. Pages in a browser are refused, as Toxiproxy does by their name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from stubs.admin.messages import MOST_BYTES
from stubs.admin.place import ABSOLUTE_FORM, Door, why_refused
from stubs.toxiproxy.book import Book
from stubs.toxiproxy.toxics import ToxiproxyError

DEFAULT_LISTEN: Final = "127.0.0.1:8474"
VERSION: Final = "2.12.0"
"""Of Toxiproxy, whose API this is."""
ROUTES: Final = (
    ("GET", "/proxies"),
    ("POST", "/proxies"),
    ("POST", "/populate"),
    ("GET", "/proxies/{proxy}"),
    ("PATCH", "/proxies/{proxy}"),
    ("POST", "/proxies/{proxy}"),
    ("DELETE", "/proxies/{proxy}"),
    ("GET", "/proxies/{proxy}/toxics"),
    ("POST", "/proxies/{proxy}/toxics"),
    ("GET", "/proxies/{proxy}/toxics/{toxic}"),
    ("PATCH", "/proxies/{proxy}/toxics/{toxic}"),
    ("POST", "/proxies/{proxy}/toxics/{toxic}"),
    ("DELETE", "/proxies/{proxy}/toxics/{toxic}"),
    ("POST", "/reset"),
    ("GET", "/version"),
    ("GET", "/metrics"),
)
"""What docs/toxiproxy.md lists."""

_HEADERS: Final = {"x-esr-env": "sandbox", "cache-control": "no-store"}
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"

Endpoint = Callable[[Request], Awaitable[Response]]


class ToxiproxyApi:
    """One method a route; which one is asked says the method of the request."""

    def __init__(self, book: Book) -> None:
        self._book = book

    async def proxies(self, request: Request) -> Response:
        if request.method == "POST":
            return _json(self._book.show(self._book.create(await _read(request))), 201)
        shown = {name: self._book.show(proxy) for name, proxy in self._book.proxies.items()}
        return _json(shown)

    async def populate(self, request: Request) -> Response:
        populated = self._book.populate(await _read(request))
        return _json({"proxies": [self._book.show(proxy) for proxy in populated]}, 201)

    async def proxy(self, request: Request) -> Response:
        name: str = request.path_params["proxy"]
        if request.method == "DELETE":
            self._book.delete(name)
            return _nothing()
        if request.method in ("PATCH", "POST"):
            self._book.find(name)
            return _json(self._book.show(self._book.update(name, await _read(request))))
        return _json(self._book.show(self._book.find(name)))

    async def toxics(self, request: Request) -> Response:
        proxy = self._book.find(request.path_params["proxy"])
        if request.method == "POST":
            return _json(self._book.add_toxic(proxy, await _read(request)).to_json())
        return _json([toxic.to_json() for toxic in proxy.toxics.values()])

    async def toxic(self, request: Request) -> Response:
        proxy = self._book.find(request.path_params["proxy"])
        name: str = request.path_params["toxic"]
        if request.method == "DELETE":
            self._book.remove_toxic(proxy, name)
            return _nothing()
        if request.method in ("PATCH", "POST"):
            self._book.find_toxic(proxy, name)
            return _json(self._book.update_toxic(proxy, name, await _read(request)).to_json())
        return _json(self._book.find_toxic(proxy, name).to_json())

    async def reset(self, request: Request) -> Response:
        self._book.reset()
        return _nothing()

    async def version(self, request: Request) -> Response:
        return _json({"version": VERSION})

    async def metrics(self, request: Request) -> Response:
        """How many there are of everything; what went through says `/__esr/stats`."""
        proxies = self._book.proxies.values()
        counts = {
            "toxiproxy_proxies": len(proxies),
            "toxiproxy_proxies_enabled": sum(proxy.enabled for proxy in proxies),
            "toxiproxy_toxics": sum(len(proxy.toxics) for proxy in proxies),
        }
        lines = [f"# TYPE {name} gauge\n{name} {count}\n" for name, count in counts.items()]
        return Response("".join(lines), headers={**_HEADERS, "content-type": _METRICS})


def make_toxiproxy(book: Book, door: Door | None = None) -> ASGIApp:
    """The application. `door`: who may call; this machine when nobody says."""
    api = ToxiproxyApi(book)
    endpoints: dict[str, Endpoint] = {
        "/proxies": api.proxies,
        "/populate": api.populate,
        "/proxies/{proxy}": api.proxy,
        "/proxies/{proxy}/toxics": api.toxics,
        "/proxies/{proxy}/toxics/{toxic}": api.toxic,
        "/reset": api.reset,
        "/version": api.version,
        "/metrics": api.metrics,
    }
    routes = [
        Route(path, endpoint, methods=[method for method, at in ROUTES if at == path])
        for path, endpoint in endpoints.items()
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _refuse, ToxiproxyError: _explain, Exception: _break},
    )
    app.router.redirect_slashes = False
    return _Guard(app, door or Door())


class _Guard:
    """Lets nobody in who is no client on this machine, or who has no token where one is needed."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._why_refused(scope)
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await _error(*refused)(scope, receive, send)

    def _why_refused(self, scope: Scope) -> tuple[int, str] | None:
        headers = scope["headers"]
        if any(n == b"user-agent" and v.startswith(b"Mozilla/") for n, v in headers):
            return 403, "User agent not allowed"
        peer = scope["client"][0] if scope.get("client") else None
        refusal = why_refused(headers, peer, self._door)
        if refusal is not None:
            return refusal.status, refusal.detail
        if scope.get(ABSOLUTE_FORM):
            return 421, "send the path alone as the target, not a whole URL"
        return None


async def _read(request: Request) -> Any:
    """The JSON of the body, whatever it is called. Raises ToxiproxyError."""
    parts = bytearray()
    try:
        async for part in request.stream():
            parts += part
            if len(parts) > MOST_BYTES:
                raise ToxiproxyError(413, f"bad request body: at most {MOST_BYTES:,} bytes")
    except ClientDisconnect:
        raise ToxiproxyError(400, "bad request body: it broke off") from None
    try:
        return orjson.loads(bytes(parts))
    except orjson.JSONDecodeError as error:
        raise ToxiproxyError(400, f"bad request body: {error}") from None


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, _HEADERS, "application/json")


def _nothing() -> Response:
    return Response(status_code=204, headers=_HEADERS)


def _error(status: int, message: str) -> Response:
    return _json({"error": message, "status": status}, status)


async def _explain(_: Request, error: Exception) -> Response:
    if not isinstance(error, ToxiproxyError):
        raise error
    return _error(error.status, str(error))


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    answer = _error(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def _break(_: Request, error: Exception) -> Response:
    return _error(500, f"a fault of our own: {type(error).__name__}")
