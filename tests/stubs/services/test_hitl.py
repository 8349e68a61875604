"""HITL: a queue that a trainee works."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hms_esr.bundled import bundled_services
from stubs.service import Callback, StubRoute
from tests.stubs.services.asking import Sandbox
from tests.stubs.test_service import asked as asked_with

URL = "http://127.0.0.1:9/hook"


def route_of(name: str, **settings: Any) -> StubRoute:
    (service,) = (each for each in bundled_services(7, {"hitl": settings}) if each.name == "hitl")
    return next(route for route in service.routes if route.name == name)


async def test_a_trainee_works_the_queue() -> None:
    sandbox = Sandbox()
    for n in range(3):
        body = {"approval": f"A-{n}", "task": f"look at {n}", "requester": "agx"}
        said = await sandbox.post("hitl/approvals", body)
        assert (said.status, said.json["state"]) == (201, "pending")
    done = await sandbox.post("hitl/approvals/A-1/approve", {"who": "ann"})
    assert (done.json["state"], done.json["who"], done.json["why"]) == ("approved", "ann", "")
    done = await sandbox.post("hitl/approvals/A-2/deny", {"who": "ann", "why": "no papers"})
    assert (done.json["state"], done.json["why"]) == ("denied", "no papers")
    waiting = (await sandbox.get("hitl/approvals?state=pending")).json
    assert [each["approval"] for each in waiting["approvals"]] == ["A-0"]
    everything = (await sandbox.get("hitl/approvals")).json
    assert [each["approval"] for each in everything["approvals"]] == ["A-0", "A-1", "A-2"]
    assert (await sandbox.get("hitl/approvals?requester=bob")).json["matching"] == 0
    assert (await sandbox.get("hitl/approvals?state=odd")).status == 400


async def test_what_is_decided_stays_decided() -> None:
    sandbox = Sandbox()
    await sandbox.post("hitl/approvals", {"approval": "A-1", "task": "look"})
    await sandbox.post("hitl/approvals/A-1/approve", {"who": "ann"})
    again = await sandbox.post("hitl/approvals/A-1/deny", {"who": "bob", "why": "no"})
    assert (again.status, again.json["detail"]) == (409, "it was approved by ann")
    assert (await sandbox.get("hitl/approvals/A-1")).json["who"] == "ann"
    asked_again = await sandbox.post("hitl/approvals", {"approval": "A-1", "task": "other"})
    assert (asked_again.status, asked_again.json["task"]) == (200, "look")


async def test_with_skip_everything_is_approved_by_nobody() -> None:
    sandbox = Sandbox(hitl={"skip": True})
    said = await sandbox.post("hitl/approvals", {"task": "look", "details": {"case": 7}})
    assert (said.json["state"], said.json["who"]) == ("approved", "hitl_skip")
    assert said.json["details"] == {"case": 7}
    assert (await sandbox.get("hitl/approvals?state=pending")).json["matching"] == 0


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("approvals", {}, 400),
        ("approvals", {"task": " "}, 400),
        ("approvals", {"task": "look", "details": "x" * 3_000}, 400),
        ("approvals", {"task": "look", "callback_url": 7}, 400),
        ("approvals", {"task": "look", "callback_url": "file:///etc/passwd"}, 400),
        ("approvals/A-1/approve", {}, 400),
        ("approvals/A-1/deny", {"who": "ann"}, 400),
        ("approvals/A-9/approve", {"who": "ann"}, 404),
    ],
)
async def test_what_cannot_be_is_refused(path: str, body: dict[str, Any], status: int) -> None:
    sandbox = Sandbox()
    await sandbox.post("hitl/approvals", {"approval": "A-1", "task": "look"})
    assert (await sandbox.post(f"hitl/{path}", body)).status == status


def test_whoever_asked_is_told_of_the_decision() -> None:
    body = orjson.dumps({"approval": "A-1", "task": "look", "callback_url": URL})
    said = route_of("POST /approvals", skip=True).handler(asked_with(body))
    (callback,) = said.callbacks
    assert (callback.url, callback.method) == (URL, "POST")
    told = orjson.loads(callback.body)
    assert (told["event"], told["approval"]) == ("approval.approved", "A-1")


def test_nobody_is_told_before_it_is_decided() -> None:
    (hitl,) = (each for each in bundled_services() if each.name == "hitl")
    routes = {route.name: route for route in hitl.routes}
    asked = asked_with(orjson.dumps({"approval": "A-1", "task": "look", "callback_url": URL}))
    assert routes["POST /approvals"].handler(asked).callbacks == ()
    asked.body, asked.params = b'{"who": "ann", "why": "no"}', {"approval": "A-1"}
    callbacks: tuple[Callback, ...] = (
        routes["POST /approvals/{approval}/deny"].handler(asked).callbacks
    )
    assert [orjson.loads(each.body)["event"] for each in callbacks] == ["approval.denied"]


def test_a_stale_read_sees_what_was_true_then() -> None:
    (hitl,) = (each for each in bundled_services() if each.name == "hitl")
    routes = {route.name: route.handler for route in hitl.routes}
    asked = asked_with(b'{"approval": "A-1", "task": "look"}')
    asked.epoch_ms = 10_000
    routes["POST /approvals"](asked)
    asked.epoch_ms, asked.params, asked.body = 20_000, {"approval": "A-1"}, b'{"who": "ann"}'
    routes["POST /approvals/{approval}/approve"](asked)
    asked.epoch_ms = 21_000
    states = {}
    for stale_ms in (0, 5_000, 15_000):
        asked.stale_ms = stale_ms
        said = routes["GET /approvals/{approval}"](asked)
        states[stale_ms] = orjson.loads(said.body).get("state", said.status)
    assert states == {0: "approved", 5_000: "pending", 15_000: 404}
