"""Journal entries for tests, of which each shows only what it is about."""

from __future__ import annotations

from collections.abc import Mapping

from stubs.journal import Entry, Journal


def entry(
    service: str = "svc",
    route: str = "POST /login",
    *,
    target: str = "/login",
    status: int = 200,
    at_ms: float = 0.0,
    request_id: int = 1,
    faults: tuple[str, ...] = (),
    ending: str = "answered",
    headers: Mapping[bytes, bytes] | None = None,
    body: bytes = b"",
) -> Entry:
    return Entry(
        at_ms=at_ms,
        wall_ns=1_584_000_000_000_000_000,
        service=service,
        route=route,
        method=route.partition(" ")[0],
        target=target,
        status=status,
        wait_ms=12.5,
        request_id=request_id,
        attempt=0,
        faults=faults,
        ending=ending,
        headers=headers or {},
        body=body,
    )


def journal_of(*entries: Entry, size: int = 100) -> Journal:
    journal = Journal(size)
    for each in entries:
        journal.add(each)
    return journal
