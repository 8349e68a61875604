"""One request that a stub answers in place: nothing is dialled for it.

Floor 1. The body is read whole, up to a limit; the answer is awaited and framed like any other.
Read next: `switchboard/exchange.py` (StubAsk, StubAnswer), `client_wire.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from proxy.gateway.account import Account
from proxy.gateway.book import StubWay
from proxy.gateway.plan import head_text
from proxy.gateway.refusals import CONTINUE, phrase_of
from proxy.gateway.request_head import RequestHead
from switchboard.base_url import authority_of
from switchboard.decide import Refuse, refuse
from switchboard.edit_request import edit_target, injector_tags, kept_headers
from switchboard.exchange import StubAnswer, StubAsk, StubCall
from switchboard.headers import HOP_BY_HOP, is_token, is_value
from switchboard.rules import Mode

if TYPE_CHECKING:
    from proxy.gateway.client_wire import ClientWire
    from proxy.gateway.desk import Desk


class StubPassage:
    """A request in the hands of a stub."""

    def __init__(self, desk: Desk, client: ClientWire, way: StubWay, head: RequestHead) -> None:
        self._desk = desk
        self._client = client
        self._way = way
        self._head = head
        self._account = Account(head, None, client.peer, desk.max_captured_bytes)
        self._answer_headers: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._is_over = False
        self._moved_at = desk.now
        self.is_sent = False
        self.mode: Mode = way.mode

    def __repr__(self) -> str:
        return f"<StubPassage {self._head.method} to {self._way.decision.stub}>"

    def start(self, piece: bytes, *, is_last: bool) -> None:
        """Begin, with what is there of the body."""
        if self._head.expects_continue and not is_last and not piece:
            self._client.write(CONTINUE)
        self.take_body(piece, is_last=is_last)

    def take_body(self, piece: bytes, *, is_last: bool) -> None:
        """More of the body; with the last of it, ask the stub."""
        if self._is_over:
            return
        self._account.take(piece)
        if self._account.bytes_in > self._desk.limits.max_stub_body_bytes:
            self.cut(refuse("body-too-large", "a stub takes no more"))
            return
        self._pieces.append(piece)
        self.is_sent = is_last
        if is_last:
            self._moved_at = self._desk.now
            stubs = self._desk.stubs
            if stubs is None:
                self.cut(refuse("stub-broken", "this gateway was given no stubs"))
            else:
                self._task = self._desk.errands.start(self._answer(stubs))

    def on_client_gone(self) -> None:
        """Nobody wants the answer any more."""
        self._end()
        self._tell()

    def on_client_full(self) -> None:
        """Its answer is written at once and whole."""

    def on_client_ready(self) -> None:
        """Nothing waits for it."""

    def cut(self, refusal: Refuse) -> None:
        """End it with a refusal."""
        self._end()
        self._client.refuse(refusal, self._head)

    def check(self, now: float) -> None:
        """Look whether the stub comes to an end."""
        if self.is_sent and now - self._moved_at > self._desk.limits.answer_timeout_s:
            self.cut(refuse("upstream-timeout", "the stub did not answer"))

    async def _answer(self, stubs: StubCall) -> None:
        try:
            answer = await stubs(self._ask())
            data = self._answer_bytes(answer)
        except Exception as error:
            self._task = None
            if not self._is_over:
                self.cut(refuse("stub-broken", type(error).__name__))
            return
        self._task = None
        if self._is_over:
            return
        self._is_over = True
        self._client.write(data)
        self._tell()
        self._client.finish(keeps_alive=self._keeps_alive)

    @property
    def _keeps_alive(self) -> bool:
        return self._head.keeps_alive and not self._desk.is_draining

    def _ask(self) -> StubAsk:
        """What a destination would get: no credentials, but the injector's tags."""
        way = self._way
        edits = way.decision.route.edits
        headers = [
            ("host", authority_of(way.ask.scheme, way.ask.host, way.ask.port)),
            *kept_headers(self._head.headers, way.rules, edits),
            *injector_tags(self._head.headers, way.rules, way.ask),
        ]
        target = edit_target(way.ask.target, way.rules, edits)
        body = b"".join(self._pieces)
        return StubAsk(way.decision.stub, self._head.method, target, headers, body)

    def _answer_bytes(self, answer: StubAnswer) -> bytes:
        """The whole answer. Raises for anything that is no answer."""
        status = int(answer.status)
        if not 200 <= status <= 599:
            raise ValueError("no such status")
        body = bytes(answer.body) if status not in (204, 304) else b""
        headers = list(clean_headers(answer.headers))
        self._answer_headers = headers
        framing = "" if status in (204, 304) else f"content-length: {len(body)}\r\n"
        if not self._keeps_alive:
            framing += "connection: close\r\n"
        elif not self._head.minor:
            framing += "connection: keep-alive\r\n"
        start = f"HTTP/1.1 {status} {phrase_of(status)}\r\n"
        text = f"{start}{head_text(headers)}x-esr-env: sandbox\r\n{framing}\r\n"
        self._account.status = status
        if self._head.method == "HEAD":
            body = b""
        self._account.give(body)
        return text.encode("latin-1") + body

    def _end(self) -> None:
        self._is_over = True
        self._pieces.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _tell(self) -> None:
        way, ask = self._way, self._way.ask
        authority = authority_of(ask.scheme, ask.host, ask.port)
        self._desk.passed(
            self._account.close(
                way.decision.rule,
                way.decision.stub,
                None,
                ask.port,
                ask.scheme,
                authority,
                self._answer_headers,
                is_live=False,
            )
        )


def clean_headers(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """What of a stub's headers may stand in an answer; framing and environment are the door's."""
    for name, value in headers:
        low = name.lower()
        if is_token(name) and is_value(value) and low not in HOP_BY_HOP and low != "x-esr-env":
            yield name, value
