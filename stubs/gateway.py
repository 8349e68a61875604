"""The stub gateway: one process in which every service of the neighbourhood answers.

`python -m stubs` prints `ready HOST:PORT` once it accepts. A request is answered by the
stub whose route it fits, else by what was learned from the trace, else with a 404 that names the
nearest routes. Requests take the plain ASGI path below; Starlette serves `/__esr` only, which no
stub can shadow. Floor 1. Read next: `answering.py`, which decides what is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from stubs.admin import Counts, is_admin, make_admin
from stubs.answering import FIRST_UNNUMBERED as FIRST_UNNUMBERED
from stubs.answering import MAX_BODY_BYTES as MAX_BODY_BYTES
from stubs.answering import Answering, Sleep
from stubs.learned import LearnedAnswers
from stubs.service import Answer, Service
from switchboard.routes import service_label, service_of

_SANDBOX: Final = (b"x-esr-env", b"sandbox")
_NO_BODY: Final = (204, 304)
_LONGEST_HOST: Final = 256
_PATH_CHARACTERS: Final = "/:@!$&'()*+,;=~"
"""What stands in a path as it is (RFC 3986, section 3.3)."""


class BodyTooLargeError(Exception):
    """The request's body is over the limit."""


class ClientGoneError(Exception):
    """The connection ended before the body did: nothing was asked."""


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        services: Sequence[Service],
        learned: LearnedAnswers,
        seed: int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.counts = Counts()
        self._stubs = Answering(services, learned, seed, sleep, self.counts.add)
        self._admin = make_admin([service.name for service in services], self.counts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_admin(scope["path"]):
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._admin(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        headers = dict(scope["headers"])
        service = service_name(headers)
        try:
            body = await read_body(receive)
        except ClientGoneError:
            return
        except BodyTooLargeError:
            await respond(send, method, self._stubs.refuse_body(service))
            return
        query = scope.get("query_string", b"").decode("latin-1")
        path = path_as_sent(scope)
        answer = await self._stubs.answer(service, method, path, query, headers, body)
        await respond(send, method, answer)


def service_name(headers: Mapping[bytes, bytes]) -> str:
    """Which service is meant: the switchboard's own header, else the first label of the host."""
    tag = headers.get(b"x-esr-service")
    if tag is not None:
        return _label(tag[:_LONGEST_HOST])
    return service_of(headers.get(b"host", b"")[:_LONGEST_HOST].decode("latin-1"))


@lru_cache(maxsize=1024)
def _label(tag: bytes) -> str:
    return service_label(tag.decode("latin-1"))


def path_as_sent(scope: Scope) -> str:
    """The path, percent-encoded as it was on the wire."""
    raw = scope.get("raw_path")
    if raw is None:  # not every server passes it on
        return quote(scope["path"], safe=_PATH_CHARACTERS, errors="surrogatepass")
    text: str = raw.decode("latin-1")
    return text


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises BodyTooLargeError or ClientGoneError."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError
        return body
    parts = bytearray()
    while message["type"] == "http.request":
        parts += message.get("body", b"")
        if len(parts) > MAX_BODY_BYTES:
            raise BodyTooLargeError
        if not message.get("more_body", False):
            return bytes(parts)
        message = await receive()
    raise ClientGoneError


async def respond(send: Send, method: str, answer: Answer) -> None:
    """Send an answer; HEAD, 204 and 304 have no body."""
    headers: list[tuple[bytes, bytes]] = [_SANDBOX, *answer.headers]
    body = answer.body
    if answer.status in _NO_BODY:
        body = b""
    else:
        headers.append((b"content-type", answer.content_type))
        headers.append((b"content-length", b"%d" % len(body)))
        if method == "HEAD":
            body = b""
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
