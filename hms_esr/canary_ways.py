"""How a canary really resolves and dials: this machine's resolver, a plain TCP connection.

Read next: `canaries.py`, which is handed these, or scripted ones in a test.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

TIMEOUT_S: Final = 1.0

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a name; raises OSError when it has none."""
Dial = Callable[[str, int], Awaitable[None]]
"""Returns once connected, and has hung up by then; raises OSError when it cannot connect."""


async def resolve_here(host: str) -> Sequence[str]:
    """Ask this machine's resolver, in a thread that nobody has to wait for."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: OSError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def ask() -> None:
        found, failed = _look_up(host)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and so has the question
            loop.call_soon_threadsafe(settle, found, failed)

    threading.Thread(target=ask, name="canary", daemon=True).start()
    return await answer


def _look_up(host: str) -> tuple[list[str], OSError | None]:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return [], error
    except UnicodeError as error:  # a label too long for any resolver
        return [], OSError(str(error))
    return [str(row[4][0]) for row in rows], None


async def dial_here(address: str, port: int) -> None:
    """Connect, and hang up at once: not a byte is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as dialling:
        dialling.setblocking(False)
        await asyncio.get_running_loop().sock_connect(dialling, (address, port))


def rfc3339_now() -> str:
    """2020-03-15T09:30:00.250Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Ways:
    """How a canary resolves, dials, waits and tells the time."""

    resolve: Resolve = resolve_here
    dial: Dial = dial_here
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], str] = rfc3339_now
    timeout_s: float = TIMEOUT_S


HERE: Final = Ways()
