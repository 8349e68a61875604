"""HMS-ACH behind the gateway: what docs/stubs.md promises of payments."""

from __future__ import annotations

from collections import Counter

import pytest

from stubs.services.ach.settings import AchSettings
from tests.stubs.ach.rail import Rail, make_ach, name_of
from tests.stubs.asgi import make_gateway
from tests.stubs.services.asking import get, post
from tests.stubs.test_service import asked as asked_with

UNAVAILABLE_SHARE = AchSettings().unavailable


async def test_one_key_is_one_payment() -> None:
    gateway = make_gateway()
    first = await post(gateway, "ach/payments", {"amount": 1200}, key="k-1")
    again = await post(gateway, "ach/payments", {"amount_usd": 1200}, key="k-1", request="2")
    other = await post(gateway, "ach/payments", {"amount": 1200}, key="k-2")
    assert (first.status, again.status, other.status) == (201, 200, 201)
    assert first.json["payment"] == again.json["payment"] != other.json["payment"]
    assert (again.json["duplicate"], again.json["amount"]) == (True, 1200)
    assert "duplicate" not in first.json


async def test_no_key_is_a_payment_each_time() -> None:
    gateway = make_gateway()
    said = [await post(gateway, "ach/payments", {}, request=f"{n:x}") for n in range(1, 200)]
    payments = [each.json["payment"] for each in said if each.status == 201]
    assert len(payments) > 190
    assert len(set(payments)) == len(payments)


async def test_a_key_is_never_taken_for_a_request_id() -> None:
    gateway = make_gateway()
    by_id = await post(gateway, "ach/payments", {}, request="1")
    by_key = await post(gateway, "ach/payments", {}, key="1", request="2")
    assert by_id.json["payment"] != by_key.json["payment"]


async def test_a_payment_can_be_looked_up() -> None:
    gateway = make_gateway()
    paid = await post(gateway, "ach/payments", {"amount_usd": 2200}, key="k")
    shown = await get(gateway, f"ach/payments/{paid.json['payment']}")
    assert shown.json == paid.json
    assert (paid.json["amount"], paid.json["env"]) == (2200, "sandbox")


async def test_a_payment_from_before_the_trace_was_settled() -> None:
    shown = await get(make_gateway(), "ach/payments/PAY-0")
    assert (shown.status, shown.json["status"]) == (200, "settled")
    assert (shown.json["amount"], shown.json["known"]) == (None, False)


@pytest.mark.parametrize("name", ["%00%ff", "a%20b", "x" * 101, "-", "%E2%80%AE"])
async def test_what_looks_like_no_payment_is_none(name: str) -> None:
    assert (await get(make_gateway(), f"ach/payments/{name}")).status == 404


async def test_one_payment_in_five_hundred_is_refused_and_says_so() -> None:
    gateway = make_gateway()
    said = [
        await post(gateway, "ach/payments", {}, key=f"k-{n}", request=f"{n:x}")
        for n in range(5_000)
    ]
    assert Counter(each.status for each in said) == {
        201: pytest.approx(4_990, abs=9),
        503: pytest.approx(10, abs=9),
    }


async def test_what_was_taken_stays_taken() -> None:
    """A retry whose own draw is unlucky must not hear that its payment was not taken."""
    gateway = make_gateway()
    unlucky = next(
        f"{n:x}"
        for n in range(1, 5_000)
        if asked_with(request_id=n, seed=7).chance < UNAVAILABLE_SHARE
    )
    assert (await post(gateway, "ach/payments", {}, request=unlucky)).status == 503
    assert (await post(gateway, "ach/payments", {}, key="k", request="1")).status == 201
    assert (await post(gateway, "ach/payments", {}, key="k", request=unlucky)).status == 200


async def test_a_refused_payment_may_be_tried_again() -> None:
    gateway = make_gateway()
    unlucky = next(
        n for n in range(1, 5_000) if asked_with(request_id=n, seed=7).chance < UNAVAILABLE_SHARE
    )
    refused = await post(gateway, "ach/payments", {}, key="k", request=f"{unlucky:x}")
    retried = await post(gateway, "ach/payments", {}, key="k", request="1")
    assert (refused.status, retried.status) == (503, 201)


def test_a_forgotten_payment_keeps_its_number() -> None:
    rail = Rail(remembered=1)
    first = rail.pay(key="a")
    rail.pay(key="b")
    again = rail.pay(key="a")
    assert (name_of(first), again.status) == (name_of(again), 201)


async def test_two_sandboxes_share_no_memory() -> None:
    first, second = make_gateway(), make_gateway()
    await post(first, "ach/payments", {}, key="k")
    assert (await post(second, "ach/payments", {}, key="k")).status == 201


def test_the_routes_are_those_of_the_definition() -> None:
    assert [route.name for route in make_ach().routes] == [
        "POST /payments",
        "GET /payments/{payment}",
        "POST /payments/{payment}/reversal",
        "POST /prenotes",
        "GET /ledger",
        "GET /returns",
    ]
