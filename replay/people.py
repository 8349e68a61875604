"""Who sent what: users and sessions numbered in flat memory, however many there are.

While a trace is read, `Refs` turns names into small numbers through a bounded cache; a name that
comes back after the cache was emptied gets a second number with the same hash. At the end
`number_people` puts equal ones together, splits sessions, and numbers all by first appearance.
Read next: `compile.py`, which drives both.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from replay.tape import TapeWriter

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

CACHED: Final = 100_000
"""Names held at once, for each kind; past that the cache starts afresh."""
MAX_NAME: Final = 200
NONE: Final = 0xFFFF_FFFF
"""No user was named (the request is a user of its own), or no session."""
_REFS_HELD: Final = 32_768
IDLE_NS: Final = 30 * 60 * 1_000_000_000
"""Where users are inferred from clients, a longer silence than this ends a session."""

USER, SESSION, CLIENT = 0, 1, 2
"""Where a user's key comes from; equal texts of two kinds are two users."""
_SALT: Final = (0, 0x5DEE_CE66_D1CE_4E5B, 0x2545_F491_4F6C_DD1D)


class Refs:
    """Numbers for names, in order of appearance; `spill` holds what is known of each number."""

    def __init__(self) -> None:
        self.count = 0
        self.emptied = False
        self.cache: tuple[dict[str, int], ...] = ({}, {}, {})
        self.hashes = array("q")
        self.lengths = array("I")
        self.kinds = bytearray()
        self.texts = bytearray()

    def number(self, kind: int, text: str) -> int:
        """The number of this name."""
        known = self.cache[kind].get(text)
        return self.new_number(kind, text) if known is None else known

    def new_number(self, kind: int, text: str) -> int:
        """A number for a name that is not in the cache."""
        number = self.count
        # Python's own hash, keyed afresh in each process, only ever says which names are equal;
        # clients are told apart by it alone, so that no address reaches the disk.
        self.hashes.append(hash(text) ^ _SALT[kind])
        kept = text[:MAX_NAME].encode("utf-8", "replace") if kind != CLIENT else b""
        self.lengths.append(len(kept))
        self.kinds.append(kind)
        self.texts += kept
        self.count = number + 1
        if len(text) > MAX_NAME:
            self.emptied = True  # it is not held, and will get another number next time
            return number
        cache = self.cache[kind]
        if len(cache) >= CACHED:
            cache.clear()
            self.emptied = True
        cache[text] = number
        return number

    def spill(self, writer: TapeWriter, name: str) -> None:
        """Append what is known of the numbers so far to files, and forget it; the caches stay."""
        writer.append_bytes(f"{name}.hash.spill", self.hashes.tobytes())
        writer.append_bytes(f"{name}.length.spill", self.lengths.tobytes())
        writer.append_bytes(f"{name}.kind.spill", self.kinds)
        writer.append_bytes(f"{name}.text.spill", self.texts)
        self.hashes, self.lengths = array("q"), array("I")
        self.kinds.clear()
        self.texts.clear()
        if self.emptied:
            writer.append_bytes(f"{name}.emptied.spill", b"")


class UserRefs:
    """The numbers of users and of sessions while a trace is read."""

    def __init__(self) -> None:
        self._users, self._sessions = Refs(), Refs()
        self._named = self._users.cache[USER]
        self._known_sessions = self._sessions.cache[SESSION]

    def user(self, user: str | None, session: str | None, client: str | None) -> int:
        """By name, else by session, else by client; NONE for a user of one request."""
        if user is not None:
            known = self._named.get(user)
            return self._users.new_number(USER, user) if known is None else known
        if session is not None:
            return self._users.number(SESSION, session)
        return NONE if client is None else self._users.number(CLIENT, client)

    def session(self, session: str) -> int:
        known = self._known_sessions.get(session)
        return self._sessions.new_number(SESSION, session) if known is None else known

    def spill(self, writer: TapeWriter, *, everything: bool = False) -> None:
        for name, refs in (("users", self._users), ("sessions", self._sessions)):
            if everything or len(refs.kinds) >= _REFS_HELD:
                refs.spill(writer, name)


