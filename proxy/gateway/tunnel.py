"""A WebSocket under way: bytes in both directions, neither side ahead of what the other takes.

Floor 1, callbacks only. Frames are not looked at: the handshake was rebuilt, and both ends of the
connection stay the same until it is closed. Read next: `passage.py`, which begins it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from proxy.gateway.account import Account
from proxy.gateway.answer_head import AnswerHead
from proxy.gateway.lines import BadMessage
from proxy.gateway.plan import Plan
from proxy.gateway.upstream_wire import UpstreamWire
from switchboard.decide import Refuse
from switchboard.rules import Mode

if TYPE_CHECKING:
    from proxy.gateway.client_wire import ClientWire
    from proxy.gateway.desk import Desk


class Tunnel:
    """Two connections that are one."""

    is_sent = True

    def __init__(
        self,
        desk: Desk,
        client: ClientWire,
        wire: UpstreamWire,
        account: Account,
        plan: Plan,
        tell: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._client = client
        self._wire = wire
        self._account = account
        self._tell = tell
        self._endpoint = plan.to.endpoint
        self._is_over = False
        self._moved_at = desk.now
        self.mode: Mode = plan.mode
        desk.statistics.tunnels += 1

    def __repr__(self) -> str:
        return f"<Tunnel to {self._wire!r}>"

    # From the client.

    def take_body(self, piece: bytes, *, is_last: bool) -> None:
        """Bytes for the upstream."""
        self._moved_at = self._desk.now
        self._account.bytes_in += len(piece)
        self._wire.transport.write(piece)

    def on_client_gone(self) -> None:
        """Let the upstream have what was written, and close."""
        self._close_upstream()

    def on_client_full(self) -> None:
        """The client is the slower one."""
        if self._wire.is_open:
            self._wire.transport.pause_reading()

    def on_client_ready(self) -> None:
        """It caught up."""
        if self._wire.is_open:
            self._wire.transport.resume_reading()

    def cut(self, refusal: Refuse) -> None:
        """Close both sides: its way is no longer taken."""
        self._close_upstream()
        self._client.hang_up()

    def check(self, now: float) -> None:
        """Look whether anything still moves, and whether the rules still lead there."""
        is_idle = now - self._moved_at > self._desk.limits.tunnel_idle_s
        if is_idle or self._endpoint not in self._desk.switch.endpoints:
            self._close_upstream()
            self._client.hang_up()

    # From the upstream.

    def on_tunnelled(self, data: bytes) -> None:
        """Bytes for the client."""
        self._moved_at = self._desk.now
        self._account.bytes_out += len(data)
        self._client.write(data)

    def on_lost(self, *, is_clean: bool) -> None:
        """The upstream closed: let the client have what was written, and close."""
        if not self._is_over:
            self._is_over = True
            self._tell()
            self._client.hang_up()

    def on_upstream_full(self) -> None:
        """The upstream is the slower one."""
        self._client.pause()

    def on_upstream_ready(self) -> None:
        """It caught up."""
        self._client.resume()

    def on_answer(self, head: AnswerHead, length: int, piece: bytes, *, is_last: bool) -> None:
        """Never: there are no answers any more."""

    def on_body(self, piece: bytes, *, is_last: bool) -> None:
        """Never: there are no answers any more."""

    def on_switched(self, head: AnswerHead, rest: bytes) -> None:
        """Never: it switched once."""

    def on_bad_answer(self, bad: BadMessage) -> None:
        """Never: nothing is read any more."""

    def on_failure(self, error: Exception) -> None:
        """A mistake of our own ends it."""
        self._wire.drop()
        self.on_lost(is_clean=False)

    def _close_upstream(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        wire = self._wire
        wire.leave()
        if wire.is_open:
            wire.is_open = False
            wire.transport.close()
            # One that takes nothing any more must not be waited for.
            timeout_s = self._desk.limits.write_timeout_s
            asyncio.get_running_loop().call_later(timeout_s, wire.transport.abort)
        self._tell()
