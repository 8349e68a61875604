"""Unused connections to one destination, last used first, bounded in number and age.

Floor 1. Connections under way belong to their passages; the pool only keeps what is idle.
Read next: `dialler.py`, which opens new ones.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from proxy.gateway.limits import Limits
from proxy.gateway.upstream_wire import UpstreamWire


class Place(NamedTuple):
    """What connections are shared by: everything that decides whom they reach."""

    address: str
    port: int
    server_name: str | None
    """With TLS: what the certificate must say."""
    ca_file: str | None


class Pool:
    """Idle connections to one place, until it is retired."""

    def __init__(self, place: Place, limits: Limits) -> None:
        self.place = place
        self._limits = limits
        self._idle: deque[UpstreamWire] = deque()
        self._is_retired = False

    def __repr__(self) -> str:
        return f"<Pool {self.place.address}:{self.place.port}, {len(self._idle)} idle>"

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, now: float) -> UpstreamWire | None:
        """The connection that was used last, or None when there is none that may live."""
        idle = self._idle
        while idle:
            wire = idle.pop()
            if wire.is_open and now - wire.idle_since <= self._limits.pool_idle_s:
                return wire
            wire.drop()
        return None

    def put(self, wire: UpstreamWire, now: float) -> None:
        """Keep a connection for the next request, or end it when it may not be kept."""
        if (
            self._is_retired
            or not wire.is_open
            or len(self._idle) >= self._limits.max_idle_upstreams
        ):
            wire.drop()
            return
        wire.idle_since = now
        self._idle.append(wire)

    def forget(self, wire: UpstreamWire) -> None:
        """The destination closed it."""
        if wire in self._idle:
            self._idle.remove(wire)

    def sweep(self, now: float) -> None:
        """End those that were not used for too long; the oldest stand first."""
        idle = self._idle
        while idle and now - idle[0].idle_since > self._limits.pool_idle_s:
            idle.popleft().drop()

    def retire(self) -> None:
        """The rules or the mode changed: nothing of it is used again."""
        self._is_retired = True
        while self._idle:
            self._idle.pop().drop()
