"""Names for those of whom a log tells only a client: `client-1`, `client-2`, as they appear.

An address may not leave the house, and an exported log has no other place for who somebody was. A
tape names them alike, and ends a session where an inferred client was silent for long.
Read next: `replay/building/numbering.py`, which does the same for a tape.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from replay.building.numbering import IDLE_NS

MAX_CLIENTS: Final = 300_000
"""Clients held at once; past that they are met anew, under new names."""


class ClientNames:
    """The names given so far. Memory stays flat.

    A client gets a number when it is met, which says nothing of it and may be kept in a file, and
    a name when it is its request's turn to be written: names are in order of time.
    """

    def __init__(self, most: int = MAX_CLIENTS) -> None:
        self._most = most
        self._met = 0
        self._numbers: dict[bytes, int] = {}
        self._named = 0
        self._names: dict[int, list[int]] = {}

    def number(self, client: str) -> int:
        """The number of a client, from 1."""
        key = blake2b(client.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        known = self._numbers.get(key)
        if known is None:
            if len(self._numbers) >= self._most:
                self._numbers.clear()
            self._met += 1
            known = self._numbers[key] = self._met
        return known

    def name(self, number: int, ns: int, *, inferred: bool) -> tuple[str, str | None]:
        """User and session of a client's request; a session only where the client is a guess."""
        known = self._names.get(number)
        if known is None:
            if len(self._names) >= self._most:
                self._names.clear()
            self._named += 1
            known = self._names[number] = [self._named, 1, ns]
        place, session, last_ns = known
        if ns - last_ns > IDLE_NS:
            known[1] = session = session + 1
        known[2] = max(ns, last_ns)
        user = f"client-{place}"
        return user, f"{user}-{session}" if inferred else None
