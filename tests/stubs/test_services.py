"""SVC and ACT: what they promise, and what every stub does with bodies that nobody meant."""

from __future__ import annotations

import contextlib
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.gateway import Gateway
from stubs.latency import LatencyModel
from stubs.learned import LearnedAnswers
from stubs.service import REMEMBERED, BadRequestError, Memory, Service, StubRoute
from stubs.services import act, all_services, svc
from tests.stubs.asgi import Said, ScriptedSleep, ask, make_gateway
from tests.stubs.test_service import asked as asked_with

ROUTES = [
    pytest.param(service, route, id=f"{service.name} {route.method} {route.template}")
    for service in all_services()
    for route in service.routes
]
HOSTILE_BODIES = [
    pytest.param(b"", id="none"),
    pytest.param(b"[]", id="list"),
    pytest.param(b"\xff" * 100, id="bytes"),
    pytest.param(b'{"citizen": "\\udfff"}', id="lone surrogate"),
    pytest.param(b'{"citizen": ' + b"[" * 1_000 + b"]" * 1_000 + b"}", id="deep list"),
    pytest.param(b'{"application": ' + b"[" * 1_000 + b"]" * 1_000 + b"}", id="deep name"),
    pytest.param(b'{"amount": ' + b"[" * 1_000 + b"]" * 1_000 + b"}", id="deep amount"),
    pytest.param(b'{"amount": ' + b'{"a":' * 800 + b"1" + b"}" * 800 + b"}", id="deep object"),
    pytest.param(b'{"citizen": ' + b"9" * 300 + b', "amount": ' + b"9" * 300 + b"}", id="huge int"),
    pytest.param(b'{"amount": ' + b"9" * 5_000 + b"}", id="too huge an int"),
    pytest.param(b'{"citizen": null, "amount": null, "application": null}', id="nulls"),
    pytest.param(b'{"citizen": {}, "amount": "12", "application": []}', id="other types"),
    pytest.param(b'{"citizen": "\\u0000\\r\\nx: y"}', id="control characters"),
    pytest.param(b'{"citizen": "' + b"x" * 900_000 + b'"}', id="long text"),
]


async def post(
    app: Any, path: str, body: object = b"", *, request: str = "1", key: str | None = None
) -> Said:
    headers = {"x-esr-service": path.split("/")[0], "x-esr-request": request}
    if key is not None:
        headers["idempotency-key"] = key
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return await ask(app, "POST", "/" + path.partition("/")[2], headers, data)


async def get(app: Any, path: str, *, request: str = "1") -> Said:
    headers = {"x-esr-service": path.split("/")[0], "x-esr-request": request}
    return await ask(app, "GET", "/" + path.partition("/")[2], headers)


def test_names_are_unique() -> None:
    services = all_services()
    assert [service.name for service in services] == ["svc", "act", "ach"]
    for service in services:
        names = [(route.method, route.template) for route in service.routes]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(("service", "route"), ROUTES)
def test_a_template_is_whole_words_and_braces(service: Service, route: StubRoute) -> None:
    assert re.fullmatch(r"(/([a-z_]+|\{[a-z]+\}))+", route.template)
    assert re.fullmatch(r"[a-z][a-z0-9]*", service.name)
    assert isinstance(route.latency.sample_s(0.5), float)


@pytest.mark.parametrize(("service", "route"), ROUTES)
def test_a_tail_is_believable(service: Service, route: StubRoute) -> None:
    latency: LatencyModel = route.latency
    assert 0.005 < latency.sample_s(0.5) < latency.sample_s(0.99) < 0.5


@pytest.mark.parametrize("body", HOSTILE_BODIES)
@pytest.mark.parametrize(("service", "route"), ROUTES)
async def test_no_body_breaks_a_stub(service: Service, route: StubRoute, body: bytes) -> None:
    target = re.sub(r"\{\w+\}", "%00%ff", route.template)
    headers = {"x-esr-service": service.name, "x-esr-request": "1f"}
    said = await ask(make_gateway(), route.method, target, headers, body)
    assert said.status in (200, 201, 202, 400, 404, 422)
    assert len(said.body) < 2_000
    assert isinstance(said.json, dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["citizen", "application", "amount", "amount_usd"])


@given(
    at=st.integers(0, 7),
    fields=st.dictionaries(FIELDS, json_values),
    name=st.text(max_size=6),
    key=st.binary(max_size=8),
)
def test_no_handler_raises(at: int, fields: dict[str, Any], name: str, key: bytes) -> None:
    handlers = [route for service in all_services() for route in service.routes]
    route = handlers[at % len(handlers)]
    asked = asked_with()
    asked.body = json.dumps(fields).encode()
    asked.headers = {b"idempotency-key": key}
    asked.params = {"citizen": name, "application": name, "payment": name}
    with contextlib.suppress(BadRequestError):
        assert route.handler(asked).status < 600


