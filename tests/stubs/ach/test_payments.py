"""The routes of the rail on the recorded clock: keys, limits, settlement, returns, reversals."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from stubs.service import BadRequestError
from stubs.services.ach.calendar import clamp_ms
from tests.stubs.ach.rail import DAY_MS, Rail, name_of, said

PAYMENT = {"citizen": "C-1", "amount": 12.5, "routing": "1", "account": "2"}


def test_a_payment_goes_its_way_on_the_recorded_clock() -> None:
    rail = Rail("2026-11-25 12:00")
    payment = name_of(rail.pay())
    looks = []
    for at in ("2026-11-25 19:59", "2026-11-25 20:00", "2026-11-27 08:29", "2026-11-27 08:30"):
        rail.stand_at(at)
        looks.append(rail.status(payment))
    assert looks == ["accepted", "submitted", "submitted", "settled"]
    (settled,) = rail.events("settled")
    assert settled["at_ms"] == rail.now_ms
    assert said(rail.ask("look_up", payment=payment))["settles_on"] == "2026-11-27"


def test_a_payment_that_comes_back_says_why() -> None:
    rail = Rail("2026-11-23 12:00")
    payment = name_of(rail.pay({"citizen": "C-1", "amount": 5, "account": "TEST-R01"}))
    rail.stand_at("2026-11-24 09:00")
    assert rail.status(payment) == "settled"
    rail.stand_at("2026-11-28 09:00")
    shown = said(rail.ask("look_up", payment=payment))
    assert (shown["status"], shown["code"]) == ("returned", "R01")
    assert shown["reason"] == "insufficient funds"
    (came_back,) = rail.events("returned")
    assert (came_back["code"], came_back["told"], came_back["standing_cents"]) == ("R01", False, 0)
    assert len(rail.events("return_told")) == 1
    rail.status(payment)
    assert len(rail.events("return_told")) == 1
    assert said(rail.ask("returns"))["codes"] == {"R01": 1}


def test_what_the_operator_rejects_never_settles() -> None:
    rail = Rail("2026-11-23 12:00")
    payment = name_of(rail.pay({"citizen": "C-1", "amount": 5, "account": "R13"}))
    rail.stand_at("2026-11-23 20:00")
    assert rail.status(payment) == "returned"
    rail.stand_at("2026-12-23 20:00")
    assert (rail.status(payment), rail.events("settled")) == ("returned", [])


def test_a_clock_that_goes_back_shows_what_was_then() -> None:
    rail = Rail("2026-11-23 12:00")
    payment = name_of(rail.pay())
    rail.stand_at("2026-11-24 09:00")
    assert rail.status(payment) == "settled"
    rail.stand_at("2026-11-23 13:00")
    assert rail.status(payment) == "accepted"
    rail.stand_at("2026-11-23 11:00")
    assert rail.ask("look_up", payment=payment).status == 404


def test_a_stale_read_sees_the_ledger_as_it_was() -> None:
    rail = Rail("2026-11-23 12:00")
    payment = name_of(rail.pay())
    rail.stand_at("2026-11-24 09:00")
    assert rail.status(payment, stale_ms=DAY_MS / 2) == "submitted"
    rail.stand_at("2026-11-23 12:00")
    assert rail.ask("look_up", payment=payment, stale_ms=1000).status == 404


def test_a_late_settlement_is_late_once() -> None:
    rail = Rail("2026-11-23 12:00")
    late = name_of(rail.pay(lag_ms=DAY_MS))
    usual = name_of(rail.pay({"citizen": "C-2", "amount": 1}))
    rail.stand_at("2026-11-24 09:00")
    assert (rail.status(late), rail.status(usual)) == ("submitted", "settled")
    assert rail.status(usual, lag_ms=DAY_MS) == "submitted"
    rail.stand_at("2026-11-25 09:00")
    assert rail.status(late, lag_ms=DAY_MS) == "settled"


def test_a_key_means_one_payment() -> None:
    rail = Rail()
    first = rail.pay(PAYMENT, key="k", request=1)
    again = rail.pay({**PAYMENT, "note": "other words"}, key="k", request=2)
    assert (first.status, again.status) == (201, 200)
    assert said(again) == {**said(first), "duplicate": True}
    assert [line["event"] for line in rail.lines] == ["committed", "duplicate"]


@pytest.mark.parametrize(
    "other", [{"amount": 13}, {"account": "3"}, {"citizen": "C-2"}, {"direction": "credit"}]
)
def test_a_key_of_another_payment_is_refused(other: dict[str, Any]) -> None:
    rail = Rail()
    rail.pay(PAYMENT, key="k")
    answer = rail.pay({**PAYMENT, **other}, key="k")
    assert (answer.status, said(answer)["title"]) == (422, "Key used already")
    assert [line["event"] for line in rail.lines] == ["committed", "refused"]


def test_a_key_belongs_to_its_tenant() -> None:
    rail = Rail()
    one = rail.pay(PAYMENT, key="k", tenant="north")
    other = rail.pay(PAYMENT, key="k", tenant="south")
    again = rail.pay(PAYMENT, key="k", tenant="north")
    assert [each.status for each in (one, other, again)] == [201, 201, 200]
    assert name_of(one) == name_of(again) != name_of(other)


def test_a_tenant_in_a_key_is_no_tenant() -> None:
    rail = Rail()
    one = rail.pay(PAYMENT, key="k", tenant="north")
    for key in ("k of north", "k north", "northk"):
        assert rail.pay(PAYMENT, key=key).status == 201
    assert len({name_of(one), *(line["payment"] for line in rail.lines)}) == 4


@pytest.mark.parametrize("amount", ["5", "five", True, [5], {"usd": 5}])
def test_an_amount_that_is_no_number_moves_nothing(amount: Any) -> None:
    rail = Rail()
    with pytest.raises(BadRequestError, match="amount must be a number of dollars"):
        rail.pay({"citizen": "C-1", "amount": amount})
    assert rail.lines == []


@pytest.mark.parametrize(("sent", "told"), [(5, 5), (12.5, 12.5), (12.345, 12.34), (None, None)])
def test_an_amount_is_told_to_the_cent(sent: Any, told: Any) -> None:
    assert said(Rail().pay({"citizen": "C-1", "amount": sent}))["amount"] == told


def test_a_key_can_be_in_flight() -> None:
    rail = Rail(key_in_flight_ms=500)
    rail.pay(PAYMENT, key="k", request=1)
    rail.now_ms = 400
    assert rail.pay(PAYMENT, key="k", request=2).status == 409
    rail.now_ms = 600
    assert rail.pay(PAYMENT, key="k", request=2).status == 200


def test_a_retry_has_luck_of_its_own() -> None:
    rail = Rail(unavailable=0.5)
    unlucky = next(n for n in range(1, 99) if rail.pay(request=n).status == 503)
    statuses = [rail.pay(request=unlucky, attempt=n).status for n in range(1, 20)]
    assert set(statuses) == {201, 503}
    assert statuses == [Rail(unavailable=0.5).pay(request=unlucky, attempt=n).status
                        for n in range(1, 20)]  # fmt: skip
    refused = next(line for line in rail.lines if line["event"] == "refused")
    assert (refused["status"], refused["reason"]) == (503, "unavailable")


@pytest.mark.parametrize(
    ("limits", "body", "words"),
    [
        ({}, {"amount": 0}, "POST /prenotes"),
        ({}, {"amount": -1}, "more than 0"),
        ({}, {"amount": 0.001}, "more than 0"),
        ({}, {"amount": 100_000_000}, "$99,999,999.99"),
        ({}, {"amount": 1e300}, "$99,999,999.99"),
        ({}, {"amount": 1_000_000.01, "same_day": True}, "same-day payment may be of up to $1,000"),
        ({"per_payment_usd": 10}, {"amount": 10.01}, "one payment may be of up to $10.00"),
        ({"same_day_usd": 1}, {"amount": 2, "same_day": True}, "$1.00"),
    ],
)
def test_a_limit_is_kept(limits: Any, body: Any, words: str) -> None:
    rail = Rail(limits=limits)
    answer = rail.pay({"citizen": "C-1", **body})
    assert answer.status == 422
    assert words in said(answer)["detail"]
    assert rail.ledger.counts["committed"] == 0


@pytest.mark.parametrize("body", [{"amount": 99_999_999.99}, {"amount": 1e6, "same_day": True}])
def test_a_limit_itself_is_within_it(body: Any) -> None:
    assert Rail().pay(body).status == 201


def test_a_payer_has_a_limit_a_day() -> None:
    rail = Rail("2026-11-23 23:00", limits={"per_day_usd": 100})
    assert rail.pay({"citizen": "C-1", "amount": 60}).status == 201
    assert rail.pay({"citizen": "C-1", "amount": 41}).status == 422
    assert rail.pay({"citizen": "C-2", "amount": 41}).status == 201
    assert rail.pay({"citizen": "C-1", "amount": 40}).status == 201
    rail.stand_at("2026-11-24 00:00")
    assert rail.pay({"citizen": "C-1", "amount": 100}).status == 201


def test_an_equal_payment_without_a_key_is_flagged() -> None:
    rail = Rail()
    assert "possible_duplicate" not in said(rail.pay(PAYMENT))
    rail.now_ms = 600_000
    second = rail.pay(PAYMENT)
    assert (second.status, said(second)["possible_duplicate"]) == (201, True)
    rail.now_ms = 1_200_001
    assert "possible_duplicate" not in said(rail.pay(PAYMENT))
    assert "possible_duplicate" not in said(rail.pay(PAYMENT, key="of its own"))
    assert rail.ledger.double_charges == 0


@pytest.mark.parametrize(("word", "status"), [("refuse", 409), ("ignore", 201), ("flag", 201)])
def test_equal_payments_can_be_refused_or_ignored(word: str, status: int) -> None:
    rail = Rail(duplicates=word)
    rail.pay(PAYMENT)
    answer = rail.pay(PAYMENT)
    assert answer.status == status
    assert said(answer).get("possible_duplicate", False) is (word == "flag")


@pytest.mark.parametrize(
    "body", [{}, {"amount": 5}, {"citizen": "C-1"}, {"citizen": "C-1", "amount": None}]
)
def test_too_little_said_is_like_nothing(body: Any) -> None:
    rail = Rail(duplicates="refuse")
    assert [rail.pay(body).status for _ in range(3)] == [201, 201, 201]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"sec": "XYZ"}, "sec must be one of CCD, CTX, PPD, TEL, WEB"),
        ({"direction": "up"}, "direction must be one of credit, debit"),
        ({"direction": ["debit"]}, "direction must be one of"),
        ({"holder": 1}, "holder must be one of consumer, corporate"),
        ({"sec": "tel", "direction": "credit"}, "must be a debit"),
        ({"same_day": "yes"}, "same_day must be true or false"),
        ({"callback_url": "ftp://x"}, "callback_url must be an http URL"),
        ({"callback_url": "http://x/" + "a" * 2_000}, "callback_url must be"),
        ({"callback_url": "http://x/\r\ny: z"}, "callback_url must be"),
        ({"callback_url": 5}, "callback_url must be"),
    ],
)
def test_a_field_amiss_is_named(body: Any, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        Rail().pay(body)


def test_a_corporate_account_sends_its_own_code() -> None:
    rail = Rail("2026-11-23 12:00")
    body = {"amount": 5, "account": "TEST-R29"}
    consumer = name_of(rail.pay(body))
    corporate = name_of(rail.pay({**body, "sec": "ccd"}))
    by_ccd = name_of(rail.pay({**body, "sec": "CCD", "holder": "consumer"}))
    rail.stand_at("2026-11-28 12:00")
    looks = [rail.status(payment) for payment in (consumer, corporate, by_ccd)]
    assert looks == ["settled", "returned", "settled"]


def test_events_are_called_back_when_they_come() -> None:
    rail = Rail("2026-11-23 12:00")
    body = {"amount": 5, "account": "TEST-R02", "callback_url": "http://127.0.0.1:9/hook"}
    answer = rail.pay(body, key="k")
    settled, returned = answer.callbacks
    assert settled.url == "http://127.0.0.1:9/hook"
    assert settled.after_ms == 20.5 * 3_600_000
    assert returned.after_ms > settled.after_ms
    told = orjson.loads(returned.body)
    assert (told["event"], told["code"]) == ("payment.returned", "R02")
    assert told["payment"] == name_of(answer)
    assert rail.pay(body, key="k").callbacks == ()
    rail.stand_at("2026-11-28 12:00")
    rail.pay()
    assert rail.events("returned")[0]["told"] is True


def test_a_settled_payment_can_be_reversed_once() -> None:
    rail = Rail("2026-11-23 12:00")
    payment = name_of(rail.pay())
    early = rail.ask("reverse", payment=payment)
    rail.stand_at("2026-11-24 09:00")
    undone = rail.ask("reverse", {"reason": "wrong_amount"}, payment=payment, key="r")
    repeated = rail.ask("reverse", payment=payment, key="r")
    second = rail.ask("reverse", payment=payment, key="s")
    assert [each.status for each in (early, undone, repeated, second)] == [409, 201, 200, 409]
    assert said(undone)["reversal"] == said(repeated)["reversal"]
    assert rail.status(payment) == "reversed"
    events = [line["event"] for line in rail.lines]
    assert events == ["committed", "reversal_refused", "settled", "reversed",
                      "reversal_duplicate", "reversal_refused"]  # fmt: skip
    assert rail.ledger.cents == {"committed": 1200, "settled": 0, "returned": 0,
                                 "reversed": 1200, "standing": 0}  # fmt: skip


@pytest.mark.parametrize(("at", "status"), [("2026-12-02 23:59", 201), ("2026-12-03 00:00", 409)])
def test_a_reversal_comes_within_five_banking_days(at: str, status: int) -> None:
    rail = Rail("2026-11-23 12:00")
    payment = name_of(rail.pay())
    rail.stand_at(at)
    assert rail.ask("reverse", payment=payment).status == status


def test_what_came_back_cannot_be_reversed_and_what_was_reversed_does_not_come_back() -> None:
    rail = Rail("2026-11-23 12:00")
    body = {"amount": 5, "account": "TEST-R01"}
    one, other = name_of(rail.pay(body)), name_of(rail.pay({**body, "citizen": "C-2"}))
    rail.stand_at("2026-11-24 09:00")
    assert rail.ask("reverse", payment=one).status == 201
    rail.stand_at("2026-11-28 12:00")
    assert rail.ask("reverse", payment=other).status == 409
    assert rail.status(one) == "reversed"
    assert [line["payment"] for line in rail.events("returned")] == [other]


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"reason": "dislike"}'])
def test_a_reversal_for_no_reason_is_refused(body: bytes) -> None:
    rail = Rail("2026-11-23 12:00")
    payment = name_of(rail.pay())
    rail.stand_at("2026-11-24 09:00")
    assert rail.ask("reverse", body, payment=payment).status == 400
    assert rail.ask("reverse", payment="PAY-1").status == 404


def test_a_live_entry_waits_for_its_prenote() -> None:
    rail = Rail("2026-11-23 12:00")
    sent = rail.ask("prenote", {"citizen": "C-1", "account": "2"})
    assert (sent.status, said(sent)["ready_on"]) == (201, "2026-11-30")
    assert rail.ask("prenote", {"citizen": "C-1", "account": "2"}).status == 200
    live = {"citizen": "C-1", "account": "2", "amount": 5}
    assert rail.pay(live).status == 422
    assert rail.pay({**live, "account": "other"}).status == 201
    rail.stand_at("2026-11-30 08:30")
    assert rail.pay(live).status == 201


def test_a_prenote_that_came_back_stops_live_entries() -> None:
    rail = Rail("2026-11-23 12:00")
    account = {"citizen": "C-1", "account": "TEST-R03"}
    rail.ask("prenote", account)
    rail.stand_at("2026-12-07 08:30")
    answer = rail.pay({**account, "amount": 5})
    assert answer.status == 422
    assert "R03, no account" in said(answer)["detail"]
    assert rail.ask("prenote", account).status == 201


def test_a_prenote_lacks_no_funds() -> None:
    rail = Rail("2026-11-23 12:00")
    account = {"citizen": "C-1", "account": "TEST-R01"}
    rail.ask("prenote", account)
    rail.stand_at("2026-11-30 08:30")
    assert rail.pay({**account, "amount": 5}).status == 201


def test_a_prenote_moves_nothing_and_can_be_required() -> None:
    rail = Rail(prenote="required")
    with pytest.raises(BadRequestError, match="moves no money"):
        rail.ask("prenote", {"account": "2", "amount": 1})
    with pytest.raises(BadRequestError, match="needs an account"):
        rail.ask("prenote", {"citizen": "C-1"})
    answer = rail.pay(PAYMENT)
    assert (answer.status, said(answer)["title"]) == (422, "Pre-note needed")


def test_the_ledger_is_shown_the_newest_first() -> None:
    rail = Rail()
    names = [name_of(rail.pay(request=n)) for n in range(8)]
    shown = said(rail.ask("ledger", query="limit=3"))
    assert [line["payment"] for line in shown["events"]] == names[:-4:-1]
    assert shown["counts"]["committed"] == 8
    assert shown["cents"]["standing"] == 8 * 1200
    assert (shown["ghost_charges"], shown["lost_payments"]) == (None, None)
    assert len(said(rail.ask("ledger"))["events"]) == 5


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "limit=1001", "&".join(["a=1"] * 50)])
@pytest.mark.parametrize("route", ["ledger", "returns"])
def test_a_limit_of_lines_is_a_number(route: str, query: str) -> None:
    with pytest.raises(BadRequestError, match="limit must be a whole number of 0 to 1,000"):
        Rail().ask(route, query=query)


def test_without_a_key_a_request_is_a_payment_each_time() -> None:
    rail = Rail()
    names = [name_of(rail.pay(request=5, attempt=n)) for n in range(3)]
    assert len(set(names)) == 3
    assert names[0] == name_of(Rail().pay(request=5))


@pytest.mark.parametrize("at_ms", [float("nan"), float("inf"), -1e300, 1e300])
def test_a_time_without_a_date_breaks_nothing(at_ms: float) -> None:
    rail = Rail()
    rail.now_ms = at_ms
    payment = name_of(rail.pay())
    assert rail.ask("look_up", payment=payment).status == 200
    assert rail.ask("prenote", {"account": "9"}).status == 201
    assert clamp_ms(at_ms) >= 0


def test_a_skewed_clock_does_not_unmake_a_payment() -> None:
    """A clock ahead takes it tomorrow; asked by the right one it is there, and not settled yet."""
    rail = Rail("2026-11-23 12:00")
    ahead_ms = 30 * 3_600_000
    rail.start_ms += ahead_ms
    payment = name_of(rail.pay())
    rail.start_ms -= ahead_ms
    assert rail.status(payment) == "accepted"
