"""What the control API reads and does: the state of a gateway and its few levers.

Read next: `hms_esr/api/switchboard.py` (the API), `supervisor.py` (what the levers move).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hms_esr.gateways.listening import Address
from hms_esr.gateways.rules_keeper import RulesKeeper
from hms_esr.gateways.supervisor import Supervisor
from proxy.metrics import Totals, render_metrics
from switchboard.mode import FileMode
from switchboard.rules import Mode, Rules

FLIP_MARGIN_S = 5.0
"""How much longer than a drain a flip may take, on a machine under load."""


class GatewayPanel:
    """The panel of one gateway."""

    def __init__(
        self,
        address: Address,
        supervisor: Supervisor,
        keeper: RulesKeeper,
        mode: FileMode,
        drain_s: float,
        document: Callable[[], dict[str, Any]],
    ) -> None:
        self._address = address
        self._supervisor = supervisor
        self._keeper = keeper
        self._mode = mode
        self._flip_timeout_s = drain_s + FLIP_MARGIN_S
        self._document = document

    async def status(self) -> dict[str, Any]:
        """The state, with the counts of this moment."""
        await self._supervisor.refresh()
        totals = self._totals()
        return {
            "listen": str(self._address),
            "mode": totals.mode,
            "generation": self._mode.generation,
            "tripped": self._supervisor.tripped,
            "rules": rules_to_json(self._keeper.in_force.rules),
            "reloads": {
                "taken": self._keeper.taken,
                "refused": self._keeper.refused,
                "fault": self._keeper.complaint,
            },
            "workers": [
                {
                    "number": member.number,
                    "pid": member.pid,
                    "ready": member.is_ready,
                    "rules": member.digest,
                    **member.levels,
                }
                for member in self._supervisor.members
            ],
            "requests": sum(totals.requests.values()),
            "refused": sum(totals.refused.values()),
            "faults": dict(totals.faults),
            "counters": dict(totals.flows),
        }

    async def flip(self, mode: Mode, who: str, why: str) -> dict[str, Any]:
        """Change the mode. Raises ModeError when a worker does not take it in time."""
        limit_s = self._flip_timeout_s
        await asyncio.to_thread(self._mode.flip, mode, who=who, why=why, timeout_s=limit_s)
        return {"mode": self._mode.read(), "generation": self._mode.generation}

    async def interlock(self) -> dict[str, Any]:
        """The document that `interlock.json` will hold."""
        await self._supervisor.refresh()
        return self._document()

    async def trip(self, who: str, why: str) -> dict[str, Any]:
        """Refuse everything from now on, in every worker, also in those that start later."""
        await self._supervisor.trip(f"{why} (by {who})")
        return {"tripped": self._supervisor.tripped}

    async def metrics(self) -> bytes:
        """The text that Prometheus reads, as of at most a second ago."""
        return render_metrics(self._totals())

    @property
    def is_healthy(self) -> bool:
        """True while at least one worker accepts and nothing was tripped."""
        accepts = any(member.is_ready for member in self._supervisor.members)
        return accepts and self._supervisor.tripped is None

    def _totals(self) -> Totals:
        totals = self._supervisor.totals
        totals.mode = self._mode.read()
        totals.flows["reload_success"] = self._keeper.taken
        totals.flows["reload_failure"] = self._keeper.refused
        totals.levels = {
            **sum_levels([member.levels for member in self._supervisor.members]),
            "workers": sum(member.is_ready for member in self._supervisor.members),
            "mode_generation": self._mode.generation,
            "tripped": int(self._supervisor.tripped is not None),
        }
        return totals


def sum_levels(levels: list[dict[str, int]]) -> dict[str, int]:
    """Gauges of all workers together."""
    names = {name for each in levels for name in each}
    return {name: sum(each.get(name, 0) for each in levels) for name in sorted(names)}


def rules_to_json(rules: Rules) -> dict[str, Any]:
    """What a caller may know about the rules: never a secret, they hold none."""
    return {
        "source": rules.source,
        "digest": rules.digest,
        "routes": len(rules.routes),
        "notes": [
            {"path": note.path, "line": note.line, "message": note.message} for note in rules.notes
        ],
    }
