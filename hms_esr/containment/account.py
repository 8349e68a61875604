"""What a contained run says at its end: what went to the sandbox, what was refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Account:
    """Sums over all doors."""

    to_sandbox: int = 0
    to_production: int = 0
    """Requests to an address that the rules do not name; there is none, or the seal is broken."""
    refused: int = 0
    no_route: int = 0
    """Dials of the command that the kernel had no route for."""
    unheard: tuple[str, ...] = ()
    """Doors that left no interlock, so that their share is not counted."""

    def __str__(self) -> str:
        said = (
            f"contained: {_count(self.to_production, 'connection')} to production, "
            f"{_count(self.refused + self.no_route, 'attempt')} refused "
            f"({self.refused:,} by the doors, {self.no_route:,} without a route), "
            f"{_count(self.to_sandbox, 'request')} to the sandbox"
        )
        if self.unheard:
            said += f"; not counted: what went through {' and '.join(self.unheard)}"
        return said


def sum_up(
    interlocks: Mapping[str, Mapping[str, Any] | None],
    endpoints: Iterable[Endpoint],
    no_route: int,
) -> Account:
    """Add up what the doors wrote.

    interlocks: by door, None where there is none.   endpoints: every address of the sandbox.
    """
    allowed = frozenset(endpoints)
    sandbox = production = refused = 0
    for document in interlocks.values():
        for row in document.get("contacted", ()) if document else ():
            # A stub that answers in place has no address.
            if not row["address"] or (row["address"], row["port"]) in allowed:
                sandbox += row["requests"]
            else:
                production += row["requests"]
        refused += sum(row["attempts"] for row in (document or {}).get("refused", ()))
    unheard = tuple(door for door, document in interlocks.items() if document is None)
    return Account(sandbox, production, refused, no_route, unheard)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
