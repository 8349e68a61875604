"""Every kind of fault, the strongest first. Floor 1. docs/faults.md lists them with parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stubs.faults.clock_skew import ClockSkew
from stubs.faults.dns import Dns
from stubs.faults.down import Down
from stubs.faults.duplicate_delivery import DuplicateDelivery
from stubs.faults.empty import Empty
from stubs.faults.error import Error
from stubs.faults.ghost_commit import GhostCommit
from stubs.faults.hang import Hang
from stubs.faults.kind import FaultKind
from stubs.faults.late_settlement import LateSettlement
from stubs.faults.latency import Latency
from stubs.faults.loss import Loss
from stubs.faults.malformed import Malformed
from stubs.faults.out_of_order_callback import OutOfOrderCallback
from stubs.faults.quota import Quota
from stubs.faults.reset import Reset
from stubs.faults.slow_close import SlowClose
from stubs.faults.stale_read import StaleRead
from stubs.faults.throttle import Throttle
from stubs.faults.tls import Tls
from stubs.faults.truncate import Truncate

FAULT_KINDS: Final[Mapping[str, type[FaultKind]]] = {
    kind.NAME: kind
    for kind in (
        Dns,
        Down,
        Tls,
        Reset,
        Quota,
        Error,
        GhostCommit,
        Hang,
        Empty,
        Throttle,
        Loss,
        Truncate,
        Malformed,
        SlowClose,
        DuplicateDelivery,
        OutOfOrderCallback,
        LateSettlement,
        StaleRead,
        ClockSkew,
        Latency,
    )
}
