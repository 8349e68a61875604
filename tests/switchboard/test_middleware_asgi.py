"""The ASGI middleware with scripted applications: what passes, what is ended by a flip, and how."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from switchboard.edge.in_flight import OldWayClosedError
from switchboard.exchange import Exchange, Refusal
from switchboard.middleware import SwitchboardASGI
from switchboard.mode import MemoryMode, ModeError
from switchboard.rules import LIVE, SANDBOX, Mode

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"1")]}
BODY = {"type": "http.response.body", "body": b"hello"}
PART = {"type": "http.response.body", "body": b"part", "more_body": True}
ACCEPT = {"type": "websocket.accept"}


class ScriptedServer:
    """What a server is to an application: hands over what was scripted, keeps what is said."""

    def __init__(self, *received: dict[str, Any]) -> None:
        self.said: list[Any] = []
        self.coming: asyncio.Queue[Any] = asyncio.Queue()
        for message in received:
            self.coming.put_nowait(message)

    async def receive(self) -> Any:
        return await self.coming.get()

    async def send(self, message: Any) -> None:
        self.said.append(message)

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.said]

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document that was answered."""
        start, body = self.said
        assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
        found: dict[str, Any] = json.loads(body["body"])
        assert start["status"] == found["status"]
        return found


class Told:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.refusals: list[Refusal] = []

    def passed(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)


def http(path: str = "/users", **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"svc.hms.example")],
        "client": ("127.0.0.1", 5),
        **more,
    }


def websocket(**more: Any) -> dict[str, Any]:
    return http("/live", type="websocket", scheme="ws", **more)


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send(BODY)


async def while_it_runs(
    door: SwitchboardASGI,
    scope: dict[str, Any],
    server: ScriptedServer,
    is_running: asyncio.Event,
    then: Callable[[], Awaitable[None]],
) -> BaseException | None:
    """Start the request, do something else once it runs, and wait for both; what it raised."""
    raised: list[BaseException] = []

    async def run() -> None:
        try:
            await door(scope, server.receive, server.send)
        except Exception as error:
            raised.append(error)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run())
        await is_running.wait()
        await then()
        await running
    return raised[0] if raised else None


# Live.


async def test_live_gets_the_very_scope_receive_and_messages() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((scope, receive))
        await answer(scope, receive, send)

    server = ScriptedServer()
    scope, receive = http(), server.receive
    await SwitchboardASGI(app, mode=MemoryMode(LIVE))(scope, receive, server.send)
    assert seen[0] is scope
    assert seen[1] is receive
    assert [a is b for a, b in zip(server.said, (START, BODY), strict=True)] == [True, True]


async def test_live_websocket_messages_are_the_very_same() -> None:
    coming = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "a"}]
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        seen.append(await receive())
        await send(ACCEPT)
        seen.append(await receive())

    server = ScriptedServer(*coming)
    scope = websocket()
    await SwitchboardASGI(app, mode=MemoryMode(LIVE))(scope, server.receive, server.send)
    assert [a is b for a, b in zip(seen, (scope, *coming), strict=True)] == [True] * 3
    assert server.said[0] is ACCEPT