class Known:
    """What was spilled of each number, read back when it is needed and not held before."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    @property
    def distinct(self) -> bool:
        """No name has two numbers: the cache was never emptied."""
        return not (self._folder / f"{self._name}.emptied.spill").exists()

    def hashes(self) -> I64:
        return np.fromfile(self._path("hash"), np.int64)

    def kinds(self) -> U8:
        return np.fromfile(self._path("kind"), "u1")

    def text_ends(self) -> U64:
        return np.cumsum(np.fromfile(self._path("length"), "<u4"), dtype=np.uint64)

    def open_texts(self) -> IO[bytes]:
        return self._path("text").open("rb")

    def _path(self, part: str) -> Path:
        return self._folder / f"{self._name}.{part}.spill"


@dataclass(frozen=True, slots=True)
class People:
    """Sessions and users of the rows, in due order."""

    session: U32
    session_user: U32
    users: int
    ref_of_user: U32
    """The number that names each user, or NONE for a user without a name."""


def number_people(
    user_ref: U32, session_ref: U32, known_users: Known, known_sessions: Known, gap_end: U8
) -> People:
    """Users and sessions by first appearance in due order.

    user_ref, session_ref: the numbers of each row, in due order; NONE where there is none.
    gap_end: 1 where an idle gap before the row starts a new session; empty when there are none.
    """
    user, ref_of_user = _number_users(user_ref, known_users)
    users = len(ref_of_user)
    if not len(gap_end) and (session_ref == NONE).all():
        return People(user, np.arange(users, dtype=np.uint32), users, ref_of_user)
    key = user.astype(np.uint64) << np.uint64(32)
    key |= _session_key(session_ref, known_sessions)
    session, count = _number_keys(key, gap_end)
    del key
    session = renumber(session, count)[0]
    session_user = np.empty(count, np.uint32)
    session_user[session] = user
    return People(session, session_user, users, ref_of_user)


def idle_gaps(user_ref: U32, due_ns: I64, splits: U8) -> U8:
    """1 for each row that may be split and follows its user's previous row by more than IDLE_NS."""
    ends = np.zeros(len(due_ns), np.uint8)
    order = np.argsort(user_ref, kind="stable")
    same = user_ref[order[1:]] == user_ref[order[:-1]]
    idle = due_ns[order[1:]] - due_ns[order[:-1]] > IDLE_NS
    ends[order[1:][same & idle]] = 1
    return ends & splits


def renumber(ids: U32, count: int) -> tuple[U32, U32]:
    """The ids by first appearance, and the old id of each new one. Every id below count appears."""
    rows = len(ids)
    first = np.zeros(count, np.uint32)
    # The last assignment to an index wins, so going backwards leaves the first row of each id.
    first[ids[::-1]] = np.arange(rows - 1, -1, -1, dtype=np.uint32)
    old_of_new = np.argsort(first, kind="stable").astype(np.uint32)
    new_of_old = first
    new_of_old[old_of_new] = np.arange(count, dtype=np.uint32)
    return new_of_old[ids], old_of_new


def put_together(known: Known) -> tuple[U32, U32]:
    """An id for each number, equal where hashes are equal, and the first number of each id."""
    hashes = known.hashes()
    rows = len(hashes)
    if known.distinct:
        same = np.arange(rows, dtype=np.uint32)
        return same, same
    order = np.argsort(hashes, kind="stable").astype(np.uint32)
    hashes = hashes[order]
    new = np.ones(rows, bool)
    np.not_equal(hashes[1:], hashes[:-1], out=new[1:])
    del hashes
    id_of_ref = np.empty(rows, np.uint32)
    id_of_ref[order] = np.cumsum(new, dtype=np.uint32) - np.uint32(1)
    return id_of_ref, order[new]


def user_names(ref_of_user: U32, known: Known) -> Iterator[str]:
    """Names in order: what the trace called them, `client-<n>`, or `anonymous-<n>`."""
    clients = anonymous = 0
    kinds, ends = known.kinds(), known.text_ends()
    with known.open_texts() as texts:
        for ref in map(int, ref_of_user):
            if ref == NONE:
                anonymous += 1
                yield f"anonymous-{anonymous}"
            elif kinds[ref] == CLIENT:
                clients += 1
                yield f"client-{clients}"
            else:
                start = int(ends[ref - 1]) if ref else 0
                texts.seek(start)
                yield texts.read(int(ends[ref]) - start).decode()


def _number_users(user_ref: U32, known: Known) -> tuple[U32, U32]:
    id_of_ref, ref_of_id = put_together(known)
    named = user_ref != NONE
    alone = int(len(user_ref) - np.count_nonzero(named))
    ids = np.empty(len(user_ref), np.uint32)
    ids[named] = id_of_ref[user_ref[named]]
    ids[~named] = np.arange(len(ref_of_id), len(ref_of_id) + alone, dtype=np.uint32)
    del named, id_of_ref
    refs = np.concatenate([ref_of_id, np.full(alone, NONE, np.uint32)])
    user, old_of_new = renumber(ids, len(refs))
    return user, refs[old_of_new]


def _session_key(session_ref: U32, known: Known) -> U32:
    """0 for no session, else the session's id plus one."""
    id_of_ref = put_together(known)[0]
    given = session_ref != NONE
    key = np.zeros(len(session_ref), np.uint32)
    key[given] = id_of_ref[session_ref[given]] + np.uint32(1)
    return key


def _number_keys(key: U64, gap_end: U8) -> tuple[U32, int]:
    """An id for each run of equal keys (in row order), cut where an idle gap ends one."""
    order = np.argsort(key, kind="stable").astype(np.uint32)
    ordered = key[order]
    new = np.ones(len(key), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    del ordered
    if len(gap_end):
        new |= gap_end[order].astype(bool)
    ids = np.empty(len(key), np.uint32)
    ids[order] = np.cumsum(new, dtype=np.uint32) - np.uint32(1)
    return ids, int(np.count_nonzero(new))
