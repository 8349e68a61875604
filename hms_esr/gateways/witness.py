"""Who is told of every request in a worker: the counts, the ledger, the recorders.

It runs between two requests, so it does nothing but add whole numbers and put things in queues.
Read next: `counts.py`, `switchboard/ledger.py`, `proxy/recorder.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hms_esr.gateways.counts import Counts
from switchboard.exchange import Exchange, Refusal
from switchboard.ledger import Ledger


class Recording(Protocol):
    """A recorder as it is used here."""

    def passed(self, exchange: Exchange) -> None:
        """Take an exchange; never blocks."""


class Witness:
    """An Observer for one worker."""

    def __init__(self, recorders: Sequence[Recording] = ()) -> None:
        self._counts = Counts()
        self._ledger = Ledger()
        self._recorders = tuple(recorders)
        self._told: Mapping[str, int] = {}

    def passed(self, exchange: Exchange) -> None:
        """Count it and hand it on."""
        self._counts.passed(exchange)
        self._ledger.passed(exchange)
        for recorder in self._recorders:
            recorder.passed(exchange)

    def refused(self, refusal: Refusal) -> None:
        """Count it. What was refused is no traffic, and is not recorded."""
        self._counts.refused(refusal)
        self._ledger.refused(refusal)

    def take(self, flows: Mapping[str, int], levels: Mapping[str, int]) -> dict[str, Any]:
        """What was added since the last time, as JSON data.

        flows: counters of the door since its start.   levels: its gauges now.
        """
        added = {name: count - self._told.get(name, 0) for name, count in flows.items()}
        self._told = dict(flows)
        ledger, self._ledger = self._ledger, Ledger()
        return {
            "counts": self._counts.take(),
            "ledger": ledger.to_json(),
            "flows": added,
            "levels": dict(levels),
        }