@pytest.mark.parametrize("mode", [LIVE, SANDBOX])
async def test_an_error_of_the_application_is_its_own(mode: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("its own")

    server = ScriptedServer()
    door = SwitchboardASGI(app, mode=MemoryMode(mode))
    with pytest.raises(LookupError, match="its own"):
        await door(http(), server.receive, server.send)
    assert len(door._flight) == 0


async def test_the_start_of_the_server_passes_through() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    server = ScriptedServer()
    scope = {"type": "lifespan"}
    receive, send = server.receive, server.send
    await SwitchboardASGI(app, mode=MemoryMode())(scope, receive, send)
    assert seen == [(scope, receive, send)]


async def test_a_kind_of_connection_that_nobody_knows_is_refused() -> None:
    server = ScriptedServer()
    with pytest.raises(ValueError, match="webtransport"):
        await SwitchboardASGI(answer, mode=MemoryMode(LIVE))(
            {"type": "webtransport"}, server.receive, server.send
        )


# Sandbox.


async def test_sandbox_gets_a_copy_with_the_prefix_and_without_credentials() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await answer(scope, receive, send)

    scope = http(
        headers=[
            (b"host", b"svc.hms.example"),
            (b"authorization", b"Bearer secret"),
            (b"cookie", b"sid=secret"),
        ],
        query_string=b"page=2&token=secret",
        extensions={
            "tls": {"server_cert": "s", "client_cert_chain": ["c"], "client_cert_name": "CN=a"}
        },
    )
    before = {**scope}
    server = ScriptedServer()
    door = SwitchboardASGI(app, mode=MemoryMode(), tags={"run": "drill-7"})
    await door(scope, server.receive, server.send)
    (new,) = seen
    assert scope == before
    assert (new["path"], new["raw_path"]) == ("/sandbox/users", b"/sandbox/users")
    assert new["query_string"] == b"page=2&token=sandbox"
    assert b"secret" not in b"".join(value for _, value in new["headers"])
    assert dict(new["headers"])[b"x-esr-run"] == b"drill-7"
    assert new["extensions"] == {"tls": {"server_cert": "s"}}
    assert dict(server.said[0]["headers"]) == {
        b"x-app": b"1",
        b"x-esr-env": b"sandbox",
        b"x-esr-run": b"drill-7",
    }
    assert server.said[1] is BODY


@pytest.mark.parametrize(
    ("root", "path", "swapped"),
    [
        ("/svc", "/svc/users", "/svc/sandbox/users"),
        ("/svc", "/users", "/sandbox/users"),
        ("/svc/", "/svc/users", "/svc/sandbox/users"),
        ("/sv", "/svc/users", "/sandbox/svc/users"),
    ],
)
async def test_the_mount_stays_in_front(root: str, path: str, swapped: str) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["root_path"], scope["path"], scope["raw_path"]))

    server = ScriptedServer()
    scope = http(path, root_path=root)
    await SwitchboardASGI(app, mode=MemoryMode())(scope, server.receive, server.send)
    assert seen == [(root, swapped, swapped.encode())]


async def test_another_application_takes_over() -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({**BODY, "body": scope["path"].encode()})

    server = ScriptedServer()
    door = SwitchboardASGI(answer, sandbox=other, mode=MemoryMode())
    await door(http(), server.receive, server.send)
    assert server.said[1]["body"] == b"/users"


async def test_a_refused_request_never_reaches_the_application() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it was reached")

    server = ScriptedServer()
    door = SwitchboardASGI(app, mode=MemoryMode())
    await door(http("/../admin"), server.receive, server.send)
    assert server.problem["rule"] == "bad-target"


async def test_a_scope_that_cannot_be_read_is_refused() -> None:
    server = ScriptedServer()
    door = SwitchboardASGI(answer, mode=MemoryMode())
    await door(http(headers=[("host", "no bytes")]), server.receive, server.send)
    assert server.problem["rule"] == "bad-request"


@pytest.mark.parametrize(
    ("extensions", "kinds"),
    [
        (None, ["websocket.close"]),
        (
            {"websocket.http.response": {}},
            ["websocket.http.response.start", "websocket.http.response.body"],
        ),
    ],
)
async def test_a_refused_websocket_is_told_as_well_as_the_server_can(
    extensions: Any, kinds: list[str]
) -> None:
    server = ScriptedServer()
    scope = websocket(headers=[(b"host", b"127.1")], extensions=extensions)
    await SwitchboardASGI(answer, mode=MemoryMode())(scope, server.receive, server.send)
    assert server.kinds == kinds
    assert b"bad-host" in json.dumps(server.said, default=str).encode()


async def test_a_redirect_to_production_is_refused_and_its_body_with_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"location", b"https://prod.hms.gov/login")]
        await send({"type": "http.response.start", "status": 302, "headers": headers})
        await send({"type": "http.response.body", "body": b"go to https://prod.hms.gov/login"})

    server = ScriptedServer()
    told = Told()
    door = SwitchboardASGI(app, mode=MemoryMode(), observer=told)
    await door(http(), server.receive, server.send)
    assert server.problem["rule"] == "redirect"
    assert [each.rule for each in told.refusals] == ["redirect"]
    assert told.exchanges == []


async def test_hints_at_other_places_are_not_sent() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.early_hint", "links": [b"<https://prod.hms.gov>"]})
        await answer(scope, receive, send)

    server = ScriptedServer()
    await SwitchboardASGI(app, mode=MemoryMode())(http(), server.receive, server.send)
    assert server.kinds == [START["type"], BODY["type"]]


# Observing.


