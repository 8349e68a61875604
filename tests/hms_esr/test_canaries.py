"""Canaries must not get out: what is asked, what is a way out, when it is asked again."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

import pytest

from hms_esr.canaries import Canary, CanaryError, CanaryWatch, Known, ask_canary, plan_canaries
from hms_esr.canary_ways import Ways, dial_here, resolve_here, rfc3339_now
from switchboard.rules import Destination, Route, Rules

SVC = Destination("svc", "127.0.0.1", 9001)
FAR = Destination("far", "10.20.0.7", 80)
DENIED = ip_network("203.0.113.0/24")
ALLOWED = ip_network("10.20.0.0/16")
AT = "2020-03-15T09:30:00.250Z"
WAIT_S = 30.0


def rules(**change: Any) -> Rules:
    fields: dict[str, Any] = {
        "routes": (Route("routes[0]", ("*.hms.example",), SVC), Route("routes[1]", ("*",), FAR)),
        "source": "switchboard.yml",
        "deny_hosts": ("*.hms.gov", "login.hms.gov", "svc.*"),
        "deny_networks": (DENIED,),
        "allow_networks": (ALLOWED,),
        "canaries": (),
    }
    return Rules(**{**fields, **change})


class ScriptedNetwork:
    """Names and listeners as a test says; whatever is not said does not answer."""

    def __init__(
        self,
        names: Mapping[str, Sequence[str] | BaseException] | None = None,
        dials: Mapping[tuple[str, int], BaseException | None] | None = None,
    ) -> None:
        self.names = dict(names or {})
        self.dials = dict(dials or {})
        self.dialled: list[tuple[str, int]] = []

    async def resolve(self, host: str) -> Sequence[str]:
        found = self.names.get(host, OSError("no such name"))
        if isinstance(found, BaseException):
            raise found
        return found

    async def dial(self, address: str, port: int) -> None:
        self.dialled.append((address, port))
        error = self.dials.get((address, port), OSError(errno.ENETUNREACH, "no route"))
        if error is not None:
            raise error

    def ways(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Ways:
        return Ways(self.resolve, self.dial, sleep, lambda: AT)


def targets(found: Sequence[Canary]) -> list[str]:
    return [canary.target for canary in found]


def test_without_being_asked_for_there_are_none() -> None:
    assert plan_canaries(rules(canaries=None)) == ()


def test_true_stands_for_test_net_and_everything_denied() -> None:
    found = plan_canaries(rules())
    assert [(canary.target, canary.why) for canary in found] == [
        ("192.0.2.1:443", "TEST-NET-1"),
        ("esr-canary.hms.gov:443", "deny.hosts[0]"),
        ("login.hms.gov:443", "deny.hosts[1]"),
        ("203.0.113.1:443", "deny.networks[0]"),
    ]


def test_a_network_of_one_address_is_that_address() -> None:
    nets = (ip_network("203.0.113.9/32"), ip_network("2001:db8::/32"))
    found = plan_canaries(rules(deny_hosts=(), deny_networks=nets))
    assert targets(found)[1:] == ["203.0.113.9:443", "[2001:db8::1]:443"]


def test_a_list_is_taken_as_it_is() -> None:
    listed = ("login.hms.gov", "127.0.0.2:9443", "[2001:db8::1]", "[2001:db8::1]:80")
    found = plan_canaries(rules(canaries=listed))
    assert [(canary.host, canary.port) for canary in found] == [
        ("login.hms.gov", 443), ("127.0.0.2", 9443), ("2001:db8::1", 443), ("2001:db8::1", 80),
    ]  # fmt: skip
    assert {canary.why for canary in found} == {"listed"}


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
NAME = Canary("login.hms.gov", 443, "deny.hosts[1]")
IP = Canary("203.0.113.1", 443, "deny.networks[0]")


@pytest.mark.parametrize(
    ("canary", "names", "dials", "outcome"),
    [
        pytest.param(IP, {}, {}, "unreachable", id="no route"),
        pytest.param(IP, {}, {("203.0.113.1", 443): REFUSED}, "refused", id="refused"),
        pytest.param(IP, {}, {("203.0.113.1", 443): TimeoutError()}, "timeout", id="timeout"),
        pytest.param(NAME, {}, {}, "no-address", id="unknown name"),
        pytest.param(NAME, {NAME.host: []}, {}, "no-address", id="empty answer"),
        pytest.param(NAME, {NAME.host: TimeoutError()}, {}, "timeout", id="silent resolver"),
        pytest.param(NAME, {NAME.host: ["127.0.0.53"]}, {}, "unreachable", id="loopback"),
        pytest.param(NAME, {NAME.host: ["::1"]}, {}, "unreachable", id="loopback v6"),
        pytest.param(NAME, {NAME.host: ["10.20.1.1"]}, {}, "unreachable", id="allowed network"),
        pytest.param(
            NAME, {NAME.host: ["10.9.9.9"]}, {("10.9.9.9", 443): None}, "sandbox", id="own address"
        ),
        pytest.param(
            Canary("a.example", 9001, "listed"), {"a.example": ["127.0.0.1"]},
            {("127.0.0.1", 9001): None}, "sandbox", id="a destination",
        ),
    ],
)  # fmt: skip
async def test_what_is_hoped_for(
    canary: Canary, names: dict[str, Any], dials: dict[tuple[str, int], Any], outcome: str
) -> None:
    network = ScriptedNetwork(names, dials)
    known = Known.by(rules(), ["10.9.9.9"])
    result = await ask_canary(canary, known, network.ways())
    assert (result.outcome, result.is_breach, result.at) == (outcome, False, AT)


@pytest.mark.parametrize(
    ("canary", "names", "dials", "outcome"),
    [
        pytest.param(IP, {}, {("203.0.113.1", 443): None}, "escaped", id="connected"),
        pytest.param(
            NAME, {NAME.host: ["127.0.0.2"]}, {("127.0.0.2", 443): None}, "escaped",
            id="connected to loopback that is no destination",
        ),
        pytest.param(
            NAME, {NAME.host: ["127.0.0.1", "::1"]}, {("::1", 443): None}, "escaped",
            id="connected to the second address",
        ),
        pytest.param(NAME, {NAME.host: ["203.0.113.7"]}, {}, "foreign-answer", id="denied answer"),
        pytest.param(NAME, {NAME.host: ["8.8.4.4"]}, {}, "foreign-answer", id="public answer"),
        pytest.param(
            NAME, {NAME.host: ["127.0.0.1", "198.51.100.1"]}, {}, "foreign-answer", id="one of two"
        ),
        pytest.param(NAME, {NAME.host: ["garbage"]}, {}, "foreign-answer", id="no address"),
        pytest.param(
            IP, {}, {("203.0.113.1", 443): OSError(errno.EMFILE, "too many")}, "failed",
            id="no more files",
        ),
        pytest.param(IP, {}, {("203.0.113.1", 443): ZeroDivisionError()}, "failed", id="our fault"),
    ],
)  # fmt: skip
async def test_what_is_a_way_out(
    canary: Canary, names: dict[str, Any], dials: dict[tuple[str, int], Any], outcome: str
) -> None:
    network = ScriptedNetwork(names, dials)
    result = await ask_canary(canary, Known.by(rules()), network.ways())
    assert (result.outcome, result.is_breach) == (outcome, True)
    if outcome == "foreign-answer":
        assert network.dialled == [], "what may be production is not dialled"


async def test_a_dial_that_hangs_is_given_up() -> None:
    gate = asyncio.Event()

    async def hang(address: str, port: int) -> None:
        await gate.wait()

    ways = Ways(ScriptedNetwork().resolve, hang, asyncio.sleep, lambda: AT, timeout_s=0.0)
    assert (await ask_canary(IP, Known(), ways)).outcome == "timeout"


async def test_a_breach_at_the_start_is_an_error_that_names_it() -> None:
    network = ScriptedNetwork(dials={("192.0.2.1", 443): None})
    watch = CanaryWatch(rules, ways=network.ways())
    with pytest.raises(CanaryError) as caught:
        await watch.check()
    assert caught.value.exit_code == 97
    assert str(caught.value).startswith(
        "refused 192.0.2.1:443: a canary dialled it (TEST-NET-1) and was connected"
    )
    told = watch.to_json()
    assert told is not None
    assert told["rounds"] == 1
    assert told["results"][0] == {
        "target": "192.0.2.1:443", "why": "TEST-NET-1", "addresses": ["192.0.2.1"],
        "outcome": "escaped", "at": AT,
    }  # fmt: skip


async def test_a_breach_of_dns_names_the_answer() -> None:
    network = ScriptedNetwork({"login.hms.gov": ["198.51.100.9"]})
    with pytest.raises(CanaryError, match=r"DNS gave a canary .* 198\.51\.100\.9, which is not"):
        await CanaryWatch(rules, ways=network.ways()).check()


@pytest.mark.parametrize("found", [None, rules(canaries=None)], ids=["no rules", "not asked for"])
async def test_nobody_is_asked_where_nobody_wants_it(found: Rules | None) -> None:
    network = ScriptedNetwork(dials={("192.0.2.1", 443): None})
    watch = CanaryWatch(lambda: found, ways=network.ways())
    await watch.check()
    assert network.dialled == []
    assert watch.to_json() is None


class ManualClock:
    """Sleeps until a test lets time pass; remembers how long was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.asleep = asyncio.Event()
        self._wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._wake.clear()
        self.asleep.set()
        await self._wake.wait()

    async def pass_time(self) -> None:
        """One round: wait until somebody sleeps, wake them, wait until they sleep again."""
        await self.asleep.wait()
        self.asleep.clear()
        self._wake.set()


