"""The admin API and Toxiproxy's on real sockets: who gets in, and what a fault leaves reachable."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Serving:
    """A stub gateway in a process of its own, with the Toxiproxy API beside it."""

    port: int
    toxiproxy: int

    def ask(self, line: str, *headers: str, value: Any = None) -> tuple[int, Any]:
        """The status and the JSON of one answer; 0 when there is none."""
        body = b"" if value is None else json.dumps(value).encode()
        given = [*headers, f"content-length: {len(body)}", "connection: close"]
        if not any(each.lower().startswith("host:") for each in headers):
            given.append(f"host: 127.0.0.1:{self.port}")
        if value is not None:
            given.append("content-type: application/json")
        head = "\r\n".join([f"{line} HTTP/1.1", *given, "", ""]).encode("latin-1")
        said = b""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S) as connection:
            try:
                connection.sendall(head + body)
                while chunk := connection.recv(65_536):
                    said += chunk
            except ConnectionResetError:
                return 0, None
        top, _, rest = said.partition(b"\r\n\r\n")
        return int(top.split(b" ")[1]), json.loads(rest) if rest else None


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    env = {name: value for name, value in os.environ.items() if name != "ESR_TOKEN"}
    words = ["stubs", "serve", "--listen", "127.0.0.1:0", "--toxiproxy", "127.0.0.1:0"]
    command = [sys.executable, "-m", "hms_esr", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=env
    ) as process:
        assert process.stdout is not None
        try:
            said: dict[str, int] = {}
            for line in process.stdout:
                word, _, address = line.decode().strip().partition(" ")
                if word in ("ready", "toxiproxy"):
                    said[word] = int(address.rpartition(":")[2])
                if len(said) == 2:
                    break
            yield Serving(said["ready"], said["toxiproxy"])
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        pytest.param("GET //__esr/faults", (), id="two slashes"),
        pytest.param("GET /%5f_esr/faults", (), id="percent-encoded"),
        pytest.param("GET /ach/__esr/faults", (), id="below a service"),
        pytest.param("GET /x/../__esr/faults", (), id="dots"),
        pytest.param("GET http://127.0.0.1/__esr/faults", (), id="a whole URL"),
        pytest.param("GET http://ach.hms.example/__esr/faults", (), id="a whole URL of a service"),
        pytest.param("GET /__esr/faults", ("host: ach.hms.example",), id="a service's name"),
        pytest.param("GET /__esr/faults", ("host: rebound.example",), id="a rebound name"),
        pytest.param("GET /__esr/faults", ("X-Esr-Request: 1",), id="replayed"),
        pytest.param("GET /__esr/faults", ("x-esr-callback: 1",), id="called back"),
        pytest.param("GET /__esr/faults", ("Origin: http://localhost",), id="a page"),
        pytest.param("GET /__esr/faults", ("Sec-Fetch-Site: same-origin",), id="a stub's page"),
        pytest.param("GET /__esr/faults", ("X-Forwarded-For: 127.0.0.1",), id="through a proxy"),
    ],
)
def test_an_ordinary_request_never_reaches_the_admin_api(
    serving: Serving, line: str, headers: tuple[str, ...]
) -> None:
    status, said = serving.ask(line, *headers)
    assert status == 404
    assert said["title"] == "No such route"


def test_the_gateway_itself_does(serving: Serving) -> None:
    assert serving.ask("GET /__esr/health")[1]["status"] == "ok"
    status, said = serving.ask("GET /__esr/openapi.json")
    assert status == 200
    assert "/__esr/faults" in said["paths"]


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole", "status_503"])
def test_a_fault_of_every_service_can_be_cleared_where_it_was_injected(
    serving: Serving, mode: str
) -> None:
    fault = {"kind": "down", "target": "*", "mode": mode, "id": "all"}
    assert serving.ask("POST /__esr/faults", value=fault)[0] == 201
    assert serving.ask("DELETE /__esr/faults/all") == (200, {"cleared": ["all"]})
    assert serving.ask("GET /payments/P-1", "host: ach.hms.example")[0] not in (0, 503)


def test_what_was_asked_is_in_the_journal_and_can_be_verified(serving: Serving) -> None:
    serving.ask("DELETE /__esr/journal")
    serving.ask(
        "GET /payments/P-7?token=hunter2", "host: ach.hms.example", "authorization: hunter2"
    )
    _, said = serving.ask("GET /__esr/journal")
    (entry,) = said["entries"]
    assert (entry["service"], entry["target"]) == ("ach", "/payments/P-7?token=sandbox")
    assert "hunter2" not in json.dumps(said)
    expected = {"service": "ach", "path": "/payments/*", "headers": {"authorization": "hunter2"}}
    assert serving.ask("POST /__esr/verify", value={**expected, "exactly": 1})[0] == 200
    assert serving.ask("POST /__esr/verify", value={**expected, "never": True})[0] == 409


def test_a_public_client_of_toxiproxy_is_felt_on_the_wire(serving: Serving) -> None:
    from toxiproxy import Toxiproxy  # type: ignore[import-untyped]

    def touched() -> list[int]:
        return [row["touched"] for row in serving.ask("GET /__esr/faults")[1]["faults"]]

    def ask() -> int:
        return serving.ask("GET /payments/P-1", "host: ach.hms.example")[0]

    client = Toxiproxy()
    client.update_api_consumer("127.0.0.1", serving.toxiproxy)
    proxy = client.get_proxy("ach")
    assert proxy.listen == f"127.0.0.1:{serving.port}"
    usual = ask()
    proxy.add_toxic(type="latency", attributes={"latency": 50})
    assert (ask(), touched()) == (usual, [1])
    proxy.destroy_toxic("latency_downstream")
    proxy.add_toxic(type="reset_peer", stream="upstream")
    assert (ask(), touched()) == (0, [1])
    client.reset()
    assert (ask(), touched()) == (usual, [])
