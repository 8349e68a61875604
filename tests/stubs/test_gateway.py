"""The gateway as an ASGI application: who answers, what is always true, what nobody can break."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from stubs.gateway import (
    FIRST_UNNUMBERED,
    MAX_BODY_BYTES,
    BodyTooLargeError,
    Gateway,
    path_as_sent,
    read_body,
)
from stubs.latency import NoDelay, Uniform
from stubs.learned import LearnedAnswers
from stubs.service import Answer, Asked, Service, StubRoute, answer_json
from tests.stubs.asgi import (
    Said,
    ScriptedSleep,
    ask,
    ask_now,
    ask_scope,
    exchange,
    http_scope,
    make_gateway,
)

SVC = {"x-esr-service": "svc", "x-esr-request": "1f"}


def echo(asked: Asked) -> Answer:
    return answer_json(
        200,
        service=asked.service,
        method=asked.method,
        path=asked.path,
        query=asked.query,
        params=dict(asked.params),
        body=asked.body.decode("latin-1"),
        request_id=asked.request_id,
        chance=asked.chance,
    )


def echoing(*names: str, sleep: ScriptedSleep | None = None) -> Gateway:
    """A gateway whose only service says what it was asked."""
    latency = NoDelay() if sleep is None else Uniform(0, 1_000)
    pairs = [name.split(" ") for name in names]
    routes = [StubRoute(method, template, echo, latency) for method, template in pairs]
    service = Service("svc", "an echo", routes)
    return Gateway([service], LearnedAnswers(), 7, sleep or ScriptedSleep())


def learned(*statuses: int, method: str = "GET", template: str = "/orders/{id}") -> Gateway:
    counts = {str(status): 1 for status in statuses}
    entry = {"service": "shop", "method": method, "template": template, "statuses": counts}
    return make_gateway({"routes": [{**entry, "waits_ms": None}]})


async def stats(gateway: Gateway) -> dict[tuple[str, str, int], int]:
    said = await ask(gateway, "GET", "/__esr/stats")
    return {
        (row["service"], row["route"], row["status"]): row["count"] for row in said.json["answers"]
    }


# Who answers


async def test_a_handler_is_told_everything() -> None:
    gateway = echoing("POST /a/{b}/c")
    said = await ask(gateway, "POST", "/a/x%2Fy%00/c?q=%20&q=2", SVC, b"\xffbody")
    assert said.json.pop("chance") < 1
    assert {key: said.json[key] for key in ("service", "method", "path", "query", "params")} == {
        "service": "svc",
        "method": "POST",
        "path": "/a/x%2Fy%00/c",
        "query": "q=%20&q=2",
        "params": {"b": "x/y\0"},
    }
    assert (said.json["body"], said.json["request_id"]) == ("\xffbody", 0x1F)


async def test_a_stub_goes_before_what_was_learned() -> None:
    entry = {"service": "svc", "method": "POST", "template": "/login", "statuses": {"500": 1}}
    gateway = make_gateway({"routes": [{**entry, "waits_ms": None}]})
    assert (await ask(gateway, "POST", "/login", SVC)).status == 200


async def test_a_missing_route_names_the_nearest_and_is_counted() -> None:
    gateway = make_gateway()
    said = await ask(gateway, "GET", "/profile/C-1", SVC)
    assert (said.status, said.json["status"]) == (404, 404)
    assert said.headers[b"content-type"] == b"application/problem+json"
    assert "svc" in said.json["detail"]
    assert "near are GET /profiles/{citizen}" in said.json["detail"]
    assert await stats(gateway) == {("svc", "(no such route)", 404): 1}


async def test_answers_are_counted_by_route() -> None:
    gateway = make_gateway()
    for citizen in ("C-1", "C-2"):
        await ask(gateway, "GET", f"/profiles/{citizen}", SVC)
    await ask(gateway, "POST", "/login", SVC, b"[")
    assert await stats(gateway) == {
        ("svc", "GET /profiles/{citizen}", 200): 2,
        ("svc", "POST /login", 400): 1,
    }


async def test_a_scanner_cannot_fill_the_counts() -> None:
    gateway = make_gateway()
    for n in range(10_050):
        gateway.counts.add(f"s-{n}", "(no such route)", 404)
    assert len(gateway.counts) == 10_001


# Bodies


async def test_a_body_in_parts_is_one_body() -> None:
    said = await ask(echoing("POST /"), "POST", "/", SVC, [b"a", b"", b"bc", b"d"])
    assert said.json["body"] == "abcd"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x" * (MAX_BODY_BYTES + 1), id="at once"),
        pytest.param([b"x" * 65_536] * 17, id="in parts"),
    ],
)
async def test_too_large_a_body_is_refused_and_counted(body: bytes | list[bytes]) -> None:
    gateway = make_gateway()
    said = await ask(gateway, "POST", "/login", SVC, body)
    assert (said.status, said.json["title"]) == (413, "Body too large")
    assert await stats(gateway) == {("svc", "(body too large)", 413): 1}


async def test_the_largest_body_is_taken() -> None:
    said = await ask(echoing("POST /"), "POST", "/", SVC, [b"x" * (MAX_BODY_BYTES - 1), b"y"])
    assert said.status == 200


async def test_reading_stops_where_a_body_is_too_large() -> None:
    """Whoever sends a terabyte must not be listened to."""
    told = 0

    async def receive() -> Message:
        nonlocal told
        told += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    with pytest.raises(BodyTooLargeError):
        await read_body(receive)
    assert told == 17


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([], id="before the body"),
        pytest.param([{"type": "http.request", "body": b"{", "more_body": True}], id="within it"),
    ],
)
async def test_who_left_early_asked_for_nothing(messages: list[Message]) -> None:
    gateway = make_gateway()
    scope = http_scope("POST", b"/payments", [(b"x-esr-service", b"ach")])
    assert await exchange(gateway, scope, messages) == []
    assert await stats(gateway) == {}


@pytest.mark.parametrize("path", ["/login", "/eligibility", "/fetch_premium"])
@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b'{"a": "\\ud800"}', b"[" * 100_000])
async def test_a_malformed_body_is_the_callers_mistake(path: str, body: bytes) -> None:
    said = await ask(make_gateway(), "POST", path, SVC, body)
    assert (said.status, said.json["detail"]) == (400, "the body must be a JSON object")


# Answers


async def test_every_answer_says_sandbox() -> None:
    gateway = make_gateway()
    for method, path in (
        ("POST", "/login"),
        ("GET", "/none"),
        ("GET", "/__esr/health"),
        ("GET", "/__esr/none"),
        ("PUT", "/__esr/stats"),
    ):
        said = await ask(gateway, method, path, SVC)
        assert said.headers[b"x-esr-env"] == b"sandbox", path


@pytest.mark.parametrize("status", [204, 304])
async def test_no_content_is_no_content(status: int) -> None:
    said = await ask(learned(status), "GET", "/orders/1", {"x-esr-service": "shop"})
    assert (said.status, said.body) == (status, b"")
    assert not {b"content-length", b"content-type"} & said.headers.keys()


async def test_reset_content_has_an_empty_body() -> None:
    said = await ask(learned(205), "GET", "/orders/1", {"x-esr-service": "shop"})
    assert (said.status, said.body, said.headers[b"content-length"]) == (205, b"", b"0")


@pytest.mark.parametrize("path", ["/orders/1", "/none"])
async def test_head_has_the_headers_of_get_and_no_body(path: str) -> None:
    gateway = learned(200)
    shop = {"x-esr-service": "shop", "x-esr-request": "1"}
    get = await ask(gateway, "GET", path, shop)
    head = await ask(gateway, "HEAD", path, shop)
    assert head.body == b""
    assert int(get.headers[b"content-length"]) == len(get.body) > 0
    if path != "/none":  # which routes are near depends on the method
        assert (head.status, head.headers) == (get.status, get.headers)


async def test_a_redirect_leads_nowhere_else() -> None:
    headers = {"x-esr-service": "shop", "host": "evil.example"}
    said = await ask(learned(302), "GET", "/orders/1", headers)
    assert (said.status, said.headers[b"location"]) == (302, b"/")


async def test_a_learned_path_is_found_however_it_is_encoded() -> None:
    gateway = learned(200, template="/tags/open%20source")
    shop = {"x-esr-service": "shop"}
    assert (await ask(gateway, "GET", "/tags/open%20source", shop)).status == 200


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        pytest.param("/a b/é", "/a%20b/%C3%A9", id="text"),
        pytest.param("/a:@!$&'()*+,;=~-._/", "/a:@!$&'()*+,;=~-._/", id="what may stand"),
        pytest.param("/\udc80", "/%ED%B2%80", id="lone surrogate"),
    ],
)
def test_a_server_that_passes_no_raw_path_is_served_too(path: str, sent: str) -> None:
    assert path_as_sent({"path": path}) == sent


async def test_a_broken_stub_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    def broken(asked: Asked) -> Answer:
        raise KeyError("secret-token-17")

    routes = [
        StubRoute("GET", "/broken", broken, NoDelay()),
        StubRoute("GET", "/fine", echo, NoDelay()),
    ]
    gateway = Gateway([Service("svc", "half broken", routes)], LearnedAnswers(), 1)
    with caplog.at_level(logging.ERROR):
        said = [await ask(gateway, "GET", "/broken", SVC) for _ in range(3)]
    assert {each.status for each in said} == {500}
    assert said[0].json["detail"] == "the stub of GET /broken is broken: KeyError"
    assert len(caplog.records) == 1, "once, not for each request"
    assert (await ask(gateway, "GET", "/fine", SVC)).status == 200
    assert (await stats(gateway))["svc", "GET /broken", 500] == 3


# The same request, the same answer


async def test_a_wait_is_the_models_for_the_draw() -> None:
    sleep = ScriptedSleep()
    gateway = echoing("GET /", sleep=sleep)
    await ask(gateway, "GET", "/", SVC)
    asked = Asked("svc", "GET", "/", "", {}, {}, b"", 0x1F, 7)
    assert sleep.waits_s == [Uniform(0, 1_000).sample_s(asked.latency_draw)]


async def test_no_delay_does_not_even_sleep() -> None:
    sleep = ScriptedSleep()
    await ask(learned(200), "GET", "/orders/1", {"x-esr-service": "shop"})
    assert sleep.waits_s == []


Fared = dict[int, tuple[int, bytes, float]]


async def fares(gateway: Gateway, sleep: ScriptedSleep, ids: Sequence[int]) -> Fared:
    """What each request gets and how long it waits, when asked in this order."""
    fared: Fared = {}
    for n in ids:
        headers = {"x-esr-service": "ach", "x-esr-request": f"{n:x}"}
        said = await ask(gateway, "POST", "/payments", headers, b"{}")
        fared[n] = (said.status, said.body, sleep.waits_s[-1])
    return fared


async def test_the_order_of_requests_changes_nothing() -> None:
    one, other = ScriptedSleep(), ScriptedSleep()
    ids = list(range(1, 400))
    forwards = await fares(make_gateway(seed=3, sleep=one), one, ids)
    backwards = await fares(make_gateway(seed=3, sleep=other), other, ids[::-1])
    assert forwards == backwards
    assert len({wait for _, _, wait in forwards.values()}) == len(ids)
    reseeded = ScriptedSleep()
    assert await fares(make_gateway(seed=4, sleep=reseeded), reseeded, ids) != forwards


class HeldSleep(ScriptedSleep):
    """Every sleeper sleeps until the test wakes it; the test is told when `count` of them do."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.sleepers: list[asyncio.Event] = []
        self.all_asleep = asyncio.Event()

    async def __call__(self, wait_s: float) -> None:
        await super().__call__(wait_s)
        event = asyncio.Event()
        self.sleepers.append(event)
        if len(self.sleepers) == self.count:
            self.all_asleep.set()
        await event.wait()


