"""What a service remembers by name, the oldest forgotten first, shown over the admin API.

Floor 1. Read next: `approvals` in `hitl.py`, which keeps them here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, TypeVar

from stubs.definitions.states import short_key

T = TypeVar("T")

SIZE: Final = 10_000


class Shelf(Generic[T]):
    """A bounded store. show: an item as JSON values.   made_by: the call that makes one."""

    def __init__(self, name: str, show: Callable[[T], Any], made_by: str, size: int = SIZE) -> None:
        self._name = name
        self._show = show
        self._made_by = made_by
        self._size = size
        self._kept: OrderedDict[str, T] = OrderedDict()

    @property
    def name(self) -> str:
        return self._name

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> T | None:
        return self._kept.get(short_key(key))

    def keep(self, key: str, item: T) -> None:
        """A new item is the newest; a changed one keeps its place."""
        self._kept[short_key(key)] = item
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def remove(self, key: str) -> bool:
        """Forget one; whether it was there."""
        return self._kept.pop(short_key(key), None) is not None

    def newest(self) -> Iterator[T]:
        """The newest first."""
        return reversed(self._kept.values())

    def snapshot(self, limit: int) -> dict[str, Any]:
        keys = list(reversed(self._kept))[: max(limit, 0)]
        return {key: self._show(self._kept[key]) for key in keys}

    def put(self, key: str, value: Any) -> None:
        raise ValueError(f"{self._name} are made by {self._made_by}, not set from outside")

    def reset(self) -> None:
        self._kept.clear()
