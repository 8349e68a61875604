"""An ASGI application asked by the transport: the gateway's own API, which is asked rarely.

The request is whole already, and the answer is collected before it goes. Floor 1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from stubs.admin.place import ABSOLUTE_FORM
from stubs.incoming import BROKEN, Incoming
from stubs.service import Answer, answer_problem

_SILENT: Final = answer_problem(500, "No answer", "this route of the gateway gave no answer")


async def run_asgi(
    app: ASGIApp, incoming: Incoming, peer: str | None, on_error: Callable[[Exception], None]
) -> Answer:
    """What the application answers, also when it raises after that; a 500 when it raises before."""
    told = [{"type": "http.request", "body": incoming.body, "more_body": False}]
    status = 0
    headers: list[tuple[bytes, bytes]] = []
    body = bytearray()

    async def receive() -> Message:
        if not told:  # it listens for the end of the connection, which cancels it
            await asyncio.Event().wait()
        return told.pop()

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message.get("headers", ()))
        else:
            body.extend(message.get("body", b""))

    try:
        await app(scope_of(incoming, peer), receive, send)
    except Exception as error:  # Starlette says 500, and then lets its server know why
        on_error(error)
        if not status:
            return BROKEN
    if not status:
        return _SILENT
    return Answer(status, bytes(body), headers=tuple(_unmarked(headers)))


def scope_of(incoming: Incoming, peer: str | None) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": incoming.method,
        "scheme": "http",
        "path": unquote(incoming.path),
        "raw_path": incoming.path.encode(),
        "query_string": incoming.query.encode(),
        "root_path": "",
        "headers": list(incoming.pairs),
        "client": None if peer is None else (peer, 0),
        "server": None,
        ABSOLUTE_FORM: incoming.is_absolute,
    }


def _unmarked(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Without the mark that every answer of the sandbox gets anyway."""
    return [pair for pair in headers if pair[0].lower() != b"x-esr-env"]
