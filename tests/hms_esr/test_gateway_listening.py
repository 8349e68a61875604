"""Addresses that are taken, reserved, shared and refused."""

from __future__ import annotations

import socket

import pytest

from hms_esr.gateways.errors import GatewayError
from hms_esr.gateways.listening import (
    Address,
    address_of,
    check_no_loop,
    join,
    parse_address,
    reserve,
)
from switchboard.rules import Destination, Route, Rules

EXAMPLE = "127.0.0.1:8080"
ANY = Address("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:80", "[::1]:80"),
        ("localhost:0", "127.0.0.1:0"),
        (":8080", "127.0.0.1:8080"),
        ("0.0.0.0:80", "0.0.0.0:80"),
    ],
)
def test_addresses_are_read(text: str, address: str) -> None:
    assert str(parse_address(text, "--listen", EXAMPLE)) == address


@pytest.mark.parametrize(
    "text", ["", "8080", "127.0.0.1", "127.0.0.1:", "::1:80", "[127.0.0.1]:80", "a.b:80",
             "127.0.0.1:70000", "127.0.0.1:-1", "127.0.0.1:8٠", "2130706433:80", "\n:80"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(GatewayError, match="--control"):
        parse_address(text, "--control", EXAMPLE)


def test_a_reserved_port_does_not_answer_and_can_be_joined() -> None:
    with reserve(ANY, "--listen") as holder:
        where = address_of(holder)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((where.host, where.port)).close()
        with join(where) as one, join(where) as other:
            one.listen()
            other.listen()
            socket.create_connection((where.host, where.port)).close()


def test_the_port_of_another_gateway_is_not_shared() -> None:
    with reserve(ANY, "--listen") as holder, join(address_of(holder)) as worker:
        worker.listen()
        with pytest.raises(GatewayError, match=r"--listen cannot listen on 127\.0\.0\.1"):
            reserve(address_of(holder), "--listen")


def rules_to(address: str, port: int, live: bool = False) -> Rules:
    there = Destination("svc", address, port)
    away = Destination("other", "127.0.0.1", 1)
    route = Route("routes[0]", ("a.example",), to=away if live else there, live=there)
    return Rules((route,), "switchboard.yml")


@pytest.mark.parametrize(
    ("ours", "address"),
    [
        ("127.0.0.1:80", "127.0.0.1"),
        ("127.0.0.1:80", "::ffff:127.0.0.1"),
        ("127.0.0.1:80", "0.0.0.0"),
        ("0.0.0.0:80", "127.0.0.9"),
        ("[::]:80", "::1"),
        ("[::]:80", "127.0.0.1"),
    ],
)
def test_a_loop_is_refused_in_either_mode(ours: str, address: str) -> None:
    listening = ("the gateway's own address", parse_address(ours, "--listen", EXAMPLE))
    for live in (False, True):
        with pytest.raises(GatewayError, match="the gateway's own address"):
            check_no_loop(rules_to(address, 80, live), [listening])


@pytest.mark.parametrize(
    ("ours", "address", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 81),
        ("127.0.0.1:80", "127.0.0.2", 80),
        ("0.0.0.0:80", "192.0.2.1", 80),
    ],
)
def test_another_server_is_no_loop(ours: str, address: str, port: int) -> None:
    listening = ("the gateway's own address", parse_address(ours, "--listen", EXAMPLE))
    check_no_loop(rules_to(address, port), [listening])
