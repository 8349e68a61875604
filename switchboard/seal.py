"""The seal: the last question before a dial, asked by every door, about an address and a port.

Floor 0. It knows no hosts, routes or requests, so that no mistake made with those gets past it.
Deny comes first: the function returns only after it found the very pair in the allow-set.
Read next: `rules.py` (`Rules.endpoints` makes the allow-set), `guard.py` (the replay's own).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from switchboard.errors import GuardError

NOT_SEALED: Final = "not-sealed"


def check_dial(endpoints: AbstractSet[tuple[str, int]], address: str, port: int) -> None:
    """Raise GuardError unless exactly this IP literal and port may be dialled."""
    if type(address) is str and type(port) is int and (address, port) in endpoints:
        return
    raise GuardError(
        f"{str(address)[:80]!a}:{str(port)[:8]}",
        "no route of the rules leads to this address",
        "Nothing was dialled.",
    )
