"""Names of routes and services."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.routes import (
    MAX_TEMPLATE,
    route_template,
    service_label,
    service_of,
    split_url,
)


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/", "/"),
        ("", ""),
        ("/users/42/orders?x=1", "/users/{id}/orders"),
        ("/api/v1/applications", "/api/v1/applications"),
        ("/v1.12/x", "/v1.12/x"),
        ("/a/550e8400-e29b-41d4-a716-446655440000", "/a/{id}"),
        ("/a/550e8400e29b41d4a716446655440000", "/a/{id}"),
        ("/deadbeef", "/{id}"),
        ("/app-00123/docs", "/{id}/docs"),
        ("/2020-03-15/", "/{id}/"),
        ("/oauth2/b2b", "/oauth2/b2b"),
        ("/style2.css", "/style2.css"),
        ("/js/jquery-1.11.2.min.js", "/js/{id}.js"),
        ("/img/20150312.png", "/img/{id}.png"),
        ("/joe@x.example/mail", "/{id}/mail"),
        ("/joe%40x.example/mail", "/{id}/mail"),
        ("/hello%20world%20x", "/hello%20world%20x"),
        ("/2.0/-7", "/2.0/{id}"),
        ("/" + "z" * 65, "/{id}"),
        ("*", "*"),
    ],
)
def test_templates(path: str, template: str) -> None:
    assert route_template(path) == template


def test_a_second_look_gives_the_same() -> None:
    assert route_template("/u/17") is route_template("/u/17")


@given(st.text())
def test_no_path_makes_a_long_name(path: str) -> None:
    assert len(route_template(path * 40)) <= MAX_TEMPLATE + len("/{rest}")


@pytest.mark.parametrize(
    ("authority", "service"),
    [
        ("ach.hms.example", "ach"),
        ("ACH.hms.example:443", "ach"),
        ("localhost", "localhost"),
        ("10.0.0.1:80", "default"),
        ("[::1]:80", "default"),
        ("::1", "default"),
        ("", "default"),
        ("-", "default"),
        ("user:pass@svc.example", "svc"),
        ("a_b.c", "a-b"),
        ("x\r\nHost: y.z", "x-host"),
    ],
)
def test_services(authority: str, service: str) -> None:
    assert service_of(authority) == service


@given(st.text())
def test_any_service_is_a_safe_label(text: str) -> None:
    for label in (service_of(text), service_label(text)):
        assert re.fullmatch(r"[a-z0-9-]{1,63}", label)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("/x", ("", "/x")),
        ("/x#token=1", ("", "/x")),
        ("http://A.b:80", ("a.b:80", "/")),
        ("https://user:pass@h/x?q#f", ("h", "/x?q")),
        ("http://h?x", ("h", "/?x")),
        ("http://h/@x", ("h", "/@x")),
        ("//elsewhere/x", ("", "//elsewhere/x")),
        ("/a?u=http://x", ("", "/a?u=http://x")),
        ("*", ("", "*")),
    ],
)
def test_split_url(url: str, parts: tuple[str, str]) -> None:
    assert split_url(url) == parts