async def test_log_in_gives_the_same_session_again() -> None:
    gateway = make_gateway()
    one = await post(gateway, "svc-auth/login", {"citizen": "C-1", "password": "secret"})
    again = await post(gateway, "svc-auth/login", {"citizen": "C-1"}, request="2")
    other = await post(gateway, "svc-auth/login", {"citizen": "C-2"})
    assert one.status == 200
    assert one.json["citizen"] == "C-1"
    assert one.json["session"] == again.json["session"] != other.json["session"]
    assert b"secret" not in one.body


async def test_a_profile_belongs_to_its_citizen_and_seed() -> None:
    one = await get(make_gateway(seed=1), "svc/profiles/C-1")
    again = await get(make_gateway(seed=1), "svc/profiles/C-1", request="9")
    other = await get(make_gateway(seed=1), "svc/profiles/C-2")
    reseeded = await get(make_gateway(seed=2), "svc/profiles/C-1")
    assert one.json == again.json
    assert one.json["income"] != other.json["income"]
    assert one.json["income"] != reseeded.json["income"]
    assert 1 <= one.json["household"] <= 6
    assert one.json["name"].startswith("Sandbox Citizen ")


async def test_most_citizens_are_eligible() -> None:
    gateway = make_gateway()
    said = [await post(gateway, "svc/eligibility", {"citizen": f"C-{n}"}) for n in range(400)]
    eligible = [each.json for each in said if each.json["eligible"]]
    assert len(eligible) == pytest.approx(400 * svc.ELIGIBLE_PERCENT / 100, abs=20)
    assert {each["amount"] for each in eligible} == {1200}
    assert {each.json["amount"] for each in said if not each.json["eligible"]} == {0}


async def test_every_premium_is_the_same() -> None:
    said = await post(make_gateway(), "svc/fetch_premium", {"citizen": "C-1"})
    assert said.json == {"premium": 74_200}


async def test_an_application_moves_along_each_time_somebody_looks() -> None:
    gateway = make_gateway()
    said = await post(gateway, "act/applications", {"application": "APP-1"})
    assert (said.status, said.json["application"], said.json["status"]) == (
        202,
        "APP-1",
        "received",
    )
    looks = [(await get(gateway, "act/applications/APP-1")).json["status"] for _ in range(6)]
    assert looks == ["received", "in_review", "approved", "paid", "paid", "paid"]
    assert (await get(gateway, "act/applications/APP-2")).json["status"] == "received"


async def test_an_application_without_a_name_gets_one() -> None:
    gateway = make_gateway()
    one = await post(gateway, "act/applications", {}, request="1")
    again = await post(gateway, "act/applications", {"application": [[]]}, request="1")
    other = await post(gateway, "act/applications", {}, request="2")
    assert re.fullmatch(r"APP-\d{12}", one.json["application"])
    assert one.json == again.json
    assert one.json != other.json


@pytest.mark.parametrize("make", [act.make_act])
def test_what_a_service_remembers_is_bounded(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Memory[Any]] = []

    class Watched(Memory[Any]):
        def __init__(self) -> None:
            super().__init__(size=10)
            made.append(self)

    monkeypatch.setattr(act, "Memory", Watched)
    service = make()
    for n in range(50):
        for route in service.routes:
            asked = asked_with(request_id=n)
            asked.headers = {b"idempotency-key": b"%d" % n}
            asked.params = {"application": str(n), "payment": str(n)}
            route.handler(asked)
    assert made
    assert all(len(memory) == 10 for memory in made)
    assert REMEMBERED == 50_000


async def test_the_example_for_authors_is_a_stub() -> None:
    page = (Path(__file__).parents[2] / "docs/add-a-stub.md").read_text(encoding="utf-8")
    code = textwrap.dedent(page.partition("   ```python\n")[2].partition("   ```\n")[0])
    names: dict[str, Any] = {}
    exec(compile(code, "docs/add-a-stub.md", "exec"), names)
    gateway = Gateway([names["make_lib"]()], LearnedAnswers(), 7, ScriptedSleep())
    card = (await post(gateway, "lib-cards/cards", {"citizen": "C-1"})).json["card"]
    assert re.fullmatch(r"\d{8}", card)
    assert (await get(gateway, f"lib/cards/{card}")).json == {"card": card, "env": "sandbox"}
