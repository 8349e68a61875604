"""Every call of the admin API, with a scripted desk behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stubs.admin.app import DoorGuard, make_admin
from stubs.admin.calls import CALLS, openapi
from stubs.admin.messages import MOST_BYTES
from stubs.admin.place import Door
from switchboard.errors import Fault as FileFault
from tests.stubs.admin.scripted import NOW_MS, Said, ScriptedStore, ask, call, make_desk
from tests.stubs.entries import entry

PAGE = (Path(__file__).parents[3] / "docs/stub-admin.md").read_text(encoding="utf-8")
TOKEN = "t0ken-of-this-gateway"


def is_problem(said: Said, status: int, words: str) -> bool:
    return (
        said.status == said.json["status"] == status
        and said.headers[b"content-type"] == b"application/problem+json"
        and words in said.json["detail"]
    )


# The gateway itself


async def test_health_and_stats() -> None:
    desk = make_desk()
    desk.counts.add("svc", "GET /é", 200)
    said = await call(desk, "GET", "/__esr/health")
    assert said.json == {"status": "ok", "services": ["act", "svc"]}
    assert said.headers[b"x-esr-env"] == b"sandbox"
    said = await call(desk, "GET", "/__esr/stats")
    assert said.json == {"answers": desk.counts.rows()}


async def test_services_and_routes() -> None:
    services = (await call(make_desk(), "GET", "/__esr/services")).json["services"]
    assert [each["name"] for each in services] == ["act", "svc"]
    assert services[0]["stores"] == ["application", "sessions"]
    routes = (await call(make_desk(), "GET", "/__esr/routes")).json["routes"]
    assert [each["route"] for each in routes] == ["GET /applications/{application}", "POST /x"]
    routes = (await call(make_desk(), "GET", "/__esr/routes?service=svc")).json["routes"]
    assert [each["route"] for each in routes] == ["POST /x"]


async def test_config_is_shown_without_its_secrets() -> None:
    desk = make_desk()
    desk.settings = {"seed": 7, "admin": {"token": TOKEN}}
    said = await call(desk, "GET", "/__esr/config")
    assert said.json == {"seed": 7, "admin": {"token": "(masked)"}}


async def test_reload() -> None:
    desk = make_desk()
    assert (await call(desk, "POST", "/__esr/reload")).json == {"services": ["act", "svc"]}


async def test_a_broken_edit_names_every_fault() -> None:
    desk = make_desk()
    desk.broken = (FileFault("routes[0].path", 3, "is missing"), FileFault("service", 1, "no"))
    said = await call(desk, "POST", "/__esr/reload")
    assert is_problem(said, 422, "act.yml: 2 faults")
    assert "from before" in said.json["title"]
    assert said.json["errors"] == [
        {"path": "routes[0].path", "detail": "is missing", "line": 3},
        {"path": "service", "detail": "no", "line": 1},
    ]


async def test_reset_forgets_everything() -> None:
    desk = make_desk()
    desk.counts.add("svc", "/", 200)
    desk.journal.add(entry())
    desk.stores["sessions"].put("s-1", "ann")
    await call(desk, "POST", "/__esr/faults", {"kind": "down", "target": "ach"})
    said = await call(desk, "POST", "/__esr/reset")
    assert said.json == {"stores": 2, "faults": 1, "entries": 1}
    assert (len(desk.counts), len(desk.journal), desk.chaos.faults) == (0, 0, ())
    assert desk.stores["sessions"].snapshot(9) == {}
    assert desk.renumbered == 1


# State


async def test_state_is_put_shown_and_emptied() -> None:
    desk = make_desk()
    assert (await call(desk, "PUT", "/__esr/state/act/application/a/1", "received")).status == 200
    assert (await call(desk, "PUT", "/__esr/state/act/sessions/s-1", "ann")).status == 200
    whole = {"act": {"application": {"a/1": "received"}, "sessions": {"s-1": "ann"}}}
    assert (await call(desk, "GET", "/__esr/state")).json == {"state": whole}
    said = await call(desk, "GET", "/__esr/state/act/sessions")
    assert said.json == {"state": {"act": {"sessions": {"s-1": "ann"}}}}
    said = await call(desk, "DELETE", "/__esr/state/act/application")
    assert said.json == {"emptied": ["act/application"]}
    said = await call(desk, "DELETE", "/__esr/state/act/sessions/s-1")
    assert said.json == {"forgotten": "s-1"}
    assert (await call(desk, "GET", "/__esr/state/act")).json == {
        "state": {"act": {"application": {}, "sessions": {}}}
    }
    said = await call(desk, "DELETE", "/__esr/state")
    assert said.json == {"emptied": ["act/application", "act/sessions"]}


async def test_a_store_may_have_slashes_in_its_name_as_sequences_do() -> None:
    desk = make_desk()
    name = "answers of GET /cards/{card}"
    desk.stores[name] = ScriptedStore(name)
    path = "/__esr/state/act/answers%20of%20GET%20/cards/%7Bcard%7D"
    said = await call(desk, "PUT", f"{path}/north/1", "received")
    assert (said.json["store"], said.json["key"]) == (name, "north/1")
    shown = {"state": {"act": {name: {"north/1": "received"}}}}
    assert (await call(desk, "GET", path)).json == shown
    assert (await call(desk, "GET", path.replace("/cards/", "%2Fcards%2F"))).json == shown
    assert (await call(desk, "DELETE", f"{path}/north/1")).status == 409
    assert (await call(desk, "DELETE", path)).json == {"emptied": [f"act/{name}"]}
    assert (await call(desk, "GET", f"{path}/north/1")).status == 404


async def test_state_is_shown_up_to_a_limit() -> None:
    desk = make_desk()
    for number in range(9):
        desk.stores["sessions"].put(f"s-{number}", "x")
    said = await call(desk, "GET", "/__esr/state/act/sessions?limit=2")
    assert said.json["state"]["act"]["sessions"] == {"s-7": "x", "s-8": "x"}


@pytest.mark.parametrize(
    ("method", "target", "value", "status", "words"),
    [
        ("GET", "/state/atc", None, 404, "did you mean act?"),
        ("GET", "/state/act/session", None, 404, "did you mean sessions?"),
        ("GET", "/state/svc/x", None, 404, "there is none"),
        ("PUT", "/state/act/application/a", 7, 422, "must be text"),
        ("DELETE", "/state/act/sessions/s-9", None, 404, "no entry s-9"),
        ("DELETE", "/state/act/application/a", None, 409, "emptied as a whole"),
        ("GET", "/state?limit=99999", None, 422, "0 to 1,000"),
        ("GET", "/state?service=act", None, 422, "no ?service="),
        ("DELETE", "/state?store=x", None, 422, "takes none"),
    ],
)
async def test_state_calls_that_cannot_be_done(
    method: str, target: str, value: Any, status: int, words: str
) -> None:
    desk = make_desk()
    desk.stores["application"] = ScriptedStore("application")
    assert is_problem(await call(desk, method, f"/__esr{target}", value), status, words)


# The journal


async def test_the_journal_is_read_by_filters_and_goes_on_after_a_number() -> None:
    desk = make_desk()
    for status in (200, 503, 404):
        desk.journal.add(entry(status=status, at_ms=status * 100.0, request_id=status))
    said = await call(desk, "GET", "/__esr/journal")
    assert [each["status"] for each in said.json["entries"]] == [200, 503, 404]
    assert (said.json["first"], said.json["last"], said.json["matching"]) == (1, 3, 3)
    for query, statuses in {
        "status=5xx": [503],
        "request_id=c8": [200],
        "method=post&path=/lo*": [200, 503, 404],
        "since=30s": [503, 404],
        "after=1&limit=1": [503],
        "service=ach": [],
    }.items():
        said = await call(desk, "GET", f"/__esr/journal?{query}")
        assert [each["status"] for each in said.json["entries"]] == statuses, query


async def test_the_journal_shows_no_secret() -> None:
    desk = make_desk()
    desk.journal.add(
        entry(headers={b"authorization": b"x" * 9}, body=b'{"password": "hunter2hunter2"}')
    )
    said = await call(desk, "GET", "/__esr/journal")
    assert b"hunter2" not in said.body
    assert b"xxxxxxxxx" not in said.body


async def test_the_journal_is_emptied_by_filters() -> None:
    desk = make_desk()
    for status in (200, 503, 404):
        desk.journal.add(entry(status=status))
    assert (await call(desk, "DELETE", "/__esr/journal?status=404")).json == {"removed": 1}
    assert (await call(desk, "DELETE", "/__esr/journal")).json == {"removed": 2}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("servce=x", "did you mean service?"),
        ("status=9", "like 404 or 4xx"),
        ("request_id=zz", "hexadecimal"),
        ("since=90", "unit"),
        ("after=-1", "whole number"),
        ("limit=x", "whole number"),
    ],
)
async def test_a_wrong_filter_is_refused(query: str, words: str) -> None:
    assert is_problem(await call(make_desk(), "GET", f"/__esr/journal?{query}"), 422, words)


async def test_verifying() -> None:
    desk = make_desk()
    desk.journal.add(entry("ach", "POST /payments", target="/payments"))
    expected = {"service": "ach", "route": "POST /payments", "exactly": 1}
    said = await call(desk, "POST", "/__esr/verify", expected)
    assert (said.status, said.json["ok"], said.json["count"]) == (200, True, 1)
    said = await call(desk, "POST", "/__esr/verify", {**expected, "exactly": 2})
    assert is_problem(said, 409, "POST /payments of ach was called once, wanted exactly 2 times")
    assert (said.json["ok"], said.json["count"]) == (False, 1)
    said = await call(desk, "POST", "/__esr/verify", {"servce": "ach", "exactly": "x"})
    assert is_problem(said, 422, "2 faults")
    assert len(said.json["errors"]) == 2


# Faults


async def test_a_fault_is_injected_listed_and_cleared() -> None:
    desk = make_desk()
    said = await call(desk, "POST", "/__esr/faults", {"kind": "down", "target": "ach", "for": "3m"})
    (row,) = said.json["faults"]
    assert said.status == 201
    assert (row["id"], row["state"], row["at_ms"], row["ends_ms"]) == (
        "ach-down",
        "active",
        NOW_MS,
        NOW_MS + 180_000,
    )
    assert (await call(desk, "GET", "/__esr/faults")).json["faults"] == [row]
    assert (await call(desk, "GET", "/__esr/faults/ach-down")).json == row
    assert (await call(desk, "DELETE", "/__esr/faults/ach-down")).json == {"cleared": ["ach-down"]}
    assert (await call(desk, "GET", "/__esr/faults")).json["faults"] == []


@pytest.mark.parametrize(
    ("raw", "at_ms"),
    [
        pytest.param({"kind": "down", "target": "ach"}, NOW_MS, id="no at is now"),
        pytest.param({"kind": "down", "target": "ach", "at": "now"}, NOW_MS, id="now"),
        pytest.param({"kind": "down", "target": "ach", "at": "+30s"}, NOW_MS + 30_000, id="later"),
        pytest.param({"kind": "down", "target": "ach", "at": "20m"}, 1_200_000, id="recorded time"),
        pytest.param({"action": "ACH_DOWN"}, NOW_MS, id="an action"),
        pytest.param({"action": "ACH_DOWN", "at": "16m"}, 960_000, id="an action with at"),
        pytest.param({"kill_pod svc-fee after": "17m"}, 1_020_000, id="a key of YAML"),
        pytest.param("kill_pod svc-fee", NOW_MS, id="a text"),
        pytest.param([{"network_jitter_ms": 50}], NOW_MS, id="a list of one"),
        pytest.param({"chaos": [{"network_jitter_ms": 50}]}, NOW_MS, id="as in a scenario"),
    ],
)
async def test_when_an_injected_fault_begins(raw: Any, at_ms: float) -> None:
    said = await call(make_desk(), "POST", "/__esr/faults", raw)
    assert [row["at_ms"] for row in said.json["faults"]] == [at_ms]


async def test_a_fault_without_an_end_says_so() -> None:
    said = await call(make_desk(), "POST", "/__esr/faults", {"kind": "down", "target": "ach"})
    assert said.json["faults"][0]["ends_ms"] is None


async def test_several_are_injected_together_and_get_ids_of_their_own() -> None:
    desk = make_desk()
    down = {"kind": "down", "target": "ach", "for": "1m"}
    await call(desk, "POST", "/__esr/faults", down)
    said = await call(desk, "POST", "/__esr/faults", [{**down, "at": "+1m"}, {**down, "at": "+2m"}])
    assert [row["id"] for row in said.json["faults"]] == ["ach-down-2", "ach-down-3"]
    said = await call(desk, "POST", "/__esr/faults/clear", {"ids": ["ach-down", "ach-down-3"]})
    assert said.json == {"cleared": ["ach-down", "ach-down-3"]}
    said = await call(desk, "POST", "/__esr/faults/clear")
    assert said.json == {"cleared": ["ach-down-2"]}


async def test_a_put_replaces_the_timetable() -> None:
    desk = make_desk()
    await call(desk, "POST", "/__esr/faults", {"kind": "down", "target": "ach"})
    said = await call(desk, "PUT", "/__esr/faults", [{"kind": "hang", "target": "svc"}])
    assert said.status == 201
    assert [fault.id for fault in desk.chaos.faults] == ["svc-hang"]
    assert (await call(desk, "DELETE", "/__esr/faults")).json == {"cleared": ["svc-hang"]}


async def test_a_bad_fault_is_refused_with_everything_wrong_and_none_is_taken() -> None:
    desk = make_desk()
    said = await call(
        desk,
        "POST",
        "/__esr/faults",
        [
            {"kind": "down", "target": "ach"},
            {"kind": "donw", "target": "ach"},
            {"kind": "down", "target": "ACH!", "for": "3", "at": "+x"},
        ],
    )
    assert is_problem(said, 422, "did you mean down?")
    assert {error["path"] for error in said.json["errors"]} >= {
        "[1].kind",
        "[2].for",
        "[2].at",
    }
    assert desk.chaos.faults == ()


@pytest.mark.parametrize("raw", [[], [1], 7, None, "down", {}, {"chaos": []}])
async def test_what_is_no_fault_is_refused(raw: Any) -> None:
    said = await call(
        make_desk(),
        "POST",
        "/__esr/faults",
        body=b"null" if raw is None else None,
        value=raw,
        headers={"content-type": "application/json"},
    )
    assert said.status == 422


async def test_a_fault_that_contradicts_one_that_is_there_is_refused() -> None:
    desk = make_desk()
    down = {"kind": "down", "target": "ach", "mode": "reset"}
    await call(desk, "POST", "/__esr/faults", down)
    said = await call(desk, "POST", "/__esr/faults", {**down, "mode": "status_503"})
    assert is_problem(said, 422, "contradicts ach-down")
    assert len(desk.chaos.faults) == 1


@pytest.mark.parametrize(
    ("method", "target", "value", "status", "words"),
    [
        ("DELETE", "/faults/ach-dwn", None, 404, "did you mean ach-down?"),
        ("GET", "/faults/x", None, 404, "known here: ach-down"),
        ("POST", "/faults/clear", {"ids": ["nobody"]}, 404, "nobody"),
        ("POST", "/faults/clear", {"id": "ach-down"}, 422, '{"ids"'),
        ("POST", "/faults", {"kind": "down", "target": "ach", "id": "ach-down"}, 422, "the id"),
    ],
)
async def test_fault_calls_that_cannot_be_done(
    method: str, target: str, value: Any, status: int, words: str
) -> None:
    desk = make_desk()
    await call(desk, "POST", "/__esr/faults", {"kind": "down", "target": "ach"})
    assert is_problem(await call(desk, method, f"/__esr{target}", value), status, words)
    assert len(desk.chaos.faults) == 1


# The clock


async def test_the_clock_is_shown_and_driven() -> None:
    desk = make_desk()
    said = await call(desk, "GET", "/__esr/clock")
    assert (said.json["now_ms"], said.json["speed"]) == (NOW_MS, 0.0)
    anchor = {"at_ns": 5, "recorded_ms": 1000, "speed": 60, "epoch_ms": 1_584_000_000_000}
    said = await call(desk, "PUT", "/__esr/clock", anchor)
    assert {key: said.json[key] for key in anchor} == anchor
    assert desk.followed == [desk.clock.anchor]
    said = await call(desk, "PUT", "/__esr/clock", {"recorded_ms": 2000})
    assert (said.json["speed"], said.json["epoch_ms"]) == (60, 1_584_000_000_000)
    assert said.json["at_ns"] > 5


@pytest.mark.parametrize(
    ("anchor", "errors"),
    [
        ({}, 1),
        ({"recorded_ms": "1", "speed": True, "at_ns": 1.5, "when": 1}, 4),
        ({"recorded_ms": 1, "speed": -1}, 0),
        ({"recorded_ms": 1, "speed": 1e9}, 0),
        ({"recorded_ms": 1e300, "epoch_ms": -1e16}, 2),
        ([], 2),
    ],
)
async def test_a_wrong_anchor_changes_nothing(anchor: Any, errors: int) -> None:
    desk = make_desk()
    said = await call(desk, "PUT", "/__esr/clock", anchor)
    assert said.status == 422
    assert len(said.json.get("errors", ())) == errors
    assert desk.followed == []


# What no call is


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/__esr", 404),
        ("GET", "/__esr/nothing", 404),
        ("GET", "/__esr/health/", 404),
        ("GET", "/__esr/%00", 404),
        ("POST", "/__esr/stats", 405),
        ("B\0AD", "/__esr/stats", 405),
        ("PUT", "/__esr/state/act", 405),
    ],
)
async def test_anything_else_is_a_problem_document(method: str, target: str, status: int) -> None:
    said = await call(make_desk(), method, target)
    assert is_problem(said, status, "/__esr/openapi.json")
    assert b"location" not in said.headers


@pytest.mark.parametrize(
    ("headers", "body", "status", "words"),
    [
        ({}, b"{}", 415, "application/json"),
        ({"content-type": "text/plain"}, b"{}", 415, "application/json"),
        ({"content-type": "application/json"}, b"{", 400, "cannot be read"),
        ({"content-type": "application/json"}, b"", 400, "cannot be read"),
        ({"content-type": "application/json"}, b"\xff", 400, "cannot be read"),
        ({"content-type": "application/json"}, b"[" * 5000, 400, "cannot be read"),
        ({"content-type": "application/json"}, b" " * (MOST_BYTES + 1), 413, "at most"),
    ],
)
@pytest.mark.parametrize(
    "target",
    ["POST /faults", "PUT /faults", "POST /verify", "PUT /clock", "PUT /state/act/sessions/x"],
)
async def test_a_body_must_be_json_of_bounded_size(
    target: str, headers: dict[str, str], body: bytes, status: int, words: str
) -> None:
    method, _, path = target.partition(" ")
    said = await call(make_desk(), method, f"/__esr{path}", headers=headers, body=body)
    assert is_problem(said, status, words)


async def test_a_body_that_breaks_off_is_told_to_nobody() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/__esr/verify",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
    }
    await make_admin(make_desk())(scope, receive, send)
    assert sent[0]["status"] == 400


# An address of its own


@pytest.mark.parametrize(
    ("headers", "peer", "door", "status"),
    [
        ({}, "127.0.0.1", Door(), 200),
        ({"host": "rebound.example"}, "127.0.0.1", Door(), 421),
        ({}, "10.0.0.1", Door(), 403),
        ({"origin": "http://127.0.0.1:8080"}, "127.0.0.1", Door(), 403),
        ({"x-esr-run": "R"}, "127.0.0.1", Door(), 403),
        ({}, "127.0.0.1", Door(TOKEN), 401),
        ({"authorization": "Bearer nope"}, "127.0.0.1", Door(TOKEN), 401),
        ({"authorization": f"Bearer {TOKEN}"}, "10.0.0.1", Door(TOKEN, is_loopback=False), 200),
    ],
)
async def test_the_guard_of_an_address_of_its_own(
    headers: dict[str, str], peer: str, door: Door, status: int
) -> None:
    app = DoorGuard(make_admin(make_desk()), door)
    said = await ask(app, "GET", "/__esr/health", headers, peer=peer)
    assert said.status == status
    assert TOKEN.encode() not in said.body
    assert (b"www-authenticate" in said.headers) is (status == 401)


async def test_the_guard_takes_no_whole_url() -> None:
    app = DoorGuard(make_admin(make_desk()), Door())
    assert (await ask(app, "GET", "/__esr/health", is_whole_url=True)).status == 421


# The documents


async def test_the_openapi_document_lists_every_call() -> None:
    said = await call(make_desk(), "GET", "/__esr/openapi.json")
    listed = {
        (method.upper(), path)
        for path, operations in said.json["paths"].items()
        for method in operations
    }
    assert listed == {(each.method, each.documented_path) for each in CALLS}
    assert said.json == openapi()
    ids = [each["operationId"] for path in said.json["paths"].values() for each in path.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("each", CALLS, ids=lambda each: f"{each.method} {each.path}")
def test_every_call_is_documented(each: Any) -> None:
    assert f"`{each.method} {each.documented_path}`" in PAGE
    for name in each.query:
        assert f"`{name}`" in PAGE


def test_no_call_is_documented_that_is_not_there() -> None:
    known = {f"{each.method} {each.documented_path}" for each in CALLS}
    assert set(re.findall(r"`((?:GET|PUT|POST|DELETE) /__esr[^`?]*)`", PAGE)) <= known
