"""The WSGI middleware with scripted applications: what passes, what is ended by a flip, and how."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from switchboard.edge.in_flight import OldWayClosedError
from switchboard.exchange import Exchange, Refusal
from switchboard.middleware import SwitchboardWSGI
from switchboard.mode import MemoryMode, ModeError
from switchboard.rules import LIVE, SANDBOX, Mode

PATIENCE_S = 30.0


class ScriptedServer:
    """What a server is to an application."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []
        self.started = 0

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        self.status, self.headers = status, list(headers)
        self.started += 1
        return self.written.append

    def run(self, app: Any, environ: dict[str, Any]) -> bytes:
        """Ask, read the whole answer, close it."""
        answer = app(environ, self.start_response)
        try:
            return b"".join(self.written) + b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()

    @property
    def rule(self) -> str:
        return dict(self.headers).get("x-esr-refused", "")


class Told:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.refusals: list[Refusal] = []

    def passed(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)


def environ(path: str = "/users", **more: Any) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "svc.hms.example",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"abcd"),
        **more,
    }


def answer(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("x-app", "1")])
    return [b"hello"]


class Streaming:
    """An answer in two parts, of which the second comes when it may."""

    def __init__(self) -> None:
        self.is_running = threading.Event()
        self.may_end = threading.Event()
        self.is_closed = False

    def __call__(self, asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield b"one "
        self.is_running.set()
        assert self.may_end.wait(PATIENCE_S)
        yield b"two"

    def close(self) -> None:
        self.is_closed = True


class InThread:
    """A request in a thread of its own, as a server would run it."""

    def __init__(self, app: Any, asked: dict[str, Any]) -> None:
        self.server = ScriptedServer()
        self.body = b""
        self.raised: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(app, asked), daemon=True)
        self._thread.start()

    def _run(self, app: Any, asked: dict[str, Any]) -> None:
        try:
            self.body = self.server.run(app, asked)
        except Exception as error:
            self.raised = error

    def wait(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


class Flip:
    """A flip in a thread of its own; `has_begun` once the mode is the new one."""

    def __init__(self, cell: MemoryMode, mode: Mode, timeout_s: float) -> None:
        self.has_begun = threading.Event()
        self.raised: Exception | None = None
        self._listener = cell.listen(self._begun)  # before any middleware, so told first
        self._thread = threading.Thread(target=self._run, args=(cell, mode, timeout_s), daemon=True)

    def begin(self) -> None:
        self._thread.start()
        assert self.has_begun.wait(PATIENCE_S)

    def _run(self, cell: MemoryMode, mode: Mode, timeout_s: float) -> None:
        try:
            cell.flip(mode, timeout_s=timeout_s)
        except ModeError as error:
            self.raised = error
        finally:
            self._listener.close()

    def _begun(self, mode: Mode, limit_s: float) -> str:
        self.has_begun.set()
        return ""

    @property
    def is_waiting(self) -> bool:
        return self._thread.is_alive()

    def wait(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


# Live.


def test_live_gets_the_very_environ_and_start_response() -> None:
    seen: list[Any] = []
    result = [b"hello"]

    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.extend((asked, start_response))
        return result

    server = ScriptedServer()
    asked, start = environ(), server.start_response
    assert SwitchboardWSGI(app, mode=MemoryMode(LIVE))(asked, start) is result
    assert seen[0] is asked
    assert seen[1] is start


def test_a_streaming_answer_is_closed_once_and_over_then() -> None:
    app = Streaming()
    app.may_end.set()
    door = SwitchboardWSGI(app, mode=MemoryMode(LIVE))
    assert ScriptedServer().run(door, environ()) == b"one two"
    assert (app.is_closed, len(door._flight)) == (True, 0)


@pytest.mark.parametrize("mode", [LIVE, SANDBOX])
def test_an_error_of_the_application_is_its_own(mode: Mode) -> None:
    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise LookupError("its own")

    door = SwitchboardWSGI(app, mode=MemoryMode(mode))
    with pytest.raises(LookupError, match="its own"):
        door(environ(), ScriptedServer().start_response)
    assert len(door._flight) == 0


def test_an_answer_that_the_server_forgets_is_over_all_the_same() -> None:
    door = SwitchboardWSGI(Streaming(), mode=MemoryMode(LIVE))
    found = door(environ(), ScriptedServer().start_response)
    assert len(door._flight) == 1
    del found
    assert len(door._flight) == 0


# Sandbox.


def test_sandbox_gets_a_copy_with_the_prefix_and_without_credentials() -> None:
    seen: list[dict[str, Any]] = []

    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(asked)
        return answer(asked, start_response)

    asked = environ(
        SCRIPT_NAME="/svc",
        QUERY_STRING="page=2&token=secret",
        REQUEST_URI="/svc/users?page=2&token=secret",
        RAW_URI="/svc/users?page=2&token=secret",
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH="4",
        HTTP_AUTHORIZATION="Bearer secret",
        HTTP_COOKIE="sid=secret",
        HTTP_X_API_KEY="secret",
        HTTP_ACCEPT="*/*",
        REDIRECT_HTTP_AUTHORIZATION="Bearer secret",
        REMOTE_USER="secret",
        AUTH_TYPE="Basic",
        SSL_CLIENT_CERT="secret",
        PATH_TRANSLATED="/srv/secret",
    )
    before = {**asked}
    server = ScriptedServer()
    door = SwitchboardWSGI(app, mode=MemoryMode(), tags={"run": "drill-7", "team": "a"})
    assert server.run(door, asked) == b"hello"
    (new,) = seen
    assert asked == before
    assert (new["SCRIPT_NAME"], new["PATH_INFO"]) == ("/svc", "/sandbox/users")
    assert new["REQUEST_URI"] == new["RAW_URI"] == "/svc/sandbox/users?page=2&token=sandbox"
    assert "secret" not in repr(new)
    assert {key: value for key, value in new.items() if key.startswith(("HTTP_", "CONTENT"))} == {
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "svc.hms.example",
        "HTTP_ACCEPT": "*/*",
        "HTTP_X_ESR_ENV": "sandbox",
        "HTTP_X_ESR_SERVICE": "svc",
        "HTTP_X_ESR_RUN": "drill-7",
        "HTTP_X_ESR_LABEL_TEAM": "a",
    }
    assert server.headers == [("x-app", "1"), ("x-esr-env", "sandbox"), ("x-esr-run", "drill-7")]


def test_a_path_that_is_no_ascii_stays_what_it_is() -> None:
    """WSGI decodes bytes as Latin-1, whatever they are."""
    seen: list[str] = []

    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(asked["PATH_INFO"])
        return answer(asked, start_response)

    path = "/süd".encode().decode("latin-1")
    door = SwitchboardWSGI(app, mode=MemoryMode())
    ScriptedServer().run(door, environ(path, REQUEST_URI="/s%C3%BCd"))
    ScriptedServer().run(door, environ(path))
    assert seen == [f"/sandbox{path}"] * 2


@pytest.mark.parametrize(
    "asked",
    [
        environ("/../admin"),
        environ("//prod.example"),
        environ("/users", REQUEST_URI="http://prod.example/users"),
        environ("/users", REQUEST_URI="/a/../users"),
        environ("/a\\b"),
        environ("/a\0b"),
        environ("*", REQUEST_METHOD="OPTIONS"),
    ],
    ids=lambda asked: repr((asked["PATH_INFO"], asked.get("REQUEST_URI"))),
)
def test_a_path_that_could_step_out_never_reaches_the_application(asked: dict[str, Any]) -> None:
    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise AssertionError("it was reached")

    server = ScriptedServer()
    body = server.run(SwitchboardWSGI(app, mode=MemoryMode()), asked)
    assert (server.rule, json.loads(body)["rule"]) == ("bad-target", "bad-target")
    assert server.status == "400 Bad Request"


def test_an_environ_that_cannot_be_read_is_refused() -> None:
    server = ScriptedServer()
    server.run(SwitchboardWSGI(answer, mode=MemoryMode()), environ("/ünïcode\u2603"))
    assert server.rule == "bad-request"


def test_another_application_takes_over() -> None:
    def other(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [asked["PATH_INFO"].encode()]

    door = SwitchboardWSGI(answer, sandbox=other, mode=MemoryMode())
    assert ScriptedServer().run(door, environ()) == b"/users"


def redirect_at_once(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("302 Found", [("Location", "https://prod.hms.gov/")])
    return [b"go to https://prod.hms.gov/"]


def redirect_when_asked_for_the_first_part(
    asked: dict[str, Any], start_response: Any
) -> Iterable[bytes]:
    start_response("302 Found", [("Location", "https://prod.hms.gov/")])
    yield b"go to https://prod.hms.gov/"
    yield b"again"


def redirect_by_write(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    write = start_response("302 Found", [("Location", "https://prod.hms.gov/")])
    write(b"go to https://prod.hms.gov/")
    return []


@pytest.mark.parametrize(
    "app", [redirect_at_once, redirect_when_asked_for_the_first_part, redirect_by_write]
)
def test_a_redirect_to_production_is_refused_and_its_body_with_it(app: Any) -> None:
    told, server = Told(), ScriptedServer()
    body = server.run(SwitchboardWSGI(app, mode=MemoryMode(), observer=told), environ())
    assert (server.status, server.rule) == ("599 Refused", "redirect")
    assert json.loads(body)["rule"] == "redirect"
    assert "Location" not in dict(server.headers)
    assert [each.rule for each in told.refusals] == ["redirect"]


def test_an_error_page_takes_the_place_of_what_was_started() -> None:
    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("x-app", "1")])
        try:
            raise LookupError("its own")
        except LookupError as error:
            start_response("500 Oops", [], (LookupError, error, error.__traceback__))
        return [b"oops"]

    server = ScriptedServer()
    assert server.run(SwitchboardWSGI(app, mode=MemoryMode()), environ()) == b"oops"
    assert (server.status, server.started) == ("500 Oops", 2)


# Observing.


def read_all(source: Any) -> bytes:
    return bytes(source.read())


def read_lines(source: Any) -> bytes:
    return b"".join(source.readlines())


def read_each(source: Any) -> bytes:
    return b"".join(source)


def read_line_by_line(source: Any) -> bytes:
    return bytes(source.readline() + source.readline())


@pytest.mark.parametrize("read", [read_all, read_lines, read_each, read_line_by_line])
@pytest.mark.parametrize("mode", [LIVE, SANDBOX])
def test_an_observer_is_told_what_passed(mode: Mode, read: Callable[[Any], bytes]) -> None:
    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert read(asked["wsgi.input"]) == b"ab\ncd"
        assert asked["wsgi.input"].seekable()
        write = start_response("201 Created", [("x-app", "1")])
        write(b"hel")
        return [b"lo"]

    told = Told()
    door = SwitchboardWSGI(app, mode=MemoryMode(mode), observer=told, capture_bytes=5)
    asked = environ(QUERY_STRING="a=1", REMOTE_PORT="5")
    asked["wsgi.input"] = io.BytesIO(b"ab\ncd")
    assert ScriptedServer().run(door, asked) == b"hello"
    (exchange,) = told.exchanges
    assert (exchange.client, exchange.status, exchange.target) == (
        "127.0.0.1:5",
        201,
        "/users?a=1",
    )
    assert (exchange.body, exchange.answer_body) == (b"ab\ncd", b"hello")
    assert (exchange.bytes_in, exchange.bytes_out) == (5, 5)
    assert exchange.is_live == (mode == LIVE)


# Flips.


def test_a_flip_returns_when_the_last_request_of_the_old_way_has_ended() -> None:
    cell, app = MemoryMode(LIVE), Streaming()
    flip = Flip(cell, SANDBOX, 90)
    door = SwitchboardWSGI(app, mode=cell, drain_s=60)
    running = InThread(door, environ())
    assert app.is_running.wait(PATIENCE_S)
    flip.begin()
    assert flip.is_waiting
    app.may_end.set()
    running.wait()
    flip.wait()
    assert (running.body, running.raised, flip.raised) == (b"one two", None, None)


def test_what_does_not_end_in_time_is_broken_off() -> None:
    cell, app = MemoryMode(LIVE), Streaming()
    door = SwitchboardWSGI(app, mode=cell, drain_s=0)
    running = InThread(door, environ())
    assert app.is_running.wait(PATIENCE_S)
    with pytest.raises(ModeError, match="1 requests of the old way are still running: /users"):
        cell.flip(SANDBOX, timeout_s=0.2)  # a thread cannot be cancelled
    app.may_end.set()
    running.wait()
    assert isinstance(running.raised, OldWayClosedError)
    assert app.is_closed
    cell.flip(SANDBOX)


def test_a_request_that_flips_does_not_wait_for_itself() -> None:
    cell = MemoryMode(LIVE)

    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        cell.flip(SANDBOX)
        start_response("200 OK", [])
        return iter([b"flipped"])

    server = ScriptedServer()
    assert server.run(SwitchboardWSGI(app, mode=cell), environ()) == b"flipped"


def test_an_answer_that_stands_still_in_the_flipping_thread_is_broken_off() -> None:
    cell, app = MemoryMode(LIVE), Streaming()
    door = SwitchboardWSGI(app, mode=cell, drain_s=60)
    found = iter(door(environ(), ScriptedServer().start_response))
    assert next(found) == b"one "
    cell.flip(SANDBOX)
    with pytest.raises(OldWayClosedError):
        next(found)


def test_many_threads_and_many_flips_never_mix_the_ways() -> None:
    """Whoever starts after a flip returned goes the new way, and nobody of the old way runs."""
    cell = MemoryMode()
    ended = threading.Event()
    running: dict[Mode, int] = {LIVE: 0, SANDBOX: 0}
    counting = threading.Lock()

    def app(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        mode: Mode = SANDBOX if asked["PATH_INFO"].startswith("/sandbox") else LIVE
        with counting:
            running[mode] += 1
        try:
            start_response("200 OK", [])
            yield b"a"
            yield b"b"
        finally:
            with counting:
                running[mode] -= 1

    door = SwitchboardWSGI(app, mode=cell)

    def ask() -> None:
        while not ended.is_set():
            ScriptedServer().run(door, environ())

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(12):
            old, new = (LIVE, SANDBOX) if number % 2 else (SANDBOX, LIVE)
            cell.flip(new)
            with counting:
                assert running[old] == 0
    finally:
        ended.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert len(door._flight) == 0
