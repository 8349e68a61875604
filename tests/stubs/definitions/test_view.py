"""A request is read once, whatever it holds."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import orjson
from hypothesis import given
from hypothesis import strategies as st

from stubs.definitions.view import MAX_FIELDS, UNREADABLE, View, Views
from tests.stubs.definitions.defining import asked, define

FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_the_body_is_parsed_once_for_all_routes_of_a_request() -> None:
    routes = "\n".join(
        f"  - {{method: POST, path: /p, when: {{json: {{$.n: {n}}}}}, answer: "
        "{json: {v: '{{ request.json.n }}'}}}"
        for n in range(50)
    )
    service = define(f"service: lib\nroutes:\n{routes}")
    request = asked({"n": 49})
    with patch("stubs.definitions.view.orjson.loads", wraps=orjson.loads) as loads:
        taken = [route for route in service.routes if route.accepts and route.accepts(request)]
        assert [route.handler(request).body for route in taken] == [b'{"v":49}']
    assert loads.call_count == 1


def test_another_request_is_read_anew() -> None:
    views = Views()
    one = asked({"n": 1})
    assert views.of(one) is views.of(one)
    # The braces of another route, as the gateway puts them in while it looks for one.
    assert views.of(replace(one, params={"c": "x"})) is views.of(one)
    assert views.of(asked({"n": 2})).json == {"n": 2}
    assert views.of(one).json == {"n": 1}


@given(st.binary(max_size=200), st.text(max_size=100), st.binary(max_size=100))
def test_nothing_that_is_sent_breaks_a_view(body: bytes, query: str, cookie: bytes) -> None:
    request = asked(body, query=query, headers=FORM)
    request.headers = {**request.headers, b"cookie": cookie}
    seen = View(request)
    for fields in (seen.query, seen.form, seen.cookies):
        assert all(isinstance(value, str) for values in fields.values() for value in values)
    assert seen.json is seen.json


def test_fields_without_end_are_not_looked_at() -> None:
    many = "&".join(f"a{number}=1" for number in range(MAX_FIELDS + 1))
    seen = View(
        asked(many.encode(), query=many, headers={**FORM, "cookie": many.replace("&", ";")})
    )
    assert (seen.query, seen.form) == ({}, {})
    assert len(seen.cookies) == MAX_FIELDS


def test_a_body_that_is_deep_or_no_json_is_unreadable() -> None:
    for body in (b"[" * 100_000, b"\xff", b"{'a': 1}", b"NaN"):
        assert View(asked(body)).json is UNREADABLE
