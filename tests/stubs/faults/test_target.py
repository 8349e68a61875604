from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.faults.target import Target, _remembered, covers, fits_route
from stubs.faults.target_reader import parse_target
from switchboard.fault_reader import FaultReader
from tests.stubs.faults.examples import an_ask


@pytest.mark.parametrize(
    ("target", "service", "is_meant"),
    [
        ("ach", "ach", True),
        ("ach", "ach-eu", True),
        ("ach", "ach-eu-1", True),
        ("ach", "achx", False),
        ("ach", "svc-ach", False),
        ("svc-fee", "svc-fee", True),
        ("svc-fee", "svc-fee-2", False),
        ("svc-fee", "svc", False),
        ("*", "anything", True),
        ("ach", "", False),
    ],
)
def test_a_family_is_meant_with_its_members(target: str, service: str, is_meant: bool) -> None:
    assert covers(target, service) is is_meant


def test_long_paths_of_strangers_are_not_remembered() -> None:
    _remembered.cache_clear()
    for number in range(20):
        long = f"/payments/{number:0100000d}"
        assert fits_route("POST /payments/{payment}", f"POST {long}", long, "POST")
    assert _remembered.cache_info().currsize == 0
    assert fits_route("/payments/*", "POST /payments/{payment}", "/payments/p-1", "POST")
    assert _remembered.cache_info().currsize == 1


@pytest.mark.parametrize(
    ("pattern", "route", "path", "is_meant"),
    [
        ("POST /payments", "POST /payments", "/payments", True),
        ("GET /payments", "POST /payments", "/payments", False),
        ("ANY /payments", "POST /payments", "/payments", True),
        ("/payments", "POST /payments", "/payments", True),
        ("/payments/{payment}", "POST /payments/{payment}", "/payments/p-1", True),
        ("/payments/{id}", "POST /payments/{payment}", "/payments/p-1", True),
        ("/payments/{id}", "POST /payments/p-1", "/payments/p-1", True),
        ("/payments/{id}", "POST /payments/", "/payments/", False),
        ("/payments/{id}", "POST /payments", "/payments", False),
        ("/payments/p-1", "POST /payments/{payment}", "/payments/p-1", True),
        ("/payments/p-2", "POST /payments/{payment}", "/payments/p-1", False),
        ("/payments/*", "POST /payments/{payment}/returns", "/payments/p-1/returns", True),
        ("/payments/*", "POST /payments", "/payments", False),
        ("*/returns", "POST /payments/{payment}/returns", "/payments/p-1/returns", True),
        ("/*/p-1/*", "POST /payments/{payment}/returns", "/payments/p-1/returns", True),
        ("/a*b*a", "GET /aba", "/aba", True),
        ("/aba*aba", "GET /aba", "/aba", False),
        ("*", "GET /", "/", True),
        ("/*", "GET /", "/", True),
    ],
)
def test_a_route_is_meant(pattern: str, route: str, path: str, is_meant: bool) -> None:
    assert fits_route(pattern, route, path, route.partition(" ")[0]) is is_meant


@given(st.text("ab/*", min_size=1, max_size=8), st.text("ab/", max_size=12))
def test_a_star_is_anything(glob: str, path: str) -> None:
    """Against the plainest way to say it, which is too slow for long paths."""

    def fits(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return text[:1] == pattern[0] and fits(pattern[1:], text[1:])

    if "*" in glob:
        assert fits_route(glob, path, path, "") is fits(glob, path)


def test_a_long_path_costs_no_more_than_its_length() -> None:
    """By backtracking this would take longer than the suite may."""
    for number in range(20):
        path = "/" + "a" * 100_000 + str(number)
        assert not fits_route("/" + "*a" * 200 + "*b", path, path, "")


@pytest.mark.parametrize(
    ("target", "is_meant"),
    [
        (Target("ach"), True),
        (Target(method="POST"), True),
        (Target(method="GET"), False),
        (Target(tenant="t1"), True),
        (Target(tenant=""), False),
        (Target(headers=(("x-region", "eu"),)), True),
        (Target(headers=(("x-region", "*"),)), True),
        (Target(headers=(("x-region", "us"),)), False),
        (Target(headers=(("x-region", "eu"), ("x-other", "*"))), False),
        (Target("ach", "POST /payments", "POST", "t1", (("x-region", "eu"),)), True),
        (Target("ach", "POST /payments", "GET", "t1", (("x-region", "eu"),)), False),
    ],
)
def test_all_that_is_set_must_fit(target: Target, is_meant: bool) -> None:
    ask = an_ask(tenant="t1", headers={b"x-region": b"eu"})
    assert target.fits(ask) is is_meant


def read(value: object) -> tuple[Target, list[str]]:
    reader = FaultReader(lambda _: None)
    target = parse_target({"target": value}, "chaos[0]", reader)
    return target, [str(fault) for fault in reader.faults]


def test_a_target_is_read() -> None:
    given = {
        "service": "ach",
        "route": "POST /payments/{p}",
        "method": "POST",
        "tenant": "t1",
        "header": {"X-Region": "eu", "x-n": 1},
    }
    wanted = Target("ach", "POST /payments/{p}", "POST", "t1", (("x-n", "1"), ("x-region", "eu")))
    assert read(given) == (wanted, [])
    assert read(wanted.mapping()) == (wanted, [])
    assert read("ach") == (Target("ach"), [])
    assert read({"route": "/a"}) == (Target(route="/a"), [])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("A C H", "a service is a label such as ach", id="no label"),
        pytest.param("", "a service is a label", id="empty"),
        pytest.param(None, "must be a service such as ach, or a mapping", id="nothing"),
        pytest.param({}, "must be a service such as ach, or a mapping", id="empty mapping"),
        pytest.param([], "not a list", id="list"),
        pytest.param({"servcie": "ach"}, "did you mean service?", id="misspelt"),
        pytest.param({"route": "payments"}, "a route is a path such as", id="no slash"),
        pytest.param({"route": "POST  /payments"}, "a route is a path such as", id="two spaces"),
        pytest.param({"route": "/a?b=c"}, "a route is a path such as", id="query"),
        pytest.param({"route": "post /a"}, "a route's method is one word in capitals", id="small"),
        pytest.param({"route": "/{a}/*"}, "either braces or stars", id="both"),
        pytest.param({"route": 5}, "must be text", id="number"),
        pytest.param({"method": "post"}, "one word in capitals", id="small method"),
        pytest.param({"header": "x: y"}, "must be a mapping", id="header text"),
        pytest.param({"header": {"a b": "c"}}, "not the name of a header", id="header name"),
        pytest.param({"header": {"a": "c\r\nd: e"}}, "one line of plain text", id="header value"),
        pytest.param({"header": {"a": None}}, "one line of plain text", id="no header value"),
        pytest.param({"tenant": "\ud800"}, "half of a character", id="surrogate"),
    ],
)
def test_what_is_no_target_is_refused_where_it_stands(value: Any, words: str) -> None:
    _, (fault,) = read(value)
    assert words in fault
    assert fault.startswith("chaos[0].target")


def test_everything_has_to_be_said() -> None:
    reader = FaultReader(lambda _: None)
    parse_target({}, "chaos[0]", reader)
    (fault,) = reader.faults
    assert fault.message == 'target is missing: a service such as ach, or "*" for every one'
