"""Reading a mapping that a person wrote, remembering every fault instead of stopping at the first.

Floor 0. Each method gives back something usable even after a fault, so that reading goes on; the
caller raises once at the end when there were faults.
Read next: `environment.py`, which is read with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar

from switchboard.errors import Fault

LineOf = Callable[[str], int | None]
T = TypeVar("T")


class FaultReader:
    """Collects faults, each with its path and line."""

    def __init__(self, line_of: LineOf) -> None:
        self._line_of = line_of
        self.faults: list[Fault] = []

    def fault(self, path: str, message: str) -> None:
        """Remember that something at this path is wrong."""
        self.faults.append(Fault(path, self._line_of(path), message))

    def mapping(self, raw: object, path: str, words: Sequence[str]) -> Mapping[str, object]:
        """The mapping, each of whose keys must be one of the words."""
        if not isinstance(raw, Mapping):
            self.fault(path, f"must be a mapping with {', '.join(words)}, not {kind_of(raw)}")
            return {}
        for key in raw:
            if key not in words:
                self.fault(join(path, shown(key)), f"unknown key; {nearest(str(key), words)}")
        return raw

    def text(
        self, raw: Mapping[str, object], path: str, key: str, default: str | None = None
    ) -> str:
        """The text under a key; a key without a default must be there."""
        if key in raw:
            return self.checked(join(path, key), raw[key], str) or ""
        if default is None:
            self.fault(join(path, key), f"{key} is missing")
        return default or ""

    def items(self, raw: Mapping[str, object], path: str, key: str) -> list[tuple[str, object]]:
        """Each item of the list under a key with its own path; a missing list is empty."""
        value = raw.get(key, [])
        at = join(path, key)
        if not isinstance(value, list | tuple):
            self.fault(at, f"must be a list such as [a, b], not {kind_of(value)}")
            return []
        return [(f"{at}[{index}]", item) for index, item in enumerate(value)]

    def checked(self, path: str, value: object, parse: Callable[[str], T]) -> T | None:
        """`parse(value)` for a text, or None after a fault; parse raises ValueError."""
        if not isinstance(value, str):
            self.fault(path, f"must be text, not {kind_of(value)}")
            return None
        try:
            return parse(value)
        except ValueError as error:
            self.fault(path, str(error))
            return None


def join(path: str, key: str) -> str:
    """`allow` and `hosts` make `allow.hosts`."""
    return f"{path}.{key}" if path else key


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint at the valid word that was probably meant, or at all of them."""
    known = list(words)
    near = get_close_matches(word, known, 1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def kind_of(value: object) -> str:
    """What a value is, in the words of someone who writes YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def shown(value: object) -> str:
    """Anything someone wrote, made fit for one line of a message."""
    return ascii(str(value)[:80])[1:-1]
