"""Which faults a door can really play; the others are refused before it listens.

A door stands in front of a real sandbox, so it can break the way there (the name, the handshake,
the wait, the answer in place of another) and nothing that happens inside a service.
Floor 3, pure. Read next: `door_chaos.py`; docs/door-faults.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from stubs.faults.fault import Fault
from stubs.faults.latency import Latency
from stubs.faults.reset import Reset
from switchboard.errors import Fault as Mistake
from switchboard.errors import ScenarioError
from switchboard.trouble import Stage

Stages = Mapping[str, Stage]
"""At which stage a door asks about a kind of fault."""

GATEWAY: Final[Stages] = {
    "dns": "request",
    "reset": "request",
    "quota": "request",
    "error": "request",
    "hang": "request",
    "latency": "request",
}
INTERCEPTOR: Final[Stages] = {
    "dns": "name",
    "tls": "handshake",
    "quota": "request",
    "error": "request",
    "latency": "request",
}
NAME_SERVER: Final[Stages] = {"dns": "name"}

_SERVE: Final = "esr stubs serve plays every kind"


@dataclass(frozen=True, slots=True)
class DoorKind:
    """A door as far as faults are concerned. mode: the interceptor's."""

    door: Literal["gateway", "proxy"]
    mode: str = ""

    @property
    def stages(self) -> Stages:
        if self.door == "gateway":
            return GATEWAY
        return NAME_SERVER if self.mode == "dns" else INTERCEPTOR

    def __str__(self) -> str:
        return "esr gateway" if self.door == "gateway" else f"esr proxy --mode {self.mode}"


def check_playable(faults: Iterable[Fault], door: DoorKind, source: str) -> None:
    """Raise ScenarioError that says of every fault that this door cannot play what could."""
    found = [
        Mistake(fault.id, None, why)
        for fault in faults
        if (why := why_not(fault, door)) is not None
    ]
    if found:
        raise ScenarioError(f"{source} cannot be played by {door}", found)


def why_not(fault: Fault, door: DoorKind) -> str | None:
    """Why this door cannot play a fault, and what can; None when it can."""
    kind, stages = fault.kind, door.stages
    stage = stages.get(kind.NAME)
    if stage is None:
        return f"it plays {_listed(stages)}, not {kind.NAME}; {_where_else(kind.NAME, door)}"
    if fault.apply_to != "all":
        return f"apply_to: {fault.apply_to} needs the age of connections; {_SERVE}"
    if stage != "request" and not fault.target.is_whole_service:
        return f"{kind.NAME} comes before any request, so its target is a service and no more"
    if isinstance(kind, Latency) and kind.where != "before_headers":
        return f"only `where: before_headers` can be played here; {_SERVE}"
    if isinstance(kind, Reset) and kind.phase != "request":
        return f"only `phase: request` can be played here; {_SERVE}"
    return None


def _where_else(kind: str, door: DoorKind) -> str:
    able = ["esr gateway"] if kind in GATEWAY and door.door != "gateway" else []
    if kind in INTERCEPTOR and door.stages is not INTERCEPTOR:
        able.append("esr proxy" if door.door == "gateway" else "every other mode of esr proxy")
    return f"{' and '.join(able)} can, and {_SERVE}" if able else _SERVE


def _listed(stages: Stages) -> str:
    *first, last = stages
    return f"{', '.join(first)} and {last}" if first else f"only {last}"
