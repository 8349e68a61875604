"""A connection on a scripted transport: patience, backpressure, orders from above."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.server import ServerState

from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import Chaos
from stubs.faults.course import Cut
from stubs.faults.reader import parse_faults
from stubs.gateway import Gateway
from stubs.latency import AnyModel, NoDelay, Uniform
from stubs.latency.exponential import Exponential
from stubs.latency.queue import Queue
from stubs.learned import LearnedAnswers
from stubs.service import Answer, Asked, Service, StubRoute
from stubs.transport import KEEP_ALIVE_S, MOST_WAITING, REQUEST_S, StubConnection

GET = b"GET / HTTP/1.1\r\nhost: svc.x\r\n\r\n"


class ScriptedSocket:
    """Says which TCP state the kernel would report."""

    def __init__(self) -> None:
        self.state = 1
        self.options: list[tuple[Any, ...]] = []

    def getsockopt(self, *_: Any) -> bytes:
        return bytes([self.state])

    def setsockopt(self, *option: Any) -> None:
        self.options.append(option)


class ScriptedTransport(asyncio.Transport):
    """Keeps what is written, and what was done."""

    def __init__(self) -> None:
        super().__init__()
        self.socket = ScriptedSocket()
        self.written = b""
        self.done: list[str] = []

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return bool({"close", "abort"} & set(self.done))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self.socket, "peername": ("127.0.0.1", 5)}.get(name, default)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """They are nobody's business here."""

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def write_eof(self) -> None:
        self.done.append("eof")

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")


def hello(_: Asked) -> Answer:
    return Answer(200, b"{}")


async def instantly(_: float) -> None:
    """No time passes, and everybody else has a turn."""
    await asyncio.sleep(0)


SLOW = {"kind": "latency", "target": "*", "ms": 5}


class Place:
    """A gateway of one route, and one connection to it."""

    def __init__(
        self,
        *faults: dict[str, Any],
        latency: AnyModel = NoDelay(),  # noqa: B008  # a frozen value
        fixed: Answer | None = None,
    ) -> None:
        routes = [StubRoute(method, "/", hello, latency, fixed=fixed) for method in ("GET", "POST")]
        clock = RecordedClock(Anchor(0, 0.0, 0.0), lambda: 0)
        parsed = parse_faults(list(faults), source="test", line_of=lambda _: None)
        chaos = Chaos(1, clock, parsed)
        service = Service("svc", "", routes)
        self.gateway = Gateway([service], LearnedAnswers(), 1, instantly, clock=clock, chaos=chaos)
        self.state = ServerState()
        self.transport = ScriptedTransport()
        self.connection = StubConnection(self.gateway, self.state)
        self.connection.connection_made(self.transport)
        self.now_s = asyncio.get_running_loop().time()

    def take_statuses(self) -> list[bytes]:
        written, self.transport.written = self.transport.written, b""
        return [part[:3] for part in written.split(b"HTTP/1.1 ")[1:]]


async def test_who_never_comes_to_the_end_of_a_request_is_refused() -> None:
    place = Place()
    place.connection.data_received(GET[:20])
    place.connection.check(place.now_s + REQUEST_S - 1)
    assert place.transport.written == b""
    place.connection.check(place.now_s + REQUEST_S + 1)
    assert place.take_statuses() == [b"408"]
    assert place.transport.done == ["eof"], "it may still hear why"


async def test_an_idle_connection_is_kept_for_an_hour() -> None:
    place = Place()
    place.connection.data_received(GET)
    place.connection.check(place.now_s + KEEP_ALIVE_S - 1)
    assert place.transport.done == []
    place.connection.check(place.now_s + KEEP_ALIVE_S + 1)
    assert place.transport.done == ["close"]


async def test_answers_wait_while_the_kernel_takes_no_more() -> None:
    place = Place()
    place.connection.data_received(GET)
    assert place.take_statuses() == [b"200"]
    place.connection.pause_writing()
    place.connection.data_received(GET * (MOST_WAITING + 5))
    assert place.take_statuses() == []
    assert place.transport.done == ["pause"]
    place.connection.resume_writing()
    assert place.take_statuses() == [b"200"] * (MOST_WAITING + 5)
    assert place.transport.done == ["pause", "resume"]


@pytest.mark.parametrize(("state", "done"), [(1, ["pause"]), (7, ["pause", "abort"])])
async def test_who_left_while_nobody_read_is_noticed(state: int, done: list[str]) -> None:
    place = Place()
    place.connection.pause_writing()
    place.connection.data_received(GET * MOST_WAITING)
    place.transport.socket.state = state
    place.connection.check(place.now_s)
    assert place.transport.done == done


async def test_a_body_that_is_read_slowly_pauses_reading() -> None:
    slow = {"kind": "throttle", "bytes_per_s": 1000, "direction": "request", "target": "svc",
            "at": "0s", "for": "1h"}  # fmt: skip
    place = Place(slow)
    head = b"POST / HTTP/1.1\r\nhost: svc.x\r\ncontent-length: 5000\r\n\r\n"
    place.connection.data_received(head + b"x" * 500)
    assert place.transport.done == ["pause"]
    assert place.transport.written == b""


