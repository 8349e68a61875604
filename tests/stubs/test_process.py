"""The pure parts of starting a gateway; tests/integration/test_stub_gateway.py starts real ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stubs.process import gateway_command, parse_ready


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


def test_the_gateway_is_our_own_and_ends_with_us() -> None:
    command = gateway_command(7)
    assert command[0] == sys.executable
    assert command[1:4] == ["-P", "-m", "stubs"]
    assert "--with-parent" in command
    assert command[command.index("--seed") + 1] == "7"
    assert "--answers" not in command


def test_answers_are_passed_on_as_one_argument() -> None:
    command = gateway_command(0, Path("/a folder/answers.json"))
    assert command[-2:] == ["--answers", "/a folder/answers.json"]
