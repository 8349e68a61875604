"""The proof that production was not touched: every address contacted, everything refused.

Counted from what workers report as sent, not from what was meant to be. Recorded hosts appear only
as names that something stood in for; none of them is ever resolved or dialled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hms_esr.preparation import Preparation
from hms_esr.sandbox import Sandbox
from replay.outcome import Outcomes
from switchboard.hosts import host_of
from switchboard.rewrite import choose_upstream

SCHEMA = "esr.interlock/1"


class Interlock:
    """Counts requests by recorded host as they are reported. One a run."""

    def __init__(self, prep: Preparation) -> None:
        self._prep = prep
        self._sent = np.zeros(len(prep.tape.info.hosts), dtype=np.int64)
        self._sandbox: Sandbox | None = None

    def open(self, sandbox: Sandbox) -> None:
        """What the run is allowed to contact."""
        self._sandbox = sandbox

    def fold(self, rows: Outcomes) -> None:
        """Add outcomes; what never left contacted nobody."""
        index = rows["index"][rows["sent_ns"] >= 0]
        host = self._prep.tape.host[self._prep.plan.row[index]]
        self._sent += np.bincount(host, minlength=len(self._sent))

    def to_json(self) -> dict[str, Any]:
        """interlock.json; addresses are those that were dialled."""
        prep = self._prep
        named = zip(prep.tape.info.hosts, self._sent.tolist(), strict=True)
        stood_in = {host or "(no host)": count for host, count in named if count}
        return {
            "schema": SCHEMA,
            "environment": prep.aim.name,
            "declared_in": prep.aim.environment.source,
            "contacted": self._contacted(),
            "stood_in_for": stood_in,
            "refused": dict(prep.unmapped),
            "redirects_followed": 0,
        }

    def _contacted(self) -> list[dict[str, Any]]:
        if self._sandbox is None:
            return []
        counts = dict.fromkeys(self._sandbox.targets, 0)
        for authority, count in zip(self._prep.tape.info.hosts, self._sent.tolist(), strict=True):
            if count:
                counts[self._upstream_of(authority)] += count
        return [
            {
                "upstream": name,
                "address": target.host,
                "port": target.port,
                "requests": counts[name],
            }
            for name, target in self._sandbox.targets.items()
        ]

    def _upstream_of(self, authority: str) -> str:
        host = host_of(authority) if authority else ""
        upstream = choose_upstream(host, self._prep.aim.environment)
        if upstream is None:
            raise AssertionError(f"a request for {authority!r} was sent although nothing maps it")
        return upstream.name
