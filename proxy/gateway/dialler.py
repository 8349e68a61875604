"""Opens connections to destinations: the seal is asked last, right before the dial.

Floor 1. Only IP literals are dialled, so no resolver can change its mind after the check.
Read next: `switchboard/seal.py`, `pool.py`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from proxy.gateway.errands import Errands
from proxy.gateway.limits import Limits
from proxy.gateway.pool import Place, Pool
from proxy.gateway.readers import AnswerReader
from proxy.gateway.statistics import GatewayStatistics
from proxy.gateway.tls import build_upstream_context
from proxy.gateway.upstream_wire import UpstreamWire
from switchboard import seal
from switchboard.decide import Refuse, refuse
from switchboard.errors import GuardError
from switchboard.switch import Switch

Connect = Callable[[Callable[[], UpstreamWire], Place, ssl.SSLContext | None], Awaitable[object]]
"""Opens a connection to an address and attaches what the factory makes. Raises OSError."""


class Waiting(Protocol):
    """Who waits for a connection."""

    def on_connected(self, wire: UpstreamWire) -> None:
        """Here it is."""

    def on_dial_failed(self, refusal: Refuse) -> None:
        """There will be none."""


class Dialler:
    """One a gateway."""

    def __init__(
        self,
        switch: Switch,
        limits: Limits,
        reader: AnswerReader,
        errands: Errands,
        statistics: GatewayStatistics,
        connect: Connect | None = None,
    ) -> None:
        self._switch = switch
        self._limits = limits
        self._reader = reader
        self._errands = errands
        self._statistics = statistics
        self._connect: Connect = connect or _connect
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.open: set[UpstreamWire] = set()

    def forget_authorities(self) -> None:
        """Read authority files again: the rules changed."""
        self._contexts.clear()

    def dial(self, pool: Pool, waiting: Waiting) -> None:
        """Open a connection; one of the two methods of `waiting` is called later."""
        self._errands.start(self._dial(pool, waiting))

    async def _dial(self, pool: Pool, waiting: Waiting) -> None:
        place = pool.place
        wire = UpstreamWire(self._reader, self._limits, partial(self._forget, pool))
        try:
            async with asyncio.timeout(self._limits.connect_timeout_s):
                await self._open(place, lambda: wire)
            if not wire.is_open:
                raise ConnectionResetError("it closed the connection at once")
        except BaseException as error:
            if wire.is_open:
                wire.drop()  # given up on in the very moment in which it came
            if not isinstance(error, Exception):
                raise
            self._statistics.upstream_failures += 1
            waiting.on_dial_failed(why_failed(error))
            return
        self._statistics.upstream_connections += 1
        self.open.add(wire)
        waiting.on_connected(wire)

    def _forget(self, pool: Pool, wire: UpstreamWire) -> None:
        self.open.discard(wire)
        pool.forget(wire)

    async def _open(self, place: Place, factory: Callable[[], UpstreamWire]) -> None:
        context = self._context(place.ca_file) if place.server_name is not None else None
        seal.check_dial(self._switch.endpoints, place.address, place.port)
        await self._connect(factory, place, context)

    def _context(self, ca_file: str | None) -> ssl.SSLContext:
        if ca_file is None:
            raise ssl.SSLError("no authority file is named, so no certificate can be believed")
        context = self._contexts.get(ca_file)
        if context is None:
            context = self._contexts[ca_file] = build_upstream_context(ca_file)
        return context


async def _connect(
    factory: Callable[[], UpstreamWire], place: Place, context: ssl.SSLContext | None
) -> object:
    loop = asyncio.get_running_loop()
    return await loop.create_connection(
        factory,
        place.address,
        place.port,
        ssl=context,
        server_hostname=place.server_name if context is not None else None,
    )


def why_failed(error: Exception) -> Refuse:
    """What a failed dial means for the request that wanted it."""
    if isinstance(error, GuardError):
        return refuse("not-sealed")
    if isinstance(error, TimeoutError):
        return refuse("upstream-unreachable", "the connection took too long")
    if isinstance(error, ssl.SSLError):
        return refuse("upstream-unreachable", "its certificate is not believed")
    if isinstance(error, OSError):
        return refuse("upstream-unreachable")
    return refuse("no-rules", f"dialling failed with {type(error).__name__}")
