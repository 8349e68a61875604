"""Asking an ASGI application in memory: no socket, no server, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Scope

from hms_esr.bundled import bundled_services
from stubs.gateway import Gateway
from stubs.learned import LearnedAnswers

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Said:
    """What came back."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class ScriptedSleep:
    """Takes no time, and remembers how long it was asked to."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []

    async def __call__(self, wait_s: float) -> None:
        self.waits_s.append(wait_s)


def make_gateway(
    answers: object = None, *, seed: int = 7, sleep: ScriptedSleep | None = None
) -> Gateway:
    """All services, and what was learned if anything."""
    learned = LearnedAnswers() if answers is None else LearnedAnswers.parse(answers)
    return Gateway(bundled_services(seed), learned, seed, sleep or ScriptedSleep())


def http_scope(method: str, target: bytes, headers: Pairs = ()) -> Scope:
    """What uvicorn makes of a request line."""
    raw_path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "method": method,
        "path": unquoted(raw_path),
        "raw_path": raw_path,
        "query_string": query,
        "headers": list(headers),
        "root_path": "",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 5),
    }


def unquoted(raw_path: bytes) -> str:
    from urllib.parse import unquote

    return unquote(raw_path.decode("latin-1"))


async def ask(
    app: ASGIApp,
    method: str,
    target: str | bytes,
    headers: Mapping[str, str] | None = None,
    body: bytes | Sequence[bytes] = b"",
) -> Said:
    """One request and its answer; `body` may come in parts."""
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    pairs = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in (headers or {}).items()]
    return await ask_scope(app, http_scope(method, raw, pairs), body)


async def ask_scope(app: ASGIApp, scope: Scope, body: bytes | Sequence[bytes] = b"") -> Said:
    parts = [body] if isinstance(body, bytes) else list(body)
    messages = [
        {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
        for at, part in enumerate(parts)
    ]
    sent = await exchange(app, scope, messages)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    headers = dict(sent[0]["headers"])
    assert len(headers) == len(sent[0]["headers"]), "a header was sent twice"
    return Said(sent[0]["status"], headers, sent[1].get("body", b""))


async def exchange(app: ASGIApp, scope: Scope, messages: Sequence[Message]) -> list[Message]:
    """Everything that the application sends when it is told `messages`, then that we left."""
    told = iter(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return next(told, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def ask_now(
    app: ASGIApp,
    method: str,
    target: str | bytes,
    headers: Mapping[str, str] | None = None,
    body: bytes | Sequence[bytes] = b"",
) -> Said:
    """`ask` for tests that are not async, such as those of Hypothesis."""
    return asyncio.run(ask(app, method, target, headers, body))
