"""Which route a request belongs to, and which are near when it belongs to none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.latency import NoDelay
from stubs.learned import LearnedAnswers
from stubs.route_tree import Found
from stubs.routing import NEAREST, RouteTable, nearest_names
from stubs.service import Answer, Asked, Service, StubRoute


def nothing(_: Asked) -> Answer:
    return Answer(200)


def route(name: str) -> StubRoute:
    method, _, template = name.partition(" ")
    return StubRoute(method, template, nothing, NoDelay())


def entry(name: str, service: str = "shop") -> dict[str, Any]:
    method, _, template = name.rpartition(" ")
    return {
        "service": service,
        "method": method,
        "template": template,
        "statuses": {"200": 1},
        "waits_ms": None,
    }


def choose(table: RouteTable, service: str, method: str, path: str) -> Found | None:
    """The best route, for requests that need no more than a method and a path."""
    found = table.find(service, method, path)
    return found[0] if found else table.find_learned(service, method, path)


SHOP = Service(
    "shop",
    "a shop",
    [
        route("GET /"),
        route("GET /orders/{order}"),
        route("POST /orders"),
        route("GET /orders/{order}/lines/{line}"),
        route("GET /a%20b"),
    ],
)
TABLE = RouteTable(
    [SHOP],
    LearnedAnswers.parse(
        {
            "routes": [
                entry("GET /orders/{id}"),
                entry("HEAD /robots.txt"),
                entry("GET /robots.txt"),
                entry("GET /tags/open%20source", "blog"),
            ]
        }
    ),
)


@pytest.mark.parametrize(
    ("asked", "found", "params"),
    [
        pytest.param("shop GET /", "GET /", {}, id="root"),
        pytest.param("shop GET /orders/17", "GET /orders/{order}", {"order": "17"}, id="brace"),
        pytest.param("shop-eu GET /", "GET /", {}, id="of the family"),
        pytest.param("shop POST /orders", "POST /orders", {}, id="by method"),
        pytest.param(
            "shop GET /orders/1/lines/2",
            "GET /orders/{order}/lines/{line}",
            {"order": "1", "line": "2"},
            id="two braces",
        ),
        pytest.param(
            "shop GET /orders/a%2Fb", "GET /orders/{order}", {"order": "a/b"}, id="encoded slash"
        ),
        pytest.param(
            "shop GET /orders/%00%C3%A9", "GET /orders/{order}", {"order": "\0é"}, id="encoded text"
        ),
        pytest.param(
            "shop GET /orders/%ff", "GET /orders/{order}", {"order": "\ufffd"}, id="not UTF-8"
        ),
        pytest.param(
            "shop GET /orders/%zz", "GET /orders/{order}", {"order": "%zz"}, id="not encoded"
        ),
        pytest.param(
            "shop GET /%6Frders/1", "GET /orders/{order}", {"order": "1"}, id="encoded word"
        ),
        pytest.param("shop HEAD /orders/1", "GET /orders/{order}", {"order": "1"}, id="HEAD"),
        pytest.param("shop HEAD /robots.txt", "HEAD /robots.txt", {}, id="HEAD of its own"),
        pytest.param("blog GET /orders/17", "GET /orders/{id}", {}, id="learned elsewhere"),
        pytest.param("blog GET /tags/open%20source", "GET /tags/open%20source", {}, id="learned"),
        pytest.param("blog HEAD /tags/open%20source", "GET /tags/open%20source", {}, id="its HEAD"),
        pytest.param("shop GET /orders/", None, {}, id="empty segment"),
        pytest.param("shop GET //orders/1", None, {}, id="two slashes"),
        pytest.param("shop GET /orders/1/", None, {}, id="slash at the end"),
        pytest.param("shop GET orders/1", None, {}, id="no slash"),
        pytest.param("shop GET ", None, {}, id="nothing"),
        pytest.param("shop GET *", None, {}, id="asterisk"),
        pytest.param("shop get /", None, {}, id="methods are case sensitive"),
        pytest.param("shop DELETE /orders/1", None, {}, id="another method"),
        pytest.param("shopping GET /", None, {}, id="another service"),
        pytest.param("blog GET /tags/open source", None, {}, id="never recorded like that"),
        pytest.param("shop GET " + "/a" * 30_000, None, {}, id="very deep"),
    ],
)
def test_a_request_finds_its_route(asked: str, found: str | None, params: object) -> None:
    service, method, path = asked.split(" ", 2)
    result = choose(TABLE, service, method, path)
    if found is None:
        assert result is None
    else:
        assert result is not None
        assert (result[0].name, result[1]) == (found, params)


def test_the_routes_past_a_tapes_limit_are_answered_together() -> None:
    other = {**entry("x"), "method": "", "template": "(other)"}
    table = RouteTable([SHOP], LearnedAnswers.parse({"routes": [entry("GET /known"), other]}))
    found = choose(table, "shop", "PATCH", "/anything/at/all")
    assert found is not None
    assert found[0].route.template == "(other)"
    known = choose(table, "shop", "GET", "/known")
    assert known is not None
    assert known[0].route.template == "/known"
    assert "GET /known" in table.nearest("shop", "GET", "/know")
    assert not any("(other)" in name for name in table.nearest("shop", "GET", "(other)"))


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        pytest.param("shop GET /order", "GET /orders/{order}", id="a letter short"),
        pytest.param("shop PUT /orders", "POST /orders", id="another method"),
        pytest.param("blog GET /tags/none", "GET /tags/open%20source", id="a learned one"),
    ],
)
def test_the_nearest_route_comes_first(asked: str, first: str) -> None:
    service, method, path = asked.split(" ")
    near = TABLE.nearest(service, method, path)
    assert near[0] == first
    assert len(near) <= NEAREST


def test_a_sandbox_without_routes_has_none_near() -> None:
    assert RouteTable([], LearnedAnswers()).nearest("shop", "GET", "/") == []


@given(st.lists(st.text("ab/", max_size=6), unique=True), st.text("ab/", max_size=6))
def test_no_name_begins_more_like_the_wanted_one(names: list[str], wanted: str) -> None:
    def shared(name: str) -> int:
        return next((n for n in range(len(wanted), 0, -1) if name.startswith(wanted[:n])), 0)

    near = nearest_names(sorted(names), wanted, 3)
    assert len(near) == min(3, len(names))
    assert len(set(near)) == len(near)
    if names:
        assert shared(near[0]) == max(map(shared, names))


def test_a_miss_looks_at_few_routes_however_many_there_are() -> None:
    class Watched(list[str]):
        looks = 0

        def __getitem__(self, at: Any) -> Any:
            Watched.looks += 1
            return super().__getitem__(at)

    nearest_names(Watched(f"/route-{n:06}" for n in range(100_000)), "/route-05")
    assert Watched.looks < 40
