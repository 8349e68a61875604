"""What the middleware adds to a request, beside the bare application in the same run.

Microseconds a request, bare and added, for ASGI and WSGI in live and in sandbox mode. The
applications do next to nothing, and no socket is involved.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from bench.report import Options, Report, Target
from bench.table import draw_table
from switchboard.middleware import SwitchboardASGI, SwitchboardWSGI
from switchboard.mode import FileMode
from switchboard.rules import Mode

REQUESTS = 20_000
REPEATS = 7
LIMIT_LIVE_US = 5.0
MODES: tuple[Mode, ...] = ("live", "sandbox")

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
Wsgi = Callable[[Any, Any], Iterable[bytes]]

HEADERS = [
    (b"host", b"svc.hms.example"),
    (b"user-agent", b"bench"),
    (b"accept", b"application/json"),
    (b"authorization", b"Bearer secret"),
    (b"cookie", b"sid=1; theme=dark"),
    (b"content-type", b"application/json"),
]
SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/profiles/42",
    "raw_path": b"/profiles/42",
    "query_string": b"full=1",
    "root_path": "",
    "headers": HEADERS,
    "client": ("127.0.0.1", 5),
}
ENVIRON = {
    "REQUEST_METHOD": "POST",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/profiles/42",
    "QUERY_STRING": "full=1",
    "CONTENT_TYPE": "application/json",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http",
    **{
        f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode()
        for name, value in HEADERS[:-1]
    },
}


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    await send({"type": "http.response.body", "body": b"ok"})


def wsgi_app(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("x-a", "b")])
    return [b"ok"]


async def send_nowhere(message: Any) -> None:
    """What a server would do with a part of an answer."""


async def receive_nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


def time_asgi(app: Asgi, requests: int) -> float:
    """Microseconds a request."""

    async def run() -> float:
        began = time.perf_counter()
        for _ in range(requests):
            await app(dict(SCOPE), receive_nothing, send_nowhere)
        return (time.perf_counter() - began) / requests * 1e6

    return asyncio.run(run())


def time_wsgi(app: Wsgi, requests: int) -> float:
    """Microseconds a request."""
    began = time.perf_counter()
    for _ in range(requests):
        answer = app(dict(ENVIRON), lambda status, headers: None)
        b"".join(answer)
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    return (time.perf_counter() - began) / requests * 1e6


def best_of(measure: Callable[[], float]) -> float:
    """The fastest of several runs: the machine's other work only ever adds."""
    return min(measure() for _ in range(REPEATS))


def bench_middleware(options: Options, scratch: Path) -> Report:
    """The fastest of several runs of each."""
    requests = REQUESTS // 10 if options.is_quick else REQUESTS
    rows = measure(requests, scratch)
    report = Report("middleware")
    heads = ("middleware", "mode", "bare us", "added us")
    report.tables.append(draw_table("What the middleware adds to a request", heads, rows))
    for kind, mode, _, added in rows:
        if mode == "live":
            report.targets.append(Target(f"{kind}: added in live mode, us", added, LIMIT_LIVE_US))
    report.figures["added_us"] = {f"{kind} {mode}": added for kind, mode, _, added in rows}
    return report


def measure(requests: int, folder: Path) -> list[tuple[str, str, float, float]]:
    """Kind, mode, microseconds bare, microseconds added."""
    rows = []
    cell = FileMode(folder / "switchboard.mode")
    asgi, wsgi = SwitchboardASGI(asgi_app, mode=cell), SwitchboardWSGI(wsgi_app, mode=cell)
    for mode in MODES:
        cell.flip(mode, who="bench", why="to measure it")
        bare = best_of(lambda: time_asgi(asgi_app, requests))
        added = best_of(lambda: time_asgi(asgi, requests)) - bare
        rows.append(("ASGI", mode, bare, added))
        bare = best_of(lambda: time_wsgi(wsgi_app, requests))
        added = best_of(lambda: time_wsgi(wsgi, requests)) - bare
        rows.append(("WSGI", mode, bare, added))
    return sorted(rows)