async def test_every_30_s_it_is_asked_again_and_a_way_out_trips() -> None:
    network, clock = ScriptedNetwork(), ManualClock()
    watch = CanaryWatch(rules, ways=network.ways(clock.sleep))
    tripped: list[str] = []
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run(tripped.append))
        await clock.pass_time()
        await clock.asleep.wait()
        assert (watch.rounds, tripped, running.done()) == (1, [], False)
        network.dials["203.0.113.1", 443] = None
        await clock.pass_time()
        error = await running
    assert clock.asked == [30.0, 30.0]
    assert error.host == "203.0.113.1:443"
    assert tripped == [str(error)]
    assert watch.rounds == 2


async def test_rules_that_are_edited_are_asked_from_then_on() -> None:
    network, clock = ScriptedNetwork(), ManualClock()
    in_force = [rules(canaries=None)]
    watch = CanaryWatch(lambda: in_force[0], ways=network.ways(clock.sleep))
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run(lambda _: None))
        await clock.pass_time()
        await clock.asleep.wait()
        in_force[0] = rules(canaries=("127.0.0.2:9443",))
        network.dials["127.0.0.2", 9443] = None
        await clock.pass_time()
        assert (await running).host == "127.0.0.2:9443"


async def test_the_real_dial_sends_nothing_and_says_what_happened() -> None:
    hung_up = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        writer.close()
        hung_up.set()

    async with asyncio.timeout(WAIT_S):
        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await dial_here("127.0.0.1", port)
            await hung_up.wait()
        with pytest.raises(ConnectionRefusedError):
            await dial_here("127.0.0.1", port)


async def test_the_real_resolver_is_asked_in_a_thread() -> None:
    async with asyncio.timeout(WAIT_S):
        assert "127.0.0.1" in await resolve_here("127.0.0.1")
        with pytest.raises(OSError, match=r"."):
            await resolve_here("x" * 300)


def test_the_time_is_told_in_utc() -> None:
    assert rfc3339_now().endswith("Z")
