"""The keys of one model as a person wrote them, each fault remembered at its path.

Every method gives back something usable even after a fault; `made` makes the model only when there
was none. Floor 1, pure. Read next: `reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from switchboard.fault_reader import FaultReader, join, kind_of

M = TypeVar("M")


class Fields:
    """What stands under one `model:`."""

    def __init__(self, raw: Mapping[str, object], path: str, reader: FaultReader) -> None:
        self.raw = raw
        self.path = path
        self.reader = reader
        self._before = len(reader.faults)

    def at(self, key: str) -> str:
        return join(self.path, key)

    def has(self, key: str) -> bool:
        """Whether it is given; `null` is not."""
        return self.raw.get(key) is not None

    def number(self, key: str, most: float) -> float:
        """The number under a key that must be there, from 0 to `most`."""
        if key not in self.raw:
            self.reader.fault(self.at(key), f"{key} is missing")
            return 0.0
        return parse_number(self.raw[key], self.at(key), self.reader, most)

    def whole(self, key: str, most: int) -> int:
        """The same for a whole number."""
        before = len(self.reader.faults)
        number = self.number(key, most)
        if number != int(number) and len(self.reader.faults) == before:
            self.reader.fault(self.at(key), f"must be a whole number, not {number:g}")
        return int(number)

    def one_of(self, keys: Sequence[str]) -> str | None:
        """Which one of the keys is given, or None after a fault: none is, or more than one."""
        given = [key for key in keys if self.has(key)]
        if len(given) == 1:
            return given[0]
        choice = " or ".join(keys)
        word = f"{choice} is missing" if not given else f"take either {choice}, not both"
        self.reader.fault(self.path, word)
        return None

    def made(self, make: Callable[..., M], *values: object) -> M | None:
        """`make(*values)`, or None when there is a fault; make raises ValueError."""
        if len(self.reader.faults) > self._before:
            return None
        try:
            return make(*values)
        except ValueError as error:
            self.reader.fault(self.path, str(error))
            return None


def parse_number(value: object, path: str, reader: FaultReader, most: float) -> float:
    """A number from 0 to `most`; 0 after a fault."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        reader.fault(path, f"must be a number, not {kind_of(value)}")
    elif not 0 <= value <= most:  # also refuses NaN
        reader.fault(path, f"must be a number from 0 to {most:,.0f}")
    else:
        return float(value)
    return 0.0
