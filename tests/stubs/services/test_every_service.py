"""What every bundled service promises, whatever it is: names, waits, hostile bodies, bounds."""

from __future__ import annotations

import contextlib
import json
import re
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_esr.bundled import bundled_services
from hms_esr.definitions_files import BUNDLED, DefinitionsError
from scenarios.yaml_lines import load_yaml
from stubs.clock import RecordedClock
from stubs.definitions.reader import parse_definition
from stubs.gateway import Gateway
from stubs.latency import Moment, wait_of
from stubs.learned import LearnedAnswers
from stubs.records import record_nothing
from stubs.service import BadRequestError, Service, StubRoute, Surroundings
from stubs.services.shelf import Shelf
from tests.stubs.asgi import ScriptedSleep, ask, make_gateway
from tests.stubs.services.asking import Sandbox, get, post
from tests.stubs.test_service import asked as asked_with

NAMES = ["ach", "act", "agt", "agx", "esq", "hitl", "mfe", "ops", "svc"]
SERVICES = bundled_services()
ROUTES = [
    pytest.param(service, route, id=f"{service.name} {route.name}")
    for service in SERVICES
    for route in service.routes
]
DEEP = b"[" * 1_000 + b"]" * 1_000
HOSTILE_BODIES = {
    "none": b"",
    "list": b"[]",
    "list of anything": b"[[], null, 3, {}]",
    "many lines": b"{}\n" * 6_000,
    "bytes": b"\xff" * 100,
    "lone surrogate": b'{"citizen": "\\udfff"}',
    "deep list": b'{"citizen": ' + DEEP + b"}",
    "deep name": b'{"application": ' + DEEP + b"}",
    "deep amount": b'{"amount": ' + DEEP + b"}",
    "deep details": b'{"task": "t", "who": "w", "details": ' + DEEP + b"}",
    "deep steps": b'{"steps": ' + DEEP + b', "messages": ' + DEEP + b"}",
    "broken items": b'{"steps": ["a", "a"], "messages": [{}]}',
    "deep mock": b'{"status": 418, "json": ' + DEEP + b"}",
    "deep object": b'{"amount": ' + b'{"a":' * 800 + b"1" + b"}" * 800 + b"}",
    "huge int": b'{"citizen": ' + b"9" * 300 + b', "amount": ' + b"9" * 300 + b"}",
    "too huge an int": b'{"amount": ' + b"9" * 5_000 + b"}",
    "nulls": b'{"citizen": null, "amount": null, "application": null}',
    "other types": b'{"citizen": {}, "amount": "12", "application": []}',
    "control characters": b'{"citizen": "\\u0000\\r\\nx: y"}',
    "long text": b'{"question": "%b", "task": "%b", "who": "%b"}' % ((b"x" * 300_000,) * 3),
}
FIELDS = [
    "citizen",
    "application",
    "amount",
    "amount_usd",
    "permit",
    "kind",
    "workflow",
    "steps",
    "retries",
    "status",
    "json",
    "question",
    "message",
    "messages",
    "conversation",
    "action",
    "data",
    "actor",
    "purpose",
    "age",
    "consent",
    "logs",
    "metrics",
    "env",
    "name",
    "value",
    "approval",
    "task",
    "requester",
    "details",
    "callback_url",
    "who",
    "why",
]


def test_the_bundled_services_are_these() -> None:
    assert [service.name for service in SERVICES] == NAMES
    for service in SERVICES:
        names = [route.name for route in service.routes]
        assert len(set(names)) == len(names)
        assert service.hosts == (f"{service.name}.hms.example",)


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.yml")), ids=lambda path: path.name)
def test_a_definition_is_short(path: Path) -> None:
    """Every run reads it, at some 200 kB a second."""
    assert len(path.read_bytes()) < 6_000


@pytest.mark.parametrize(("service", "route"), ROUTES)
def test_a_template_is_whole_words_and_braces(service: Service, route: StubRoute) -> None:
    assert re.fullmatch(r"(/([a-z_]+|\{[a-z]+\}))+", route.template)