@pytest.mark.parametrize("step", [1, -1])
async def test_who_wakes_first_changes_nothing(step: int) -> None:
    sleep = HeldSleep(29)
    gateway = make_gateway(seed=3, sleep=sleep)

    async def pay(n: int) -> Said:
        headers = {"x-esr-service": "ach", "x-esr-request": f"{n:x}"}
        return await ask(gateway, "POST", "/payments", headers, b"{}")

    async with asyncio.TaskGroup() as tasks:
        payments = [tasks.create_task(pay(n)) for n in range(1, 30)]
        await sleep.all_asleep.wait()
        for event, payment in list(zip(sleep.sleepers, payments, strict=True))[::step]:
            event.set()
            await payment
    quick = ScriptedSleep()
    alone = await fares(make_gateway(seed=3, sleep=quick), quick, range(1, 30))
    assert [payment.result().body for payment in payments] == [
        body for _, body, _ in alone.values()
    ]


async def test_one_slow_answer_holds_up_nobody() -> None:
    sleep = HeldSleep(1)
    gateway = make_gateway(sleep=sleep)
    async with asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(ask(gateway, "POST", "/login", SVC))
        await sleep.all_asleep.wait()
        assert (await ask(gateway, "GET", "/none", SVC)).status == 404
        assert not slow.done()
        sleep.sleepers[0].set()
    assert slow.result().status == 200


