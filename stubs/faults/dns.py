"""`dns`: the service's name leads nowhere. Floor 1, pure. Read next: `tls.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Cut, Hold
from stubs.faults.kind import Draw, FaultKind, is_decided
from stubs.faults.parameters import one_of, parameter, seconds
from stubs.service import answer_problem

RESOLVER_TIMEOUT_S: Final = 5.0
"""How long a resolver waits by default (resolv.conf, option `timeout`)."""

_MODES: Final = ("nxdomain", "servfail", "timeout", "stale_ip")
_SAID: Final = {
    "nxdomain": (502, "no such name (NXDOMAIN)"),
    "servfail": (502, "the name server failed (SERVFAIL)"),
    "timeout": (504, "the name server did not answer"),
}


@dataclass(frozen=True, slots=True)
class Dns(FaultKind):
    """Nobody finds the service."""

    NAME = "dns"
    RANK = 10
    APPROXIMATED = (
        "The stub gateway has been found already, so it says what an egress proxy would: 502 for "
        "`nxdomain` and `servfail`, 504 after 5 s for `timeout`, and a reset for `stale_ip`, as "
        "from a machine that no longer serves this name. `ttl_s` matters to a real resolver only. "
        "Connections that are kept open are hit too; `apply_to: new` spares them."
    )

    mode: Literal["nxdomain", "servfail", "timeout", "stale_ip"] = parameter(
        ", ".join(_MODES), "what the name server does", one_of(*_MODES), "nxdomain"
    )
    ttl_s: float = parameter("s", "how long callers remember the wrong answer", seconds, 60.0)

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        if is_decided(course):
            return course
        if self.mode == "stale_ip":
            return replace(course, asks=0, cut=Cut("reset"))
        status, what = _SAID[self.mode]
        detail = f"{ask.service} cannot be resolved: {what} (a declared fault)"
        answer = answer_problem(status, "Name resolution failed", detail)
        return replace(course, asks=0, answer=answer, hold=self.hold)

    @property
    def hold(self) -> Hold | None:
        return Hold(RESOLVER_TIMEOUT_S, "respond") if self.mode == "timeout" else None
