"""Declared faults at the interceptor, seen by clients: names, handshakes, requests."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from proxy.interceptor.bad_certificates import WRONG_HOST, bad_certificate
from proxy.interceptor.bad_names import stale_address
from switchboard.exchange import StubAnswer, StubAsk
from switchboard.trouble import Mode, Stage, Trouble, TroubleAsk
from tests.proxy.interceptor.harness import PATIENCE_S, World, ask, read_answer, trusting, world

HOST = "api.hms.example"
GET = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
ABSOLUTE = f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
BUSY = StubAnswer(503, [("x-esr-env", "sandbox"), ("x-esr-fault", "f")], b"busy")
NOWHERE = StubAnswer(502, [("x-esr-env", "sandbox"), ("x-esr-fault", "f")], b"nowhere")
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3


class Troubles:
    """A `TroubleCall` for one stage, which remembers what it was asked."""

    def __init__(self, stage: Stage, **trouble: Any) -> None:
        self.stage = stage
        self.trouble: Trouble | None = Trouble(("f",), over=self._end, **trouble)
        self.asked: list[TroubleAsk] = []
        self.ended = 0

    def __call__(self, asked: TroubleAsk) -> Trouble | None:
        self.asked.append(asked)
        return self.trouble if asked.stage == self.stage else None

    def _end(self) -> None:
        self.ended += 1

    @property
    def stages(self) -> list[str]:
        return [each.stage for each in self.asked]


class Held:
    """A wait that ends when the test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.lift = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await self.lift.wait()
        finally:
            self.ended.set()


def raises(_: TroubleAsk) -> Trouble | None:
    raise ZeroDivisionError


# Requests.


async def test_fault_answers_in_place_of_the_sandbox(ca_dir: Path) -> None:
    troubles = Troubles("request", answer=BUSY)
    async with world(ca_dir, troubles=troubles) as here:
        got = await here.ask(ABSOLUTE, then=[ABSOLUTE])
    assert got.count(b"HTTP/1.1 503") == 2, "the connection is kept"
    assert got.count(b"x-esr-fault: f") == 2
    assert got.endswith(b"busy")
    assert (here.sandbox.accepted, here.production.accepted, troubles.ended) == (0, 0, 2)
    assert (here.notes.exchanges, here.notes.refusals) == ([], [])
    assert troubles.asked[1].names == ("svc", "api")
    assert troubles.stages == ["name", "request"] * 2


@pytest.mark.parametrize("body", [b"", b"Content-Length: 3\r\n\r\nabc"])
async def test_request_passes_after_its_wait(body: bytes, ca_dir: Path) -> None:
    held = Held()
    troubles = Troubles("request", wait=held)
    request = ABSOLUTE[:-2] + (body or b"\r\n")
    async with world(ca_dir, troubles=troubles) as here, asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(here.ask(request))
        await asyncio.wait_for(held.begun.wait(), PATIENCE_S)
        assert here.notes.exchanges == []
        held.lift.set()
        assert (await asking).endswith(b"sandbox")
    assert [each.status for each in here.notes.exchanges] == [200]
    assert troubles.ended == 1


async def test_stub_is_asked_after_the_wait(ca_dir: Path) -> None:
    async def stub(_: StubAsk) -> StubAnswer:
        return StubAnswer(200, [], b"paid")

    held = Held()
    held.lift.set()
    troubles = Troubles("request", wait=held)
    request = ABSOLUTE.replace(HOST.encode(), b"api.treasury.example")
    async with world(ca_dir, troubles=troubles, stubs=stub) as here:
        assert (await here.ask(request)).endswith(b"paid")
    assert troubles.asked[-1].names == ("ach", "api")


async def test_refusals_come_before_faults(ca_dir: Path) -> None:
    troubles = Troubles("request", answer=BUSY)
    async with world(ca_dir, troubles=troubles) as here:
        got = await here.ask(ABSOLUTE.replace(HOST.encode(), b"prod.test"))
        tunnel = await here.ask(b"CONNECT prod.test:443 HTTP/1.1\r\nHost: prod.test:443\r\n\r\n")
    assert b"x-esr-refused: unmapped-host" in got
    assert b"x-esr-refused: unmapped-host" in tunnel
    assert troubles.asked == []


