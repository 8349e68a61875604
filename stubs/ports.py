"""A port for each service, closed while a fault refuses its callers.

Which ports are to be closed says the timetable; this opens and closes them. A closed port refuses
as a machine does on which nobody listens, and opens again at the same number. Floor 1.
Read next: `faults/down.py`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping

from stubs.listening import BACKLOG, address_of, listen
from switchboard.errors import EsrError

Say = Callable[[str], None]
MakeConnection = Callable[[str], asyncio.Protocol]
"""Takes the name of the service."""


class Ports:
    """The listeners of services by name. All calls belong to one event loop."""

    def __init__(
        self, sockets: Mapping[str, socket.socket], make: MakeConnection, say: Say
    ) -> None:
        self._sockets = dict(sockets)
        self._addresses = {name: address_of(each) for name, each in sockets.items()}
        self._make = make
        self._say = say
        self._servers: dict[str, asyncio.Server] = {}

    @property
    def addresses(self) -> Mapping[str, str]:
        """HOST:PORT by service, also of those that are closed."""
        return self._addresses

    @property
    def closed(self) -> frozenset[str]:
        return frozenset(self._addresses) - frozenset(self._servers)

    async def open_all(self) -> None:
        for name in self._addresses:
            await self._open(name)

    async def refuse(self, is_refused: Callable[[str], bool]) -> None:
        """Close the ports of services that are refused now, and open all others."""
        for name in self._addresses:
            if is_refused(name):
                self._close(name)
            elif name not in self._servers:
                try:
                    await self._open(name)
                except EsrError as error:  # tried again at the next change
                    self._say(f"{name} stays closed: {error}")

    def close_all(self) -> None:
        for name in tuple(self._servers):
            self._close(name)
        for each in self._sockets.values():
            each.close()

    async def _open(self, name: str) -> None:
        held = self._sockets.pop(name, None) or listen(self._addresses[name])
        loop = asyncio.get_running_loop()
        self._servers[name] = await loop.create_server(
            lambda: self._make(name), sock=held, backlog=BACKLOG
        )

    def _close(self, name: str) -> None:
        server = self._servers.pop(name, None)
        if server is not None:
            server.close()
