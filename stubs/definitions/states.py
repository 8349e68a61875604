"""What a definition remembers: state machines and sequences, each kept by a value of the request.

A transition happens at once, when the route answers, and only if its `when.state` still holds, so
that of two requests at the same time one wins. The last few changes of each key are kept, for
requests that read what was true a while ago. Bounded, the oldest forgotten. Floor 1.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import orjson

from stubs.definitions.parts import Part
from stubs.definitions.view import View
from stubs.service import LONGEST_TEXT, REMEMBERED, Asked, BadRequestError
from switchboard.fault_reader import kind_of, nearest, shown
from switchboard.seeded import text64

HISTORY: Final = 8
"""Changes that are kept of each key; a read from before them finds the oldest."""
MAX_VALUE_BYTES: Final = 4_096
"""A state is a word or a small JSON value."""

History = tuple[tuple[float, Any], ...]
"""(recorded ms, value from then on), oldest first."""


class Keyed:
    """Values by key, each with its latest changes."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._kept: OrderedDict[str, History] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str, default: Any) -> Any:
        history = self._kept.get(short_key(key))
        return history[-1][1] if history else default

    def get_at(self, key: str, at_ms: float, default: Any) -> Any:
        """The value as it was at a recorded moment."""
        history = self._kept.get(short_key(key), ())
        for since_ms, value in reversed(history):
            if since_ms <= at_ms:
                return value
        return history[0][1] if len(history) == HISTORY else default

    def put(self, key: str, value: Any, at_ms: float = -math.inf) -> None:
        """Set a value from a moment on; without one, it has always been so."""
        key = short_key(key)
        history: History = () if at_ms == -math.inf else self._kept.get(key, ())
        if (
            history
        ):  # requests may come out of their order; the latest word is the newest all the same
            at_ms = max(at_ms, history[-1][0])
        self._kept[key] = (*history[1 - HISTORY :], (at_ms, value))
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def newest(self, limit: int) -> dict[str, Any]:
        keys = list(reversed(self._kept))[: max(limit, 0)]
        return {key: self._kept[key][-1][1] for key in keys}

    def clear(self) -> None:
        self._kept.clear()


class Machine:
    """One named state, kept for each value of a part of the request."""

    def __init__(
        self, name: str, part: Part, initial: Any, states: Sequence[Any] | None = None
    ) -> None:
        self._name = name
        self._part = part
        self.initial = initial
        self.states = states
        self._kept = Keyed()

    @property
    def name(self) -> str:
        return self._name

    def read(self, asked: Asked, view: View) -> Any:
        key = self._part(asked, view)
        if not key:
            return self.initial
        if asked.stale_ms > 0:
            return self._kept.get_at(key, asked.at_ms - asked.stale_ms, self.initial)
        return self._kept.get(key, self.initial)

    def write(self, asked: Asked, view: View, value: Any) -> None:
        """Set the state of the request's own key; a request without one leaves nothing."""
        key = self._part(asked, view)
        if key:
            self._kept.put(key, value, asked.at_ms)

    def checked(self, value: Any) -> Any:
        """A value that the state may have. Raises ValueError."""
        if self.states is not None and value not in self.states:
            hint = nearest(value, map(str, self.states)) if isinstance(value, str) else ""
            raise ValueError(f"{shown(value)} is no state of {self._name}; {hint}".rstrip("; "))
        return checked_value(value)

    def snapshot(self, limit: int) -> dict[str, Any]:
        return self._kept.newest(limit)

    def put(self, key: str, value: Any) -> None:
        if not key:
            raise ValueError(f"a key of {self._name} is a text that is not empty")
        self._kept.put(key, self.checked(value))

    def reset(self) -> None:
        self._kept.clear()


class Turns:
    """Whose turn it is in a sequence of answers, counted for each value of a part."""

    def __init__(self, name: str, part: Part, times: Sequence[int], *, is_cycle: bool) -> None:
        self._name = name
        self._part = part
        self._ends = tuple(accumulate(times))
        self._is_cycle = is_cycle
        self._kept = Keyed()

    @property
    def name(self) -> str:
        return self._name

    def take(self, asked: Asked, view: View) -> int:
        """The index of the answer, and the turn is over. A stale read takes no turn."""
        key = self._part(asked, view)
        if not key:
            return 0
        if asked.stale_ms > 0:
            return self.index(self._kept.get_at(key, asked.at_ms - asked.stale_ms, 0))
        count = self._kept.get(key, 0)
        self._kept.put(key, count + 1, asked.at_ms)
        return self.index(count)

    def index(self, count: int) -> int:
        """Which answer is given after `count` others."""
        if self._is_cycle:
            count %= self._ends[-1]
        return min(bisect_right(self._ends, count), len(self._ends) - 1)

    def snapshot(self, limit: int) -> dict[str, Any]:
        return self._kept.newest(limit)

    def put(self, key: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
            raise ValueError(f"{self._name} counts answers: give a whole number from 0")
        if not key:
            raise ValueError(f"a key of {self._name} is a text that is not empty")
        self._kept.put(key, value)

    def reset(self) -> None:
        self._kept.clear()


def short_key(key: str) -> str:
    """A key of bounded length: a caller may send one of many kilobytes."""
    return key if len(key) <= LONGEST_TEXT else f"{key[:LONGEST_TEXT]}…{text64(key):016x}"


def checked_value(value: Any) -> Any:
    """A JSON value that is small enough to be kept. Raises ValueError."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str | Mapping | list | tuple):
        raise ValueError(f"a state is a JSON value, not {kind_of(value)}")
    try:
        size = len(orjson.dumps(value))
    except TypeError as error:
        raise ValueError("a state is a JSON value, and not nested deep") from error
    if size > MAX_VALUE_BYTES:
        raise ValueError(f"a state has up to {MAX_VALUE_BYTES:,} bytes")
    return value


def apply_sets(sets: Sequence[tuple[Machine, Any]], asked: Asked, view: View) -> None:
    """All transitions of a route, or none. Raises BadRequestError for a value too large."""
    try:
        checked = [(machine, machine.checked(value)) for machine, value in sets]
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    for machine, value in checked:
        machine.write(asked, view, value)
