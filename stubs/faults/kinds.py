"""Every kind of fault, the strongest first. Floor 1. docs/faults.md lists them with parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stubs.faults.down import Down
from stubs.faults.error import Error
from stubs.faults.hang import Hang
from stubs.faults.kind import FaultKind
from stubs.faults.latency import Latency
from stubs.faults.quota import Quota
from stubs.faults.reset import Reset

FAULT_KINDS: Final[Mapping[str, type[FaultKind]]] = {
    kind.NAME: kind for kind in (Down, Reset, Quota, Error, Hang, Latency)
}
