"""A public client of Toxiproxy works with it, over a real socket of this machine."""

from __future__ import annotations

from typing import Any

import pytest

from stubs.faults.chaos import Chaos
from stubs.gateway import Gateway
from stubs.latency import NoDelay
from stubs.learned import LearnedAnswers
from stubs.service import Answer, Asked, Service, StubRoute
from stubs.toxiproxy import Book, make_toxiproxy
from tests.stubs.admin.scripted import ask
from tests.stubs.admin.serving import serving


class ScriptedSleep:
    """Takes no time, and remembers how long it was asked to."""

    def __init__(self) -> None:
        self.waits_s: list[float] = []

    async def __call__(self, wait_s: float) -> None:
        self.waits_s.append(wait_s)


def pay(asked: Asked) -> Answer:
    return Answer(201, b"{}")


def make_neighbourhood(sleep: ScriptedSleep) -> Gateway:
    routes = (StubRoute("POST", "/payments", pay, NoDelay()),)
    return Gateway([Service("ach", "HMS-ACH", routes)], LearnedAnswers(), 7, sleep)


@pytest.fixture
def toxiproxy() -> Any:
    """The client library's way in; importing it is part of what is tried."""
    from toxiproxy import Toxiproxy  # type: ignore[import-untyped]

    return Toxiproxy()


async def test_a_public_client_makes_a_stub_slow_and_quick_again(toxiproxy: Any) -> None:
    sleep = ScriptedSleep()
    gateway = make_neighbourhood(sleep)
    chaos: Chaos = gateway.chaos
    book = Book(chaos, lambda: [service.name for service in gateway.services()], lambda _: "x:1")

    async def pay_once() -> tuple[int, list[float]]:
        sleep.waits_s.clear()
        headers = {"host": "ach.hms.example"}
        said = await ask(gateway, "POST", "/payments", headers, b"{}")
        return said.status, [wait_s for wait_s in sleep.waits_s if wait_s]

    with serving(make_toxiproxy(book)) as port:
        toxiproxy.update_api_consumer("127.0.0.1", port)
        assert toxiproxy.running()
        assert list(toxiproxy.proxies()) == ["ach"]
        proxy = toxiproxy.get_proxy("ach")
        assert await pay_once() == (201, [])

        proxy.add_toxic(type="latency", attributes={"latency": 1500})
        assert list(proxy.toxics()) == ["latency_downstream"]
        assert proxy.get_toxic("latency_downstream").attributes == {"latency": 1500, "jitter": 0}
        assert await pay_once() == (201, [1.5])

        change = {"attributes": {"latency": 250}}
        from toxiproxy.api import APIConsumer  # type: ignore[import-untyped]

        updated = APIConsumer.post("/proxies/ach/toxics/latency_downstream", json=change)
        assert updated.json()["attributes"]["latency"] == 250
        assert await pay_once() == (201, [0.25])

        proxy.destroy_toxic("latency_downstream")
        assert proxy.toxics() == {}
        assert await pay_once() == (201, [])

        with proxy.down():
            assert [fault.kind.NAME for fault in chaos.faults] == ["down"]
        assert not chaos.faults


def test_a_public_client_creates_populates_and_resets(toxiproxy: Any) -> None:
    gateway = make_neighbourhood(ScriptedSleep())
    book = Book(gateway.chaos, lambda: ["ach"], lambda _: "127.0.0.1:8080")
    with serving(make_toxiproxy(book)) as port:
        toxiproxy.update_api_consumer("127.0.0.1", port)
        made = toxiproxy.create(upstream="prod.hms.gov:443", name="outside")
        assert (made.upstream, made.listen, made.enabled) == (
            "prod.hms.gov:443",
            "127.0.0.1:8080",
            True,
        )
        populated = toxiproxy.populate(
            [{"name": "db", "upstream": "db.hms.gov:5432", "listen": "127.0.0.1:8080"}]
        )
        assert [proxy.name for proxy in populated] == ["db"]
        with pytest.raises(Exception, match="already exists"):
            toxiproxy.create(upstream="x:1", name="ach")
        with pytest.raises(Exception, match="invalid toxic type"):
            made.add_toxic(type="nonsense")
        made.add_toxic(type="timeout", attributes={"timeout": 0}, toxicity=0.5)
        assert [fault.id for fault in gateway.chaos.faults] == [
            "toxiproxy/outside/timeout_downstream"
        ]
        assert toxiproxy.reset()
        assert [fault.id for fault in gateway.chaos.faults] == []
        assert b"2.12.0" in toxiproxy.version()
        toxiproxy.destroy_all()
        assert toxiproxy.proxies() == {}
