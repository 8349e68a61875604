"""What a gateway did so far, as plain whole numbers. Floor 1, values only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class GatewayStatistics:
    """Counters since the start, and four levels: of now."""

    accepted: int = 0
    """Connections of clients."""
    requests: int = 0
    """Heads that were well-formed, whatever became of them."""
    refused: int = 0
    by: dict[tuple[str, int], int] = field(default_factory=dict)
    """Answered requests by upstream and first digit of the status."""
    bytes_in: int = 0
    """Of request bodies."""
    bytes_out: int = 0
    """Of answer bodies."""
    upstream_connections: int = 0
    upstream_failures: int = 0
    """Connections to upstreams that could not be opened."""
    upstream_deaths: int = 0
    """Answers that ended before they were complete."""
    retries: int = 0
    """Requests sent once more because a kept connection turned out to be closed."""
    tunnels: int = 0
    """WebSockets begun."""
    observer_errors: int = 0
    """Exceptions of whoever observes: a mistake of ours, and no reason to stop the traffic."""
    connections: int = 0
    """Level: clients connected."""
    busy: int = 0
    """Level: clients with a request or a WebSocket under way."""
    upstream_connections_open: int = 0
    """Level: of them some are idle."""
    upstream_connections_idle: int = 0
