"""A recording, replayed through the gateway that made it, is answered alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request as Asked
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from proxy.recorder import Recorder
from switchboard.middleware import SwitchboardASGI
from switchboard.mode import MemoryMode
from switchboard.routes import route_template, split_url
from tests.integration.esr import esr
from tests.integration.gateway_runs import SVC, ask, gateway, write_rules
from tests.integration.middleware_servers import asgi_server
from tests.integration.recording_server import RecordingServer, Request

ACH = "api.treasury.example"
ENVIRONMENT = """
upstreams:
  - {{name: svc, hosts: ["{svc}"], base_url: "http://127.0.0.1:{port}", host: "{svc}"}}
  - {{name: ach, hosts: ["{ach}"], base_url: "http://127.0.0.1:{port}", host: "{ach}"}}
"""

Shape = Counter[tuple[str, str, str, int]]


def shape_of(path: Path) -> Shape:
    """How often each host was asked for each route, and with which status it answered."""
    shape: Shape = Counter()
    for line in path.read_bytes().splitlines():
        event = orjson.loads(line)
        host, target = split_url(event["url"])
        route = route_template(target.partition("?")[0])
        shape[host, event["method"], route, event["status"]] += 1
    return shape


def answer(request: Request) -> int:
    return 404 if request.target.startswith("/missing") else 200


def use(door: Any) -> None:
    """What the people of the day did."""
    for number in range(20):
        door.ask(SVC, f"/profiles/{number}?full=1", headers={"Authorization": "Bearer prod"})
        door.ask(SVC, f"/missing/{number}")
    for _ in range(5):
        door.ask(ACH, "/payments", method="POST", body=b'{"amount": 5}')
        door.ask(ACH, "/no-such-route")


def test_a_replay_through_the_gateway_has_the_same_routes_and_statuses(tmp_path: Path) -> None:
    """The second recording is made while the first is replayed, by another gateway."""
    with RecordingServer(status=answer) as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, record="day.ndjson") as door:
            use(door)
            assert door.stop() == 0
        with gateway(tmp_path, record="again.ndjson") as door:
            folder = tmp_path / "environments"
            folder.mkdir()
            text = ENVIRONMENT.format(svc=SVC, ach=ACH, port=door.port)
            (folder / "gateway.yml").write_text(text)
            ran = esr(tmp_path, "replay", "day.ndjson", "--speed", "max", "--target", "gateway")
            assert ran.code == 0, ran.out + ran.err
            assert door.stop() == 0
    day, again = shape_of(tmp_path / "day.ndjson"), shape_of(tmp_path / "again.ndjson")
    assert day == again
    assert day == {
        (SVC, "GET", "/profiles/{id}", 200): 20,
        (SVC, "GET", "/missing/{id}", 404): 20,
        (ACH, "POST", "/payments", 201): 5,
        (ACH, "GET", "/no-such-route", 404): 5,
    }


async def greet(asked: Asked) -> PlainTextResponse:
    return PlainTextResponse(f"hello {asked.path_params['name']}")


def test_what_the_middleware_records_replays(tmp_path: Path) -> None:
    log = tmp_path / "day.ndjson"
    with closing(Recorder(log)) as recorder:
        app = Starlette(routes=[Route("/sandbox/greet/{name}", greet, methods=["GET", "POST"])])
        front = SwitchboardASGI(
            app, mode=MemoryMode("sandbox"), observer=recorder, capture_bytes=1_000
        )
        with asgi_server(front) as port:
            secret = {"Authorization": "Bearer prod-secret"}
            for number in range(10):
                told = ask(port, SVC, f"/greet/{number}", headers=secret)
                assert told.body == b"hello %d" % number
            ask(port, SVC, "/greet/x", method="POST", body=b'{"a": 1}')
    assert "prod-secret" not in log.read_text()
    assert bodies(log) == ["hello 0", "hello x"]
    ran = esr(tmp_path, str(log), "--speed", "max", "--json", "-", script="esr-replay")
    assert ran.code == 0, ran.err
    assert ran.json["requests"]["planned"] == 11
    assert ran.json["error_pct"] == 0


def bodies(log: Path) -> list[str]:
    """The first and the last recorded answer."""
    events: Iterable[Any] = map(orjson.loads, log.read_bytes().splitlines())
    told = [event["response_body"] for event in events]
    return [told[0], told[-1]]
