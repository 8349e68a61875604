"""Names for those of whom a log tells only a client: `client-1`, `client-2`, as they appear.

An address may not leave the house, and an exported log has no other place for who somebody was. A
tape names them alike, and ends a session where an inferred client was silent for long.
Read next: `numbering.py`, which does the same for a tape.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from replay.numbering import IDLE_NS

MAX_CLIENTS: Final = 300_000
"""Clients held at once; past that they are met anew, under new names."""


class ClientNames:
    """The names given so far. Memory stays flat."""

    def __init__(self, most: int = MAX_CLIENTS) -> None:
        self._most = most
        self._count = 0
        self._known: dict[bytes, list[int]] = {}

    def name(self, client: str, ns: int, *, inferred: bool) -> tuple[str, str | None]:
        """User and session of a client's request; a session only where the client is a guess."""
        key = blake2b(client.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            self._count += 1
            known = self._known[key] = [self._count, 1, ns]
        number, session, last_ns = known
        if ns - last_ns > IDLE_NS:
            known[1] = session = session + 1
        known[2] = max(ns, last_ns)
        user = f"client-{number}"
        return user, f"{user}-{session}" if inferred else None