async def test_live_mode_has_no_faults(ca_dir: Path) -> None:
    troubles = Troubles("request", answer=BUSY)
    async with world(ca_dir, troubles=troubles) as here:
        here.mode.flip("live", who="a test")
        assert b"x-esr-refused: no-live-upstream" in await here.ask(ABSOLUTE)
    assert troubles.asked == []


async def fail() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("troubles", [raises, Troubles("request", wait=fail)])
async def test_mistake_of_our_own_refuses_the_request(troubles: Any, ca_dir: Path) -> None:
    async with world(ca_dir, troubles=troubles) as here:
        assert b"x-esr-refused: no-rules" in await here.ask(ABSOLUTE)
    assert (here.notes.rules, here.sandbox.accepted) == (["no-rules"], 0)
    assert here.switch.tripped is None


async def test_client_that_leaves_is_not_waited_for(ca_dir: Path) -> None:
    held = Held()
    troubles = Troubles("request", wait=held, answer=BUSY)
    async with world(ca_dir, troubles=troubles) as here:
        _, writer = await asyncio.open_connection(*here.door.address)
        writer.write(ABSOLUTE)
        await asyncio.wait_for(held.begun.wait(), PATIENCE_S)
        writer.transport.abort()
        await asyncio.wait_for(held.ended.wait(), PATIENCE_S)
    assert here.notes.refusals == []


# Names.


async def test_tunnel_to_a_name_that_is_not_found(ca_dir: Path) -> None:
    troubles = Troubles("name", answer=NOWHERE, mode="nxdomain")
    async with world(ca_dir, troubles=troubles) as here:
        got = await here.ask_tls(HOST, GET)
    assert got.startswith(b"HTTP/1.1 502")
    assert b"x-esr-fault: f" in got
    assert (troubles.stages, troubles.ended, here.notes.refusals) == (["name"], 1, [])


async def test_name_of_a_tunnel_is_looked_up_once(ca_dir: Path) -> None:
    troubles = Troubles("name")
    troubles.trouble = None
    async with world(ca_dir, troubles=troubles) as here:
        assert (await here.ask_tls(HOST, GET)).endswith(b"sandbox")
    assert troubles.stages == ["name", "handshake", "request"]


async def test_mistake_of_our_own_refuses_the_tunnel(ca_dir: Path) -> None:
    async with world(ca_dir, troubles=raises) as here:
        assert b"x-esr-refused: no-rules" in await here.ask_tls(HOST, GET)


async def test_reverse_door_answers_for_the_name(ca_dir: Path) -> None:
    troubles = Troubles("name", answer=NOWHERE, mode="servfail")
    async with world(ca_dir, "reverse", troubles=troubles) as here:
        got = await here.ask(GET)
    assert got.startswith(b"HTTP/1.1 502")
    assert here.sandbox.accepted == 0