@pytest.mark.parametrize(("service", "route"), ROUTES)
def test_a_tail_is_believable(service: Service, route: StubRoute) -> None:
    wait_s = wait_of(route.latency)
    median_s, p99_s = wait_s(0.5, Moment()), wait_s(0.99, Moment())
    assert 0.005 < median_s < p99_s < (10 if median_s > 0.5 else 0.5)


@pytest.mark.parametrize(("service", "route"), ROUTES)
async def test_no_body_breaks_a_stub(service: Service, route: StubRoute) -> None:
    gateway = make_gateway()
    target = re.sub(r"\{\w+\}", "%00%ff", route.template)
    headers = {"x-esr-service": service.name, "x-esr-request": "1f"}
    for name, body in HOSTILE_BODIES.items():
        said = await ask(gateway, route.method, target, headers, body)
        assert said.status in (200, 201, 202, 400, 404, 409, 422), name
        assert len(said.body) < 2_000, name
        assert isinstance(said.json, dict), name


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    at=st.integers(0, 99),
    fields=st.dictionaries(st.sampled_from(FIELDS), json_values),
    name=st.text(max_size=6),
    header=st.binary(max_size=8),
    query=st.text(max_size=12),
    epoch_ms=st.floats(),
    stale_ms=st.sampled_from([0.0, 5_000.0]),
)
def test_no_handler_raises(
    at: int,
    fields: dict[str, Any],
    name: str,
    header: bytes,
    query: str,
    epoch_ms: float,
    stale_ms: float,
) -> None:
    routes = [route for service in SERVICES for route in service.routes]
    asked = asked_with()
    asked.body = json.dumps(fields).encode()
    asked.headers = {b"idempotency-key": header, b"host": header}
    asked.query, asked.epoch_ms, asked.stale_ms = query, epoch_ms, stale_ms
    keys = "citizen application payment permit workflow step name conversation tile approval"
    asked.params = dict.fromkeys(keys.split(), name)
    with contextlib.suppress(BadRequestError):
        assert routes[at % len(routes)].handler(asked).status < 600


def test_two_sandboxes_share_nothing() -> None:
    one, other = bundled_services(), bundled_services()
    stores = {id(store) for service in one for store in service.stores}
    assert stores.isdisjoint(id(store) for service in other for store in service.stores)


async def test_a_seed_is_an_answer() -> None:
    """Whatever is drawn belongs to the seed and the request, not to the order."""
    bodies = {"agx/ask": {"question": "why?"}, "svc/permits": {}, "svc/login": {"citizen": "C-1"}}
    for place, body in bodies.items():
        one, again, other = (make_gateway(seed=seed) for seed in (1, 1, 2))
        first = (await post(one, place, body)).json
        await post(again, place, body, request="9")
        assert {**(await post(again, place, body)).json} | {"filed": 0, "due": 0} == {**first} | {
            "filed": 0,
            "due": 0,
        }
        assert (await post(other, place, body)).json != first


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(DefinitionsError, match="colour"):
        bundled_services(0, {name: {"colour": "red"}})


