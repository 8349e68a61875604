"""What a door contacted and what it refused, counted: the raw matter of the interlock.

Floor 0. Bounded in hosts and in names of who asked: what comes after counts under `(others)`.
A ledger is an Observer, so a door writes into it directly; those of several processes are merged
by their JSON. Read next: `interlock.py`, the signed document it ends in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from switchboard.credentials import REPLACED, has_secret_shape
from switchboard.exchange import Exchange, Refusal

MOST_ROWS: Final = 1_000
MOST_CLIENTS: Final = 20
OTHERS: Final = "(others)"

Contact = tuple[str, str, int, str]
"""Destination, address ("" for a stub in place), port, the host that was asked for."""
Refused = tuple[str, str, str]
"""Host, rule, door."""


class Ledger:
    """Counts, never a header, a body or a query."""

    def __init__(self) -> None:
        self._contacts: dict[Contact, int] = {}
        self._refused: dict[Refused, int] = {}
        self._clients: dict[Refused, dict[str, int]] = {}

    def passed(self, exchange: Exchange) -> None:
        """Count a request by where it went."""
        host = exchange.authority
        key = (exchange.upstream, exchange.address or "", exchange.port, host)
        contacts = self._contacts
        if key in contacts:
            contacts[key] += 1
        else:
            self._contact((*key[:3], _shown(host)), 1)

    def refused(self, refusal: Refusal) -> None:
        """Count an attempt by host, rule and who asked."""
        self._refuse(
            (_shown(refusal.host[:100]), refusal.rule, refusal.door),
            1,
            {refusal.client.rpartition(":")[0] or refusal.client: 1},
        )

    @property
    def requests(self) -> int:
        return sum(self._contacts.values())

    @property
    def attempts_refused(self) -> int:
        return sum(self._refused.values())

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """`contacted` and `refused`, each a list of plain rows, the most frequent first."""
        contacted = [
            {"upstream": name, "address": address, "port": port, "asked": host, "requests": count}
            for (name, address, port, host), count in _by_count(self._contacts)
        ]
        refused = [
            {
                "host": key[0],
                "rule": key[1],
                "door": key[2],
                "attempts": count,
                "clients": dict(_by_count(self._clients.get(key, {}))),
            }
            for key, count in _by_count(self._refused)
        ]
        return {"contacted": contacted, "refused": refused}

    def merge(self, rows: Mapping[str, list[dict[str, Any]]]) -> None:
        """Add what another ledger's `to_json` said."""
        for row in rows["contacted"]:
            key = (row["upstream"], row["address"], row["port"], row["asked"])
            self._contact(key, row["requests"])
        for row in rows["refused"]:
            self._refuse((row["host"], row["rule"], row["door"]), row["attempts"], row["clients"])

    def _contact(self, key: Contact, count: int) -> None:
        if key not in self._contacts and len(self._contacts) >= MOST_ROWS:
            # Which address was contacted is never folded away, only under which name.
            key = (*key[:3], OTHERS)
        self._contacts[key] = self._contacts.get(key, 0) + count

    def _refuse(self, key: Refused, count: int, clients: Mapping[str, int]) -> None:
        if key not in self._refused and len(self._refused) >= MOST_ROWS:
            key = (OTHERS, key[1], key[2])
        self._refused[key] = self._refused.get(key, 0) + count
        known = self._clients.setdefault(key, {})
        for client, times in clients.items():
            name = client if client in known or len(known) < MOST_CLIENTS else OTHERS
            known[name] = known.get(name, 0) + times


def _shown(host: str) -> str:
    """A host as it may stand in a report: whoever asks may put anything into it."""
    return REPLACED if has_secret_shape(host) else host


def _by_count(counts: Mapping[Any, int]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
