"""What a door is told when a declared fault touches what passes it: a value, and whom to ask.

Floor 0, values only. A door asks after it has decided that something may pass, never instead of
deciding: a fault makes nothing pass that would have been refused, and names nowhere to dial.
Read next: `hms_esr/door_chaos.py`, which answers; docs/door-faults.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from switchboard.decide import Decision, Forward, FromStub
from switchboard.exchange import StubAnswer
from switchboard.hosts import literal_address
from switchboard.routes import service_label, service_of

Stage = Literal["name", "handshake", "request"]
"""A name is looked up, TLS begins, or a request is there."""

Mode = Literal[
    "", "nxdomain", "servfail", "timeout", "stale_ip",
    "expired", "wrong_host", "handshake_stall", "alert",
]  # fmt: skip


@dataclass(slots=True)  # one is made for each request while there is a fault; not to be changed
class TroubleAsk:
    """What a door is about to do.

    names: under which the service is known, see `names_of`.   target: with its query.
    headers: as the client sent them.   Names and handshakes have none of the last three.
    """

    stage: Stage
    names: tuple[str, ...]
    method: str = ""
    target: str = ""
    headers: Sequence[tuple[str, str]] = ()


def _nothing() -> None:
    """Nobody has to know."""


@dataclass(slots=True)
class Trouble:
    """What becomes of it instead; not to be changed.

    faults: ids of the faults that it comes from, the strongest first.   wait: to be awaited before
    anything else; None is at once.   cut: the connection ends without an answer.   answer: is given
    in place of the destination's. With neither it goes its usual way after the wait.
    mode: what the name server or the handshake does.   ttl_s: how long a wrong answer of a name
    server is to be remembered.   over: to be called once, when it has ended, however it ended.
    """

    faults: tuple[str, ...]
    wait: Callable[[], Awaitable[None]] | None = None
    cut: Literal["close", "reset"] | None = None
    answer: StubAnswer | None = None
    mode: Mode = ""
    ttl_s: float = 0.0
    over: Callable[[], None] = _nothing


TroubleCall = Callable[[TroubleAsk], Trouble | None]
"""None: nothing is wrong. Must not block; what it raises is taken for a refusal."""


def names_of(upstream: str, host: str) -> tuple[str, ...]:
    """What a service is called: its destination or stub, then the first label of the asked host.

    upstream: "" where none is known.   host: without its port, as `parse_host` gives it.
    """
    names = [service_label(upstream)] if upstream else []
    if host and (literal_address(host) is None or host == "localhost"):
        names.append(service_of(host))
    return tuple(dict.fromkeys(names))


def upstream_of(decision: Decision) -> str:
    """The name of the destination or the stub; "" of a refusal."""
    if isinstance(decision, Forward):
        return decision.to.name
    return decision.stub if isinstance(decision, FromStub) else ""
