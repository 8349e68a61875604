"""Toxiproxy's API as its clients see it: codes, bodies, errors; and its faults in the timetable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from stubs.admin.place import Door
from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import Chaos
from stubs.faults.mapping import fault_mapping
from stubs.toxiproxy import Book, make_toxiproxy
from tests.stubs.admin.scripted import Said, ask

LISTEN = "127.0.0.1:8080"


class Server:
    """The API over two services, with a real timetable behind it."""

    def __init__(self, door: Door | None = None) -> None:
        self.chaos = Chaos(7, RecordedClock(Anchor(0, 900_000.0, 0.0), lambda: 0))
        book = Book(self.chaos, lambda: ["ach", "svc"], lambda service: LISTEN)
        self.app = make_toxiproxy(book, door)

    async def call(
        self,
        request: str,
        value: Any = None,
        headers: Mapping[str, str] | None = None,
        peer: str = "127.0.0.1",
    ) -> Said:
        method, _, path = request.partition(" ")
        body = value if isinstance(value, bytes) else b"" if value is None else orjson.dumps(value)
        return await ask(self.app, method, path, headers, body, peer)

    def faults(self) -> list[dict[str, Any]]:
        return [fault_mapping(fault) for fault in self.chaos.faults]


def proxy(name: str, upstream: str, *toxics: Any, enabled: bool = True) -> dict[str, Any]:
    return {
        "name": name,
        "listen": LISTEN,
        "upstream": upstream,
        "enabled": enabled,
        "toxics": list(toxics),
    }


LATENCY = {
    "name": "latency_downstream",
    "type": "latency",
    "stream": "downstream",
    "toxicity": 1.0,
    "attributes": {"latency": 1000, "jitter": 0},
}


async def test_every_service_is_a_proxy() -> None:
    said = await Server().call("GET /proxies")
    assert said.json == {"ach": proxy("ach", "ach.stubs"), "svc": proxy("svc", "svc.stubs")}
    assert (await Server().call("GET /proxies/ach")).json == proxy("ach", "ach.stubs")


async def test_a_toxic_is_added_listed_updated_and_removed() -> None:
    server = Server()
    raw = {"type": "latency", "attributes": {"latency": 1000}}
    said = await server.call("POST /proxies/ach/toxics", raw)
    assert (said.status, said.json) == (200, LATENCY)
    (fault,) = server.faults()
    assert (fault["id"], fault["kind"], fault["ms"], fault["at"]) == (
        "toxiproxy/ach/latency_downstream",
        "latency",
        1000,
        "15m",
    )
    assert fault["target"] in ("ach", {"service": "ach"})
    assert (await server.call("GET /proxies/ach/toxics")).json == [LATENCY]
    assert (await server.call("GET /proxies/ach/toxics/latency_downstream")).json == LATENCY
    change = {"attributes": {"latency": 5}, "toxicity": 0.25}
    for method in ("PATCH", "POST"):
        said = await server.call(f"{method} /proxies/ach/toxics/latency_downstream", change)
        assert said.status == 200
        assert (said.json["attributes"]["latency"], said.json["toxicity"]) == (5, 0.25)
        assert [(f["ms"], f["probability"]) for f in server.faults()] == [(5, 0.25)]
    said = await server.call("DELETE /proxies/ach/toxics/latency_downstream")
    assert (said.status, said.body, server.faults()) == (204, b"", [])


async def test_a_proxy_is_disabled_and_enabled() -> None:
    server = Server()
    said = await server.call("POST /proxies/ach", {"enabled": False})
    assert (said.status, said.json) == (200, proxy("ach", "ach.stubs", enabled=False))
    assert [(f["id"], f["kind"]) for f in server.faults()] == [("toxiproxy/ach", "down")]
    assert server.chaos.refused_services() == frozenset({"ach"})
    said = await server.call("PATCH /proxies/ach", {"enabled": True})
    assert (said.json["enabled"], server.faults()) == (True, [])


async def test_reset_enables_everybody_and_removes_all_toxics() -> None:
    server = Server()
    await server.call("POST /proxies/ach", {"enabled": False})
    await server.call("POST /proxies/svc/toxics", {"type": "timeout"})
    assert len(server.faults()) == 2
    assert (await server.call("POST /reset")).status == 204
    assert server.faults() == []
    assert (await server.call("GET /proxies")).json["ach"]["enabled"] is True


@pytest.mark.parametrize(
    ("name", "upstream", "service"),
    [
        ("payments", "ach.hms.example:443", "ach"),
        ("svc", "db.example:5432", "svc"),
        ("redis", "redis:6379", "redis"),
        ("svc-fee", "x:1", "svc-fee"),
    ],
)
async def test_a_proxy_stands_for_a_service_and_its_upstream_is_only_text(
    name: str, upstream: str, service: str
) -> None:
    server = Server()
    await server.call("DELETE /proxies/svc")
    said = await server.call("POST /proxies", {"name": name, "upstream": upstream, "listen": "x"})
    assert (said.status, said.json) == (201, proxy(name, upstream))
    await server.call(f"POST /proxies/{name}/toxics", {"type": "timeout"})
    assert [fault.target.service for fault in server.chaos.faults] == [service]


async def test_a_deleted_proxy_takes_its_toxics_along_and_stays_away() -> None:
    server = Server()
    await server.call("POST /proxies/ach/toxics", {"type": "timeout"})
    assert (await server.call("DELETE /proxies/ach")).status == 204
    assert server.faults() == []
    assert list((await server.call("GET /proxies")).json) == ["svc"]


async def test_populate_keeps_what_is_there_and_replaces_what_is_another() -> None:
    server = Server()
    wanted = [{"name": "ach", "upstream": "ach.stubs"}, {"name": "db", "upstream": "prod.gov:1"}]
    await server.call("POST /proxies/ach/toxics", {"type": "latency"})
    said = await server.call("POST /populate", wanted)
    assert said.status == 201
    assert [each["name"] for each in said.json["proxies"]] == ["ach", "db"]
    assert len(server.faults()) == 1
    wanted[0]["upstream"] = "other:1"
    said = await server.call("POST /populate", wanted)
    assert said.json["proxies"][0] == proxy("ach", "other:1")
    assert server.faults() == []


async def test_faults_cleared_at_the_desk_are_no_toxics_any_more() -> None:
    server = Server()
    await server.call("POST /proxies/ach/toxics", {"type": "timeout"})
    await server.call("POST /proxies/ach", {"enabled": False})
    server.chaos.clear()
    assert (await server.call("GET /proxies/ach")).json == proxy("ach", "ach.stubs")


async def test_a_toxic_that_contradicts_another_changes_nothing() -> None:
    server = Server()
    slow = {"type": "bandwidth", "name": "a", "attributes": {"rate": 1}}
    await server.call("POST /proxies/ach/toxics", slow)
    other = {"type": "bandwidth", "name": "b", "attributes": {"rate": 2}}
    said = await server.call("POST /proxies/ach/toxics", other)
    assert said.status == 400
    assert "contradicts" in said.json["error"]
    half = {**other, "toxicity": 0.5}
    assert (await server.call("POST /proxies/ach/toxics", half)).status == 200
    said = await server.call("PATCH /proxies/ach/toxics/b", {"toxicity": 1})
    assert said.status == 400
    assert [fault.probability for fault in server.chaos.faults] == [1.0, 0.5]


async def test_version_and_metrics() -> None:
    server = Server()
    assert (await server.call("GET /version")).json == {"version": "2.12.0"}
    await server.call("POST /proxies/ach/toxics", {"type": "timeout"})
    said = await server.call("GET /metrics")
    assert b"toxiproxy_proxies 2\n" in said.body
    assert b"toxiproxy_toxics 1\n" in said.body


TOXIC = "/proxies/ach/toxics"


@pytest.mark.parametrize(
    ("request_line", "value", "status", "error"),
    [
        ("GET /proxies/nobody", None, 404, "proxy not found"),
        ("PATCH /proxies/nobody", {}, 404, "proxy not found"),
        ("DELETE /proxies/nobody", None, 404, "proxy not found"),
        ("GET /proxies/nobody/toxics", None, 404, "proxy not found"),
        ("POST /proxies/nobody/toxics", {"type": "latency"}, 404, "proxy not found"),
        (f"GET {TOXIC}/x", None, 404, "toxic not found"),
        (f"PATCH {TOXIC}/x", {}, 404, "toxic not found"),
        (f"DELETE {TOXIC}/x", None, 404, "toxic not found"),
        ("POST /proxies", {"name": "ach", "upstream": "x:1"}, 409, "proxy already exists"),
        ("POST /proxies", {"upstream": "x:1"}, 400, "missing required field: name"),
        ("POST /proxies", {"name": "a"}, 400, "missing required field: upstream"),
        ("POST /proxies", {"name": "a/b", "upstream": "x"}, 400, "no slash"),
        ("POST /proxies", b"{", 400, "bad request body"),
        ("POST /proxies", [], 400, "bad request body"),
        ("POST /proxies", {"name": "a", "upstream": "x", "enabled": 1}, 400, "bad request body"),
        ("POST /populate", [{"name": "a"}], 400, "missing required field: upstream at proxy 1"),
        ("POST /populate", {}, 400, "bad request body"),
        (f"POST {TOXIC}", {"type": "x"}, 400, "invalid toxic type"),
        (f"POST {TOXIC}", {"type": "timeout", "stream": "x"}, 400, "stream was invalid"),
        (f"POST {TOXIC}", {"type": "slicer"}, 400, "average_size"),
        (
            f"POST {TOXIC}",
            {"type": "latency", "attributes": {"latency": 10**9}},
            400,
            "bad request body: ms",
        ),
        (f"POST {TOXIC}", b" " * 2_000_000, 413, "at most"),
        ("GET /nothing", None, 404, "Not Found"),
        ("PUT /proxies", None, 405, "Method Not Allowed"),
    ],
)
async def test_errors_are_in_toxiproxys_own_form(
    request_line: str, value: Any, status: int, error: str
) -> None:
    server = Server()
    said = await server.call(request_line, value)
    assert said.status == said.json["status"] == status
    assert set(said.json) == {"error", "status"}
    assert error in said.json["error"]
    assert server.faults() == []


async def test_a_toxic_that_is_there_already() -> None:
    server = Server()
    await server.call(f"POST {TOXIC}", {"type": "latency"})
    said = await server.call(f"POST {TOXIC}", {"type": "latency"})
    assert (said.status, said.json["error"]) == (409, "toxic already exists")


@pytest.mark.parametrize(
    ("headers", "peer", "door", "status"),
    [
        ({}, "127.0.0.1", None, 200),
        ({"user-agent": "Mozilla/5.0"}, "127.0.0.1", None, 403),
        ({"origin": "http://127.0.0.1:8474"}, "127.0.0.1", None, 403),
        ({"host": "rebound.example:8474"}, "127.0.0.1", None, 421),
        ({"x-esr-request": "1f"}, "127.0.0.1", None, 403),
        ({"x-esr-callback": "1"}, "127.0.0.1", None, 403),
        ({}, "10.0.0.1", None, 403),
        ({}, "10.0.0.1", Door("t0ken", is_loopback=False), 401),
        ({"authorization": "Bearer t0ken"}, "10.0.0.1", Door("t0ken", is_loopback=False), 200),
    ],
)
async def test_who_may_call(
    headers: dict[str, str], peer: str, door: Door | None, status: int
) -> None:
    said = await Server(door).call("GET /proxies", headers=headers, peer=peer)
    assert said.status == status
    assert status == 200 or said.json["status"] == status