# Request ids


@pytest.mark.parametrize(
    ("given", "request_id"),
    [
        pytest.param("0", 0, id="zero"),
        pytest.param("1f", 0x1F, id="hexadecimal"),
        pytest.param("1F", 0x1F, id="capitals"),
        pytest.param("001f", 0x1F, id="leading zeros"),
        pytest.param("ffffffffffffffff", 2**64 - 1, id="the largest"),
    ],
)
async def test_a_request_id_is_the_injectors(given: str, request_id: int) -> None:
    headers = {"x-esr-service": "svc", "x-esr-request": given}
    said = await ask(echoing("GET /"), "GET", "/", headers)
    assert said.json["request_id"] == request_id


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("", id="empty"),
        pytest.param("-1", id="negative"),
        pytest.param("+1", id="signed"),
        pytest.param("1_0", id="underscore"),
        pytest.param("0x1f", id="prefix"),
        pytest.param(" 1f", id="space"),
        pytest.param("1f\n", id="line end"),
        pytest.param("1.5", id="fraction"),
        pytest.param("xyz", id="word"),
        pytest.param("\xb2", id="superscript"),
        pytest.param("1" * 17, id="17 digits"),
        pytest.param("f" * 5_000, id="5000 digits"),
        pytest.param("1\0", id="NUL"),
    ],
)
async def test_any_other_id_is_a_number_of_our_own(given: str) -> None:
    headers = {"x-esr-service": "svc", "x-esr-request": given}
    gateway = echoing("GET /")
    ids = [(await ask(gateway, "GET", "/", headers)).json["request_id"] for _ in range(2)]
    assert FIRST_UNNUMBERED < ids[0] < ids[1]


