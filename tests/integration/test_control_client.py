"""Calling a control API over a real socket: well answered, badly answered, not answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from hms_esr.control_client import ControlClient
from hms_esr.exits import run_guarded
from hms_esr.local_api import LocalApiError
from hms_esr.switchboard_command import flip_command, show_command
from switchboard.errors import UpstreamError


class ScriptedGateway(HTTPServer):
    """Answers every call with the same, and remembers what it was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = (status, body)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedGateway

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        status, answer = self.server.answer
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def gateway(status: int, value: Any) -> Iterator[ScriptedGateway]:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    with ScriptedGateway(status, body) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_show_and_flip(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESR_TOKEN", "t0ken")
    with gateway(200, {"mode": "live"}) as server:
        assert show_command(control=server.url, json_file="-") == 0
        assert json.loads(capsys.readouterr().out)["mode"] == "live"
        assert flip_command("live", who="ann", why="drill", control=server.url) == 0
        out = capsys.readouterr().out
    assert out.startswith("live\n")
    assert "t0ken" not in out
    (get, put) = server.asked
    assert get[:2] == ("GET", "/api/esr/switchboard")
    assert put[:2] == ("PUT", "/api/esr/switchboard/mode")
    assert json.loads(put[3]) == {"mode": "live", "who": "ann", "why": "drill"}
    assert put[2]["Authorization"] == "Bearer t0ken"
    assert put[2]["Host"] == server.url.removeprefix("http://")


def test_back_to_the_sandbox_gives_a_reason_by_itself() -> None:
    with gateway(200, {"mode": "sandbox"}) as server:
        assert flip_command("sandbox", control=server.url) == 0
    asked = json.loads(server.asked[0][3])
    assert asked["who"]
    assert asked["why"]


@pytest.mark.parametrize(
    ("status", "value", "says"),
    [
        (401, {"title": "x"}, "set ESR_TOKEN"),
        (503, {"detail": "worker 3 did not say that its old requests are done"}, "worker 3"),
        (422, {"title": "Field amiss"}, "Field amiss"),
        (500, {}, "answered 500: no reason"),
        (200, b"hello", "no JSON: is it a gateway's control API?"),
        (200, [], "no JSON"),
        (204, b"", "no JSON"),
    ],
)
def test_what_it_says_otherwise(status: int, value: Any, says: str) -> None:
    with gateway(status, value) as server, pytest.raises(LocalApiError) as caught:
        ControlClient(server.url, None, 5.0).status()
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(200, {}) as server:
        url = server.url
    with pytest.raises(UpstreamError, match="does not answer: Connection refused"):
        ControlClient(url, None, 5.0).status()
    assert run_guarded(lambda: show_command(control=url)) == 96
    assert "does not answer" in capsys.readouterr().err
