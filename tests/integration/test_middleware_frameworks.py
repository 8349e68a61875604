"""The middleware in front of each real framework, behind a real server, over real sockets.

Every framework serves the same few routes, twice: as they are and under /sandbox.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from switchboard.middleware import SwitchboardASGI, SwitchboardWSGI
from switchboard.mode import MemoryMode, ModeError
from switchboard.rules import LIVE, SANDBOX, Mode
from tests.integration.middleware_apps import (
    PARTS,
    Gate,
    django_asgi_app,
    django_wsgi_app,
    fastapi_app,
    flask_app,
    starlette_app,
)
from tests.integration.middleware_servers import (
    HOST,
    PATIENCE_S,
    SECRETS,
    asgi_server,
    ask,
    connect,
    wsgi_server,
)

RULES = {
    "routes": [
        {"host": "*.hms.example", "to": {"name": "svc", "address": "127.0.0.1", "port": 9001}}
    ],
    "deny": {"hosts": ["*.hms.gov"]},
}
BIG = bytes(range(256)) * 8_192  # 2 MiB


Serve = Callable[[Any], AbstractContextManager[int]]


@dataclass(frozen=True)
class Framework:
    """One framework, and how it is served."""

    name: str
    build: Callable[[Gate], Any]
    door: Any
    serve: Serve
    has_websockets: bool = False

    def __str__(self) -> str:
        return self.name


def asgi_without_lifespan(app: Any) -> AbstractContextManager[int]:
    """Django takes none."""
    return asgi_server(app, lifespan="off")


FRAMEWORKS = [
    Framework("starlette", starlette_app, SwitchboardASGI, asgi_server, has_websockets=True),
    Framework("fastapi", fastapi_app, SwitchboardASGI, asgi_server, has_websockets=True),
    Framework("django-asgi", django_asgi_app, SwitchboardASGI, asgi_without_lifespan),
    Framework("django-wsgi", django_wsgi_app, SwitchboardWSGI, wsgi_server),
    Framework("flask", flask_app, SwitchboardWSGI, wsgi_server),
]
WITH_WEBSOCKETS = [each for each in FRAMEWORKS if each.has_websockets]


@dataclass
class Site:
    """A served application behind the middleware."""

    port: int
    cell: MemoryMode
    gate: Gate
    framework: Framework
    is_asgi: bool


@pytest.fixture
def cell() -> MemoryMode:
    return MemoryMode(LIVE)


@pytest.fixture(params=FRAMEWORKS, ids=str)
def site(request: pytest.FixtureRequest, cell: MemoryMode) -> Iterator[Site]:
    yield from served(request.param, cell)


@pytest.fixture(params=WITH_WEBSOCKETS, ids=str)
def socket_site(request: pytest.FixtureRequest, cell: MemoryMode) -> Iterator[Site]:
    yield from served(request.param, cell)


def served(framework: Framework, cell: MemoryMode) -> Iterator[Site]:
    gate = Gate()
    app = framework.build(gate)
    door = framework.door(app, mode=cell, rules=RULES, tags={"run": "drill-7"}, drain_s=0.2)
    with framework.serve(door) as port:
        yield Site(port, cell, gate, framework, framework.door is SwitchboardASGI)
        gate.may_end.set()


def test_live_is_untouched(site: Site) -> None:
    status, headers, body = ask(site.port, "/tell?a=1&token=secret", headers=SECRETS)
    told = json.loads(body)
    assert (status, told["where"], told["path"]) == (200, "live", "/tell")
    assert told["query"] == "a=1&token=secret"
    assert {name: told["headers"][name.lower()] for name in SECRETS} == SECRETS
    assert not any(name.startswith("x-esr") for name in (*headers, *told["headers"]))
    assert headers["set-cookie"].startswith("theme=dark")


def test_sandbox_has_the_prefix_the_tags_and_no_credentials(site: Site) -> None:
    site.cell.flip(SANDBOX)
    status, headers, body = ask(site.port, "/tell?a=1&token=secret", headers=SECRETS)
    told = json.loads(body)
    assert (status, told["where"], told["path"]) == (200, "sandbox", "/sandbox/tell")
    assert told["query"] == "a=1&token=sandbox"
    assert b"secret" not in body
    assert told["headers"]["host"] == HOST
    assert (told["headers"]["x-esr-env"], told["headers"]["x-esr-run"]) == ("sandbox", "drill-7")
    assert (headers["x-esr-env"], headers["x-esr-run"]) == ("sandbox", "drill-7")
    assert headers["set-cookie"].startswith("esr_theme=dark")


def test_a_cookie_of_the_sandbox_comes_back(site: Site) -> None:
    site.cell.flip(SANDBOX)
    cookies = {"Cookie": "theme=production; esr_theme=dark"}
    _, _, body = ask(site.port, "/tell", headers=cookies)
    assert json.loads(body)["headers"]["cookie"] == "theme=dark"


@pytest.mark.parametrize(
    ("host", "rule", "status"),
    [
        ("prod.hms.gov", "deny.hosts[0]", 599),
        ("prod.other.example", "unmapped-host", 599),
        ("2130706433", "bad-host", 400),
    ],
)
def test_a_pasted_production_host_is_refused(site: Site, host: str, rule: str, status: int) -> None:
    site.cell.flip(SANDBOX)
    found = ask(site.port, "/tell", host=host)
    assert (found[0], found[1]["x-esr-refused"]) == (status, rule)
    assert found[1]["content-type"] == "application/problem+json"
    assert json.loads(found[2])["rule"] == rule


@pytest.mark.parametrize(
    "path", ["/../tell", "/%2e%2e/tell", "/a/..%2f..%2ftell", "//prod.hms.gov/tell", "/a%5c..%5cb"]
)
def test_no_path_steps_out_of_the_sandbox(site: Site, path: str) -> None:
    site.cell.flip(SANDBOX)
    status, headers, body = ask(site.port, path)
    # A server may make a plain path of it before anybody sees it; then it is in the sandbox.
    refused = (status, headers.get("x-esr-refused")) == (400, "bad-target")
    assert refused or (status == 404 and headers["x-esr-env"] == "sandbox"), (status, body)


def test_a_redirect_to_production_is_refused(site: Site) -> None:
    status, headers, _ = ask(site.port, "/leave")
    assert (status // 100, headers["location"]) == (3, "https://prod.hms.gov/login")
    site.cell.flip(SANDBOX)
    status, headers, body = ask(site.port, "/leave")
    assert (status, headers["x-esr-refused"]) == (599, "redirect")
    assert "location" not in headers
    assert json.loads(body)["rule"] == "redirect"


@pytest.mark.parametrize("mode", [LIVE, SANDBOX])
def test_a_large_body_goes_up_whole(site: Site, mode: Mode) -> None:
    site.cell.flip(mode)
    status, _, body = ask(site.port, "/digest", method="POST", body=BIG)
    assert (status, body.decode()) == (200, hashlib.sha256(BIG).hexdigest())


@pytest.mark.parametrize("mode", [LIVE, SANDBOX])
def test_a_streaming_answer_comes_part_by_part(site: Site, mode: Mode) -> None:
    site.cell.flip(mode)
    connection = connect(site.port)
    connection.request("GET", "/stream", headers={"Host": HOST})
    said = connection.getresponse()
    assert said.read1(100) == PARTS[0]  # it is here, and the rest does not exist yet
    assert site.gate.is_running.wait(PATIENCE_S)
    site.gate.may_end.set()
    assert said.read() == b"".join(PARTS[1:])
    connection.close()


def test_a_flip_in_mid_stream_waits_for_the_end_of_it(cell: MemoryMode) -> None:
    """With time to drain, the old answer ends whole and nothing new goes the old way."""
    for framework in FRAMEWORKS:
        gate = Gate()
        one = MemoryMode(LIVE)
        has_begun = threading.Event()

        def begun(mode: Mode, limit_s: float, has_begun: threading.Event = has_begun) -> str:
            has_begun.set()
            return ""

        listener = one.listen(begun)  # before the middleware, so told first
        door = framework.door(framework.build(gate), mode=one, rules=RULES, drain_s=60)
        with framework.serve(door) as port:
            connection = connect(port)
            connection.request("GET", "/stream", headers={"Host": HOST})
            said = connection.getresponse()
            assert gate.is_running.wait(PATIENCE_S)
            flipping = threading.Thread(
                target=one.flip, args=(SANDBOX,), kwargs={"timeout_s": 90}, daemon=True
            )
            flipping.start()
            assert has_begun.wait(PATIENCE_S)
            assert json.loads(ask(port, "/tell")[2])["where"] == "sandbox"
            assert flipping.is_alive()
            gate.may_end.set()
            assert said.read() == b"".join(PARTS)
            flipping.join(PATIENCE_S)
            assert not flipping.is_alive()
            connection.close()
        listener.close()


def test_a_flip_in_mid_stream_cuts_off_what_does_not_end(site: Site) -> None:
    connection = connect(site.port)
    connection.request("GET", "/stream", headers={"Host": HOST})
    said = connection.getresponse()
    assert site.gate.is_running.wait(PATIENCE_S)
    if site.is_asgi:
        site.cell.flip(SANDBOX)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            said.read()
    else:
        with pytest.raises(ModeError, match="1 requests of the old way are still running"):
            site.cell.flip(SANDBOX, timeout_s=0.5)  # a thread cannot be cancelled
        site.gate.may_end.set()
        assert said.read() == PARTS[0]  # wsgiref speaks HTTP/1.0: the end is the end
    connection.close()
    assert json.loads(ask(site.port, "/tell")[2])["where"] == "sandbox"


@pytest.mark.parametrize("mode", [LIVE, SANDBOX])
def test_a_websocket_passes_both_ways(socket_site: Site, mode: Mode) -> None:
    socket_site.cell.flip(mode)
    with open_websocket(socket_site.port) as opened:
        assert opened.recv() == mode
        for message in (b"", b"\0\xff", BIG[:100_000]):
            opened.send(message)
            assert opened.recv() == message


def test_a_websocket_of_the_old_way_is_closed_by_a_flip(socket_site: Site) -> None:
    with open_websocket(socket_site.port) as opened:
        assert opened.recv() == LIVE
        socket_site.cell.flip(SANDBOX)
        with pytest.raises(ConnectionClosed) as closed:
            opened.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    with open_websocket(socket_site.port) as opened:
        assert opened.recv() == SANDBOX


def test_a_websocket_to_a_production_host_is_refused(socket_site: Site) -> None:
    socket_site.cell.flip(SANDBOX)
    with (
        pytest.raises(InvalidStatus) as refused,
        open_websocket(socket_site.port, "prod.hms.gov"),
    ):
        pass
    answer = refused.value.response
    assert (answer.status_code, answer.headers["x-esr-refused"]) == (599, "deny.hosts[0]")


def open_websocket(port: int, host: str = HOST) -> ClientConnection:
    """A WebSocket to this port, whatever host it asks for."""
    dialled = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    return connect_websocket(f"ws://{host}/socket", sock=dialled)