@pytest.mark.parametrize("given", ["f" * 5_000, "9" * 5_000, "-1", "ffffffffffffffff"])
@pytest.mark.parametrize("path", ["ach/payments", "act/applications"])
async def test_no_id_breaks_what_is_named_after_it(path: str, given: str) -> None:
    service, _, route = path.partition("/")
    headers = {"x-esr-service": service, "x-esr-request": given}
    said = await ask(make_gateway(), "POST", f"/{route}", headers, b"{}")
    assert said.status in (201, 202, 503)


# What is not to be had


@pytest.mark.parametrize(
    "target",
    [
        "/__esr/health",
        "/%5f%5fesr/health",
        "/__esr%2Fhealth",
        "/__esr/%68ealth",
    ],
)
async def test_no_stub_can_take_our_own_routes(target: str) -> None:
    anything = [
        {"service": "svc", "method": "GET", "template": template, "statuses": {"418": 1}}
        for template in ("/__esr/health", target)
    ]
    services = [
        Service(
            "svc",
            "a thief",
            [
                StubRoute("GET", "/__esr/health", echo, NoDelay()),
                StubRoute("GET", "/{a}/{b}", echo, NoDelay()),
                StubRoute("GET", "/{a}", echo, NoDelay()),
            ],
        )
    ]
    answers = LearnedAnswers.parse({"routes": [{**each, "waits_ms": None} for each in anything]})
    said = await ask(Gateway(services, answers, 1), "GET", target, SVC)
    assert (said.status, said.json) == (200, {"status": "ok", "services": ["svc"]})


@pytest.mark.parametrize("target", ["/__esr/login", "/__esr/../login", "/__esr//login", "/__esr"])
async def test_no_stub_can_be_reached_through_our_own_routes(target: str) -> None:
    gateway = make_gateway()
    said = await ask(gateway, "POST", target, SVC, b"{}")
    assert said.status == 404
    assert "/__esr/openapi.json" in said.json["detail"]
    assert await stats(gateway) == {}


async def test_a_websocket_is_refused() -> None:
    scope = {"type": "websocket", "path": "/login", "headers": []}
    sent = await exchange(make_gateway(), scope, [{"type": "websocket.connect"}])
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_a_server_may_ask_for_a_lifespan() -> None:
    scope = {"type": "lifespan", "state": {}}
    messages: list[Message] = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = await exchange(make_gateway(), scope, messages)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


