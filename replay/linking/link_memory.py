"""What is remembered of each session while links are looked for: digests of values, never values.

Bounded whatever comes: so many sessions, so many values each and in all; the sessions that were
quiet for longest are forgotten first. Read next: `links.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Final, NamedTuple

MAX_SESSIONS: Final = 20_000
MAX_VALUES: Final = 256
"""Values held for a session."""
MAX_SENT: Final = 1_024
"""Values known to come from the client itself, for a session."""
MAX_ALL: Final = 400_000
"""Values of all sessions."""
MAX_SEEN: Final = 200_000
"""Values of which it is known which sessions they were answered to."""
COMMON: Final = 3
"""A value that was answered to more sessions belongs to none of them."""
_ORIGINS: Final = 4

Key = tuple[str | None, str | None, str | None]
"""User, session, client."""


class Origin(NamedTuple):
    """Where a value came from."""

    row: int
    path: str
    end_ns: int | None
    """When the answer was there; None when that is not known."""


def digest(text: str) -> bytes:
    """Stands for a value."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=12).digest()


class Session:
    """The values that one session was answered, and those that it brought itself."""

    __slots__ = ("held", "last_ns", "sent")

    def __init__(self) -> None:
        self.held: OrderedDict[bytes, tuple[Origin, ...]] = OrderedDict()
        self.sent: OrderedDict[bytes, None] = OrderedDict()
        self.last_ns: int | None = None

    def __len__(self) -> int:
        return len(self.held) + len(self.sent)

    def hold(self, value: bytes, origin: Origin) -> None:
        """An answer held the value; the last few places are kept, the latest first."""
        known = self.held.pop(value, ())
        self.held[value] = (origin, *known[: _ORIGINS - 1])
        if len(self.held) > MAX_VALUES:
            self.held.popitem(last=False)

    def bring(self, value: bytes) -> None:
        """The client sent the value, and no answer had held it before."""
        self.held.pop(value, None)
        self.sent[value] = None
        self.sent.move_to_end(value)
        if len(self.sent) > MAX_SENT:
            self.sent.popitem(last=False)

    def origin(self, value: bytes, at_ns: int | None) -> Origin | None:
        """The latest answer that was there when a request began."""
        for origin in self.held.get(value, ()):
            if at_ns is None or origin.end_ns is None or origin.end_ns <= at_ns:
                return origin
        return None


class Memory:
    """The sessions that were active last."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[Key, Session] = OrderedDict()
        self._size = 0

    def get(self, key: Key) -> Session:
        """The session of that key, a new one if there is none."""
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = Session()
        else:
            self._sessions.move_to_end(key)
        return session

    def forget(self, key: Key) -> None:
        gone = self._sessions.pop(key, None)
        self._size -= 0 if gone is None else len(gone)

    def grew(self, count: int) -> None:
        """So many values came in; the sessions that were quiet for longest make room."""
        self._size += count
        while len(self._sessions) > MAX_SESSIONS or (
            self._size > MAX_ALL and len(self._sessions) > 1
        ):
            _, gone = self._sessions.popitem(last=False)
            self._size -= len(gone)


class Seen:
    """To which sessions a value was answered, for the values that came last."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[bytes, tuple[bytes, ...]] = OrderedDict()

    def add(self, value: bytes, session: bytes) -> bool:
        """True when the value is common: answered to more than a few sessions."""
        known = self._sessions.get(value, ())
        if session not in known and len(known) <= COMMON:
            known = (*known, session)
        self._sessions[value] = known
        self._sessions.move_to_end(value)
        if len(self._sessions) > MAX_SEEN:
            self._sessions.popitem(last=False)
        return len(known) > COMMON