@pytest.mark.parametrize(
    ("service", "settings", "match"),
    [
        ("svc", {"review_sla_days": "3"}, "must be a number, not text"),
        ("svc", {"review_sla_days": -1}, "from 0 to 3650"),
        ("act", {"retries": 2.5, "fail": 2}, "whole number"),
        ("act", {"step_ms": 500, "step_p99_ms": 500}, "greater than step_ms"),
        ("esq", {"off": "HIPPA-1"}, "did you mean HIPAA-1"),
        ("hitl", {"skip": 1}, "must be true or false"),
        ("mfe", {"api_base": "https://api.agency.gov"}, "api_base"),
        ("mfe", {"api_base": "//api.agency.gov"}, "api_base"),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(
    service: str, settings: dict[str, Any], match: str
) -> None:
    with pytest.raises(DefinitionsError, match=match):
        bundled_services(0, {service: settings})


def test_a_shelf_is_bounded_and_forgets_the_oldest() -> None:
    shelf: Shelf[int] = Shelf("numbers", str, "POST /numbers", size=3)
    for n in range(10):
        shelf.keep(f"{n}", n)
    shelf.keep("8", 80)
    assert len(shelf) == 3
    assert shelf.snapshot(2) == {"9": "9", "8": "80"}
    assert list(shelf.newest()) == [9, 80, 7]
    assert shelf.get("1") is None
    assert shelf.remove("7")
    assert not shelf.remove("7")
    with pytest.raises(ValueError, match="POST /numbers"):
        shelf.put("1", 1)
    shelf.reset()
    assert len(shelf) == 0


def test_a_key_of_any_length_is_kept_short() -> None:
    shelf: Shelf[int] = Shelf("numbers", str, "POST /numbers")
    shelf.keep("x" * 100_000, 1)
    shelf.keep("x" * 99_999, 2)
    assert shelf.get("x" * 100_000) == 1
    assert all(len(key) < 300 for key in shelf.snapshot(9))


async def test_the_admin_can_look_at_what_is_remembered_and_empty_it() -> None:
    sandbox = Sandbox()
    await sandbox.post("svc/permits", {"permit": "P-1"})
    await sandbox.post("act/workflows", {"workflow": "W-1"})
    await sandbox.ask("PUT", "act/mock/fee", {"status": 503})
    await sandbox.post("agx/ask", {"question": "why?", "conversation": "T-1"})
    await sandbox.post("esq/check", {"action": "share"})
    await sandbox.post("hitl/approvals", {"approval": "A-1", "task": "look"})
    await sandbox.post("ops/logs", {"env": "sandbox", "message": "hello"})
    kept = {
        f"{name}/{store.name}": list(store.snapshot(9))
        for name, service in sandbox.services.items()
        for store in service.stores
        if store.snapshot(9) and name != "ach"  # a ledger has sums from the start
    }
    assert kept == {
        "act/mocks": ["fee"],
        "act/workflows": ["W-1"],
        "agx/conversations": ["T-1"],
        "esq/verdicts": ["NONE"],
        "hitl/approvals": ["A-1"],
        "ops/logs": ["0"],
        "svc/permits": ["P-1"],
    }
    for service in sandbox.services.values():
        for store in service.stores:
            json.dumps(store.snapshot(9))
            store.reset()
            assert not store.snapshot(9) or service.name == "ach"


def page_block(language: str, at: int = 0) -> str:
    page = (Path(__file__).parents[3] / "docs/add-a-stub.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"```{language}\n(.*?)\n *```", page, re.DOTALL)
    return textwrap.dedent(blocks[at])


def service_of(text: str, logic: Any = None) -> Service:
    value, line_of = load_yaml(text, "docs/add-a-stub.md")
    return parse_definition(value, source="docs/add-a-stub.md", line_of=line_of, logic=logic)


async def test_the_example_in_yaml_is_a_service() -> None:
    service = service_of(page_block("yaml"))
    gateway = Gateway([service], LearnedAnswers(), 7, ScriptedSleep())
    card = (await post(gateway, "lib-cards/cards", {"citizen": "C-1"})).json["card"]
    assert re.fullmatch(r"\d{8}", card)
    assert (await get(gateway, f"lib/cards/{card}")).json["status"] == "valid"
    assert (await post(gateway, f"lib/cards/{card}/block")).json["status"] == "blocked"
    assert (await get(gateway, f"lib/cards/{card}")).json["status"] == "blocked"
    assert (await get(gateway, "lib/cards/1")).json["status"] == "valid"
    assert (await post(gateway, "lib/cards", {"citizen": 3})).status == 400


async def test_the_example_with_logic_is_a_service() -> None:
    names: dict[str, Any] = {"__name__": "lib"}
    exec(compile(page_block("python"), "docs/add-a-stub.md", "exec", dont_inherit=True), names)
    around = Surroundings(7, RecordedClock(), record_nothing, {"digits": 6})
    service = service_of(page_block("yaml", 1), SimpleNamespace(**names).make_logic(around))
    gateway = Gateway([service], LearnedAnswers(), 7, ScriptedSleep())
    card = (await post(gateway, "lib-cards/cards", {"citizen": "C-1"})).json["card"]
    assert re.fullmatch(r"\d{6}", card)
    shown = {"card": card, "citizen": "C-1", "env": "sandbox"}
    assert (await get(gateway, f"lib/cards/{card}")).json == shown
    assert (await get(gateway, "lib/cards/1")).status == 404
