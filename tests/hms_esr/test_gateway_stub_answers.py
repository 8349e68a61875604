"""Stubs answered in place say what the stub gateway says."""

from __future__ import annotations

import pytest

from hms_esr import bundled
from hms_esr.stub_answers import StubAnswers
from stubs.answering import MAX_BODY_BYTES
from stubs.service import Service
from switchboard.exchange import StubAnswer, StubAsk
from switchboard.rules_reader import parse_rules
from tests.stubs.asgi import ScriptedSleep, ask, make_gateway

ASKS = [
    ("ach", "POST", "/payments?x=1", b'{"amount": 12}', {"x-esr-request": "1f"}),
    ("ach", "GET", "/payments/none", b"", {}),
    ("svc-profile", "GET", "/profiles/7", b"", {"x-esr-request": "2a"}),
    ("svc", "GET", "/no/such/thing", b"", {}),
    ("ach", "POST", "/payments", b"[", {}),
    ("ach", "POST", "/payments", b"x" * (MAX_BODY_BYTES + 1), {}),
]


async def in_place(answers: StubAnswers, service: str, method: str, target: str) -> StubAnswer:
    return await answers(StubAsk(service, method, target, [], b""))


@pytest.mark.parametrize(("service", "method", "target", "body", "headers"), ASKS)
async def test_in_place_is_as_through_the_gateway(
    service: str, method: str, target: str, body: bytes, headers: dict[str, str]
) -> None:
    slept, also_slept = ScriptedSleep(), ScriptedSleep()
    gateway = make_gateway(seed=7, sleep=slept)
    said = await ask(gateway, method, target, {**headers, "x-esr-service": service}, body)
    answers = StubAnswers(7, sleep=also_slept)
    answer = await answers(StubAsk(service, method, target, list(headers.items()), body))
    assert (answer.status, answer.body) == (said.status, said.body)
    sent = dict(answer.headers)
    assert sent == {
        name.decode(): value.decode()
        for name, value in said.headers.items()
        if name != b"content-length"
    }
    assert also_slept.waits_s == slept.waits_s


async def test_another_seed_waits_otherwise() -> None:
    waits = []
    for seed in (1, 1, 2):
        slept = ScriptedSleep()
        await in_place(StubAnswers(seed, sleep=slept), "ach", "POST", "/payments")
        waits.append(slept.waits_s)
    assert waits[0] == waits[1] != waits[2]


async def test_workers_draw_apart() -> None:
    slept = [ScriptedSleep(), ScriptedSleep()]
    for worker, sleep in enumerate(slept):
        await in_place(StubAnswers(1, worker, sleep), "ach", "POST", "/payments")
    assert slept[0].waits_s != slept[1].waits_s


@pytest.mark.parametrize(
    ("to", "is_read"),
    [
        ({"stub": "ach"}, True),
        ({"to": {"name": "svc", "address": "127.0.0.1", "port": 9001}}, False),
    ],
    ids=["a stub", "an upstream"],
)
def test_services_are_read_beforehand_where_the_rules_lead_to_a_stub(
    to: dict[str, object], is_read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def bundled_services(seed: int) -> list[Service]:
        read.append(seed)
        return []

    monkeypatch.setattr(bundled, "bundled_services", bundled_services)
    rules = parse_rules(
        {"routes": [{"host": "a.hms.example", **to}]}, source="the test", line_of=lambda path: None
    )
    StubAnswers(7).prepare(rules)
    assert read == [7] * is_read