async def test_a_fault_may_end_a_connection_that_was_there() -> None:
    place = Place()
    place.connection.cut(Cut("reset"))
    while not place.transport.done:  # noqa: ASYNC110 - the loop's next rounds
        await asyncio.sleep(0)
    assert place.transport.done == ["abort"]
    assert len(place.transport.socket.options) == 1


PLANNED = GET.replace(b"host", b"x-esr-due: 5\r\nhost")


@pytest.mark.parametrize(
    ("before", "data", "is_cut"),
    [
        pytest.param(b"", GET, True, id="of a caller"),
        pytest.param(b"", b"", True, id="not used yet"),
        pytest.param(b"", PLANNED, False, id="of a run"),
        pytest.param(PLANNED, b"", False, id="that a run has not used yet"),
        pytest.param(PLANNED, GET, True, id="of a caller beside a run"),
    ],
)
async def test_an_outage_ends_connections_but_a_runs_requests_have_moments_of_their_own(
    before: bytes, data: bytes, is_cut: bool
) -> None:
    place = Place()
    if before:
        other = StubConnection(place.gateway, place.state)
        other.connection_made(ScriptedTransport())
        other.data_received(before)
    if data:
        place.connection.data_received(data)
    (down,) = parse_faults(
        {"kind": "down", "target": "*", "mode": "reset"}, source="test", line_of=lambda _: None
    )
    place.gateway.chaos.add(down)
    place.gateway.look_at_faults()
    for _ in range(3):
        await asyncio.sleep(0)
    assert ("abort" in place.transport.done) is is_cut


@pytest.mark.parametrize(
    ("data", "done"),
    [
        pytest.param(b"", ["close"], id="idle"),
        pytest.param(GET, ["close"], id="after an answer"),
    ],
)
async def test_a_server_that_ends_closes_who_waits_for_nothing(
    data: bytes, done: list[str]
) -> None:
    place = Place()
    if data:
        place.connection.data_received(data)
    place.connection.shutdown()
    assert place.transport.done == done


async def test_connections_are_known_while_they_last() -> None:
    place = Place()
    assert place.gateway.connections == {place.connection}
    assert place.state.connections
    place.connection.connection_lost(None)
    assert place.gateway.connections == set()
    assert not place.state.connections


async def test_a_fault_of_our_own_is_a_500_and_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place()

    def broken(*_: Any) -> Any:
        raise RuntimeError("of our own")

    monkeypatch.setattr(place.gateway, "begin", broken)
    place.connection.data_received(GET)
    assert place.take_statuses() == [b"500"]
    other = StubConnection(place.gateway, place.state)
    other.connection_made(ScriptedTransport())
    other.data_received(GET)
    assert len(caplog.records) == 1


class LeavingTransport(ScriptedTransport):
    """Its caller has closed the socket: being written to is answered with a reset."""

    def write(self, data: Any) -> None:
        super().write(data)
        self.socket.state = 7


async def until_told(place: Place) -> list[tuple[int, str]]:
    for _ in range(50):
        await asyncio.sleep(0)
    return [(entry.status, entry.ending) for entry in place.gateway.journal.select()]


@pytest.mark.parametrize(
    ("faults", "transport", "told"),
    [
        pytest.param((), ScriptedTransport, [(200, "answered")], id="who listens still"),
        pytest.param((), LeavingTransport, [(0, "gone")], id="who has left"),
        pytest.param((SLOW,), ScriptedTransport, [(200, "answered")], id="listens, under a fault"),
        pytest.param((SLOW,), LeavingTransport, [(0, "gone")], id="has left, under a fault"),
    ],
)
async def test_a_caller_that_closed_its_socket_heard_nothing(
    faults: tuple[dict[str, Any], ...],
    transport: type[ScriptedTransport],
    told: list[tuple[int, str]],
) -> None:
    """A caller whose time is up closes as one who is done; only writing to it tells them apart."""
    place = Place(*faults, latency=Uniform(5, 5))
    place.transport = transport()
    place.connection = StubConnection(place.gateway, place.state)
    place.connection.connection_made(place.transport)
    place.connection.data_received(GET)
    assert place.connection.eof_received()
    assert await until_told(place) == told


async def test_a_queue_without_room_says_so_although_its_answer_is_fixed() -> None:
    queue = Queue(servers=1, service=Exponential(mean_ms=1e6), max_queue=0)
    place = Place(latency=queue, fixed=Answer(200, b"{}"))
    for _ in range(3):
        connection = StubConnection(place.gateway, place.state)
        place.transport = ScriptedTransport()
        connection.connection_made(place.transport)
        connection.data_received(GET)
    await until_told(place)
    assert place.take_statuses() == [b"503"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nhost: svc.x\r\na: %b\r\n\r\n" % (b"x" * 140_000), b"431"),
        pytest.param(b"GET /\r\n\r\n", b"400"),
    ],
    ids=["a long head in one read", "no version"],
)
async def test_a_head_that_is_not_taken_is_refused(head: bytes, status: bytes) -> None:
    place = Place()
    place.connection.data_received(head)
    assert place.take_statuses() == [status]
