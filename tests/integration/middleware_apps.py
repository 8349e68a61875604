"""One small application in each real framework: the same routes, as they are and under /sandbox."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import django  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.http import (  # type: ignore[import-untyped]
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import clear_url_caches, include, path  # type: ignore[import-untyped]
from fastapi import APIRouter, FastAPI, Request, Response, WebSocket
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse
from flask import Blueprint, Flask, jsonify, redirect, request
from flask import Response as FlaskResponse
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

PATIENCE_S = 30.0
PARTS = [b"part %d\n" % number for number in range(5)]


@dataclass
class Gate:
    """Where a streaming answer stands still until the test lets it go on."""

    is_running: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)


def where(path: str) -> str:
    """Which half of the application was reached."""
    return "sandbox" if path.startswith("/sandbox/") else "live"


def seen(path: str, headers: Any, query: str) -> dict[str, Any]:
    """What every framework tells of a request."""
    return {
        "where": where(path),
        "path": path,
        "query": query,
        "headers": {name.lower(): value for name, value in headers},
    }


def starlette_app(gate: Gate) -> Any:

    async def tell(request: Request) -> JSONResponse:
        found = seen(request.url.path, request.headers.items(), request.url.query)
        answer = JSONResponse(found)
        answer.set_cookie("theme", "dark")
        return answer

    async def digest(request: Request) -> PlainTextResponse:
        whole = hashlib.sha256()
        async for part in request.stream():
            whole.update(part)
        return PlainTextResponse(whole.hexdigest())

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(slowly(gate))

    async def leave(request: Request) -> RedirectResponse:
        return RedirectResponse("https://prod.hms.gov/login")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(where(websocket.url.path))
        while True:
            await websocket.send_bytes(await websocket.receive_bytes())

    routes: list[BaseRoute] = [
        Route("/tell", tell),
        Route("/digest", digest, methods=["POST"]),
        Route("/stream", stream),
        Route("/leave", leave),
        WebSocketRoute("/socket", socket),
    ]
    return Starlette(routes=[*routes, Mount("/sandbox", routes=routes)])


def fastapi_app(gate: Gate) -> Any:

    router = APIRouter()

    @router.get("/tell")
    async def tell(request: Request, response: Response) -> dict[str, Any]:
        response.set_cookie("theme", "dark")
        return seen(request.url.path, request.headers.items(), request.url.query)

    @router.post("/digest")
    async def digest(request: Request) -> PlainTextResponse:
        return PlainTextResponse(hashlib.sha256(await request.body()).hexdigest())

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(slowly(gate))

    @router.get("/leave")
    async def leave() -> RedirectResponse:
        return RedirectResponse("https://prod.hms.gov/login")

    @router.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(where(websocket.url.path))
        while True:
            await websocket.send_bytes(await websocket.receive_bytes())

    app = FastAPI()
    app.include_router(router)
    app.include_router(router, prefix="/sandbox")
    return app


def configure_django(gate: Gate) -> None:
    """Django's settings are the process's; its routes are replaced for each test."""

    if not settings.configured:
        settings.configure(
            SECRET_KEY="no secret",
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=__name__,
            USE_TZ=True,
            LOGGING_CONFIG=None,
            MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        )
        django.setup()

    def tell(request: Any) -> Any:
        query = request.META["QUERY_STRING"]
        answer = JsonResponse(seen(request.path, request.headers.items(), query))
        answer.set_cookie("theme", "dark")
        return answer

    def digest(request: Any) -> Any:
        return HttpResponse(hashlib.sha256(request.body).hexdigest())

    def stream(request: Any) -> Any:
        is_asgi = hasattr(request, "scope")
        return StreamingHttpResponse(slowly(gate) if is_asgi else slowly_in_thread(gate))

    def leave(request: Any) -> Any:
        return HttpResponseRedirect("https://prod.hms.gov/login")

    routes = [
        path("tell", tell),
        path("digest", digest),
        path("stream", stream),
        path("leave", leave),
    ]
    globals()["urlpatterns"] = [*routes, path("sandbox/", include(routes))]
    clear_url_caches()


def django_asgi_app(gate: Gate) -> Any:
    configure_django(gate)

    return get_asgi_application()


def django_wsgi_app(gate: Gate) -> Any:
    configure_django(gate)

    return get_wsgi_application()


def flask_app(gate: Gate) -> Any:

    routes = Blueprint("routes", __name__)

    @routes.get("/tell")
    def tell() -> FlaskResponse:
        answer = jsonify(seen(request.path, request.headers.items(), request.query_string.decode()))
        answer.set_cookie("theme", "dark")
        return answer

    @routes.post("/digest")
    def digest() -> str:
        return hashlib.sha256(request.get_data()).hexdigest()

    @routes.get("/stream")
    def stream() -> FlaskResponse:
        return FlaskResponse(slowly_in_thread(gate))

    @routes.get("/leave")
    def leave() -> Any:
        return redirect("https://prod.hms.gov/login")

    app = Flask(__name__)
    app.register_blueprint(routes)
    app.register_blueprint(routes, url_prefix="/sandbox", name="sandbox")
    return app


async def slowly(gate: Gate) -> AsyncIterator[bytes]:
    yield PARTS[0]
    gate.is_running.set()
    await asyncio.to_thread(gate.may_end.wait, PATIENCE_S)
    for part in PARTS[1:]:
        yield part


def slowly_in_thread(gate: Gate) -> Iterator[bytes]:
    yield PARTS[0]
    gate.is_running.set()
    gate.may_end.wait(PATIENCE_S)
    yield from PARTS[1:]
