"""Users and sessions numbered by their first appearance, chunk by chunk in due order.

What is kept from one chunk to the next grows with the users and sessions there are, by some ten
to thirty bytes each, and not with the rows.
Read next: `key_table.py` (which key has which number), `arrange.py` (who hands over the chunks).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from replay.building.key_table import UNKNOWN, KeyTable
from replay.building.people import NAMES, read_names
from replay.building.row_file import CLIENT, KINDS, Rows
from replay.readers.entry import INFERRED
from replay.seeds import mix64_array

IDLE_NS: Final = 30 * 60 * 1_000_000_000
"""Where users are inferred from clients, a longer silence than this ends a session."""

ANONYMOUS: Final = 16
"""Kind of a user of one request, beside the kinds of `row_file.py`."""
_NAMES_AT_ONCE: Final = 1 << 16
_SPAN: Final = 1 << 22
"""Texts that lie this close together are read at once."""
_NOWHERE: Final = np.iinfo(np.int64).max
_NEVER_BEFORE: Final = np.iinfo(np.int64).max
"""The last time of a user who was not there yet: no time lies far behind it."""

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Growing:
    """An array that grows at its end."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._held = np.zeros(1 << 12, dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, values: npt.NDArray[Any]) -> None:
        end = self._count + len(values)
        if end > len(self._held):
            more = max(end - len(self._held), len(self._held) // 4)
            self._held = np.concatenate([self._held, np.zeros(more, self._held.dtype)])
        self._held[self._count : end] = values
        self._count = end

    @property
    def values(self) -> npt.NDArray[Any]:
        return self._held[: self._count]


class Numbers:
    """Numbers for keys by first appearance; key 0 is always a new one."""

    def __init__(self) -> None:
        self.table = KeyTable()
        self.count = 0

    def number(self, keys: I64) -> tuple[I64, Bools]:
        """The number of each row's key, and which rows are the first with theirs."""
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        found = self.table.find(distinct)
        is_new = np.zeros(len(keys), bool)
        unknown = (found == UNKNOWN) & (distinct != 0)
        is_new[first[unknown]] = True
        alone = keys == 0
        is_new |= alone
        new_numbers = self.count - 1 + np.cumsum(is_new)
        found[unknown] = new_numbers[first[unknown]]
        self.table.add(distinct[unknown], found[unknown])
        self.count += int(np.count_nonzero(is_new))
        return np.where(alone, new_numbers, found[inverse]), is_new


class People:
    """Numbers the users and sessions of rows that come in due order."""

    def __init__(self, *, has_sessions: bool, has_inferred: bool) -> None:
        self.kinds = Growing(np.uint8)
        """Of each user."""
        self.users = Numbers()
        self._has_sessions = has_sessions
        self._has_inferred = has_inferred
        self._slots = Numbers()
        """A slot is a user's session as it was recorded; idle gaps part it into sessions."""
        self._session_of_slot = Growing(np.uint32)
        self._last_ns = Growing(np.int64)
        self.sessions = 0

    def number(self, rows: Rows) -> tuple[I64, I64]:
        """The session of each row, and the users of those sessions that are new."""
        user, is_new = self.users.number(rows["user"])
        key = rows["user"][is_new]
        kinds = np.where(key == 0, ANONYMOUS, rows["marks"][is_new] & KINDS)
        self.kinds.extend(kinds.astype(np.uint8))
        if not self._has_sessions and not self._has_inferred:
            self.sessions = self.users.count
            return user, user[is_new]
        slot, starts = (
            self._slots.number(_slot_keys(rows)) if self._has_sessions else (user, is_new)
        )
        if not self._has_inferred:
            self.sessions = self._slots.count
            return slot, user[starts]
        starts = starts | self._after_gap(user, rows)
        return self._cut(slot, starts), user[starts]

    def _after_gap(self, user: I64, rows: Rows) -> Bools:
        """Which rows follow their user's last one after a silence that ends a session."""
        time = rows["time"]
        self._last_ns.extend(np.full(self.users.count - len(self._last_ns), _NEVER_BEFORE))
        order, is_first = _grouped(user)
        in_order = time[order]
        before = np.empty_like(in_order)
        before[1:] = in_order[:-1]
        before[is_first] = self._last_ns.values[user[order][is_first]]
        last = np.append(is_first[1:], True)
        self._last_ns.values[user[order][last]] = in_order[last]
        is_idle = np.empty(len(time), bool)
        is_idle[order] = in_order - IDLE_NS > before
        is_idle &= (rows["marks"] & INFERRED) != 0
        return is_idle

    def _cut(self, slot: I64, starts: Bools) -> I64:
        """The session of each row: the last one that started in its slot."""
        number = self.sessions - 1 + np.cumsum(starts)
        self.sessions += int(np.count_nonzero(starts))
        held = self._session_of_slot
        slots = int(slot.max()) + 1
        if slots > len(held):
            held.extend(np.zeros(slots - len(held), np.uint32))
        order, is_first = _grouped(slot)
        known = np.where(starts, number, held.values[slot])[order]
        index = np.where(is_first | starts[order], np.arange(len(slot)), 0)
        in_order = known[np.maximum.accumulate(index)]
        last = np.append(is_first[1:], True)
        held.values[slot[order][last]] = in_order[last]
        session = np.empty_like(slot)
        session[order] = in_order
        return session


def _slot_keys(rows: Rows) -> I64:
    """A key for user and session together; rows of nobody are alone."""
    mixed = mix64_array(0, rows["user"], rows["session"]).view(np.int64)
    return np.where(rows["user"] == 0, 0, mixed)


def _grouped(numbers: I64) -> tuple[I64, Bools]:
    """An order that puts equal numbers together, and which of that order begin a group."""
    order = np.argsort(numbers, kind="stable")
    is_first = np.ones(len(numbers), bool)
    np.not_equal(numbers[order[1:]], numbers[order[:-1]], out=is_first[1:])
    return order, is_first


def user_names(folder: Path, people: People) -> Iterator[str]:
    """Names by number: what the trace called them, `client-<n>`, or `anonymous-<n>`."""
    kinds = people.kinds.values
    at, length = _find_texts(folder, people.users.table, len(kinds))
    clients = anonymous = 0
    for start in range(0, len(kinds), _NAMES_AT_ONCE):
        span = slice(start, start + _NAMES_AT_ONCE)
        texts = _read_texts(folder, at[span], length[span])
        for kind in kinds[span].tolist():
            if kind == ANONYMOUS:
                anonymous += 1
                yield f"anonymous-{anonymous}"
            elif kind == CLIENT:
                clients += 1
                yield f"client-{clients}"
            else:
                yield next(texts)


def _find_texts(folder: Path, table: KeyTable, users: int) -> tuple[I64, U32]:
    """Where each user's name starts among the texts (_NOWHERE without one), and its length."""
    at = np.full(users, _NOWHERE)
    length = np.zeros(users, np.uint32)
    offset = 0
    for keys, lengths in read_names(folder, _NAMES_AT_ONCE):
        ends = offset + np.cumsum(lengths, dtype=np.int64)
        distinct, first = np.unique(keys, return_index=True)
        user = table.find(distinct)
        # A name whose request was refused after all is nobody's; one seen before is written.
        is_new = (user != UNKNOWN) & (at[user] == _NOWHERE)
        user, first = user[is_new], first[is_new]
        at[user] = ends[first] - lengths[first]
        length[user] = lengths[first]
        offset = int(ends[-1])
    return at, length


def _read_texts(folder: Path, at: I64, length: U32) -> Iterator[str]:
    """The texts at these places, in this order; what is nowhere is passed over."""
    there = at != _NOWHERE
    starts, lengths = at[there], length[there]
    if not len(starts):
        return
    with (folder / NAMES[2]).open("rb") as file:
        low, high = int(starts.min()), int((starts + lengths).max())
        if high - low > _SPAN:
            for start, size in zip(starts.tolist(), lengths.tolist(), strict=True):
                yield os.pread(file.fileno(), size, start).decode()
            return
        held = os.pread(file.fileno(), high - low, low)
        for start, size in zip((starts - low).tolist(), lengths.tolist(), strict=True):
            yield held[start : start + size].decode()
