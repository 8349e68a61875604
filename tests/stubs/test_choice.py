"""Which service a request is for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.choice import ServiceChoice, bare_host
from stubs.service import Service

CHOICE = ServiceChoice(
    [
        Service("svc", "core"),
        Service("ach", "payments", hosts=("payments.example", "Pay.Example.")),
        Service("default", "oddly named"),
    ]
)


@pytest.mark.parametrize(
    ("headers", "path", "chosen"),
    [
        pytest.param({"x-esr-service": "act", "host": "ach.x"}, "/a", ("act", "/a"), id="header"),
        pytest.param({"x-esr-service": "svc-fee"}, "/ach/a", ("svc-fee", "/ach/a"), id="its path"),
        pytest.param({"host": "ach.sandbox.test:80"}, "/a", ("ach", "/a"), id="host's first label"),
        pytest.param({"host": "ACH-EU.x"}, "/ach/a", ("ach-eu", "/ach/a"), id="one of a family"),
        pytest.param({"host": "payments.example:443"}, "/a", ("ach", "/a"), id="declared host"),
        pytest.param({"host": "PAY.example"}, "/a", ("ach", "/a"), id="declared in capitals"),
        pytest.param({"host": "127.0.0.1:80"}, "/ach/payments", ("ach", "/payments"), id="path"),
        pytest.param(
            {"host": "[::1]:80"}, "/svc-fee/a/b", ("svc-fee", "/a/b"), id="family in path"
        ),
        pytest.param({"host": "localhost"}, "/ach", ("ach", "/"), id="nothing but the service"),
        pytest.param({"host": "shop.example"}, "/ach/", ("ach", "/"), id="host of nobody"),
        pytest.param({"host": "shop.example"}, "/a/ach", ("shop", "/a/ach"), id="not the first"),
        pytest.param(
            {"host": "127.0.0.1"}, "/ACH/a", ("default", "/ACH/a"), id="capitals in a path"
        ),
        pytest.param({"host": "1.2.3.4"}, "/default/a", ("default", "/default/a"), id="no name"),
        pytest.param({"host": "127.0.0.1"}, "//ach/a", ("default", "//ach/a"), id="empty segment"),
        pytest.param({"host": "127.0.0.1"}, "*", ("default", "*"), id="asterisk"),
        pytest.param({"host": "127.0.0.1"}, "/", ("default", "/"), id="root"),
        pytest.param(
            {"host": "x.y"}, "/" + "a" * 60_000, ("x", "/" + "a" * 60_000), id="long path"
        ),
        pytest.param({}, "/a", ("default", "/a"), id="nothing"),
        pytest.param({"x-esr-service": ""}, "/a", ("default", "/a"), id="empty header"),
        pytest.param({"x-esr-service": "\xff\xfe"}, "/a", ("default", "/a"), id="bytes"),
        pytest.param({"x-esr-service": "A\0/../B"}, "/a", ("a-b", "/a"), id="a path as header"),
        pytest.param({"x-esr-service": "a" * 60_000}, "/a", ("a" * 63, "/a"), id="long header"),
        pytest.param({"host": "b" * 60_000}, "/a", ("b" * 63, "/a"), id="long host"),
    ],
)
def test_the_service_is_chosen(headers: dict[str, str], path: str, chosen: tuple[str, str]) -> None:
    pairs = {k.encode(): v.encode("latin-1") for k, v in headers.items()}
    without_default = ServiceChoice(
        [
            Service("svc", "core"),
            Service("ach", "payments", hosts=("payments.example", "Pay.Example.")),
        ]
    )
    assert without_default.choose(pairs, path) == chosen
    assert without_default.choose(pairs, path) == chosen, "remembered"


def test_a_port_goes_before_the_host_and_after_the_header() -> None:
    host = {b"host": b"svc.x"}
    assert CHOICE.choose(host, "/svc/a", of_port="ach") == ("ach", "/svc/a")
    tagged = {**host, b"x-esr-service": b"ach-eu"}
    assert CHOICE.choose(tagged, "/a", of_port="svc") == ("ach-eu", "/a")


@given(st.binary(max_size=80), st.text("/ach.-AB", max_size=12))
def test_any_host_and_path_have_a_clean_label(host: bytes, path: str) -> None:
    label, rest = CHOICE.choose({b"host": host}, path)
    assert label
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert path.endswith(rest) or rest == "/"


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("A.example:80", "a.example"),
        ("a.example.", "a.example"),
        ("a.example.:", "a.example"),
        ("[::1]:80", "[::1]"),
        ("a:b", "a:b"),
        ("", ""),
    ],
)
def test_a_host_is_bare(authority: str, host: str) -> None:
    assert bare_host(authority) == host
