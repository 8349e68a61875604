"""The stubs as a callable, for doors that answer in place: no socket between door and stub.

Two rooms of floor 1 do not know each other, so this is handed to the door. An answer is the same
as the stub gateway would give: the same seed, latency and request number. What a stub remembers
(a payment, a session) is the memory of one process. The services are read when they are first
needed: most doors lead to no stub, and start twice as fast without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from stubs.answering import FIRST_UNNUMBERED, MAX_BODY_BYTES, Answering, Sleep
from stubs.learned import LearnedAnswers
from stubs.service import Answer
from switchboard.exchange import StubAnswer, StubAsk
from switchboard.routes import service_label
from switchboard.rules import Rules

PER_WORKER = 1 << 48
"""Requests that nobody numbered get numbers of their own in each worker."""


class StubAnswers:
    """A `StubCall`. `worker`: the number of the process, from 0."""

    def __init__(self, seed: int, worker: int = 0, sleep: Sleep = asyncio.sleep) -> None:
        self._seed = seed
        self._first = FIRST_UNNUMBERED + worker * PER_WORKER
        self._sleep = sleep
        self._stubs: Answering | None = None

    def prepare(self, rules: Rules) -> None:
        """Read the services before anybody asks, where the rules lead to a stub at all."""
        if any(route.stub is not None for route in rules.routes):
            self._read()

    def _read(self) -> Answering:
        if self._stubs is None:
            from hms_esr.bundled import bundled_services

            services = bundled_services(self._seed)
            self._stubs = Answering(
                services, LearnedAnswers(), self._seed, self._sleep, first_unnumbered=self._first
            )
        return self._stubs

    async def __call__(self, ask: StubAsk) -> StubAnswer:
        """The answer of the service that the route names, whatever the Host header says."""
        stubs, service = self._read(), service_label(ask.service)
        if len(ask.body) > MAX_BODY_BYTES:
            return stub_answer(stubs.refuse_body(service))
        path, _, query = ask.target.partition("?")
        headers = header_bytes(ask.headers)
        answer = await stubs.answer(service, ask.method, path, query, headers, ask.body)
        return stub_answer(answer)


def header_bytes(headers: Iterable[tuple[str, str]]) -> dict[bytes, bytes]:
    """Headers as stubs read them: bytes by lower-case name, the last of equal names."""
    return {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in headers}


def stub_answer(answer: Answer) -> StubAnswer:
    """The answer as a door sends it; the length is the door's to say."""
    headers = [("x-esr-env", "sandbox"), ("content-type", answer.content_type.decode("latin-1"))]
    more = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
    return StubAnswer(answer.status, headers + more, answer.body)
