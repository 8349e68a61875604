"""The pure parts of starting a gateway; tests/integration/test_stub_gateway.py starts real ones."""

from __future__ import annotations

import sys

import pytest

from stubs.process import gateway_command, parse_addresses, parse_ready


@pytest.mark.parametrize(
    ("line", "address"),
    [
        pytest.param(b"ready 127.0.0.1:8080\n", ("127.0.0.1", 8080), id="IPv4"),
        pytest.param(b"ready [::1]:8080\n", ("[::1]", 8080), id="IPv6"),
        pytest.param(b"ready 127.0.0.1:1\r\n", ("127.0.0.1", 1), id="CRLF"),
    ],
)
def test_a_ready_line_is_an_address(line: bytes, address: tuple[str, int]) -> None:
    assert parse_ready(line) == address


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"ready\n",
        b"ready \n",
        b"ready 8080\n",
        b"ready :8080\n",
        b"ready 127.0.0.1:\n",
        b"ready 127.0.0.1:http\n",
        b"steady 127.0.0.1:8080\n",
        b"127.0.0.1:8080\n",
        b"ready \xff:80\n",
    ],
)
def test_any_other_line_is_none(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller says what was heard instead
        parse_ready(line)


def test_the_gateway_is_our_own() -> None:
    assert gateway_command() == [sys.executable, "-P", "-m", "hms_esr.stub_gateway"]


def test_what_a_gateway_says_of_its_addresses_is_read() -> None:
    said = "listening ach 127.0.0.1:9001\nlistening svc [::1]:9002\nadmin 127.0.0.1:9100\n"
    assert parse_addresses(said) == (
        "127.0.0.1:9100",
        {"ach": "127.0.0.1:9001", "svc": "[::1]:9002"},
    )


@pytest.mark.parametrize("said", ["", "admin\n", "admin is here\nlistening\n", "\n\n"])
def test_anything_else_is_no_address(said: str) -> None:
    assert parse_addresses(said) == ("", {})
