"""Sending callbacks over real sockets of this machine, and to nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from stubs.callback_plan import NOBODY, parse_allow
from stubs.callbacks import CallbackSender
from stubs.clock import Anchor, RecordedClock
from stubs.faults.course import CallbackTwist
from stubs.journal import Journal
from stubs.service import Asked, Callback
from switchboard.environment import Environment

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Hook:
    """A webhook's other end: remembers what came, and answers as it is told."""

    def __init__(self, answer: bytes | None = OK) -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.came = asyncio.Event()
        self.port = 0

    @property
    def targets(self) -> list[str]:
        return [head.split(b" ")[1].decode() for head in self.heads]

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        lengths = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
        self.bodies.append(await reader.readexactly(sum(lengths)))
        self.heads.append(head)
        self.came.set()
        if self.answer is None:
            await reader.read()
        else:
            writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def listening(hook: Hook) -> AsyncIterator[Hook]:
    server = await asyncio.start_server(hook.take, "127.0.0.1", 0)
    hook.port = server.sockets[0].getsockname()[1]
    async with server:
        yield hook


class Bench:
    """A sender with a clock that stands until it is moved."""

    def __init__(
        self,
        allow: Environment = NOBODY,
        addresses: Mapping[str, Sequence[str]] | None = None,
        **options: Any,
    ) -> None:
        self.now_ns = 0
        self.asked_for: list[str] = []
        self.rows: list[tuple[str, str, int]] = []
        self.journal = Journal(100)
        self.told = asyncio.Event()
        self.clock = RecordedClock(Anchor(0), lambda: self.now_ns)
        self._addresses = addresses or {}
        self.sender = CallbackSender(
            self.clock, self.journal, self._count, allow, resolve=self._resolve, **options
        )

    def send(self, *urls: str, twist: CallbackTwist | None = None, hops: str = "") -> None:
        headers = {b"x-esr-callback": hops.encode()} if hops else {}
        asked = Asked("ach", "POST", "/payments", "", {}, headers, b"", 5, 7)
        callbacks = [Callback(url, body=b'{"a":1}') for url in urls]
        self.sender.send(asked, callbacks, twist)

    def move(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)
        self.sender.retime()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what is told to make it so."""
        async with asyncio.timeout(10):
            while not is_so():
                self.told.clear()
                await self.told.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.sender.run())
            try:
                yield
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _count(self, service: str, what: str, status: int) -> None:
        self.rows.append((service, what, status))
        self.told.set()

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked_for.append(host)
        if host not in self._addresses:
            raise OSError(f"nobody knows {host}")
        return self._addresses[host]


def allowing(*hosts: str, networks: Sequence[str] = ()) -> Environment:
    raw = {"hosts": list(hosts), "networks": list(networks)}
    return parse_allow(raw, source="the stubs' settings", line_of=lambda _: None)


async def test_a_callback_arrives_as_it_was_made() -> None:
    bench = Bench()
    async with listening(Hook()) as hook, bench.running():
        bench.send(f"http://127.0.0.1:{hook.port}/hook?a=%2F&b=%41")
        await bench.until(lambda: bench.sender.sent == 1)
    (head,) = hook.heads
    assert head.startswith(b"POST /hook?a=%2F&b=%41 HTTP/1.1\r\n")
    assert hook.bodies == [b'{"a":1}']
    lines = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
    assert lines == {
        b"host", b"content-type", b"content-length", b"x-esr-env", b"x-esr-callback", b"connection",
    }  # fmt: skip
    assert bench.rows == [("ach", "(callback)", 204)]
    (entry,) = bench.journal
    assert (entry.ending, entry.status, entry.request_id) == ("sent", 204, 5)


async def test_a_declared_name_is_dialled_by_its_address_and_keeps_its_name() -> None:
    bench = Bench(allowing("hooks.example"), {"hooks.example": ["127.0.0.1"]})
    async with listening(Hook()) as hook, bench.running():
        bench.send(f"http://hooks.example:{hook.port}/x")
        await bench.until(lambda: bench.sender.sent == 1)
    assert f"host: hooks.example:{hook.port}\r\n".encode() in hook.heads[0].lower()
    assert bench.asked_for == ["hooks.example"]


PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    ("url", "allow", "addresses", "asked_for", "words"),
    [
        pytest.param("http://api.hms.gov/x", NOBODY, {}, [], "default deny", id="production"),
        pytest.param(f"http://{PUBLIC}/x", NOBODY, {}, [], "default deny", id="a public address"),
        pytest.param("http://10.0.0.1/x", NOBODY, {}, [], "default deny", id="a private address"),
        pytest.param(
            "http://169.254.169.254/latest", NOBODY, {}, [], "metadata", id="cloud metadata"
        ),
        pytest.param("http://0.0.0.0/x", NOBODY, {}, [], "names no machine", id="no machine"),
        pytest.param("http://[::ffff:10.0.0.1]/x", NOBODY, {}, [], "hides", id="a hidden address"),
        pytest.param("http://2130706433/x", NOBODY, {}, [], "plain form", id="a number"),
        pytest.param("http://u:hunter2@127.0.0.1/", NOBODY, {}, [], "user", id="user information"),
        pytest.param("file:///etc/passwd", NOBODY, {}, [], "http://", id="a file"),
        pytest.param(
            "http://hooks.example/x", allowing("hooks.example"), {"hooks.example": [PUBLIC]},
            ["hooks.example"], "needs its network", id="a declared name that is public",
        ),
        pytest.param(
            "http://hooks.example/x", allowing("hooks.example"),
            {"hooks.example": ["127.0.0.1", PUBLIC]}, ["hooks.example"], "needs its network",
            id="one public address of two",
        ),
        pytest.param(
            "http://hooks.example/x", allowing("hooks.example"),
            {"hooks.example": ["169.254.169.254"]}, ["hooks.example"], "metadata",
            id="rebound to the metadata",
        ),
    ],
)  # fmt: skip
async def test_what_is_refused_is_counted_noted_and_never_dialled(
    url: str,
    allow: Environment,
    addresses: Mapping[str, Sequence[str]],
    asked_for: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(allow, addresses)
    dialled: list[Any] = []

    async def dial(*args: Any, **kwargs: Any) -> None:
        dialled.append(args)
        raise AssertionError("nobody may be dialled")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", dial)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", dial)
    async with bench.running():
        bench.send(url)
        await bench.until(lambda: bench.sender.refused == 1)
    assert (dialled, bench.asked_for) == ([], asked_for)
    assert bench.rows == [("ach", "(callback refused)", 0)]
    (entry,) = bench.journal
    assert entry.ending == "refused"
    assert words in entry.note
    assert "hunter2" not in entry.note


async def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    bench = Bench()
    async with listening(Hook()) as other, listening(Hook()) as hook, bench.running():
        hook.answer = (
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:%d/\r\nset-cookie: a=b\r\n"
            b"content-length: 0\r\n\r\n" % other.port
        )
        for _ in range(2):
            bench.send(f"http://127.0.0.1:{hook.port}/x")
        await bench.until(lambda: bench.sender.sent == 2)
    assert other.heads == []
    assert not any(b"cookie" in head.lower() for head in hook.heads)
    assert bench.rows == [("ach", "(callback)", 302)] * 2


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    async with listening(Hook()) as proxy, listening(Hook()) as hook, bench.running():
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        bench.send(f"http://127.0.0.1:{hook.port}/x")
        await bench.until(lambda: bench.sender.sent == 1)
    assert (len(proxy.heads), len(hook.heads)) == (0, 1)


async def test_nobody_there_is_a_failure_and_no_more() -> None:
    bench = Bench()
    async with listening(Hook()) as gone:
        port = gone.port
    async with listening(Hook()) as hook, bench.running():
        bench.send(f"http://127.0.0.1:{port}/x", f"http://127.0.0.1:{hook.port}/x")
        await bench.until(lambda: bench.sender.sent + bench.sender.failed == 2)
    assert bench.rows == [("ach", "(callback failed)", 0), ("ach", "(callback)", 204)]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        pytest.param(b"garbage\r\n\r\n", 1, id="no HTTP"),
        pytest.param(b"", 1, id="nothing"),
        pytest.param(None, 1, id="silence"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nx", 0, id="endless"),
    ],
)
async def test_a_bad_answer_stops_nobody(answer: bytes | None, failed: int) -> None:
    bench = Bench(timeout_s=0.3)
    async with listening(Hook(answer)) as hook, bench.running():
        bench.send(f"http://127.0.0.1:{hook.port}/x")
        await bench.until(lambda: bench.sender.sent + bench.sender.failed == 1)
    assert bench.sender.failed == failed


async def test_a_callback_waits_on_the_recorded_clock() -> None:
    bench = Bench()
    async with listening(Hook()) as hook, bench.running():
        url = f"http://127.0.0.1:{hook.port}"
        asked = Asked("ach", "POST", "/payments", "", {}, {}, b"", 5, 7)
        bench.sender.send(asked, [Callback(f"{url}/later", 5000), Callback(f"{url}/now")])
        await bench.until(lambda: bench.sender.sent == 1)
        assert (hook.targets, bench.sender.waiting) == (["/now"], 1)
        bench.clock.follow(Anchor(bench.now_ns, 0.0, 0.0))
        bench.move(3600)
        bench.clock.follow(Anchor(bench.now_ns, 4999.0, 1000.0))
        bench.move(0.000_002)
        await bench.until(lambda: bench.sender.sent == 2)
    assert hook.targets == ["/now", "/later"]


async def test_callbacks_of_one_answer_keep_the_order_that_a_fault_gave_them() -> None:
    bench = Bench()
    async with listening(Hook()) as hook, bench.running():
        urls = [f"http://127.0.0.1:{hook.port}/{number}" for number in range(5)]
        bench.send(*urls)
        await bench.until(lambda: bench.sender.sent == 5)
        assert hook.targets == ["/0", "/1", "/2", "/3", "/4"]
        hook.heads.clear()
        bench.send(*urls, twist=CallbackTwist(2, is_shuffled=True))
        await bench.until(lambda: bench.sender.sent == 15)
    assert hook.targets != sorted(hook.targets)
    assert sorted(hook.targets) == sorted([f"/{number}" for number in range(5)] * 2)


async def test_bodies_that_do_not_fit_are_dropped_and_make_room_when_they_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stubs.callbacks.MOST_WAITING_BYTES", 2 * len(b'{"a":1}'))
    bench = Bench()
    bench.send(*["ftp://127.0.0.1/x"] * 3)
    assert (bench.sender.waiting, bench.sender.dropped) == (2, 1)
    assert "bytes of them wait already" in next(iter(bench.journal)).note
    async with bench.running():
        await bench.until(lambda: bench.sender.refused == 2)
        assert bench.sender.waiting_bytes == 0
        bench.send("ftp://127.0.0.1/x")
        await bench.until(lambda: bench.sender.refused == 3)


async def test_more_than_fit_are_dropped_and_counted() -> None:
    bench = Bench(most_waiting=3)
    bench.send(*["http://127.0.0.1:1/x"] * 5)
    assert (bench.sender.waiting, bench.sender.dropped) == (3, 2)
    assert bench.rows == [("ach", "(callback dropped)", 0)] * 2
    assert "wait already" in next(iter(bench.journal)).note


@pytest.mark.parametrize(("hops", "dropped"), [("7", 0), ("8", 1), ("x", 0), ("9" * 50, 0)])
async def test_stubs_that_call_one_another_stop_in_the_end(hops: str, dropped: int) -> None:
    bench = Bench()
    bench.send("http://127.0.0.1:1/x", hops=hops)
    assert bench.sender.dropped == dropped


async def test_what_waits_or_is_under_way_at_the_end_is_dropped_and_counted() -> None:
    bench = Bench()
    async with listening(Hook(None)) as hook:
        async with bench.running():
            url = f"http://127.0.0.1:{hook.port}/x"
            bench.send(url, url)
            bench.send(url)
            async with asyncio.timeout(10):
                while len(hook.heads) < 2:
                    hook.came.clear()
                    await hook.came.wait()
        assert (bench.sender.waiting, bench.sender.dropped, bench.sender.sent) == (0, 3, 0)
