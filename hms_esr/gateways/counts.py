"""What a gateway did, as plain whole numbers: counted in the workers, merged in the supervisor.

A worker hands over what was added since the last time, so that a worker that dies takes one second
of counts with it and no total ever falls. Bounded in names. Read next: `proxy/metrics.py`, which
shows the totals to Prometheus.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, Final

from proxy.metrics import BUCKETS_MS, Totals
from switchboard.exchange import Exchange, Refusal

MOST_NAMES: Final = 1_000
OTHERS: Final = "(others)"


class Counts:
    """An Observer that counts. `take` gives what was added, and starts again from nothing."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._requests: dict[tuple[str, int], int] = {}
        self._refused: dict[str, int] = {}
        self._durations: dict[str, list[int]] = {}
        self._spent_us: dict[str, int] = {}

    def passed(self, exchange: Exchange) -> None:
        """Count an answered request."""
        upstream = exchange.upstream
        key = (upstream, exchange.status // 100)
        requests = self._requests
        if key not in requests:
            self._name(upstream, key)
        requests[key] += 1
        wait_ms = exchange.wait_ms
        self._durations[upstream][bisect_left(BUCKETS_MS, wait_ms)] += 1
        self._spent_us[upstream] += int(wait_ms * 1000)

    def refused(self, refusal: Refusal) -> None:
        """Count a refused attempt."""
        rule = bounded(self._refused, refusal.rule)
        self._refused[rule] = self._refused.get(rule, 0) + 1

    def _name(self, upstream: str, key: tuple[str, int]) -> None:
        # Upstreams are named by the rules, which are themselves bounded.
        self._requests[key] = 0
        self._durations.setdefault(upstream, [0] * (len(BUCKETS_MS) + 1))
        self._spent_us.setdefault(upstream, 0)

    def take(self) -> dict[str, Any]:
        """What was added since the last `take`, as JSON data."""
        added = {
            "requests": [[*key, count] for key, count in self._requests.items()],
            "refused": self._refused,
            "durations": self._durations,
            "spent_us": self._spent_us,
        }
        self._begin()
        return added


def add_counts(totals: Totals, added: Mapping[str, Any]) -> None:
    """Add what a worker's `take` gave."""
    for upstream, status_class, count in added["requests"]:
        key = (bounded(totals.durations, upstream), int(status_class))
        totals.requests[key] = totals.requests.get(key, 0) + count
    _add(totals.refused, added["refused"])
    _add(totals.spent_us, added["spent_us"])
    for upstream, buckets in added["durations"].items():
        name = bounded(totals.durations, upstream)
        known = totals.durations.get(name, (0,) * len(buckets))
        totals.durations[name] = tuple(a + b for a, b in zip(known, buckets, strict=True))


def add_flows(totals: Totals, added: Mapping[str, int]) -> None:
    """Add counters of a door by name, such as `bytes_in`."""
    _add(totals.flows, added)


def add_faults(totals: Totals, added: Mapping[str, int]) -> None:
    """Add how often each declared fault touched something."""
    _add(totals.faults, added)


def _add(totals: dict[str, int], added: Mapping[str, int]) -> None:
    for name, count in added.items():
        key = bounded(totals, name)
        totals[key] = totals.get(key, 0) + count


def bounded(known: Mapping[str, object], name: str) -> str:
    """`name`, or `(others)` when there are too many names already."""
    return name if name in known or len(known) < MOST_NAMES else OTHERS