@pytest.mark.parametrize("mode", [LIVE, SANDBOX])
@pytest.mark.parametrize(("capture_bytes", "body"), [(0, None), (5, b"hello"), (4, None)])
async def test_an_observer_is_told_what_passed(
    mode: Any, capture_bytes: int, body: bytes | None
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()
        await answer(scope, receive, send)

    told = Told()
    server = ScriptedServer(
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"cd"},
    )
    door = SwitchboardASGI(app, mode=MemoryMode(mode), observer=told, capture_bytes=capture_bytes)
    await door(http(query_string=b"a=1", method="POST"), server.receive, server.send)
    (exchange,) = told.exchanges
    assert (exchange.door, exchange.client, exchange.status) == ("middleware", "127.0.0.1:5", 200)
    assert (exchange.method, exchange.target) == ("POST", "/users?a=1")
    assert (exchange.bytes_in, exchange.bytes_out) == (4, 5)
    assert exchange.answer_body == body
    assert exchange.body == (b"abcd" if capture_bytes else None)
    assert exchange.is_live == (mode == LIVE)
    assert exchange.headers == [("host", "svc.hms.example")]
    assert exchange.address is None


async def test_an_observer_is_told_what_was_refused() -> None:
    told = Told()
    server = ScriptedServer()
    door = SwitchboardASGI(answer, mode=MemoryMode(), observer=told)
    await door(http(headers=[(b"host", b"u:p@127.1")]), server.receive, server.send)
    (refusal,) = told.refusals
    assert (refusal.host, refusal.rule, refusal.door) == ("127.1", "bad-host", "middleware")


async def test_a_broken_observer_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Told):
        def passed(self, exchange: Exchange) -> None:
            raise RuntimeError("broken")

    server = ScriptedServer()
    door = SwitchboardASGI(answer, mode=MemoryMode(), observer=Broken())
    await door(http(), server.receive, server.send)
    assert server.kinds == [START["type"], BODY["type"]]
    assert "the observer failed" in caplog.text


# Flips.


async def test_a_flip_returns_when_the_last_request_of_the_old_way_has_ended() -> None:
    is_running, may_end = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        is_running.set()
        await may_end.wait()
        await send(BODY)

    cell = MemoryMode(LIVE)
    is_flipped, loop = asyncio.Event(), asyncio.get_running_loop()

    def first(mode: Mode, limit_s: float) -> str:
        loop.call_soon_threadsafe(is_flipped.set)
        return ""

    listener = cell.listen(first)
    door = SwitchboardASGI(app, mode=cell, drain_s=60)
    server, other = ScriptedServer(), ScriptedServer()

    async def flip() -> None:
        async with asyncio.TaskGroup() as tasks:
            flipping = tasks.create_task(asyncio.to_thread(cell.flip, SANDBOX, timeout_s=90))
            await is_flipped.wait()
            assert not flipping.done()
            # What starts now already goes the new way, and is not waited for.
            may_end_too = asyncio.Event()
            may_end_too.set()
            tasks.create_task(door(http(), other.receive, other.send))
            await asyncio.sleep(0)
            may_end.set()

    assert await while_it_runs(door, http(), server, is_running, flip) is None
    assert server.said == [START, BODY]
    assert (b"x-esr-env", b"sandbox") in other.said[0]["headers"]
    listener.close()


@pytest.mark.parametrize("is_started", [True, False])
async def test_what_does_not_end_in_time_is_cut_off(is_started: bool) -> None:
    is_running = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if is_started:
            await send(START)
            await send(PART)
        is_running.set()
        await asyncio.Event().wait()

    cell = MemoryMode(LIVE)
    door = SwitchboardASGI(app, mode=cell, drain_s=0.05)
    server = ScriptedServer()

    async def flip() -> None:
        await asyncio.to_thread(cell.flip, SANDBOX)

    raised = await while_it_runs(door, http(), server, is_running, flip)
    if is_started:
        # The server breaks the answer off, so that nobody takes it for whole.
        assert isinstance(raised, OldWayClosedError)
        assert server.said == [START, PART]
    else:
        assert raised is None
        assert (server.problem["status"], server.problem["rule"]) == (503, "flipped")


async def test_what_will_not_be_cut_off_is_told_and_can_say_nothing_more() -> None:
    is_running, may_end = asyncio.Event(), asyncio.Event()
    refused: list[Exception] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        is_running.set()
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue
        try:
            await send(START)
        except OldWayClosedError as error:
            refused.append(error)

    cell = MemoryMode(LIVE)
    door = SwitchboardASGI(app, mode=cell, drain_s=0.05)
    server = ScriptedServer()

    async def flip() -> None:
        with pytest.raises(ModeError, match=r"1 requests .* still running: /users/\{id\}"):
            await asyncio.to_thread(cell.flip, SANDBOX, timeout_s=0.5)
        may_end.set()

    await while_it_runs(door, http("/users/42"), server, is_running, flip)
    assert server.said == []
    assert len(refused) == 1


