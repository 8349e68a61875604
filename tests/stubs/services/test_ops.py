"""HMS-OPS: what is marked env=sandbox is kept, everything else is dropped and said to be."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.service import BadRequestError
from stubs.services.ops import KEPT, MAX_ENVS, Ring
from stubs.services.ops_records import MAX_RECORDS, Log, read_log
from tests.stubs.services.asking import Sandbox
from tests.stubs.test_service import asked as asked_with


def log(message: str = "hello", **more: Any) -> dict[str, Any]:
    return {"env": "sandbox", "message": message, **more}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(log(), id="one"),
        pytest.param([log()], id="list"),
        pytest.param({"logs": [log()]}, id="under its name"),
        pytest.param(orjson.dumps(log()) + b"\n", id="a line"),
        pytest.param({"msg": "hello", "labels": {"env": "sandbox"}}, id="labels"),
        pytest.param({"message": "hello", "attributes": {"deployment.environment": "sandbox"}},
                     id="attributes"),
    ],
)  # fmt: skip
async def test_a_log_comes_in_many_shapes(body: object) -> None:
    sandbox = Sandbox()
    said = await sandbox.post("ops/logs", body)
    assert (said.status, said.json) == (202, {"accepted": 1, "dropped": 0, "env": "sandbox"})
    shown = (await sandbox.get("ops/logs")).json
    assert [each["message"] for each in shown["logs"]] == ["hello"]


async def test_only_the_sandboxs_own_is_kept() -> None:
    sandbox = Sandbox()
    lines = [log(), {"message": "a", "env": "prod"}, {"message": "b"}, log("again"), 3, {}]
    body = b"\n".join([*map(orjson.dumps, lines), b"not JSON"])
    said = await sandbox.post("ops/logs", body)
    assert said.json == {
        "accepted": 2,
        "dropped": 3,
        "dropped_by_env": {"(none)": 2, "prod": 1},
        "why": "only env=sandbox is kept here",
        "unreadable": 2,
        "env": "sandbox",
    }
    shown = (await sandbox.get("ops/logs")).json
    assert [each["message"] for each in shown["logs"]] == ["again", "hello"]
    assert (shown["taken"], shown["dropped"]) == (2, {"(none)": 2, "prod": 1})


async def test_logs_are_found_by_service_level_and_text() -> None:
    sandbox = Sandbox()
    await sandbox.post(
        "ops/logs",
        [
            log("paid", service="ach", level="INFO"),
            log("not paid", service="ach", level="error"),
            log("paid", service="svc", level="error"),
        ],
    )

    async def found(query: str) -> int:
        return int((await sandbox.get(f"ops/logs?{query}")).json["matching"])

    assert await found("") == 3
    assert await found("service=ach") == 2
    assert await found("level=error&service=ach") == 1
    assert await found("contains=not") == 1
    assert await found("level=info") == 1
    one = (await sandbox.get("ops/logs?limit=1")).json
    assert (len(one["logs"]), one["matching"]) == (1, 3)
    assert (await sandbox.get("ops/logs?limit=x")).status == 400
    assert (await sandbox.get("ops/logs?" + "a=1&" * 60)).status == 400


async def test_metrics_have_a_name_and_a_number() -> None:
    sandbox = Sandbox()
    samples = [
        {"env": "sandbox", "name": "permits.processed", "value": 430, "service": "svc"},
        {"env": "prod", "name": "permits.processed", "value": 180},
        {"env": "sandbox", "name": "helpdesk.calls", "value": "many"},
        {"env": "sandbox", "metric": "helpdesk.calls", "value": 12.5, "tags": {"shift": 1}},
    ]
    said = (await sandbox.post("ops/metrics", {"metrics": samples})).json
    assert (said["accepted"], said["dropped"], said["unreadable"]) == (2, 1, 1)
    shown = (await sandbox.get("ops/metrics?name=helpdesk.calls")).json["metrics"]
    assert [(each["value"], each["labels"]) for each in shown] == [(12.5, {"shift": "1"})]


async def test_too_many_at_once_are_refused() -> None:
    said = await Sandbox().post("ops/logs", [{}] * (MAX_RECORDS + 1))
    assert (said.status, said.json["detail"]) == (400, "up to 5,000 logs are taken at once")
    said = await Sandbox().post("ops/logs", b"{}\n" * (MAX_RECORDS + 1))
    assert said.status == 400


def test_the_ring_is_bounded() -> None:
    ring: Ring[Log] = Ring("logs", read_log, kept=10)
    for n in range(60):
        body = [log(f"{n}", labels={f"l{at}": "x" * 999 for at in range(99)}),
                {"message": "", "env": f"env-{n}"}]  # fmt: skip
        ring.take(asked_with(orjson.dumps(body)))
    assert (len(ring), ring.taken) == (10, 60)
    assert len(ring.dropped) == MAX_ENVS + 1
    assert ring.dropped["(other)"] == 60 - MAX_ENVS
    newest = ring.snapshot(1)["0"]
    assert newest["message"] == "59"
    assert len(newest["labels"]) == 16
    assert max(map(len, newest["labels"].values())) == 60
    assert KEPT == 5_000


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
WORDS = st.sampled_from(["env", "message", "labels", "tags", "service", "level", "at", "name"])


@given(st.lists(st.dictionaries(WORDS, values) | values, max_size=5), st.binary(max_size=5))
def test_whatever_comes_is_taken_dropped_unreadable_or_refused(
    records: list[Any], tail: bytes
) -> None:
    ring: Ring[Log] = Ring("logs", read_log)
    try:
        body = orjson.dumps(records) + tail
        said = orjson.loads(ring.take(asked_with(body)).body)
    except BadRequestError:
        assert tail
    else:
        counted = said["accepted"] + said["dropped"] + said.get("unreadable", 0)
        assert counted == len(records) or tail
        assert all(record["service"] is not None for record in ring.snapshot(9).values())
