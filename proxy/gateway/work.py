"""What a client's connection can be busy with: a passage, a tunnel. Floor 1, types only."""

from __future__ import annotations

from typing import Protocol

from switchboard.decide import Refuse
from switchboard.rules import Mode


class Work(Protocol):
    """One request or WebSocket under way, as its client's connection sees it."""

    mode: Mode
    """The way that it takes."""

    def take_body(self, piece: bytes, *, is_last: bool) -> None:
        """More from the client."""

    def on_client_gone(self) -> None:
        """The client closed the connection."""

    def on_client_full(self) -> None:
        """The client takes no more for now."""

    def on_client_ready(self) -> None:
        """It takes more again."""

    def cut(self, refusal: Refuse) -> None:
        """End it now."""

    def check(self, now: float) -> None:
        """Look after its timeouts."""
