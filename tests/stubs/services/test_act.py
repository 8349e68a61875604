"""HMS-ACT: applications, workflows whose steps are tried again, mock endpoints."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.services.workflow import (
    MOST_GRANTS,
    Grant,
    Step,
    Usual,
    Workflow,
    progress_of,
    state_of,
)
from tests.stubs.asgi import make_gateway
from tests.stubs.services.asking import Sandbox, get, post

ORDER = ["waiting", "running", "retrying", "done", "failed"]


async def test_an_application_moves_along_each_time_somebody_looks() -> None:
    gateway = make_gateway()
    said = await post(gateway, "act/applications", {"application": "APP-1"})
    assert (said.status, said.json["application"], said.json["status"]) == (
        202,
        "APP-1",
        "received",
    )
    looks = [(await get(gateway, "act/applications/APP-1")).json for _ in range(6)]
    statuses = [look["status"] for look in looks]
    assert statuses == ["received", "in_review", "approved", "paid", "paid", "paid"]
    assert looks[0] == {"application": "APP-1", "status": "received", "env": "sandbox"}
    assert (await get(gateway, "act/applications/APP-2")).json["status"] == "received"


async def test_an_application_without_a_name_gets_one() -> None:
    gateway = make_gateway()
    one = await post(gateway, "act/applications", {}, request="1")
    again = await post(gateway, "act/applications", {"application": [[]]}, request="1")
    other = await post(gateway, "act/applications", {}, request="2")
    assert re.fullmatch(r"APP-\d{12}", one.json["application"])
    assert one.json == again.json
    assert one.json != other.json


# Workflows


def states(said: Any) -> list[str]:
    return [step["state"] for step in said.json["steps"]]


async def test_a_workflow_runs_its_steps_one_after_the_other() -> None:
    sandbox = Sandbox(act={"fail": 0})
    said = await sandbox.post("act/workflows", {"workflow": "W-1", "steps": ["a", "b", "c"]})
    assert (said.status, said.json["state"]) == (201, "running")
    assert states(said) == ["running", "waiting", "waiting"]
    sandbox.now_s = 3_600
    said = await sandbox.get("act/workflows/W-1")
    assert (said.json["state"], states(said)) == ("done", ["done"] * 3)
    assert [step["attempts"] for step in said.json["steps"]] == [1, 1, 1]
    ended = [step["ended"] for step in said.json["steps"]]
    assert ended == sorted(ended)
    assert (await sandbox.post("act/workflows", {"workflow": "W-1"})).status == 200


async def test_a_step_is_retried_and_then_fails_until_somebody_tries_it_again() -> None:
    sandbox = Sandbox()
    steps = ["a", {"name": "b", "fail": 1}, "c"]
    await sandbox.post("act/workflows", {"workflow": "W-1", "steps": steps, "retries": 2})
    assert (await sandbox.post("act/workflows/W-1/steps/b/retry")).status == 409
    sandbox.now_s = 3_600
    said = await sandbox.get("act/workflows/W-1")
    assert (said.json["state"], states(said)) == ("failed", ["done", "failed", "waiting"])
    assert said.json["steps"][1]["attempts"] == 3
    again = await sandbox.post("act/workflows/W-1/steps/b/retry")
    assert (again.status, again.json["state"]) == (202, "running")
    assert states(again) == ["done", "running", "waiting"]
    sandbox.now_s = 7_200
    said = await sandbox.get("act/workflows/W-1")
    assert said.json["steps"][1] == {**said.json["steps"][1], "state": "failed", "attempts": 6}


async def test_a_step_is_not_tried_again_for_ever() -> None:
    sandbox = Sandbox()
    body = {"workflow": "W-1", "steps": [{"name": "b", "fail": 1}], "retries": 0}
    await sandbox.post("act/workflows", body)
    statuses = []
    for hour in range(1, MOST_GRANTS + 2):
        sandbox.now_s = hour * 3_600
        statuses.append((await sandbox.post("act/workflows/W-1/steps/b/retry")).status)
    assert statuses == [202] * MOST_GRANTS + [409]


async def test_a_step_fails_as_long_as_its_mock_does() -> None:
    sandbox = Sandbox(act={"fail": 0})
    body = {"workflow": "W-1", "steps": [{"name": "charge", "mock": "ach"}]}
    await sandbox.post("act/workflows", body)  # nobody has registered it yet
    sandbox.now_s = 3_600
    assert (await sandbox.get("act/workflows/W-1")).json["state"] == "failed"
    await sandbox.ask("PUT", "act/mock/ach", {"status": 503})
    await sandbox.post("act/workflows/W-1/steps/charge/retry")
    sandbox.now_s = 7_200
    assert (await sandbox.get("act/workflows/W-1")).json["state"] == "failed"
    await sandbox.ask("PUT", "act/mock/ach", {"status": 201})
    await sandbox.post("act/workflows/W-1/steps/charge/retry")
    sandbox.now_s = 10_800
    assert (await sandbox.get("act/workflows/W-1")).json["state"] == "done"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"steps": []}, "1 to 20 steps"),
        ({"steps": ["a"] * 21}, "1 to 20 steps"),
        ({"steps": ["a", "a"]}, "two steps have the same name"),
        ({"steps": [""]}, "a step has a name"),
        ({"steps": [{"name": "a", "fail": 2}]}, "fail must be a share"),
        ({"steps": [{"name": "a", "mock": 1}]}, "mock must be the name"),
        ({"retries": 11}, "retries must be a whole number of 0 to 10"),
        ({"retries": True}, "retries must be a whole number"),
    ],
)
async def test_a_workflow_that_cannot_be_says_why(body: dict[str, Any], detail: str) -> None:
    said = await Sandbox().post("act/workflows", body)
    assert said.status == 400
    assert detail in said.json["detail"]


async def test_what_was_never_started_is_not_there() -> None:
    sandbox = Sandbox()
    await sandbox.post("act/workflows", {"workflow": "W-1"})
    assert (await sandbox.get("act/workflows/W-2")).status == 404
    assert (await sandbox.post("act/workflows/W-2/steps/intake/retry")).status == 404
    assert (await sandbox.post("act/workflows/W-1/steps/shred/retry")).status == 404


def workflow_of(name: str, fails: list[float], retries: int, grants: list[float]) -> Workflow:
    steps = tuple(
        Step(f"{at}", fail, None, [Grant(0.0), *map(Grant, sorted(grants))])
        for at, fail in enumerate(fails)
    )
    return Workflow(name, "", 0.0, retries, Usual(), steps)


@given(
    name=st.text(max_size=5),
    fails=st.lists(st.floats(0, 1), min_size=1, max_size=5),
    retries=st.integers(0, 3),
    grants=st.lists(st.floats(0, 1e6), max_size=3),
    moments=st.lists(st.floats(0, 2e6), min_size=2, max_size=6),
)
def test_a_workflow_only_goes_on(
    name: str, fails: list[float], retries: int, grants: list[float], moments: list[float]
) -> None:
    """Attempts are never fewer later, what is done stays done, and only one step is at work."""
    workflow = workflow_of(name, fails, retries, grants)
    attempts, done = [0] * len(fails), 0
    for now_ms in sorted(moments):
        steps = progress_of(workflow, 7, now_ms)
        assert len(steps) == len(fails)
        assert all(new.attempts >= old for new, old in zip(steps, attempts, strict=True))
        attempts = [step.attempts for step in steps]
        finished = [step.state for step in steps].count("done")
        assert finished >= done
        done = finished
        assert [step.state for step in steps[:done]] == ["done"] * done
        assert all(step.state == "waiting" for step in steps[done + 1 :])
        assert max(attempts) <= (1 + len(grants)) * (1 + retries)
        assert state_of(steps) in ("running", "done", "failed")


def test_a_seed_decides_which_attempts_fail() -> None:
    workflow = workflow_of("W-1", [0.5] * 8, 3, [])
    one, again, other = (
        [step.attempts for step in progress_of(workflow, seed, 1e9)] for seed in (1, 1, 2)
    )
    assert one == again != other


# Mock endpoints


async def test_a_mock_answers_what_was_registered() -> None:
    sandbox = Sandbox()
    assert (await sandbox.get("act/mock/fee")).status == 404
    registered = await sandbox.ask("PUT", "act/mock/fee", {"status": 402, "json": {"cents": 25}})
    assert (registered.status, registered.json["mock"]) == (201, "fee")
    for said in (await sandbox.get("act/mock/fee"), await sandbox.post("act/mock/fee", {"a": 1})):
        assert (said.status, said.json) == (402, {"cents": 25})
    assert (await sandbox.ask("PUT", "act/mock/fee", {})).status == 200
    assert (await sandbox.get("act/mock/fee")).json == {}
    assert sandbox.services["act"].stores[1].snapshot(9)["fee"]["called"] == 1
    assert (await sandbox.ask("DELETE", "act/mock/fee")).status == 200
    assert (await sandbox.ask("DELETE", "act/mock/fee")).status == 404


@pytest.mark.parametrize(
    "body", [{"status": 99}, {"status": True}, {"status": "200"}, {"json": "x" * 5_000}]
)
async def test_a_mock_that_cannot_be_is_refused(body: dict[str, Any]) -> None:
    assert (await Sandbox().ask("PUT", "act/mock/fee", body)).status == 400


async def test_a_mock_without_content_has_none() -> None:
    sandbox = Sandbox()
    await sandbox.ask("PUT", "act/mock/fee", {"status": 204, "json": {"a": 1}})
    said = await sandbox.get("act/mock/fee")
    assert (said.status, said.body) == (204, b"")