async def test_a_request_that_flips_does_not_wait_for_itself() -> None:
    cell = MemoryMode(LIVE)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(cell.flip, SANDBOX)
        await answer(scope, receive, send)

    server = ScriptedServer()
    await SwitchboardASGI(app, mode=cell)(http(), server.receive, server.send)
    assert (cell.read(), server.said) == (SANDBOX, [START, BODY])


async def test_a_flip_on_the_event_loop_cuts_others_off_at_once_but_not_itself() -> None:
    """Nothing can end by itself while its event loop waits."""
    cell = MemoryMode(LIVE)
    is_running = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/flip":
            cell.flip(SANDBOX)
            await answer(scope, receive, send)
        else:
            is_running.set()
            await asyncio.Event().wait()

    door = SwitchboardASGI(app, mode=cell, drain_s=60)
    server, other = ScriptedServer(), ScriptedServer()

    async def flip() -> None:
        await door(http("/flip"), other.receive, other.send)

    await while_it_runs(door, http(), server, is_running, flip)
    assert other.said == [START, BODY]
    assert server.problem["rule"] == "flipped"


async def test_a_cancellation_by_somebody_else_stays_one() -> None:
    is_running = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        is_running.set()
        await asyncio.Event().wait()

    server = ScriptedServer()
    door = SwitchboardASGI(app, mode=MemoryMode(LIVE))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(door(http(), server.receive, server.send))
        await is_running.wait()
        running.cancel()
    assert running.cancelled()
    assert len(door._flight) == 0


async def test_a_websocket_that_waits_for_its_client_is_closed_at_once() -> None:
    is_running = asyncio.Event()
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        is_running.set()
        heard.append(await receive())
        heard.append(await receive())

    cell = MemoryMode(LIVE)
    server = ScriptedServer({"type": "websocket.connect"})
    door = SwitchboardASGI(app, mode=cell, drain_s=60)

    async def flip() -> None:
        await asyncio.to_thread(cell.flip, SANDBOX, timeout_s=90)

    assert await while_it_runs(door, websocket(), server, is_running, flip) is None
    gone = {"type": "websocket.disconnect", "code": 1012, "reason": "the mode was flipped"}
    assert heard == [gone, gone]
    assert server.kinds == ["websocket.accept", "websocket.close"]
    assert server.said[1]["code"] == 1012


async def test_a_websocket_that_only_sends_is_closed_at_its_next_message() -> None:
    is_running = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        is_running.set()
        while True:
            await send({"type": "websocket.send", "text": "tick"})
            await asyncio.sleep(0)

    cell = MemoryMode(LIVE)
    server = ScriptedServer({"type": "websocket.connect"})
    door = SwitchboardASGI(app, mode=cell, drain_s=60)

    async def flip() -> None:
        await asyncio.to_thread(cell.flip, SANDBOX, timeout_s=90)

    assert await while_it_runs(door, websocket(), server, is_running, flip) is None
    assert server.kinds[-1] == "websocket.close"
    assert server.kinds.count("websocket.close") == 1


async def test_a_websocket_that_does_neither_is_cut_off() -> None:
    is_running = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        is_running.set()
        await asyncio.Event().wait()

    cell = MemoryMode(LIVE)
    server = ScriptedServer({"type": "websocket.connect"})
    door = SwitchboardASGI(app, mode=cell, drain_s=0.05)

    async def flip() -> None:
        await asyncio.to_thread(cell.flip, SANDBOX)

    assert await while_it_runs(door, websocket(), server, is_running, flip) is None
    assert server.kinds == ["websocket.accept", "websocket.close"]


async def test_a_flip_that_changes_nothing_ends_nothing() -> None:
    is_running, may_end = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        is_running.set()
        await may_end.wait()
        await answer(scope, receive, send)

    cell = MemoryMode(LIVE)
    door = SwitchboardASGI(app, mode=cell)
    server = ScriptedServer()

    async def flip() -> None:
        await asyncio.to_thread(cell.flip, LIVE)
        may_end.set()

    assert await while_it_runs(door, http(), server, is_running, flip) is None
    assert server.said == [START, BODY]


def test_what_ran_in_a_loop_that_is_gone_holds_no_flip_up() -> None:
    is_running: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        is_running.append(True)
        await asyncio.Event().wait()

    cell = MemoryMode(LIVE)
    door = SwitchboardASGI(app, mode=cell)
    server = ScriptedServer()
    loop = asyncio.new_event_loop()
    task = loop.create_task(door(http(), server.receive, server.send))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert is_running
    assert len(door._flight) == 1
    loop.close()
    cell.flip(SANDBOX, timeout_s=1)
    assert len(door._flight) == 0
    task.get_coro().close()  # type: ignore[union-attr]
    task._log_destroy_pending = False  # type: ignore[attr-defined]
