"""Asking the bundled services in memory, each request with a recorded moment of its own."""

from __future__ import annotations

from typing import Any

import orjson

from hms_esr.bundled import bundled_services
from stubs.clock import Anchor, RecordedClock
from stubs.gateway import Gateway
from stubs.learned import LearnedAnswers
from tests.stubs.asgi import Said, ScriptedSleep, ask

START_MS = 1_790_000_000_000.0
"""Unix time at which the trace starts."""
DAY_S = 86_400.0


class Sandbox:
    """A gateway with the bundled services, whose recorded clock stands where the test says."""

    def __init__(self, seed: int = 7, **settings: dict[str, Any]) -> None:
        clock = RecordedClock(Anchor(0, speed=0.0, epoch_ms=START_MS))
        services = bundled_services(seed, settings)
        self.services = {service.name: service for service in services}
        self.gateway = Gateway(services, LearnedAnswers(), seed, ScriptedSleep(), clock=clock)
        self.now_s = 0.0
        self._next = 0

    async def ask(
        self, method: str, place: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Said:
        """`place`: `svc/profiles/C-1`. A body that is no bytes is sent as JSON."""
        service, slash, path = place.partition("/")
        self._next += 1
        known = {
            "x-esr-service": service,
            "x-esr-request": f"{self._next:x}",
            "x-esr-due": f"{self.now_s * 1000:.0f}",
        }
        data = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        return await ask(self.gateway, method, slash + path, known | (headers or {}), data)

    async def get(self, place: str, **headers: str) -> Said:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("GET", place, headers=named)

    async def post(self, place: str, body: object = None) -> Said:
        return await self.ask("POST", place, body)


async def post(
    app: Any, path: str, body: object = b"", *, request: str = "1", key: str | None = None
) -> Said:
    """One request to a gateway of one's own."""
    headers = {"x-esr-service": path.split("/")[0], "x-esr-request": request}
    if key is not None:
        headers["idempotency-key"] = key
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return await ask(app, "POST", "/" + path.partition("/")[2], headers, data)


async def get(app: Any, path: str, *, request: str = "1") -> Said:
    headers = {"x-esr-service": path.split("/")[0], "x-esr-request": request}
    return await ask(app, "GET", "/" + path.partition("/")[2], headers)
