"""How often each service and route gave each status. Floor 1, bounded."""

from __future__ import annotations

from collections import Counter
from typing import Final

MAX_COUNTED: Final = 10_000
"""Different (service, route, status) that are counted apart; a scanner must not fill memory."""
OTHERS: Final = ("(other)", "(other)", 0)


class Counts:
    """How often each service and route gave each status."""

    def __init__(self, limit: int = MAX_COUNTED) -> None:
        self._limit = limit
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, service: str, route: str, status: int) -> None:
        key = (service, route, status)
        if key not in self._counts and len(self._counts) >= self._limit:
            key = OTHERS
        self._counts[key] += 1

    def rows(self) -> list[dict[str, str | int]]:
        """For people and tests, in a stable order."""
        return [
            {"service": service, "route": route, "status": status, "count": count}
            for (service, route, status), count in sorted(self._counts.items())
        ]

    def clear(self) -> None:
        """Count from nothing again."""
        self._counts.clear()
