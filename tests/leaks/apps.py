"""The application behind the middleware: outside the sandbox's prefix it acts, on production.

It is as careless as applications are: it goes by whatever way of writing the path leads out of the
prefix. Under the prefix it hands the request on to the sandbox, so that what the middleware let
through is seen there. Run as a process, it says `ready HOST:PORT`.
"""

from __future__ import annotations

import asyncio
import posixpath
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Final
from urllib.parse import unquote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from scenarios.rules_files import read_rules
from switchboard.middleware import SwitchboardASGI, SwitchboardWSGI
from switchboard.mode import FileMode
from tests.leaks.places import PROD_LOOPBACK, SANDBOX, SANDBOX_PORT
from tests.leaks.wire import Answer, dial

PREFIX: Final = "/sandbox"
RULES: Final = Path("switchboard.yml")
_OWN: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})

Headers = list[tuple[str, str]]


def act(method: str, ways: list[str], query: str, headers: Headers) -> Answer:
    """What the application does for a request; `ways` are all that it knows of the path."""
    is_inside = all(is_under_prefix(way) for way in ways)
    stream = dial((SANDBOX, SANDBOX_PORT) if is_inside else (PROD_LOOPBACK, 80))
    target = ways[0].replace(" ", "") + (f"?{query}" if query else "")
    passed = [f"{name}: {value}" for name, value in headers if name.lower() not in _OWN]
    lines = [f"{method} {target} HTTP/1.1", "Host: app", *passed, "", ""]
    stream.send("\r\n".join(lines).encode("latin-1", "replace"))
    answer = stream.answer(is_head=method == "HEAD")
    stream.close()
    return answer or Answer(502)


def is_under_prefix(path: str) -> bool:
    """Where a careless router would find the path."""
    bare = path.partition("?")[0]
    if "://" in bare:
        return False
    found = posixpath.normpath(unquote(bare).replace("\\", "/"))
    return found == PREFIX or found.startswith(f"{PREFIX}/")


def _passed_on(answer: Answer) -> Headers:
    return [(n, v) for n, v in answer.headers.items() if n not in ("content-length", "connection")]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """The same as `wsgi_app`, and WebSockets."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
    ways = [scope["path"], scope.get("raw_path", b"/sandbox").decode("latin-1")]
    query = scope["query_string"].decode("latin-1")
    if scope["type"] == "websocket":
        headers = [pair for pair in headers if pair[0] not in ("upgrade", "connection")]
        await asyncio.to_thread(act, "GET", ways, query, headers)
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    while (await receive()).get("more_body"):
        pass
    answer = await asyncio.to_thread(act, scope["method"], ways, query, headers)
    pairs = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in _passed_on(answer)]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Acts, and says what came of it."""
    headers = [
        (name[5:].replace("_", "-").lower(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    ]
    ways = [environ["PATH_INFO"] or "/"]
    ways += [environ[name] for name in ("RAW_URI", "REQUEST_URI") if name in environ]
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = act(environ["REQUEST_METHOD"], ways, environ.get("QUERY_STRING", ""), headers)
    start_response(f"{answer.status} Said", _passed_on(answer))
    return [answer.body]


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without asking any resolver for our own name."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", int(self.server_address[1])
        self.setup_environ()


class _Handler(WSGIRequestHandler):
    timeout = 30

    def get_environ(self) -> dict[str, Any]:
        """As other servers do, the whole target too, as it was sent."""
        return {**super().get_environ(), "RAW_URI": self.path}

    def address_string(self) -> str:
        """No resolver is asked for the client's name."""
        return str(self.client_address[0])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


def _serve_wsgi() -> None:
    server = _Threaded(("127.0.0.1", 0), _Handler)
    rules = read_rules(RULES)
    server.set_app(SwitchboardWSGI(wsgi_app, mode=FileMode("switchboard.mode"), rules=rules))
    _say_ready(server.socket)
    server.serve_forever()


def _serve_asgi() -> None:
    import uvicorn

    rules = read_rules(RULES)
    app = SwitchboardASGI(asgi_app, mode=FileMode("switchboard.mode"), rules=rules)
    sock = socket.create_server(("127.0.0.1", 0), backlog=128)
    config = uvicorn.Config(app, log_level="warning", ws="wsproto", interface="asgi3")
    _say_ready(sock)  # connections wait in the backlog until it accepts
    uvicorn.Server(config).run(sockets=[sock])


def _say_ready(sock: socket.socket) -> None:
    host, port = sock.getsockname()[:2]
    sys.stdout.write(f"ready {host}:{port}\n")
    sys.stdout.flush()


def main() -> None:
    """`asgi` or `wsgi`."""
    (_serve_asgi if sys.argv[1] == "asgi" else _serve_wsgi)()
