"""The last walls: where mitmproxy opens sockets, and where the whole process does.

If router, guard and seal were all taken away, a dial would still end here. The first wall stands in
front of `asyncio.open_connection` as `mitmproxy.proxy.server` calls it; UDP, which mitmproxy opens
from Rust, has no way at all. The second is an audit hook of the interpreter: it sees every connect
and every look-up of a name in this process, on asyncio's own loop (not on uvloop, and nothing that
Rust does). Both raise an OSError, which is what their callers know how to take.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Any, Final

import mitmproxy_rs
from mitmproxy.proxy import server

from proxy.interceptor.replacing import replaced
from switchboard.errors import GuardError
from switchboard.rules import Endpoint
from switchboard.seal import NOT_SEALED, check_dial

Endpoints = Callable[[], frozenset[Endpoint]]


class WallError(OSError):
    """Nothing may be dialled there."""


@contextmanager
def walled(endpoints: Endpoints, timeout_s: float = 5.0) -> Iterator[None]:
    """Let mitmproxy open connections to these endpoints only, as long as the context lasts."""
    with ExitStack() as stack:
        stack.enter_context(replaced(server, "asyncio", _WalledAsyncio(endpoints, timeout_s)))
        stack.enter_context(replaced(server, "mitmproxy_rs", _WithoutUdp()))
        yield


def _check(endpoints: Endpoints, address: Any, port: Any) -> None:
    try:
        check_dial(endpoints(), address, port)
    except GuardError as error:
        raise WallError(f"{NOT_SEALED}: {error.rule}") from error


class _WalledAsyncio:
    """asyncio as mitmproxy's server sees it."""

    def __init__(self, endpoints: Endpoints, timeout_s: float) -> None:
        self._endpoints = endpoints
        self._timeout_s = timeout_s

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def open_connection(
        self, host: str, port: int, *, local_addr: Any = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        _check(self._endpoints, host, port)
        async with asyncio.timeout(self._timeout_s):
            return await asyncio.open_connection(host, port, local_addr=local_addr)


class _WithoutUdp:
    """mitmproxy_rs as mitmproxy's server sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(mitmproxy_rs, name)

    @property
    def udp(self) -> _WithoutUdp:
        return self

    async def open_udp_connection(self, *_args: Any, **_options: Any) -> Any:
        raise WallError(f"{NOT_SEALED}: no datagram leaves the interceptor")


_SENDS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_ASKS: Final = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class _Tripwire:
    """The audit hook; there is one a process, for one cannot be taken away again."""

    def __init__(self) -> None:
        self._endpoints: Endpoints | None = None
        self._is_strung = False
        self.lowered = 0

    def arm(self, endpoints: Endpoints) -> None:
        if not self._is_strung:
            sys.addaudithook(self)
            self._is_strung = True
        self._endpoints = endpoints

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self._endpoints is None or self.lowered:
            return
        if event in _SENDS:
            address = args[1]
            if address is not None:
                _check(self._endpoints, *_pair(address))
        elif event in _ASKS and not _is_literal(args[0]):
            raise WallError(f"{NOT_SEALED}: no name is looked up in this process")


def _pair(address: Any) -> tuple[Any, Any]:
    """Address and port; of a Unix socket or anything else, what no endpoint can be."""
    if isinstance(address, tuple) and len(address) >= 2:
        return address[0], address[1]
    return None, None


def _is_literal(host: Any) -> bool:
    if host is None:
        return True
    try:
        ip_address(host.decode("ascii") if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return True


_tripwire: Final = _Tripwire()


def arm_process(endpoints: Endpoints) -> None:
    """From now on this process connects to these endpoints and to nothing else, for good."""
    _tripwire.arm(endpoints)


@contextmanager
def lowered() -> Iterator[None]:
    """Let this process dial as long as the context lasts: for canaries, which must be free to.

    Only the tripwire is lowered: what mitmproxy dials still meets the other walls.
    """
    _tripwire.lowered += 1
    try:
        yield
    finally:
        _tripwire.lowered -= 1
