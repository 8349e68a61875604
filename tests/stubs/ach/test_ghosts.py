"""Faults that leave it open whether a payment was made, against callers who try again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson
import pytest

from scorecard.payments import PaymentsTruth, compare
from stubs.answering import AnswerCutError, Answering
from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import Chaos
from stubs.faults.reader import parse_faults
from stubs.learned import LearnedAnswers
from stubs.service import Surroundings
from tests.stubs.ach.rail import make_ach
from tests.stubs.asgi import ScriptedSleep

Keys = Literal["none", "same", "fresh"]
USUAL_SETTINGS = {"returns": {}, "unavailable": 0}
ATTEMPTS = 4
PAYMENTS = 60


class Sandbox:
    """The rail under faults, and callers who try up to four times."""

    def __init__(self, *faults: Mapping[str, Any]) -> None:
        self.lines: list[dict[str, Any]] = []
        self.beliefs: dict[int, bool] = {}
        clock = RecordedClock(Anchor(0, epoch_ms=1_584_281_100_000.0), now_ns=lambda: 0)
        service = make_ach(Surroundings(7, clock, self.record, USUAL_SETTINGS))
        timetable = parse_faults(list(faults), source="test", line_of=lambda _: None)
        self.store = service.stores[0]
        self.answering = Answering(
            [service],
            LearnedAnswers(),
            7,
            ScriptedSleep(),
            clock=clock,
            faults=Chaos(7, clock, timetable),
        )

    def record(self, kind: str, event: Mapping[str, Any]) -> None:
        self.lines.append(orjson.loads(orjson.dumps(event)))

    async def pay_all(self, keys: Keys) -> PaymentsTruth:
        """Everybody pays, and the ledger is compared with what they believe."""
        for request in range(PAYMENTS):
            self.beliefs[request] = await self.pay(request, keys)
        return compare(self.lines, self.beliefs)

    async def pay(self, request: int, keys: Keys) -> bool:
        """Whether the caller was told in the end that it was paid."""
        body = orjson.dumps({"citizen": f"C-{request}", "amount": 12, "account": "2"})
        for attempt in range(ATTEMPTS):
            headers = {b"x-esr-request": b"%x" % request, b"x-esr-due": b"%d" % (request * 1000)}
            if attempt:
                headers[b"x-esr-attempt"] = b"%d" % attempt
            if keys != "none":
                headers[b"idempotency-key"] = (
                    b"%d" % request if keys == "same" else b"%d.%d" % (request, attempt)
                )
            try:
                answer = await self.answering.answer(
                    "ach-payments", "POST", "/payments", "", headers, body
                )
            except AnswerCutError:
                continue
            if answer.status < 400:
                return True
        return False


GHOSTS = [
    pytest.param({"lose": "reset"}, id="reset"),
    pytest.param({"lose": "status_504"}, id="status 504"),
]


@pytest.mark.parametrize("lose", GHOSTS)
@pytest.mark.parametrize("keys", ["none", "fresh"])
async def test_trying_again_without_the_key_charges_twice(lose: Any, keys: Keys) -> None:
    sandbox = Sandbox({"kind": "ghost_commit", "target": "ach", "probability": 0.3, **lose})
    truth = await sandbox.pay_all(keys)
    rail = sandbox.store.snapshot(0)
    assert truth.double_charges == rail["double_charges"] > 5
    assert truth.lost_payments == rail["lost_payments"] == 0
    assert truth.ghost_charges == rail["ghost_charges"]
    assert truth.payment_success is not None
    assert truth.payment_success < 100


@pytest.mark.parametrize("lose", GHOSTS)
async def test_trying_again_with_the_key_charges_once(lose: Any) -> None:
    sandbox = Sandbox({"kind": "ghost_commit", "target": "ach", "probability": 0.3, **lose})
    truth = await sandbox.pay_all("same")
    rail = sandbox.store.snapshot(0)
    assert (truth.double_charges, rail["double_charges"], truth.lost_payments) == (0, 0, 0)
    assert truth.ghost_charges == rail["ghost_charges"]
    assert rail["counts"]["committed"] == PAYMENTS
    assert rail["counts"]["duplicate"] > 5


async def test_who_gives_up_leaves_ghosts() -> None:
    sandbox = Sandbox({"kind": "ghost_commit", "target": "ach"})
    truth = await sandbox.pay_all("same")
    assert (truth.payment_success, truth.ghost_charges, truth.double_charges) == (0, PAYMENTS, 0)
    assert sandbox.store.snapshot(0)["ghost_charges"] == PAYMENTS


@pytest.mark.parametrize(("keys", "doubles"), [("none", PAYMENTS), ("same", 0)])
async def test_a_request_that_is_delivered_twice(keys: Keys, doubles: int) -> None:
    sandbox = Sandbox({"kind": "duplicate_delivery", "target": "ach"})
    truth = await sandbox.pay_all(keys)
    assert truth.double_charges == sandbox.store.snapshot(0)["double_charges"] == doubles
    assert truth.payment_success == (0 if doubles else 100)


async def test_an_outage_fails_payments_and_nothing_worse() -> None:
    sandbox = Sandbox({"kind": "down", "target": "ach", "mode": "status_503"})
    truth = await sandbox.pay_all("none")
    assert (truth.payment_success, truth.lost_payments) == (0, 0)
    assert (truth.ghost_charges, truth.double_charges, sandbox.lines) == (0, 0, [])
