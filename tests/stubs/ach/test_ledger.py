"""The ground truth: double charges, ghosts and lost payments, and what is told of them."""

from __future__ import annotations

import pytest

from stubs.delivery import Delivery, DeliveryLog, watch_deliveries
from stubs.service import Service, Store
from stubs.services.ach.ledger import FIRST_UNNUMBERED, RECENT_LINES
from tests.stubs.ach.rail import DAY_MS, Rail, make_ach, name_of, said

PAYMENT = {"citizen": "C-1", "amount": 12, "account": "2"}


def charges(rail: Rail) -> tuple[int, int, int]:
    """Double charges, ghosts and lost payments so far."""
    ledger = rail.ledger
    return ledger.double_charges, ledger.ghost_charges, ledger.lost_payments


def test_a_retry_without_a_key_after_a_lost_answer_is_a_double_charge() -> None:
    rail = Rail()
    first = name_of(rail.pay(PAYMENT, request=1))
    rail.told(1, delivered=False)
    assert charges(rail) == (0, 1, 0)
    second = name_of(rail.pay(PAYMENT, request=1, attempt=1))
    assert charges(rail) == (1, 0, 0)
    (line,) = rail.events("charged_again")
    assert (line["payment"], line["again_of"], line["request_id"]) == (second, first, 1)


def test_the_same_retry_with_its_key_is_none() -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1, key="k")
    rail.told(1, delivered=False)
    assert charges(rail) == (0, 1, 0)
    assert rail.pay(PAYMENT, request=1, attempt=1, key="k").status == 200
    assert charges(rail) == (0, 0, 0)


def test_a_second_delivery_without_a_key_is_a_double_charge() -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1)
    rail.pay(PAYMENT, request=1)
    assert charges(rail) == (1, 0, 0)


def test_a_new_key_for_each_attempt_is_no_protection() -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1, key="a")
    rail.pay(PAYMENT, request=1, attempt=1, key="b")
    assert charges(rail) == (1, 0, 0)


@pytest.mark.parametrize("is_told_late", [False, True])
def test_a_caller_who_numbers_nothing_is_found_by_likeness(is_told_late: bool) -> None:
    """What the wire did may be known only after the retry came: the answer was slow to be lost."""
    rail = Rail()
    first, second = FIRST_UNNUMBERED + 1, FIRST_UNNUMBERED + 2
    rail.pay(PAYMENT, request=first)
    if not is_told_late:
        rail.told(first, delivered=False)
    rail.now_ms = 30_000
    rail.pay(PAYMENT, request=second)
    if is_told_late:
        assert charges(rail) == (0, 0, 0)
        rail.told(first, delivered=False)
    assert charges(rail) == (1, 0, 0)
    assert {line["request_id"] for line in rail.lines} == {None}


def test_an_equal_payment_after_an_answer_that_was_heard_is_another() -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1)
    rail.pay(PAYMENT, request=2)
    assert charges(rail) == (0, 0, 0)


def test_a_lost_answer_explains_one_repetition() -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1)
    rail.told(1, delivered=False)
    rail.pay(PAYMENT, request=2)
    rail.pay(PAYMENT, request=3)
    assert charges(rail) == (1, 0, 0)
    assert rail.events("charged_again")[0]["request_id"] == 2


def test_each_retry_that_is_lost_too_is_one_more() -> None:
    rail = Rail()
    for request in (1, 2, 3, 4):
        rail.pay(PAYMENT, request=request)
        rail.told(request, delivered=False)
    assert charges(rail) == (3, 1, 0)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"amount": 13}, id="another amount"),
        pytest.param({"citizen": "C-2"}, id="another payer"),
        pytest.param({"account": "3"}, id="another account"),
        pytest.param({"application": "A-2"}, id="for something else"),
        pytest.param({"direction": "credit"}, id="the other way"),
    ],
)
def test_another_payment_repeats_nothing(other: dict[str, object]) -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1)
    rail.told(1, delivered=False)
    rail.pay({**PAYMENT, **other}, request=2)
    assert charges(rail) == (0, 1, 0)


@pytest.mark.parametrize(("later_ms", "doubles"), [(600_000, 1), (600_001, 0)])
def test_likeness_counts_within_the_window(later_ms: float, doubles: int) -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1)
    rail.told(1, delivered=False)
    rail.now_ms = later_ms
    rail.pay(PAYMENT, request=2)
    assert charges(rail)[0] == doubles


def test_two_runs_may_use_the_same_numbers() -> None:
    rail = Rail()
    first = rail.pay(PAYMENT, request=1, run="a")
    second = rail.pay(PAYMENT, request=1, run="b")
    assert name_of(first) != name_of(second)
    assert charges(rail) == (0, 0, 0)


def test_a_made_up_error_is_heard_as_a_failure() -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1)
    rail.told(1, status=503, delivered=True)
    assert charges(rail) == (0, 1, 0)
    (line,) = rail.events("unheard")
    assert (line["status"], line["delivered"]) == (503, True)


def test_a_made_up_success_is_a_lost_payment_until_it_is_made() -> None:
    rail = Rail()
    rail.told(1, status=201, delivered=True)
    rail.told(1, status=201, delivered=True)
    assert charges(rail) == (0, 0, 1)
    rail.pay(PAYMENT, request=1, attempt=1)
    assert charges(rail) == (0, 0, 0)


