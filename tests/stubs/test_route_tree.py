"""The routes of one service: the best first, whatever way they are arranged."""

from __future__ import annotations

import re
from itertools import product
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.latency import NoDelay
from stubs.route_tree import ANY, RouteTree
from stubs.service import Answer, Asked, StubRoute


def nothing(_: Asked) -> Answer:
    return Answer(200)


def route(name: str, priority: int = 5) -> StubRoute:
    method, _, template = name.partition(" ")
    if template.startswith("~"):
        takes = re.compile(template[1:]).fullmatch
        return StubRoute(
            method, template, nothing, NoDelay(), priority, None, lambda path: bool(takes(path))
        )
    return StubRoute(method, template, nothing, NoDelay(), priority)


def found(routes: list[StubRoute], method: str, path: str) -> list[tuple[str, dict[str, str]]]:
    return [(entry.name, dict(params)) for entry, params in RouteTree(routes).find(method, path)]


@pytest.mark.parametrize(
    ("names", "asked", "best"),
    [
        pytest.param(["GET /a", "GET /{x}"], "GET /a", ["GET /{x}", "GET /a"], id="the later one"),
        pytest.param(["GET /{x}", "GET /a"], "GET /a", ["GET /a", "GET /{x}"], id="is the word"),
        pytest.param(["GET /a", "ANY /a"], "GET /a", ["ANY /a", "GET /a"], id="any method"),
        pytest.param(["GET /a", "ANY /{x}"], "PUT /a", ["ANY /{x}"], id="of another method"),
        pytest.param(["GET ~/a.*", "GET /ab"], "GET /ab", ["GET /ab", "GET ~/a.*"], id="pattern"),
        pytest.param(
            ["GET /a/{x}", "GET /{y}/b"], "GET /a/b", ["GET /{y}/b", "GET /a/{x}"], id="two"
        ),
        pytest.param(["GET /{x}"], "GET /", [], id="a brace takes something"),
        pytest.param(["GET /a%20b", "GET /a b"], "GET /a%20b", ["GET /a b"], id="decoded"),
    ],
)
def test_routes_that_take_a_path(names: list[str], asked: str, best: list[str]) -> None:
    method, _, path = asked.partition(" ")
    assert [name for name, _ in found([route(name) for name in names], method, path)] == best


def test_a_lower_priority_goes_first() -> None:
    routes = [route("GET /a", 1), route("GET /{x}", 9), route("GET ~/.*", 4), route("GET /a", 5)]
    assert [name for name, _ in found(routes, "GET", "/a")] == [
        "GET /a", "GET ~/.*", "GET /a", "GET /{x}",
    ]  # fmt: skip


def test_braces_keep_their_own_names() -> None:
    routes = [route("GET /{a}/{b}"), route("GET /{c}/x")]
    assert found(routes, "GET", "/1%2F2/x") == [
        ("GET /{c}/x", {"c": "1/2"}),
        ("GET /{a}/{b}", {"a": "1/2", "b": "x"}),
    ]


segments = st.sampled_from(["a", "b", "{x}", "{y}", "", "%61"])
templates = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
methods = st.sampled_from(["GET", "POST", ANY])
routes_of = st.lists(st.tuples(methods, templates, st.integers(1, 3)), max_size=12)


def takes(template: str, path: str) -> bool:
    wanted, given = template.split("/"), [unquote(part) for part in path.split("/")]
    return len(wanted) == len(given) and all(
        bool(there) if part[:1] == "{" else part == there
        for part, there in zip(wanted, given, strict=True)
    )


@given(routes_of, st.sampled_from(["GET", "POST", "PUT"]), templates)
def test_it_finds_what_trying_each_would(
    rows: list[tuple[str, str, int]], method: str, path: str
) -> None:
    routes = [route(f"{m} {template}", priority) for m, template, priority in rows]
    fitting = [
        (each.priority, -place, each.name)
        for place, each in enumerate(routes)
        if each.method in (method, ANY) and takes(each.template, path)
    ]
    names = [name for *_, name in sorted(fitting)]
    assert [name for name, _ in found(routes, method, path)] == names


def test_a_path_without_braces_is_one_look_up_among_thousands() -> None:
    tree = RouteTree([route(f"GET /r/{number}") for number in range(5_000)])
    first = tree.find("GET", "/r/4999")
    assert [entry.name for entry, _ in first] == ["GET /r/4999"]
    assert tree.find("GET", "/r/4999") is first, "worked out once"


def test_a_hostile_path_costs_no_more_than_there_are_routes() -> None:
    """Where words and braces both fit at every segment, each route is reached once."""
    ways = product(*(("a", f"{{x{place}}}") for place in range(8)))
    names = ["/" + "/".join(way) for way in ways]
    tree = RouteTree([route(f"GET {name}") for name in names])
    assert len(tree.find("GET", "/a" * 8)) == 256
    assert tree.find("GET", "/a" * 100_000) == ()