# Hostile input. What Hypothesis sends goes straight into the ASGI callable, past uvicorn's checks.

GATEWAY = make_gateway(
    {
        "routes": [
            {
                "service": service,
                "method": method,
                "template": template,
                "statuses": {str(status): 1 for status in (200, 204, 205, 301, 304, 404)},
                "waits_ms": [0, 1, 2],
            }
            for service in ("shop", "default")
            for method in ("GET", "POST")
            for template in ("/", "/{id}", "/a/{id}")
        ]
    }
)
methods = st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "CONNECT"]) | st.text(max_size=8)
segments = st.sampled_from(
    [b"login", b"profiles", b"payments", b"applications", b"a", b"17", b"..", b"__esr", b"%2e%2e"]
) | st.binary(max_size=8)
targets = st.one_of(
    st.lists(segments, max_size=4).map(lambda parts: b"/" + b"/".join(parts)),
    st.lists(st.sampled_from([b"%00", b"%ff", b"%zz", b"%", b"/", b"\xe9", b"?", b"{id}"])).map(
        lambda parts: b"/" + b"".join(parts)
    ),
    st.binary(max_size=30),
)
names = st.sampled_from(
    [b"x-esr-service", b"x-esr-request", b"host", b"idempotency-key", b"content-length"]
)
services = st.sampled_from([b"svc", b"act", b"ach", b"shop", b"ach-payments"])
headers = st.lists(st.tuples(names, services | st.binary(max_size=20)), max_size=5)
bodies = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"{}", b"[]", b'{"amount": 1}', b'{"a":' * 2_000, b'"\\ud800"']),
)


@given(method=methods, target=targets, pairs=headers, body=bodies)
def test_nothing_makes_an_error_of_our_own(
    method: str, target: bytes, pairs: list[tuple[bytes, bytes]], body: bytes
) -> None:
    said = asyncio.run(ask_scope(GATEWAY, http_scope(method, target, pairs), body))
    assert 200 <= said.status < 500 or b"Rail unavailable" in said.body
    assert said.headers[b"x-esr-env"] == b"sandbox"
    if said.body and said.headers[b"content-type"].endswith(b"json"):
        assert isinstance(orjson.loads(said.body), dict)
    if b"content-length" in said.headers and method != "HEAD":
        assert int(said.headers[b"content-length"]) == len(said.body)
    assert all(b"\n" not in value and b"\r" not in value for value in said.headers.values())


@given(path=st.text(max_size=20), method=methods)
def test_a_path_of_any_characters_is_answered(path: str, method: str) -> None:
    """Other servers hand over decoded paths, whatever is in them, and no raw one."""
    scope = http_scope(method, b"/", [(b"x-esr-service", b"svc")])
    del scope["raw_path"]
    said = asyncio.run(ask_scope(GATEWAY, {**scope, "path": "/" + path}))
    assert said.status < 500


@given(given_id=st.text(st.characters(max_codepoint=255), max_size=30))
def test_any_request_id_is_answered(given_id: str) -> None:
    headers = {"x-esr-service": "ach", "x-esr-request": given_id}
    said = ask_now(GATEWAY, "POST", "/payments", headers, b"{}")
    assert said.status in (201, 503)


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        pytest.param({"host": "127.0.0.1:80"}, "/fetch_premium", 200, id="by address"),
        pytest.param({"host": "localhost"}, "/fetch_premium", 200, id="by localhost"),
        pytest.param({}, "/fetch_premium", 200, id="by nothing"),
        pytest.param({"host": "127.0.0.1:80"}, "/no_such_route", 404, id="nobody's route"),
        pytest.param({"host": "ach.hms.example"}, "/fetch_premium", 404, id="another service"),
        pytest.param({"host": "shop.example"}, "/fetch_premium", 404, id="a service of nobody"),
        pytest.param({"x-esr-service": "default"}, "/fetch_premium", 404, id="named by a run"),
    ],
)
async def test_who_names_no_service_means_the_one_whose_route_it_is(
    headers: dict[str, str], path: str, status: int
) -> None:
    assert (await ask(make_gateway(), "POST", path, headers, b"{}")).status == status