class Asking(asyncio.DatagramProtocol):
    """One question by UDP."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.answered.done():
            self.answered.set_result(data)


def query(name: str, kind: int = 1, number: int = 7) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    head = number.to_bytes(2) + b"\1\0\0\1\0\0\0\0\0\0"
    return head + labels + b"\0" + kind.to_bytes(2) + b"\0\1"


async def by_udp(here: World, *packets: bytes) -> bytes:
    """Asks each; the first answer."""
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(Asking, remote_addr=here.door.address)
    try:
        for packet in packets:
            transport.sendto(packet)
        return await asyncio.wait_for(asking.answered, PATIENCE_S)
    finally:
        transport.close()


def records(answer: bytes) -> tuple[int, int, int]:
    """The code, and how many answers and authorities there are."""
    return answer[3] & 15, int.from_bytes(answer[6:8]), int.from_bytes(answer[8:10])


@pytest.mark.parametrize(
    ("mode", "kind", "found"),
    [
        ("nxdomain", 1, (NXDOMAIN, 0, 1)),
        ("nxdomain", 28, (NXDOMAIN, 0, 1)),
        ("servfail", 1, (SERVFAIL, 0, 0)),
        ("stale_ip", 1, (NOERROR, 1, 0)),
        ("stale_ip", 28, (NOERROR, 0, 0)),
    ],
)
async def test_name_server_says_what_is_declared(
    mode: Mode, kind: int, found: tuple[int, int, int], ca_dir: Path
) -> None:
    troubles = Troubles("name", mode=mode, ttl_s=1234.0)
    async with world(ca_dir, "dns", troubles=troubles, answer="127.0.0.9") as here:
        answer = await by_udp(here, query(HOST, kind))
    assert records(answer) == found
    assert (here.notes.refusals, troubles.ended) == ([], 1)
    if found[1]:
        assert ip_address(answer[-4:]) in ip_network("192.0.2.0/24")
        assert int.from_bytes(answer[-10:-6]) == 1234
    if found[2]:
        assert int.from_bytes(answer[-4:]) == 1234, "how long it is remembered"


@pytest.mark.parametrize("same_number", [True, False])
async def test_name_server_says_nothing(same_number: bool, ca_dir: Path) -> None:
    """What is answered is the question after it, also when it has the same number."""
    troubles = Troubles("name", mode="timeout")

    def once(asked: TroubleAsk) -> Trouble | None:
        found = troubles(asked)
        troubles.trouble = None
        return found

    number = 7 if same_number else 8
    async with world(ca_dir, "dns", troubles=once) as here:
        answer = await by_udp(here, query(HOST), query("svc.hms.example", number=number))
    assert records(answer) == (NOERROR, 1, 0)
    assert b"svc" in answer
    assert [each.names for each in troubles.asked] == [("svc", "api"), ("svc",)]


async def test_name_server_refuses_before_faults(ca_dir: Path) -> None:
    troubles = Troubles("name", mode="stale_ip")
    async with world(ca_dir, "dns", troubles=troubles) as here:
        assert records(await by_udp(here, query("prod.test")))[0] == NXDOMAIN
    assert (troubles.asked, here.notes.rules) == ([], ["unmapped-host"])


async def test_mistake_of_our_own_answers_no_name(ca_dir: Path) -> None:
    async with world(ca_dir, "dns", troubles=raises) as here:
        assert records(await by_udp(here, query(HOST))) == (SERVFAIL, 0, 0)


def test_stale_address_belongs_to_the_name() -> None:
    addresses = {stale_address(f"{n}.hms.example", is_ipv6=False) for n in range(5_000)}
    assert all(each in ip_network("192.0.2.0/24") for each in addresses)
    assert stale_address("A.b", is_ipv6=False) == stale_address("a.B", is_ipv6=False)
    assert stale_address("a", is_ipv6=True) in ip_network("2001:db8::/32")


async def test_stale_address_of_ipv6(ca_dir: Path) -> None:
    troubles = Troubles("name", mode="stale_ip", ttl_s=5.0)
    async with world(ca_dir, "dns", troubles=troubles, answer="2001:db8::53") as here:
        answer = await by_udp(here, query(HOST, 28))
    assert records(answer) == (NOERROR, 1, 0)
    assert ip_address(answer[-16:]) == stale_address(HOST, is_ipv6=True)


# Handshakes.


async def shake_hands(here: World, host: str = HOST) -> bytes:
    """As a client that believes the interceptor's authority and looks at everything."""
    reader, writer = await asyncio.open_connection(*here.door.address)
    try:
        to = f"{host}:443"
        writer.write(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n".encode())
        assert (await read_answer(reader)).startswith(b"HTTP/1.1 200")
        await writer.start_tls(trusting(here.door.ca_certificate), server_hostname=host)
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return await read_answer(reader)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("expired", 10, "certificate has expired"),
        ("wrong_host", 62, "Hostname mismatch"),
    ],
)
async def test_certificate_that_a_client_must_refuse(
    mode: Mode, code: int, words: str, ca_dir: Path
) -> None:
    troubles = Troubles("handshake", mode=mode)
    async with world(ca_dir, troubles=troubles) as here:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            await shake_hands(here)
        troubles.trouble = None
        assert (await shake_hands(here)).endswith(b"sandbox"), "it was only for a while"
    assert (caught.value.verify_code, troubles.ended) == (code, 1)
    assert words in caught.value.verify_message
    assert (here.notes.refusals, here.production.accepted) == ([], 0)