def test_answers_of_other_routes_and_services_are_no_matter() -> None:
    rail = Rail()
    rail.pay(PAYMENT, request=1)
    rail.ledger.told("ach", "GET /payments/{payment}", 1, 0, 0, False)
    rail.ledger.told("svc", "POST /payments", 1, 0, 0, False)
    rail.ledger.told("achilles", "POST /payments", 1, 0, 0, False)
    rail.told(1, status=201, delivered=True)
    rail.told(1, attempt=3, delivered=False)
    rail.told(77, delivered=False)
    assert charges(rail) == (0, 0, 0)


def test_a_double_charge_that_is_reversed_is_none_any_more() -> None:
    rail = Rail("2026-11-23 12:00")
    names = [name_of(rail.pay(PAYMENT, request=1, attempt=n)) for n in range(3)]
    assert charges(rail)[0] == 2
    rail.stand_at("2026-11-24 09:00")
    seen = []
    for name in names:
        assert rail.ask("reverse", payment=name).status == 201
        seen.append(charges(rail)[0])
    assert seen == [1, 0, 0]


def test_a_ghost_that_comes_back_is_none_any_more() -> None:
    rail = Rail("2026-11-23 12:00")
    rail.pay({**PAYMENT, "account": "TEST-R02"}, request=1)
    rail.told(1, delivered=False)
    assert charges(rail) == (0, 1, 0)
    rail.stand_at("2026-11-28 12:00")
    rail.ask("returns")
    assert charges(rail) == (0, 0, 0)


def test_every_line_says_what_stands() -> None:
    rail = Rail("2026-11-23 12:00")
    rail.pay(PAYMENT, request=1)
    rail.pay({**PAYMENT, "account": "TEST-R01"}, request=2)
    rail.stand_at("2026-12-01 12:00")
    rail.ask("returns")
    assert [line["standing_cents"] for line in rail.lines] == [1200, 2400, 2400, 2400, 1200]
    moments = [line["at_ms"] for line in rail.lines]
    assert moments == sorted(moments)


def test_no_line_holds_an_account_a_payer_or_a_key() -> None:
    rail = Rail()
    rail.pay({"citizen": "SECRET-1", "account": "SECRET-2", "amount": 1}, key="SECRET-3")
    assert "SECRET" not in str(rail.lines)
    assert "SECRET" not in str(said(rail.ask("ledger", query="limit=100")))


def test_what_is_remembered_is_bounded() -> None:
    rail = Rail(remembered=10)
    for n in range(300):
        rail.pay({"citizen": f"C-{n}", "amount": 1}, key=f"k-{n}", request=n)
    ledger = rail.ledger
    assert (len(ledger.payments), len(ledger.by_key), ledger.counts["committed"]) == (10, 10, 300)
    assert len(ledger._due) <= 4 * 10 + 2
    rail.now_ms = 30 * DAY_MS
    assert said(rail.ask("ledger"))["is_behind"] is False
    assert 10 <= ledger.counts["settled"] <= 42


def test_lines_to_show_are_a_ring() -> None:
    rail = Rail()
    for n in range(RECENT_LINES + 50):
        rail.pay({"citizen": f"C-{n}", "amount": 1}, request=n)
    assert len(rail.ledger.lines) == RECENT_LINES


def test_a_jump_of_the_clock_is_caught_up_with_in_steps() -> None:
    rail = Rail()
    for n in range(2_500):
        rail.pay({"citizen": f"C-{n}", "amount": 1}, request=n)
    rail.now_ms = 30 * DAY_MS
    assert said(rail.ask("ledger"))["is_behind"] is True
    shown = said(rail.ask("ledger"))
    assert (shown["is_behind"], shown["counts"]["settled"]) == (False, 2_500)
    assert shown["cents"]["settled"] == 250_000


def test_a_request_sent_without_end_holds_few_payments() -> None:
    rail = Rail(remembered=50)
    for n in range(500):
        rail.pay(PAYMENT, request=1, attempt=n)
    assert rail.ledger.double_charges == 499
    assert len(rail.ledger.payments) == 50


def test_the_ledger_is_a_store_that_only_payments_write() -> None:
    rail = Rail()
    rail.pay(PAYMENT)
    store: Store = rail.ledger
    assert store.name == "ledger"
    assert store.snapshot(1)["counts"]["committed"] == 1
    with pytest.raises(ValueError, match="written by payments alone"):
        store.put("PAY-1", {})
    store.reset()
    assert store.snapshot(1)["counts"]["committed"] == 0
    assert rail.pay(PAYMENT).status == 201


def test_deliveries_are_told_to_who_asks() -> None:
    service = make_ach()
    log = watch_deliveries([service, Service("svc", "no stores")])
    (ledger,) = service.stores
    assert [id(each) for each in log.observers] == [id(ledger)]
    assert isinstance(ledger, Delivery)
    assert ledger.snapshot(0)["ghost_charges"] == 0
    log.told("ach", "POST /payments", 1, 0, 201, True)
    assert ledger.snapshot(0)["lost_payments"] == 1


def test_nobody_may_be_told() -> None:
    DeliveryLog().told("ach", "POST /payments", 1, 0, 201, True)
    rail = Rail()
    assert said(rail.ask("ledger"))["ghost_charges"] is None
    DeliveryLog([rail.ledger])
    assert said(rail.ask("ledger"))["ghost_charges"] == 0
