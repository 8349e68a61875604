"""One request that a declared fault touches: it waits, is answered in place, is cut, or passes.

Floor 1. It was decided before, so a fault lets nothing pass that would be refused; nothing is
dialled while it is held, and one that passes after all is decided anew. In live mode there are no
faults. Read next: `switchboard/trouble.py`, `client_wire.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from proxy.gateway.book import StubWay
from proxy.gateway.plan import Plan, head_text
from proxy.gateway.readers import Pair
from proxy.gateway.refusals import phrase_of
from proxy.gateway.request_head import RequestHead
from proxy.gateway.stub_passage import clean_headers
from switchboard.decide import Refuse, refuse
from switchboard.exchange import StubAnswer
from switchboard.rules import LIVE, Mode
from switchboard.trouble import Trouble, TroubleAsk, names_of

if TYPE_CHECKING:
    from proxy.gateway.client_wire import ClientWire
    from proxy.gateway.desk import Desk


class Troubled:
    """A request in the hands of a fault."""

    def __init__(
        self,
        desk: Desk,
        client: ClientWire,
        trouble: Trouble,
        head: RequestHead,
        aside: Pair | None,
        mode: Mode,
    ) -> None:
        self._desk = desk
        self._client = client
        self._trouble = trouble
        self._head = head
        self._aside = aside
        self._pieces: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._is_over = False
        self.is_sent = False
        """The whole request is here."""
        self.mode: Mode = mode

    def __repr__(self) -> str:
        return f"<Troubled {self._head.method} by {', '.join(self._trouble.faults)}>"

    def start(self, piece: bytes, *, is_last: bool) -> None:
        """Begin, with what is there of the body; the rest of it waits in the socket."""
        self.take_body(piece, is_last=is_last)
        wait = self._trouble.wait
        if wait is None:
            self._carry_out_or_refuse()
            return
        if not is_last:
            self._client.pause()
        self._task = self._desk.errands.start(self._after(wait))

    def take_body(self, piece: bytes, *, is_last: bool) -> None:
        """What was on its way before reading was paused."""
        self._pieces.append(piece)
        self.is_sent = is_last

    def on_client_gone(self) -> None:
        """Nobody waits any more."""
        self._end()

    def on_client_full(self) -> None:
        """Its answer is written at once and whole."""

    def on_client_ready(self) -> None:
        """Nothing waits for it."""

    def cut(self, refusal: Refuse) -> None:
        """End it with a refusal."""
        self._end()
        self._client.refuse(refusal, self._head)

    def check(self, now: float) -> None:
        """It is held on purpose; a tripped interlock refuses it all the same."""
        tripped = self._desk.switch.tripped
        if tripped is not None:
            self.cut(refuse("interlock", tripped))

    async def _after(self, wait: Callable[[], Awaitable[None]]) -> None:
        try:
            await wait()
        except Exception as error:
            self._task = None
            if not self._is_over:
                self.cut(_failed(error))
            return
        self._task = None
        if not self._is_over:
            self._carry_out_or_refuse()

    def _carry_out_or_refuse(self) -> None:
        try:
            self._carry_out()
        except Exception as error:
            self.cut(_failed(error))

    def _carry_out(self) -> None:
        trouble, client = self._trouble, self._client
        data = self._answer_bytes(trouble.answer) if trouble.answer is not None else b""
        pieces = b"".join(self._pieces)
        self._end()
        if trouble.cut == "reset":
            client.cut_off()
        elif trouble.cut == "close":
            client.hang_up()
        elif data:
            client.write(data)
            client.finish(keeps_alive=self._keeps_alive)
        else:
            client.start_after_all(self._head, self._aside, pieces, is_last=self.is_sent)

    @property
    def _keeps_alive(self) -> bool:
        return self._head.keeps_alive and self.is_sent and not self._desk.is_draining

    def _answer_bytes(self, answer: StubAnswer) -> bytes:
        """The whole answer. Raises for what would be none."""
        lines = head_text(clean_headers(answer.headers))
        framing = f"content-length: {len(answer.body)}\r\n"
        if not self._keeps_alive:
            framing += "connection: close\r\n"
        elif not self._head.minor:
            framing += "connection: keep-alive\r\n"
        start = f"HTTP/1.1 {answer.status} {phrase_of(answer.status)}\r\n"
        text = f"{start}{lines}x-esr-env: sandbox\r\n{framing}\r\n"
        return text.encode("latin-1") + (b"" if self._head.method == "HEAD" else answer.body)

    def _end(self) -> None:
        self._pieces.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if not self._is_over:
            self._is_over = True
            self._trouble.over()


def trouble_of(
    desk: Desk, client: ClientWire, way: Plan | StubWay, head: RequestHead, aside: Pair | None
) -> Troubled | Refuse | None:
    """What a fault makes of a request that may pass; None when none touches it.

    A refusal where asking failed, as after every mistake of our own.
    """
    if desk.troubles is None or way.mode == LIVE:
        return None
    if isinstance(way, Plan):
        names = names_of(way.to.name, way.host)
    else:
        names = names_of(way.decision.stub, way.ask.host)
    headers = head.headers if aside is None else [*head.headers, aside]
    try:
        trouble = desk.troubles(TroubleAsk("request", names, head.method, head.target, headers))
    except Exception as error:
        return _failed(error)
    return None if trouble is None else Troubled(desk, client, trouble, head, aside, way.mode)


def _failed(error: Exception) -> Refuse:
    return refuse("no-rules", f"asking for faults failed with {type(error).__name__}")