async def test_handshake_that_ends_with_an_alert(ca_dir: Path) -> None:
    troubles = Troubles("handshake", mode="alert")
    async with world(ca_dir, troubles=troubles) as here:
        with pytest.raises(ssl.SSLError) as caught:
            await shake_hands(here)
    assert caught.value.reason is not None
    assert "HANDSHAKE_FAILURE" in caught.value.reason
    assert (here.notes.refusals, here.said, here.door.statistics().crashes) == ([], [], 0)


async def test_handshake_that_stalls_until_it_is_lifted(ca_dir: Path) -> None:
    held = Held()
    troubles = Troubles("handshake", mode="handshake_stall", wait=held)
    async with world(ca_dir, troubles=troubles, head_timeout_s=0.1) as here:
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(shake_hands(here))
            await asyncio.wait_for(held.begun.wait(), PATIENCE_S)
            await asyncio.sleep(0)
            assert not asking.done()
            held.lift.set()
        assert asking.result().endswith(b"sandbox")
    assert (here.notes.refusals, troubles.ended) == ([], 1)


async def test_client_that_gives_up_a_stalled_handshake(ca_dir: Path) -> None:
    held = Held()
    troubles = Troubles("handshake", mode="handshake_stall", wait=held)
    async with world(ca_dir, troubles=troubles) as here:
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(shake_hands(here))
            await asyncio.wait_for(held.begun.wait(), PATIENCE_S)
            asking.cancel()
        await asyncio.wait_for(held.ended.wait(), PATIENCE_S)
    assert (here.notes.refusals, troubles.ended, here.switch.tripped) == ([], 1, None)


async def test_mistake_of_our_own_ends_the_handshake(ca_dir: Path) -> None:
    def fails(asked: TroubleAsk) -> Trouble | None:
        return raises(asked) if asked.stage == "handshake" else None

    async with world(ca_dir, troubles=fails) as here:
        with pytest.raises(ssl.SSLError):
            await shake_hands(here)
    assert (here.notes.rules, here.sandbox.accepted) == (["no-rules"], 0)
    assert here.switch.tripped is None


@pytest.mark.parametrize("mode", ["expired", "wrong_host", "alert"])
async def test_handshake_for_a_host_that_is_refused_is_as_ever(mode: Mode, ca_dir: Path) -> None:
    troubles = Troubles("handshake", mode=mode)
    request = GET.replace(HOST.encode(), b"prod.test")
    async with world(ca_dir, "reverse", troubles=troubles) as here:
        got = await here.ask_tls("prod.test", request, through=False)
    assert b"x-esr-refused: unmapped-host" in got
    assert troubles.asked == []


async def test_reverse_door_goes_by_the_server_name(ca_dir: Path) -> None:
    troubles = Troubles("handshake", mode="wrong_host")
    async with world(ca_dir, "reverse", troubles=troubles) as here:
        context = trusting(here.door.ca_certificate)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            await asyncio.open_connection(*here.door.address, ssl=context, server_hostname=HOST)
        assert await ask(here.door.address, GET) != b"", "plain HTTP has no handshake"
    assert troubles.asked[0].names == ("svc", "api")


def test_only_what_is_declared_is_wrong_with_a_certificate() -> None:
    key = rsa.generate_private_key(65537, 2048)
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    good = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    expired = bad_certificate(good, key, "expired", now)
    other = bad_certificate(good, key, "wrong_host", now)
    assert expired.not_valid_after_utc < now
    assert list(expired.extensions) == list(good.extensions)
    assert expired.subject == good.subject
    assert (other.not_valid_before_utc, other.not_valid_after_utc) == (
        good.not_valid_before_utc, good.not_valid_after_utc,
    )  # fmt: skip
    names = other.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [WRONG_HOST]
    assert len(other.extensions) == len(good.extensions)
