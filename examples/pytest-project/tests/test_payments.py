"""The client against a service that fails on cue."""

from __future__ import annotations

import pytest
from payments import PaymentClient, PaymentError

from hms_esr.pytest_stubs import EsrStubs


@pytest.fixture
def waits() -> list[float]:
    """How long the client would have waited between attempts."""
    return []


@pytest.fixture
def client(esr_stubs: EsrStubs, waits: list[float]) -> PaymentClient:
    return PaymentClient(esr_stubs.url("ach"), esr_stubs.url("fee"), sleep=waits.append)


def committed(esr_stubs: EsrStubs) -> int:
    """How many payments were really made, whatever the client believes."""
    return int(esr_stubs.state("ach")["ledger"]["counts"]["committed"])


def test_a_payment(esr_stubs: EsrStubs, client: PaymentClient) -> None:
    assert client.pay("C-1", 12.5)
    esr_stubs.verify(service="ach", route="POST /payments", json={"amount": 12.5}, exactly=1)


def test_a_503_is_tried_again(
    esr_stubs: EsrStubs, client: PaymentClient, waits: list[float]
) -> None:
    esr_stubs.fault("error", "ach", status=503, first_n=2)
    assert client.pay("C-1", 12.5)
    assert [call.status for call in esr_stubs.calls(path="/payments")] == [503, 503, 201]
    assert waits == [0.4, 0.8]


def test_a_reset_is_tried_again(esr_stubs: EsrStubs, client: PaymentClient) -> None:
    with esr_stubs.fault("reset", "ach", route="POST /payments", first_n=1) as fault:
        assert client.pay("C-1", 12.5)
        assert fault.touched == 1
    assert [call.ending for call in esr_stubs.calls(service="ach")] == ["reset", "answered"]


def test_an_outage_is_told(esr_stubs: EsrStubs, client: PaymentClient) -> None:
    esr_stubs.fault("down", "ach", mode="status_503", for_="15m")
    with pytest.raises(PaymentError, match="status 503"):
        client.pay("C-1", 12.5)
    esr_stubs.advance("15m")
    assert client.pay("C-1", 12.5)


def test_a_lost_answer_charges_twice_without_a_key(esr_stubs: EsrStubs, waits: list[float]) -> None:
    """What this project's keys are for: the payment was made, and only its answer was lost."""
    careless = PaymentClient(esr_stubs.url("ach"), has_keys=False, sleep=waits.append)
    esr_stubs.fault("ghost_commit", "ach", route="POST /payments", first_n=1)
    careless.pay("C-1", 12.5)
    assert committed(esr_stubs) == 2
    assert esr_stubs.state("ach")["ledger"]["double_charges"] == 1


def test_a_lost_answer_charges_once_with_a_key(esr_stubs: EsrStubs, client: PaymentClient) -> None:
    esr_stubs.fault("ghost_commit", "ach", route="POST /payments", first_n=1)
    client.pay("C-1", 12.5)
    assert committed(esr_stubs) == 1
    assert esr_stubs.state("ach")["ledger"]["double_charges"] == 0


def test_a_service_of_our_own(client: PaymentClient) -> None:
    assert client.fee_cents() == 25
    assert client.fee_cents(same_day=True) == 250


@pytest.mark.esr_stubs(settings={"ach": {"limits": {"per_payment_usd": 100}}})
def test_a_limit_is_not_tried_again(
    esr_stubs: EsrStubs, client: PaymentClient, waits: list[float]
) -> None:
    with pytest.raises(PaymentError, match="status 422"):
        client.pay("C-1", 100.5)
    assert waits == []


@pytest.mark.esr_stubs(start="2026-11-23T09:00:00-05:00")
def test_a_payment_settles_on_the_next_banking_day(
    esr_stubs: EsrStubs, client: PaymentClient
) -> None:
    client.pay("C-1", 12.5)
    settled = esr_stubs.state("ach")["ledger"]["counts"]["settled"]
    esr_stubs.advance("1d")
    client.pay("C-2", 12.5)
    assert settled == 0
    assert esr_stubs.state("ach")["ledger"]["counts"]["settled"] == 1
