"""What a door tells about its traffic: an exchange that passed, an attempt that was refused.

Floor 0, values only, so that the middleware can speak of them without the rest of the product.
Whoever observes must be quick and must not raise: a door calls it between two requests.
Read next: `ledger.py`, which counts them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

Door = Literal["gateway", "middleware", "proxy", "replay"]
Headers = list[tuple[str, str]]


@dataclass(slots=True)  # one a request, and frozen ones take three times as long to make
class Exchange:
    """One request that was passed on and answered; not to be changed."""

    at_ns: int
    """When the request began, epoch nanoseconds."""
    door: Door
    client: str
    """Who asked: `127.0.0.1:50412`."""
    rule: str
    upstream: str
    """The destination's name, or that of the stub."""
    address: str | None
    """What was dialled; None when a stub answered in place."""
    port: int
    scheme: str
    authority: str
    """As the client asked for it, which is never what is dialled."""
    method: str
    target: str
    status: int
    wait_ms: float
    headers: Headers = field(default_factory=list, repr=False)
    answer_headers: Headers = field(default_factory=list, repr=False)
    body: bytes | None = field(default=None, repr=False)
    """None: it was not captured, or it was longer than what is captured."""
    answer_body: bytes | None = field(default=None, repr=False)
    bytes_in: int = 0
    bytes_out: int = 0
    is_live: bool = False


@dataclass(slots=True)
class Refusal:
    """One attempt that was refused; not to be changed."""

    at_ns: int
    door: Door
    client: str
    host: str
    """As asked, made fit for a report; "" when there was none."""
    method: str
    rule: str
    reason: str


class Observer(Protocol):
    """Who is told. Must not block and must not raise."""

    def passed(self, exchange: Exchange) -> None:
        """A request was answered by the sandbox."""

    def refused(self, refusal: Refusal) -> None:
        """A request was refused; nothing was dialled for it."""


class NullObserver:
    """Nobody listens."""

    def passed(self, exchange: Exchange) -> None:
        """Forget it."""

    def refused(self, refusal: Refusal) -> None:
        """Forget it."""


@dataclass(slots=True)
class StubAsk:
    """What a door asks of a stub that answers in place."""

    service: str
    method: str
    target: str
    headers: Headers
    body: bytes


@dataclass(slots=True)
class StubAnswer:
    """What the stub answers."""

    status: int
    headers: Headers
    body: bytes


StubCall = Callable[[StubAsk], Awaitable[StubAnswer]]
