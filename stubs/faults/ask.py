"""What a fault looks at when it decides whether a request is its own. Floor 1, a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)  # one is made for each request while any fault is due; not to be changed
class FaultAsk:
    """One request as faults see it.

    service: the label it was sent to (`svc-fee`, `ach`).   route: `POST /payments/{payment}`, the
    template of the stub's route; what was asked where no route fits.   path: as it was sent.
    tenant: `x-esr-tenant`, else `x-tenant-id`, else "".   headers: by lower-case name.
    at_ms: recorded time at which it was due, or at which it came when nobody planned it.
    attempt: 0, or the number of the retry.   opened_ms: recorded time at which its connection was
    opened.   is_first: whether it is the first request on that connection.
    """

    service: str
    route: str
    method: str
    path: str
    tenant: str
    headers: Mapping[bytes, bytes]
    request_id: int
    at_ms: float
    attempt: int = 0
    opened_ms: float = 0.0
    is_first: bool = True
