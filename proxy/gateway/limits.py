"""How much a gateway takes, holds and waits for. Floor 1, values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Each of them bounds what one client or one upstream can cost."""

    max_head_bytes: int = 32_768
    """Request line and headers together; more is refused with 431."""
    max_answer_head_bytes: int = 65_536
    max_headers: int = 128
    max_body_bytes: int | None = None
    """None: bodies stream through, however long they are."""
    max_stub_body_bytes: int = 1_048_576
    """A stub gets its body whole, so this much is held for it."""
    max_connections: int = 20_000
    """Clients at once; one more is told 503."""
    max_idle_upstreams: int = 256
    """Unused connections kept to one destination."""
    head_timeout_s: float = 10.0
    """From a connection's or a request's first byte to the end of the head."""
    body_timeout_s: float = 30.0
    """In each such span at least `min_body_bytes` of a body must arrive."""
    min_body_bytes: int = 512
    idle_timeout_s: float = 75.0
    """A client's connection without a request."""
    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 60.0
    """An upstream that sends nothing for so long has failed."""
    write_timeout_s: float = 30.0
    """A client that takes nothing of its answer for so long is cut off."""
    tunnel_idle_s: float = 3_600.0
    """A WebSocket on which nothing moves in either direction."""
    pool_idle_s: float = 4.0
    """An unused connection to a destination; below the 5 s after which many servers hang up."""
    linger_s: float = 2.0
    """How long a refused client may go on sending before it is cut off."""
    farewell_s: float = 0.25
    """When the gateway stops: what a client's next request may take that is on its way already."""
    drain_s: float = 10.0
    """What requests under way may take when the gateway stops or the mode is flipped."""
