"""Asking the rail in memory: no gateway, and a recorded clock that stands where the test says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from hms_esr.definitions_files import ServiceFiles
from stubs.clock import RecordedClock
from stubs.records import record_nothing
from stubs.service import Answer, Asked, Service, Surroundings
from stubs.services.ach.logic import AchLogic, build_logic

SEED = 7
HOUR_MS = 3_600_000.0
DAY_MS = 24 * HOUR_MS


def eastern_ms(text: str) -> float:
    """Unix time of `2026-11-25 19:59` in New York."""
    at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))
    return at.timestamp() * 1000


def make_ach(surroundings: Surroundings | None = None) -> Service:
    """The service that ach.yml describes. Nobody keeps its ledger without surroundings."""
    around = surroundings or Surroundings(SEED, RecordedClock(), record_nothing, {})
    loaded = ServiceFiles().load(
        lambda name: around if name == "ach" else replace(around, settings={})
    )
    return next(service for service in loaded if service.name == "ach")


class Rail:
    """One ledger, its lines, and requests to it. By default nothing is refused or comes back.

    start: when the trace starts, in New York.   now_ms: recorded time since then.
    """

    def __init__(self, start: str = "2026-11-23 09:00", **settings: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        self.start_ms = eastern_ms(start)
        self.now_ms = 0.0
        usual = {"returns": {}, "unavailable": 0}
        self.logic: AchLogic = build_logic(self._record, {**usual, **settings})
        self.ledger = self.logic.ledger
        self._next_id = 0

    def _record(self, kind: str, event: Mapping[str, Any]) -> None:
        assert kind == "ledger"
        self.lines.append(orjson.loads(orjson.dumps(event)))

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    def stand_at(self, text: str) -> None:
        self.now_ms = eastern_ms(text) - self.start_ms

    def ask(
        self,
        handler: str,
        body: object = None,
        *,
        request: int | None = None,
        attempt: int = 0,
        key: str = "",
        user: str = "",
        run: str = "",
        tenant: str = "",
        payment: str = "",
        query: str = "",
        stale_ms: float = 0.0,
        lag_ms: float = 0.0,
    ) -> Answer:
        if request is None:
            self._next_id += 1
            request = 1_000_000 + self._next_id
        named = {b"idempotency-key": key, b"x-esr-user": user, b"x-esr-run": run,
                 b"x-esr-tenant": tenant}  # fmt: skip
        asked = Asked(
            service="ach",
            method="POST",
            path="/",
            query=query,
            params={"payment": payment},
            headers={name: value.encode() for name, value in named.items() if value},
            body=body if isinstance(body, bytes) else orjson.dumps(body or {}),
            request_id=request,
            seed=SEED,
            at_ms=self.now_ms,
            epoch_ms=self.start_ms + self.now_ms,
            attempt=attempt,
            stale_ms=stale_ms,
            settle_lag_ms=lag_ms,
        )
        return self.logic.handlers[handler](asked)

    def pay(self, body: object = None, **more: Any) -> Answer:
        return self.ask("pay", {"citizen": "C-1", "amount": 12} if body is None else body, **more)

    def status(self, payment: str, **more: Any) -> str:
        return str(said(self.ask("look_up", payment=payment, **more))["status"])

    def told(self, request: int, *, attempt: int = 0, status: int = 0, delivered: bool) -> None:
        self.ledger.told("ach-payments", "POST /payments", request, attempt, status, delivered)


def said(answer: Answer) -> Any:
    return orjson.loads(answer.body)


def name_of(answer: Answer) -> str:
    assert answer.status in (200, 201), answer.body
    return str(said(answer)["payment"])
