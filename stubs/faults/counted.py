"""Which requests the counting parameters come to: `every_n`, `first_n`, `skip_first`, a quota.

A live gateway counts requests as they come. A run knows its plan beforehand, so it has the same
counted in plan order (`choose_counted`) and hands the ids over: then neither speed nor the number
of workers changes who is hit. Floor 1, pure. Read next: `chaos.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stubs.faults.ask import FaultAsk
from stubs.faults.fault import Fault
from stubs.faults.quota import Quota
from stubs.faults.target import split_route
from stubs.service import Memory


class Row(NamedTuple):
    """One request of a plan. route: `POST /payments/{id}`.   key: as `key_of` would give.

    path: as it will be sent; where it is not known the route's own stands for it.
    """

    request_id: int
    at_ms: float
    service: str
    route: str
    method: str
    tenant: str
    key: str = ""
    path: str = ""


def choose_counted(fault: Fault, rows: Iterable[tuple[object, ...]]) -> list[int]:
    """The ids that a gateway would hit that saw the requests in this order (see `Row`).

    What is drawn (`probability`, `ramp`) is left out: it is drawn by request in any case.
    Raises ValueError for a fault that counts by what a plan does not say: a header.
    """
    if fault.target.headers:
        raise ValueError(f"{fault.id} counts requests with a header, and a plan has none")
    counter = Counter(fault)
    return [row.request_id for row in map(_row, rows) if _is_about(fault, row) and counter.is_hit(
        row.at_ms, row.service, row.tenant, row.key)]  # fmt: skip


class Counter:
    """What one fault has counted so far. Bounded: of a quota, the latest windows are kept."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._seen = 0
        self._used: Memory[int] = Memory()
        self._refused: Memory[int] = Memory()

    def is_hit(self, at_ms: float, service: str, tenant: str, key: str) -> bool:
        """Count one more request that the fault is about, and say whether it is to be hit."""
        self._seen += 1
        fault, number = self._fault, self._seen - self._fault.skip_first
        if number < 1 or (fault.first_n is not None and number > fault.first_n):
            return False
        if fault.every_n is not None and number % fault.every_n:
            return False
        quota = fault.kind
        if not isinstance(quota, Quota):
            return True
        whose = {"service": service, "tenant": tenant, "key": key}[quota.scope]
        return self._is_over(quota, quota.window_of(at_ms - fault.at_ms), whose)

    def is_chosen(self, chosen: frozenset[int], ask: FaultAsk) -> bool:
        """Whether a plan's count hits the request: only its first attempt was counted.

        A retry while the window that refused it lasts is refused again; later it may pass.
        """
        quota = self._fault.kind
        if not isinstance(quota, Quota):
            return ask.attempt == 0 and ask.request_id in chosen
        if ask.request_id not in chosen:
            return False
        window = quota.window_of(ask.at_ms - self._fault.at_ms)
        if ask.attempt == 0:
            self._refused.put(str(ask.request_id), window)
            return True
        return self._refused.get(str(ask.request_id)) == window

    def _is_over(self, quota: Quota, window: int, whose: str) -> bool:
        name = f"{window} {whose}"
        used = (self._used.get(name) or 0) + 1
        self._used.put(name, used)
        return used > quota.limit


def key_of(ask: FaultAsk) -> str:
    """Whose key a request carries: an API key, else the run's user, else the credentials.

    A run gives every request the sandbox's own credentials, which tell nobody apart.
    """
    for name in (b"x-api-key", b"x-esr-user", b"authorization"):
        found = ask.headers.get(name)
        if found:
            return found.decode("latin-1")
    return ""


def _row(values: tuple[object, ...]) -> Row:
    return values if isinstance(values, Row) else Row(*values)  # type: ignore[arg-type]


def _is_about(fault: Fault, row: Row) -> bool:
    path = row.path or split_route(row.route)[1]
    return fault.is_due(row.at_ms) and fault.target.fits_names(
        row.service, row.route, path, row.method, row.tenant
    )
