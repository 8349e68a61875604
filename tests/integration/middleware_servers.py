"""Real servers in front of real frameworks, each in a thread of the test's own process."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import uvicorn

PATIENCE_S = 30.0
HOST = "svc.hms.example"
SECRETS = {"Authorization": "Bearer secret", "Cookie": "sid=secret", "X-Api-Key": "secret"}


@contextmanager
def asgi_server(app: Any, lifespan: str = "auto") -> Iterator[int]:
    """Serve with uvicorn; the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_level="critical",
        lifespan=lifespan,  # type: ignore[arg-type]
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        listener.close()
        assert not thread.is_alive()


class QuietHandler(WSGIRequestHandler):
    """Says nothing on standard error."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Forget it."""

    def get_stderr(self) -> Any:
        """Where tracebacks of broken-off answers go."""
        return self.server.errors  # type: ignore[attr-defined]


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """wsgiref with a thread for each connection."""

    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        import io

        self.errors = io.StringIO()
        super().__init__(*arguments)


@contextmanager
def wsgi_server(app: Any) -> Iterator[int]:
    """Serve with threads; the port."""
    server = ThreadingServer(("127.0.0.1", 0), QuietHandler)
    server.set_app(app)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_S)


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)


def ask(
    port: int,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    host: str = HOST,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own: status, headers, body."""
    connection = connect(port)
    try:
        connection.request(method, path, body, {"Host": host, **(headers or {})})
        said = connection.getresponse()
        return said.status, {k.lower(): v for k, v in said.getheaders()}, said.read()
    finally:
        connection.close()
